import Diagnostics
import PostgresModel

/// What was seen when pending migrations were run on a scratch copy.
public struct RehearsalReport: Sendable, Hashable {
  /// Where it was rehearsed, and what that can prove.
  public var scratch: Scratch
  /// In the order in which they were run.
  public var migrations: [RehearsedMigration]
  /// All of them rolled back in reverse at the end; `nil` where that was not tried.
  public var batch: RollBack?

  /// A database that was made for the rehearsal and is gone.
  public struct Scratch: Sendable, Hashable {
    public var name: String
    public var mode: Mode
    public var serverVersion: String
    /// How many rows were copied, in words; `nil` where that was not chosen.
    public var sample: String?
    /// Why it is this mode and no stronger one, where something stood in the way.
    public var notes: [String]

    public init(
      name: String, mode: Mode, serverVersion: String, sample: String? = nil, notes: [String] = []
    ) {
      self.name = name
      self.mode = mode
      self.serverVersion = serverVersion
      self.sample = sample
      self.notes = notes
    }
  }

  public init(scratch: Scratch, migrations: [RehearsedMigration], batch: RollBack? = nil) {
    self.scratch = scratch
    self.migrations = migrations
    self.batch = batch
  }

  /// Whether every migration ran, and every way back that there is led back.
  public var hasPassed: Bool {
    migrations.allSatisfy { $0.verdict == .passed || $0.verdict == .noWayBack }
      && batch?.hasFailed != true
  }
}

/// One migration of a rehearsal: up, down, and up again.
public struct RehearsedMigration: Sendable, Hashable {
  public var version: Version
  public var name: String
  public var checksum: Checksum?
  /// Whether it could be applied; `nil` where its turn never came.
  public var applies: Bool?
  public var durationMilliseconds: Double?
  public var statements: [RehearsedStatement]
  /// What applying did to the schema.
  public var changes: [SchemaDiff.Change]
  public var rollBack: RollBack
  /// Whether it could be applied again after that, with the same result; `nil` where it was not tried.
  public var reapplies: Bool?
  /// Why it failed.
  public var error: Diagnostic?
  /// What was tried on the copy once it was applied, and with rolling it back; `nil` where nothing was.
  public var trials: [Trial]?
  /// What came of it where others were at work; `nil` where that was not tried, or nothing is locked.
  public var contention: [ContentionRun]?
  /// What came of ending its session; `nil` where that was not tried.
  public var brokenOff: [BrokenOffTrial]?
  /// Statements of which a copy does not prove all, in words.
  public var beyondRehearsal: [String] = []
  /// What was rolled back on the copy before, in that order, since it is applied; none where it is pending.
  public var rolledBackFirst: [Version] = []
  /// What of that could not be rolled back, so that its turn never came; `error` says why.
  public var standsInTheWay: Version?

  public init(
    version: Version, name: String, checksum: Checksum? = nil, applies: Bool? = nil,
    durationMilliseconds: Double? = nil, statements: [RehearsedStatement] = [],
    changes: [SchemaDiff.Change] = [], rollBack: RollBack, reapplies: Bool? = nil,
    error: Diagnostic? = nil
  ) {
    self.version = version
    self.name = name
    self.checksum = checksum
    self.applies = applies
    self.durationMilliseconds = durationMilliseconds
    self.statements = statements
    self.changes = changes
    self.rollBack = rollBack
    self.reapplies = reapplies
    self.error = error
  }

  public enum Verdict: String, Sendable, Hashable {
    case passed
    /// It applies, and nothing leads back.
    case noWayBack = "no_way_back"
    case failed
    /// One before it failed, or could not be rolled back on the copy first.
    case notRun = "not_run"
  }

  public var verdict: Verdict {
    guard let applies else { return .notRun }
    if !applies || rollBack.hasFailed || reapplies == false { return .failed }
    if brokenOff?.contains(where: \.hasFailed) == true { return .failed }
    return rollBack.hasScript ? .passed : .noWayBack
  }
}

/// A statement as it was run.
public struct RehearsedStatement: Sendable, Hashable {
  /// From 0.
  public var index: Int
  /// Of the file, from 1.
  public var line: Int
  public var sql: String
  public var isTransactional: Bool
  /// What it was seen to do; `nil` where it was not looked at.
  public var evidence: StatementEvidence?
  /// Where that disagrees with what was concluded from its text; a line each.
  public var forecastDiffers: [String]

  public init(
    index: Int, line: Int, sql: String, isTransactional: Bool,
    evidence: StatementEvidence? = nil, forecastDiffers: [String] = []
  ) {
    self.index = index
    self.line = line
    self.sql = sql
    self.isTransactional = isTransactional
    self.evidence = evidence
    self.forecastDiffers = forecastDiffers
  }

  /// `nil` where it was not looked at.
  public var durationMilliseconds: Double? { evidence?.durationMilliseconds }
  public var rows: Int64? { evidence?.rows }
}

/// What was seen of the way back.
public struct RollBack: Sendable, Hashable {
  public var hasScript: Bool
  /// `nil` where it was not tried.
  public var runs: Bool?
  /// What is not as it was before; `nil` where it was not tried.
  public var differences: [SchemaDiff.Change]?
  /// What of the rows it takes away for good; `nil` where there was nothing to lose, or nobody looked.
  public var lostData: [DataLoss]?
  /// Its statements with what they were seen to do; none where it was not tried.
  public var statements: [RehearsedStatement]

  public init(
    hasScript: Bool, runs: Bool? = nil, differences: [SchemaDiff.Change]? = nil,
    lostData: [DataLoss]? = nil, statements: [RehearsedStatement] = []
  ) {
    self.statements = statements
    self.hasScript = hasScript
    self.runs = runs
    self.differences = differences
    self.lostData = lostData
  }

  /// What a way back comes to.
  public enum Verdict: String, Sendable, Hashable {
    /// Schema and rows are as before.
    case exact
    /// The schema differs only in what no statement of a client can tell.
    case equivalent
    /// The schema is as before, and rows or values are lost.
    case lossy
    /// The schema is not as before.
    case incomplete
    case fails
    case noScript = "no_script"
    case notTried = "not_tried"
  }

  public var verdict: Verdict {
    guard hasScript else { return .noScript }
    guard let runs else { return .notTried }
    guard runs else { return .fails }
    guard let differences else { return .notTried }
    if restoresSchema == false { return .incomplete }
    if losesData == true { return .lossy }
    return differences.isEmpty ? .exact : .equivalent
  }

  /// `nil` where it is not known.
  public var losesData: Bool? { lostData.map { !$0.isEmpty } }

  /// Whether no statement of a client can tell the schema from what it was; `nil` where it was not tried.
  public var restoresSchema: Bool? { differences?.allSatisfy(\.isBenign) }

  public var hasFailed: Bool { runs == false || restoresSchema == false }
}
