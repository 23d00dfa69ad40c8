import Canvas
import Diagnostics

extension Model {
  /// Draws the whole screen; a plain function of the model.
  public func view() -> Frame {
    var frame = Frame(size: size)
    guard !size.isEmpty else { return frame }
    Header.draw(on: &frame, in: arrangement.header, facts)
    for place in arrangement.panes { draw(place, on: &frame) }
    drawMessage(on: &frame)
    drawKeyBar(on: &frame)
    switch overlay {
    case .help(let sheet): sheet.draw(on: &frame, in: sheetArea, facts.look)
    case .plan(let sheet): sheet.draw(on: &frame, in: sheetArea, facts)
    case .signal(let sheet): sheet.draw(on: &frame, in: sheetArea, facts)
    case .prompt, nil: break
    }
    return frame
  }

  /// The part of the screen that a sheet may cover: all but the last line.
  var sheetArea: Rectangle {
    Rectangle(
      column: 0, row: arrangement.header.size.rows, columns: size.columns,
      rows: size.rows - arrangement.header.size.rows - arrangement.keyBar.size.rows)
  }

  private func draw(_ place: Arrangement.Place, on frame: inout Frame) {
    guard let pane = panes.first(where: { $0.number == place.pane }) else { return }
    let inside = arrangement.inside(place)
    if arrangement.hasBorders {
      let heading = pane.heading(facts)
      let palette = facts.look.palette
      let isFocused = pane.number == focus && !hasSheet
      var title = StyledText("\(pane.number) ")
      for (index, part) in heading.parts.enumerated() {
        if index > 0 { title.append("  ") }
        // Brackets tell the chosen tab where neither colour nor weight can be seen.
        let text = heading.parts.count > 1 && part.isChosen ? "[\(part.text)]" : part.text
        title.append(text, part.isChosen ? .standard : palette.dim)
      }
      // Corners, and a blank and a line at either side of each text.
      func fits(_ note: String) -> Bool {
        title.width + TextWidth.of(note) + 8 <= place.area.size.columns
      }
      if !fits(heading.note), let shortTitle = heading.shortTitle {
        title = StyledText("\(pane.number) " + shortTitle)
      }
      var note = fits(heading.note) ? heading.note : heading.shortNote
      // A tab that cannot be read cannot be chosen; what a note says stands elsewhere as well.
      if heading.parts.count > 1, !fits(note) { note = "" }
      // By its number and the beginning of its name a pane is known and reached.
      let room = place.area.size.columns - min(title.width, 8) - 8
      note = TextWidth.clip(note, to: max(0, room))
      frame.box(
        place.area, title: title,
        trailing: StyledText(note),
        focus: isFocused ? .focused : .unfocused, top: place.joinsAbove ? .joined : .free,
        borders: facts.look.borders, palette: palette)
    }
    frame.place(pane.view(facts, size: inside.size), at: inside.origin, within: inside)
  }

  private var hasSheet: Bool {
    switch overlay {
    case .help, .plan, .signal: true
    case .prompt, nil: false
    }
  }

  private func drawMessage(on frame: inout Frame) {
    guard let lastWord else { return }
    // Without a line of its own a message stands where the keys are, until the next key.
    let area = arrangement.message.isEmpty ? arrangement.keyBar : arrangement.message
    guard !area.isEmpty else { return }
    let palette = facts.look.palette
    let style: Style =
      switch lastWord.severity {
      case .error: palette.danger
      case .warning: palette.warning
      case .note: palette.text
      }
    let word = lastWord.severity == .note ? "" : "\(lastWord.severity.rawValue): "
    // What it takes more lines to say is read to its end; until the next key it covers what is above.
    let lines = TextWidth.wrap(word + lastWord.text, to: max(1, area.size.columns - 2))
    let rows = min(lines.count, 4, area.bottom - arrangement.header.size.rows)
    for (index, line) in lines.prefix(rows).enumerated() {
      let isLast = index == rows - 1
      let place = Rectangle(
        column: area.left, row: area.bottom - rows + index, columns: area.size.columns, rows: 1)
      if rows > 1 { frame.fill(place) }
      let rest = isLast ? lines.dropFirst(index).joined(separator: " ") : line
      frame.write(" " + rest, at: place.origin, style: style, within: place)
    }
  }

  private func drawKeyBar(on frame: inout Frame) {
    let area = arrangement.keyBar
    guard !area.isEmpty else { return }
    if case .prompt(let prompt) = overlay {
      frame.fill(area)
      frame.place(
        prompt.view(columns: area.size.columns, palette: facts.look.palette), at: area.origin,
        within: area)
      return
    }
    if lastWord != nil, arrangement.message.isEmpty { return }
    if !arrangement.hasBorders {
      frame.write(tinyLine, at: area.origin, within: area)
      return
    }
    frame.keyBar(overlayHints ?? keyHints(), in: area, palette: facts.look.palette)
  }

  /// All that a screen below 40x8 says beside its list.
  private var tinyLine: String {
    let access =
      switch facts.access {
      case .readOnly: "RO"
      case .armed(let until): "ARMED \(Words.countdown(to: until, at: facts.now))"
      }
    let state =
      switch facts.connection {
      case .unconfigured: "no database"
      case .connecting: "connecting"
      case .connected: "+\(facts.countsNow.applied) .\(facts.countsNow.pending)"
      case .lost: "lost"
      }
    return [facts.target.word, access, state, facts.target.database].compactMap { $0 }
      .joined(separator: " ")
  }

  /// Where something is to be typed, letters do not scroll.
  private func scrollHint(types: Bool) -> KeyHint {
    types ? KeyHint("\(Key.up) \(Key.down)", "scroll") : KeyHint("j k", "scroll")
  }

  private var overlayHints: [KeyHint]? {
    switch overlay {
    case .help: [KeyHint("j k", "scroll"), KeyHint(.escape, "back")]
    case .plan(let sheet): [scrollHint(types: sheet.wantsTyping(facts)), KeyHint(.escape, "back")]
    // Here no letter scrolls: each may be a deed.
    case .signal: [scrollHint(types: true), KeyHint(.escape, "back")]
    case .prompt, nil: nil
    }
  }
}
