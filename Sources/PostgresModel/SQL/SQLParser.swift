import CPgQuery

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Understands SQL as the server would, as far as its grammar goes.
public protocol SQLParser: Sendable {
  /// Parses a script of any number of statements; never fails, since SQL that this grammar does not
  /// know may be right for the server.
  func parse(_ sql: String) -> ParseOutcome
}

/// What came of parsing a script.
public enum ParseOutcome: Sendable, Hashable {
  case parsed([ParsedStatement])
  /// Not understood; `offset` is the UTF-8 offset of the place, `nil` where the parser names none.
  case unknown(message: String, offset: Int?)

  /// The statements; none where the script was not understood.
  public var statements: [ParsedStatement] {
    guard case .parsed(let statements) = self else { return [] }
    return statements
  }
}

/// One statement of a parsed script.
public struct ParsedStatement: Sendable, Hashable {
  /// UTF-8 offsets in the script: from the first token, comments before it left out, up to, not
  /// including, the semicolon.
  public var range: Range<Int>
  /// What kind of node the statement is: `CreateStmt`, `IndexStmt`.
  public var kind: String
  /// The fields of that node. `location` fields are UTF-8 offsets in the script.
  public var tree: ParseTree

  public init(range: Range<Int>, kind: String, tree: ParseTree) {
    self.range = range
    self.kind = kind
    self.tree = tree
  }
}

/// The grammar of PostgreSQL 15 by way of libpg_query.
///
/// What 16 to 18 added is `unknown`. Safe to call from any thread: libpg_query keeps its state per
/// thread.
public struct PgQueryParser: SQLParser {
  public init() {}

  public func parse(_ sql: String) -> ParseOutcome {
    // libpg_query takes C text: it would silently stop at a NUL.
    if let nul = sql.utf8.firstIndex(of: 0) {
      return .unknown(
        message: "invalid byte 0x00", offset: sql.utf8.distance(from: sql.startIndex, to: nul))
    }
    let result = pg_query_parse(sql)
    defer { pg_query_free_parse_result(result) }
    if let error = result.error {
      let message = error.pointee.message.map { String(cString: $0) } ?? "not understood"
      return .unknown(message: message, offset: offset(of: Int(error.pointee.cursorpos), in: sql))
    }
    guard let text = result.parse_tree, let tree = Self.tree(of: text) else {
      return .unknown(message: "libpg_query gave no tree", offset: nil)
    }
    return .parsed(statements(of: tree, in: sql))
  }

  /// Returns the first place that is no SQL; `nil` where all of the text is.
  ///
  /// Much cheaper than `parse(_:)`, as no tree is made.
  public func syntaxError(in sql: String) -> (message: String, offset: Int?)? {
    if let nul = sql.utf8.firstIndex(of: 0) {
      return ("invalid byte 0x00", sql.utf8.distance(from: sql.startIndex, to: nul))
    }
    let result = pg_query_split_with_parser(sql)
    defer { pg_query_free_split_result(result) }
    guard let error = result.error else { return nil }
    let message = error.pointee.message.map { String(cString: $0) } ?? "not understood"
    return (message, offset(of: Int(error.pointee.cursorpos), in: sql))
  }

  private static func tree(of text: UnsafeMutablePointer<CChar>) -> ParseTree? {
    let length = strlen(text)
    return text.withMemoryRebound(to: UInt8.self, capacity: length) { bytes in
      ParseTree(json: UnsafeBufferPointer(start: bytes, count: length))
    }
  }

  /// Errors are placed by the character, 1-based; 0 where there is no place.
  private func offset(of position: Int, in sql: String) -> Int? {
    guard position > 0 else { return nil }
    let scalars = sql.unicodeScalars
    let index = scalars.index(
      scalars.startIndex, offsetBy: position - 1, limitedBy: scalars.endIndex)
    return index.map { sql.utf8.distance(from: sql.startIndex, to: $0) }
  }

  /// Statements are placed by the byte, with the white space and comments before them.
  private func statements(of tree: ParseTree, in sql: String) -> [ParsedStatement] {
    var copy = sql
    return copy.withUTF8 { bytes in
      tree["stmts"].items.compactMap { raw in
        guard let node = raw["stmt"].node else { return nil }
        let start = raw["stmt_location"].integer ?? 0
        let length = raw["stmt_len"].integer ?? 0
        let limit = length > 0 ? min(start + length, bytes.count) : bytes.count
        var lexer = SQLLexer(UnsafeBufferPointer(rebasing: bytes[..<limit]), at: start)
        let first = lexer.nextSignificant()
        var end = first.end
        if length > 0 {
          end = limit
        } else {
          var token = first
          while token.kind != .end {
            end = token.end
            token = lexer.nextSignificant()
          }
        }
        return ParsedStatement(range: first.start..<end, kind: node.kind, tree: node.fields)
      }
    }
  }
}
