import Diagnostics
import MigrationModel
import Postgres
import PostgresModel

extension StepRun {
  /// A migration that cannot be one transaction: a journal row, and a mark in the history where the tool
  /// has one, stand from before its first statement until its history row is written.
  func runOutside(_ step: PlanStep) async throws(StepFailure) {
    let began = ContinuousClock.now
    let usesMark = !step.write.mark.isEmpty
    var run = OutsideRun(step, usesJournal: try await beginOutside(step, usesMark: usesMark))
    do throws(StepFailure) {
      try await takeUp(step, run)
      for unit in step.units { try await self.run(unit, &run) }
      let record = usesMark ? step.write.recordAfterMark : step.write.record
      let end = run.usesJournal ? journal.end(step.version) : []
      let elapsed = "\(nanoseconds(since: began))"
      try await send(transaction(record + end, elapsed: elapsed), step, nil)
      try await afterwards(step, elapsed: elapsed)
    } catch {
      var failure = error
      failure.left = .partly
      failure.progress = .init(done: run.done, total: run.total, isKept: run.usesJournal)
      throw failure
    }
  }

  /// How far a migration outside a transaction has come.
  struct OutsideRun {
    let step: PlanStep
    let usesJournal: Bool
    let total: Int
    /// Statements that have taken effect for good.
    var done: Int
    /// Statements of the units before the one that runs.
    var before = 0

    init(_ step: PlanStep, usesJournal: Bool) {
      self.step = step
      self.usesJournal = usesJournal
      total = step.units.reduce(0) { $0 + $1.statements.count }
      done = step.resumption?.done ?? 0
    }
  }

  // MARK: Before the first statement

  /// Sets the mark and writes the journal's row.
  ///
  /// - Returns: Whether there is a row: where the tool has a mark of its own, its absence costs only the
  ///   way to go on.
  private func beginOutside(_ step: PlanStep, usesMark: Bool) async throws(StepFailure) -> Bool {
    if let resumption = step.resumption {
      let progress = journal.progress(step.version, done: resumption.done)
      try await send(transaction([progress], elapsed: "-1"), step, nil)
      return true
    }
    do throws(StepFailure) {
      let begin = step.write.mark + journal.begin(step)
      try await send(transaction(begin, elapsed: "-1"), step, nil)
      return true
    } catch {
      guard case .database(let cause) = error.cause, let server = cause.serverError else {
        throw error
      }
      guard usesMark, server.isInsufficientPrivilege else {
        var failure = error
        if !usesMark { failure.cause = .journal(cause) }
        throw failure
      }
    }
    try await send(transaction(step.write.mark, elapsed: "-1"), step, nil)
    report(
      .message(
        .note(
          code: "no_journal",
          "without the right to make a schema, how far \(step.label) comes is not kept",
          next:
            "if it breaks off, `lockstep mark` settles it; as the owner: GRANT CREATE ON DATABASE"
            + " \(SQLText.identifier(connection.database)) TO \(SQLText.identifier(connection.user))"
        )))
    return false
  }

  /// Takes away what the broken-off run left.
  private func takeUp(_ step: PlanStep, _ run: OutsideRun) async throws(StepFailure) {
    for statement in step.resumption?.cleanUp ?? [] {
      let isLifted = try await liftLockTimeout(SQLScript.statements(in: statement), step)
      do throws(DatabaseError) {
        // Unlike what else is ours to write it may wait long, and is given up when the run is.
        _ = try await execute(Message(statement), step, tags: { _ in })
      } catch {
        var failure = StepFailure(cause: .database(error))
        failure.isInterruption =
          Task.isCancelled && (error.serverError?.isCancellation ?? error.isConnectionProblem)
        await cleanUp()
        throw failure
      }
      if isLifted { try await restoreLockTimeout(step) }
    }
  }

  // MARK: One script

