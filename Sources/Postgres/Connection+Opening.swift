import CLibpq
import EventLoop

extension Connection {
  /// Opens a session. Name resolution, TLS and authentication are libpq's, on a helper thread.
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
    if target.effective("connect_timeout") == nil { parameters.append(("connect_timeout", "10")) }
    let all = parameters
    let attempt = await BlockingWork.run { Attempt(connectBlocking(all)) }
    guard let handle = attempt.handle else {
      throw .cannotConnect(target: target.summary, reason: "out of memory", sqlstate: nil)
    }
    guard PQstatus(handle) == CONNECTION_OK else {
      let reason = trimmed(String(cString: PQerrorMessage(handle)))
      PQfinish(handle)
      throw .cannotConnect(target: target.summary, reason: reason, sqlstate: sqlstate(in: reason))
    }
    PQsetnonblocking(handle, 1)
    return Connection(handle: handle, target: target, loop: loop)
  }

  private struct Attempt: @unchecked Sendable {
    // The helper thread hands the pointer over and never touches it again.
    let handle: OpaquePointer?
    init(_ handle: OpaquePointer?) { self.handle = handle }
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
