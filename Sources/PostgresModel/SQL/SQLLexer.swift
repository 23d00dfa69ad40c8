#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Cuts SQL into tokens, byte by byte, without ever failing.
///
/// What is cut off (a string without its end) reaches to the end of the text. Takes
/// `standard_conforming_strings = on`, the default of every supported server.
/// Source: PostgreSQL's `psqlscan.l` and `scan.l`, 13 to 18; what differs between them (numbers) is
/// read generously.
struct SQLLexer {
  private let bytes: UnsafeBufferPointer<UInt8>
  /// Where the next token is looked for.
  var position: Int

  /// - Parameter bytes: Outlives the lexer.
  init(_ bytes: UnsafeBufferPointer<UInt8>, at position: Int = 0) {
    self.bytes = bytes
    self.position = position
  }

  /// Returns the next token after white space, comments included.
  @inline(__always)
  mutating func next() -> SQLToken {
    let count = bytes.count
    while position < count, isSpace(bytes[position]) { position &+= 1 }
    let start = position
    guard start < count else { return SQLToken(kind: .end, start: start, end: start) }
    let kind = scan(bytes[start])
    return SQLToken(kind: kind, start: start, end: position)
  }

  /// Returns the next token that is no comment.
  mutating func nextSignificant() -> SQLToken {
    while true {
      let token = next()
      if token.kind != .lineComment, token.kind != .blockComment { return token }
    }
  }

  @inline(__always)
  private func byte(at index: Int) -> UInt8 { index < bytes.count ? bytes[index] : 0 }

