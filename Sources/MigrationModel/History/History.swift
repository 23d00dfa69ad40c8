import PostgresModel

/// One row of a history table, in the terms every layout shares.
public struct HistoryRow: Sendable, Hashable {
  private var shared: Shared<Fields>

  private struct Fields: Sendable, Hashable {
    var version: Version
    var name: String?
    var appliedAt: Instant?
    var appliedBy: String?
    var checksum: Checksum?
    var durationNanoseconds: Int64?
    var outcome: Outcome
  }

  public enum Outcome: Sendable, Hashable {
    case applied
    /// The run broke off half-way: `dirty = true`, `success = false`, or a journal row of Lockstep.
    case broken
  }

  public init(
    version: Version, name: String? = nil, appliedAt: Instant? = nil, appliedBy: String? = nil,
    checksum: Checksum? = nil, durationNanoseconds: Int64? = nil, outcome: Outcome = .applied
  ) {
    shared = Shared(
      Fields(
        version: version, name: name, appliedAt: appliedAt, appliedBy: appliedBy,
        checksum: checksum, durationNanoseconds: durationNanoseconds, outcome: outcome))
  }

  public var version: Version {
    get { shared.value.version }
    set { shared.value.version = newValue }
  }

  /// `nil` where the table keeps no names.
  public var name: String? {
    get { shared.value.name }
    set { shared.value.name = newValue }
  }

  public var appliedAt: Instant? {
    get { shared.value.appliedAt }
    set { shared.value.appliedAt = newValue }
  }

  public var appliedBy: String? {
    get { shared.value.appliedBy }
    set { shared.value.appliedBy = newValue }
  }

  public var checksum: Checksum? {
    get { shared.value.checksum }
    set { shared.value.checksum = newValue }
  }

  /// As the tool measured it; `nil` where it did not.
  public var durationNanoseconds: Int64? {
    get { shared.value.durationNanoseconds }
    set { shared.value.durationNanoseconds = newValue }
  }

  public var outcome: Outcome {
    get { shared.value.outcome }
    set { shared.value.outcome = newValue }
  }
}

/// What the database says about the past.
public struct History: Sendable, Hashable {
  public var rows: [HistoryRow]
  /// Whether the history table is there; without it nothing counts as applied.
  public var tableExists: Bool
  /// The table's columns: name → type as `format_type` gives it.
  public var tableColumns: [String: String] = [:]
  /// A migration that ran outside a transaction and was not seen to end, from `lockstep.journal`.
  public var unfinished: [UnfinishedRun]
  /// Versions that were in the folder when an earlier run of Lockstep recorded a history position at or
  /// above them; only layouts with a one-row history need it. `nil`: nothing is known.
  public var knownVersions: Set<UInt64>?
  /// Indexes of the database that no query may use, whoever left them.
  public var invalidIndexes: [IndexFact]

  public init(
    rows: [HistoryRow], tableExists: Bool, unfinished: [UnfinishedRun] = [],
    knownVersions: Set<UInt64>? = nil, invalidIndexes: [IndexFact] = []
  ) {
    self.rows = rows
    self.tableExists = tableExists
    self.unfinished = unfinished
    self.knownVersions = knownVersions
    self.invalidIndexes = invalidIndexes
  }

  public static let absent = History(rows: [], tableExists: false)
}

/// A row of `lockstep.journal`: a migration outside a transaction between its first statement and its
/// history row.
public struct UnfinishedRun: Sendable, Hashable {
  public var version: Version
  public var direction: Direction
  /// Statements that have taken effect, counted from the start.
  public var statementsDone: Int
  public var statementsTotal: Int
  public var startedAt: Instant?
  /// Who ran it: user and application name.
  public var runBy: String?
  /// How exactly it was kept; `nil` for a row of an older Lockstep, after which the statement behind the
  /// last one done may or may not have taken effect.
  public var detail: Detail?

  /// What tells a resumed run where to go on.
  public struct Detail: Sendable, Hashable {
    /// SHA-256 of all its statements, in hexadecimal.
    public var scriptHash: String
    /// The statement outside a transaction that was begun and not seen to end; `nil`: the count is exact.
    public var begun: Begun?

    public init(scriptHash: String, begun: Begun? = nil) {
      self.scriptHash = scriptHash
      self.begun = begun
    }
  }

  /// A statement whose effect only the catalogue can tell.
  public struct Begun: Sendable, Hashable {
    /// From 1, over all scripts of the migration.
    public var number: Int
    /// SHA-256 of its text, in hexadecimal.
    public var hash: String
    public var at: Instant?
    /// What the catalogue says of it; `nil` where it was not asked.
    public var answer: EffectAnswer?

    public init(number: Int, hash: String, at: Instant? = nil, answer: EffectAnswer? = nil) {
      self.number = number
      self.hash = hash
      self.at = at
      self.answer = answer
    }
  }

  public init(
    version: Version, direction: Direction, statementsDone: Int, statementsTotal: Int,
    startedAt: Instant? = nil, runBy: String? = nil, detail: Detail? = nil
  ) {
    self.version = version
    self.direction = direction
    self.statementsDone = statementsDone
    self.statementsTotal = statementsTotal
    self.startedAt = startedAt
    self.runBy = runBy
    self.detail = detail
  }
}

public enum Direction: String, Sendable, Hashable {
  case up, down
}
