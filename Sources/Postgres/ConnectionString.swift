import CLibpq
import Diagnostics

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// What to connect to; prints itself without the password.
///
/// Whatever libpq takes is taken: a URL, a keyword string, a service, and for all that is not said, its
/// environment variables, `pg_service.conf` and `.pgpass`.
public struct ConnectionString: Sendable, Hashable {
  /// Keywords that were said, in order; passwords among them.
  private var keywords: [Keyword]

  private struct Keyword: Sendable, Hashable {
    var name: String
    var value: String
  }

  /// Text that is no connection string.
  public struct Malformed: Explainable, Hashable {
    /// As libpq says it; it repeats at most the part that it could not read.
    public var reason: String

    public var diagnostic: Diagnostic {
      .error(
        code: "bad_connection_string", "the connection string cannot be read: \(reason)",
        next: "give a URL such as postgres://user@host:5432/database, or keywords such as"
          + " host=… dbname=…")
    }
  }

  /// Reads a URL or a keyword string; an empty text leaves everything to libpq's environment.
  ///
  /// - Throws: `Malformed` where libpq's own parser refuses it.
  public init(_ text: String) throws(Malformed) {
    var message: UnsafeMutablePointer<CChar>?
    guard let options = PQconninfoParse(text, &message) else {
      let reason = message.map { String(cString: $0) } ?? "out of memory"
      PQfreemem(message)
      throw Malformed(reason: reason.split(separator: "\n").joined(separator: " "))
    }
    defer { PQconninfoFree(options) }
    keywords = []
    var option = options
    while let name = option.pointee.keyword {
      if let value = option.pointee.val {
        keywords.append(Keyword(name: String(cString: name), value: String(cString: value)))
      }
      option += 1
    }
  }

  /// The value that was said for a keyword; `nil` where it is left to the environment.
  public subscript(keyword: String) -> String? {
    get { keywords.first { $0.name == keyword }?.value }
    set {
      keywords.removeAll { $0.name == keyword }
      if let newValue { keywords.append(Keyword(name: keyword, value: newValue)) }
    }
  }

  /// The value that libpq will use: what was said, else its environment, else its default.
  ///
  /// A service file is read by libpq only when it connects; what stands there is not seen here.
  public func effective(_ keyword: String) -> String? {
    if let said = self[keyword] { return said }
    // libpq's whole list would be made for it, the system's name of the user among it.
    if ConnectionString.withoutDefault.contains(keyword), self["service"] == nil,
      getenv("PGSERVICE") == nil
    {
      return ConnectionString.variable(keyword)
    }
    guard let options = PQconndefaults() else { return nil }
    defer { PQconninfoFree(options) }
    var option = options
    while let name = option.pointee.keyword {
      if String(cString: name) == keyword { return option.pointee.val.map { String(cString: $0) } }
      option += 1
    }
    return nil
  }

  /// Whether connecting asks nobody but the server, so that it never blocks: one address or local socket,
  /// no name to be resolved, and no ticket to be got for it.
  var needsNobody: Bool {
    guard self["service"] == nil, getenv("PGSERVICE") == nil else { return false }
    let host = self["host"] ?? ConnectionString.variable("host") ?? ""
    guard self["hostaddr"] == nil, ConnectionString.variable("hostaddr") == nil else {
      return false
    }
    if host.hasPrefix("/") && !host.utf8.contains(UInt8(ascii: ",")) { return true }
    let encryption = self["gssencmode"] ?? ConnectionString.variable("gssencmode")
    var address = in_addr()
    return encryption == "disable" && inet_pton(AF_INET, host, &address) == 1
  }

  private static func variable(_ keyword: String) -> String? {
    variables[keyword].flatMap { getenv($0) }.map { String(cString: $0) }
  }

  /// Keywords that are asked for at every opening, and to which libpq has no default of its own.
  private static let withoutDefault = ["options", "connect_timeout"]

  /// The keywords and values as `PQconnectdbParams` takes them.
  var parameters: [(name: String, value: String)] { keywords.map { ($0.name, $0.value) } }

  /// The environment that makes libpq's own programs (`pg_dump`, `psql`) connect to the same place; the
  /// password stays out of their argument list.
  public var environment: [String: String] {
    var result: [String: String] = [:]
    for keyword in keywords {
      if let variable = ConnectionString.variables[keyword.name] {
        result[variable] = keyword.value
      }
    }
    return result
  }

  /// Source: PostgreSQL manual, 34.15 "Environment Variables".
  private static let variables: [String: String] = [
    "host": "PGHOST", "hostaddr": "PGHOSTADDR", "port": "PGPORT", "dbname": "PGDATABASE",
    "user": "PGUSER", "password": "PGPASSWORD", "passfile": "PGPASSFILE", "service": "PGSERVICE",
    "options": "PGOPTIONS", "sslmode": "PGSSLMODE", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY",
    "sslrootcert": "PGSSLROOTCERT", "sslcrl": "PGSSLCRL", "channel_binding": "PGCHANNELBINDING",
    "connect_timeout": "PGCONNECT_TIMEOUT", "gssencmode": "PGGSSENCMODE",
    "krbsrvname": "PGKRBSRVNAME", "target_session_attrs": "PGTARGETSESSIONATTRS",
    "requirepeer": "PGREQUIREPEER",
  ]

  /// `user@host:port/database` as far as it is known before connecting.
  public var summary: String {
    let service = self["service"].map { "service \($0)" }
    guard self["host"] != nil || self["dbname"] != nil || service == nil else {
      return service ?? ""
    }
    let host = effective("host") ?? "local socket"
    let user = effective("user") ?? ""
    let database = effective("dbname") ?? user
    let port = effective("port").map { host.hasPrefix("/") ? "" : ":\($0)" } ?? ""
    return "\(user)@\(host)\(port)/\(database)"
  }
}

extension ConnectionString: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable
{
  /// The keywords that were said, passwords as `***`.
  public var description: String {
    keywords.map { keyword in
      let isSecret = keyword.name == "password" || keyword.name == "sslpassword"
      return "\(keyword.name)=\(isSecret ? "***" : keyword.value)"
    }.joined(separator: " ")
  }

  public var debugDescription: String { description }
  public var customMirror: Mirror { Mirror(self, children: ["description": description]) }
}
