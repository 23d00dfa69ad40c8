import Diagnostics
import EventLoop
import MigrationModel
import Postgres
import PostgresModel
import Synchronization

/// The steps of a run, once the locks are held and the plan is known to be fresh.
final class StepRun: Sendable {
  let plan: Plan
  let loaded: LoadedProject
  let connection: Connection
  let runner: Runner
  let report: @Sendable (RunEvent) -> Void
  let journal: RunJournal
  let control: RunControl
  let observer: RunObserver?
  /// What the message that runs has told of its locks.
  let held = Mutex<[HeldLock]>([])
  /// What was asked of the tables that the plan drops.
  private let dropped = Mutex(DroppedTables())

  init(
    plan: Plan, loaded: LoadedProject, connection: Connection, runner: Runner,
    control: RunControl, observer: RunObserver?, report: @escaping @Sendable (RunEvent) -> Void
  ) {
    self.plan = plan
    self.loaded = loaded
    self.connection = connection
    self.runner = runner
    self.report = report
    self.control = control
    self.observer = observer
    journal = RunJournal(layout: plan.layout, table: plan.table)
  }

  /// Runs the steps until one fails.
  func all() async -> Runner.Outcome {
    var applied = 0
    var reverted = 0
    for step in plan.steps {
      if Task.isCancelled {
        return .interrupted(
          .error(
            code: "interrupted", "the run was interrupted before migration \(step.label)",
            next: "run it again; nothing of \(step.version) was \(verb(step))"),
          applied: applied, reverted: reverted)
      }
      if let confirm = runner.options.confirm, await !confirm(step) {
        return .declined(applied: applied, reverted: reverted)
      }
      let began = ContinuousClock.now
      if !step.units.isEmpty {
        report(
          .migrationStarted(version: step.version, name: step.name, direction: step.direction))
      }
      var locks: [HeldLock]?
      do throws(StepFailure) {
        locks = try await run(step)
      } catch {
        if case .declined = error.cause {
          report(
            .migrationDeclined(version: step.version, name: step.name, direction: step.direction))
          return .declined(applied: applied, reverted: reverted)
        }
        let diagnostic = await explain(error, step)
        report(
          .migrationFailed(
            version: step.version, name: step.name, direction: step.direction, diagnostic,
            left: error.left))
        return error.isInterruption
          ? .interrupted(diagnostic, applied: applied, reverted: reverted)
          : .failed(diagnostic, applied: applied, reverted: reverted)
      }
      if step.direction == .up { applied += 1 } else { reverted += 1 }
      if !step.units.isEmpty {
        report(
          .migrationFinished(
            version: step.version, name: step.name, direction: step.direction,
            durationMilliseconds: milliseconds(since: began), locks: locks))
      }
    }
    return .finished(applied: applied, reverted: reverted)
  }

  // MARK: One step

  /// - Returns: The locks it held; `nil` where they are not known.
  func run(_ step: PlanStep) async throws(StepFailure) -> [HeldLock]? {
    if step.units.isEmpty {
      try await mark(step)
      return nil
    }
    switch step.units[0].form {
    case .transaction where step.units.count == 1 && runner.options.pace == .stepping:
      dropped.withLock { $0.expire() }
      return try await stepThrough(step, step.units[0])
    case .transaction where step.units.count == 1, .ownTransaction where step.units.count == 1:
      return try await runInTransaction(step, step.units[0])
    default:
      dropped.withLock { $0.expire() }
      try await runOutside(step)
      return nil
    }
  }

