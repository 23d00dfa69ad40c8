import PostgresModel

extension Statement {
  /// What it changes beyond its own database, where it does; the end of a sentence.
  ///
  /// Such a statement must not run on a scratch copy that shares the server with the target.
  public var clusterWide: String? {
    let words = command.split(separator: " " as Character)
    guard let verb = words.first else { return nil }
    if command.hasPrefix("ALTER SYSTEM") { return "settings of the whole server" }
    guard ["CREATE", "ALTER", "DROP"].contains(verb), words.count > 1 else { return nil }
    switch words[1] {
    case "ROLE", "USER", "GROUP":
      // A mapping of a foreign server belongs to its database.
      return words.count > 2 && words[2] == "MAPPING" ? nil : "roles of the whole server"
    case "TABLESPACE": return "tablespaces of the whole server"
    case "DATABASE": return "databases of the server"
    case "SUBSCRIPTION": return "a subscription, which connects to another server"
    default: return nil
    }
  }

  /// Why running it on a copy does not prove what it does on the target; `nil` where it does.
  public var beyondRehearsal: String? {
    if let clusterWide { return clusterWide }
    let words = command.split(separator: " " as Character)
    guard words.count > 1, ["CREATE", "ALTER", "DROP"].contains(words[0]) else {
      switch command {
      case "NOTIFY": return "listeners, which are not there"
      case "LOAD": return "libraries of the server"
      case "COPY": return "files of the server, or programs on it"
      default: return nil
      }
    }
    switch words[1] {
    case "EXTENSION": return "the files of an extension, which the target must have as well"
    case "SERVER", "FOREIGN": return "another server"
    case "PUBLICATION": return "subscribers, which are not there"
    default: return nil
    }
  }
}

extension [Script] {
  /// Each statement with its script and text.
  private var statements: [(script: Script, statement: Statement, text: String)] {
    flatMap { script in
      let text = script.text
      return SQLScript.statements(in: text).map { statement in
        let bytes = text.utf8.dropFirst(statement.range.lowerBound).prefix(statement.range.count)
        return (script, statement, String(decoding: bytes, as: UTF8.self))
      }
    }
  }

  /// What a statement changes beyond its own database; `nil` where none does.
  public var clusterWide: String? {
    statements.lazy.compactMap { $0.statement.clusterWide ?? hiddenRoles($0.text, $0.statement) }
      .first
  }

  /// Statements of which a rehearsal does not prove all: `ALTER SYSTEM (line 3): …`.
  public var beyondRehearsal: [String] {
    statements.compactMap { script, statement, text in
      guard let reason = statement.beyondRehearsal ?? hiddenRoles(text, statement) else {
        return nil
      }
      let line = script.location(ofTextByte: statement.range.lowerBound).line
      return "\(statement.command)\(line.map { " (line \($0))" } ?? ""): \(reason)"
    }
  }

  /// Roles are often made in a block that asks first whether they are there.
  private func hiddenRoles(_ text: String, _ statement: Statement) -> String? {
    guard statement.command == "DO" else { return nil }
    let words = text.lowercased().split { !$0.isLetter && $0 != "_" }
    let pairs = zip(words, words.dropFirst())
    let isThere = pairs.contains { verb, object in
      ["create", "alter", "drop"].contains(verb) && ["role", "user", "system"].contains(object)
    }
    return isThere ? "roles or settings of the whole server" : nil
  }
}
