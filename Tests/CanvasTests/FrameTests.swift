import Canvas
import Testing

@Suite struct FrameTests {
  private static let small = Size(columns: 10, rows: 3)

  private func drawn(_ text: String, at column: Int, skipping: Int = 0) -> String {
    var frame = Frame(size: Size(columns: 6, rows: 1))
    frame.write(text, at: Point(column: column, row: 0), skipping: skipping)
    return frame.lines[0]
  }

  @Test func `a new frame is blank`() {
    let frame = Frame(size: Self.small)
    #expect(frame.lines == ["", "", ""])
    #expect(frame[Point(column: 9, row: 2)] == .blank)
  }

  @Test func `text that does not fit ends in a tilde`() {
    #expect(drawn("orders", at: 0) == "orders")
    #expect(drawn("orders_x", at: 0) == "order~")
    #expect(drawn("日本語", at: 0) == "日本語")
    #expect(drawn("日本語", at: 1) == " 日本~")
    #expect(drawn("日本語", at: 2) == "  日 ~")
    #expect(drawn("日本", at: 5) == "     ~")
  }

  @Test func `text can be cut without a mark`() {
    var frame = Frame(size: Size(columns: 3, rows: 1))
    frame.write("orders", at: .zero, overflow: .cut)
    #expect(frame.lines == ["ord"])
    frame.write("日本語", at: .zero, overflow: .cut)
    #expect(frame.lines == ["日"])
  }

  @Test func `text scrolled to the left begins in the middle`() {
    #expect(drawn("abcdef", at: 0, skipping: 2) == "cdef")
    #expect(drawn("abcdef", at: 3, skipping: 2) == "   cd~")
    #expect(drawn("日本語", at: 0, skipping: 1) == " 本語")
    #expect(drawn("abc", at: 0, skipping: 9) == "")
    #expect(drawn("abcdef", at: -2) == "cdef")
    #expect(drawn("日本語", at: -3) == " 語")
  }

  @Test func `writing tells how many cells were taken`() {
    var frame = Frame(size: Self.small)
    #expect(frame.write("abc", at: .zero) == 3)
    #expect(frame.write("日本", at: .zero) == 4)
    #expect(frame.write("abcdefghijklm", at: Point(column: 2, row: 0)) == 8)
    #expect(frame.write("日本語日本語", at: Point(column: 1, row: 0)) == 9)
    #expect(frame.write("abc", at: Point(column: 10, row: 0)) == 0)
    #expect(frame.write("abc", at: Point(column: 0, row: 3)) == 0)
  }

  @Test func `overwriting half of a wide character blanks the other half`() {
    var frame = Frame(size: Self.small)
    frame.write("日本語", at: .zero)
    frame.write("x", at: Point(column: 1, row: 0))
    #expect(frame.lines[0] == " x本語")
    frame.write("y", at: Point(column: 2, row: 0))
    #expect(frame.lines[0] == " xy 語")
    frame.fill(Rectangle(column: 5, row: 0, columns: 1, rows: 1), with: "z")
    #expect(frame.lines[0] == " xy  z")
  }

  @Test(arguments: HostileText.set.indices) func `no cell holds what a terminal would obey`(
    index: Int
  ) {
    let (text, shown) = HostileText.set[index]
    var frame = Frame(size: Size(columns: 60, rows: 1))
    frame.write(text, at: .zero)
    #expect(
      Array(frame.lines[0].unicodeScalars)
        == Array(TextWidth.clip(shown, to: 60).unicodeScalars))
  }

  @Test func `a stored cell is made visible too`() {
    var frame = Frame(size: Self.small)
    frame[.zero] = Cell(text: "\u{1b}", width: 2)
    #expect(frame.lines[0] == "^[")
    frame[.zero] = Cell(text: "\u{1b}", width: 1)
    #expect(frame[.zero].text == "~")
    frame.fill(frame.bounds, with: "\u{9b}")
    #expect(frame.lines[2] == String(repeating: "\u{fffd}", count: 10))
  }

  @Test func `a wide character takes two cells`() {
    var frame = Frame(size: Self.small)
    frame.write("日", at: .zero, style: .bold)
    #expect(frame[.zero] == Cell(text: "日", width: 2, style: .bold))
    #expect(frame[Point(column: 1, row: 0)] == Cell(text: "", width: 0, style: .bold))
  }

  @Test func `drawing outside does nothing`() {
    var frame = Frame(size: Self.small)
    let blank = frame
    for point in [
      Point(column: 20, row: 0), Point(column: 0, row: -1), Point(column: -9, row: 9),
      Point(column: -3, row: 0),
    ] {
      frame.write("abc", at: point)
      frame[point] = Cell(text: "x", width: 1)
      frame.fill(Rectangle(origin: point, size: Size(columns: 2, rows: 1)), with: "x")
      frame.place(Frame(size: Size(columns: 1, rows: 1), style: .bold), at: point)
    }
    #expect(frame == blank)
  }

  @Test func `a frame without cells takes everything`() {
    for size in [Size.zero, Size(columns: 0, rows: 5), Size(columns: 5, rows: 0)] {
      var frame = Frame(size: size)
      frame.write("日本", at: .zero)
      frame.fill(frame.bounds, with: "x")
      frame.box(frame.bounds, title: "x")
      #expect(frame == Frame(size: size))
    }
  }

  @Test func `frames drawn in another order are equal`() {
    var one = Frame(size: Self.small)
    one.write("e\u{301}", at: .zero)
    one.write("o\u{308}", at: Point(column: 0, row: 1))
    var other = Frame(size: Self.small)
    other.write("o\u{308}", at: Point(column: 0, row: 1))
    other.write("e\u{301}", at: .zero)
    #expect(one == other)
    other.write("a\u{308}", at: .zero)
    #expect(one != other)
    #expect(one != Frame(size: Size(columns: 3, rows: 10)))
  }

  @Test func `the cursor counts as part of the picture`() {
    var frame = Frame(size: Self.small)
    frame.cursor = .zero
    #expect(frame != Frame(size: Self.small))
  }

  @Test func `a pane placed in a screen keeps its text and styles`() {
    var pane = Frame(size: Size(columns: 4, rows: 2))
    pane.write("e\u{301}日", at: .zero, style: .bold)
    pane.cursor = Point(column: 1, row: 1)
    var frame = Frame(size: Self.small)
    frame.write("o\u{308}", at: .zero)
    frame.place(pane, at: Point(column: 2, row: 1))
    #expect(frame.lines == ["o\u{308}", "  e\u{301}日", ""])
    #expect(frame[Point(column: 3, row: 1)].style == .bold)
    #expect(frame.cursor == Point(column: 3, row: 2))
    #expect(frame.part(Rectangle(column: 2, row: 1, columns: 4, rows: 1)).lines == ["e\u{301}日"])
  }

  @Test func `a pane cut at its edge shows no half characters`() {
    var pane = Frame(size: Size(columns: 6, rows: 1))
    pane.write("日本語", at: .zero)
    var frame = Frame(size: Self.small)
    frame.place(pane, at: Point(column: -1, row: 0))
    #expect(frame.lines[0] == " 本語")
    frame.place(
      pane, at: Point(column: 0, row: 1),
      within: Rectangle(column: 0, row: 0, columns: 5, rows: 3))
    #expect(frame.lines[1] == "日本")
  }

  @Test func `restyling leaves the text alone`() {
    var frame = Frame(size: Self.small)
    frame.write("abc", at: .zero, style: .underline)
    frame.overlay(.reverse, on: Rectangle(column: 1, row: 0, columns: 1, rows: 9))
    #expect(frame.lines[0] == "abc")
    #expect(frame[Point(column: 1, row: 0)].style == Style(reverse: true, underline: true))
    #expect(frame[Point(column: 0, row: 0)].style == .underline)
    #expect(frame[Point(column: 1, row: 2)].style == .reverse)
  }
}