  private func run(_ unit: RunUnit, _ run: inout OutsideRun) async throws(StepFailure) {
    defer { run.before += unit.statements.count }
    // An empty script is sent as well where nothing was done yet, as its tool does.
    guard run.before + unit.statements.count > run.done || run.step.resumption == nil else {
      return
    }
    try await preparePath(run)
    if unit.isSentAsWhole { await runner.options.lookOn?(connection, unit, nil) }
    switch unit.form {
    case .transaction, .ownTransaction: try await runWithCount(unit, &run)
    case .outside: try await runAsOneMessage(unit, &run)
    case .statementByStatement:
      try await runStatements(of: unit, &run)
      try await endTransactionLeftOpen(run.step, unit)
      try await send(Message(StepRun.resets), run.step, nil)
    }
  }

  /// Keeps what a script makes out of the journal's schema, where the role's name would lead it there.
  private func preparePath(_ run: OutsideRun) async throws(StepFailure) {
    guard run.usesJournal, connection.user == "lockstep" else { return }
    try await send(Message(journal.searchPathPastUs), run.step, nil)
  }

  /// A script that is one transaction, with the count in it.
  private func runWithCount(_ unit: RunUnit, _ run: inout OutsideRun) async throws(StepFailure) {
    let count = counting(unit.statements.count, run)
    var message = Message()
    if case .ownTransaction(let commit) = unit.form {
      let utf8 = unit.sql.utf8
      let end = utf8.index(utf8.startIndex, offsetBy: commit)
      message.add(script: String(unit.sql[..<end]))
      message.add(count + String(unit.sql[end...]) + "\n;")
    } else {
      message.add("BEGIN;")
      message.add(script: unit.sql)
      message.add("\n;" + count + "COMMIT;")
    }
    message.add(StepRun.resets)
    let (whole, state) = (message, run)
    try await underBudget(run.step) { () async throws(StepFailure) in
      try await sendTransaction(whole, state.step, unit)
    } again: { () async throws(StepFailure) in
      try await preparePath(state)
    }
    run.done += unit.statements.count
  }

  /// A script that its tool sends as one message, which the server runs as one transaction if it can.
  private func runAsOneMessage(_ unit: RunUnit, _ run: inout OutsideRun) async throws(StepFailure) {
    let isExact = run.usesJournal && unit.isSameInTransaction && !unit.statements.isEmpty
    if !isExact, let first = unit.statements.indices.first {
      try await announce(first, of: unit, run)
    }
    var message = Message()
    if let substitute = run.step.resumption?.substitute, unit.statements.count == 1 {
      message.add(script: substitute)
    } else {
      message.add(script: unit.sql)
    }
    if isExact { message.add("\n;" + counting(unit.statements.count, run)) }
    let (whole, state) = (message, run)
    if isExact || (unit.statements.count == 1 && unit.statements[0].isOneTransaction) {
      try await underBudget(run.step) { () async throws(StepFailure) in
        try await send(whole, state.step, unit, attempt: .ofTransaction)
      } again: { () async throws(StepFailure) in
        try await preparePath(state)
      }
    } else {
      let isLifted = try await liftLockTimeout(unit.statements, run.step)
      try await send(whole, run.step, unit)
      if isLifted { try await restoreLockTimeout(run.step) }
    }
    try await endTransactionLeftOpen(run.step, unit)
    run.done += unit.statements.count
    try await send(Message(StepRun.resets), run.step, nil)
    if !isExact { try await count(run) }
  }

  // MARK: Statement by statement