  /// The whole migration and its history row as one message and one transaction: one round trip, and
  /// either both are there or neither.
  ///
  /// - Returns: The locks it held, for at most as long as it took.
  func runInTransaction(
    _ step: PlanStep, _ unit: RunUnit
  ) async throws(StepFailure) -> [HeldLock] {
    await runner.options.lookOn?(connection, unit, nil)
    let record = step.write.record.map { $0 + ";" }.joined()
    let dropped = await tablesDropped(by: step, unit)
    // A script that only makes its own, or drops what stands alone, is not asked: it costs what a small
    // migration cannot spare.
    let question =
      dropped.areAll || unit.touchesOnlyItsOwn
      ? "" : HeldLock.quickQuestion(serverVersion: connection.serverVersion) + ";"
    var message = Message()
    switch unit.form {
    case .ownTransaction(let commit):
      let utf8 = unit.sql.utf8
      let end = utf8.index(utf8.startIndex, offsetBy: commit)
      message.add(script: String(unit.sql[..<end]))
      message.add(question + elapsedOnServer(record))
      message.add(String(unit.sql[end...]) + "\n;")
    default:
      message.add("BEGIN;")
      message.add(script: unit.sql)
      // The line break ends a comment in the last line, the semicolon its last statement.
      message.add("\n;" + question + elapsedOnServer(record) + "COMMIT;")
    }
    message.add(StepRun.resets)
    let whole = message
    let began = ContinuousClock.now
    let (locks, time) = try await underBudget(step) { () async throws(StepFailure) in
      held.withLock { $0 = [] }
      let sent = ContinuousClock.now
      try await sendTransaction(whole, step, unit)
      return (held.withLock { $0 }, milliseconds(since: sent))
    }
    try await afterwards(step, elapsed: "\(nanoseconds(since: began))")
    // Of what is gone only the script tells.
    let gone = dropped.names.map { HeldLock(mode: .accessExclusive, relation: $0) }
    let made = locks.isEmpty ? [] : unit.tablesMade
    return (gone + locks.filter { !made.contains($0.relation.name) }).map {
      HeldLock(mode: $0.mode, relation: $0.relation, milliseconds: time)
    }
  }

  /// The tables that a unit drops, and whether it locks nothing else.
  private func tablesDropped(
    by step: PlanStep, _ unit: RunUnit
  ) async -> (names: [QualifiedName], areAll: Bool) {
    var known = dropped.withLock { $0 }
    defer { dropped.withLock { [known] in $0 = known } }
    guard unit.statements.contains(where: { $0.command == "DROP TABLE" }) else {
      known.expire()
      return ([], false)
    }
    do throws(DatabaseError) {
      let rest = plan.steps.drop { $0.version != step.version || $0.direction != step.direction }
      try await known.ask(about: rest, in: connection)
    } catch {
      // What matters of it, the migration itself will say.
      known.expire()
      return ([], false)
    }
    let answer = (names: known.names(in: unit), areAll: known.areAll(of: unit))
    if !answer.areAll { known.expire() }
    return answer
  }

  /// Writes the history alone. What a run that broke off has left in the journal is settled by it.
  func mark(_ step: PlanStep) async throws(StepFailure) {
    let isUnfinished = loaded.history.unfinished.contains {
      loaded.layout.identity(of: $0.version) == loaded.layout.identity(of: step.version)
    }
    let end = isUnfinished ? journal.end(step.version) : []
    try await send(transaction(step.write.record + end, elapsed: "-1"), step, nil)
  }

  /// Sends a script with its `BEGIN` and `COMMIT`. An error that comes behind the commit, in what puts
  /// the session back, cannot undo it and is none of the migration.
  func sendTransaction(
    _ message: Message, _ step: PlanStep, _ unit: RunUnit
  ) async throws(StepFailure) {
    do throws(StepFailure) {
      try await send(message, step, unit, attempt: .ofTransaction)
    } catch {
      guard error.hasCommitted else { throw error }
    }
  }

  func afterwards(_ step: PlanStep, elapsed: String) async throws(StepFailure) {
    guard !step.write.afterwards.isEmpty else { return }
    try await send(transaction(step.write.afterwards, elapsed: elapsed), step, nil)
  }
}

func nanoseconds(since instant: ContinuousClock.Instant) -> Int64 {
  let parts = instant.duration(to: .now).components
  return parts.seconds * 1_000_000_000 + parts.attoseconds / 1_000_000_000
}
