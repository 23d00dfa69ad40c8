import CPosix

/// Measures, clips and pads text by the cells it takes on a terminal.
///
/// Every function here sees text as `TerminalText.visible(_:lineBreaks:)` shows it.
public enum TextWidth {
  /// The last cell of a text that did not fit.
  static let clipMark: Unicode.Scalar = "~"

  /// Returns how many cells `text` takes on one line.
  public static func of(_ text: String) -> Int {
    if TerminalText.isPlain(text) { return text.utf8.count }
    return widthOfGlyphs(text)
  }

  /// Returns how many cells `text` takes on one line.
  public static func of(_ text: some StringProtocol) -> Int {
    if TerminalText.isPlain(text) { return text.utf8.count }
    return widthOfGlyphs(text)
  }

  private static func widthOfGlyphs(_ text: some StringProtocol) -> Int {
    var width = 0
    var glyphs = GlyphIterator(text.unicodeScalars, lineBreaks: .show)
    while let glyph = glyphs.next() { width += glyph.width }
    return width
  }

  /// Returns `text` made visible and no wider than `columns`; where something had to go, the last
  /// cell is `~`, and a wide character is never cut in half.
  public static func clip(_ text: some StringProtocol, to columns: Int) -> String {
    guard columns > 0 else { return "" }
    let width = of(text)
    if width <= columns { return TerminalText.visible(text) }
    var result = ""
    var used = 0
    var glyphs = GlyphIterator(text.unicodeScalars, lineBreaks: .show)
    while let glyph = glyphs.next(), used + glyph.width < columns {
      glyph.append(to: &result)
      used += glyph.width
    }
    result.unicodeScalars.append(clipMark)
    return result
  }

  /// Returns `text` clipped, or filled with spaces on the side `alignment` leaves, to take exactly
  /// `columns` cells.
  public static func pad(
    _ text: some StringProtocol, to columns: Int, alignment: Alignment = .leading
  ) -> String {
    let clipped = clip(text, to: columns)
    let spaces = String(repeating: " ", count: max(0, columns - of(clipped)))
    switch alignment {
    case .leading: return clipped + spaces
    case .trailing: return spaces + clipped
    }
  }

  /// Returns `text` as lines no wider than `columns`, broken at spaces where it has them.
  ///
  /// Line breaks in the text are kept, and so is the indentation of its lines.
  public static func wrap(_ text: some StringProtocol, to columns: Int) -> [String] {
    guard columns > 0 else { return [] }
    return TerminalText.lines(text).flatMap { wrapLine($0, to: columns) }
  }

  private static func wrapLine(_ line: String, to columns: Int) -> [String] {
    guard of(line) > columns else { return [TerminalText.visible(line)] }
    var lines: [String] = []
    var glyphs: [Glyph] = []
    var width = 0
    var iterator = GlyphIterator(line.unicodeScalars, lineBreaks: .show)
    while let glyph = iterator.next() {
      // A wide character in a single column has no place at all.
      if glyph.width > columns { continue }
      if width + glyph.width > columns {
        let next = breakUp(&glyphs, before: glyph)
        lines.append(text(of: glyphs))
        glyphs = next
        width = glyphs.reduce(0) { $0 + $1.width }
        if glyph.base == " ", glyphs.isEmpty { continue }
      }
      glyphs.append(glyph)
      width += glyph.width
    }
    if !glyphs.isEmpty { lines.append(text(of: glyphs)) }
    return lines
  }

  /// Cuts `glyphs` after their last word and returns what begins the next line.
  private static func breakUp(_ glyphs: inout [Glyph], before next: Glyph) -> [Glyph] {
    if next.base == " " { return [] }
    guard let space = glyphs.lastIndex(where: { $0.base == " " }),
      glyphs[..<space].contains(where: { $0.base != " " })
    else { return [] }
    let rest = Array(glyphs[(space + 1)...])
    glyphs.removeSubrange(space...)
    return rest
  }

  private static func text(of glyphs: [Glyph]) -> String {
    var text = ""
    for glyph in glyphs { glyph.append(to: &text) }
    while text.last == " " { text.removeLast() }
    return text
  }

  /// Returns the cells of one scalar by `wcwidth(3)` in UTF-8, with which ncurses lays out too;
  /// 0 for a mark, `nil` for what cannot be printed.
  static func cells(of scalar: Unicode.Scalar) -> Int? {
    let width = lockstep_wcwidth(scalar.value)
    return width < 0 ? nil : Int(width)
  }
}

/// The side at which text stands in a space wider than itself.
public enum Alignment: Hashable, Sendable {
  case leading, trailing
}
