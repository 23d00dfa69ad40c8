import Postgres
import PostgresModel

/// A connection URL as some tool writes it, made fit for libpq.
///
/// Sources: dbmate 2.35 (`pkg/driver/postgres/postgres.go`, `connectionString`), golang-migrate 4 (`x-`
/// parameters), lib/pq and sqlx (parameters that libpq does not know are settings of the session), and
/// the PostgreSQL manual, 34.1.1.2 "Connection URIs" and 34.1.2 "Parameter Key Words".
struct ConfigurationURL: Sendable, Hashable {
  var target: ConnectionString
  /// golang-migrate's `x-migrations-table`.
  var migrationsTable: QualifiedName?

  /// Reads a URL, a keyword string, or the bare name of a database as `psql` takes it.
  ///
  /// - Parameter origin: Where the text came from, for errors. The text itself is never repeated, as it
  ///   may hold a password.
  init(_ text: String, origin: String) throws(ConfigurationError) {
    var text = text
    if let scheme = text.range(ofText: "://") {
      text = try Self.rewritten(
        scheme: text[..<scheme.lowerBound], rest: text[scheme.upperBound...], origin: origin,
        table: &migrationsTable)
    } else if !text.isEmpty, !text.contains("=") {
      text = "dbname='" + text.escaped(["'", "\\"]) + "'"
    }
    do {
      target = try ConnectionString(text)
    } catch {
      let isSecret = text.contains("password") || text.contains("@")
      throw .badURL(
        reason: isSecret ? "its parts cannot be told apart" : error.reason,
        advice: "give postgres://USER@HOST:PORT/DATABASE, or keywords such as host=… dbname=…; "
          + "percent-encode special characters of the password", origin: origin)
    }
  }

  private static func rewritten(
    scheme: Substring, rest: Substring, origin: String, table: inout QualifiedName?
  ) throws(ConfigurationError) -> String {
    guard ["postgres", "postgresql", "pgx", "pgx4", "pgx5"].contains(scheme) else {
      throw .badURL(
        reason: "\"\(scheme)\" is no scheme of PostgreSQL",
        advice: "begin it with postgres:// or postgresql://", origin: origin)
    }
    let parts = rest.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    try checkAuthority(parts[0], query: parts.count > 1 ? parts[1] : "", origin: origin)
    var query: [(name: String, value: String)] = []
    var settings: [String] = []
    for item in parts.count > 1 ? parts[1].split(separator: "&") : [] {
      let pair = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard let name = decoded(pair[0]), let value = decoded(pair.count > 1 ? pair[1] : "") else {
        throw badPercent(origin)
      }
      if name == "x-migrations-table" { table = QualifiedName(parsing: value) }
      if name.hasPrefix("x-") || ignoredParameters.contains(name) { continue }
      let known = renamedParameters[name] ?? name
      if known == "options" {
        settings.append(value)
      } else if libpqParameters.contains(known) {
        query.append((known, value))
      } else {
        settings.append("-c \(settingName(known))=\(value.escaped([" ", "\\"]))")
      }
    }
    if !settings.isEmpty { query.append(("options", settings.joined(separator: " "))) }
    let text = query.map { "\(encoded($0.name))=\(encoded($0.value))" }.joined(separator: "&")
    return "postgresql://\(parts[0])" + (text.isEmpty ? "" : "?\(text)")
  }

  // libpq's own errors would repeat the part of a password that it took for a host or a port.
  private static func checkAuthority(
    _ text: Substring, query: Substring, origin: String
  ) throws(ConfigurationError) {
    guard decoded(text) != nil else { throw badPercent(origin) }
    let authority = text.prefix { $0 != "/" }
    let hosts = authority.split(separator: "@", omittingEmptySubsequences: false)
    let port = hosts.last?.split(separator: ":", omittingEmptySubsequences: false).last ?? ""
    let hasOddPort =
      hosts.last?.contains(":") == true && !port.contains("]")
      && !port.allSatisfy { $0.isASCII && ($0.isNumber || $0 == "," || $0 == "-") }
      && !port.contains(",")
    if hosts.count > 2 || (hosts.count == 1 && hasOddPort) {
      throw .badURL(
        reason: "the user name or password holds a character that divides the URL",
        advice: "percent-encode it: @ is %40, / is %2F, : is %3A, ? is %3F, # is %23",
        origin: origin)
    }
  }

  private static func badPercent(_ origin: String) -> ConfigurationError {
    .badURL(
      reason: "a % is not followed by two hexadecimal digits", advice: "write %25 for a % itself",
      origin: origin)
  }

  // sqlx writes options[search_path]=app.
  private static func settingName(_ name: String) -> String {
    guard name.hasPrefix("options["), name.hasSuffix("]") else { return name }
    return String(name.dropFirst(8).dropLast())
  }

  private static func decoded(_ text: Substring) -> String? {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard rest.count >= 2,
        let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
      else { return nil }
      bytes.append(value)
      rest.removeFirst(2)
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func encoded(_ text: String) -> String {
    text.utf8.reduce(into: "") { result, byte in
      let scalar = Unicode.Scalar(byte)
      if byte < 0x80, Character(scalar).isLetter || Character(scalar).isNumber || byte == 0x5f {
        result.unicodeScalars.append(scalar)
      } else {
        result += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
      }
    }
  }

  private static let renamedParameters = [
    "socket": "host", "ssl-mode": "sslmode", "ssl-root-cert": "sslrootcert",
    "ssl-ca": "sslrootcert",
    "ssl-cert": "sslcert", "ssl-key": "sslkey",
  ]

  // Of lib/pq and sqlx alone: they steer the driver, not the connection.
  private static let ignoredParameters = [
    "binary_parameters", "disable_prepared_binary_result", "statement-cache-capacity",
  ]

  private static let libpqParameters = [
    "host", "hostaddr", "port", "dbname", "user", "password", "passfile", "require_auth",
    "channel_binding", "connect_timeout", "client_encoding", "application_name",
    "fallback_application_name", "keepalives", "keepalives_idle", "keepalives_interval",
    "keepalives_count", "tcp_user_timeout", "replication", "gssencmode", "sslmode", "ssl",
    "requiressl", "sslnegotiation", "sslcompression", "sslcert", "sslkey", "sslpassword",
    "sslcertmode", "sslrootcert", "sslcrl", "sslcrldir", "sslsni", "requirepeer",
    "ssl_min_protocol_version", "ssl_max_protocol_version", "krbsrvname", "gsslib",
    "gssdelegation", "service", "target_session_attrs", "load_balance_hosts",
  ]
}

extension String {
  /// Puts a backslash before each of these characters.
  fileprivate func escaped(_ marks: Set<Character>) -> String {
    reduce(into: "") { result, character in
      if marks.contains(character) { result.append("\\") }
      result.append(character)
    }
  }

  fileprivate func range(ofText mark: String) -> Range<Index>? {
    var start = startIndex
    while start < endIndex {
      if self[start...].hasPrefix(mark) { return start..<index(start, offsetBy: mark.count) }
      start = index(after: start)
    }
    return nil
  }
}
