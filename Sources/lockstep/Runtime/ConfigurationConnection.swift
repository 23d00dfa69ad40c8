import Diagnostics
import Postgres
import PostgresModel

/// Finds out which database is meant and which environment that is.
struct ConnectionSettings {
  private let sources: ConfigurationSources
  var target = Setting(ConnectionString.ofEnvironment, from: Self.unnamed)
  var environment: Setting<String>?
  var rules = EnvironmentRules(name: "")
  var golangMigrateTable: Setting<QualifiedName>?

  init(_ sources: ConfigurationSources) { self.sources = sources }

  /// The way to a database where none was named, but the project has environments.
  var advice: String? {
    guard target.origin == Self.unnamed, let names = sources.file?.environments.map(\.name),
      !names.isEmpty
    else { return nil }
    return
      "name the database with --url or DATABASE_URL, or one of the project's environments with "
      + names.map { "`-e \($0)`" }.joined(separator: " or ")
  }

  private static let unnamed = "libpq's environment"

  /// - Parameters:
  ///   - url: What `--url` said; it decides where to connect, whatever the environment.
  ///   - name: What `--env` said; it decides by which rules.
  mutating func resolve(url: String?, name: String?) throws(ConfigurationError) {
    try choose(url: url, name: name)
    try refuseOtherRules()
  }

  private mutating func choose(url: String?, name: String?) throws(ConfigurationError) {
    if let name {
      let canonical = try canonicalName(name)
      environment = Setting(canonical, from: "--env")
      rules = rules(of: canonical)
    }
    let text: Setting<String>
    if let url {
      text = Setting(url, from: "--url")
    } else if let environment {
      text = try connection(of: environment.value)
    } else if let variable = sources.variable(sources.sqlx?.urlVariable ?? "DATABASE_URL") {
      text = variable
    } else {
      return recogniseEnvironment()
    }
    let read = try ConfigurationURL(text.value, origin: text.origin)
    target = Setting(read.target, from: text.origin)
    golangMigrateTable = read.migrationsTable.map {
      Setting($0, from: "x-migrations-table of \(text.origin)")
    }
    if environment == nil { recogniseEnvironment() }
  }

  private static let wellKnown: [(name: String, aliases: [String], variables: [String])] = [
    ("development", ["dev"], ["DEV_DATABASE_URL", "DEVELOPMENT_DATABASE_URL"]),
    ("staging", ["stage"], ["STAGING_DATABASE_URL"]),
    ("production", ["prod"], ["PRODUCTION_DATABASE_URL", "PROD_DATABASE_URL"]),
    ("preview", [], ["PREVIEW_DATABASE_URL"]), ("test", [], ["TEST_DATABASE_URL"]),
  ]

  private func canonicalName(_ name: String) throws(ConfigurationError) -> String {
    let own = sources.file?.environments.map(\.name) ?? []
    if own.contains(name) { return name }
    for known in Self.wellKnown where known.name == name || known.aliases.contains(name) {
      return known.name
    }
    if sources.services.names.contains(name) { return name }
    if variables(of: name).contains(where: { sources.variable($0) != nil }) { return name }
    throw .unknownEnvironment(
      name, known: own + Self.wellKnown.map(\.name).filter { !own.contains($0) })
  }

  /// An environment's name as typed and, where that is short for another, the other.
  static func names(for name: String) -> [String] {
    let known = wellKnown.first { $0.name == name || $0.aliases.contains(name) }
    return [name] + [known?.name].compactMap { $0 == name ? nil : $0 }
  }

  private func variables(of name: String) -> [String] {
    if let known = Self.wellKnown.first(where: { $0.name == name }) { return known.variables }
    let letters = name.uppercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" }
    return ["\(String(letters))_DATABASE_URL"]
  }

  private func rules(of name: String) -> EnvironmentRules {
    var rules = sources.file?.environments.first { $0.name == name } ?? EnvironmentRules(name: name)
    // The longest that a run in production may take, unless the project says otherwise.
    if name == "production", rules.timeout == nil { rules.timeout = .seconds(300) }
    return rules
  }

