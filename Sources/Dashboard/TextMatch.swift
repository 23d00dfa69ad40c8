import Canvas
import MigrationModel

/// Finds a text in others without regard to the case of its ASCII letters.
///
/// Other letters must be the same: folding them all would make each key wait in long lists.
struct TextMatch: Sendable, Hashable {
  /// As it was typed.
  let text: String
  /// A leading `!` shows what does not match.
  let isInverted: Bool
  private let needle: [UInt8]

  static let all = TextMatch("")

  init(_ text: String) {
    self.text = text
    isInverted = text.first == "!" && text.count > 1
    needle = (isInverted ? text.dropFirst() : text[...]).utf8.map(TextMatch.folded)
  }

  var isEmpty: Bool { needle.isEmpty }

  /// Whether `text` holds what is looked for, or does not where the match is inverted.
  func accepts(_ text: some StringProtocol) -> Bool {
    isEmpty || (range(in: text) != nil) != isInverted
  }

  /// The UTF-8 offsets of the first occurrence.
  func range(in text: some StringProtocol) -> Range<Int>? {
    guard !needle.isEmpty else { return nil }
    let found: Range<Int>?? = text.utf8.withContiguousStorageIfAvailable { bytes in
      guard bytes.count >= needle.count else { return nil }
      for start in 0...(bytes.count - needle.count) {
        var length = 0
        while length < needle.count, TextMatch.folded(bytes[start + length]) == needle[length] {
          length += 1
        }
        if length == needle.count { return start..<(start + length) }
      }
      return nil
    }
    if let found { return found }
    return range(in: String(text))
  }

  /// Whether version or name of a migration, or both with a blank or underscore between, match, or its
  /// state or one of its problems is what was typed: `pending`, `changed`, `out of order`.
  func accepts(_ migration: MigrationStatus) -> Bool {
    if isEmpty { return true }
    let found =
      range(in: migration.version.text) != nil || range(in: migration.name) != nil
      || reaches(from: migration.version.text, into: migration.name) || isState(of: migration)
    return found != isInverted
  }

  /// Only whole words: a part of one would keep nearly every migration in sight.
  private func isState(of migration: MigrationStatus) -> Bool {
    func isTyped(_ word: String) -> Bool { word.utf8.elementsEqual(needle) }
    if isTyped(migration.state.rawValue) { return true }
    return migration.problems.contains { problem in
      isTyped(problem.code) || isTyped(problem.code.split(separator: "_").joined(separator: " "))
        || isTyped(String(problem.code.prefix { $0 != "_" }))
    }
  }

  /// Whether a text such as `42_add` or `42 add` stands across a version and a name.
  private func reaches(from version: String, into name: String) -> Bool {
    guard
      let gap = needle.firstIndex(where: { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "_") }),
      gap > 0
    else { return false }
    let end = version.utf8.suffix(gap).lazy.map(TextMatch.folded)
    let start = name.utf8.prefix(needle.count - gap - 1).lazy.map(TextMatch.folded)
    return end.elementsEqual(needle[..<gap]) && start.elementsEqual(needle[(gap + 1)...])
  }

  private static func folded(_ byte: UInt8) -> UInt8 {
    byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte
  }
}

extension StyledText {
  /// Returns the line with the first occurrence in each part shown as found.
  func marking(_ match: TextMatch, _ style: Style) -> StyledText {
    guard !match.isEmpty else { return self }
    var result = StyledText.empty
    for span in spans {
      guard let range = match.range(in: span.text) else {
        result.append(span.text, span.style)
        continue
      }
      let bytes = Array(span.text.utf8)
      func part(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
      result.append(part(0..<range.lowerBound), span.style)
      result.append(part(range), span.style.merged(with: style))
      result.append(part(range.upperBound..<bytes.count), span.style)
    }
    return result
  }
}
