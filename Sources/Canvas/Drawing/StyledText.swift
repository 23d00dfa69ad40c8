/// One line of text whose parts look different.
public struct StyledText: Hashable, Sendable, ExpressibleByStringInterpolation {
  /// A part of the line that looks the same throughout.
  public struct Span: Hashable, Sendable {
    public var text: String
    public var style: Style

    public init(_ text: String, _ style: Style = .standard) {
      self.text = text
      self.style = style
    }
  }

  public var spans: [Span]

  public init(spans: [Span]) { self.spans = spans }

  public init(_ text: String, _ style: Style = .standard) {
    spans = text.isEmpty ? [] : [Span(text, style)]
  }

  public init(stringLiteral text: String) { self.init(text) }

  public static let empty = StyledText(spans: [])

  /// The text without its styles, as it was given.
  public var text: String { spans.map(\.text).joined() }

  /// The cells the line takes.
  public var width: Int { spans.reduce(0) { $0 + TextWidth.of($1.text) } }

  public mutating func append(_ text: String, _ style: Style = .standard) {
    if !text.isEmpty { spans.append(Span(text, style)) }
  }

  public static func + (a: StyledText, b: StyledText) -> StyledText {
    StyledText(spans: a.spans + b.spans)
  }

  public static func += (a: inout StyledText, b: StyledText) { a.spans += b.spans }
}

extension Frame {
  /// Writes a line of several styles and returns how many cells it took.
  ///
  /// - Parameters:
  ///   - point: Where the first cell of the line belongs.
  ///   - base: What lies under the style of every part.
  ///   - clip: What may be drawn on; the whole frame when left out.
  ///   - skipping: How many cells of the line are scrolled out at the left of `point`.
  @discardableResult
  public mutating func write(
    _ line: StyledText, at point: Point, base: Style = .standard, within clip: Rectangle? = nil,
    overflow: Overflow = .marked, skipping: Int = 0
  ) -> Int {
    let right = min((clip ?? bounds).right, size.columns)
    var column = point.column
    var skip = skipping
    for (index, span) in line.spans.enumerated() {
      let rest = line.spans[(index + 1)...].contains { !$0.text.isEmpty }
      let width = TextWidth.of(span.text)
      if skip >= width, width > 0 {
        skip -= width
        continue
      }
      let style = base.merged(with: span.style)
      column += write(
        span.text, at: Point(column: column, row: point.row), style: style, within: clip,
        overflow: overflow, skipping: skip)
      skip = 0
      if rest, column >= right {
        if overflow == .marked, right > point.column {
          write(
            String(Character(TextWidth.clipMark)), at: Point(column: right - 1, row: point.row),
            style: style, within: clip)
        }
        break
      }
    }
    return column - point.column
  }
}
