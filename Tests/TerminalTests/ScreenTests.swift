import Canvas
import TestSupport
import Testing

@testable import Terminal

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Real screens on a real pseudo-terminal; one at a time, as there is one ncurses.
@Suite(.serialized) struct ScreenTests {
  private static let environment = ["TERM": "xterm-256color", "LANG": "C.UTF-8"]

  private func open(
    _ emulator: TerminalEmulator, _ changes: [String: String] = [:],
    characters: Characters = .ofLocale
  ) throws -> Screen {
    try Screen(
      input: emulator.device, output: emulator.device,
      environment: Self.environment.merging(changes) { $1 }, characters: characters)
  }

  /// A picture with everything that is hard to paint.
  private func picture(_ size: Size) -> Frame {
    var frame = Frame(size: size)
    let inside = frame.box(
      frame.bounds, title: "1 Migrations", trailing: "3/44", focus: .focused, palette: .dark)
    for (row, text) in [
      "plain", "日本語 wide", "naïve e\u{301} ✓", "\u{1b}]0;PWNED\u{7}", "▁▂▃▄▅▆▇█",
    ].enumerated() {
      frame.write(
        text, at: Point(column: inside.left, row: inside.top + row),
        style: Style(
          foreground: .indexed(UInt8(40 * row)), background: .indexed(UInt8(255 - row)),
          bold: row % 2 == 0, reverse: row == 1, underline: row == 2, italic: row == 3),
        within: inside)
    }
    return frame
  }

  @Test func `the terminal shows the frame cell by cell`() throws {
    let emulator = try TerminalEmulator()
    let screen = try open(emulator)
    let frame = picture(screen.size)
    screen.paint(frame)
    emulator.drain()
    #expect(screen.size == Size(columns: 80, rows: 24))
    #expect(emulator.isAlternateScreen)
    #expect(emulator.isRaw)
    #expect(emulator.frame.dump == frame.dump)
    screen.leave()
    emulator.drain()
    #expect(!emulator.isAlternateScreen)
    #expect(!emulator.isRaw)
    #expect(emulator.isCursorVisible)
  }

  @Test func `nothing is written when nothing changed`() throws {
    let emulator = try TerminalEmulator()
    let screen = try open(emulator)
    screen.paint(picture(screen.size))
    emulator.drain()
    let received = emulator.received
    for _ in 0..<5 { screen.paint(picture(screen.size)) }
    emulator.drain()
    #expect(emulator.received == received)
  }

  @Test func `a clock that ticks costs few bytes`() throws {
    let emulator = try TerminalEmulator()
    let screen = try open(emulator)
    var frame = picture(screen.size)
    frame.write("12:04:31", at: Point(column: 70, row: 0))
    screen.paint(frame)
    emulator.drain()
    let received = emulator.received
    frame.write("12:04:32", at: Point(column: 70, row: 0))
    screen.paint(frame)
    emulator.drain()
    #expect(emulator.frame.dump == frame.dump)
    #expect(emulator.received - received <= 20)
  }

  @Test func `one frame after the other leaves nothing of the first`() throws {
    let emulator = try TerminalEmulator()
    let screen = try open(emulator)
    screen.paint(picture(screen.size))
    var frame = Frame(size: screen.size)
    frame.write("x日", at: Point(column: 0, row: 2))
    screen.paint(frame)
    emulator.drain()
    #expect(emulator.frame.dump == frame.dump)
    frame.write("日x", at: Point(column: 0, row: 2))
    screen.paint(frame)
    emulator.drain()
    #expect(emulator.frame.dump == frame.dump)
  }

  @Test func `hostile text never reaches the terminal as a command`() throws {
    let emulator = try TerminalEmulator()
    let screen = try open(emulator)
    screen.paint(picture(screen.size))
    emulator.drain()
    #expect(emulator.text.contains("^[]0;PWNED^G"))
    let written = String(decoding: emulator.transcript, as: UTF8.self)
    #expect(!written.contains("\u{1b}]0;"))
    #expect(!written.contains("\u{7}"))
  }

