import Diagnostics

/// A value of a JSON5 text with the place where it stands.
struct LocatedJSON: Sendable, Hashable {
  var value: Value
  var place: SourceLocation

  indirect enum Value: Sendable, Hashable {
    case null
    case bool(Bool)
    case number(Double)
    case string(String)
    case array([LocatedJSON])
    case object([Member])
  }

  /// A key, where it stands, and its value.
  struct Member: Sendable, Hashable {
    var key: String
    var place: SourceLocation
    var value: LocatedJSON
  }
}

/// Reads JSON5: JSON with comments, trailing commas, unquoted keys and single quotes.
///
/// Source: the JSON5 Data Interchange Format, version 1.0.0 (spec.json5.org). Arrays and objects may
/// stand at most 64 deep, and a key may stand in an object but once.
struct JSONReader {
  /// A text that is not JSON5.
  struct SyntaxError: Explainable, Hashable {
    /// As the end of "the configuration cannot be read: ".
    var reason: String
    var place: SourceLocation

    var diagnostic: Diagnostic {
      .error(
        code: "configuration", "the file is not valid JSON: \(reason)", at: place,
        next: "correct it there; comments and trailing commas are allowed; nothing was done")
    }
  }

  private let file: String
  private let text: [Character]
  private var index = 0
  private var line = 1
  private var column = 1
  private var depth = 0

  private init(_ text: String, file: String) {
    self.file = file
    self.text = Array(text)
  }

  /// Reads a whole text.
  ///
  /// - Parameter file: The name under which errors tell the place.
  static func read(_ text: String, file: String) throws(SyntaxError) -> LocatedJSON {
    var reader = JSONReader(text, file: file)
    if reader.peek == "\u{feff}" { reader.index += 1 }
    try reader.skipBlanks()
    let value = try reader.value()
    try reader.skipBlanks()
    if reader.peek != nil { throw reader.unexpected(wanted: "the end of the file") }
    return value
  }

  // MARK: Characters

  private var peek: Character? { index < text.count ? text[index] : nil }
  private var place: SourceLocation { SourceLocation(file: file, line: line, column: column) }

  @discardableResult private mutating func next() -> Character? {
    guard let character = peek else { return nil }
    index += 1
    if character.isNewline {
      line += 1
      column = 1
    } else {
      column += 1
    }
    return character
  }

  private func error(_ reason: String, at place: SourceLocation? = nil) -> SyntaxError {
    SyntaxError(reason: reason, place: place ?? self.place)
  }

  private func unexpected(wanted: String) -> SyntaxError {
    error(peek.map { "expected \(wanted), found \"\($0)\"" } ?? "expected \(wanted), found the end")
  }

  private mutating func skipBlanks() throws(SyntaxError) {
    while let character = peek {
      if character.isWhitespace || character == "\u{feff}" {
        next()
      } else if character == "/" {
        try skipComment()
      } else {
        return
      }
    }
  }

  private mutating func skipComment() throws(SyntaxError) {
    let start = place
    next()
    switch next() {
    case "/":
      while let character = peek, !character.isNewline { next() }
    case "*":
      var last: Character?
      while let character = next() {
        if last == "*", character == "/" { return }
        last = character
      }
      throw error("this comment does not end", at: start)
    default: throw error("expected a comment", at: start)
    }
  }

  // MARK: Values

  private mutating func value() throws(SyntaxError) -> LocatedJSON {
    let start = place
    let value: LocatedJSON.Value
    switch peek {
    case "{": value = .object(try members())
    case "[": value = .array(try elements())
    case "\"", "'": value = .string(try string())
    case "+", "-", ".": value = .number(try number())
    case let digit? where digit.isASCII && digit.isNumber: value = .number(try number())
    case let letter? where JSONReader.startsName(letter): value = try word()
    default: throw unexpected(wanted: "a value")
    }
    return LocatedJSON(value: value, place: start)
  }

  private mutating func enter() throws(SyntaxError) {
    depth += 1
    if depth > 64 { throw error("nested more than 64 deep") }
    next()
    try skipBlanks()
  }

  private mutating func members() throws(SyntaxError) -> [LocatedJSON.Member] {
    try enter()
    defer { depth -= 1 }
    var members: [LocatedJSON.Member] = []
    while peek != "}" {
      let start = place
      let key = try key()
      if members.contains(where: { $0.key == key }) {
        throw error("\"\(key)\" stands here a second time", at: start)
      }
      try skipBlanks()
      guard peek == ":" else { throw unexpected(wanted: "\":\"") }
      next()
      try skipBlanks()
      members.append(LocatedJSON.Member(key: key, place: start, value: try value()))
      guard try separator(before: "}") else { break }
    }
    next()
    return members
  }

  private mutating func elements() throws(SyntaxError) -> [LocatedJSON] {
    try enter()
    defer { depth -= 1 }
    var elements: [LocatedJSON] = []
    while peek != "]" {
      elements.append(try value())
      guard try separator(before: "]") else { break }
    }
    next()
    return elements
  }

