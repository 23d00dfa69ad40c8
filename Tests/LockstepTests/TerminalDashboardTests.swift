import Canvas
import EventLoop
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The dashboard in terminals as they are: of many kinds, stopped and continued, closed, and with text in them
/// that would like to drive them.
@Suite(.serialized, .mayBlock, .timeLimit(.minutes(10))) struct TerminalDashboardTests {
  private static let files = [
    "migrations/1_first.sql":
      "-- migrate:up\ncreate table first ();\n-- migrate:down\ndrop table first;\n",
    "migrations/2_second.sql":
      "-- migrate:up\ncreate table second ();\n-- migrate:down\ndrop table second;\n",
  ]

  /// Starts the dashboard by a line of shell, in which `"$@"` is the program and its arguments.
  private func start(
    _ line: String = #"exec "$@""#, files: [String: String] = files,
    term: String = "xterm-256color",
    options: [String] = [], configuration: (_ url: String) -> String? = { _ in nil }
  ) async throws -> TerminalEmulator {
    let database = try await TestServer.shared.makeDatabase()
    let program = try Program(files)
    if let text = configuration(database.url) { try program.write(text, to: "lockstep.json") }
    return try TerminalEmulator(
      ["/bin/sh", "-c", "cd \"$0\" && \(line)", program.folder, try Program.path()]
        + ["--url", database.url, "--layout", "dbmate"] + options,
      environment: ["HOME": program.folder, "TERM": term], size: Size(columns: 100, rows: 30))
  }

  /// Waits, because what a program wrote last may arrive after its end.
  private func expectGivenBack(
    _ terminal: TerminalEmulator, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let isBack = terminal.wait { $0.isCursorVisible && !$0.isAlternateScreen }
    let last = String(decoding: terminal.transcript.suffix(300), as: UTF8.self).debugDescription
    #expect(
      isBack,
      """
      cursor \(terminal.isCursorVisible ? "shown" : "hidden"), \
      \(terminal.isAlternateScreen ? "alternate" : "primary") screen, after \(last)
      \(terminal.text)
      """, sourceLocation: sourceLocation)
  }

  private static let loaded = "applied 0  pending 2"

  @Test(arguments: ["xterm-256color", "xterm", "screen", "tmux-256color", "linux", "vt100"])
  func `it starts, browses and gives the terminal back`(term: String) async throws {
    let terminal = try await start(term: term)
    #expect(terminal.wait(for: Self.loaded), "\(terminal.text)")
    terminal.send("j")
    #expect(terminal.wait(for: "> 2"), "\(terminal.text)")
    terminal.send("q")
    #expect(terminal.waitForExit() == .exited(0))
    expectGivenBack(terminal)
  }

  @Test func `a protected environment is not migrated without approval, armed or not`() async throws
  {
    let terminal = try await start { "{environments: {live: {url: '\($0)', protected: true}}}" }
    #expect(terminal.wait(for: Self.loaded), "\(terminal.text)")
    terminal.send(":arm\r")
    #expect(terminal.wait(for: "ARMED"), "\(terminal.text)")
    terminal.send("a")
    #expect(terminal.wait(for: "is protected, and this is not approved"), "\(terminal.text)")
    terminal.send("q")
    #expect(terminal.wait { !$0.text.contains("not approved") }, "\(terminal.text)")
    #expect(terminal.text.contains(Self.loaded), "\(terminal.text)")
  }

  @Test func `boxes are drawn in ASCII and nothing is coloured where that is asked for`()
    async throws
  {
    let terminal = try await start(options: ["--ascii", "--no-color"])
    #expect(terminal.wait(for: Self.loaded), "\(terminal.text)")
    let others = terminal.text.unicodeScalars.filter { !$0.isASCII }
    #expect(others.isEmpty, "\(terminal.text)")
    terminal.send("q")
    #expect(terminal.waitForExit() == .exited(0))
    // Colours are asked for by 3x, 4x, 9x, 10x, 38 and 48; 1, 4 and 7 are bold, underline, reverse.
    let written = String(decoding: terminal.transcript, as: UTF8.self)
    for parts in written.split(separator: "\u{1b}[").dropFirst() {
      guard let end = parts.firstIndex(where: \.isLetter), parts[end] == "m" else { continue }
      let numbers = parts[..<end].split(separator: ";").compactMap { Int($0) }
      #expect(!numbers.contains { (30...38).contains($0) || (40...48).contains($0) || $0 >= 90 })
    }
  }

  @Test func `an unknown terminal is taken for a known one, and that is said once`() async throws {
    let terminal = try await start(term: "no-such-terminal")
    #expect(terminal.wait(for: Self.loaded), "\(terminal.text)")
    terminal.send("q")
    #expect(terminal.waitForExit() == .exited(0))
    let written = String(decoding: terminal.transcript, as: UTF8.self)
    #expect(written.contains("no-such-terminal"))
  }

  @Test func `a terminal that cannot move its cursor gets no dashboard but the way to the status`()
    async throws
  {
    let terminal = try await start(term: "dumb")
    let exit = terminal.waitForExit()
    #expect(exit != .exited(0) && exit != nil, "\(terminal.text)")
    #expect(terminal.text.contains("lockstep status"), "\(terminal.text)")
    #expect(!terminal.transcript.contains(0x1b))
  }

  @Test func `stopped by ctrl-z, it comes back as it was`() async throws {
    // A shell with job control, since a process without one is never stopped.
    let terminal = try await start(#"set -m; "$@"; echo STOPPED; read -r line; fg; echo ENDED $?"#)
    #expect(terminal.wait(for: Self.loaded), "\(terminal.text)")
    terminal.send(.control("z"))
    #expect(terminal.wait(for: "STOPPED"), "\(terminal.text)")
    expectGivenBack(terminal)
    terminal.send("\n")
    #expect(
      terminal.wait { $0.isAlternateScreen && $0.text.contains(Self.loaded) }, "\(terminal.text)")
    terminal.send("j")
    #expect(terminal.wait(for: "> 2"), "\(terminal.text)")
    terminal.send("q")
    #expect(terminal.wait(for: "ENDED 0"), "\(terminal.text)")
  }

  @Test(arguments: [SIGTERM, SIGHUP, SIGINT])
  func `asked to end, it gives the terminal back`(signal: Int32) async throws {
    let terminal = try await start()
    #expect(terminal.wait(for: Self.loaded), "\(terminal.text)")
    terminal.signal(signal)
    if signal == SIGINT {
      // The first one is meant for a statement.
      terminal.wait(for: "again")
      terminal.signal(signal)
    }
    #expect(terminal.waitForExit() != nil)
    expectGivenBack(terminal)
  }

  @Test func `a terminal that vanishes ends it at once`() async throws {
    let terminal = try await start()
    #expect(terminal.wait(for: Self.loaded), "\(terminal.text)")
    terminal.hangUp()
    #expect(terminal.waitForExit() != nil)
  }

  @Test func `text from files and the server drives no terminal`() async throws {
    let hostile = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{202e}evil\u{8}\u{200f}"
    let literal = #"U&'\001b]0;owned\0007\001b[2J\009b31m\202eevil\0008'"#
    let terminal = try await start(files: [
      "migrations/1_\(hostile).sql": """
      -- migrate:up
      do $$ begin raise notice using message = \(literal); end $$; -- \(hostile)
      do $$ begin raise exception using message = \(literal), detail = \(literal); end $$;
      -- migrate:down

      """
    ])
    #expect(terminal.wait(for: "pending 1"), "\(terminal.text)")
    #expect(terminal.wait(for: "evil"), "\(terminal.text)")
    terminal.send(":apply\r")
    terminal.wait(for: "evil")
    terminal.signal(SIGTERM)
    #expect(terminal.waitForExit() != nil)
    let written = String(decoding: terminal.transcript, as: UTF8.self)
    for sequence in ["\u{1b}]0;owned", "\u{9b}31m", "\u{202e}", "\u{200f}"] {
      #expect(!written.contains(sequence))
    }
  }

  @Test func `the demonstration opens it, and leaving it leaves nothing`() async throws {
    let run = try DemoRun(onScreen: true)
    let terminal = run.terminal
    #expect(terminal.wait(for: "applied 8  pending 8"), "\(terminal.text)")
    #expect(terminal.text.contains("DEMO"), "\(terminal.text)")
    let processes = run.processes
    terminal.send("q")
    #expect(terminal.waitForExit() == .exited(0))
    expectGivenBack(terminal)
    #expect(eventually { run.clusters.isEmpty && run.processes.isEmpty })
    #expect(!processes.isEmpty)
  }

  @Test(arguments: [SIGTERM, SIGKILL, 0])
  func `the demonstration leaves nothing when it is struck down on the screen`(signal: Int32)
    async throws
  {
    let run = try DemoRun(onScreen: true)
    #expect(run.terminal.wait(for: "applied 8  pending 8"), "\(run.terminal.text)")
    if signal == 0 { run.terminal.hangUp() } else { run.terminal.signal(signal) }
    #expect(run.terminal.waitForExit() != nil)
    #expect(eventually { run.clusters.isEmpty && run.processes.isEmpty })
  }
}
