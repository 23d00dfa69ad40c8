import PostgresModel

/// One thing that is kept of a run, of a check, of an approval, or of what a person did to another's
/// session; a line of the journal.
public enum RunRecord: Sendable, Hashable {
  case started(RunStart)
  case lockAttempt(LockAttemptRecord)
  case statement(StatementRecord)
  case step(StepRecord)
  case ended(RunEnd)
  case audit(AuditEvent, DatabaseIdentity)
  case check(CheckRecord, DatabaseIdentity)
  case approval(ApprovalRecord)
  /// Taken, or tried, before the first step of a run.
  case backup(run: String, at: Instant, Backup)
  /// Asked behind the last step of a run.
  case health(run: String, at: Instant, HealthCheck)

  /// The run that it belongs to; `nil` for what stands outside of runs.
  public var run: String? {
    switch self {
    case .started(let start): start.id
    case .lockAttempt(let attempt): attempt.run
    case .statement(let statement): statement.run
    case .step(let step): step.run
    case .ended(let end): end.run
    case .backup(let run, _, _), .health(let run, _, _): run
    case .audit, .check, .approval: nil
    }
  }
}

/// Tells one database from another across the names by which it is reached.
public struct DatabaseIdentity: Sendable, Hashable {
  public var database: String
  /// Host and port as they were connected to: `db1:5432`, `/run/postgresql:5432`.
  public var server: String
  /// The cluster's own number; `nil` where the role may not see it.
  public var system: String?
  /// The database's own number in its cluster, which one that is made anew under its name does not get;
  /// `nil` in what was kept before it was asked for.
  public var oid: String?

  public init(database: String, server: String, system: String? = nil, oid: String? = nil) {
    self.database = database
    self.server = server
    self.system = system
    self.oid = oid
  }

  /// Whether both are one database: by the cluster's number where both know it, else by place.
  public func isSame(as other: DatabaseIdentity) -> Bool {
    guard database == other.database else { return false }
    if let system, let theirs = other.system { return system == theirs }
    return server == other.server
  }
}

/// What is known when the first step of a run begins.
public struct RunStart: Sendable, Hashable {
  /// Made from time, machine and process; the same in all records of the run.
  public var id: String
  public var at: Instant
  /// Who is recorded where the layout records it.
  public var by: String
  /// The machine on which Lockstep runs.
  public var host: String
  /// Of Lockstep.
  public var version: String
  public var identity: DatabaseIdentity
  public var user: String
  public var environment: String?
  public var layout: String
  public var table: String
  /// What was asked for, in words: `up to 0042`.
  public var request: String
  /// What the environment asks a run to see to: `backup`, `health`.
  public var asks: [String]

  public init(
    id: String, at: Instant, by: String, host: String, version: String,
    identity: DatabaseIdentity, user: String, environment: String?, layout: String, table: String,
    request: String, asks: [String] = []
  ) {
    self.id = id
    self.at = at
    self.by = by
    self.host = host
    self.version = version
    self.identity = identity
    self.user = user
    self.environment = environment
    self.layout = layout
    self.table = table
    self.request = request
    self.asks = asks
  }
}

/// An attempt at a migration that gave up its place in the queue for a lock.
public struct LockAttemptRecord: Sendable, Hashable {
  public var run: String
  public var version: Version
  public var at: Instant
  /// From 1.
  public var attempt: Int
  public var of: Int
  public var waitedMilliseconds: Double
  public var blockers: [Int32]
  /// Why it gave up; `nil` where it was not told.
  public var reason: String?

  public init(
    run: String, version: Version, at: Instant, attempt: Int, of: Int, waitedMilliseconds: Double,
    blockers: [Int32], reason: String? = nil
  ) {
    self.run = run
    self.version = version
    self.at = at
    self.attempt = attempt
    self.of = of
    self.waitedMilliseconds = waitedMilliseconds
    self.blockers = blockers
    self.reason = reason
  }
}

/// A statement that was run on its own.
public struct StatementRecord: Sendable, Hashable {
  public var run: String
  public var version: Version
  /// From 0.
  public var index: Int
  public var line: Int
  public var command: String
  public var rows: Int64?
  public var durationMilliseconds: Double

  public init(
    run: String, version: Version, index: Int, line: Int, command: String, rows: Int64?,
    durationMilliseconds: Double
  ) {
    self.run = run
    self.version = version
    self.index = index
    self.line = line
    self.command = command
    self.rows = rows
    self.durationMilliseconds = durationMilliseconds
  }
}

/// A migration in one direction, when it began and once it has ended.
public struct StepRecord: Sendable, Hashable {
  public var run: String
  public var version: Version
  public var name: String
  public var direction: Direction
  /// SHA-256 of the file that was run, in hexadecimal; `nil` where only the history was written.
  public var checksum: String?
  public var startedAt: Instant
  public var durationMilliseconds: Double?
  public var outcome: Outcome
  public var error: Failure?
  /// `nil`: not known, which is not the same as none.
  public var locks: [KeptLock]?

  public enum Outcome: String, Sendable, Hashable {
    /// It began; what became of it is told by another record, or was not kept.
    case begun
    case done, failed
    /// Rolled back because somebody said so; nothing of it stands.
    case declined
    /// Only the history was written.
    case marked
  }

  /// What went wrong and what it left.
  public struct Failure: Sendable, Hashable {
    public var code: String
    public var message: String
    public var sqlstate: String?
    public var left: RunEvent.StateLeft

    public init(code: String, message: String, sqlstate: String?, left: RunEvent.StateLeft) {
      self.code = code
      self.message = message
      self.sqlstate = sqlstate
      self.left = left
    }
  }

  /// A lock that a migration held on a relation that was there before it.
  public struct KeptLock: Sendable, Hashable {
    /// As PostgreSQL shows it: `ACCESS EXCLUSIVE`.
    public var mode: String
    public var relation: String
    /// At most; `nil` where it was not measured.
    public var heldMilliseconds: Double?

    public init(mode: String, relation: String, heldMilliseconds: Double?) {
      self.mode = mode
      self.relation = relation
      self.heldMilliseconds = heldMilliseconds
    }
  }

  public init(
    run: String, version: Version, name: String, direction: Direction, checksum: String?,
    startedAt: Instant, durationMilliseconds: Double?, outcome: Outcome, error: Failure? = nil,
    locks: [KeptLock]? = nil
  ) {
    self.run = run
    self.version = version
    self.name = name
    self.direction = direction
    self.checksum = checksum
    self.startedAt = startedAt
    self.durationMilliseconds = durationMilliseconds
    self.outcome = outcome
    self.error = error
    self.locks = locks
  }
}

/// How a run ended.
public struct RunEnd: Sendable, Hashable {
  public var run: String
  public var at: Instant
  public var outcome: Outcome
  public var applied: Int
  public var reverted: Int

  public enum Outcome: String, Sendable, Hashable {
    case finished, failed, interrupted, declined
  }

  public init(run: String, at: Instant, outcome: Outcome, applied: Int, reverted: Int) {
    self.run = run
    self.at = at
    self.outcome = outcome
    self.applied = applied
    self.reverted = reverted
  }
}
