import Canvas

/// A text with line numbers that scrolls both ways; shared by the panes that show one.
struct DocumentView: Sendable {
  private(set) var lines: [DocumentLine] = []
  private(set) var top = 0
  private(set) var skipping = 0
  private(set) var search = TextMatch.all
  private var size = Size.zero
  private var numberWidth = 2
  /// Whether the last line stays in sight when lines are added.
  var follows = false

  var gutter: Int { numberWidth + 3 }
  /// The columns that wrapped lines may use.
  ///
  /// The last column belongs to the scroll bar.
  var textColumns: Int { max(8, size.columns - gutter - 1) }

  mutating func resize(_ size: Size) {
    self.size = size
    bound()
  }

  /// Takes over new lines; the place that is seen stays.
  mutating func show(_ lines: [DocumentLine]) {
    self.lines = lines
    let highest = lines.reduce(0) { max($0, $1.number ?? 0) }
    numberWidth = max(2, String(highest).utf8.count)
    if follows { top = lines.count }
    bound()
  }

  /// Goes back to the beginning, for another text.
  mutating func rewind() {
    top = 0
    skipping = 0
  }

  private mutating func bound() { top = max(0, min(top, lines.count - size.rows)) }

  /// Moves; tells nothing, since a text has no selection.
  mutating func move(_ movement: Action.Movement) {
    let page = max(1, size.rows - 1)
    switch movement {
    case .lineUp: top -= 1
    case .lineDown: top += 1
    case .halfUp: top -= max(1, size.rows / 2)
    case .halfDown: top += max(1, size.rows / 2)
    case .pageUp: top -= page
    case .pageDown: top += page
    case .wheelUp: top -= 3
    case .wheelDown: top += 3
    case .first: top = 0
    case .last: top = lines.count
    }
    bound()
    follows = top >= lines.count - size.rows
  }

  mutating func scroll(_ columns: Int) { skipping = max(0, min(skipping + columns, 2000)) }

  mutating func find(_ text: String) {
    search = TextMatch(text)
    go(from: top, step: 1)
  }

  func finds(_ text: String) -> Bool {
    let match = TextMatch(text)
    return lines.contains { match.range(in: $0.text) != nil }
  }

  mutating func nextMatch() { go(from: top + 1, step: 1) }
  mutating func previousMatch() { go(from: top - 1, step: -1) }

  private mutating func go(from start: Int, step: Int) {
    guard !search.isEmpty, !lines.isEmpty else { return }
    for distance in 0..<lines.count {
      let index = ((start + distance * step) % lines.count + lines.count) % lines.count
      guard search.range(in: lines[index].text) != nil else { continue }
      top = index
      bound()
      return
    }
  }

  /// The first numbered line that is seen, or the last one before.
  var lineInSight: DocumentLine? {
    lines.dropFirst(top).first { $0.number != nil } ?? lines.last { $0.number != nil }
  }

  /// All lines as plain text.
  var plainText: String { lines.map { $0.text + "\n" }.joined() }

  func draw(on frame: inout Frame, in area: Rectangle, _ look: Look) {
    let palette = look.palette
    let hasBar = lines.count > area.size.rows && area.size.columns > 20
    let right = area.right - (hasBar ? 1 : 0)
    for (row, line) in lines.dropFirst(top).prefix(area.size.rows).enumerated() {
      let place = area.row(row)
      if let number = line.number {
        let text = TextWidth.pad(String(number), to: numberWidth + 1, alignment: .trailing)
        frame.write(text, at: place.origin, style: palette.dim, within: place)
      }
      let indent = line.isHeading ? 0 : gutter
      let rest = Rectangle(
        column: place.left + indent, row: place.top, columns: right - place.left - indent, rows: 1)
      // Notes stand still when the SQL is scrolled: they are wrapped already.
      frame.write(
        line.styled(palette).marking(search, palette.match), at: rest.origin, within: rest,
        skipping: line.number == nil ? 0 : skipping)
    }
    if hasBar {
      frame.scrollBar(
        in: Rectangle(
          column: area.right - 1, row: area.top, columns: 1, rows: area.size.rows),
        count: lines.count, top: top, height: area.size.rows, borders: look.borders,
        style: palette.border)
    }
  }
}
