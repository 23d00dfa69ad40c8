import Diagnostics
import PostgresModel

/// The commented roll back at the end of a raw SQL file.
struct RollbackSection {
  /// From the banner to the end of the file.
  private var range: Range<Int>
  /// What is left when marks, banners and remarks are taken off.
  private var text = ""
  /// The 1-based line of the file for each line of `text`.
  private var lines: [Int] = []
  private var warnings: [String] = []
  /// Remarks of the author, and statements that are not commented.
  private(set) var notes: [Diagnostic] = []
  private var content = Content.empty

  /// What the text turned out to be.
  private enum Content: Sendable {
    case empty, sql
    /// Nothing but remarks.
    case noStatement
    case noSQL(message: String, offset: Int?)
  }

  /// - Returns: `nil` where no comment line begins such a section.
  init?(_ file: SourceFile, _ marks: FileMarks) {
    guard marks.mayHaveRollbackSection, case .bytes(let bytes) = file.content else { return nil }
    range = 0..<0
    let isFound = bytes.withUnsafeBufferPointer { read($0, of: file) }
    guard isFound else { return nil }
    content = contentOfText()
  }

  private func contentOfText() -> Content {
    guard !text.isEmpty else { return .empty }
    if let error = PgQueryParser().syntaxError(in: text) {
      return .noSQL(message: error.message, offset: error.offset)
    }
    return SQLScript.statements(in: text).isEmpty ? .noStatement : .sql
  }

  private mutating func read(_ bytes: UnsafeBufferPointer<UInt8>, of file: SourceFile) -> Bool {
    let all = CommentLines.read(bytes)
    guard
      let heading = all.firstIndex(where: { line in
        guard case .comment(let text) = line.kind else { return false }
        return Self.isHeading(bytes[Self.withoutStar(text, bytes)])
      })
    else { return false }
    var first = heading
    if heading > 0, case .comment(let text) = all[heading - 1].kind, Self.isBanner(bytes[text]) {
      first -= 1
    }
    range = all[first].range.lowerBound..<bytes.count
    var kept: [(text: String, line: Int)] = []
    for line in all[(heading + 1)...] {
      switch line.kind {
      case .blank: kept.append(("", line.number))
      case .comment(let comment): read(comment, of: line, in: file, bytes, into: &kept)
      case .code:
        guard !notes.contains(where: { $0.code == "sql_after_rollback" }) else { continue }
        notes.append(
          .warning(
            code: "sql_after_rollback",
            "a statement below the ROLLBACK banner of \(file.name) is not commented: it runs when the "
              + "migration is applied",
            at: SourceLocation(file: file.path, line: line.number),
            next: "put `-- ` before it if it belongs to the way back, or move it above the banner"))
      }
    }
    let isEmpty = { (line: (text: String, line: Int)) in line.text.allSatisfy(\.isWhitespace) }
    let trimmed = kept.drop(while: isEmpty).reversed().drop(while: isEmpty).reversed()
    text = trimmed.map(\.text).joined(separator: "\n")
    lines = trimmed.map(\.line)
    return true
  }

  private mutating func read(
    _ comment: Range<Int>, of line: CommentLines.Line, in file: SourceFile,
    _ bytes: UnsafeBufferPointer<UInt8>, into kept: inout [(text: String, line: Int)]
  ) {
    var start = comment.lowerBound
    var end = comment.upperBound
    while end > start, bytes[end - 1].isBlank || bytes[end - 1] == 0x0D { end -= 1 }
    start = Self.withoutStar(start..<end, bytes).lowerBound
    if start < end, bytes[start].isBlank { start += 1 }
    guard !Self.isBanner(bytes[start..<end]) else { return }
    let text = String(decoding: bytes[start..<end], as: UTF8.self)
    let isBetweenStatements =
      kept.last { !$0.text.allSatisfy(\.isWhitespace) }
      .map { $0.text.hasSuffix(";") } ?? true
    switch Self.remark(text, isBetweenStatements: isBetweenStatements) {
    case nil: kept.append((text, line.number))
    case .heading: break
    case .warning: warnings.append(String(text.drop(while: \.isWhitespace)))
    case .note:
      notes.append(
        .note(
          code: "rollback_note", String(text.drop(while: \.isWhitespace)),
          at: SourceLocation(file: file.path, line: line.number)))
    }
  }

