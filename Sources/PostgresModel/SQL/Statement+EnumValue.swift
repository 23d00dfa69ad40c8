extension Statement {
  /// The value that `ALTER TYPE … ADD VALUE` adds, as the quoted text in the script; `nil` for every
  /// other statement.
  public func addedEnumValue(in script: UnsafeBufferPointer<UInt8>) -> String? {
    guard role == .visibleAfterCommit else { return nil }
    var lexer = SQLLexer(UnsafeBufferPointer(rebasing: script[range]))
    while true {
      let token = lexer.nextSignificant()
      if token.kind == .end { return nil }
      if token.kind == .string { return lexer.text(token) }
    }
  }

  /// Whether this quoted text stands anywhere in the statement, as a value of its own or inside a
  /// dollar-quoted body.
  public func mentions(
    quoted value: String, in script: UnsafeBufferPointer<UInt8>
  ) -> Bool {
    var lexer = SQLLexer(UnsafeBufferPointer(rebasing: script[range]))
    while true {
      let token = lexer.nextSignificant()
      if token.kind == .end { return false }
      guard token.kind == .string else { continue }
      let text = lexer.text(token)
      if text == value || (text.hasPrefix("$") && text.contains(value)) { return true }
    }
  }
}
