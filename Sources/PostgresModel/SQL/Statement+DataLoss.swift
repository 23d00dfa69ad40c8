extension Statement {
  /// Says what the statement destroys that nothing brings back: `drops the table orders`.
  ///
  /// Told from its words alone: what a `DO` block or a function does is not seen, and an `UPDATE` does
  /// not count, since migrations fill columns with it.
  ///
  /// - Parameter script: The bytes in which `range` stands.
  /// - Returns: In words, each thing once; empty when nothing is lost.
  public func dataLosses(in script: UnsafeBufferPointer<UInt8>) -> [String] {
    var reader = DataLossReader(UnsafeBufferPointer(rebasing: script[range]))
    switch command {
    case "ALTER TABLE", "ALTER TYPE": return reader.alterations()
    case let command where command.hasPrefix("DROP"): return reader.drop()
    case "TRUNCATE": return reader.truncate()
    case "DELETE", "WITH", "MERGE": return reader.deletion()
    default: return []
    }
  }

  /// As `dataLosses(in:)`, for text.
  public func dataLosses(in script: String) -> [String] {
    var script = script
    return script.withUTF8 { dataLosses(in: $0) }
  }
}

/// Reads the words of one statement for what it destroys.
private struct DataLossReader {
  private var lexer: SQLLexer
  private var token: SQLToken

  init(_ bytes: UnsafeBufferPointer<UInt8>) {
    lexer = SQLLexer(bytes)
    token = lexer.nextSignificant()
  }

  private mutating func advance() { token = lexer.nextSignificant() }

  private mutating func take(_ word: StaticString) -> Bool {
    guard token.kind == .word, lexer.matches(token, word) else { return false }
    advance()
    return true
  }

  /// Takes a name with its schema, as it is written.
  private mutating func name() -> String {
    var name = ""
    while token.kind == .word || token.kind == .quotedIdentifier {
      name += lexer.text(token)
      advance()
      guard token.kind == .punctuation, lexer.text(token) == "." else { break }
      name += "."
      advance()
    }
    return name
  }

  private mutating func names() -> String {
    var names = [name()]
    while token.kind == .punctuation, lexer.text(token) == "," {
      advance()
      _ = take("only")
      names.append(name())
    }
    return names.joined(separator: ", ")
  }

  private mutating func hasCascade() -> Bool {
    while token.kind != .end {
      if take("cascade") { return true }
      advance()
    }
    return false
  }

  mutating func drop() -> [String] {
    advance()
    let kind = token.kind == .word ? lexer.text(token).lowercased() : ""
    advance()
    if take("if") { _ = take("exists") }
    switch kind {
    case "table": return ["drops the table \(names())"]
    case "schema":
      let schemas = names()
      // Without CASCADE the server refuses to drop a schema that holds anything.
      return hasCascade() ? ["drops the schema \(schemas) with all that is in it"] : []
    case "database": return ["drops the database \(name())"]
    case "owned": return ["drops all that a role owns"]
    case "type", "domain", "extension":
      let subject = names()
      return hasCascade() ? ["drops the \(kind) \(subject) and every column of it"] : []
    default: return []
    }
  }

  mutating func truncate() -> [String] {
    advance()
    _ = take("table")
    _ = take("only")
    return ["empties the table \(names())"]
  }

  mutating func deletion() -> [String] {
    var isMerge = false
    while token.kind != .end {
      if take("merge") { isMerge = true }
      if take("then"), isMerge, take("delete") { return ["deletes rows"] }
      if take("delete") {
        guard take("from") else { continue }
        _ = take("only")
        return ["deletes rows of \(name())"]
      }
      advance()
    }
    return []
  }

  /// Reads the actions of `ALTER TABLE`, each after a comma outside of parentheses.
  mutating func alterations() -> [String] {
    advance()
    advance()
    if take("if") { _ = take("exists") }
    _ = take("only")
    let table = name()
    var losses: [String] = []
    var depth = 0
    var isAtAction = true
    while token.kind != .end {
      if isAtAction {
        isAtAction = false
        if let loss = action(on: table) { losses.append(loss) }
        continue
      }
      switch token.kind {
      case .openParenthesis: depth += 1
      case .closeParenthesis: depth -= 1
      case .punctuation where depth == 0 && lexer.text(token) == ",": isAtAction = true
      default: break
      }
      advance()
    }
    return losses
  }

  private mutating func action(on table: String) -> String? {
    if take("drop") {
      if take("constraint") { return nil }
      let isAttribute = take("attribute")
      if !isAttribute { _ = take("column") }
      if take("if") { _ = take("exists") }
      return "drops the \(isAttribute ? "attribute" : "column") \(table).\(name())"
    }
    guard take("alter") else { return nil }
    if take("constraint") { return nil }
    if !take("attribute") { _ = take("column") }
    let column = name()
    if take("set") { guard take("data") else { return nil } }
    return take("type") ? "rewrites the column \(table).\(column) as another type" : nil
  }
}