  /// Moves `position` behind the token that begins with `first` at `position`.
  @inline(__always)
  private mutating func scan(_ first: UInt8) -> SQLToken.Kind {
    switch first {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "_"), 0x80...0xFF:
      return scanWord(first)
    case UInt8(ascii: "0")...UInt8(ascii: "9"):
      scanNumber()
      return .number
    case UInt8(ascii: "'"):
      scanQuoted(by: first)
      return .string
    case UInt8(ascii: "\""):
      scanQuoted(by: first)
      return .quotedIdentifier
    case UInt8(ascii: "("):
      position &+= 1
      return .openParenthesis
    case UInt8(ascii: ")"):
      position &+= 1
      return .closeParenthesis
    case UInt8(ascii: ";"):
      position &+= 1
      return .semicolon
    case UInt8(ascii: "."):
      if isDigit(byte(at: position &+ 1)) {
        scanNumber()
        return .number
      }
      position &+= 1
      return .punctuation
    case UInt8(ascii: ","), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: ":"):
      position &+= 1
      return .punctuation
    case UInt8(ascii: "$"):
      return scanDollar()
    case UInt8(ascii: "\\"):
      position &+= 1
      return .backslash
    case UInt8(ascii: "-") where byte(at: position &+ 1) == UInt8(ascii: "-"):
      scanLine()
      return .lineComment
    case UInt8(ascii: "/") where byte(at: position &+ 1) == UInt8(ascii: "*"):
      scanBlockComment()
      return .blockComment
    default:
      guard isOperator(first) else {
        position &+= 1
        return .unknown
      }
      scanOperator()
      return .operation
    }
  }

  @inline(__always)
  private mutating func scanWord(_ first: UInt8) -> SQLToken.Kind {
    let second = byte(at: position &+ 1)
    if second == UInt8(ascii: "'") {
      switch first | 0x20 {
      case UInt8(ascii: "e"):
        position &+= 1
        scanEscapeString()
        return .string
      case UInt8(ascii: "n"):
        position &+= 1
        scanQuoted(by: second)
        return .string
      case UInt8(ascii: "b"), UInt8(ascii: "x"):
        position &+= 1
        scanQuoted(by: second)
        return .bitString
      default: break
      }
    } else if second == UInt8(ascii: "&"), first | 0x20 == UInt8(ascii: "u") {
      let third = byte(at: position &+ 2)
      if third == UInt8(ascii: "'") || third == UInt8(ascii: "\"") {
        position &+= 2
        scanQuoted(by: third)
        return third == UInt8(ascii: "'") ? .string : .quotedIdentifier
      }
    }
    position &+= 1
    while position < bytes.count, isWordPart(bytes[position]) { position &+= 1 }
    return .word
  }

  /// Reads `12`, `1.5`, `.5`, `1e-3`, `0xFF`, `1_000`; two dots are left alone (`1..10`).
  private mutating func scanNumber() {
    let letter = byte(at: position &+ 1) | 0x20
    if bytes[position] == UInt8(ascii: "0"),
      letter == UInt8(ascii: "x") || letter == UInt8(ascii: "o") || letter == UInt8(ascii: "b"),
      isHexDigit(byte(at: position &+ 2)) || byte(at: position &+ 2) == UInt8(ascii: "_")
    {
      position &+= 2
      while isHexDigit(byte(at: position)) || byte(at: position) == UInt8(ascii: "_") {
        position &+= 1
      }
      return
    }
    skipDigits()
    if byte(at: position) == UInt8(ascii: "."), byte(at: position &+ 1) != UInt8(ascii: ".") {
      position &+= 1
      skipDigits()
    }
    if byte(at: position) | 0x20 == UInt8(ascii: "e") {
      let sign = byte(at: position &+ 1)
      let signed = sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-")
      if isDigit(byte(at: position &+ (signed ? 2 : 1))) {
        position &+= signed ? 2 : 1
        skipDigits()
      }
    }
  }

  /// Skips digits and the underscores between them (since 16).
  private mutating func skipDigits() {
    while isDigit(byte(at: position))
      || (byte(at: position) == UInt8(ascii: "_") && isDigit(byte(at: position &+ 1)))
    {
      position &+= 1
    }
  }

  /// Moves behind the quote that ends what begins at `position`; a doubled quote ends and begins
  /// anew, which comes to the same.
  private mutating func scanQuoted(by quote: UInt8) {
    position &+= 1
    while true {
      position = index(of: quote, from: position) &+ 1
      guard byte(at: position) == quote else { break }
      position &+= 1
    }
    position = min(position, bytes.count)
  }

  /// As `scanQuoted`, where a backslash takes the next byte with it. A string goes on after a line
  /// break (`E'a' ⏎ 'b'`), and so do its backslashes.
  private mutating func scanEscapeString() {
    position &+= 1
    while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: "\\"): position &+= 2
      case UInt8(ascii: "'"):
        position &+= 1
        if byte(at: position) == UInt8(ascii: "'") {
          position &+= 1
        } else if let next = continuation() {
          position = next
        } else {
          return
        }
      default: position &+= 1
      }
    }
    position = min(position, bytes.count)
  }

  /// Returns where a string that just ended goes on: behind a quote that only white space with a
  /// line break, and comments to the end of a line, part from `position`.
  private func continuation() -> Int? {
    var index = position
    var sawLineBreak = false
    while index < bytes.count {
      let here = bytes[index]
      if here == UInt8(ascii: "\n") || here == UInt8(ascii: "\r") {
        sawLineBreak = true
        index &+= 1
      } else if isSpace(here) {
        index &+= 1
      } else if here == UInt8(ascii: "-"), byte(at: index &+ 1) == UInt8(ascii: "-") {
        index = self.index(of: UInt8(ascii: "\n"), from: index)
      } else {
        return here == UInt8(ascii: "'") && sawLineBreak ? index &+ 1 : nil
      }
    }
    return nil
  }

  private mutating func scanDollar() -> SQLToken.Kind {
    let start = position
    position &+= 1
    if isDigit(byte(at: position)) {
      while isDigit(byte(at: position)) { position &+= 1 }
      return .parameter
    }
    while isTagPart(byte(at: position)) { position &+= 1 }
    guard byte(at: position) == UInt8(ascii: "$") else {
      position = start &+ 1
      return .unknown
    }
    position &+= 1
    let length = position &- start
    guard let base = bytes.baseAddress else { return .unknown }
    while true {
      let candidate = index(of: UInt8(ascii: "$"), from: position)
      guard candidate &+ length <= bytes.count else {
        position = bytes.count
        return .string
      }
      if memcmp(base + candidate, base + start, length) == 0 {
        position = candidate &+ length
        return .string
      }
      position = candidate &+ 1
    }
  }

  private mutating func scanLine() {
    position = index(of: UInt8(ascii: "\n"), from: position)
  }

  /// Comments nest.
  private mutating func scanBlockComment() {
    var depth = 1
    position &+= 2
    while position < bytes.count {
      let here = bytes[position]
      if here == UInt8(ascii: "*"), byte(at: position &+ 1) == UInt8(ascii: "/") {
        position &+= 2
        depth &-= 1
        if depth == 0 { return }
      } else if here == UInt8(ascii: "/"), byte(at: position &+ 1) == UInt8(ascii: "*") {
        position &+= 2
        depth &+= 1
      } else {
        position &+= 1
      }
    }
  }

  /// An operator ends where a comment begins: `+--x`, `*/* x */`.
  private mutating func scanOperator() {
    position &+= 1
    while position < bytes.count, isOperator(bytes[position]) {
      let next = byte(at: position &+ 1)
      if bytes[position] == UInt8(ascii: "-"), next == UInt8(ascii: "-") { return }
      if bytes[position] == UInt8(ascii: "/"), next == UInt8(ascii: "*") { return }
      position &+= 1
    }
  }

  /// Returns the index of `byte` at or after `start`; the length of the text when there is none.
  func index(of byte: UInt8, from start: Int) -> Int {
    guard start < bytes.count, let base = bytes.baseAddress,
      let found = memchr(base + start, Int32(byte), bytes.count &- start)
    else { return bytes.count }
    return UnsafeRawPointer(found) - UnsafeRawPointer(base)
  }

  /// Whether the bytes of a token are these lower-case ASCII letters, in any case.
  @inline(__always)
  func matches(_ token: SQLToken, _ word: StaticString) -> Bool {
    guard token.kind == .word, token.end &- token.start == word.utf8CodeUnitCount else {
      return false
    }
    let letters = word.utf8Start
    for offset in 0..<word.utf8CodeUnitCount
    where lower(bytes[token.start &+ offset]) != letters[offset] {
      return false
    }
    return true
  }

  /// The bytes of a token, ASCII letters in upper case.
  func upperCase(_ token: SQLToken) -> String {
    var small = true
    for index in token.start..<token.end where bytes[index] >= 0x80 { small = false }
    guard small else { return text(token) }
    return String(unsafeUninitializedCapacity: token.end - token.start) { buffer in
      for index in token.start..<token.end {
        let byte = bytes[index]
        buffer[index - token.start] =
          byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z") ? byte & 0xDF : byte
      }
      return token.end - token.start
    }
  }

  /// The bytes of a token as they stand.
  func text(_ token: SQLToken) -> String {
    String(decoding: bytes[token.start..<token.end], as: UTF8.self)
  }
}

