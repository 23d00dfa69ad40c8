import Diagnostics
import EventLoop
import MigrationModel
import Postgres
import PostgresModel

/// Runs pending migrations on a scratch copy: up, down and up again, and compares the schema each time.
///
/// The target is only read.
public struct Rehearsal: Sendable {
  public var project: Project
  public var target: ConnectionString
  public var options: Runner.Options
  public var loop: EventLoop
  /// What is tried on the copy around each migration.
  public var probes: [any ScratchProbe] = []

  /// What is being done, for whoever waits.
  public enum Progress: Sendable, Hashable {
    case copying
    case copied(RehearsalReport.Scratch)
    case running(Version, name: String, String)
    case event(RunEvent)
  }

  /// - Parameter options: Time-outs of the runs; nothing is asked and no file is written.
  public init(
    project: Project, target: ConnectionString, options: Runner.Options = Runner.Options(),
    loop: EventLoop
  ) {
    self.project = project
    self.target = target
    self.options = options
    self.options.schemaFile = nil
    self.options.confirm = nil
    self.loop = loop
  }

  /// Rehearses everything that is pending, up to the last of the versions that are named.
  ///
  /// The scratch database is gone afterwards, however this ends.
  ///
  /// - Parameter versions: Those to be told of; none: all.
  /// - Throws: `DatabaseError`, `DirectoryReader.Failure`, `Refusal`; a migration that fails is a part
  ///   of the report and never thrown.
  public func run(
    _ versions: [Version] = [], report: @escaping @Sendable (Progress) -> Void
  ) async throws -> RehearsalReport {
    let loaded = try await load(target)
    let pending = try pending(loaded, versions)
    guard !pending.isEmpty else { throw Refusal(Rehearsal.nothingPending) }
    report(.copying)
    let scratch = try await ScratchDatabase.make(
      of: target, history: loaded.history.tableExists ? loaded.table : nil, loop: loop)
    do {
      let found = RehearsalReport.Scratch(
        name: scratch.name, mode: scratch.mode, serverVersion: scratch.serverVersion)
      report(.copied(found))
      let run = ScratchRun(
        rehearsal: self, scratch: scratch, layout: loaded.layout, table: loaded.table,
        report: report)
      let result = try await run.all(pending, scratch: found)
      await loop.undisturbed { await scratch.drop() }
      return result
    } catch {
      await loop.undisturbed { await scratch.drop() }
      throw error
    }
  }

  /// Says that there is nothing to rehearse.
  public static let nothingPending = Diagnostic.note(
    code: "nothing_pending", "nothing is pending", next: "`lockstep status` shows what is applied")

  private func load(_ place: ConnectionString) async throws -> LoadedProject {
    let session = try await Connection.open(
      place, application: "lockstep rehearse", settings: [("default_transaction_read_only", "on")],
      loop: loop)
    return try await project.load(try await project.readFiles(), from: session)
  }

  private func pending(
    _ loaded: LoadedProject, _ versions: [Version]
  ) throws(Refusal) -> [MigrationStatus] {
    let plan = Plan.make(
      .up(to: nil, count: nil, allowOutOfOrder: true), status: loaded.status,
      layout: loaded.layout, context: PlanContext(dataLoss: .accepted))
    if let refusal = plan.refusals.first { throw Refusal(refusal) }
    let pending = loaded.status.migrations.filter { $0.state == .pending }
    guard !versions.isEmpty else { return pending }
    let wanted = Set(versions.map { loaded.layout.identity(of: $0) })
    func isWanted(_ status: MigrationStatus) -> Bool {
      wanted.contains(loaded.layout.identity(of: status.version))
    }
    for version in versions
    where !pending.contains(where: {
      loaded.layout.identity(of: $0.version) == loaded.layout.identity(of: version)
    }) {
      let known = loaded.status.migrations.contains {
        loaded.layout.identity(of: $0.version) == loaded.layout.identity(of: version)
      }
      throw Refusal(
        .error(
          code: known ? "already_applied" : "unknown_version",
          known ? "\(version) is not pending" : "there is no migration with the version \(version)",
          next: "rehearse what `lockstep status` shows as pending; nothing was run"))
    }
    let last = pending.lastIndex(where: isWanted) ?? pending.endIndex - 1
    return Array(pending[...last])
  }
}

/// The runs on one scratch database.
private struct ScratchRun {
  let rehearsal: Rehearsal
  let scratch: ScratchDatabase
  let layout: any Layout
  let table: QualifiedName
  let report: @Sendable (Rehearsal.Progress) -> Void

  /// The same files, seen from a root of its own: what runs leave in `.lockstep` belongs to the target.
  private var project: Project {
    var project = rehearsal.project
    project.layout = layout.name
    project.table = table
    project.root = "/nonexistent"
    return project
  }

