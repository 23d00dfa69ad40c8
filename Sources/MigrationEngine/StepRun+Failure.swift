import Diagnostics
import EventLoop
import MigrationModel
import Postgres
import PostgresModel

extension StepRun {
  /// Why a step failed and what it left.
  struct StepFailure: Error {
    enum Cause {
      case database(DatabaseError)
      /// The journal row could not be written, so nothing was begun.
      case journal(DatabaseError)
      case transactionLeftOpen(SourceLocation)
      /// Cancelled between two attempts.
      case interruptedAtRest
      /// Cancelled while it had stopped between two statements.
      case interruptedAtStop
      /// Told to roll back.
      case declined
      /// Its transaction was held open for too long, and kept these waiting.
      case overdue(LockQueue)
    }
    struct Progress {
      var done: Int
      var total: Int
      /// Whether a journal row tells where to go on.
      var isKept: Bool
    }

    var cause: Cause
    var location: SourceLocation?
    var left = RunEvent.StateLeft.nothing
    var progress: Progress?
    var isInterruption = false
    /// Whether the server had confirmed a `COMMIT` of the message before it failed.
    var hasCommitted = false
    /// Why the place in a lock queue was given back; `nil` for any other failure.
    var aside: StepAside?
    /// How many attempts were made.
    var attempts = 1

    init(cause: Cause) { self.cause = cause }
  }

  func verb(_ step: PlanStep) -> String {
    step.direction == .up ? "applied" : "rolled back"
  }

  func explain(_ failure: StepFailure, _ step: PlanStep) async -> Diagnostic {
    let state = stateText(failure, step)
    switch failure.cause {
    case .interruptedAtRest:
      return .error(
        code: "interrupted",
        "migration \(step.label) was interrupted while it rested between two attempts",
        at: failure.location, next: "run it again when it suits; \(state)")
    case .interruptedAtStop:
      return .error(
        code: "interrupted",
        "migration \(step.label) was interrupted where it had stopped, and rolled back",
        at: failure.location, next: "run it again when it suits; \(state)")
    case .overdue(let queue):
      let action = step.direction == .up ? "" : "roll back of "
      return explainOverdue(queue, "\(action)migration \(step.label)", failure, state)
    case .declined:
      return .note(code: "declined", "migration \(step.label) was rolled back", next: state)
    case .transactionLeftOpen(let place):
      return .error(
        code: "transaction_left_open",
        "migration \(step.label) left its transaction open; it was rolled back", at: place,
        next: "end the transaction with COMMIT; \(state)")
    case .journal(let error):
      guard let server = error.serverError else { return error.diagnostic }
      return Diagnostic(
        .error, code: "no_journal",
        "migration \(step.label) cannot run in a transaction, and the row that would mark it as begun"
          + " cannot be written: \(server.message)",
        details: server.details, at: step.units.first?.script.file.path,
        next: server.isInsufficientPrivilege
          ? "as the owner: GRANT CREATE ON DATABASE \(SQLText.identifier(connection.database)) TO"
            + " \(SQLText.identifier(connection.user)); \(state)"
          : state,
        sqlstate: server.sqlstate)
    case .database(let error):
      if case .connectionLost(let reason) = error {
        return await explainLoss(reason, failure, step)
      }
      guard let server = error.serverError else { return error.diagnostic }
      let action = step.direction == .up ? "" : "roll back of "
      if let aside = failure.aside {
        return explain(aside, server, failure, "\(action)migration \(step.label)", state)
      }
      let what =
        failure.isInterruption
        ? "\(action)migration \(step.label) was interrupted and its statement cancelled"
        : "\(action)migration \(step.label) failed: \(server.message)"
      return Diagnostic(
        .error, code: failure.isInterruption ? "interrupted" : code(of: server), what,
        details: server.details, at: failure.location?.description,
        next: next(server, state, failure, step), sqlstate: server.sqlstate)
    }
  }

  func code(of server: ServerError) -> String {
    if server.isLockTimeout { return "lock_timeout" }
    return server.isCancellation ? "statement_timeout" : "sql_error"
  }

