import Diagnostics
import EventLoop
import MigrationModel
import Postgres
import PostgresModel
import Synchronization

/// The runs on one scratch database.
struct ScratchRun {
  let rehearsal: Rehearsal
  let scratch: ScratchDatabase
  let layout: any Layout
  let table: QualifiedName
  let course: RehearsalCourse
  let report: @Sendable (Rehearsal.Progress) -> Void
  /// Whether the role is a superuser's: what is dropped is written down on the copy, and temporary files are
  /// told of.
  let hasTriggers: Bool

  /// The same files, seen from a root of its own: what runs leave in `.lockstep` belongs to the target.
  private var project: Project {
    var project = rehearsal.project
    project.layout = layout.name
    project.table = table
    project.root = "/nonexistent"
    return project
  }

  static func open(
    _ rehearsal: Rehearsal, _ scratch: ScratchDatabase, _ loaded: LoadedProject,
    _ course: RehearsalCourse,
    report: @escaping @Sendable (Rehearsal.Progress) -> Void
  ) async throws -> (run: ScratchRun, session: Connection) {
    let session = try await Connection.open(
      scratch.target, application: "lockstep rehearse", loop: rehearsal.loop)
    let run = ScratchRun(
      rehearsal: rehearsal, scratch: scratch, layout: loaded.layout, table: loaded.table,
      course: course, report: report, hasTriggers: ScratchTriggers.canInstall(in: session))
    return (run, session)
  }

  /// The same on another copy.
  func on(_ other: ScratchDatabase) -> ScratchRun {
    ScratchRun(
      rehearsal: rehearsal, scratch: other, layout: layout, table: table, course: course,
      report: report, hasTriggers: hasTriggers)
  }

  func all(
    scratch found: RehearsalReport.Scratch, in session: Connection
  ) async throws -> RehearsalReport {
    if let (version, failure) = try await rollBackFirst() {
      return RehearsalReport(
        scratch: found,
        migrations: course.rehearsed.map { status in
          var migration = waiting(status)
          migration.standsInTheWay = version
          migration.error = failure
          return migration
        })
    }
    let pending = course.rehearsed
    let reader = SchemaReader(session, leavingOut: [table])
    let first = try await reader.read()
    var done: [RehearsedMigration] = []
    var before = first
    for (index, status) in pending.enumerated() {
      try Task.checkCancellation()
      let (migration, after) = try await one(status, from: before, reader, in: session)
      done.append(migration)
      report(.seen(migration, isWhole: true))
      // What comes next would stand on something that is neither before nor after.
      guard migration.applies == true, migration.rollBack.runs != false,
        migration.reapplies != false
      else {
        done += pending[(index + 1)...].map { waiting($0) }
        return RehearsalReport(scratch: found, migrations: done)
      }
      before = after
    }
    let batch = pending.count > 1 ? try await batch(pending, first, reader) : nil
    return RehearsalReport(scratch: found, migrations: done, batch: batch)
  }

  /// One whose turn has not come.
  private func waiting(_ status: MigrationStatus) -> RehearsedMigration {
    var migration = RehearsedMigration(status)
    if isApplied(status) { migration.rolledBackFirst = course.rolledBack.map(\.version) }
    return migration
  }

  /// Rolls back on the copy what is applied and to be rehearsed, and what was applied after it.
  ///
  /// - Returns: What could not be rolled back and why; `nil` where all of it was.
  private func rollBackFirst() async throws -> (Version, Diagnostic)? {
    for status in course.rolledBack {
      try Task.checkCancellation()
      report(.running(status.version, name: status.name, "rolling back on the copy"))
      let down = try await run(.only(status.version, .down))
      if let failure = down.failure { return (status.version, failure) }
    }
    return nil
  }

