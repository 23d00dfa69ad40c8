import Canvas
import TestSupport
import Testing

@Suite struct BoxTests {
  private func box(
    _ columns: Int, _ title: StyledText, _ trailing: StyledText, _ focus: Focus = .unfocused,
    _ borders: BorderSet = .unicode
  ) -> [String] {
    var frame = Frame(size: Size(columns: columns, rows: 3))
    frame.box(frame.bounds, title: title, trailing: trailing, focus: focus, borders: borders)
    return frame.lines
  }

  @Test func `a box carries its titles in the top line`() {
    #expect(
      box(31, "1 Migrations", "3/44") == [
        "┌─ 1 Migrations ──────── 3/44 ┐", "│                             │",
        "└─────────────────────────────┘",
      ])
  }

  @Test func `a focused box is seen without colours`() {
    #expect(box(31, "1 Migrations", "3/44", .focused)[0] == "┍━ 1 Migrations ━━━━━━━━ 3/44 ┑")
  }

  @Test func `a box can be drawn in ASCII`() {
    #expect(
      box(20, "4 Locks", "0", .unfocused, .ascii) == [
        "+- 4 Locks ----- 0 +", "|                  |", "+------------------+",
      ])
    #expect(box(20, "4 Locks", "0", .focused, .ascii)[0] == "+= 4 Locks ===== 0 +")
  }

  @Test func `the title gives way to the text at the right`() {
    #expect(box(18, "1 Migrations", "3/44")[0] == "┌─ 1 Mig~ ─ 3/44 ┐")
    #expect(box(13, "1 Migrations", "3/44")[0] == "┌───── 3/44 ┐")
    #expect(box(6, "1 Migrations", "3/44")[0] == "┌────┐")
  }

  @Test(arguments: 0...6) func `a box of any size stays in its area`(columns: Int) {
    for rows in 0...4 {
      var frame = Frame(size: Size(columns: 12, rows: 8))
      let area = Rectangle(column: 3, row: 2, columns: columns, rows: rows)
      let inside = frame.box(area, title: "日本 title", trailing: "9")
      for row in 0..<8 {
        for column in 0..<12 where !area.contains(Point(column: column, row: row)) {
          #expect(frame[Point(column: column, row: row)] == .blank)
        }
      }
      #expect(area.intersection(inside) == inside || inside.isEmpty)
    }
  }

  @Test func `a rule parts a list with words at either end`() {
    var frame = Frame(size: Size(columns: 34, rows: 1))
    frame.rule(frame.bounds, leading: "applied 41", trailing: "pending 3")
    #expect(frame.lines[0] == "─ applied 41 ───────── pending 3 ─")
  }
}

@Suite struct StyledTextTests {
  @Test func `each part has its own style over that of the line`() {
    var frame = Frame(size: Size(columns: 20, rows: 1))
    let line = StyledText("needs ", .dim) + StyledText("ACCESS", Style(foreground: .indexed(9)))
    let used = frame.write(line, at: .zero, base: .underline)
    #expect(used == 12 && line.width == 12)
    #expect(frame.lines[0] == "needs ACCESS")
    #expect(frame[.zero].style == Style(dim: true, underline: true))
    #expect(
      frame[Point(column: 6, row: 0)].style == Style(foreground: .indexed(9), underline: true))
  }

  @Test(arguments: 0...14) func `a line of parts is clipped like the text in one`(columns: Int) {
    for skipping in 0...14 {
      var parts = Frame(size: Size(columns: columns, rows: 1))
      var whole = parts
      let line: StyledText = "ab" + StyledText("日本", .standard) + "" + "cde" + "語f"
      parts.write(line, at: .zero, skipping: skipping)
      whole.write(line.text, at: .zero, skipping: skipping)
      #expect(parts.lines == whole.lines, "\(columns) \(skipping)")
    }
  }
}

@Suite struct ListTests {
  @Test func `the selection is always in sight`() {
    var position = ListPosition()
    for step in [1, 7, 30, -2, 100, -9, -200, 5] {
      position.move(by: step, count: 44, height: 10)
      let top = position.visibleTop(count: 44, height: 10)
      #expect(top == position.top)
      #expect((top..<(top + 10)).contains(position.selected))
      #expect(top >= 0 && top + 10 <= 44)
    }
  }

  @Test func `moving scrolls no more than it must`() {
    var position = ListPosition()
    position.move(by: 12, count: 44, height: 10)
    #expect(position.top == 3)
    position.move(by: -5, count: 44, height: 10)
    #expect(position.top == 3)
    position.move(by: -6, count: 44, height: 10)
    #expect(position.top == 1)
  }

