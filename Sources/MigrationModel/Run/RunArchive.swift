import Diagnostics
import PostgresModel

/// What was kept of the runs on one database, put together again.
public struct RunArchive: Sendable, Hashable {
  /// Newest first.
  public private(set) var runs: [RecordedRun] = []
  public private(set) var audits: [AuditEvent] = []
  /// Of every environment, in the order in which they were kept: what was proven on staging counts
  /// elsewhere. Those without an environment are of this database alone.
  public private(set) var checks: [CheckRecord] = []
  /// Of every database, in the order in which they were kept: one for another database is told from none.
  public private(set) var approvals: [ApprovalRecord] = []
  /// What could not be read, and may have been an approval, a finding, or what takes one back.
  public var gaps: [Diagnostic] = []

  /// What a run was, as far as it was kept.
  public struct RecordedRun: Sendable, Hashable {
    public var start: RunStart
    public var steps: [RecordedStep] = []
    public var backups: [Backup] = []
    public var health: [HealthCheck] = []
    /// `nil`: it runs still, or its end was not kept.
    public var end: RunEnd?
  }

  /// A step with what was kept beside it.
  public struct RecordedStep: Sendable, Hashable {
    public var step: StepRecord
    public var statements: [StatementRecord] = []
    public var attempts: [LockAttemptRecord] = []
  }

  public init() {}

  /// Puts records together; those of one run are in the order in which they were kept.
  ///
  /// - Parameters:
  ///   - identity: Of the database; what was kept of others is left out.
  ///   - layout: And of other history tables; `nil`: of all.
  public init(
    _ records: [RunRecord], of identity: DatabaseIdentity, layout: String? = nil,
    table: String? = nil
  ) {
    var found: [String: RecordedRun] = [:]
    for case .started(let start) in records
    where start.identity.isSame(as: identity) && (layout.map { $0 == start.layout } ?? true)
      && (table.map { $0 == start.table } ?? true)
    {
      found[start.id] = RecordedRun(start: start)
    }
    // What belongs to a step is kept before the step's own end.
    var statements: [String: [StatementRecord]] = [:]
    var attempts: [String: [LockAttemptRecord]] = [:]
    for record in records {
      switch record {
      case .statement(let statement): statements[statement.run, default: []].append(statement)
      case .lockAttempt(let attempt): attempts[attempt.run, default: []].append(attempt)
      case .step(let step):
        let recorded = RecordedStep(
          step: step, statements: statements.removeValue(forKey: step.run) ?? [],
          attempts: attempts.removeValue(forKey: step.run) ?? [])
        // Its end takes the place of its beginning.
        if let last = found[step.run]?.steps.last?.step, last.outcome == .begun,
          last.version == step.version, last.direction == step.direction
        {
          found[step.run]?.steps.removeLast()
        }
        found[step.run]?.steps.append(recorded)
      case .ended(let end): found[end.run]?.end = end
      case .audit(let event, let place): if place.isSame(as: identity) { audits.append(event) }
      case .check(let check, let place):
        // Where no environment was named, the database is all that tells where it was.
        if check.environment != nil || place.isSame(as: identity) { checks.append(check) }
      case .approval(let approval): approvals.append(approval)
      case .backup(let run, _, let backup): found[run]?.backups.append(backup)
      case .health(let run, _, let check): found[run]?.health.append(check)
      case .started: break
      }
    }
    for run in found.keys {
      guard let last = found[run]?.steps.indices.last,
        found[run]?.steps[last].step.outcome == .begun
      else { continue }
      found[run]?.steps[last].statements = statements[run] ?? []
      found[run]?.steps[last].attempts = attempts[run] ?? []
    }
    runs = found.values.sorted { ($0.start.at, $0.start.id) > ($1.start.at, $1.start.id) }
    audits.sort { $0.at > $1.at }
    checks.sort { $0.at < $1.at }
    approvals.sort { $0.at < $1.at }
  }

  /// Adds what was proven and said about migrations elsewhere: on the database on which they are
  /// validated.
  public mutating func add(checks more: [CheckRecord]) {
    let known = Set(checks)
    checks += more.filter { !known.contains($0) }
    checks.sort { $0.at < $1.at }
  }

  /// The newest run, where it ended without the health check that it was to make: it was killed, or runs
  /// still.
  public var unheardOf: RecordedRun? {
    guard let newest = runs.first, newest.end == nil, newest.start.asks.contains("health"),
      newest.health.isEmpty
    else { return nil }
    return newest
  }

  /// The runs in which a migration took part, newest first, each with that step; `nil` for a run that has
  /// not told of its end.
  public func runs(
    of version: Version, _ layout: any Layout
  ) -> [(run: RecordedRun, step: RecordedStep)] {
    let identity = layout.identity(of: version)
    return runs.flatMap { run in
      run.steps.reversed().filter { layout.identity(of: $0.step.version) == identity }
        .map { (run, $0) }
    }
  }
}

/// When, by whom and how fast a migration was applied, as the journal has it.
public struct AppliedRecord: Sendable, Hashable {
  public var at: Instant
  public var by: String
  public var durationMilliseconds: Double?

  public init(at: Instant, by: String, durationMilliseconds: Double?) {
    self.at = at
    self.by = by
    self.durationMilliseconds = durationMilliseconds
  }
}

extension ProjectStatus {
  /// Whether the tool's table does not say when something was applied.
  public var lacksTimes: Bool {
    migrations.contains { $0.state == .applied && $0.row?.appliedAt == nil }
  }

  /// Fills in from the journal when, by whom and how fast, where the tool's table does not say it.
  ///
  /// A migration that was rolled back and came again by other ways stays without.
  public mutating func fillTimes(from archive: RunArchive, _ layout: any Layout) {
    var latest: [String: (run: RunArchive.RecordedRun, step: StepRecord)] = [:]
    for run in archive.runs.reversed() {
      for recorded in run.steps where [.done, .marked].contains(recorded.step.outcome) {
        latest[layout.identity(of: recorded.step.version)] = (run, recorded.step)
      }
    }
    for index in migrations.indices
    where migrations[index].state == .applied && migrations[index].row?.appliedAt == nil {
      guard let found = latest[layout.identity(of: migrations[index].version)],
        found.step.direction == .up
      else { continue }
      let duration = Int64((found.step.durationMilliseconds ?? 0) * 1000)
      migrations[index].record = AppliedRecord(
        at: Instant(microseconds: found.step.startedAt.microseconds + duration),
        by: found.run.start.by, durationMilliseconds: found.step.durationMilliseconds)
    }
  }
}
