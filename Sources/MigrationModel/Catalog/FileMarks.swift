import Diagnostics

/// What the comments of a migration file say about it, found in one pass over its lines.
struct FileMarks: Sendable, Hashable {
  /// Another tool's mark, as it is written.
  enum Tool: String, CaseIterable, Sendable {
    case dbmate = "-- migrate:up"
    case goose = "-- +goose"
    case liquibase = "--liquibase formatted sql"
    case nodePgMigrate = "-- Up Migration"
    case sqlx = "-- no-transaction"
    case atlas = "-- atlas:"

    /// As people call it.
    var name: String {
      switch self {
      case .dbmate: "dbmate"
      case .goose: "goose"
      case .liquibase: "Liquibase"
      case .nodePgMigrate: "node-pg-migrate"
      case .sqlx: "sqlx"
      case .atlas: "Atlas"
      }
    }
  }

  /// The first tool whose mark is there.
  var tool: Tool?
  /// The comment that says there is no way back: `WARNING: Non-reversible migration - data moved`.
  var irreversible: String?
  /// Whether some comment line speaks of a roll back, so that it is worth looking for a section.
  var mayHaveRollbackSection = false
  /// Fields of the leading comment block.
  var header: [Migration.HeaderField] = []

  init() {}

  init(_ file: SourceFile) {
    switch file.content {
    case .bytes(let bytes): bytes.withUnsafeBufferPointer { read($0) }
    case .summary(let summary): self = file.rawExamination?.marks ?? summary.marks
    case .unreadable: break
    }
  }

  private mutating func read(_ bytes: UnsafeBufferPointer<UInt8>) {
    let hasMark = bytes.count >= 3 && bytes[0] == 0xEF && bytes[1] == 0xBB && bytes[2] == 0xBF
    if bytes.matches("-- no-transaction", at: 0) { tool = .sqlx }
    var isHeader = true
    var hasSeenComment = false
    var cursor = LineCursor(bytes, from: hasMark ? 3 : 0)
    while let line = cursor.next() {
      var end = line.upperBound
      while end > line.lowerBound, bytes[end - 1].isBlank || bytes[end - 1] == 0x0D { end -= 1 }
      let start = bytes.skippingBlanks(line.lowerBound, to: end)
      guard start < end else {
        if hasSeenComment { isHeader = false }
        continue
      }
      let opening = bytes[start]
      guard opening == UInt8(ascii: "-"), bytes.matches("--", at: start) else {
        isHeader = false
        if opening == UInt8(ascii: "/") || opening == UInt8(ascii: "*") {
          readComment(bytes, start..<end)
        } else if !mayHaveRollbackSection, end - start <= 12 {
          // A line of a block comment, perhaps; whether it is one is for the raw layout to find out.
          mayHaveRollbackSection = bytes.firstIgnoringCase("rollback", in: start..<end) != nil
        }
        continue
      }
      hasSeenComment = true
      if tool == nil, start == line.lowerBound { tool = Self.tool(bytes, at: start, end: end) }
      readComment(bytes, start..<end)
      if isHeader, let field = Self.field(bytes, start + 2..<end) { header.append(field) }
    }
  }

  private mutating func readComment(_ bytes: UnsafeBufferPointer<UInt8>, _ line: Range<Int>) {
    if !mayHaveRollbackSection {
      mayHaveRollbackSection =
        bytes.firstIgnoringCase("rollback", in: line) != nil
        || bytes.firstIgnoringCase("down", in: line) != nil
    }
    if irreversible == nil, let warning = bytes.firstIgnoringCase("warning", in: line),
      bytes.firstIgnoringCase("reversible", in: warning..<line.upperBound) != nil,
      bytes.firstIgnoringCase("non-reversible", in: warning..<line.upperBound) != nil
        || bytes.firstIgnoringCase("not reversible", in: warning..<line.upperBound) != nil
        || bytes.firstIgnoringCase("irreversible", in: warning..<line.upperBound) != nil
    {
      var end = line.upperBound
      if end - warning >= 2, bytes.matches("*/", at: end - 2) { end -= 2 }
      while end > warning, bytes[end - 1].isBlank { end -= 1 }
      irreversible = String(decoding: bytes[warning..<end], as: UTF8.self)
    }
  }

  private static func tool(_ bytes: UnsafeBufferPointer<UInt8>, at start: Int, end: Int) -> Tool? {
    let text = bytes.skippingBlanks(start + 2, to: end)
    guard text < end else { return nil }
    switch bytes[text] {
    case UInt8(ascii: "m"):
      guard bytes.matches("migrate:up", at: text) else { return nil }
      return text + 10 >= end || bytes[text + 10].isGoSpace ? .dbmate : nil
    case UInt8(ascii: "+"): return bytes.matches("+goose", at: text) ? .goose : nil
    case UInt8(ascii: "l"), UInt8(ascii: "L"):
      return bytes.matchesIgnoringCase("liquibase formatted", at: text) ? .liquibase : nil
    case UInt8(ascii: "U"), UInt8(ascii: "u"):
      return bytes.matchesIgnoringCase("up migration", at: text) ? .nodePgMigrate : nil
    case UInt8(ascii: "a"): return bytes.matches("atlas:", at: text) ? .atlas : nil
    default: return nil
    }
  }

  /// Reads `Key: value`; a key is words, and a blank or the end follows its colon, so that
  /// `migrate:up` is none.
  private static func field(
    _ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>
  ) -> Migration.HeaderField? {
    let start = bytes.skippingBlanks(range.lowerBound, to: range.upperBound)
    guard start < range.upperBound, bytes[start].isASCIILetter else { return nil }
    var colon = start
    while colon < range.upperBound, bytes[colon] != UInt8(ascii: ":") {
      let byte = bytes[colon]
      guard byte.isASCIILetter || byte.isASCIIDigit || byte.isBlank || byte == 0x2D || byte == 0x5F,
        colon - start < 40
      else { return nil }
      colon += 1
    }
    guard colon < range.upperBound, colon + 1 == range.upperBound || bytes[colon + 1].isBlank
    else { return nil }
    let value = bytes.skippingBlanks(colon + 1, to: range.upperBound)
    return Migration.HeaderField(
      key: String(decoding: bytes[start..<colon], as: UTF8.self),
      value: String(decoding: bytes[value..<range.upperBound], as: UTF8.self))
  }
}