  private func one(
    _ status: MigrationStatus, from before: SchemaSnapshot, _ reader: SchemaReader,
    in session: Connection
  ) async throws -> (RehearsedMigration, SchemaSnapshot) {
    var result = waiting(status)
    func tell(_ words: String) {
      report(.running(status.version, name: status.name, words))
    }
    var probes = rehearsal.probes
    var scene = ScratchScene(
      session: session, migration: status, mode: scratch.mode, before: before, now: before,
      changes: [])
    for index in probes.indices { try await probes[index].before(scene) }
    var rows: RollBackTrial?
    if result.rollBack.hasScript {
      rows = try await RollBackTrial(session, leavingOut: [table])
    }
    tell("up")
    let up = try await watched(again(status), in: session)
    result.durationMilliseconds = up.milliseconds
    result.applies = up.failure == nil
    result.error = up.failure
    result.statements = up.statements
    let applied = try await reader.read()
    result.changes = SchemaDiff(from: before, to: applied).changes
    if up.failure == nil, !probes.isEmpty {
      tell("trying what it promises")
      scene.now = applied
      scene.changes = result.changes
      var trials: [Trial] = []
      for index in probes.indices { trials += try await probes[index].after(scene) }
      result.trials = trials
      report(.seen(result, isWhole: false))
    }
    guard up.failure == nil else { return (result, applied) }
    guard result.rollBack.hasScript else {
      guard rehearsal.contends else { return (result, applied) }
      tell("with others at work")
      let (runs, gap) = try await contendOnCopies(status, result)
      result.contention = runs
      if let gap { result.beyondRehearsal.append(gap) }
      return (result, applied)
    }
    try await rows?.writeAndRollBack(result.changes, try await wayBack(status.version))
    tell("down")
    let down = try await watched(.only(status.version, .down), in: session)
    result.rollBack.runs = down.failure == nil
    result.rollBack.statements = down.statements
    result.error = down.failure
    guard down.failure == nil else { return (result, applied) }
    let back = try await reader.read()
    result.rollBack.differences = SchemaDiff(from: before, to: back).changes
    if let rows {
      let after = try await DataFingerprint.read(session, leavingOut: [table])
      result.rollBack.lostData = rows.losses(after: after)
      result.trials = (result.trials ?? []) + rows.trials(after: after)
    }
    tell("up again")
    let again = try await run(self.again(status))
    // Nobody has stopped it this time.
    result.durationMilliseconds = again.milliseconds ?? result.durationMilliseconds
    let end = try await reader.read()
    let difference = SchemaDiff(from: applied, to: end)
    result.reapplies = again.failure == nil && difference.verdict != .different
    result.error = again.failure
    guard result.verdict == .passed else { return (result, end) }
    return try await tryFurther(result, status, up.units, end, reader, in: session)
  }

  /// Breaks it off, and applies it while others are at work, where that is wanted.
  private func tryFurther(
    _ seen: RehearsedMigration, _ status: MigrationStatus, _ units: [RunUnit],
    _ applied: SchemaSnapshot, _ reader: SchemaReader, in session: Connection
  ) async throws -> (RehearsedMigration, SchemaSnapshot) {
    var result = seen
    guard rehearsal.breaksOff || rehearsal.contends else { return (result, applied) }
    if rehearsal.breaksOff, result.statements.contains(where: { !$0.isTransactional }) {
      report(.running(status.version, name: status.name, "breaking it off"))
      result.brokenOff = try await breakOff(status, units, applied, reader, in: session)
    }
    if rehearsal.contends, result.brokenOff?.contains(where: \.isStuck) != true {
      report(.running(status.version, name: status.name, "with others at work"))
      result.contention = try await contend(status, result)
    }
    return (result, try await reader.read())
  }

  /// Rolls all of them back in reverse, as far as there are ways back.
  private func batch(
    _ pending: [MigrationStatus], _ first: SchemaSnapshot, _ reader: SchemaReader
  ) async throws -> RollBack? {
    guard pending.allSatisfy({ $0.migration?.isReversible == true }) else { return nil }
    for status in pending.reversed() {
      report(.running(status.version, name: status.name, "down, all in reverse"))
      let down = try await run(.only(status.version, .down))
      guard down.failure == nil else { return RollBack(hasScript: true, runs: false) }
    }
    let end = try await reader.read()
    return RollBack(
      hasScript: true, runs: true, differences: SchemaDiff(from: first, to: end).changes)
  }

  // MARK: One run

  struct Outcome {
    var failure: Diagnostic?
    var statements: [RehearsedStatement] = []
    var units: [RunUnit] = []
    /// How long the migration itself took; `nil` where it did not come to its end.
    var milliseconds: Double?
  }

  /// The scripts that roll an applied migration back, as they would be run.
  private func wayBack(_ version: Version) async throws -> [RunUnit] {
    let session = try await openSession()
    let loaded = try await project.load(try await project.readFiles(), from: session)
    let plan = Plan.make(
      .only(version, .down), status: loaded.status, layout: layout,
      context: PlanContext(runBy: "rehearsal", dataLoss: .accepted))
    return plan.steps.flatMap(\.units)
  }

  /// Runs a plan and looks at each of its statements.
  private func watched(_ request: PlanRequest, in session: Connection) async throws -> Outcome {
    guard hasTriggers else { return try await run(request, watchedIn: session) }
    try await ScratchTriggers.install(in: session)
    let outcome = try await run(request, watchedIn: session)
    try await ScratchTriggers.remove(in: session)
    return outcome
  }

