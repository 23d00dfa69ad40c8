import Diagnostics
import EventLoop
import MigrationModel
import Postgres
import PostgresModel

extension StepRun {
  /// How a message stands under the lock budget.
  enum Attempt: Sendable, Hashable {
    /// What fails is not tried again.
    case only
    /// A whole transaction: it is undone and begun anew.
    case ofTransaction
    /// One statement in no transaction; the session's settings stay for the next attempt.
    case ofStatement
  }

  /// That a place in a lock queue was given back.
  struct StepAside: Sendable {
    var reason: StepAsideReason
    /// How long the lock was waited for in this attempt.
    var waitedMilliseconds: Double
    var blockers: [LockBlocker]
  }

  /// A message of a script that is under way, and whoever looks on.
  struct Watch: Sendable {
    var control: RunControl
    var task: Task<Void, Never>?

    /// Ends the looking on, and tells what it has seen and done.
    func end() -> (reason: StepAsideReason?, queue: (LockQueue, ContinuousClock.Instant)?) {
      task?.cancel()
      return control.end()
    }
  }

  /// Lets the queue be watched while a message is under way.
  func watch(_ step: PlanStep, _ attempt: Attempt) -> Watch {
    let mayStepAside = attempt != .only
    let number = control.begin(connection, step.version, mayStepAside: mayStepAside)
    let pid = connection.processID
    let task = observer.map { observer in
      Task(executorPreference: runner.loop) {
        await observer.watch(number, pid: pid, step.version, mayStepAside: mayStepAside)
      }
    }
    return Watch(control: control, task: task)
  }

  /// Tells whether an error gave a place in the queue back; `nil` for one that is the script's own.
  func stepAside(
    _ error: DatabaseError,
    _ seen: (reason: StepAsideReason?, queue: (LockQueue, ContinuousClock.Instant)?),
    since began: ContinuousClock.Instant
  ) -> StepAside? {
    guard let server = error.serverError else { return nil }
    let reason: StepAsideReason
    if server.isLockTimeout {
      reason = .lockTimeout
    } else if server.isCancellation, let wanted = seen.reason {
      reason = wanted
    } else {
      return nil
    }
    var waited = milliseconds(since: began)
    if let (queue, at) = seen.queue, let then = queue.waitedMilliseconds {
      waited = min(waited, then + milliseconds(since: at))
    } else if server.isLockTimeout, let timeout = runner.options.lockBudget.timeout {
      waited = min(waited, milliseconds(timeout))
    }
    return StepAside(
      reason: reason, waitedMilliseconds: waited, blockers: seen.queue?.0.blockers ?? [])
  }

  /// Runs a part of a script again and again until it has its locks, as the budget allows.
  ///
  /// Between two attempts nothing is held but the advisory lock. Stepping aside by hand does not use up
  /// an attempt.
  ///
  /// - Parameters:
  ///   - body: One attempt; leaves nothing behind where it fails.
  ///   - again: What a further attempt needs first.
  @discardableResult
  func underBudget<Result: Sendable>(
    _ step: PlanStep, _ body: () async throws(StepFailure) -> Result,
    again: () async throws(StepFailure) -> Void = { () async throws(StepFailure) in }
  ) async throws(StepFailure) -> Result {
    let budget = runner.options.lockBudget
    var attempt = 1
    var last = budget.attempts
    while true {
      var failure: StepFailure
      do throws(StepFailure) {
        return try await body()
      } catch {
        failure = error
      }
      guard let aside = failure.aside else { throw failure }
      if aside.reason == .byHand { last += 1 }
      failure.attempts = attempt
      let rest = attempt < last ? budget.rest(after: attempt, random: runner.options.random()) : nil
      if budget.isOn || rest != nil {
        report(
          .lockAttempt(
            version: step.version, attempt: attempt, of: last,
            waitedMilliseconds: aside.waitedMilliseconds, blockers: aside.blockers.map(\.pid),
            reason: aside.reason, restMilliseconds: rest.map(milliseconds)))
      }
      guard let rest else {
        await cleanUp()
        throw failure
      }
      do throws(CancellationError) {
        try await runner.loop.sleep(for: rest)
      } catch {
        await cleanUp()
        failure.cause = .interruptedAtRest
        failure.isInterruption = true
        throw failure
      }
      try await again()
      attempt += 1
    }
  }

  // MARK: What waits without a limit

  /// Lets statements that keep nobody waiting wait as long as it takes: one that gives up half-way
  /// leaves an invalid index or a partition half detached.
  ///
  /// A time-out that the script has set for itself stays.
  ///
  /// - Returns: Whether the session's time-out is off now and has to be put back.
  func liftLockTimeout(
    _ statements: [Statement], _ step: PlanStep
  ) async throws(StepFailure) -> Bool {
    guard statements.contains(where: \.isConcurrent) else { return false }
    let query = Query<Void>(
      """
      SELECT pg_catalog.set_config('lock_timeout', '0', false) FROM pg_catalog.pg_settings
      WHERE name = 'lock_timeout' AND setting <> '0' AND source <> 'session'
      """)
    do throws(DatabaseError) {
      let found: [Void] = try await connection.rows(query)
      return !found.isEmpty
    } catch {
      throw StepFailure(cause: .database(error))
    }
  }

  /// Puts the session's own time-out back.
  func restoreLockTimeout(_ step: PlanStep) async throws(StepFailure) {
    try await send(Message("RESET lock_timeout"), step, nil)
  }

  // MARK: Telling

  /// Explains why the last attempt was given up, and who stood in the way.
  func explain(
    _ aside: StepAside, _ server: ServerError, _ failure: StepFailure, _ subject: String,
    _ state: String
  ) -> Diagnostic {
    let budget = runner.options.lockBudget
    let why =
      switch aside.reason {
      case .lockTimeout:
        server.isLockTimeout ? server.message : "its lock was not had in time"
      case .victims:
        "more than \(budget.victims ?? 0) sessions queued up behind it"
      case .oldestVictim:
        "a session had waited longer than"
          + " \(budget.oldestVictim.map { Int(milliseconds($0)) } ?? 0) ms behind it"
      case .byHand: "it was told to step aside"
      }
    let tries = failure.attempts > 1 ? "gave up after \(failure.attempts) attempts" : "failed"
    let holders = aside.blockers.prefix(5).map { Diagnostic.Detail("held by", $0.words) }
    let advice =
      aside.blockers.isEmpty
      ? "`lockstep locks` shows who holds the table; then run it again"
      : "wait until that is over, or end it, and run it again"
    return Diagnostic(
      .error, code: "lock_timeout", "\(subject) \(tries): \(why)",
      details: server.details + holders, at: failure.location?.description,
      next: "\(advice); \(state)", sqlstate: server.isLockTimeout ? server.sqlstate : nil)
  }
}

extension Statement {
  /// Whether it leaves nothing behind where it fails on its own; what runs in it may commit otherwise,
  /// and a `CONCURRENTLY` form leaves what it has begun.
  var isOneTransaction: Bool { !["DO", "CALL"].contains(command) && !isConcurrent }
}

func milliseconds(_ duration: Duration) -> Double {
  let parts = duration.components
  return Double(parts.seconds) * 1000 + Double(parts.attoseconds) / 1e15
}
