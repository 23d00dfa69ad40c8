import PostgresModel

/// One row of a history table, in the terms every layout shares.
public struct HistoryRow: Sendable, Hashable {
  public var version: Version
  /// `nil` where the table keeps no names.
  public var name: String?
  public var appliedAt: Instant?
  public var appliedBy: String?
  public var checksum: Checksum?
  /// As the tool measured it; `nil` where it did not.
  public var durationNanoseconds: Int64?
  public var outcome: Outcome

  public enum Outcome: Sendable, Hashable {
    case applied
    /// The run broke off half-way: `dirty = true`, `success = false`, or a journal row of Lockstep.
    case broken
  }

  public init(
    version: Version, name: String? = nil, appliedAt: Instant? = nil, appliedBy: String? = nil,
    checksum: Checksum? = nil, durationNanoseconds: Int64? = nil, outcome: Outcome = .applied
  ) {
    self.version = version
    self.name = name
    self.appliedAt = appliedAt
    self.appliedBy = appliedBy
    self.checksum = checksum
    self.durationNanoseconds = durationNanoseconds
    self.outcome = outcome
  }
}

/// What the database says about the past.
public struct History: Sendable, Hashable {
  public var rows: [HistoryRow]
  /// Whether the history table is there; without it nothing counts as applied.
  public var tableExists: Bool
  /// A migration that ran outside a transaction and was not seen to end, from `lockstep.journal`.
  public var unfinished: [UnfinishedRun]
  /// Versions that were in the folder when an earlier run of Lockstep recorded a history position at or
  /// above them; only layouts with a one-row history need it. `nil`: nothing is known.
  public var knownVersions: Set<UInt64>?

  public init(
    rows: [HistoryRow], tableExists: Bool, unfinished: [UnfinishedRun] = [],
    knownVersions: Set<UInt64>? = nil
  ) {
    self.rows = rows
    self.tableExists = tableExists
    self.unfinished = unfinished
    self.knownVersions = knownVersions
  }

  public static let absent = History(rows: [], tableExists: false)
}

/// A row of `lockstep.journal`: a migration outside a transaction between its first statement and its
/// history row.
public struct UnfinishedRun: Sendable, Hashable {
  public var version: Version
  public var direction: Direction
  /// Statements that were seen to end well, counted from the start; the next one may or may not have
  /// taken effect.
  public var statementsDone: Int
  public var statementsTotal: Int
  public var startedAt: Instant?
  /// Who ran it: user and application name.
  public var runBy: String?

  public init(
    version: Version, direction: Direction, statementsDone: Int, statementsTotal: Int,
    startedAt: Instant? = nil, runBy: String? = nil
  ) {
    self.version = version
    self.direction = direction
    self.statementsDone = statementsDone
    self.statementsTotal = statementsTotal
    self.startedAt = startedAt
    self.runBy = runBy
  }
}

public enum Direction: String, Sendable, Hashable {
  case up, down
}
