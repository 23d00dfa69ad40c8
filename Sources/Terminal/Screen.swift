import CNcurses
import CPosix
import Canvas
import Diagnostics

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The terminal while the dashboard has it.
///
/// ncurses paints. The keys are read here, because ncurses tells neither a vanished terminal from a
/// quiet one nor a paste from typing, and takes unknown sequences apart into letters. There is one
/// screen at a time, touched from one thread. Signals must have their handlers before it is made:
/// ncurses takes over those that are still at their default.
public final class Screen {
  /// The name of the description in use.
  public let terminalName: String
  /// What is to be told once, when `TERM` names no terminal known here.
  public let warning: Diagnostic?
  /// How many colours can be shown; 0 for attributes only.
  public let colors: Int
  /// The cells there are to paint.
  public private(set) var size = Size.zero

  private let input: Int32
  private let output: Int32
  private let environment: [String: String]
  private let glyphs: GlyphSet
  private let mapping: ColorMapping
  /// Whether the terminal knows xterm's modes: mouse, bracketed paste, clipboard.
  private let knowsModes: Bool
  private let files: Files
  /// Where ncurses draws while a picture is put together; -1 where there is no such file.
  private let memory: Int32
  private let shellModes: termios
  private var handle: OpaquePointer?
  private var hasVanished = false
  private var isSuspended = false
  private var painted: Frame?
  private var pairs: [UInt32: Int32] = [:]
  private var cells: [cchar_t] = []
  private var decoder: KeyDecoder
  private var buffer = [UInt8](repeating: 0, count: 4096)

  private typealias Files = (input: UnsafeMutablePointer<FILE>, output: UnsafeMutablePointer<FILE>)

  /// Takes the terminal over: alternate screen, keys as they are typed, no echo.
  ///
  /// - Parameters:
  ///   - input: Where keys come from.
  ///   - output: Where the picture goes.
  ///   - environment: `TERM`, the locale, `NO_COLOR`, `TMUX`, `COLUMNS` and `LINES` are read from
  ///     it.
  ///   - characters: Whether to draw in ASCII though the locale has more.
  /// - Throws: `notATerminal`; `unsuitable` for `dumb` and its like; `unknown` when no description
  ///   can be found. The terminal is then as it was.
  public init(
    input: Int32 = STDIN_FILENO, output: Int32 = STDOUT_FILENO, environment: [String: String],
    characters: Characters = .ofLocale
  ) throws(TerminalError) {
    guard isatty(input) == 1, isatty(output) == 1 else { throw .notATerminal }
    let chosen = try Self.description(for: environment["TERM"] ?? "", output)
    Self.setLocale(environment)
    var shellModes = termios()
    guard tcgetattr(output, &shellModes) == 0 else { throw .vanished }
    let files = try Self.open(input, output)
    guard let handle = newterm(chosen.name, files.output, files.input) else {
      fclose(files.input)
      fclose(files.output)
      throw .unknown(names: [chosen.name])
    }
    let hasColors = has_colors() && (environment["NO_COLOR"] ?? "").isEmpty
    if hasColors {
      start_color()
      use_default_colors()
    }
    self.files = files
    self.shellModes = shellModes
    memory = lockstep_memory_file()
    self.handle = handle
    self.input = input
    self.output = output
    self.environment = environment
    terminalName = chosen.name
    warning = chosen.warning
    glyphs = GlyphSet(characters, terminal: chosen.name)
    colors = hasColors ? Int(ls_colors()) : 0
    mapping = ColorMapping(count: colors)
    // Terminals with xterm's mouse know its other modes, or pass over them.
    knowsModes = ls_capability("kmous") != nil
    decoder = KeyDecoder(sequences: TerminalKeys.described())
    // Raw rather than cbreak: ctrl-c, ctrl-z and ctrl-s are keys like any other.
    raw()
    noecho()
    nonl()
    // Else ncurses breaks off a refresh when keys are waiting, and nobody finishes it.
    typeahead(-1)
    leaveok(ls_stdscr(), true)
    curs_set(0)
    resize(to: measure())
    Descriptor.send(output, modes("h"))
    guardTerminal()
  }

  deinit { leave() }

  /// Returns the size the terminal has now; where it reports none, what the environment says, or
  /// 80x24.
  public func measure() -> Size {
    if let size = Descriptor.size(output) { return size }
    func number(_ name: String) -> Int? {
      environment[name].flatMap { Int($0) }.flatMap { (1...4096).contains($0) ? $0 : nil }
    }
    return Size(columns: number("COLUMNS") ?? 80, rows: number("LINES") ?? 24)
  }

  /// Makes the screen fit a terminal whose size has changed; the next frame is painted whole.
  public func resize(to size: Size) {
    guard handle != nil else { return }
    // Not resizeterm, which queues a key each time it is called.
    resize_term(Int32(clamping: max(1, size.rows)), Int32(clamping: max(1, size.columns)))
    self.size = Size(
      columns: min(size.columns, Int(getmaxx(ls_stdscr()))),
      rows: min(size.rows, Int(getmaxy(ls_stdscr()))))
    painted = nil
    werase(ls_stdscr())
    clearok(ls_stdscr(), true)
  }

