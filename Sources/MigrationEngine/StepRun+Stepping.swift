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
    try await send(Message("BEGIN"), step, nil)
    for (index, statement) in unit.statements.enumerated() {
      let place = unit.script.location(ofTextByte: statement.range.lowerBound)
      let line = place.line ?? statement.line
      if isStopping {
        isStopping = try await goesOnStopping(
          .statement(index: index, line: line, command: statement.command), step, unit, place)
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
      _ = try await goesOnStopping(.commit, step, unit, SourceLocation(file: unit.script.file.path))
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

  /// Stops, and waits to be told how to go on.
  ///
  /// - Returns: Whether to stop at the next statement as well.
  private func goesOnStopping(
    _ next: RunStop.Next, _ step: PlanStep, _ unit: RunUnit, _ place: SourceLocation
  ) async throws(StepFailure) -> Bool {
    // Those who wait for what is held meanwhile are looked at.
    let watching = watch(step, .only)
    let decision = await control.decision {
      report(
        .stopped(
          version: step.version, RunStop(next: next, statements: unit.statements.count)))
    }
    _ = watching.end()
    if let decision { report(.resumed(version: step.version, decision)) }
    switch decision {
    case .next: return true
    case .rest: return false
    case .rollBack, nil:
      await cleanUp()
      var failure = StepFailure(cause: decision == nil ? .interruptedAtStop : .declined)
      failure.isInterruption = decision == nil
      failure.location = place
      throw failure
    }
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
