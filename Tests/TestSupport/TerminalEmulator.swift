import CPosix
import CVterm
import Canvas

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A terminal for tests: libvterm at one end of a pseudo-terminal, a program or a `Screen` at the
/// other.
///
/// Nothing runs by itself: the terminal reads what was written to it while `wait` waits. It stands
/// for an xterm with 256 colours.
public final class TerminalEmulator {
  /// How a program ended.
  public enum Exit: Hashable, Sendable {
    case exited(Int32)
    case signalled(Int32)
  }

  /// A call of the system that failed, with its error number.
  public struct SystemError: Error, Hashable {
    public var call: String
    public var number: Int32
  }

  /// Everything that was written to the terminal, in order.
  public private(set) var transcript: [UInt8] = []
  public private(set) var isCursorVisible = true
  public private(set) var isAlternateScreen = false
  /// The terminal's own end of the line; -1 after hanging up.
  private var master: Int32
  /// The program's end, kept open where there is no program; -1 otherwise.
  public private(set) var device: Int32 = -1
  /// The program's process; 0 where there is none.
  public private(set) var process: pid_t = 0
  private var exit: Exit?
  private var isClosed = false
  /// Whether the program has said that more of its picture is to come.
  private var isUpdating = false
  private var outgoing: [UInt8] = []
  private let terminal: OpaquePointer
  private let screen: OpaquePointer
  private var callbacks: UnsafeMutablePointer<VTermScreenCallbacks>

  /// Opens a terminal without a program; its other end is `device`.
  public init(size: Size = Size(columns: 80, rows: 24)) throws(SystemError) {
    var dimensions = Self.dimensions(size)
    var ends: (Int32, Int32) = (-1, -1)
    guard openpty(&ends.0, &ends.1, nil, nil, &dimensions) == 0 else {
      throw SystemError(call: "openpty", number: errno)
    }
    master = ends.0
    device = ends.1
    for end in [master, device] { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    _ = fcntl(master, F_SETFL, O_NONBLOCK)
    terminal = vterm_new(Int32(size.rows), Int32(size.columns))
    vterm_set_utf8(terminal, 1)
    screen = vterm_obtain_screen(terminal)
    callbacks = .allocate(capacity: 1)
    callbacks.initialize(to: VTermScreenCallbacks())
    callbacks.pointee.settermprop = { property, value, user in
      guard let value, let user else { return 0 }
      let emulator = Unmanaged<TerminalEmulator>.fromOpaque(user).takeUnretainedValue()
      if property == VTERM_PROP_CURSORVISIBLE {
        emulator.isCursorVisible = value.pointee.boolean != 0
      } else if property == VTERM_PROP_ALTSCREEN {
        emulator.isAlternateScreen = value.pointee.boolean != 0
      }
      return 1
    }
    let me = Unmanaged.passUnretained(self).toOpaque()
    vterm_screen_set_callbacks(screen, callbacks, me)
    vterm_output_set_callback(
      terminal,
      { bytes, count, user in
        guard let bytes, let user else { return }
        let emulator = Unmanaged<TerminalEmulator>.fromOpaque(user).takeUnretainedValue()
        let raw = UnsafeRawBufferPointer(start: bytes, count: count)
        emulator.outgoing.append(contentsOf: raw)
      }, me)
    vterm_screen_enable_altscreen(screen, 1)
    vterm_screen_reset(screen, 1)
  }

  /// Runs a program on a terminal of its own.
  ///
  /// - Parameters:
  ///   - arguments: The path of the program, then its arguments.
  ///   - environment: Replaces or adds to `TERM=xterm-256color`, `LANG=C.UTF-8`, `PATH` and
  ///     `TZ=UTC`; the test's own environment is not passed on. An empty value removes the name.
  public convenience init(
    _ arguments: [String], environment: [String: String] = [:],
    size: Size = Size(columns: 80, rows: 24)
  ) throws(SystemError) {
    try self.init(size: size)
    try start(arguments, environment)
  }

  deinit {
    if process > 0, exit == nil {
      kill(process, SIGKILL)
      var status: Int32 = 0
      while waitpid(process, &status, 0) < 0, errno == EINTR {}
    }
    hangUp()
    vterm_free(terminal)
    callbacks.deallocate()
  }

  private func start(
    _ arguments: [String], _ changes: [String: String]
  ) throws(SystemError) {
    var environment = [
      "TERM": "xterm-256color", "LANG": "C.UTF-8", "TZ": "UTC",
      "PATH": getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin",
    ]
    environment.merge(changes) { $1 }
    let settings = environment.filter { !$0.value.isEmpty }.map { "\($0.key)=\($0.value)" }
    let name = deviceName
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    // The session is made first, so that opening the device makes it the controlling terminal.
    posix_spawn_file_actions_addopen(&actions, 0, name, O_RDWR, 0)
    posix_spawn_file_actions_adddup2(&actions, 0, 1)
    posix_spawn_file_actions_adddup2(&actions, 0, 2)
    lockstep_spawn_closing_others(&actions)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // Threads of Swift's pool block signals, and a child inherits that.
    var none = sigset_t()
    var all = sigset_t()
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    let newSession = 0x80
    posix_spawnattr_setflags(
      &attributes, Int16(newSession | Int(POSIX_SPAWN_SETSIGMASK) | Int(POSIX_SPAWN_SETSIGDEF)))
    let words = arguments.map { strdup($0) } + [nil]
    let variables = settings.map { strdup($0) } + [nil]
    defer { for pointer in words + variables { free(pointer) } }
    let number = posix_spawn(&process, arguments[0], &actions, &attributes, words, variables)
    guard number == 0 else {
      process = 0
      throw SystemError(call: "posix_spawn \(arguments[0])", number: number)
    }
    close(device)
    device = -1
  }

  private static func dimensions(_ size: Size) -> winsize {
    winsize(ws_row: UInt16(size.rows), ws_col: UInt16(size.columns), ws_xpixel: 0, ws_ypixel: 0)
  }
}

// MARK: - Typing

extension TerminalEmulator {
  /// Sends `text` as it is, control characters and all.
  public func send(_ text: String) {
    outgoing.append(contentsOf: text.utf8)
    transmit()
  }