  @Test func `the cursor stands where the frame says, or is hidden`() throws {
    let emulator = try TerminalEmulator()
    let screen = try open(emulator)
    var frame = Frame(size: screen.size)
    screen.paint(frame)
    emulator.drain()
    #expect(!emulator.isCursorVisible)
    frame.cursor = Point(column: 7, row: 3)
    frame.write(":apply", at: Point(column: 1, row: 3))
    screen.paint(frame)
    emulator.drain()
    #expect(emulator.isCursorVisible)
    #expect(emulator.cursor == Point(column: 7, row: 3))
    frame.cursor = Point(column: 80, row: 3)
    screen.paint(frame)
    emulator.drain()
    #expect(!emulator.isCursorVisible)
  }

  @Test(arguments: [
    Size(columns: 1, rows: 1), Size(columns: 2, rows: 2), Size(columns: 200, rows: 60),
    Size(columns: 79, rows: 5),
  ])
  func `a terminal of any size is painted whole after it was resized`(size: Size) throws {
    let emulator = try TerminalEmulator()
    let screen = try open(emulator)
    screen.paint(picture(screen.size))
    emulator.drain()
    emulator.resize(to: size)
    #expect(screen.measure() == size)
    screen.resize(to: size)
    #expect(screen.size == size)
    screen.paint(picture(size))
    emulator.drain()
    #expect(emulator.frame.dump == picture(size).dump)
  }

  @Test func `a size of nothing does no harm`() throws {
    let emulator = try TerminalEmulator()
    let screen = try open(emulator)
    screen.resize(to: .zero)
    screen.paint(Frame(size: .zero))
    screen.repaint()
    #expect(screen.size == .zero)
    let frame = picture(Size(columns: 80, rows: 24))
    screen.resize(to: frame.size)
    screen.paint(frame)
    emulator.drain()
    #expect(emulator.frame.dump == frame.dump)
  }

  @Test func `a frame of another size than the screen is cut, or leaves the rest empty`() throws {
    let emulator = try TerminalEmulator()
    let screen = try open(emulator)
    let large = picture(Size(columns: 100, rows: 30))
    screen.paint(large)
    emulator.drain()
    let visible = Rectangle(origin: .zero, size: screen.size)
    #expect(emulator.frame.dump == large.part(visible).dump)
    let small = picture(Size(columns: 30, rows: 8))
    screen.paint(small)
    emulator.drain()
    #expect(emulator.frame.part(small.bounds).dump == small.dump)
    #expect(emulator.lines[8...].allSatisfy { $0.isEmpty })
  }

  @Test func `repainting mends what something else wrote`() throws {
    let emulator = try TerminalEmulator()
    let screen = try open(emulator)
    let frame = picture(screen.size)
    screen.paint(frame)
    Descriptor.send(emulator.device, "\u{1b}[5;5Hwall: system going down")
    emulator.drain()
    #expect(emulator.frame.dump != frame.dump)
    screen.repaint()
    emulator.drain()
    #expect(emulator.frame.dump == frame.dump)
  }

  @Test func `the terminal is given back while suspended, and painted whole after`() throws {
    let emulator = try TerminalEmulator()
    let screen = try open(emulator)
    let frame = picture(screen.size)
    screen.paint(frame)
    screen.suspend()
    emulator.drain()
    #expect(!emulator.isAlternateScreen)
    #expect(!emulator.isRaw)
    let received = emulator.received
    screen.paint(Frame(size: screen.size))
    screen.repaint()
    emulator.drain()
    #expect(emulator.received == received)
    screen.resume()
    emulator.drain()
    #expect(emulator.isAlternateScreen)
    #expect(emulator.isRaw)
    #expect(emulator.frame.dump == frame.dump)
  }

  @Test func `the cursor is seen again though it was saved while it was hidden`() throws {
    let emulator = try TerminalEmulator()
    let screen = try open(emulator)
    screen.paint(picture(screen.size))
    // As ncurses does where it scrolls a part of the picture.
    Descriptor.send(emulator.device, "\u{1b}7")
    screen.suspend()
    emulator.drain()
    #expect(!emulator.isAlternateScreen && emulator.isCursorVisible)
    screen.resume()
    Descriptor.send(emulator.device, "\u{1b}7")
    screen.leave()
    emulator.drain()
    #expect(!emulator.isAlternateScreen && emulator.isCursorVisible)
  }

