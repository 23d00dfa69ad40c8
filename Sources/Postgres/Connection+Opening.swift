import CLibpq
import EventLoop

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension Connection {
  /// Opens a session. Name resolution, TLS and authentication are libpq's, on a helper thread where they
  /// could hold the loop up.
  ///
  /// - Parameters:
  ///   - target: Where to.
  ///   - application: What other sessions see as `application_name`.
  ///   - settings: Run-time parameters of the session, sent with the connection request so that they
  ///     cost no round trip and survive `RESET ALL`.
  /// - Throws: `DatabaseError.cannotConnect`.
  public static func open(
    _ target: ConnectionString, application: String, settings: [(name: String, value: String)] = [],
    loop: EventLoop
  ) async throws(DatabaseError) -> Connection {
    var parameters = target.parameters.filter { $0.name != "application_name" }
    parameters.append(("application_name", application))
    parameters.append(("client_encoding", "UTF8"))
    if !settings.isEmpty {
      let options = settings.map { "-c \($0.name)=\(escapedOption($0.value))" }
      let said = target.effective("options").map { [$0] } ?? []
      parameters.removeAll { $0.name == "options" }
      parameters.append(("options", (said + options).joined(separator: " ")))
    }
    let patience = target.effective("connect_timeout") ?? "10"
    let attempt: Attempt
    if target.needsNobody {
      attempt = await connect(parameters, within: patience, loop)
    } else {
      let all = parameters + [("connect_timeout", patience)]
      attempt = await BlockingWork.run { Attempt(connectBlocking(all)) }
    }
    guard let handle = attempt.handle else {
      throw .cannotConnect(target: target.summary, reason: "out of memory", sqlstate: nil)
    }
    guard PQstatus(handle) == CONNECTION_OK else {
      let reason = trimmed(
        String(cString: PQerrorMessage(handle)) + (attempt.isLate ? "timeout expired" : ""))
      PQfinish(handle)
      throw .cannotConnect(target: target.summary, reason: reason, sqlstate: sqlstate(in: reason))
    }
    PQsetnonblocking(handle, 1)
    return Connection(handle: handle, target: target, loop: loop)
  }

  private struct Attempt: @unchecked Sendable {
    // The helper thread hands the pointer over and never touches it again.
    let handle: OpaquePointer?
    /// Whether the server had not answered when the time was up.
    var isLate = false
    init(_ handle: OpaquePointer?) { self.handle = handle }
  }

  /// Connects on the loop, which waits for the server among all else that it waits for.
  ///
  /// - Parameter patience: As libpq reads `connect_timeout`: seconds, at least two, or for ever.
  private static func connect(
    _ parameters: [(name: String, value: String)], within patience: String, _ loop: EventLoop
  ) async -> Attempt {
    let handle = withCStrings(parameters.map(\.name)) { names in
      withCStrings(parameters.map(\.value)) { values in PQconnectStartParams(names, values, 0) }
    }
    guard PQstatus(handle) != CONNECTION_BAD else { return Attempt(handle) }
    let seconds = Int(patience) ?? 0
    let deadline = seconds > 0 ? ContinuousClock.now + .seconds(max(seconds, 2)) : nil
    var attempt = Attempt(handle)
    var wanted = Int16(POLLOUT)
    while true {
      // The socket may be another one each time: TLS was refused, and it is tried without.
      guard
        await loop.readyDespiteCancellation(PQsocket(handle), wanted, until: deadline) != 0
      else {
        attempt.isLate = true
        return attempt
      }
      switch PQconnectPoll(handle) {
      case PGRES_POLLING_READING: wanted = Int16(POLLIN)
      case PGRES_POLLING_WRITING: wanted = Int16(POLLOUT)
      default: return attempt
      }
    }
  }
}

private func connectBlocking(_ parameters: [(name: String, value: String)]) -> OpaquePointer? {
  withCStrings(parameters.map(\.name)) { names in
    withCStrings(parameters.map(\.value)) { values in
      PQconnectdbParams(names, values, 0)
    }
  }
}

/// A value inside the `options` keyword: blanks and backslashes are escaped by a backslash.
private func escapedOption(_ value: String) -> String {
  value.reduce(into: "") { text, character in
    if character == " " || character == "\\" { text.append("\\") }
    text.append(character)
  }
}

/// libpq gives no SQLSTATE for a failed connection; the server's untranslated words tell some.
private func sqlstate(in reason: String) -> String? {
  if reason.contains("password authentication failed") { return "28P01" }
  if reason.contains("database \"") && reason.contains("does not exist") { return "3D000" }
  if reason.contains("role \"") && reason.contains("does not exist") { return "28000" }
  if reason.contains("too many clients") || reason.contains("remaining connection slots") {
    return "53300"
  }
  if reason.contains("the database system is") { return "57P03" }
  return nil
}
