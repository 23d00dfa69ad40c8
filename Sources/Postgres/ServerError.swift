import CLibpq
import Diagnostics
import PostgresModel

/// What the server said of a statement that failed, unchanged.
public struct ServerError: Explainable, Hashable {
  /// `ERROR`, `FATAL`, `PANIC`; never translated.
  public var severity: String
  /// Five characters; empty where libpq made the message up.
  public var sqlstate: String
  public var message: String
  public var detail: String?
  public var hint: String?
  public var context: String?
  /// 1-based, in characters of the text that was sent.
  public var position: Int?
  public var internalQuery: String?
  public var schema: String?
  public var table: String?
  public var column: String?
  public var constraint: String?

  public init(
    severity: String = "ERROR", sqlstate: String, message: String, detail: String? = nil,
    hint: String? = nil, context: String? = nil, position: Int? = nil
  ) {
    self.severity = severity
    self.sqlstate = sqlstate
    self.message = message
    self.detail = detail
    self.hint = hint
    self.context = context
    self.position = position
  }

  init(_ result: OpaquePointer) {
    func field(_ code: Int) -> String? {
      PQresultErrorField(result, Int32(code)).map { String(cString: $0) }
    }
    let fallback = PQresultErrorMessage(result).map { String(cString: $0) } ?? ""
    self.init(
      severity: field(LS_DIAG_SEVERITY) ?? "ERROR", sqlstate: field(LS_DIAG_SQLSTATE) ?? "",
      message: field(LS_DIAG_MESSAGE) ?? trimmed(fallback), detail: field(LS_DIAG_DETAIL),
      hint: field(LS_DIAG_HINT), context: field(LS_DIAG_CONTEXT),
      position: field(LS_DIAG_POSITION).flatMap { Int($0) })
    internalQuery = field(LS_DIAG_INTERNAL_QUERY)
    schema = field(LS_DIAG_SCHEMA)
    table = field(LS_DIAG_TABLE)
    column = field(LS_DIAG_COLUMN)
    constraint = field(LS_DIAG_CONSTRAINT)
  }

  /// `statement_timeout`, `pg_cancel_backend` or our own cancellation.
  public var isCancellation: Bool { sqlstate == "57014" }
  public var isLockTimeout: Bool { sqlstate == "55P03" }
  public var isInsufficientPrivilege: Bool { sqlstate == "42501" }

  public var diagnostic: Diagnostic {
    Diagnostic(
      .error, code: "sql_error", message, details: details,
      sqlstate: sqlstate.isEmpty ? nil : sqlstate)
  }

  /// The server's further lines, in the order in which psql shows them.
  public var details: [Diagnostic.Detail] {
    var details: [Diagnostic.Detail] = []
    if let detail { details.append(.init("detail", detail)) }
    if let hint { details.append(.init("hint", hint)) }
    if let internalQuery { details.append(.init("query", internalQuery)) }
    if let context { details.append(.init("context", context)) }
    return details
  }
}

/// A notice, warning or other message that came beside an answer.
public struct Notice: Sendable, Hashable {
  public var severity: String
  public var sqlstate: String
  public var message: String
  public var detail: String?
  public var hint: String?

  public init(
    severity: String, sqlstate: String, message: String, detail: String? = nil, hint: String? = nil
  ) {
    self.severity = severity
    self.sqlstate = sqlstate
    self.message = message
    self.detail = detail
    self.hint = hint
  }
}

/// Everything that can go wrong between us and the server.
public enum DatabaseError: Explainable, Hashable {
  /// Connecting did not succeed; libpq's words, without the password. SQLSTATE where a server answered.
  case cannotConnect(target: String, reason: String, sqlstate: String?)
  /// The session is gone; what ran in it was rolled back unless it had committed.
  case connectionLost(reason: String)
  case server(ServerError)
  /// An answer that is not what the query promised: another server version, or a table of another tool.
  case unexpectedAnswer(ResultRow.Mismatch, query: String)

  public var serverError: ServerError? {
    if case .server(let error) = self { error } else { nil }
  }

  public var isConnectionProblem: Bool {
    switch self {
    case .cannotConnect, .connectionLost: true
    case .server(let error): error.sqlstate.hasPrefix("08") || error.sqlstate.hasPrefix("57P")
    case .unexpectedAnswer: false
    }
  }

  public var diagnostic: Diagnostic {
    switch self {
    case .cannotConnect(let target, let reason, let sqlstate):
      Diagnostic(
        .error, code: "no_connection", "cannot connect to \(target): \(reason)",
        next: adviceForConnecting(reason: reason, sqlstate: sqlstate), sqlstate: sqlstate)
    case .connectionLost(let reason):
      .error(
        code: "connection_lost", "the connection to the server was lost: \(reason)",
        next:
          "see `lockstep status` for what was recorded; a transaction that had not committed was"
          + " rolled back")
    case .server(let error): error.diagnostic
    case .unexpectedAnswer(let mismatch, let query):
      .error(
        code: "unexpected_answer",
        "column \(mismatch.column + 1) should be \(mismatch.expected) but is"
          + " \(mismatch.found.map { "\"\($0)\"" } ?? "NULL")",
        details: [.init("query", query)],
        next: "check that the table belongs to the layout that `lockstep doctor` names")
    }
  }
}

private func adviceForConnecting(reason: String, sqlstate: String?) -> String {
  switch sqlstate {
  case "28P01", "28000":
    return "check user and password; libpq also reads PGPASSWORD and ~/.pgpass"
  case "3D000": return "`lockstep create` with the same URL makes the database"
  case "53300": return "the server has no connection left; ask again later"
  case "57P03": return "the server is starting up or shutting down; `lockstep wait` waits for it"
  default:
    if reason.contains("password authentication failed") || reason.contains("no password supplied")
    {
      return "check user and password; libpq also reads PGPASSWORD and ~/.pgpass"
    }
    if reason.contains("does not exist") && reason.contains("database") {
      return "`lockstep create` with the same URL makes the database"
    }
    if ["unrecognized configuration parameter", "invalid value for parameter"]
      .contains(where: reason.contains)
    {
      return "take out of the URL, or put right, what the server does not know"
    }
    if reason.hasPrefix("invalid ") {
      return
        "put it right in the URL, or in the environment that libpq reads (PGSSLMODE and the like)"
    }
    if reason.contains("SSL was required") {
      return "turn TLS on at the server; sslmode=prefer goes without it"
    }
    return "check host and port in DATABASE_URL or --url; `lockstep wait` waits for a server"
  }
}

/// One line of libpq's several, without their line breaks and indentation; what it says of each of several
/// attempts in the same words is said once.
func trimmed(_ text: String) -> String {
  text.split(separator: "\n" as Character).map { line in
    let start = line.drop(while: \.isWhitespace)
    return start.last?.isWhitespace == true
      ? String(start.reversed().drop(while: \.isWhitespace).reversed()) : String(start)
  }.reduce(into: [String]()) { lines, line in
    if !lines.contains(line) { lines.append(line) }
  }.joined(separator: "; ")
}
