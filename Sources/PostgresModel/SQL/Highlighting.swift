import CPgQuery

/// Tells what each part of SQL text is, so that it can be shown in colours.
public enum SQLHighlighting {
  /// What a part of SQL text is; blanks, commas and brackets are nothing.
  public enum Kind: UInt8, Sendable, Hashable, CaseIterable {
    case keyword
    /// A word that names a type: `integer`, `text`, `jsonb`.
    case type
    case identifier, quotedIdentifier
    case string, number, comment
    case operation
    /// `$1`.
    case parameter
  }

  /// A part of the text and what it is.
  public struct Span: Sendable, Hashable {
    /// UTF-8 offsets in the text.
    public var range: Range<Int>
    public var kind: Kind

    public init(range: Range<Int>, kind: Kind) {
      self.range = range
      self.kind = kind
    }
  }

  /// Returns the parts of `sql`, in order and without overlap.
  ///
  /// The server's own scanner cuts the text; where it does not take it (an open string, a number as
  /// later versions write them), Lockstep's lexer does.
  public static func spans(in sql: String) -> [Span] {
    var copy = sql
    return copy.withUTF8 { bytes in
      var words = serverTokens(of: sql, bytes) ?? ownTokens(of: bytes)
      settleNames(&words, in: bytes)
      return words.map { Span(range: $0.start..<$0.end, kind: $0.kind) }
    }
  }

  /// A part whose kind may still change with what stands around it.
  struct Token {
    var start: Int
    var end: Int
    var kind: Kind
    /// A key word that may also be a name: `type`, `name`.
    var mayBeName = false
  }

  // MARK: The server's scanner

  /// - Returns: `nil` where the scanner refuses the text.
  private static func serverTokens(of sql: String, _ text: UnsafeBufferPointer<UInt8>) -> [Token]? {
    // A NUL would end the text for C.
    guard !sql.utf8.contains(0) else { return nil }
    let result = pg_query_scan(sql)
    defer { pg_query_free_scan_result(result) }
    guard result.error == nil, let data = result.pbuf.data else { return nil }
    return data.withMemoryRebound(to: UInt8.self, capacity: result.pbuf.len) { bytes in
      var reader = ScanReader(UnsafeBufferPointer(start: bytes, count: result.pbuf.len))
      var tokens: [Token] = []
      while let token = reader.next() {
        guard token.start >= 0, token.end <= text.count, token.start <= token.end else {
          return nil
        }
        guard var part = token.highlighting else { continue }
        if token.isUnicodeEscaped {
          var lexer = SQLLexer(text, at: part.start)
          part.end = lexer.next().end
        }
        tokens.append(part)
      }
      return tokens
    }
  }

  // MARK: The own lexer

  private static func ownTokens(of bytes: UnsafeBufferPointer<UInt8>) -> [Token] {
    var lexer = SQLLexer(bytes)
    var tokens: [Token] = []
    while true {
      let token = lexer.next()
      var mayBeName = false
      let kind: Kind
      switch token.kind {
      case .end: return tokens
      case .word:
        let word = lexer.upperCase(token).lowercased()
        mayBeName = SQLKeywords.unreserved.contains(word)
        kind = mayBeName || SQLKeywords.reserved.contains(word) ? .keyword : .identifier
      case .quotedIdentifier: kind = .quotedIdentifier
      case .string, .bitString: kind = .string
      case .number: kind = .number
      case .parameter: kind = .parameter
      case .operation: kind = .operation
      case .lineComment, .blockComment: kind = .comment
      case .semicolon, .openParenthesis, .closeParenthesis, .punctuation, .backslash, .unknown:
        continue
      }
      tokens.append(Token(start: token.start, end: token.end, kind: kind, mayBeName: mayBeName))
    }
  }

  // MARK: Names

  /// Tells names from key words and types by their neighbours, as far as that can be done without
  /// parsing: a word beside a dot is a name, and so is one before a type (`name text`).
  private static func settleNames(_ tokens: inout [Token], in bytes: UnsafeBufferPointer<UInt8>) {
    for index in tokens.indices {
      var token = tokens[index]
      switch token.kind {
      case .comment, .string, .operation, .parameter, .number: continue
      case .keyword, .type, .identifier, .quotedIdentifier: break
      }
      if bytes[token.start] == UInt8(ascii: "\"") || isUnicodeIdentifier(token, bytes) {
        token.kind = .quotedIdentifier
      } else if isBesideDot(token, bytes) {
        if token.mayBeName || token.kind == .type { token.kind = .identifier }
      } else if SQLKeywords.types.contains(word(token, bytes)) {
        token.kind = .type
      }
      tokens[index] = token
    }
    var after: Token?
    for index in tokens.indices.reversed() where tokens[index].kind != .comment {
      let token = tokens[index]
      let isName = token.mayBeName || token.kind == .type
      if isName, let after, after.kind == .type, opensItem(token, bytes),
        isBlank(bytes, token.end, after.start)
      {
        tokens[index].kind = .identifier
      }
      after = token
    }
  }