@inline(__always)
private func lower(_ byte: UInt8) -> UInt8 {
  byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
}

/// Space, tab, line feed, vertical tab (since 16), form feed, carriage return.
@inline(__always)
private func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (byte >= 0x09 && byte <= 0x0D) }

@inline(__always)
private func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

@inline(__always)
private func isHexDigit(_ byte: UInt8) -> Bool {
  isDigit(byte) || (byte | 0x20) &- UInt8(ascii: "a") < 6
}

@inline(__always)
private func isTagPart(_ byte: UInt8) -> Bool {
  byte >= 0x80 || (byte | 0x20) &- UInt8(ascii: "a") < 26 || byte == UInt8(ascii: "_")
    || isDigit(byte)
}

@inline(__always)
private func isWordPart(_ byte: UInt8) -> Bool { isTagPart(byte) || byte == UInt8(ascii: "$") }

@inline(__always)
private func isOperator(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: "~"), UInt8(ascii: "!"), UInt8(ascii: "@"), UInt8(ascii: "#"),
    UInt8(ascii: "^"), UInt8(ascii: "&"), UInt8(ascii: "|"), UInt8(ascii: "`"),
    UInt8(ascii: "?"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "*"),
    UInt8(ascii: "/"), UInt8(ascii: "%"), UInt8(ascii: "<"), UInt8(ascii: ">"),
    UInt8(ascii: "="):
    true
  default: false
  }
}
