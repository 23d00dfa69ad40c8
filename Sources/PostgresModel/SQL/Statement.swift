/// One statement of a script, as far as it can be told without the server.
public struct Statement: Sendable, Hashable {
  /// UTF-8 offsets in the script: from the first token up to, not including, the semicolon.
  /// Comments before the first token do not belong to it.
  public var range: Range<Int>
  /// 1-based line of the first token in the script.
  public var line: Int
  /// The leading words that name the command, upper case: `CREATE INDEX`, `ALTER TABLE`, `INSERT`.
  public var command: String
  public var role: Role

  /// What a statement means for the way a script can be run.
  public enum Role: Sendable, Hashable {
    /// `BEGIN`, `START TRANSACTION`.
    case begin
    /// `COMMIT`, `END`; also `COMMIT AND CHAIN`.
    case commit
    /// `ROLLBACK`, `ABORT` of the whole transaction; not `ROLLBACK TO`.
    case rollback
    /// `PREPARE TRANSACTION`, `COMMIT PREPARED`, `ROLLBACK PREPARED`.
    case twoPhase
    /// Refused by the server inside a transaction block; the words that make it so:
    /// `CREATE INDEX CONCURRENTLY`, `VACUUM`.
    case notInTransaction(String)
    /// May run in a transaction, but its effect cannot be used before the transaction commits:
    /// `ALTER TYPE … ADD VALUE`.
    case visibleAfterCommit
    /// Changes a setting of the session that outlives the statement: `SET` (not `SET LOCAL`),
    /// `RESET`, `DISCARD`, `SELECT set_config(…, false)`.
    case sessionSetting
    /// `COPY … FROM STDIN`: wants data that no migration file can give over this protocol.
    case copyFromStandardInput
    /// A backslash command of psql: `\i`, `\copy`, `\set`.
    case psqlCommand(String)
    case ordinary
  }

  public init(range: Range<Int>, line: Int, command: String, role: Role) {
    self.range = range
    self.line = line
    self.command = command
    self.role = role
  }

  /// Whether it waits for other transactions without keeping new ones from their work: the
  /// `CONCURRENTLY` forms of indexes and partitions.
  public var isConcurrent: Bool {
    guard case .notInTransaction(let words) = role else { return false }
    return words.hasSuffix("CONCURRENTLY")
  }
}
