/// The lines of an SQL text, told apart by whether they hold nothing but comment.
///
/// What looks like a comment inside a string, a quoted name or a dollar-quoted body is none.
/// Source: PostgreSQL manual, 4.1 "Lexical Structure".
struct CommentLines {
  struct Line {
    /// 1-based.
    var number: Int
    /// The bytes of the line, without its line feed.
    var range: Range<Int>
    var kind: Kind

    enum Kind {
      case blank
      /// The bytes behind `--`, or the part of a block comment that stands in this line.
      case comment(Range<Int>)
      /// Statements, with or without a comment beside them.
      case code
    }
  }

  private(set) var lines: [Line] = []
  private let bytes: UnsafeBufferPointer<UInt8>
  private var position = 0
  private var lineStart = 0
  private var hasCode = false
  private var comment: Range<Int>?

  /// - Parameter bytes: Outlive the reading.
  static func read(_ bytes: UnsafeBufferPointer<UInt8>) -> [Line] {
    var reader = CommentLines(bytes)
    reader.read()
    return reader.lines
  }

  private init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  private func byte(_ offset: Int) -> UInt8 {
    offset >= 0 && offset < bytes.count ? bytes[offset] : 0
  }

  private mutating func endLine() {
    let kind: Line.Kind = hasCode ? .code : comment.map { .comment($0) } ?? .blank
    lines.append(Line(number: lines.count + 1, range: lineStart..<position, kind: kind))
    position += 1
    lineStart = position
    hasCode = false
    comment = nil
  }

  private mutating func addComment(_ range: Range<Int>) {
    if let first = comment {
      comment = first.lowerBound..<range.upperBound
    } else {
      comment = range
    }
  }

  private mutating func read() {
    while position < bytes.count {
      switch bytes[position] {
      case 0x0A: endLine()
      case 0x20, 0x09, 0x0B, 0x0C, 0x0D: position += 1
      case UInt8(ascii: "-") where byte(position + 1) == UInt8(ascii: "-"): lineComment()
      case UInt8(ascii: "/") where byte(position + 1) == UInt8(ascii: "*"): blockComment()
      case UInt8(ascii: "'"): quoted(by: UInt8(ascii: "'"), escapes: hasEscapePrefix)
      case UInt8(ascii: "\""): quoted(by: UInt8(ascii: "\""), escapes: false)
      case UInt8(ascii: "$"): dollar()
      default:
        hasCode = true
        position += 1
      }
    }
    if lineStart < bytes.count { endLine() }
  }

  private mutating func lineComment() {
    let start = position + 2
    while position < bytes.count, bytes[position] != 0x0A { position += 1 }
    addComment(min(start, position)..<position)
  }

  /// Block comments nest.
  private mutating func blockComment() {
    var start = position + 2
    var depth = 1
    position += 2
    while position < bytes.count {
      if bytes[position] == 0x0A {
        addComment(start..<position)
        endLine()
        start = position
      } else if bytes[position] == UInt8(ascii: "/"), byte(position + 1) == UInt8(ascii: "*") {
        depth += 1
        position += 2
      } else if bytes[position] == UInt8(ascii: "*"), byte(position + 1) == UInt8(ascii: "/") {
        depth -= 1
        position += 2
        if depth == 0 { return addComment(start..<position - 2) }
      } else {
        position += 1
      }
    }
    addComment(min(start, bytes.count)..<bytes.count)
  }

  /// Whether the quote at `position` follows an `E` that is a word of its own.
  private var hasEscapePrefix: Bool {
    byte(position - 1).asciiLowercased == UInt8(ascii: "e") && !isWord(byte(position - 2))
  }

  private func isWord(_ byte: UInt8) -> Bool {
    byte.isASCIILetter || byte.isASCIIDigit || byte == UInt8(ascii: "_") || byte >= 0x80
      || byte == UInt8(ascii: "$")
  }

  private mutating func quoted(by quote: UInt8, escapes: Bool) {
    hasCode = true
    position += 1
    while position < bytes.count {
      switch bytes[position] {
      case quote where byte(position + 1) == quote: position += 2
      case quote:
        position += 1
        return
      case UInt8(ascii: "\\") where escapes && byte(position + 1) != 0x0A: position += 2
      default: passCode()
      }
    }
  }

  /// Passes one byte that is no comment, whatever it looks like.
  private mutating func passCode() {
    if bytes[position] == 0x0A {
      endLine()
    } else {
      position += 1
    }
    hasCode = true
  }

  private mutating func dollar() {
    hasCode = true
    var end = position + 1
    while end < bytes.count, isWord(bytes[end]), bytes[end] != UInt8(ascii: "$") { end += 1 }
    guard byte(end) == UInt8(ascii: "$"), !isWord(byte(position - 1)),
      !byte(position + 1).isASCIIDigit
    else {
      position += 1
      return
    }
    let tag = position..<end + 1
    position = end + 1
    while position < bytes.count {
      if bytes[position] == UInt8(ascii: "$"), position + tag.count <= bytes.count,
        tag.indices.allSatisfy({ bytes[$0] == bytes[position + $0 - tag.lowerBound] })
      {
        position += tag.count
        return
      }
      passCode()
    }
  }
}
