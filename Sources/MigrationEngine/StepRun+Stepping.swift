import Diagnostics
import EventLoop
import MigrationModel
import Postgres
import PostgresModel

extension StepRun {
  /// Runs a migration statement by statement within its transaction, and stops before each and before
  /// the commit until it is told how to go on.
  ///
  /// - Returns: The locks it held, and for how long.
  func stepThrough(
    _ step: PlanStep, _ unit: RunUnit
  ) async throws(StepFailure) -> [HeldLock] {
    let (locks, elapsed) = try await underBudget(step) { () async throws(StepFailure) in
      try await stepOnce(step, unit)
    }
    try await afterwards(step, elapsed: "\(elapsed)")
    return locks
  }

  /// One attempt; what fails or is declined leaves nothing behind.
  private func stepOnce(
    _ step: PlanStep, _ unit: RunUnit
  ) async throws(StepFailure) -> (locks: [HeldLock], elapsed: Int64) {
    var isStopping = true
    var elapsed: Int64 = 0
    var probe = CatalogProbe(session: connection, onlooker: observer?.monitor)
    let opened = ContinuousClock.now
    try await send(Message("BEGIN"), step, nil)
    // Each attempt has a transaction of its own, and so the whole of the limit.
    let clock = limit(step)
    defer { clock?.cancel() }
    for (index, statement) in unit.statements.enumerated() {
      let place = unit.script.location(ofTextByte: statement.range.lowerBound)
      let line = place.line ?? statement.line
      if isStopping {
        isStopping = try await goesOnStopping(
          .statement(index: index, line: line, command: statement.command), step, unit, place,
          since: opened)
        // Nobody is waited for any more.
        if !isStopping { clock?.cancel() }
      }
      var message = Message()
      message.add(script: unit.text(of: index), at: statement.range.lowerBound)
      let began = ContinuousClock.now
      let results = try await send(
        message, step, unit, statement: index, attempt: .ofTransaction)
      elapsed += nanoseconds(since: began)
      let time = milliseconds(since: began)
      let found = try await look(&probe, after: statement, step)
      report(
        .statementFinished(
          version: step.version, index: index, line: line,
          command: results.last?.tag ?? statement.command, rows: results.last?.rows,
          durationMilliseconds: time, locks: found?.locks, changes: found?.changes))
    }
    if isStopping {
      _ = try await goesOnStopping(
        .commit, step, unit, SourceLocation(file: unit.script.file.path), since: opened)
      clock?.cancel()
    }
    let record = step.write.record.map { substituting("\(elapsed)", in: $0) + ";" }.joined()
    do throws(StepFailure) {
      try await send(Message(record + "COMMIT"), step, nil)
    } catch {
      var failure = error
      failure.location = SourceLocation(file: unit.script.file.path)
      throw failure
    }
    let locks = probe.held
    // It is committed: nothing that comes now can undo it.
    await cleanUp()
    return (locks, elapsed)
  }

  /// Lets the transaction be ended when its time is over; `nil` where there is no limit.
  private func limit(_ step: PlanStep) -> Task<Void, Never>? {
    control.beginStepping()
    guard let limit = runner.options.stepLimit else { return nil }
    let (loop, control) = (runner.loop, control)
    return Task(executorPreference: loop) {
      guard (try? await loop.sleep(for: limit)) != nil, !Task.isCancelled else { return }
      control.endStepping()
    }
  }

  /// Stops, and waits to be told how to go on.
  ///
  /// - Parameter opened: When the transaction began.
  /// - Returns: Whether to stop at the next statement as well.
  private func goesOnStopping(
    _ next: RunStop.Next, _ step: PlanStep, _ unit: RunUnit, _ place: SourceLocation,
    since opened: ContinuousClock.Instant
  ) async throws(StepFailure) -> Bool {
    // Those who wait for what is held meanwhile are looked at.
    let watching = watch(step, .only)
    var answer = await control.decision {
      let stop = RunStop(
        next: next, statements: unit.statements.count,
        openMilliseconds: milliseconds(since: opened),
        limitMilliseconds: runner.options.stepLimit.map { milliseconds($0) })
      report(.stopped(version: step.version, stop))
    }
    let seen = watching.end().queue?.0
    // Told in the last moment, it would be undone all the same.
    if case .told(.next) = answer, control.isOverdue { answer = .overdue }
    if case .told(.rest) = answer, control.isOverdue { answer = .overdue }
    if case .told(let decision) = answer {
      report(.resumed(version: step.version, decision))
    }
    var failure: StepFailure
    switch answer {
    case .told(.next): return true
    case .told(.rest): return false
    case .told(.rollBack): failure = StepFailure(cause: .declined)
    case .cancelled:
      failure = StepFailure(cause: .interruptedAtStop)
      failure.isInterruption = true
    case .overdue: failure = StepFailure(cause: .overdue(seen ?? LockQueue()))
    }
    await cleanUp()
    failure.location = place
    throw failure
  }

  /// Explains that a transaction was open for too long.
  func explainOverdue(
    _ queue: LockQueue, _ subject: String, _ failure: StepFailure, _ state: String
  ) -> Diagnostic {
    let limit = Int(runner.options.stepLimit.map { milliseconds($0) } ?? 0)
    let words = limit % 1000 == 0 ? "\(limit / 1000) s" : "\(limit) ms"
    return Diagnostic(
      .error, code: "step_limit",
      "\(subject) was ended: stepping held its transaction open for longer than"
        + " \(words)",
      details: queue.waiting.prefix(5).map { .init("kept waiting", $0.words) },
      at: failure.location?.description,
      next: "step through it again and decide sooner, or with a longer step limit; \(state)")
  }

  /// Looks at what a statement has done; a look that fails is undone and costs only its answer.
  private func look(
    _ probe: inout CatalogProbe, after statement: Statement, _ step: PlanStep
  ) async throws(StepFailure) -> CatalogProbe.Found? {
    // The isolation level can only be set before anything is asked.
    guard statement.command != "SET", statement.role != .sessionSetting else { return nil }
    do throws(DatabaseError) {
      return try await probe.look()
    } catch {
      guard error.serverError != nil else {
        await cleanUp()
        throw StepFailure(cause: .database(error))
      }
      return nil
    }
  }
}