  @Test func `a list that became shorter still has a selection`() {
    let position = ListPosition(selected: 40, top: 35)
    #expect(position.visibleTop(count: 12, height: 10) == 2)
    #expect(position.visibleTop(count: 5, height: 10) == 0)
    #expect(position.visibleTop(count: 0, height: 10) == 0)
    #expect(position.visibleTop(count: 44, height: 0) == 0)
    var empty = position
    empty.move(by: 1, count: 0, height: 5)
    #expect(empty.selected == 0)
    empty.move(by: Int.max, count: 3, height: 5)
    empty.move(by: Int.max, count: 3, height: 5)
    #expect(empty.selected == 2)
    empty.move(by: Int.min, count: 3, height: 5)
    #expect(empty.selected == 0)
  }

  @Test(arguments: [
    (Key.character("j"), 21), (.down, 21), (.character("k"), 19), (.up, 19), (.pageDown, 29),
    (.pageUp, 11), (.control("d"), 25), (.control("u"), 15), (.home, 0), (.character("g"), 0),
    (.end, 43), (.character("G"), 43), (.mouse(MouseEvent(.wheelDown, at: .zero)), 23),
    (.mouse(MouseEvent(.wheelUp, at: .zero)), 17),
  ])
  func `the keys for moving move`(key: Key, selected: Int) {
    var position = ListPosition(selected: 20, top: 15)
    let isTaken = position.handle(key, count: 44, height: 10)
    #expect(isTaken)
    #expect(position.selected == selected)
  }

  @Test func `other keys are left to the pane`() {
    var position = ListPosition(selected: 20, top: 15)
    for key in [Key.character("a"), .mouse(MouseEvent(.press, at: .zero)), .tab] {
      let isTaken = position.handle(key, count: 44, height: 10)
      #expect(!isTaken)
    }
    #expect(position == ListPosition(selected: 20, top: 15))
  }

  @Test func `only rows in sight are asked for`() {
    var frame = Frame(size: Size(columns: 12, rows: 4))
    var asked: [Int] = []
    frame.list(
      in: frame.bounds, count: 1000, position: ListPosition(selected: 500, top: 498),
      selection: .reverse
    ) { row in
      asked.append(row)
      return StyledText("row \(row)")
    }
    #expect(asked == [498, 499, 500, 501])
    #expect(frame.lines == ["row 498", "row 499", "row 500", "row 501"])
    #expect((0..<12).allSatisfy { frame[Point(column: $0, row: 2)].style == .reverse })
    #expect(frame[Point(column: 0, row: 1)].style == .standard)
  }

  @Test func `a scroll bar shows which part is seen`() {
    func bar(_ top: Int, _ count: Int = 40) -> String {
      var frame = Frame(size: Size(columns: 1, rows: 8))
      frame.scrollBar(in: frame.bounds, count: count, top: top, height: 10, borders: .ascii)
      return frame.lines.map { $0.isEmpty ? "." : $0 }.joined()
    }
    #expect(bar(0) == "##......")
    #expect(bar(15) == "...##...")
    #expect(bar(30) == "......##")
    #expect(bar(99) == "......##")
    #expect(bar(0, 10) == "........")
    #expect(bar(99_990, 100_000) == ".......#")
  }
}

@Suite struct TableTests {
  private let table = Table(columns: [
    .init("PID", .fixed(5), alignment: .trailing), .init("WHO", .share(minimum: 4)),
    .init("WAIT", .fixed(5), alignment: .trailing),
  ])

  @Test func `columns are aligned and clipped to their places`() {
    var frame = Frame(size: Size(columns: 24, rows: 4))
    frame.table(
      table, in: frame.bounds, count: 2, position: ListPosition(selected: 1), selection: .reverse
    ) { row in
      row == 0 ? ["7", "日本語日本語", "1.4 s"] : ["16669", "report-job-nightly", "-"]
    }
    #expect(
      frame.lines == [
        "  PID WHO           WAIT", "    7 日本語日本語 1.4 s", "16669 report-job-~     -", "",
      ])
    #expect(frame[Point(column: 0, row: 2)].style == .reverse)
  }

  @Test(arguments: 0...30) func `no column leaves the table`(width: Int) {
    let places = table.places(width: width)
    #expect(places.allSatisfy { $0.upperBound <= width })
    for (left, right) in zip(places, places.dropFirst()) {
      #expect(left.upperBound <= right.lowerBound)
    }
  }
}

@Suite struct BarsTests {
  @Test func `a progress bar is full or empty only when it is true`() {
    #expect(Bars.progress(1.4 / 3, width: 14) == "[#####-------]")
    #expect(Bars.progress(0, width: 8) == "[------]")
    #expect(Bars.progress(0.001, width: 8) == "[#-----]")
    #expect(Bars.progress(0.999, width: 8) == "[#####-]")
    #expect(Bars.progress(1, width: 8) == "[######]")
    #expect(Bars.progress(7, width: 8) == "[######]")
    #expect(Bars.progress(-1, width: 8) == "[------]")
    #expect(Bars.progress(.nan, width: 8) == "[------]")
    #expect(Bars.progress(0.5, width: 2) == "")
  }

