/// Makes texts that a pattern may match. Nobody has to trust them: the server judges.
public enum PatternExample {
  /// Texts for a regular expression of the common kind: literals, classes, groups, alternatives,
  /// repetition. What it does not know it takes for a literal.
  ///
  /// - Returns: A short text, and longer ones in which repetition goes further; none twice.
  public static func texts(forRegex pattern: String) -> [String] {
    var found: [String] = []
    for extra in [0, 1, 2, 5] {
      var reader = RegexReader(rest: pattern[...], extra: extra)
      let text = reader.alternatives()
      if !found.contains(text) { found.append(text) }
    }
    return found
  }

  /// Texts for a `LIKE` pattern.
  public static func texts(forLike pattern: String) -> [String] {
    func filled(_ filling: String) -> String {
      var text = ""
      var rest = pattern[...]
      while let character = rest.popFirst() {
        switch character {
        case "%": text += filling
        case "_": text += "x"
        case "\\": if let next = rest.popFirst() { text.append(next) }
        default: text.append(character)
        }
      }
      return text
    }
    return [filled("x"), filled("")]
  }
}

private struct RegexReader {
  var rest: Substring
  /// How much further repetition goes than it must.
  let extra: Int

  /// The first alternative's text; the others are read and left out.
  mutating func alternatives() -> String {
    let text = sequence()
    while rest.first == "|" {
      rest.removeFirst()
      _ = sequence()
    }
    return text
  }

  private mutating func sequence() -> String {
    var text = ""
    while let character = rest.first, character != "|", character != ")" {
      let piece = atom()
      let count = repetition()
      for _ in 0..<count { text += piece }
    }
    return text
  }

  private mutating func atom() -> String {
    let character = rest.removeFirst()
    switch character {
    case "^", "$": return ""
    case ".": return "x"
    case "(":
      for prefix in ["?:", "?="] where rest.hasPrefix(prefix) { rest.removeFirst(prefix.count) }
      if rest.hasPrefix("?!") { rest.removeFirst(2) }
      let text = alternatives()
      if rest.first == ")" { rest.removeFirst() }
      return text
    case "[": return oneOfClass()
    case "\\": return escape()
    default: return String(character)
    }
  }

  private mutating func escape() -> String {
    guard let character = rest.popFirst() else { return "" }
    switch character {
    case "d": return "1"
    case "w", "D", "S": return "x"
    case "s", "W": return " "
    case "A", "Z", "m", "M", "y", "Y", "b", "B": return ""
    default: return String(character)
    }
  }

  private mutating func oneOfClass() -> String {
    let isNegated = rest.first == "^"
    if isNegated { rest.removeFirst() }
    var members: [Character] = []
    while let character = rest.popFirst() {
      if character == "]", !members.isEmpty { break }
      if character == "[", rest.first == ":" {
        members.append(named())
      } else if character == "\\" {
        members += Array(escape())
      } else {
        members.append(character)
      }
    }
    guard isNegated else { return members.first.map(String.init) ?? "" }
    return ["x", "1", "A", "-", "~", " "].first { !members.contains(Character($0)) } ?? "x"
  }

  /// `[:alpha:]` and its like, the first bracket taken.
  private mutating func named() -> Character {
    let name = rest.prefix { $0 != "]" }
    rest.removeFirst(min(rest.count, name.count + 1))
    switch name.dropFirst().dropLast() {
    case "digit", "xdigit": return "1"
    case "upper": return "A"
    case "space", "blank": return " "
    case "punct": return "."
    default: return "x"
    }
  }

  private mutating func repetition() -> Int {
    var least = 1
    var most: Int? = 1
    switch rest.first {
    case "*": (least, most) = (0, nil)
    case "+": (least, most) = (1, nil)
    case "?": (least, most) = (0, 1)
    case "{":
      let inside = rest.dropFirst().prefix { $0 != "}" }
      let bounds = inside.split(separator: "," as Character, omittingEmptySubsequences: false)
      guard let low = bounds.first.flatMap({ Int($0) }) else { return 1 }
      least = low
      most = bounds.count > 1 ? Int(bounds[1]) : low
      rest.removeFirst(inside.count + 1)
    default: return 1
    }
    rest.removeFirst()
    if rest.first == "?" { rest.removeFirst() }
    return min(least + extra, most ?? 1000, 1000)
  }
}
