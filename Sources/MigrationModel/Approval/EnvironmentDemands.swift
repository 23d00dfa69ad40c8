/// What an environment asks for before, while and after migrations run in it.
public struct EnvironmentDemands: Sendable, Hashable {
  public var environment: String
  /// Where it is said which environment this is, for messages.
  public var origin: String?
  public var isProtected = false
  /// The environment in which migrations are to be validated first; `nil` asks for none.
  public var validatedOn: String?
  public var approverIsNotAuthor = false
  public var mayBreakGlass = false
  public var backup: BackupDemand?
  public var health: HealthDemand?
  /// Whether what a run has applied is rolled back when the health check fails after it.
  public var rollsBackAutomatically = false

  public init(environment: String, origin: String? = nil) {
    self.environment = environment
    self.origin = origin
  }

  /// What a run has to keep, in the words under which it is recorded.
  public var asks: [String] {
    (backup == nil ? [] : ["backup"]) + (health == nil ? [] : ["health"])
  }
}

/// How a database is backed up before migrations run.
public enum BackupDemand: Sendable, Hashable {
  /// `pg_dump` in custom format, into a folder.
  case dump(directory: String)
  /// The environment's own command; its status tells whether there is a backup.
  case command([String])
}

/// How it is seen whether what uses the database is well.
public struct HealthDemand: Sendable, Hashable {
  public var way: Way
  /// How long the answer may take.
  public var timeout: Duration

  public enum Way: Sendable, Hashable {
    /// The first column of the first row: true, a number other than zero, or a text that is neither empty
    /// nor false.
    case sql(String)
    /// Exit status 0.
    case command([String])
    /// An answer that curl takes for a success.
    case url(String)
  }

  public init(_ way: Way, timeout: Duration = .seconds(30)) {
    self.way = way
    self.timeout = timeout
  }
}

extension HealthDemand.Way {
  /// As records name it: `sql`, `command`, `url`.
  public var word: String {
    switch self {
    case .sql: "sql"
    case .command: "command"
    case .url: "url"
    }
  }

  /// What is asked, in one line for messages; nothing secret that may stand in an address.
  public var words: String {
    switch self {
    case .sql(let sql): HealthDemand.line(sql)
    case .command(let arguments): HealthDemand.line(arguments.joined(separator: " "))
    case .url(let url): HealthDemand.withoutSecrets(url)
    }
  }
}

extension HealthDemand {
  static func line(_ text: String) -> String {
    let line = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    return line.count <= 200 ? line : "\(line.prefix(199))…"
  }

  /// An address without user, password and query.
  static func withoutSecrets(_ url: String) -> String {
    var text = url[...]
    if let query = text.firstIndex(where: { $0 == "?" || $0 == "#" }) { text = text[..<query] }
    guard let scheme = text.firstRange(of: "://") else { return String(text) }
    let rest = text[scheme.upperBound...]
    let host = rest.prefix { $0 != "/" }
    guard let at = host.lastIndex(of: "@") else { return String(text) }
    return String(text[..<scheme.upperBound] + rest[rest.index(after: at)...])
  }
}
