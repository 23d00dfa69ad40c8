extension Statement {
  /// The 1-based line of the script on which a `DO` block commits or rolls back by itself, which the
  /// server allows only outside a transaction; `nil` for every other statement.
  ///
  /// Source: PostgreSQL manual, 43.8 "Transaction Management".
  public func lineOfTransactionControlInside(
    _ script: UnsafeBufferPointer<UInt8>
  ) -> Int? {
    guard command == "DO" else { return nil }
    var lexer = SQLLexer(UnsafeBufferPointer(rebasing: script[range]))
    while true {
      let token = lexer.nextSignificant()
      switch token.kind {
      case .end: return nil
      case .string:
        let body = range.lowerBound + token.start..<range.lowerBound + token.end
        guard let offset = Self.transactionControl(in: script, body) else { continue }
        let before = script[range.lowerBound..<offset]
        return line + before.count { $0 == UInt8(ascii: "\n") }
      default: continue
      }
    }
  }

  /// Where `COMMIT` or `ROLLBACK` stands alone, or before `AND`, in a quoted body.
  private static func transactionControl(
    in script: UnsafeBufferPointer<UInt8>, _ body: Range<Int>
  ) -> Int? {
    // The opening quote, `$tag$` or `'`, is left out, so that what is inside is read as tokens.
    let opening = script[body.lowerBound]
    var start = body.lowerBound + 1
    if opening == UInt8(ascii: "$") {
      while start < body.upperBound, script[start] != opening { start += 1 }
      start += 1
    }
    guard start < body.upperBound else { return nil }
    var lexer = SQLLexer(UnsafeBufferPointer(rebasing: script[start..<body.upperBound]))
    var token = lexer.nextSignificant()
    while token.kind != .end {
      let next = lexer.nextSignificant()
      if token.kind == .word,
        lexer.matches(token, "commit") || lexer.matches(token, "rollback"),
        next.kind == .semicolon || (next.kind == .word && lexer.matches(next, "and"))
      {
        return start + token.start
      }
      token = next
    }
    return nil
  }
}