  @Test func `a terminal resized while suspended is known by its new size`() throws {
    let emulator = try TerminalEmulator()
    let screen = try open(emulator)
    screen.paint(picture(screen.size))
    screen.suspend()
    emulator.drain()
    let size = Size(columns: 60, rows: 12)
    emulator.resize(to: size)
    screen.resume()
    #expect(screen.size == size)
    screen.paint(picture(size))
    emulator.drain()
    #expect(emulator.frame.dump == picture(size).dump)
  }

  @Test func `keys come as they were pressed`() throws {
    let emulator = try TerminalEmulator()
    let screen = try open(emulator)
    emulator.drain()
    let keys: [Key] = [
      .character("j"), .character("é"), .character("日"), .character(" "), .control("d"),
      .control("c"), .control("z"), .up, .down, .left, .right, .shiftArrow(.up),
      .controlArrow(.left), .pageUp, .pageDown, .home, .end, .tab, .shiftTab, .enter,
      .backspace, .delete, .insert, .function(1), .function(5), .function(12),
      .paste("y\nq\u{1b}"),
      .mouse(MouseEvent(.press, at: Point(column: 3, row: 4))),
      .mouse(MouseEvent(.release, at: Point(column: 3, row: 4))),
      .mouse(MouseEvent(.wheelDown, at: Point(column: 3, row: 4))),
      .mouse(MouseEvent(.wheelUp, at: Point(column: 3, row: 4))), .escape,
    ]
    for key in keys { emulator.send(key) }
    let read = try screen.readKeys()
    for (read, key) in zip(read, keys) { #expect(read == key) }
    #expect(read.count == keys.count)
    #expect(try screen.readKeys().isEmpty)
  }

  @Test func `a terminal that went away is told after its last keys`() throws {
    let emulator = try TerminalEmulator()
    let device = dup(emulator.device)
    let screen = try Screen(input: device, output: device, environment: Self.environment)
    emulator.drain()
    emulator.hangUp()
    #expect(throws: TerminalError.vanished) { try screen.readKeys() }
    screen.paint(picture(screen.size))
    #expect(throws: TerminalError.vanished) { try screen.readKeys() }
    screen.leave()
    close(device)
  }

  @Test func `an unknown terminal is taken for an xterm, and that is said`() throws {
    let emulator = try TerminalEmulator()
    let screen = try open(emulator, ["TERM": "no-such-terminal"])
    #expect(screen.terminalName == "xterm")
    #expect(
      screen.warning?.what
        == "terminal \"no-such-terminal\" has no description here, so \"xterm\" is used")
    screen.paint(picture(screen.size))
    emulator.drain()
    #expect(emulator.lines == picture(screen.size).lines)
  }

  @Test(arguments: ["dumb", ""]) func `a terminal without a cursor is refused and left alone`(
    name: String
  ) throws {
    let emulator = try TerminalEmulator()
    #expect(throws: TerminalError.unsuitable(name: name)) { try open(emulator, ["TERM": name]) }
    emulator.drain()
    #expect(emulator.received == 0)
    #expect(!emulator.isRaw)
  }

