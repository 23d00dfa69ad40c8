import Canvas

/// The keys of the focused pane, then all keys, then all commands.
struct HelpSheet: Sendable {
  private let lines: [StyledText]
  private(set) var top = 0
  static let title = "Keys"

  init(pane: (any Pane)?, look: Look) {
    let palette = look.palette
    var lines: [StyledText] = []
    func section(_ title: String) {
      if !lines.isEmpty { lines.append(.empty) }
      lines.append(StyledText(title, palette.strong))
    }
    func row(_ left: String, _ right: String, width: Int) {
      var line = StyledText("  " + TextWidth.pad(left, to: width) + "  ", palette.key)
      line.append(right, palette.text)
      lines.append(line)
    }
    if let pane, !pane.bindings.isEmpty {
      section("In \(pane.name)")
      for binding in pane.bindings { row(binding.keyNames, binding.summary, width: 14) }
    }
    section("Everywhere")
    for binding in Bindings.everywhere {
      let keys = binding.action == .focus(0) ? "1 to 8" : binding.keyNames
      row(keys, binding.summary, width: 14)
    }
    section("Marks")
    for mark in Mark.allCases { row(mark.text, mark.words, width: 14) }
    section("Marks of checks")
    for mark in CheckMark.allCases { row(mark.text, mark.words, width: 14) }
    section("Commands, after :")
    for command in DashboardCommands.all { row(command.synopsis, command.summary, width: 26) }
    self.lines = lines
  }

  /// Scrolls; tells whether the sheet stays.
  mutating func handle(_ key: Key, height: Int) -> Bool {
    let page = max(1, height - 1)
    switch key {
    case .down, .character("j"): scroll(1, height)
    case .up, .character("k"): scroll(-1, height)
    case .pageDown, .control("f"), .character(" "): scroll(page, height)
    case .pageUp, .control("b"): scroll(-page, height)
    case .control("d"): scroll(page / 2, height)
    case .control("u"): scroll(-page / 2, height)
    case .home, .character("g"): top = 0
    case .end, .character("G"): scroll(lines.count, height)
    case .mouse(let event) where event.kind == .wheelDown: scroll(3, height)
    case .mouse(let event) where event.kind == .wheelUp: scroll(-3, height)
    case .escape, .enter, .character("q"), .character("?"), .function(1): return false
    // Any other key is one that is being looked up: it does nothing here.
    default: break
    }
    return true
  }

  private mutating func scroll(_ rows: Int, _ height: Int) {
    top = max(0, min(top + rows, lines.count - height))
  }

  /// How many lines are seen at once on a screen.
  func height(in whole: Rectangle) -> Int { frame(in: whole).bodyRows(foot: 0) }

  private func frame(in whole: Rectangle) -> SheetFrame {
    SheetFrame(whole, columns: 92, rows: lines.count)
  }

  func draw(on frame: inout Frame, in whole: Rectangle, _ look: Look) {
    self.frame(in: whole).draw(
      on: &frame, title: HelpSheet.title, body: lines, foot: [], top: top, look)
  }
}