@Suite struct FrameDifferenceTests {
  @Test func `equal frames have no difference`() {
    var frame = Frame(size: Size(columns: 20, rows: 4))
    frame.write("e\u{301}日本", at: .zero)
    #expect(frame.changes(since: frame).isEmpty)
  }

  @Test func `only cells that changed are told`() {
    let old = Frame(size: Size(columns: 20, rows: 4))
    var new = old
    new.write("ab", at: Point(column: 3, row: 1))
    new.write("c", at: Point(column: 9, row: 1), style: .bold)
    new.overlay(.bold, on: Rectangle(column: 19, row: 3, columns: 1, rows: 1))
    #expect(
      new.changes(since: old) == [
        CellRun(row: 1, columns: 3..<5), CellRun(row: 1, columns: 9..<10),
        CellRun(row: 3, columns: 19..<20),
      ])
  }

  @Test func `a difference covers whole wide characters`() {
    var old = Frame(size: Size(columns: 10, rows: 1))
    old.write("日日x", at: .zero)
    var new = Frame(size: Size(columns: 10, rows: 1))
    new.write("日本x", at: .zero)
    #expect(new.changes(since: old) == [CellRun(row: 0, columns: 2..<4)])
    new.write("日日y", at: .zero)
    new.restyle(Rectangle(column: 1, row: 0, columns: 1, rows: 1)) { $0.bold = true }
    #expect(
      new.changes(since: old) == [
        CellRun(row: 0, columns: 0..<2), CellRun(row: 0, columns: 4..<5),
      ])
  }

  @Test func `a frame of another size is new altogether`() {
    let new = Frame(size: Size(columns: 3, rows: 2))
    let all = [CellRun(row: 0, columns: 0..<3), CellRun(row: 1, columns: 0..<3)]
    #expect(new.changes(since: nil) == all)
    #expect(new.changes(since: Frame(size: Size(columns: 2, rows: 3))) == all)
    #expect(Frame(size: .zero).changes(since: nil).isEmpty)
  }

  @Test func `clusters are compared by what they show`() {
    var old = Frame(size: Size(columns: 4, rows: 1))
    old.write("a\u{301}b\u{301}", at: .zero)
    var new = Frame(size: Size(columns: 4, rows: 1))
    new.write("b\u{301}b\u{301}", at: .zero)
    #expect(new.changes(since: old) == [CellRun(row: 0, columns: 0..<1)])
  }
}

@Suite struct FrameDumpTests {
  @Test func `a dump gives the text, then the styles`() {
    var frame = Frame(size: Size(columns: 12, rows: 3))
    frame.write("title", at: .zero, style: .reverse)
    frame.write("日本 x", at: Point(column: 2, row: 2))
    frame.write(
      "!!", at: Point(column: 9, row: 2), style: Style(foreground: .indexed(9), bold: true))
    frame.cursor = Point(column: 3, row: 1)
    #expect(
      frame.dump == """
        12x3 cursor 3,1
        title

          日本 x !!
        styles
        0: 0-4 reverse
        2: 9-10 bold fg=9

        """)
  }

  @Test func `blanks with a background are seen in the styles`() {
    let frame = Frame(size: Size(columns: 3, rows: 1), style: Style(background: .indexed(4)))
    #expect(frame.dump == "3x1\n\nstyles\n0: 0-2 bg=4\n")
  }
}
