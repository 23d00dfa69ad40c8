import CLibpq
import EventLoop
import PostgresModel

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// One session with the server; never a blocking call on the loop.
///
/// Calls from several tasks queue up and run one after the other. Cancelling a task that awaits an
/// answer cancels the statement on the server and then throws what the server says (SQLSTATE 57014), so
/// that the session stays usable and its state is known.
public actor Connection {
  public nonisolated let loop: EventLoop
  public nonisolated let target: ConnectionString
  /// The backend's process id.
  public nonisolated let processID: Int32
  /// For example 150018; 0 never occurs on a live session.
  public nonisolated let serverVersion: Int

  // Freed in `deinit` alone; used on the loop's thread, except for the cancel object made from it.
  nonisolated(unsafe) let handle: OpaquePointer
  private let notices: NoticeReceiver
  var isBusy = false
  private var queue: [CheckedContinuation<Void, Never>] = []
  private var lossReason: String?

  public nonisolated var unownedExecutor: UnownedSerialExecutor {
    loop.asUnownedSerialExecutor()
  }

  /// - Parameter handle: Connected, not blocking, and nobody else's.
  init(handle: OpaquePointer, target: ConnectionString, loop: EventLoop) {
    self.handle = handle
    self.target = target
    self.loop = loop
    processID = PQbackendPID(handle)
    serverVersion = Int(PQserverVersion(handle))
    notices = NoticeReceiver(handle)
  }

  deinit { PQfinish(handle) }

  // MARK: Facts

  /// Host, port, database and user as libpq has them after connecting.
  public nonisolated var host: String { text(PQhost(handle)) }
  public nonisolated var port: Int? { Int(text(PQport(handle))) }
  public nonisolated var database: String { text(PQdb(handle)) }
  public nonisolated var user: String { text(PQuser(handle)) }
  /// Whether the session is encrypted by TLS.
  public nonisolated var isEncrypted: Bool { PQsslInUse(handle) == 1 }

  /// For example `15.18 (Debian 15.18-0+deb12u1)`.
  public nonisolated var serverVersionText: String { parameter("server_version") ?? "" }

  /// A parameter that the server reports of itself: `server_version`, `in_hot_standby`, `is_superuser`.
  public nonisolated func parameter(_ name: String) -> String? {
    PQparameterStatus(handle, name).map { String(cString: $0) }
  }

  private nonisolated func text(_ pointer: UnsafePointer<CChar>?) -> String {
    pointer.map { String(cString: $0) } ?? ""
  }

  private nonisolated func text(_ pointer: UnsafeMutablePointer<CChar>?) -> String {
    pointer.map { String(cString: $0) } ?? ""
  }

  /// Where the session stands between two commands.
  public enum TransactionState: Sendable, Hashable {
    case idle, open, failed, active, unknown
  }

  public var transactionState: TransactionState {
    switch PQtransactionStatus(handle) {
    case PQTRANS_IDLE: .idle
    case PQTRANS_INTRANS: .open
    case PQTRANS_INERROR: .failed
    case PQTRANS_ACTIVE: .active
    default: .unknown
    }
  }

  /// Why the session is gone; `nil` while it is there, as far as was noticed.
  public var lost: String? { lossReason }

  // MARK: Asking

  /// Runs one parameterised query.
  ///
  /// - Throws: Any `DatabaseError` but `cannotConnect`.
  public func rows<Row>(_ query: Query<Row>) async throws(DatabaseError) -> [Row] {
    await acquire()
    defer { release() }
    let sent: Int32
    if query.parameters.isEmpty {
      sent = PQsendQueryParams(handle, query.text, 0, nil, nil, nil, nil, 0)
    } else {
      sent = withCStrings(query.parameters) { values in
        PQsendQueryParams(
          handle, query.text, Int32(query.parameters.count), nil, values, nil, nil, 0)
      }
    }
    guard sent == 1 else { throw loss() }
    return try await collectRows(query)
  }

  /// What became of one command of a message.
  public struct CommandResult: Sendable, Hashable {
    /// The server's command tag: `CREATE TABLE`, `UPDATE 12`.
    public var tag: String
    /// Rows changed or returned, where the command counts them.
    public var rows: Int64?
    /// When it arrived.
    public var finishedAt: ContinuousClock.Instant
  }

  /// Sends a text of any number of statements as one message and waits for all results.
  ///
  /// PostgreSQL runs them as one implicit transaction unless they hold their own `BEGIN` and `COMMIT`.
  ///
  /// - Parameters:
  ///   - sql: UTF-8 without NUL.
  ///   - onNotice: Called on the loop as notices arrive.
  ///   - onResult: Called on the loop after each command.
  ///   - wanted: Hands over the rows of the commands whose first column has this name.
  /// - Throws: Any `DatabaseError` but `cannotConnect`; for a server error what came before it in the
  ///   message has been reported.
  @discardableResult
  public func execute(
    _ sql: String, onNotice: (@Sendable (Notice) -> Void)? = nil,
    onResult: (@Sendable (CommandResult) -> Void)? = nil,
    rowsOf wanted: (column: String, use: @Sendable ([String?]) -> Void)? = nil
  ) async throws(DatabaseError) -> [CommandResult] {
    await acquire()
    defer { release() }
    notices.handler = onNotice
    defer { notices.handler = nil }
    guard PQsendQuery(handle, sql) == 1 else { throw loss() }
    var results: [CommandResult] = []
    try await collect { result in
      let changed = String(cString: PQcmdTuples(result))
      let command = CommandResult(
        tag: String(cString: PQcmdStatus(result)), rows: Int64(changed),
        finishedAt: .now)
      results.append(command)
      onResult?(command)
      if let wanted, PQnfields(result) > 0, let name = PQfname(result, 0),
        String(cString: name) == wanted.column
      {
        for row in texts(of: result) { wanted.use(row) }
      }
    }
    return results
  }

  /// Sends a query's text, which may hold several statements, as one message, and reads the rows of the
  /// last statement that returns any; parameters are not possible here.
  public func rowsOfMessage<Row>(_ query: Query<Row>) async throws(DatabaseError) -> [Row] {
    await acquire()
    defer { release() }
    guard PQsendQuery(handle, query.text) == 1 else { throw loss() }
    return try await collectRows(query)
  }

  /// Sends queries without parameters as one message, and reads the rows of each in turn.
  ///
  /// - Returns: The rows of all of them, in order.
  /// - Throws: Any `DatabaseError` but `cannotConnect`.
  public func rows<Row>(of queries: [Query<Row>]) async throws(DatabaseError) -> [Row] {
    try await reduce(queries, into: []) { $0.append($1) }
  }

  /// As `rows(of:)`, but the rows are put together as they are read, so that none of them is kept.
  ///
  /// - Parameter add: Puts a row to what was put together of those before it.
  public func reduce<Row, Result: Sendable>(
    _ queries: [Query<Row>], into initial: Result, _ add: @Sendable (inout Result, Row) -> Void
  ) async throws(DatabaseError) -> Result {
    await acquire()
    defer { release() }
    let message = queries.map(\.text).joined(separator: ";\n")
    guard PQsendQuery(handle, message) == 1 else { throw loss() }
    var whole = initial
    var mismatch: (ResultRow.Mismatch, query: String)?
    var next = 0
    try await collect { result in
      guard PQresultStatus(result) == PGRES_TUPLES_OK, next < queries.count, mismatch == nil else {
        return
      }
      let query = queries[next]
      next += 1
      do throws(ResultRow.Mismatch) {
        try decode(result, query.decode) { add(&whole, $0) }
      } catch {
        mismatch = (error, query.text)
      }
    }
    if let mismatch { throw .unexpectedAnswer(mismatch.0, query: mismatch.query) }
    return whole
  }

  private func texts(of result: OpaquePointer) -> [[String?]] {
    (0..<PQntuples(result)).map { row in
      (0..<PQnfields(result)).map { column in
        PQgetisnull(result, row, column) == 1
          ? nil : String(cString: PQgetvalue(result, row, column))
      }
    }
  }

  private func collectRows<Row>(_ query: Query<Row>) async throws(DatabaseError) -> [Row] {
    var rows: [Row] = []
    var mismatch: ResultRow.Mismatch?
    try await collect { result in
      guard PQresultStatus(result) == PGRES_TUPLES_OK, mismatch == nil else { return }
      do throws(ResultRow.Mismatch) {
        rows = []
        rows.reserveCapacity(Int(PQntuples(result)))
        try decode(result, query.decode) { rows.append($0) }
      } catch {
        mismatch = error
      }
    }
    if let mismatch { throw .unexpectedAnswer(mismatch, query: query.text) }
    return rows
  }

  func decode<Row>(
    _ result: OpaquePointer, _ decoder: (ResultRow) throws(ResultRow.Mismatch) -> Row,
    _ use: (Row) -> Void
  ) throws(ResultRow.Mismatch) {
    let count = PQntuples(result)
    let columns = PQnfields(result)
    var cells: [UnsafeRawBufferPointer?] = []
    cells.reserveCapacity(Int(columns))
    for row in 0..<count {
      cells.removeAll(keepingCapacity: true)
      for column in 0..<columns {
        if PQgetisnull(result, row, column) == 1 {
          cells.append(nil)
        } else {
          cells.append(
            UnsafeRawBufferPointer(
              start: PQgetvalue(result, row, column),
              count: Int(PQgetlength(result, row, column))))
        }
      }
      use(try decoder(ResultRow(cells)))
    }
  }

  // MARK: Waiting for answers

  /// Sends what is queued, reads every result, and throws the first error once all have arrived.
  func collect(_ use: (OpaquePointer) -> Void) async throws(DatabaseError) {
    var failure: ServerError?
    try await flush()
    while true {
      while PQisBusy(handle) == 1 {
        let events = await readyOrCancelled(Int16(POLLIN))
        guard events & Int16(POLLNVAL) == 0, PQconsumeInput(handle) == 1 else { throw loss() }
      }
      guard let result = PQgetResult(handle) else { break }
      defer { PQclear(result) }
      switch PQresultStatus(result) {
      case PGRES_FATAL_ERROR, PGRES_BAD_RESPONSE:
        if failure == nil { failure = ServerError(result) }
      case PGRES_COPY_IN, PGRES_COPY_BOTH:
        // Nothing can be given; without an end the server would wait forever.
        PQputCopyEnd(handle, "no data can be sent to COPY FROM STDIN here")
        try await flush()
      case PGRES_COPY_OUT:
        try await discardCopyData()
      default:
        use(result)
      }
    }
    if PQstatus(handle) == CONNECTION_BAD {
      if let failure {
        lossReason = failure.message
        throw .connectionLost(reason: failure.message)
      }
      throw loss()
    }
    if let failure { throw .server(failure) }
  }

  private func flush() async throws(DatabaseError) {
    while true {
      switch PQflush(handle) {
      case 0: return
      case 1:
        // A server that sends while we send must be read, or both wait forever.
        let events = await readyOrCancelled(Int16(POLLIN) | Int16(POLLOUT))
        if events & Int16(POLLIN) != 0, PQconsumeInput(handle) != 1 { throw loss() }
      default: throw loss()
      }
    }
  }

  private func discardCopyData() async throws(DatabaseError) {
    while true {
      var buffer: UnsafeMutablePointer<CChar>?
      let count = PQgetCopyData(handle, &buffer, 1)
      if count > 0 {
        PQfreemem(buffer)
      } else if count == 0 {
        _ = await readyOrCancelled(Int16(POLLIN))
        guard PQconsumeInput(handle) == 1 else { throw loss() }
      } else {
        return
      }
    }
  }

  /// Waits for the socket; a cancelled task cancels the statement once and then waits on.
  private func readyOrCancelled(_ events: Int16) async -> Int16 {
    if !Task.isCancelled {
      do throws(CancellationError) {
        return try await loop.ready(PQsocket(handle), events)
      } catch {
        cancelled = true
        await cancel()
      }
    } else if !cancelled {
      cancelled = true
      await cancel()
    }
    return await loop.readyDespiteCancellation(PQsocket(handle), events)
  }

  private var cancelled = false
  /// Counts what has ended, so that nothing is cancelled in the place of what was meant.
  private(set) var turn = 0
  var insistence: Task<Void, Never>?
  var cancelsUnderWay = 0
  var afterCancels: [CheckedContinuation<Void, Never>] = []

  func loss() -> DatabaseError {
    // The first line is the server's last word, or libpq's own; what follows is libpq guessing.
    var reason = trimmed(
      String(cString: PQerrorMessage(handle)).split(separator: "\n" as Character).first.map(
        String.init) ?? "")
    for prefix in ["FATAL:  ", "ERROR:  "] where reason.hasPrefix(prefix) {
      reason.removeFirst(prefix.count)
    }
    lossReason = reason.isEmpty ? "the server closed the connection" : reason
    return .connectionLost(reason: lossReason ?? reason)
  }

  // MARK: One at a time

  func acquire() async {
    if isBusy {
      await withCheckedContinuation { queue.append($0) }
    }
    isBusy = true
    while cancelsUnderWay > 0 {
      await withCheckedContinuation { afterCancels.append($0) }
    }
    cancelled = false
  }

  func release() {
    turn += 1
    insistence?.cancel()
    insistence = nil
    if queue.isEmpty {
      isBusy = false
    } else {
      // `isBusy` stays set: the session passes to the next in the queue.
      queue.removeFirst().resume()
    }
  }
}