  /// Presses a key, as this terminal sends it in the mode it is in.
  public func send(_ key: Key) {
    let modifier = key.modifier
    switch key {
    case .character(let character):
      for scalar in character.unicodeScalars {
        vterm_keyboard_unichar(terminal, scalar.value, VTERM_MOD_NONE)
      }
    case .control(let character):
      for scalar in character.unicodeScalars {
        outgoing.append(UInt8(truncatingIfNeeded: scalar.value) & 0x1f)
      }
    case .mouse(let event): click(event)
    case .paste(let text):
      vterm_keyboard_start_paste(terminal)
      outgoing.append(contentsOf: text.utf8)
      vterm_keyboard_end_paste(terminal)
    default:
      if let code = key.code { vterm_keyboard_key(terminal, code, modifier) }
    }
    transmit()
  }

  private func click(_ event: MouseEvent) {
    vterm_mouse_move(
      terminal, Int32(event.point.row), Int32(event.point.column), VTERM_MOD_NONE)
    func press(_ button: Int32, _ isDown: Bool) {
      vterm_mouse_button(terminal, button, isDown, VTERM_MOD_NONE)
    }
    switch event.kind {
    case .press: press(1, true)
    case .release: press(1, false)
    case .doublePress:
      for isDown in [true, false, true] { press(1, isDown) }
    case .wheelUp: press(4, true)
    case .wheelDown: press(5, true)
    }
  }

  /// Gives the terminal another size and tells the program, as dragging a window's corner does.
  public func resize(to size: Size) {
    vterm_set_size(terminal, Int32(size.rows), Int32(size.columns))
    var dimensions = Self.dimensions(size)
    _ = ioctl(master, UInt(TIOCSWINSZ), &dimensions)
  }

  /// Closes the terminal's window: the program gets SIGHUP, then errors.
  public func hangUp() {
    for end in [master, device] where end >= 0 { close(end) }
    (master, device) = (-1, -1)
    isClosed = true
  }