  @Test func `a file is no terminal`() throws {
    var ends: [Int32] = [-1, -1]
    pipe(&ends)
    defer { for end in ends { close(end) } }
    #expect(throws: TerminalError.notATerminal) {
      try Screen(input: ends[0], output: ends[1], environment: Self.environment)
    }
  }

  @Test(arguments: ["screen", "tmux-256color", "linux", "vt100", "xterm", "vt220", "rxvt"])
  func `the text is the same on every terminal`(name: String) throws {
    let emulator = try TerminalEmulator()
    let screen = try open(emulator, ["TERM": name])
    var frame = Frame(size: screen.size)
    let inside = frame.box(frame.bounds, title: "4 Locks", palette: .dark)
    frame.write("日本語 naïve", at: inside.origin, style: Palette.dark.danger)
    screen.paint(frame)
    frame.write("x", at: Point(column: 79, row: 23), style: .bold)
    screen.paint(frame)
    emulator.drain()
    #expect(emulator.lines == frame.lines)
    #expect(screen.warning == nil)
  }

  @Test func `without colours the attributes stay`() throws {
    let emulator = try TerminalEmulator()
    let screen = try open(emulator, ["NO_COLOR": "1"])
    #expect(screen.colors == 0)
    var frame = Frame(size: screen.size)
    frame.write("danger", at: .zero, style: Style(foreground: .indexed(9), bold: true))
    screen.paint(frame)
    emulator.drain()
    #expect(emulator.cell(at: .zero) == Cell(text: "d", width: 1, style: .bold))
  }

  @Test(arguments: ["C", "POSIX", ""]) func `outside UTF-8 everything is drawn in ASCII`(
    locale: String
  ) throws {
    let emulator = try TerminalEmulator()
    let screen = try open(emulator, ["LANG": locale])
    var frame = Frame(size: Size(columns: 20, rows: 4))
    let inside = frame.box(frame.bounds, title: "1", focus: .focused)
    frame.write("日 é → ▁█x", at: inside.origin, within: inside)
    screen.paint(frame)
    emulator.drain()
    #expect(
      Array(emulator.lines.prefix(4)) == [
        "+= 1 ==============+", "|?? ? > _@x        |", "|                  |",
        "+------------------+",
      ])
    #expect(emulator.transcript.allSatisfy { $0 < 0x80 })
  }

  @Test func `ASCII can be asked for where there is more`() throws {
    let emulator = try TerminalEmulator()
    let screen = try open(emulator, characters: .ascii)
    screen.paint(picture(screen.size))
    emulator.drain()
    #expect(emulator.transcript.allSatisfy { $0 < 0x80 })
  }

  @Test func `a UTF-8 locale that is not installed still draws lines`() throws {
    let emulator = try TerminalEmulator()
    let screen = try open(emulator, ["LANG": "xx_XX.UTF-8"])
    screen.paint(picture(screen.size))
    emulator.drain()
    #expect(emulator.frame.dump == picture(screen.size).dump)
  }

  @Test func `copying hands the original text to the terminal`() throws {
    let emulator = try TerminalEmulator()
    let screen = try open(emulator)
    #expect(screen.copy("foo\u{1b}"))
    emulator.drain()
    let written = String(decoding: emulator.transcript, as: UTF8.self)
    #expect(written.contains("\u{1b}]52;c;Zm9vGw==\u{7}"))
    #expect(!screen.copy(String(repeating: "x", count: 100_000)))
  }

  @Test(arguments: ["vt100", "linux"]) func `a terminal without a clipboard says so`(
    name: String
  ) throws {
    let emulator = try TerminalEmulator()
    let screen = try open(emulator, ["TERM": name])
    emulator.drain()
    let received = emulator.received
    #expect(!screen.copy("foo"))
    emulator.drain()
    #expect(emulator.received == received)
  }

  @Test func `a screen that was left does nothing more`() throws {
    let emulator = try TerminalEmulator()
    let screen = try open(emulator)
    screen.leave()
    emulator.drain()
    let received = emulator.received
    screen.leave()
    screen.paint(picture(Size(columns: 80, rows: 24)))
    screen.resume()
    screen.suspend()
    screen.resize(to: Size(columns: 5, rows: 5))
    #expect(throws: TerminalError.vanished) { try screen.readKeys() }
    emulator.drain()
    #expect(emulator.received == received)
  }

  @Test func `a crash gives the terminal back`() async throws {
    let emulator = try TerminalEmulator()
    let name = emulator.deviceName
    await #expect(processExitsWith: .signal(SIGABRT)) { [name = name as String] in
      let device = Glibc.open(name, O_RDWR | O_NOCTTY)
      let screen = try Screen(
        input: device, output: device, environment: ["TERM": "xterm-256color", "LANG": "C"])
      screen.paint(Frame(size: Size(columns: 1, rows: 1), style: .bold))
      abort()
    }
    emulator.drain()
    #expect(emulator.transcript.count > 40)
    #expect(!emulator.isAlternateScreen)
    #expect(!emulator.isRaw)
    #expect(emulator.isCursorVisible)
  }
}
