import Diagnostics
import EventLoop
import MigrationModel
import Postgres
import PostgresModel
import Synchronization

extension StepRun {
  /// SQL that is sent as one message, and where the script's own text stands in it.
  struct Message {
    private(set) var sql = ""
    /// Statements of ours before the script.
    private(set) var statementsBefore = 0
    /// The script's part of the message, by UTF-8 offsets.
    private(set) var script: Range<Int>?
    /// UTF-8 offset in the unit's text at which the script's part begins.
    private(set) var scriptOffset = 0

    init(_ sql: String = "") { add(sql) }

    mutating func add(_ text: String) {
      // Before the script stands at most one statement of ours: `BEGIN`.
      if script == nil { statementsBefore += text.isEmpty ? 0 : 1 }
      sql += text
    }

    mutating func add(script: String, at offset: Int = 0) {
      let start = sql.utf8.count
      sql += script
      self.script = start..<sql.utf8.count
      scriptOffset = offset
    }

    /// Where in the unit's text a position of the server lies, as an UTF-8 offset; `nil` for what is not
    /// in the script.
    ///
    /// Characters are counted here, where something failed, and not in each of thousands of messages.
    ///
    /// - Parameter position: In characters of the message, from 1.
    func offsetInUnit(of position: Int) -> Int? {
      guard let script else { return nil }
      let scalars = sql.unicodeScalars
      guard
        let place = scalars.index(
          scalars.startIndex, offsetBy: position - 1, limitedBy: scalars.endIndex)
      else { return nil }
      let offset = sql.utf8.distance(from: sql.utf8.startIndex, to: place)
      guard script.lowerBound...script.upperBound ~= offset else { return nil }
      return scriptOffset + offset - script.lowerBound
    }
  }

  func transaction(_ statements: [String], elapsed: String) -> Message {
    let body = statements.map { substituting(elapsed, in: $0) + ";" }.joined()
    return Message("BEGIN;" + body + "COMMIT")
  }

  /// The nanoseconds since the message arrived, as the server counts them.
  func elapsedOnServer(_ sql: String) -> String {
    substituting(
      "(extract(epoch from (clock_timestamp() - statement_timestamp())) * 1000000000)::bigint",
      in: sql)
  }

  func substituting(_ value: String, in sql: String) -> String {
    let mark = "$elapsed".utf8
    var sql = sql
    let start = sql.withUTF8 { bytes in
      bytes.indices.first { bytes[$0] == UInt8(ascii: "$") && bytes[$0...].starts(with: mark) }
    }
    guard let start else { return sql }
    let before = sql.utf8.index(sql.startIndex, offsetBy: start)
    let behind = sql.utf8.index(before, offsetBy: mark.count)
    return sql[..<before] + value + sql[behind...]
  }

  /// Keeps settings from leaking into the next migration. All of it runs always: a function may have
  /// changed a role or a setting without the script showing it, and `RESET ALL` leaves roles alone.
  static let resets = "RESET SESSION AUTHORIZATION;RESET ROLE;RESET ALL"

  /// Sends a message and waits for its answer; a failed one leaves nothing open.
  ///
  /// - Parameters:
  ///   - unit: Whose script is in it; `nil` for what is ours alone.
  ///   - statement: The only statement of the script that is in it.
  ///   - attempt: How it stands under the lock budget.
  @discardableResult
  func send(
    _ message: Message, _ step: PlanStep, _ unit: RunUnit?, statement: Int? = nil,
    attempt: Attempt = .only
  ) async throws(StepFailure) -> [Connection.CommandResult] {
    let tags = Mutex<[String]>([])
    let began = ContinuousClock.now
    let watching = unit == nil ? nil : watch(step, attempt)
    // What is ours to write is written even when the run is cancelled: it tells what has happened.
    do throws(DatabaseError) {
      guard unit == nil else {
        let results = try await execute(
          message, step, tags: { tag in tags.withLock { $0.append(tag) } })
        _ = watching?.end()
        return results
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
      if let seen = watching?.end(), !failure.isInterruption {
        failure.aside = stepAside(error, seen, since: began)
        if failure.aside == nil, control.isOverdue, error.serverError?.isCancellation == true {
          failure.cause = .overdue(seen.queue?.0 ?? LockQueue())
        }
      }
      await cleanUp(keepsSettings: failure.aside != nil && attempt == .ofStatement)
      throw failure
    }
  }

  func execute(
    _ message: Message, _ step: PlanStep, tags: @escaping @Sendable (String) -> Void
  ) async throws(DatabaseError) -> [Connection.CommandResult] {
    let report = report
    return try await connection.execute(
      message.sql,
      onNotice: { notice in
        report(
          .notice(version: step.version, severity: notice.severity, message: notice.message))
      },
      onResult: { tags($0.tag) },
      rowsOf: (
        HeldLock.column,
        { row in
          guard let lock = HeldLock(row: row) else { return }
          self.held.withLock { $0.append(lock) }
        }
      ))
  }

  /// Turns the server's position in the message into a place in the file; without a position, the
  /// statement that was running is the place.
  func location(
    of error: DatabaseError, in message: Message, _ unit: RunUnit, statement index: Int
  ) -> SourceLocation? {
    if let position = error.serverError?.position {
      return message.offsetInUnit(of: position).map { unit.script.location(ofTextByte: $0) }
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
  ///
  /// - Parameter keepsSettings: Whether the session's settings stay, for a statement that comes again.
  func cleanUp(keepsSettings: Bool = false) async {
    let connection = connection
    if keepsSettings, await connection.transactionState == .idle { return }
    await runner.loop.undisturbed {
      // The session may be gone; then there is nothing to clean.
      _ = try? await connection.execute("ROLLBACK" + (keepsSettings ? "" : ";" + StepRun.resets))
    }
  }
}
