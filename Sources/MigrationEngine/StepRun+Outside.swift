import Diagnostics
import MigrationModel
import Postgres
import PostgresModel

extension StepRun {
  /// A migration that cannot be one transaction: a mark in the history, or a journal row, stands from
  /// before its first statement until its history row is written.
  func runOutside(_ step: PlanStep) async throws(StepFailure) {
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

  func run(
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

  func runOne(
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

  func endTransactionLeftOpen(
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
  fileprivate var isStatementByStatement: Bool {
    if case .statementByStatement = form { true } else { false }
  }
}
