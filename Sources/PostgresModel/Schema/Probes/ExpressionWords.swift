/// The words of an expression that tell which values it may judge differently: the constants in it, and
/// the names that may be columns.
public struct ExpressionWords: Sendable, Hashable {
  /// The content of string constants, in order, each once.
  public var strings: [String] = []
  /// Numbers as they are written, those in string constants as well (`'-5'::integer`), each once.
  public var numbers: [String] = []
  /// Identifiers, key words among them.
  public var names: Set<String> = []
  /// Whether a regular expression is matched.
  public var matchesPattern = false
  /// Whether `LIKE` is asked.
  public var isLike = false

  public init(_ sql: String) {
    var copy = sql
    copy.withUTF8 { bytes in
      var lexer = SQLLexer(bytes)
      while true {
        let token = lexer.nextSignificant()
        let text = lexer.text(token)
        switch token.kind {
        case .end: return
        case .string: add(string: ExpressionWords.content(ofString: text))
        case .number: if !numbers.contains(text) { numbers.append(text) }
        case .word: names.insert(text.lowercased())
        case .quotedIdentifier: names.insert(QualifiedName(parsing: text).name)
        case .operation:
          if text.hasPrefix("~~") || text.hasPrefix("!~~") {
            isLike = true
          } else if text.contains("~") {
            matchesPattern = true
          }
        default: break
        }
      }
    }
  }

  private mutating func add(string text: String) {
    if !strings.contains(text) { strings.append(text) }
    if Double(text) != nil, !numbers.contains(text) { numbers.append(text) }
  }

  /// Those of these columns that it may mention.
  public func columns(of all: [String]) -> [String] { all.filter { names.contains($0) } }

  /// The text that a string constant stands for; escapes other than of quotes and backslashes stay.
  static func content(ofString text: String) -> String {
    guard let first = text.firstIndex(of: "'"), text.last == "'",
      first < text.index(before: text.endIndex)
    else { return text }
    let inside = text[text.index(after: first)..<text.index(before: text.endIndex)]
    let isEscaped = text.first == "E" || text.first == "e"
    var result = ""
    var rest = inside[...]
    while let character = rest.popFirst() {
      if character == "'", rest.first == "'" { rest.removeFirst() }
      if character == "\\", isEscaped, let next = rest.popFirst() {
        result.append(next)
        continue
      }
      result.append(character)
    }
    return result
  }
}
