import Diagnostics
import EventLoop
import MigrationModel
import Postgres
import PostgresModel
import Synchronization

/// The steps of a run, once the locks are held and the plan is known to be fresh.
final class StepRun: Sendable {
  private let plan: Plan
  private let loaded: LoadedProject
  private let connection: Connection
  private let runner: Runner
  private let report: @Sendable (RunEvent) -> Void
  private let journal: RunJournal

  init(
    plan: Plan, loaded: LoadedProject, connection: Connection, runner: Runner,
    report: @escaping @Sendable (RunEvent) -> Void
  ) {
    self.plan = plan
    self.loaded = loaded
    self.connection = connection
    self.runner = runner
    self.report = report
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
      do throws(StepFailure) {
        try await run(step)
      } catch {
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
            durationMilliseconds: milliseconds(since: began)))
      }
    }
    return .finished(applied: applied, reverted: reverted)
  }

  // MARK: One step

  private func run(_ step: PlanStep) async throws(StepFailure) {
    switch step.units.count {
    case 0: try await mark(step)
    case 1:
      switch step.units[0].form {
      case .transaction, .ownTransaction: try await runInTransaction(step, step.units[0])
      case .outside, .statementByStatement: try await runOutside(step)
      }
    default: try await runOutside(step)
    }
  }

  /// The whole migration and its history row as one message and one transaction: one round trip, and
  /// either both are there or neither.
  private func runInTransaction(_ step: PlanStep, _ unit: RunUnit) async throws(StepFailure) {
    let record = step.write.record.map { $0 + ";" }.joined()
    var message = Message()
    switch unit.form {
    case .ownTransaction(let commit):
      let utf8 = unit.sql.utf8
      let end = utf8.index(utf8.startIndex, offsetBy: commit)
      message.add(script: String(unit.sql[..<end]))
      message.add(elapsedOnServer(record))
      message.add(String(unit.sql[end...]) + "\n;")
    default:
      message.add("BEGIN;")
      message.add(script: unit.sql)
      // The line break ends a comment in the last line, the semicolon its last statement.
      message.add("\n;" + elapsedOnServer(record) + "COMMIT;")
    }
    message.add(StepRun.resets)
    let began = ContinuousClock.now
    try await sendTransaction(message, step, unit)
    try await afterwards(step, elapsed: "\(nanoseconds(since: began))")
  }

  /// Writes the history alone. What a run that broke off has left in the journal is settled by it.
  private func mark(_ step: PlanStep) async throws(StepFailure) {
    let isUnfinished = loaded.history.unfinished.contains {
      loaded.layout.identity(of: $0.version) == loaded.layout.identity(of: step.version)
    }
    let end = isUnfinished ? journal.end(step.version) : []
    try await send(transaction(step.write.record + end, elapsed: "-1"), step, nil)
  }

  /// Sends a script with its `BEGIN` and `COMMIT`. An error that comes behind the commit, in what puts
  /// the session back, cannot undo it and is none of the migration.
  private func sendTransaction(
    _ message: Message, _ step: PlanStep, _ unit: RunUnit
  ) async throws(StepFailure) {
    do throws(StepFailure) {
      try await send(message, step, unit)
    } catch {
      guard error.hasCommitted else { throw error }
    }
  }

  /// A migration that cannot be one transaction: a mark in the history, or a journal row, stands from
  /// before its first statement until its history row is written.
  private func runOutside(_ step: PlanStep) async throws(StepFailure) {
    let usesMark = !step.write.mark.isEmpty
    let total = step.units.reduce(0) { $0 + $1.statements.count }
    let began = ContinuousClock.now
    if usesMark {
      try await send(transaction(step.write.mark, elapsed: "-1"), step, nil)
    } else {
      do throws(StepFailure) {
        try await send(Message(journal.begin(step, statements: total)), step, nil)
      } catch {
        var failure = error
        if case .database(let cause) = error.cause, cause.serverError != nil {
          failure.cause = .journal(cause)
        }
        throw failure
      }
    }
    var done = 0
    for unit in step.units {
      do throws(StepFailure) {
        if !usesMark, connection.user == "lockstep" {
          try await send(Message(journal.searchPathPastUs), step, nil)
        }
        try await run(unit, step, &done, usesJournal: !usesMark)
      } catch {
        var failure = error
        failure.left = .partly
        failure.progress = .init(done: done, total: total)
        throw failure
      }
    }
    let record = usesMark ? step.write.recordAfterMark : step.write.record
    let elapsed = "\(nanoseconds(since: began))"
    let end = usesMark ? [] : journal.end(step.version)
    do throws(StepFailure) {
      try await send(transaction(record + end, elapsed: elapsed), step, nil)
      try await afterwards(step, elapsed: elapsed)
    } catch {
      var failure = error
      failure.left = .partly
      failure.progress = .init(done: done, total: total)
      throw failure
    }
  }

  private func run(
    _ unit: RunUnit, _ step: PlanStep, _ done: inout Int, usesJournal: Bool
  ) async throws(StepFailure) {
    switch unit.form {
    case .transaction:
      var message = Message("BEGIN;")
      message.add(script: unit.sql)
      message.add("\n;COMMIT;" + StepRun.resets)
      try await sendTransaction(message, step, unit)
      done += unit.statements.count
    case .ownTransaction, .outside:
      var message = Message()
      message.add(script: unit.sql)
      try await send(message, step, unit)
      try await endTransactionLeftOpen(step, unit)
      try await send(Message(StepRun.resets), step, nil)
      done += unit.statements.count
    case .statementByStatement:
      for (index, statement) in unit.statements.enumerated() {
        try await runOne(statement, index: index, of: unit, step)
        done += 1
        if usesJournal {
          try await send(Message(journal.progress(step.version, done: done)), step, nil)
        }
      }
      try await endTransactionLeftOpen(step, unit)
      try await send(Message(StepRun.resets), step, nil)
    }
    if usesJournal, !unit.isStatementByStatement {
      try await send(Message(journal.progress(step.version, done: done)), step, nil)
    }
  }

  private func runOne(
    _ statement: Statement, index: Int, of unit: RunUnit, _ step: PlanStep
  ) async throws(StepFailure) {
    let utf8 = unit.sql.utf8
    let start = utf8.index(utf8.startIndex, offsetBy: statement.range.lowerBound)
    let end = utf8.index(utf8.startIndex, offsetBy: statement.range.upperBound)
    var message = Message()
    message.add(script: String(unit.sql[start..<end]), at: statement.range.lowerBound)
    let began = ContinuousClock.now
    let results = try await send(message, step, unit, statement: index)
    report(
      .statementFinished(
        version: step.version, index: index,
        line: unit.script.location(ofTextByte: statement.range.lowerBound).line ?? statement.line,
        command: results.last?.tag ?? statement.command, rows: results.last?.rows,
        durationMilliseconds: milliseconds(since: began)))
  }

  private func endTransactionLeftOpen(
    _ step: PlanStep, _ unit: RunUnit
  ) async throws(StepFailure) {
    guard await connection.transactionState != .idle else { return }
    let opener = unit.statements.last { $0.role == .begin }
    throw StepFailure(
      cause: .transactionLeftOpen(
        opener.map { unit.script.location(ofTextByte: $0.range.lowerBound) }
          ?? SourceLocation(file: unit.script.file.path)))
  }

  private func afterwards(_ step: PlanStep, elapsed: String) async throws(StepFailure) {
    guard !step.write.afterwards.isEmpty else { return }
    try await send(transaction(step.write.afterwards, elapsed: elapsed), step, nil)
  }

  // MARK: Messages

  /// SQL that is sent as one message, and where the script's own text stands in it.
  private struct Message {
    private(set) var sql = ""
    /// Characters and statements of ours before the script.
    private(set) var charactersBefore = 0
    private(set) var statementsBefore = 0
    private(set) var scriptCharacters = 0
    /// UTF-8 offset in the unit's text at which the script's part begins.
    private(set) var scriptOffset = 0

    init(_ sql: String = "") { add(sql) }

    mutating func add(_ text: String) {
      if scriptCharacters == 0 {
        charactersBefore += text.unicodeScalars.count
        // Before the script stands at most one statement of ours: `BEGIN`.
        statementsBefore += text.isEmpty ? 0 : 1
      }
      sql += text
    }

    mutating func add(script: String, at offset: Int = 0) {
      scriptCharacters = script.unicodeScalars.count
      scriptOffset = offset
      sql += script
    }
  }

  private func transaction(_ statements: [String], elapsed: String) -> Message {
    let body = statements.map { substituting(elapsed, in: $0) + ";" }.joined()
    return Message("BEGIN;" + body + "COMMIT")
  }

  /// The nanoseconds since the message arrived, as the server counts them.
  private func elapsedOnServer(_ sql: String) -> String {
    substituting(
      "(extract(epoch from (clock_timestamp() - statement_timestamp())) * 1000000000)::bigint",
      in: sql)
  }

  private func substituting(_ value: String, in sql: String) -> String {
    guard let range = firstRange(of: "$elapsed", in: sql) else { return sql }
    return String(sql[..<range.lowerBound]) + value + sql[range.upperBound...]
  }

  /// Keeps settings from leaking into the next migration. All of it runs always: a function may have
  /// changed a role or a setting without the script showing it, and `RESET ALL` leaves roles alone.
  private static let resets = "RESET SESSION AUTHORIZATION;RESET ROLE;RESET ALL"

  @discardableResult
  private func send(
    _ message: Message, _ step: PlanStep, _ unit: RunUnit?, statement: Int? = nil
  ) async throws(StepFailure) -> [Connection.CommandResult] {
    let tags = Mutex<[String]>([])
    // What is ours to write is written even when the run is cancelled: it tells what has happened.
    do throws(DatabaseError) {
      guard unit == nil else {
        return try await execute(message, step, tags: { tag in tags.withLock { $0.append(tag) } })
      }
      return try await runner.loop.undisturbed {
        do throws(DatabaseError) {
          return Result<_, DatabaseError>.success(try await self.connection.execute(message.sql))
        } catch { return .failure(error) }
      }.get()
    } catch {
      let tags = tags.withLock { $0 }
      var failure = StepFailure(cause: .database(error))
      failure.hasCommitted = tags.contains("COMMIT")
      if let unit {
        let index = statement ?? tags.count - message.statementsBefore
        failure.location = location(of: error, in: message, unit, statement: index)
      }
      failure.isInterruption =
        Task.isCancelled && (error.serverError?.isCancellation ?? error.isConnectionProblem)
      await cleanUp()
      throw failure
    }
  }

  private func execute(
    _ message: Message, _ step: PlanStep, tags: @escaping @Sendable (String) -> Void
  ) async throws(DatabaseError) -> [Connection.CommandResult] {
    let report = report
    return try await connection.execute(
      message.sql,
      onNotice: { notice in
        report(
          .notice(version: step.version, severity: notice.severity, message: notice.message))
      },
      onResult: { tags($0.tag) })
  }

  /// Turns the server's position in the message into a place in the file; without a position, the
  /// statement that was running is the place.
  private func location(
    of error: DatabaseError, in message: Message, _ unit: RunUnit, statement index: Int
  ) -> SourceLocation? {
    if let position = error.serverError?.position {
      let inScript = position - 1 - message.charactersBefore
      guard inScript >= 0, inScript <= message.scriptCharacters else { return nil }
      let utf8 = unit.sql.utf8
      let start = utf8.index(utf8.startIndex, offsetBy: message.scriptOffset)
      let scalars = unit.sql.unicodeScalars
      guard let place = scalars.index(start, offsetBy: inScript, limitedBy: scalars.endIndex)
      else { return nil }
      return unit.script.location(ofTextByte: utf8.distance(from: utf8.startIndex, to: place))
    }
    var index = index
    // The history row goes in before the script's own COMMIT and is counted with its statements.
    if case .ownTransaction = unit.form { index = min(index, unit.statements.count - 1) }
    guard unit.statements.indices.contains(index) else {
      return SourceLocation(file: unit.script.file.path)
    }
    return unit.script.location(ofTextByte: unit.statements[index].range.lowerBound)
  }

  /// Ends a failed transaction and drops its settings; not subject to the task's cancellation.
  private func cleanUp() async {
    let connection = connection
    await runner.loop.undisturbed {
      // The session may be gone; then there is nothing to clean.
      _ = try? await connection.execute("ROLLBACK;" + StepRun.resets)
    }
  }

  // MARK: Telling

  /// Why a step failed and what it left.
  struct StepFailure: Error {
    enum Cause {
      case database(DatabaseError)
      /// The journal row could not be written, so nothing was begun.
      case journal(DatabaseError)
      case transactionLeftOpen(SourceLocation)
    }
    struct Progress {
      var done: Int
      var total: Int
    }

    var cause: Cause
    var location: SourceLocation?
    var left = RunEvent.StateLeft.nothing
    var progress: Progress?
    var isInterruption = false
    /// Whether the server had confirmed a `COMMIT` of the message before it failed.
    var hasCommitted = false

    init(cause: Cause) { self.cause = cause }
  }

  private func verb(_ step: PlanStep) -> String {
    step.direction == .up ? "applied" : "rolled back"
  }

  private func explain(_ failure: StepFailure, _ step: PlanStep) async -> Diagnostic {
    let state = stateText(failure, step)
    switch failure.cause {
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

  private func code(of server: ServerError) -> String {
    if server.isLockTimeout { return "lock_timeout" }
    return server.isCancellation ? "statement_timeout" : "sql_error"
  }

  private func next(
    _ server: ServerError, _ state: String, _ failure: StepFailure, _ step: PlanStep
  ) -> String {
    if failure.isInterruption { return "run it again when it suits; \(state)" }
    if server.isLockTimeout {
      return "`lockstep locks` shows who holds the table; then run it again; \(state)"
    }
    if failure.left == .partly { return state }
    return "mend the script and run `lockstep \(step.direction.rawValue)` again; \(state)"
  }

  private func stateText(_ failure: StepFailure, _ step: PlanStep) -> String {
    guard failure.left == .partly, let progress = failure.progress else {
      return "nothing of \(step.version) was \(verb(step))"
    }
    return "\(progress.done) of \(progress.total) statements of \(step.version) stand and it is"
      + " recorded as broken off: finish it by hand and `lockstep mark \(step.version) applied`, or"
      + " undo it and `lockstep mark \(step.version) pending`"
  }

  /// What the database says of a step whose session was lost.
  private enum Found: Sendable {
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
  private func explainLoss(
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

  private func find(_ step: PlanStep) async -> Found {
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

  private func find(_ step: PlanStep, _ session: Connection) async throws -> Found {
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

  // MARK: After the run

  /// What a layout's tool does after its runs, as far as something was changed.
  func finish(_ outcome: Runner.Outcome) async {
    let counts = outcome.counts
    guard counts.applied + counts.reverted > 0 else { return }
    if loaded.layout.rules.history == .currentVersionOnly { await recordPosition() }
    guard let path = runner.options.schemaFile, loaded.layout.rules.dumpsSchema else { return }
    let dump = SchemaFile(path: path, target: runner.target)
    do {
      try await dump.write(history: loaded.layout, table: plan.table, connection)
      report(.schemaWritten(path: path))
    } catch {
      var diagnostic = Diagnostic(explaining: error)
      diagnostic.severity = .warning
      report(.message(diagnostic))
    }
  }

  private func recordPosition() async {
    guard let rows = try? await connection.rows(loaded.layout.readHistory(plan.table)),
      let current = rows.first?.version.number
    else { return }
    let versions = loaded.catalog.migrations.compactMap(\.version.number).filter { $0 <= current }
    // Files that were pending out of order before the run are still not applied.
    let skipped = Set(
      loaded.status.migrations.filter { $0.state == .pending }.compactMap(\.version.number)
    ).subtracting(plan.steps.filter { $0.direction == .up }.compactMap(\.version.number))
    let failure = PositionLog(root: runner.project.root).record(
      versions.filter { !skipped.contains($0) }, layout: plan.layout, table: plan.table,
      database: connection.database)
    if let failure {
      report(
        .message(
          .warning(
            code: "journal_not_written", "the journal in .lockstep cannot be written: \(failure)",
            next: "an older file that is added later will look applied")))
    }
  }
}

extension RunUnit {
  fileprivate var isStatementByStatement: Bool {
    if case .statementByStatement = form { true } else { false }
  }
}

private func nanoseconds(since instant: ContinuousClock.Instant) -> Int64 {
  let parts = instant.duration(to: .now).components
  return parts.seconds * 1_000_000_000 + parts.attoseconds / 1_000_000_000
}

private func firstRange(of needle: String, in text: String) -> Range<String.Index>? {
  var index = text.startIndex
  while let start = text[index...].firstIndex(of: needle.first ?? " ") {
    if text[start...].hasPrefix(needle) {
      return start..<text.index(start, offsetBy: needle.count)
    }
    index = text.index(after: start)
  }
  return nil
}
