/// One lexical unit of SQL: what it is and where it stands.
struct SQLToken: Hashable {
  enum Kind: UInt8, Hashable {
    /// The end of the text.
    case end
    /// An unquoted identifier or key word.
    case word
    /// `"…"` and `U&"…"`.
    case quotedIdentifier
    /// `'…'`, `E'…'`, `U&'…'`, `N'…'`, `$tag$…$tag$`.
    case string
    /// `B'…'`, `X'…'`.
    case bitString
    case number
    /// `$1`.
    case parameter
    case operation
    case semicolon, openParenthesis, closeParenthesis
    /// Comma, dot, colon, brackets.
    case punctuation
    case lineComment, blockComment
    /// A backslash outside of strings: psql's, never the server's.
    case backslash
    /// A byte that no version of the server accepts here.
    case unknown
  }

  var kind: Kind
  /// UTF-8 offset of the first byte.
  var start: Int
  /// UTF-8 offset after the last byte.
  var end: Int
}