  // MARK: Lines

  /// Block comments are often drawn with a star before each line.
  private static func withoutStar(
    _ comment: Range<Int>, _ bytes: UnsafeBufferPointer<UInt8>
  ) -> Range<Int> {
    let start = comment.lowerBound
    let isLineComment = start >= 2 && bytes[start - 1] == UInt8(ascii: "-")
    guard !isLineComment else { return comment }
    let star = bytes.skippingBlanks(start, to: comment.upperBound)
    guard star < comment.upperBound, bytes[star] == UInt8(ascii: "*") else { return comment }
    return star + 1..<comment.upperBound
  }

  /// Nothing but ROLLBACK beside dashes, equal signs and blanks; or `ROLLBACK:`, or `DOWN`, alone.
  private static func isHeading(_ text: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
    func isFrame(_ byte: UInt8) -> Bool {
      byte.isBlank || byte == 0x0D || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "=")
    }
    var start = text.startIndex
    var end = text.endIndex
    while start < end, isFrame(text[start]) { start += 1 }
    while start < end, isFrame(text[end - 1]) { end -= 1 }
    func isWord(_ word: StaticString) -> Bool {
      end - start == word.utf8CodeUnitCount && text.base.matchesIgnoringCase(word, at: start)
    }
    if isWord("rollback") { return true }
    guard isWord("rollback:") || isWord("down") else { return false }
    return !text.contains { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "=") }
  }

  private static func isBanner(_ text: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
    var hasMark = false
    for byte in text {
      if byte == UInt8(ascii: "-") || byte == UInt8(ascii: "=") {
        hasMark = true
      } else if !byte.isBlank, byte != 0x0D {
        return false
      }
    }
    return hasMark
  }

  private enum Remark { case heading, warning, note }

  /// A line for people. Inside an unfinished statement a word alone is none: `note text,` may be the
  /// column of a table.
  private static func remark(_ line: String, isBetweenStatements: Bool) -> Remark? {
    let text = line.drop(while: \.isWhitespace)
    let words: [(word: String, remark: Remark)] = [
      ("to rollback", .heading), ("warning", .warning), ("caution", .warning), ("note", .note),
    ]
    for (word, remark) in words {
      guard text.utf8.count >= word.utf8.count,
        zip(text.utf8, word.utf8).allSatisfy({ $0.asciiLowercased == $1 })
      else { continue }
      let next = text.utf8.dropFirst(word.utf8.count).first
      switch next {
      case UInt8(ascii: ":"), UInt8(ascii: "!"): return remark
      case nil: return isBetweenStatements ? remark : nil
      case let next?:
        let isWord =
          next.isASCIILetter || next.isASCIIDigit || next == UInt8(ascii: "_") || next >= 0x80
        return isBetweenStatements && !isWord ? remark : nil
      }
    }
    return nil
  }

  // MARK: The way back

  /// What a catalog asks of it where the text is not held.
  var summarised: RollbackSection {
    guard case .sql = content else { return self }
    var section = self
    (section.text, section.lines) = ("", [])
    return section
  }

  /// The script, if PostgreSQL's parser takes what is left.
  ///
  /// - Parameters:
  ///   - file: The one from which the section was read.
  ///   - mark: The author's word that there is no way back.
  func wayBack(of file: SourceFile, mark: String?) -> Migration.WayBack {
    let script = Script(file: file, range: range, form: .uncommented(text: text, lines: lines))
    switch content {
    case .empty, .noStatement:
      return .none("its ROLLBACK section holds nothing to run", mark: mark)
    case .noSQL(let message, let offset):
      let place = offset.map { script.location(ofTextByte: $0) }
      return .documented(
        text: text,
        .warning(
          code: "rollback_not_runnable",
          "the roll back of \(file.name) is written down, but is no SQL: \(message)",
          at: place ?? SourceLocation(file: file.path, line: lines.first),
          next: "write it as SQL, or begin the line with NOTE"))
    case .sql:
      let script = file.isKept ? script : Script(file: file, range: range)
      let marked = mark.map { mark in warnings.contains(mark) ? [] : ["marked \"\(mark)\""] } ?? []
      return .scripts([script], warnings: warnings + marked)
    }
  }
}
