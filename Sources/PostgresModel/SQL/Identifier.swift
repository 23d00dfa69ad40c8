/// Text made safe to stand in SQL where no parameter can: in a message of several statements.
public enum SQLText {
  /// Quotes an identifier always, as libpq's `PQescapeIdentifier` does.
  public static func identifier(_ name: String) -> String {
    "\"" + doubled(name, UInt8(ascii: "\"")) + "\""
  }

  /// Quotes a literal as libpq's `PQescapeLiteral` does: right whatever `standard_conforming_strings` says.
  public static func literal(_ text: String) -> String {
    let quoted = doubled(text, UInt8(ascii: "'"))
    guard contains(text, UInt8(ascii: "\\")) else { return "'" + quoted + "'" }
    return " E'" + doubled(quoted, UInt8(ascii: "\\")) + "'"
  }

  /// Puts pieces together in no more memory than they need; a plan holds thousands of such texts.
  public static func joined(_ pieces: [String]) -> String {
    var text = ""
    text.reserveCapacity(pieces.reduce(0) { $0 + $1.utf8.count })
    for piece in pieces { text += piece }
    return text
  }

  private static func contains(_ text: String, _ byte: UInt8) -> Bool {
    text.utf8.withContiguousStorageIfAvailable { $0.contains(byte) } ?? text.utf8.contains(byte)
  }

  /// Bytes, as the server reads them: a mark with an accent behind it is another character, but the same
  /// mark.
  private static func doubled(_ text: String, _ mark: UInt8) -> String {
    guard contains(text, mark) else { return text }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.utf8.count + 8)
    for byte in text.utf8 {
      bytes.append(byte)
      if byte == mark { bytes.append(mark) }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// The name of a table with or without its schema, as the user gave it or the server has it.
public struct QualifiedName: Sendable, Hashable {
  /// `nil`: wherever `search_path` leads.
  public var schema: String?
  public var name: String

  public init(schema: String? = nil, _ name: String) {
    self.schema = schema
    self.name = name
  }

  /// Reads `table` or `schema.table`; the first dot divides, quotes around a part are taken off.
  public init(parsing text: String) {
    func unquoted(_ part: Substring) -> String {
      guard part.count >= 2, part.first == "\"", part.last == "\"" else { return String(part) }
      return part.dropFirst().dropLast().split(separator: "\"\"", omittingEmptySubsequences: false)
        .joined(separator: "\"")
    }
    if let dot = text.firstIndex(of: ".") {
      self.init(schema: unquoted(text[..<dot]), unquoted(text[text.index(after: dot)...]))
    } else {
      self.init(unquoted(text[...]))
    }
  }

  /// Quoted for SQL.
  public var sql: String {
    (schema.map { SQLText.identifier($0) + "." } ?? "") + SQLText.identifier(name)
  }
}

extension QualifiedName: CustomStringConvertible {
  /// For people: without quotes.
  public var description: String { (schema.map { $0 + "." } ?? "") + name }
}