  // MARK: Painting

  /// Shows `frame`: only cells that changed since the last one are written, and nothing at all when
  /// none did.
  ///
  /// A frame of another size than the screen is cut, or leaves the rest empty.
  public func paint(_ frame: Frame) {
    guard handle != nil, !isSuspended else { return }
    let runs = frame.changes(since: painted)
    if painted != nil, runs.isEmpty, frame.cursor == painted?.cursor { return }
    if painted?.size != frame.size { werase(ls_stdscr()) }
    for run in runs { put(run, of: frame) }
    let hadCursor = painted?.cursor != nil
    painted = frame
    flush(cells: runs.reduce(0) { $0 + $1.columns.count }, hadCursor: hadCursor)
  }

  /// Writes the whole picture again, whatever may have become of it.
  public func repaint() {
    guard handle != nil, !isSuspended else { return }
    clearok(ls_stdscr(), true)
    flush(cells: size.columns * size.rows, hadCursor: painted?.cursor != nil)
  }

  private func flush(cells: Int, hadCursor: Bool) {
    let bounds = Rectangle(origin: .zero, size: size)
    let cursor = painted?.cursor.flatMap { bounds.contains($0) ? $0 : nil }
    // A large change is shown at once by terminals that know this mode.
    let isLarge = knowsModes && cells > 400
    inOneWrite(before: isLarge ? "\u{1b}[?2026h" : "", after: isLarge ? "\u{1b}[?2026l" : "") {
      leaveok(ls_stdscr(), cursor == nil)
      // Hidden while the picture is written, so that it is not seen to run about.
      if hadCursor, cells > 0 || cursor == nil { curs_set(0) }
      if let cursor { wmove(ls_stdscr(), Int32(cursor.row), Int32(cursor.column)) }
      wnoutrefresh(ls_stdscr())
      doupdate()
      if cursor != nil { curs_set(1) }
    }
  }

  /// Lets ncurses draw into memory, and gives the terminal all of it in one write.
  ///
  /// By itself ncurses writes at each change of the colour, and the picture is seen half done.
  private func inOneWrite(before: String, after: String, _ draw: () -> Void) {
    let stream = fileno(files.output)
    guard memory >= 0, lockstep_redirect(stream, memory) == 0 else {
      Descriptor.send(output, before)
      draw()
      Descriptor.send(output, after)
      return
    }
    draw()
    let length = max(0, Int(lseek(memory, 0, SEEK_CUR)))
    lseek(memory, 0, SEEK_SET)
    lockstep_redirect(stream, output)
    guard length > 0 else { return }
    var bytes = Array(before.utf8)
    bytes.reserveCapacity(length + 16)
    let drawn = [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
      count = max(0, pread(memory, buffer.baseAddress, length, 0))
    }
    bytes += drawn
    bytes += after.utf8
    if !Descriptor.send(output, bytes) { hasVanished = true }
  }

  /// Hands the cells of one run to ncurses.
  private func put(_ run: CellRun, of frame: Frame) {
    guard run.row < size.rows, run.columns.lowerBound < size.columns else { return }
    cells.removeAll(keepingCapacity: true)
    var column = run.columns.lowerBound
    frame.visit(run) { scalars, width, style in
      column += width
      guard column <= size.columns else { return }
      glyphs.adapt(&scalars)
      let cell = ncursesCell(scalars, style)
      cells.append(cell)
      // Where only ASCII can be shown, a wide character becomes two marks.
      if width == 2, glyphs.isASCII { cells.append(cell) }
    }
    wmove(ls_stdscr(), Int32(run.row), Int32(run.columns.lowerBound))
    wadd_wchnstr(ls_stdscr(), cells, Int32(cells.count))
  }

  private func ncursesCell(_ scalars: [Unicode.Scalar], _ style: Style) -> cchar_t {
    var cell = cchar_t()
    withUnsafeTemporaryAllocation(of: wchar_t.self, capacity: scalars.count + 1) { text in
      for (index, scalar) in scalars.enumerated() { text[index] = wchar_t(scalar.value) }
      text[scalars.count] = 0
      ls_setcchar(&cell, text.baseAddress, Self.attributes(of: style), pair(of: style))
    }
    return cell
  }

  private static func attributes(of style: Style) -> attr_t {
    var attributes: attr_t = 0
    if style.bold { attributes |= LS_A_BOLD }
    if style.dim { attributes |= LS_A_DIM }
    if style.reverse { attributes |= LS_A_REVERSE }
    if style.underline { attributes |= LS_A_UNDERLINE }
    if style.italic { attributes |= LS_A_ITALIC }
    return attributes
  }