  func next(
    _ server: ServerError, _ state: String, _ failure: StepFailure, _ step: PlanStep
  ) -> String {
    if failure.isInterruption { return "run it again when it suits; \(state)" }
    if server.isLockTimeout {
      return "`lockstep locks` shows who holds the table; then run it again; \(state)"
    }
    if failure.left == .partly { return state }
    return "mend the script and run `lockstep \(step.direction.rawValue)` again; \(state)"
  }

  func stateText(_ failure: StepFailure, _ step: PlanStep) -> String {
    guard failure.left == .partly, let progress = failure.progress else {
      return "nothing of \(step.version) was \(verb(step))"
    }
    let resume =
      progress.isKept ? "go on with `lockstep \(step.direction.rawValue) --resume`; or " : ""
    return "\(progress.done) of \(progress.total) statements of \(step.version) stand and it is"
      + " recorded as broken off: \(resume)finish it by hand and `lockstep mark \(step.version)"
      + " applied`, or undo it and `lockstep mark \(step.version) pending`"
  }

  /// What the database says of a step whose session was lost.
  enum Found: Sendable {
    case done, notDone
    /// A mark or a journal row stands: some of it may be there.
    case brokenOff
    /// The server has not noticed the loss and goes on with it.
    case stillRunning
    case noAnswer
    /// The history looks the same either way.
    case untold
  }

  /// After a lost session only the history can tell whether the transaction had committed.
  func explainLoss(
    _ reason: String, _ failure: StepFailure, _ step: PlanStep
  ) async -> Diagnostic {
    let found = await runner.loop.undisturbed { await self.find(step) }
    let done = "\(step.version) was \(verb(step))"
    let state =
      switch found {
      case .done: "the history says that \(done) before the loss"
      case .notDone: "the history says that \(step.version) was not \(verb(step))"
      case .brokenOff:
        "\(failure.progress?.done ?? 0) of \(failure.progress?.total ?? 0) statements of"
          + " \(step.version) were seen to end and it is recorded as broken off"
      case .stillRunning:
        "its session, pid \(connection.processID), is still there, so that whether \(done) is not"
          + " settled; wait for its end"
      case .noAnswer: "whether \(done) is not known: the server does not answer"
      case .untold: "whether \(done) is not told by the history: look for what it makes"
      }
    return .error(
      code: "connection_lost",
      "the connection was lost while migration \(step.label) ran: \(reason)",
      next: "\(state); see `lockstep status`")
  }

  func find(_ step: PlanStep) async -> Found {
    var found = Found.noAnswer
    for pause in [0.1, 0.5, 1.0, 2.0] {
      try? await runner.loop.sleep(for: .seconds(pause))
      guard
        let connection = try? await Connection.open(
          runner.target, application: "lockstep", loop: runner.loop)
      else { continue }
      do {
        found = try await find(step, connection)
      } catch {
        continue
      }
      if case .stillRunning = found { continue }
      return found
    }
    return found
  }

  func find(_ step: PlanStep, _ session: Connection) async throws -> Found {
    let others = Query<Void>(
      "SELECT FROM pg_catalog.pg_stat_activity WHERE pid = $1", ["\(connection.processID)"])
    guard try await session.rows(others).isEmpty else { return .stillRunning }
    let history = try await runner.project.load(
      try await runner.project.readFiles(), from: session
    ).history
    let layout = loaded.layout
    let identity = layout.identity(of: step.version)
    let isUnfinished = history.unfinished.contains { layout.identity(of: $0.version) == identity }
    if isUnfinished || history.rows.contains(where: { $0.outcome == .broken }) {
      return .brokenOff
    }
    let isApplied: Bool
    if layout.rules.history == .currentVersionOnly {
      // One that is applied late leaves the position as it is.
      if step.direction == .up, let before = plan.basis.first?.version,
        layout.isOrderedBefore(step.version, before)
      {
        return .untold
      }
      let current = history.rows.first?.version
      isApplied = current.map { !layout.isOrderedBefore($0, step.version) } ?? false
    } else {
      isApplied = history.rows.contains { layout.identity(of: $0.version) == identity }
    }
    return isApplied == (step.direction == .up) ? .done : .notDone
  }
}