  private static func word(_ token: Token, _ bytes: UnsafeBufferPointer<UInt8>) -> String {
    String(decoding: bytes[token.start..<token.end], as: UTF8.self).lowercased()
  }

  private static func isUnicodeIdentifier(_ token: Token, _ bytes: UnsafeBufferPointer<UInt8>)
    -> Bool
  {
    token.end - token.start > 3 && bytes[token.start + 1] == UInt8(ascii: "&")
      && bytes[token.start + 2] == UInt8(ascii: "\"")
  }

  private static func isBesideDot(_ token: Token, _ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    (token.start > 0 && bytes[token.start - 1] == UInt8(ascii: "."))
      || (token.end < bytes.count && bytes[token.end] == UInt8(ascii: "."))
  }

  /// Whether a token is the first of a list's item: what stands before it is `(` or a comma.
  private static func opensItem(_ token: Token, _ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    var index = token.start - 1
    while index >= 0, bytes[index] <= 0x20 { index -= 1 }
    return index >= 0 && (bytes[index] == UInt8(ascii: "(") || bytes[index] == UInt8(ascii: ","))
  }

  private static func isBlank(_ bytes: UnsafeBufferPointer<UInt8>, _ start: Int, _ end: Int) -> Bool
  {
    start < end && bytes[start..<end].allSatisfy { $0 <= 0x20 }
  }
}

/// One token of libpg_query's `ScanResult`.
private struct ScanToken {
  var start = 0
  var end = 0
  var token = 0
  var keywordKind = 0

  /// Whether libpg_query gives a wrong end: `U&"…"` and `U&'…'` end for it after their `U`.
  var isUnicodeEscaped: Bool { token == 259 || token == 262 }

  /// Numbers of the enumerations `Token` and `KeywordKind` in `pg_query.proto` of libpg_query 15.
  var highlighting: SQLHighlighting.Token? {
    let kind: SQLHighlighting.Kind
    switch token {
    case 258, 259: kind = .identifier
    case 260, 266: kind = .number
    case 261...264: kind = .string
    case 267: kind = .parameter
    case 275, 276: kind = .comment
    case 265, 268, 270...274: kind = .operation
    case 37, 42, 43, 45, 47, 60, 61, 62, 63, 94: kind = .operation
    default:
      guard keywordKind != 0 else { return nil }
      kind = .keyword
    }
    // 1 is UNRESERVED_KEYWORD.
    return SQLHighlighting.Token(start: start, end: end, kind: kind, mayBeName: keywordKind == 1)
  }
}

/// Reads the protocol buffer of `pg_query_scan`: `ScanResult` with `repeated ScanToken tokens = 2`.
///
/// Source: `pg_query.proto` of libpg_query 15-4.0; "Encoding" in the manual of Protocol Buffers.
private struct ScanReader {
  private let bytes: UnsafeBufferPointer<UInt8>
  private var position = 0

  init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  /// Returns the next token; `nil` at the end.
  mutating func next() -> ScanToken? {
    while position < bytes.count {
      let tag = number()
      switch (tag >> 3, tag & 7) {
      case (2, 2):
        let length = number()
        return token(until: min(bytes.count, position + length))
      case (_, 0): _ = number()
      case (_, 2): position += number()
      default: return nil
      }
    }
    return nil
  }

  private mutating func token(until end: Int) -> ScanToken {
    var token = ScanToken()
    while position < end {
      let tag = number()
      let value = number()
      switch tag >> 3 {
      case 1: token.start = value
      case 2: token.end = value
      case 4: token.token = value
      case 5: token.keywordKind = value
      default: break
      }
    }
    return token
  }

  /// Reads seven bits a byte, lowest first.
  private mutating func number() -> Int {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while position < bytes.count, shift < 64 {
      let byte = bytes[position]
      position += 1
      value |= UInt64(byte & 0x7F) << shift
      shift += 7
      if byte < 0x80 { break }
    }
    return Int(truncatingIfNeeded: value)
  }
}