  /// Returns the number of the pair of colours, made when first asked for; 0 when none is left.
  private func pair(of style: Style) -> Int32 {
    if style.foreground == .standard, style.background == .standard { return 0 }
    let foreground = mapping.number(style.foreground, .foreground)
    let background = mapping.number(style.background, .background)
    if foreground < 0, background < 0 { return 0 }
    let key = UInt32(foreground + 1) << 16 | UInt32(background + 1)
    if let pair = pairs[key] { return pair }
    let next = Int32(pairs.count + 1)
    let isMade =
      next < ls_color_pairs() && init_extended_pair(next, foreground, background) == OK
    pairs[key] = isMade ? next : 0
    return isMade ? next : 0
  }

  // MARK: Keys

  /// Returns the keys that have arrived, and does not wait for one.
  ///
  /// Only after a lone escape it waits, at most 25 ms, for the rest of a sequence.
  ///
  /// - Throws: `vanished` once the terminal is gone and all its keys have been returned.
  public func readKeys() throws(TerminalError) -> [Key] {
    guard handle != nil, !hasVanished else { throw .vanished }
    var keys: [Key] = []
    while true {
      let delay = decoder.awaitsEscape ? KeyDecoder.escapeDelayMilliseconds : 0
      switch Descriptor.wait(input, milliseconds: delay) {
      case .quiet: return keys + decoder.flush()
      case .readable:
        if let bytes = Descriptor.receive(input, into: &buffer) {
          keys += decoder.decode(bytes)
          continue
        }
        fallthrough
      case .vanished:
        if keys.isEmpty { throw .vanished }
        return keys
      }
    }
  }

  // MARK: Leaving and coming back

  /// Gives the terminal back for a while: to the shell, an editor or a pager.
  public func suspend() {
    guard handle != nil, !isSuspended else { return }
    lockstep_terminal_unguard()
    Descriptor.send(output, modes("l"))
    curs_set(1)
    endwin()
    // Some terminals bring back with the first screen whether the cursor was seen when it was last saved,
    // and ncurses saves it, hidden, where it scrolls a part of the picture.
    Descriptor.send(output, Self.text(of: "cnorm"))
    isSuspended = true
  }

  /// Takes the terminal again, in the size it has by now, and writes the picture whole.
  ///
  /// Also to be called when the process went on after it was stopped without a warning: a shell
  /// changes the terminal's modes meanwhile.
  public func resume() {
    guard handle != nil else { return }
    reset_prog_mode()
    isSuspended = false
    let frame = painted
    let now = measure()
    if now != size { resize(to: now) }
    painted = nil
    curs_set(0)
    Descriptor.send(output, modes("h"))
    guardTerminal()
    clearok(ls_stdscr(), true)
    paint(frame ?? Frame(size: size))
  }

  /// Gives the terminal back for good, as it was; further calls do nothing.
  public func leave() {
    guard let handle else { return }
    suspend()
    self.handle = nil
    delscreen(handle)
    fclose(files.input)
    fclose(files.output)
    if memory >= 0 { close(memory) }
  }

  /// What turns xterm's modes on (`h`) or off (`l`): buttons of the mouse, their places as SGR
  /// numbers, bracketed paste.
  private func modes(_ letter: String) -> String {
    // One by one: some terminals take only the first of several.
    knowsModes ? [1000, 1006, 2004].map { "\u{1b}[?\($0)\(letter)" }.joined() : ""
  }

  /// Sees to it that a crash leaves a terminal one can work in, and read why.
  private func guardTerminal() {
    var shell = shellModes
    let rest = ["sgr0", "rmcup", "cnorm"].map(Self.text(of:)).joined()
    lockstep_terminal_guard(output, &shell, modes("l") + rest)
  }

  /// Returns what the terminal's description says to send for a capability.
  private static func text(of capability: String) -> String {
    guard let value = ls_capability(capability) else { return "" }
    // The delays some descriptions ask for, `$<2>`, are for terminals of another age.
    return String(String(cString: value).prefix { $0 != "$" })
  }

  // MARK: Copying

  /// Offers `text` to the terminal for its clipboard, and tells whether the terminal may take it.
  ///
  /// Terminals do not say whether they did. False where they cannot, or where the text is longer
  /// than they take: then it has to be shown for selecting.
  public func copy(_ text: String) -> Bool {
    // The console of Linux has a mouse, but would take part of the sequence for text.
    guard handle != nil, !isSuspended, knowsModes, terminalName != "linux",
      let sequence = Clipboard.sequence(for: text, environment: environment)
    else { return false }
    Descriptor.send(output, sequence)
    return true
  }

  // MARK: Setting up

  /// Opens streams of their own for ncurses, so that closing them leaves the descriptors alone.
  private static func open(_ input: Int32, _ output: Int32) throws(TerminalError) -> Files {
    let reading = fcntl(input, F_DUPFD_CLOEXEC, 3)
    let writing = fcntl(output, F_DUPFD_CLOEXEC, 3)
    guard reading >= 0, writing >= 0, let source = fdopen(reading, "r"),
      let sink = fdopen(writing, "w")
    else { throw .vanished }
    return (source, sink)
  }
}
