import Canvas
import PostgresModel

/// The past: how many waited and for how long, what happened, and the pictures to go back to.
struct TimelinePane: Pane {
  let number = 7
  let name = "Timeline"
  let slot = Slot.timeline

  /// How far back is drawn, an index into `spans`.
  private var span = 0

  /// In seconds.
  private static let spans: [(seconds: Int64, words: String)] = [
    (600, "10 min"), (3600, "1 h"), (21_600, "6 h"), (86_400, "24 h"),
  ]

  /// The keys that lead through the past, here and in the lock pane.
  static let walkBindings = [
    Binding([.letter(",")], .stepBack, "shows the locks as they were a picture earlier"),
    Binding([.letter(".")], .stepForward, "shows the locks a picture later"),
  ]

  var bindings: [Binding] {
    [
      Binding([.letter(",")], .stepBack, hint: "earlier", "shows the locks a picture earlier"),
      Binding([.letter(".")], .stepForward, hint: "later", "shows the locks a picture later"),
      Binding(
        [.home, .letter("g")], .firstPicture, hint: "first", "shows the first picture kept"),
      Binding([.end, .letter("G")], .livePicture, hint: "live", "shows the locks as they are now"),
      Binding([.letter("h"), .left], .scrollLeft, "draws a longer time"),
      Binding([.letter("l"), .right], .scrollRight, "draws a shorter time"),
      Binding([.letter("y")], .copy, hint: "copy", "copies what happened"),
    ]
  }

  func isInUse(_ facts: Facts) -> Bool { facts.locks.at != nil }

  func heading(_ facts: Facts) -> Heading {
    let words = "last \(Self.spans[span].words)"
    return Heading(
      name, note: words + "   , . step   Home first   End live", shortNote: words)
  }

  mutating func perform(_ action: Action, _ facts: inout Facts) -> [Effect] {
    switch action {
    case .scrollLeft, .move(.lineUp), .move(.wheelUp): span = min(span + 1, Self.spans.count - 1)
    case .scrollRight, .move(.lineDown), .move(.wheelDown): span = max(span - 1, 0)
    default: break
    }
    return []
  }

  func copyText(_ facts: Facts, more: Bool) -> String? {
    let events = facts.locks.history.events
    return events.isEmpty ? nil : events.map { Self.line($0) + "\n" }.joined()
  }

  func plainText(_ facts: Facts) -> String { export(.text, facts) ?? "" }

  /// One row for each column of the last hour that is drawn, and none for what nobody saw.
  func export(_ format: ExportFormat, _ facts: Facts) -> String? {
    let seconds = Self.spans[span].seconds
    let count = 600
    let columns = facts.locks.history.columns(count, seconds: seconds, until: facts.now)
    let step = seconds * 1_000_000 / Int64(count)
    let rows = columns.enumerated().compactMap { index, column -> [ExportFormat.Value]? in
      guard let column else { return nil }
      let at = facts.now.microseconds - Int64(count - 1 - index) * step
      let second = at / 1_000_000 * 1_000_000
      return [
        .text(Instant(microseconds: second).iso8601), .integer(Int64(column.waiting)),
        .init(column.oldest.map { Int64($0) }),
      ]
    }
    return format.table(titles: ["at", "waiting", "oldest_ms"], rows: rows)
  }

  private static func line(_ event: LockHistory.Event) -> String {
    "\(Words.clock(event.at))  \(event.text)"
  }

  // MARK: - Drawing