  /// Sends the program a signal.
  public func signal(_ number: Int32) {
    if process > 0, exit == nil { kill(process, number) }
  }

  private func transmit() {
    while !outgoing.isEmpty, master >= 0 {
      let count = write(master, outgoing, outgoing.count)
      guard count > 0 else { return }
      outgoing.removeFirst(count)
    }
  }
}

// MARK: - Waiting

extension TerminalEmulator {
  /// Waits until `condition` holds and tells whether it came to.
  ///
  /// It is asked again whenever something was written, but not in the middle of a picture that is to
  /// be shown at once. Once the program has closed the terminal nothing can change any more, and the
  /// answer is given at once.
  @discardableResult
  public func wait(
    atMost timeout: Duration = .seconds(90), until condition: (TerminalEmulator) -> Bool
  ) -> Bool {
    let end = ContinuousClock.now + timeout
    while true {
      drain()
      let isLast = isClosed || ContinuousClock.now >= end
      if isLast || !isUpdating, condition(self) { return true }
      if isLast { return false }
      pause(milliseconds: 50)
    }
  }

  /// Waits until `text` is on the screen and tells whether it came.
  @discardableResult
  public func wait(for text: String, atMost timeout: Duration = .seconds(90)) -> Bool {
    wait(atMost: timeout) { $0.text.contains(text) }
  }

  /// Waits for the program's end; `nil` when it goes on, or when there is none.
  public func waitForExit(atMost timeout: Duration = .seconds(90)) -> Exit? {
    let end = ContinuousClock.now + timeout
    while process > 0, exit == nil {
      // What it still writes must be read, or it could not end.
      drain()
      var status: Int32 = 0
      if waitpid(process, &status, WNOHANG) == process {
        let signal = status & 0x7f
        exit = signal == 0 ? .exited(status >> 8 & 0xff) : .signalled(signal)
        drain()
      } else if ContinuousClock.now >= end {
        return nil
      } else {
        pause(milliseconds: 10)
      }
    }
    return exit
  }

  /// Takes everything that has been written so far.
  public func drain() {
    transmit()
    var buffer = [UInt8](repeating: 0, count: 65536)
    while master >= 0 {
      let count = read(master, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      if count < 0, errno == EAGAIN { return }
      guard count > 0 else {
        isClosed = true
        return
      }
      note(buffer[..<count])
      buffer.withUnsafeBytes { bytes in
        _ = vterm_input_write(
          terminal, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), count)
      }
      transmit()
    }
  }

  /// Keeps what was written, and whether it leaves a picture half painted.
  ///
  /// Source: "Synchronized Output", the private mode 2026; libvterm does not know it.
  private func note(_ bytes: ArraySlice<UInt8>) {
    let mark = Array("\u{1b}[?2026".utf8)
    // One that was cut in two by the end of the last reading is found as well.
    var place = max(0, transcript.count - mark.count)
    transcript.append(contentsOf: bytes)
    while let found = transcript[place...].firstIndex(of: mark[0]) {
      place = found + 1
      guard transcript[found...].starts(with: mark), found + mark.count < transcript.count else {
        continue
      }
      switch transcript[found + mark.count] {
      case UInt8(ascii: "h"): isUpdating = true
      case UInt8(ascii: "l"): isUpdating = false
      default: break
      }
    }
  }

  /// Waits for something to read, in a closed terminal for the time alone.
  private func pause(milliseconds: Int32) {
    var watched = pollfd(fd: isClosed ? -1 : master, events: Int16(POLLIN), revents: 0)
    if !outgoing.isEmpty { watched.events |= Int16(POLLOUT) }
    poll(&watched, 1, milliseconds)
  }
}

// MARK: - Looking

extension TerminalEmulator {
  public var size: Size {
    var rows: Int32 = 0
    var columns: Int32 = 0
    vterm_get_size(terminal, &rows, &columns)
    return Size(columns: Int(columns), rows: Int(rows))
  }