  /// Returns whether a comma was there; without one the closing mark has to follow.
  private mutating func separator(before end: Character) throws(SyntaxError) -> Bool {
    try skipBlanks()
    if peek == "," {
      next()
      try skipBlanks()
      return true
    }
    guard peek == end else { throw unexpected(wanted: "\",\" or \"\(end)\"") }
    return false
  }

  private mutating func key() throws(SyntaxError) -> String {
    if peek == "\"" || peek == "'" { return try string() }
    guard let first = peek, JSONReader.startsName(first) else { throw unexpected(wanted: "a key") }
    return name()
  }

  private static func startsName(_ character: Character) -> Bool {
    character.isLetter || character == "_" || character == "$"
  }

  private mutating func name() -> String {
    var name = ""
    while let character = peek, JSONReader.startsName(character) || character.isNumber {
      name.append(character)
      next()
    }
    return name
  }

  private mutating func word() throws(SyntaxError) -> LocatedJSON.Value {
    let start = place
    switch name() {
    case "null": return .null
    case "true": return .bool(true)
    case "false": return .bool(false)
    case "Infinity": return .number(.infinity)
    case "NaN": return .number(.nan)
    case let other: throw error("\"\(other)\" is no value; text stands in quotes", at: start)
    }
  }

  private mutating func number() throws(SyntaxError) -> Double {
    let start = place
    var digits = ""
    while let character = peek, character.isASCII,
      character.isLetter || character.isNumber || "+-.".contains(character)
    {
      digits.append(character)
      next()
    }
    let isNegative = digits.hasPrefix("-")
    let magnitude = digits.drop { "+-".contains($0) }
    guard digits.count - magnitude.count <= 1, let number = JSONReader.magnitude(magnitude) else {
      throw error("\"\(digits)\" is no number", at: start)
    }
    return isNegative ? -number : number
  }

  private static func magnitude(_ text: Substring) -> Double? {
    if text.hasPrefix("0x") || text.hasPrefix("0X") {
      return UInt64(text.dropFirst(2), radix: 16).map { Double($0) }
    }
    switch text {
    case "Infinity": return .infinity
    case "NaN": return .nan
    default: break
    }
    guard let first = text.first, first == "." || first.isNumber, text != "." else { return nil }
    // A leading zero before other digits is refused by JSON and JSON5 alike.
    if text.count > 1, first == "0", text.dropFirst().first?.isNumber == true { return nil }
    let whole = text.hasPrefix(".") ? "0" + text : String(text)
    return Double(whole.hasSuffix(".") ? whole + "0" : whole)
  }

  // MARK: Strings

  private mutating func string() throws(SyntaxError) -> String {
    let start = place
    let quote = next()
    var result = ""
    while let character = peek, character != quote {
      if character == "\\" {
        next()
        result += try escaped()
      } else if character.isNewline, character != "\u{2028}", character != "\u{2029}" {
        throw error("this text does not end on its line", at: start)
      } else {
        result.append(character)
        next()
      }
    }
    guard next() != nil else { throw error("this text does not end", at: start) }
    return result
  }

  private mutating func escaped() throws(SyntaxError) -> String {
    let start = place
    guard let character = next() else { throw error("this text does not end", at: start) }
    switch character {
    case "n": return "\n"
    case "r": return "\r"
    case "t": return "\t"
    case "b": return "\u{8}"
    case "f": return "\u{c}"
    case "v": return "\u{b}"
    case "0": return "\0"
    case "x": return String(Character(try scalar(try hexadecimal(2), at: start)))
    case "u": return try unicodeEscape(at: start)
    case _ where character.isNewline: return ""
    case "1"..."9": throw error("\"\\\(character)\" is no escape", at: start)
    default: return String(character)
    }
  }

  private mutating func unicodeEscape(at start: SourceLocation) throws(SyntaxError) -> String {
    let unit = try hexadecimal(4)
    guard 0xd800..<0xdc00 ~= unit else { return String(Character(try scalar(unit, at: start))) }
    guard next() == "\\", next() == "u" else {
      throw error("half of a surrogate pair stands alone", at: start)
    }
    let low = try hexadecimal(4)
    guard 0xdc00..<0xe000 ~= low else {
      throw error("half of a surrogate pair stands alone", at: start)
    }
    let value = 0x10000 + (unit - 0xd800) << 10 + (low - 0xdc00)
    return String(Character(try scalar(value, at: start)))
  }

  private mutating func hexadecimal(_ count: Int) throws(SyntaxError) -> UInt32 {
    let start = place
    var digits = ""
    for _ in 0..<count { if let character = next() { digits.append(character) } }
    guard digits.count == count, digits.allSatisfy(\.isHexDigit),
      let value = UInt32(digits, radix: 16)
    else { throw error("expected \(count) hexadecimal digits", at: start) }
    return value
  }

  private func scalar(_ value: UInt32, at start: SourceLocation) throws(SyntaxError)
    -> Unicode.Scalar
  {
    guard let scalar = Unicode.Scalar(value) else {
      throw error("half of a surrogate pair stands alone", at: start)
    }
    return scalar
  }
}