  private func connection(of name: String) throws(ConfigurationError) -> Setting<String> {
    let own = sources.file?.environments.first { $0.name == name }
    let place = own?.place.map { "\($0)" } ?? name
    switch own?.connection {
    case .url(let url): return Setting(url, from: "environments.\(name).url at \(place)")
    case .service(let service): return Self.service(service, from: place)
    case .variable(let variable):
      if let found = sources.variable(variable) { return found }
      throw .variableNotSet(
        variable, environment: name, at: own?.place ?? SourceLocation(file: "lockstep.json"))
    case nil: break
    }
    for variable in variables(of: name) {
      if let found = sources.variable(variable) { return found }
    }
    if sources.services.names.contains(name) {
      return Self.service(name, from: "pg_service.conf")
    }
    throw .noConnection(environment: name, variables: variables(of: name))
  }

  private static func service(_ name: String, from origin: String) -> Setting<String> {
    let quoted = name.reduce(into: "") { $0 += $1 == "'" || $1 == "\\" ? "\\\($1)" : "\($1)" }
    return Setting("service='\(quoted)'", from: "service \(name), \(origin)")
  }

  /// Without `--env`, a database that is an environment's own is treated by that environment's rules:
  /// a protected database is not less protected because its URL came by another way.
  private mutating func recogniseEnvironment() {
    let own = sources.file?.environments.map(\.name) ?? []
    // Of two that share a database the protected one is meant.
    let names =
      protectedNames + own + Self.wellKnown.map(\.name).filter { !own.contains($0) }
    for name in names {
      guard let origin = originOfTarget(as: name) else { continue }
      environment = Setting(name, from: "the same database as \(origin)")
      rules = rules(of: name)
      return
    }
  }

  /// Nor is it less protected where another environment is named for it.
  private func refuseOtherRules() throws(ConfigurationError) {
    guard let environment, !protectedNames.contains(environment.value) else { return }
    for name in protectedNames {
      guard let origin = originOfTarget(as: name) else { continue }
      throw .otherwiseProtected(name, named: environment.value, origin: origin)
    }
  }

  private var protectedNames: [String] {
    sources.file?.environments.filter(\.isProtected).map(\.name) ?? []
  }

  /// Where it is said that the target is the database of an environment; `nil` where it is another, or
  /// nothing tells.
  private func originOfTarget(as name: String) -> String? {
    guard let text = try? connection(of: name),
      let other = try? ConfigurationURL(text.value, origin: text.origin),
      place(of: other.target) == place(of: target.value)
    else { return nil }
    return text.origin
  }

  /// The name of the database, as far as it can be told without connecting.
  var databaseName: String? {
    value("dbname", of: target.value) ?? value("user", of: target.value)
  }

  private func value(_ keyword: String, of target: ConnectionString) -> String? {
    let service = target["service"] ?? sources.variables["PGSERVICE"]
    let section = service.flatMap { name in
      sources.services.services.first { $0.name == name }?.keywords
    }
    return target[keyword] ?? section?[keyword] ?? target.effective(keyword)
  }

  /// Host, port and database, as far as they can be told without connecting.
  private func place(of target: ConnectionString) -> [String] {
    func value(_ keyword: String) -> String? { self.value(keyword, of: target) }
    let host = value("host") ?? ""
    let isLocal =
      host.isEmpty || host.hasPrefix("/") || ["localhost", "127.0.0.1", "::1"].contains(host)
    return [
      isLocal ? "local" : host.lowercased(), value("port") ?? "5432",
      value("dbname") ?? value("user") ?? "",
    ]
  }
}

extension ConnectionString {
  /// Everything is left to libpq's own environment.
  fileprivate static var ofEnvironment: ConnectionString {
    // The empty text is always a connection string.
    (try? ConnectionString("")) ?? { preconditionFailure("libpq refuses an empty text") }()
  }
}