  @Test func `a sparkline tells nothing from unknown`() {
    #expect(Bars.sparkline([0, 1, nil, 7], width: 9) == "▁▂ █")
    #expect(Bars.sparkline([0, 0.001, 1], width: 9, borders: .ascii) == "_.@")
    #expect(Bars.sparkline([1, 2, 3, 4], width: 2, peak: 4) == "▆█")
    #expect(Bars.sparkline([0, 0], width: 5) == "▁▁")
    #expect(Bars.sparkline([9, -1, .infinity], width: 5, peak: 3) == "█▁ ")
    #expect(Bars.sparkline([], width: 5) == "")
    #expect(Bars.sparkline([1], width: 0) == "")
  }
}

@Suite struct KeyBarTests {
  private let hints = [
    KeyHint(.enter, "open"), KeyHint("a", "apply"), KeyHint("r", "roll back"), KeyHint("?", "help"),
    KeyHint("q", "quit"),
  ]

  private func bar(_ columns: Int) -> String {
    var frame = Frame(size: Size(columns: columns, rows: 1))
    frame.keyBar(hints, in: frame.bounds)
    return frame.lines[0]
  }

  @Test func `help and quit are the last hints to go`() {
    #expect(bar(80) == " Enter open  a apply  r roll back  ? help  q quit")
    #expect(bar(40) == " Enter open  a apply  ? help  q quit")
    #expect(bar(16) == " ? help  q quit")
    #expect(bar(10) == " ? help")
    #expect(bar(3) == "")
  }

  @Test func `a hint is shown whole or not at all`() {
    let whole = " Enter open  a apply  r roll back  ? help  q quit"
    for columns in 0...60 {
      for hint in bar(columns).split(separator: "  ") { #expect(whole.contains(hint)) }
      #expect(!bar(columns).contains("~"))
    }
  }
}

@Suite struct GoldenScreenTests {
  @Test(arguments: ["unicode", "ascii"]) func `the parts of a screen together`(name: String) {
    let borders: BorderSet = name == "ascii" ? .ascii : .unicode
    let palette = Palette.dark
    var frame = Frame(size: Size(columns: 80, rows: 24))
    let parts = frame.bounds.rows(.fixed(1), .share(), .fixed(3), .fixed(1))
    frame.fill(parts[0], style: palette.header)
    frame.write(
      " PROD orders@db1:5432  applied 41  pending 3", at: parts[0].origin, style: palette.header)
    let panes = parts[1].columns(.fixed(31), .share())
    let list = frame.box(
      panes[0], title: "1 Migrations", trailing: "3/44", focus: .focused, borders: borders,
      palette: palette)
    let position = ListPosition(selected: 20, top: 12)
    frame.list(in: list, count: 44, position: position, selection: palette.selection) { row in
      StyledText(TextWidth.pad("  \(1000 + row) add_customer_idx", to: 25))
        + StyledText(row < 41 ? "  ok" : "  !!", row < 41 ? palette.good : palette.danger)
    }
    frame.scrollBar(
      in: Rectangle(column: panes[0].right - 1, row: list.top, columns: 1, rows: list.size.rows),
      count: 44, top: 12, height: list.size.rows, borders: borders, style: palette.focusedBorder)
    let side = frame.box(panes[1], title: "4 Locks", borders: borders, palette: palette)
    let table = Table(columns: [
      .init("PID", .fixed(6), alignment: .trailing), .init("WHO", .share()),
      .init("WAIT", .fixed(6), alignment: .trailing),
    ])
    frame.table(
      table, in: side, count: 3, position: ListPosition(), selection: nil, palette: palette
    ) { row in
      [["16669", "report-job"], ["16747", "日本 \u{1b}[31mYOU"], ["16804", "web-1"]][row].map {
        StyledText($0)
      } + [StyledText("1.\(row) s", palette.warning)]
    }
    let strip = frame.box(parts[2], title: "7 Timeline", borders: borders, palette: palette)
    frame.write(
      "waiting " + Bars.sparkline([0, 1, 2, nil, 4, 5], width: 10, borders: borders) + " "
        + Bars.progress(0.4, width: 14), at: strip.origin, within: strip)
    frame.keyBar(
      [KeyHint(.enter, "open"), KeyHint("?", "help"), KeyHint("q", "quit")], in: parts[3],
      palette: palette)
    expectGolden(frame, "canvas/parts-\(name)")
  }
}