  func all(
    _ pending: [MigrationStatus], scratch found: RehearsalReport.Scratch
  ) async throws -> RehearsalReport {
    let reading = try await Connection.open(
      scratch.target, application: "lockstep rehearse", loop: rehearsal.loop)
    let reader = SchemaReader(reading, leavingOut: [table])
    let first = try await reader.read()
    var done: [RehearsedMigration] = []
    var before = first
    for (index, status) in pending.enumerated() {
      try Task.checkCancellation()
      let (migration, after) = try await one(status, from: before, reader, in: reading)
      done.append(migration)
      // What comes next would stand on something that is neither before nor after.
      guard migration.applies == true, migration.rollBack.runs != false,
        migration.reapplies != false
      else {
        done += pending[(index + 1)...].map { RehearsedMigration($0) }
        return RehearsalReport(scratch: found, migrations: done)
      }
      before = after
    }
    let batch = pending.count > 1 ? try await batch(pending, first, reader) : nil
    return RehearsalReport(scratch: found, migrations: done, batch: batch)
  }

  private func one(
    _ status: MigrationStatus, from before: SchemaSnapshot, _ reader: SchemaReader,
    in reading: Connection
  ) async throws -> (RehearsedMigration, SchemaSnapshot) {
    var result = RehearsedMigration(status)
    func tell(_ words: String) {
      report(.running(status.version, name: status.name, words))
    }
    var probes = rehearsal.probes
    var scene = ScratchScene(
      session: reading, migration: status, mode: scratch.mode, before: before, now: before,
      changes: [])
    for index in probes.indices { try await probes[index].before(scene) }
    tell("up")
    let began = ContinuousClock.now
    let up = try await run(.up(to: status.version, count: 1, allowOutOfOrder: true))
    result.durationMilliseconds = milliseconds(since: began)
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
    }
    guard up.failure == nil, result.rollBack.hasScript else { return (result, applied) }
    tell("down")
    let down = try await run(.only(status.version, .down))
    result.rollBack.runs = down.failure == nil
    result.error = down.failure
    guard down.failure == nil else { return (result, applied) }
    let back = try await reader.read()
    result.rollBack.differences = SchemaDiff(from: before, to: back).changes
    tell("up again")
    let again = try await run(.up(to: status.version, count: 1, allowOutOfOrder: true))
    let end = try await reader.read()
    let difference = SchemaDiff(from: applied, to: end)
    result.reapplies = again.failure == nil && difference.verdict != .different
    result.error = again.failure
    return (result, end)
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

  private struct Outcome {
    var failure: Diagnostic?
    var statements: [RehearsedStatement] = []
  }

  private func run(_ request: PlanRequest) async throws -> Outcome {
    let session = try await Connection.open(
      scratch.target, application: "lockstep rehearse", settings: rehearsal.options.sessionSettings,
      loop: rehearsal.loop)
    let loaded = try await project.load(try await project.readFiles(), from: session)
    let context = PlanContext(runBy: "rehearsal", dataLoss: .accepted)
    let plan = Plan.make(request, status: loaded.status, layout: layout, context: context)
    let runner = Runner(
      project: project, target: scratch.target, options: rehearsal.options, loop: rehearsal.loop)
    let report = report
    let outcome = try await runner.run(plan, context: context, in: session) { event in
      report(.event(event))
    }
    var result = Outcome()
    result.statements = plan.steps.flatMap { step in
      step.units.flatMap { RehearsedStatement.all(of: $0) }
    }
    switch outcome {
    case .finished: break
    case .refused(let refusals): result.failure = refusals.first
    case .stale:
      result.failure = .error(
        code: "stale_plan", "the files changed while they were rehearsed",
        next: "rehearse them again")
    case .busy(let holder):
      result.failure = .error(code: "busy", "pid \(holder.pid) is at work in the scratch database")
    case .failed(let diagnostic, _, _): result.failure = diagnostic
    case .interrupted(let diagnostic, _, _):
      try Task.checkCancellation()
      result.failure = diagnostic
    case .declined: break
    }
    return result
  }
}

extension RehearsedMigration {
  /// One whose turn has not come.
  fileprivate init(_ status: MigrationStatus) {
    self.init(
      version: status.version, name: status.name, checksum: status.migration?.checksum,
      rollBack: RollBack(hasScript: status.migration?.isReversible == true))
  }
}

extension RehearsedStatement {
  fileprivate static func all(of unit: RunUnit) -> [RehearsedStatement] {
    unit.statements.enumerated().map { index, statement in
      let utf8 = unit.sql.utf8
      let start = utf8.index(utf8.startIndex, offsetBy: statement.range.lowerBound)
      let end = utf8.index(utf8.startIndex, offsetBy: statement.range.upperBound)
      return RehearsedStatement(
        index: index,
        line: unit.script.location(ofTextByte: statement.range.lowerBound).line ?? statement.line,
        sql: String(unit.sql[start..<end]), isTransactional: unit.form.isInTransaction)
    }
  }
}