  private func runStatements(of unit: RunUnit, _ run: inout OutsideRun) async throws(StepFailure) {
    let first = max(0, run.done - run.before)
    for setting in first > 0 ? run.step.resumption?.settings ?? [] : [] {
      try await send(Message(setting), run.step, nil)
    }
    var isOpen = false
    for index in unit.statements.indices.dropFirst(first) {
      let statement = unit.statements[index]
      let number = run.before + index + 1
      if isOpen {
        // The count goes with the script's own transaction, or not at all.
        let count = statement.role == .commit ? counting(number - run.done, run) : ""
        try await runOne(index, of: unit, run.step, before: count)
        isOpen = await connection.transactionState != .idle
        if statement.role == .commit { run.done = number }
        if !isOpen, statement.role != .commit {
          run.done = number
          try await self.count(run)
        }
      } else if run.usesJournal, unit.isSameInTransaction(index) {
        try await runOne(
          index, of: unit, run.step, before: "BEGIN;", after: counting(1, run) + "COMMIT")
        run.done = number
      } else {
        try await announce(index, of: unit, run)
        let substitute =
          number == run.step.resumption.map { $0.done + 1 }
          ? run.step.resumption?.substitute : nil
        try await runOne(index, of: unit, run.step, substitute: substitute)
        isOpen = await connection.transactionState != .idle
        guard !isOpen else { continue }
        run.done = number
        try await self.count(run)
      }
    }
  }

  /// Sends one statement and tells of it.
  ///
  /// - Parameters:
  ///   - before: What goes before it in the same message, each statement with its semicolon.
  ///   - after: What comes behind it.
  ///   - substitute: What is sent in its place.
  private func runOne(
    _ index: Int, of unit: RunUnit, _ step: PlanStep, before: String = "", after: String = "",
    substitute: String? = nil
  ) async throws(StepFailure) {
    await runner.options.lookOn?(connection, unit, index)
    let statement = unit.statements[index]
    var message = Message()
    message.add(before)
    message.add(script: substitute ?? unit.text(of: index), at: statement.range.lowerBound)
    if !after.isEmpty { message.add("\n;" + after) }
    let began = ContinuousClock.now
    let whole = message
    let results: [Connection.CommandResult]
    if await connection.transactionState == .idle, statement.isOneTransaction {
      results = try await underBudget(step) { () async throws(StepFailure) in
        try await send(whole, step, unit, statement: index, attempt: .ofStatement)
      }
    } else {
      let isLifted = try await liftLockTimeout([statement], step)
      results = try await send(whole, step, unit, statement: index)
      if isLifted { try await restoreLockTimeout(step) }
    }
    // What is ours before it is a `BEGIN`, or stands before its `COMMIT`, the last.
    let result = after.isEmpty ? results.last : results.dropFirst().first
    report(
      .statementFinished(
        version: step.version, index: index,
        line: unit.script.location(ofTextByte: statement.range.lowerBound).line ?? statement.line,
        command: result?.tag ?? statement.command, rows: result?.rows,
        durationMilliseconds: milliseconds(since: began)))
  }

  // MARK: The journal

  /// What counts further statements as done in the transaction they are in; nothing without a journal.
  private func counting(_ statements: Int, _ run: OutsideRun) -> String {
    guard run.usesJournal else { return "" }
    let progress = journal.progress(run.step.version, done: run.done + statements)
    return RunJournal.asLogin(connection.user, [progress]).map { $0 + ";" }.joined()
  }

  /// Writes how many statements are done, in a transaction of its own.
  private func count(_ run: OutsideRun) async throws(StepFailure) {
    guard run.usesJournal else { return }
    let progress = journal.progress(run.step.version, done: run.done)
    try await send(ownTransaction(progress), run.step, nil)
  }

  /// Writes that a statement is about to be sent that cannot be counted in a transaction.
  private func announce(
    _ index: Int, of unit: RunUnit, _ run: OutsideRun
  ) async throws(StepFailure) {
    guard run.usesJournal else { return }
    let begun = journal.beginStatement(
      run.step.version, number: run.before + index + 1, text: unit.text(of: index))
    try await send(ownTransaction(begun), run.step, nil)
  }

  private func ownTransaction(_ statement: String) -> Message {
    // The script may have made the session read-only, or given it a role.
    let body = RunJournal.asLogin(connection.user, [statement]).joined(separator: ";")
    return Message("BEGIN READ WRITE;\(body);COMMIT")
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
}

extension RunUnit {
  fileprivate var isSentAsWhole: Bool {
    if case .statementByStatement = form { return false }
    return true
  }
}
