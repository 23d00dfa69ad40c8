import Diagnostics

/// What stands in a configuration file, or in a variable, is not what Lockstep understands.
enum ConfigurationError: Explainable, Hashable {
  case unknownKey(String, at: SourceLocation, known: [String])
  /// `wanted` as the end of "… wants".
  case wrongValue(key: String, wanted: String, found: String, at: SourceLocation)
  case unknownWord(key: String, word: String, known: [String], at: SourceLocation)
  case severalWaysToConnect(environment: String, at: SourceLocation)
  case unreadableFile(path: String, reason: String)
  case notText(path: String)
  case unknownEnvironment(String, known: [String])
  /// The environment is known, but nothing says how to reach it.
  case noConnection(environment: String, variables: [String])
  /// A variable that the configuration names is not set.
  case variableNotSet(String, environment: String, at: SourceLocation)
  case wrongVariable(name: String, wanted: String, found: String, origin: String)
  case badURL(reason: String, advice: String, origin: String)
  case unknownLayout(String, known: [String], origin: String)
  /// The database is that of a protected environment, and another one is named.
  case otherwiseProtected(String, named: String, origin: String)

  var diagnostic: Diagnostic {
    switch self {
    case .unknownKey(let key, let place, let known):
      wrong(
        "there is no key \"\(key)\" in the configuration", place,
        Self.suggestion(for: key, among: known))
    case .wrongValue(let key, let wanted, let found, let place):
      wrong("\"\(key)\" wants \(wanted), not \(found)", place, "correct the value there")
    case .unknownWord(let key, let word, let known, let place):
      wrong("\"\(key)\" does not know \"\(word)\"", place, Self.suggestion(for: word, among: known))
    case .severalWaysToConnect(let environment, let place):
      wrong(
        "environment \"\(environment)\" says in more than one way where its database is", place,
        "keep one of url, url_env and service")
    case .unreadableFile(let path, let reason):
      wrong(
        "the configuration cannot be read: \(reason)", SourceLocation(file: path),
        "make the file readable, or move it away")
    case .notText(let path):
      wrong(
        "the configuration is not UTF-8 text", SourceLocation(file: path), "save it as UTF-8")
    case .unknownEnvironment(let name, let known):
      .error(
        code: "configuration", "there is no environment \"\(name)\"",
        next: Self.suggestion(for: name, among: known, isFollowed: true)
          + "one of the project's own is made in lockstep.json")
    case .noConnection(let environment, let variables):
      .error(
        code: "configuration", "nothing says where the database of \"\(environment)\" is",
        next: "set \(variables.joined(separator: " or ")) in the environment, in .env or in "
          + ".env.dbmate, or \"url_env\" or \"service\" of environments.\(environment) in "
          + "lockstep.json")
    case .variableNotSet(let name, let environment, let place):
      wrong(
        "environment \"\(environment)\" wants the variable \(name), which is not set", place,
        "set \(name) in the environment or in .env")
    case .wrongVariable(let name, let wanted, let found, let origin):
      .error(
        code: "configuration", "\(name) wants \(wanted), not \"\(found)\"",
        details: [.init("from", origin)], next: "correct it, or take it away")
    case .badURL(let reason, let advice, let origin):
      .error(
        code: "configuration", "the connection URL cannot be used: \(reason)",
        details: [.init("from", origin)], next: advice)
    case .unknownLayout(let name, let known, let origin):
      .error(
        code: "configuration", "there is no layout \"\(name)\"",
        details: [.init("from", origin)], next: Self.suggestion(for: name, among: known))
    case .otherwiseProtected(let name, let named, let origin):
      .error(
        code: "configuration",
        "this is the database of \"\(name)\", which is protected, not of \"\(named)\"",
        details: [.init("from", "the same database as \(origin)")],
        next:
          "name the environment that it is: --env \(name), or another database; nothing was done")
    }
  }

  private func wrong(_ what: String, _ place: SourceLocation, _ next: String) -> Diagnostic {
    .error(code: "configuration", what, at: place, next: next)
  }

  private static func suggestion(
    for word: String, among known: [String], isFollowed: Bool = false
  ) -> String {
    if let near = nearest(to: word, among: known) {
      return "did you mean \"\(near)\"?" + (isFollowed ? " " : "")
    }
    return "known are \(known.joined(separator: ", "))" + (isFollowed ? "; " : "")
  }
}
