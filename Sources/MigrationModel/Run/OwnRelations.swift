import PostgresModel

extension RunUnit {
  /// The tables that the script makes, by their own names.
  public var tablesMade: Set<String> {
    reading { script in
      var made: Set<String> = []
      for statement in statements where statement.command == "CREATE TABLE" {
        if let name = script.nameOfTable(madeBy: statement) { made.insert(name) }
      }
      return made
    }
  }

  /// Whether it can be told from the text alone that no relation is locked but those the script makes;
  /// what is not plain counts as more.
  public var touchesOnlyItsOwn: Bool {
    let made = tablesMade
    return reading { script in
      statements.allSatisfy { script.touches($0, only: made) }
    }
  }

  /// The names in the script's `DROP TABLE` statements that mean the same before it has run, as they are
  /// written, and whether nothing else can be in it; what is not plain counts as something else.
  public var tablesDropped: (names: [String], isAll: Bool) {
    reading { script in
      var names: [String] = []
      var isAll = true
      for statement in statements {
        guard statement.command == "DROP TABLE",
          let dropped = script.namesOfTables(droppedBy: statement)
        else {
          isAll = false
          continue
        }
        names += dropped
      }
      // Behind anything but definitions a bare name may mean another table: `SET search_path`, a function.
      let definitions = ["DROP ", "ALTER ", "CREATE ", "COMMENT"]
      let areBareNamesPlain = statements.allSatisfy { statement in
        definitions.contains { statement.command.hasPrefix($0) }
      }
      if !areBareNamesPlain { names.removeAll { !$0.utf8.contains(UInt8(ascii: ".")) } }
      return (names, isAll && !names.isEmpty)
    }
  }

  private func reading<Result>(_ body: (ScriptWords) -> Result) -> Result {
    var sql = sql
    return sql.withUTF8 { body(ScriptWords(bytes: $0)) }
  }
}

/// The words of a script, parted by blanks, commas and parentheses; bytes, since each script is read so just
/// before it is sent.
private struct ScriptWords {
  /// Outlive it.
  let bytes: UnsafeBufferPointer<UInt8>

  func touches(_ statement: Statement, only made: Set<String>) -> Bool {
    var words = words(of: statement)
    switch statement.command {
    case "CREATE TABLE":
      while let word = words.next() {
        guard refersElsewhere(word) else { continue }
        // `GENERATED … AS IDENTITY`; behind any other AS stands a query or an expression.
        guard isWord(word, "as"), let next = words.next(), isWord(next, "identity") else {
          return false
        }
      }
      return true
    case "CREATE INDEX":
      while let word = words.next() {
        guard isWord(word, "on") else { continue }
        guard var name = words.next() else { return false }
        if isWord(name, "only") {
          guard let next = words.next() else { return false }
          name = next
        }
        return self.name(name).map { made.contains($0) } ?? false
      }
      return false
    case "COMMENT":
      _ = words.next()
      guard let on = words.next(), isWord(on, "on"), let kind = words.next(),
        let target = words.next()
      else { return false }
      guard isWord(kind, "table") || isWord(kind, "column") else { return false }
      // A column is named behind its table.
      let table = isWord(kind, "column") ? withoutLast(target) : target
      return table.flatMap { name($0) }.map { made.contains($0) } ?? false
    case "CREATE TYPE", "CREATE SCHEMA", "CREATE SEQUENCE", "CREATE DOMAIN": return true
    default: return false
    }
  }

  func nameOfTable(madeBy statement: Statement) -> String? {
    var words = words(of: statement)
    while let word = words.next() {
      guard isWord(word, "table") else { continue }
      while let name = words.next() {
        if isWord(name, "if") || isWord(name, "not") || isWord(name, "exists") { continue }
        return self.name(name)
      }
    }
    return nil
  }

  /// - Returns: `nil` where not all of it is names, or where more is dropped with them.
  func namesOfTables(droppedBy statement: Statement) -> [String]? {
    var words = words(of: statement)
    guard let drop = words.next(), isWord(drop, "drop"), let table = words.next(),
      isWord(table, "table")
    else { return nil }
    var names: [String] = []
    while let word = words.next() {
      if isWord(word, "if") || isWord(word, "exists") || isWord(word, "restrict") { continue }
      guard !isWord(word, "cascade"), name(word) != nil, !isComment(word) else { return nil }
      names.append(String(decoding: bytes[word], as: UTF8.self))
    }
    return names
  }

  private func isComment(_ word: Range<Int>) -> Bool {
    let rest = UnsafeBufferPointer(rebasing: bytes[word])
    return rest.indices.contains {
      rest.matches("--", at: $0) || rest.matches("/*", at: $0) || rest.matches("*/", at: $0)
    }
  }

  private func refersElsewhere(_ word: Range<Int>) -> Bool {
    switch bytes[word.lowerBound].asciiLowercased {
    case UInt8(ascii: "r"): isWord(word, "references")
    case UInt8(ascii: "i"): isWord(word, "inherits") || isWord(word, "if")
    case UInt8(ascii: "p"): isWord(word, "partition")
    case UInt8(ascii: "l"): isWord(word, "like")
    case UInt8(ascii: "a"): isWord(word, "as")
    case UInt8(ascii: "o"): isWord(word, "of")
    default: false
    }
  }

  // MARK: Words

  private struct Words {
    let bytes: UnsafeBufferPointer<UInt8>
    var position: Int
    let end: Int

    mutating func next() -> Range<Int>? {
      while position < end, isBetweenWords(bytes[position]) { position += 1 }
      let start = position
      while position < end, !isBetweenWords(bytes[position]) { position += 1 }
      return start < position ? start..<position : nil
    }

    private func isBetweenWords(_ byte: UInt8) -> Bool {
      switch byte {
      case 0x20, 0x09...0x0D, UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: ","): true
      default: false
      }
    }
  }

  private func words(of statement: Statement) -> Words {
    Words(bytes: bytes, position: statement.range.lowerBound, end: statement.range.upperBound)
  }

  /// - Parameter text: In lower case.
  private func isWord(_ word: Range<Int>, _ text: StaticString) -> Bool {
    word.count == text.utf8CodeUnitCount && bytes.matchesIgnoringCase(text, at: word.lowerBound)
  }

  /// A name without its schema and quotes; `nil` for a quoted one that does not end with its word.
  private func name(_ word: Range<Int>) -> String? {
    let dot = bytes[word].lastIndex(of: UInt8(ascii: "."))
    let name = bytes[(dot.map { $0 + 1 } ?? word.lowerBound)..<word.upperBound]
    guard name.contains(UInt8(ascii: "\"")) else {
      return String(decoding: name.map(\.asciiLowercased), as: UTF8.self)
    }
    guard name.count > 2, name.first == UInt8(ascii: "\""), name.last == UInt8(ascii: "\"") else {
      return nil
    }
    return String(decoding: name.dropFirst().dropLast(), as: UTF8.self)
  }

  /// A name without what stands behind its last dot; `nil` where it has none.
  private func withoutLast(_ word: Range<Int>) -> Range<Int>? {
    bytes[word].lastIndex(of: UInt8(ascii: ".")).map { word.lowerBound..<$0 }
  }
}