  /// Runs a plan with the engine that would run it on the target.
  ///
  /// - Parameters:
  ///   - onlooker: A session with the copy, by which each statement is looked at; `nil` looks at none.
  ///   - budget: For locks; `nil` for that of the rehearsal.
  ///   - lookOn: Told what is about to be sent where nobody can stop it.
  func run(
    _ request: PlanRequest, watchedIn onlooker: Connection? = nil, budget: LockBudget? = nil,
    lookOn: (@Sendable (Connection, RunUnit, Int?) async -> Void)? = nil,
    onEvent: @escaping @Sendable (RunEvent) -> Void = { _ in }
  ) async throws -> Outcome {
    let session = try await openSession(budget, isWatched: onlooker != nil)
    let loaded = try await project.load(try await project.readFiles(), from: session)
    let context = PlanContext(runBy: "rehearsal", dataLoss: .accepted)
    let plan = Plan.make(request, status: loaded.status, layout: layout, context: context)
    var options = rehearsal.options
    options.lockBudget = budget ?? options.lockBudget
    options.lookOn = lookOn
    let collector = try await collector(plan, onlooker)
    let control = RunControl()
    if let collector {
      options.control = control
      options.pace = .stepping
      options.lookOn = { session, unit, statement in
        await collector.beforeSending(in: session, unit, statement)
      }
    }
    let runner = Runner(
      project: project, target: scratch.target, options: options, loop: rehearsal.loop)
    let (report, loop) = (report, rehearsal.loop)
    let time = Mutex<Double?>(nil)
    let outcome = try await runner.run(plan, context: context, in: session) { event in
      collector?.note(event)
      // What nobody would be told elsewhere.
      if case .notice(_, TemporaryFileMessage.severity, _) = event { return }
      report(.event(event))
      onEvent(event)
      if case .migrationFinished(_, _, _, let milliseconds, _) = event {
        time.withLock { $0 = milliseconds }
      }
      guard case .stopped(_, let stop) = event else { return }
      Task(executorPreference: loop) {
        await collector?.look(in: session, before: stop.next)
        control.decide(.next)
      }
    }
    await collector?.finish(session)
    var result = Outcome()
    result.units = plan.steps.flatMap(\.units)
    result.milliseconds = time.withLock { $0 }
    result.statements =
      collector?.statements()
      ?? plan.steps.flatMap { $0.units.flatMap { RehearsedStatement.all(of: $0) } }
    result.failure = try failure(outcome)
    return result
  }

  /// Counters of rows read are whole only where nobody helps in reading.
  ///
  /// - Parameter isWatched: Whether the server is to tell of temporary files, where the role may ask for it.
  private func openSession(
    _ budget: LockBudget? = nil, isWatched: Bool = false
  ) async throws -> Connection {
    var options = rehearsal.options
    options.lockBudget = budget ?? options.lockBudget
    var settings = [
      (name: "max_parallel_workers_per_gather", value: "0"),
      (name: "max_parallel_maintenance_workers", value: "0"),
    ]
    if isWatched, hasTriggers { settings += TemporaryFileMessage.settings }
    return try await Connection.open(
      scratch.target, application: "lockstep rehearse",
      settings: options.sessionSettings + settings, loop: rehearsal.loop)
  }

  private func collector(
    _ plan: Plan, _ onlooker: Connection?
  ) async throws -> EvidenceCollector? {
    guard let onlooker, plan.steps.count == 1, let step = plan.steps.first, !step.units.isEmpty
    else { return nil }
    return EvidenceCollector(
      step, scratch: scratch,
      standing: try await StandingRelations.read(onlooker, leavingOut: [table]),
      facts: SchemaFacts(try await onlooker.rows(SchemaFacts.query)),
      hasTriggers: hasTriggers, onlooker: onlooker)
  }

  private func failure(_ outcome: Runner.Outcome) throws -> Diagnostic? {
    switch outcome {
    case .finished, .declined: return nil
    case .refused(let refusals): return refusals.first
    case .stale:
      return .error(
        code: "stale_plan", "the files changed while they were rehearsed",
        next: "rehearse them again")
    case .busy(let holder):
      return .error(code: "busy", "pid \(holder.pid) is at work in the scratch database")
    case .failed(let diagnostic, _, _): return diagnostic
    case .interrupted(let diagnostic, _, _):
      try Task.checkCancellation()
      return diagnostic
    }
  }
}

extension RehearsedMigration {
  /// One whose turn has not come.
  init(_ status: MigrationStatus) {
    self.init(
      version: status.version, name: status.name, checksum: status.migration?.checksum,
      rollBack: RollBack(hasScript: status.migration?.isReversible == true))
    beyondRehearsal = status.migration?.up.beyondRehearsal ?? []
  }
}

extension RehearsedStatement {
  /// The statements of a script, of which nothing was seen yet.
  static func all(of unit: RunUnit) -> [RehearsedStatement] {
    unit.statements.enumerated().map { index, statement in
      RehearsedStatement(
        index: index,
        line: unit.script.location(ofTextByte: statement.range.lowerBound).line ?? statement.line,
        sql: unit.text(of: index), isTransactional: unit.form.isInTransaction)
    }
  }
}