  /// The path by which another process can open `device`; empty once there is none.
  public var deviceName: String {
    var name = [CChar](repeating: 0, count: 128)
    guard ttyname_r(device, &name, name.count) == 0 else { return "" }
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// How many bytes were written to the terminal.
  public var received: Int { transcript.count }

  /// Where the cursor stands, seen or not.
  public var cursor: Point {
    var position = VTermPos()
    vterm_state_get_cursorpos(vterm_obtain_state(terminal), &position)
    return Point(column: Int(position.col), row: Int(position.row))
  }

  /// Whether the program has turned off the line editing and the echo of the terminal.
  public var isRaw: Bool {
    var modes = termios()
    guard tcgetattr(master, &modes) == 0 else { return false }
    return modes.c_lflag & tcflag_t(ICANON | ECHO) == 0
  }

  /// The lines of the screen without their trailing blanks.
  public var lines: [String] { frame.lines }

  /// The lines of the screen, one below the other.
  public var text: String { lines.joined(separator: "\n") }

  /// The screen as a frame, to be compared with what was painted or with a golden screen.
  public var frame: Frame {
    let size = size
    var frame = Frame(size: size)
    for row in 0..<size.rows {
      var column = 0
      while column < size.columns {
        let cell = cell(at: Point(column: column, row: row))
        frame[Point(column: column, row: row)] = cell
        column += max(1, cell.width)
      }
    }
    if isCursorVisible { frame.cursor = cursor }
    return frame
  }

  /// What stands at a place and how it looks.
  public func cell(at point: Point) -> Cell {
    var cell = VTermScreenCell()
    let position = VTermPos(row: Int32(point.row), col: Int32(point.column))
    vterm_screen_get_cell(screen, position, &cell)
    var text = ""
    withUnsafeBytes(of: cell.chars) { bytes in
      for value in bytes.bindMemory(to: UInt32.self).prefix(while: { $0 != 0 }) {
        if let scalar = Unicode.Scalar(value) { text.unicodeScalars.append(scalar) }
      }
    }
    let style = Style(
      foreground: Self.color(cell.fg), background: Self.color(cell.bg),
      bold: cell.attrs.bold != 0, reverse: cell.attrs.reverse != 0,
      underline: cell.attrs.underline != 0, italic: cell.attrs.italic != 0)
    return Cell(text: text.isEmpty ? " " : text, width: max(1, Int(cell.width)), style: style)
  }

  private static func color(_ color: VTermColor) -> Color {
    let isStandard = Int(color.type) & Int(VTERM_COLOR_DEFAULT_MASK.rawValue) != 0
    return isStandard ? .standard : .indexed(color.indexed.idx)
  }
}

extension Key {
  fileprivate var modifier: VTermModifier {
    switch self {
    case .shiftArrow, .shiftTab: VTERM_MOD_SHIFT
    case .controlArrow: VTERM_MOD_CTRL
    default: VTERM_MOD_NONE
    }
  }

  fileprivate var code: VTermKey? {
    switch self {
    case .up, .shiftArrow(.up), .controlArrow(.up): VTERM_KEY_UP
    case .down, .shiftArrow(.down), .controlArrow(.down): VTERM_KEY_DOWN
    case .left, .shiftArrow(.left), .controlArrow(.left): VTERM_KEY_LEFT
    case .right, .shiftArrow(.right), .controlArrow(.right): VTERM_KEY_RIGHT
    case .pageUp: VTERM_KEY_PAGEUP
    case .pageDown: VTERM_KEY_PAGEDOWN
    case .home: VTERM_KEY_HOME
    case .end: VTERM_KEY_END
    case .tab, .shiftTab: VTERM_KEY_TAB
    case .enter: VTERM_KEY_ENTER
    case .escape: VTERM_KEY_ESCAPE
    case .backspace: VTERM_KEY_BACKSPACE
    case .delete: VTERM_KEY_DEL
    case .insert: VTERM_KEY_INS
    case .function(let number):
      VTermKey(rawValue: VTERM_KEY_FUNCTION_0.rawValue + UInt32(number))
    case .character, .control, .mouse, .paste: nil
    }
  }
}