  func view(_ facts: Facts, size: Size) -> Frame {
    var frame = Frame(size: size)
    let palette = facts.look.palette
    let label = 11
    // The scale stands at the right.
    let width = size.columns - label - 13
    guard width >= 8 else {
      frame.write("too narrow", at: .zero, style: palette.dim)
      return frame
    }
    let history = facts.locks.history
    let seconds = Self.spans[span].seconds
    let columns = history.columns(width, seconds: seconds, until: facts.now)
    let counts = columns.map { $0.map { Double($0.waiting) } }
    let ages = columns.map { $0?.oldest.map(Double.init) }
    let most = counts.compactMap { $0 }.max()
    let longest = ages.compactMap { $0 }.max()
    func row(_ row: Int, _ name: String, _ values: [Double?], _ peak: String) {
      var line = StyledText(TextWidth.pad(" " + name, to: label), palette.dim)
      line.append(bars(values, facts.look.borders), palette.warning)
      line.append(peak, palette.dim)
      frame.write(line, at: Point(column: 0, row: row))
    }
    row(0, "waiting", counts, most.map { "  most \(Int($0))" } ?? "  unknown")
    guard size.rows > 1 else { return frame }
    row(
      1, "oldest", ages,
      longest.map { "  most \($0 == 0 ? "0" : Words.duration(milliseconds: $0))" } ?? "  unknown")
    guard size.rows > 2 else { return frame }
    drawAxis(on: &frame, row: 2, from: label, width: width, seconds: seconds, facts)
    drawEvents(on: &frame, from: 3, facts)
    return frame
  }

  /// Eighths of a block, or digits from 0 to 9 where only ASCII can be shown.
  private func bars(_ values: [Double?], _ borders: BorderSet) -> String {
    guard borders == .ascii else {
      return Bars.sparkline(values, width: values.count, borders: borders)
    }
    let peak = values.compactMap { $0 }.max() ?? 0
    return String(
      values.map { value -> Character in
        guard let value else { return " " }
        guard value > 0, peak > 0 else { return "0" }
        return Character("\(max(1, min(9, Int((value / peak * 9).rounded()))))")
      })
  }

  /// The times at both ends, and where in the past the lock pane stands.
  private func drawAxis(
    on frame: inout Frame, row: Int, from left: Int, width: Int, seconds: Int64, _ facts: Facts
  ) {
    let palette = facts.look.palette
    let start = Instant(microseconds: facts.now.microseconds - seconds * 1_000_000)
    func drawStart() {
      frame.write(Words.timeOfDay(start), at: Point(column: left, row: row), style: palette.dim)
    }
    guard let past = facts.locks.past else {
      drawStart()
      let now = "now"
      frame.write(now, at: Point(column: left + width - 3, row: row), style: palette.dim)
      return
    }
    let back = facts.now.microseconds(since: past.at) / 1_000_000
    let place = width - 1 - Int(back * Int64(width) / seconds)
    let words = "shown: \(Words.clock(past.at))"
    guard place >= 0 else {
      frame.write("< " + words, at: Point(column: left, row: row), style: palette.warning)
      return
    }
    let isRight = place < width - words.utf8.count - 4
    let text = isRight ? "^ " + words : words + " ^"
    let column = isRight ? place : max(0, place + 1 - text.utf8.count)
    if column >= 10 { drawStart() }
    frame.write(text, at: Point(column: left + column, row: row), style: palette.warning)
  }

  /// The last things that happened: in a line where there is one, else one below the other.
  private func drawEvents(on frame: inout Frame, from row: Int, _ facts: Facts) {
    let palette = facts.look.palette
    let rows = frame.size.rows - row
    guard rows > 0 else { return }
    let events = facts.locks.history.events
    guard !events.isEmpty else {
      frame.write(
        " events    none yet", at: Point(column: 0, row: row), style: palette.dim)
      return
    }
    if rows > 2 {
      for (index, event) in events.suffix(rows).reversed().enumerated() {
        frame.write(
          " " + Self.line(event), at: Point(column: 0, row: row + index), style: palette.text)
      }
      return
    }
    // The newest last, and as many as there is room for.
    var line = ""
    for event in events.reversed() {
      let text = "\(Words.timeOfDay(event.at)) \(event.text)"
      let longer = line.isEmpty ? text : text + "   " + line
      guard TextWidth.of(longer) + 11 <= frame.size.columns || line.isEmpty else { break }
      line = longer
    }
    var styled = StyledText(" events    ", palette.dim)
    styled.append(line, palette.text)
    frame.write(styled, at: Point(column: 0, row: row))
  }
}
