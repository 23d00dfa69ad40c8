import Canvas
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The tests' own terminal, with a shell at its other end.
@Suite(.mayBlock) struct TerminalEmulatorTests {
  private func shell(_ script: String, _ environment: [String: String] = [:]) throws
    -> TerminalEmulator
  {
    try TerminalEmulator(
      ["/bin/sh", "-c", script], environment: environment, size: Size(columns: 40, rows: 6))
  }

  @Test func `a program's text and colours are on the screen`() throws {
    let emulator = try shell(#"printf '\033[1;38;5;208m日x\033[0m\r\nplain'; exit 3"#)
    #expect(emulator.wait(for: "plain"))
    #expect(emulator.lines == ["日x", "plain", "", "", "", ""])
    #expect(
      emulator.cell(at: .zero)
        == Cell(text: "日", width: 2, style: Style(foreground: .indexed(208), bold: true)))
    #expect(emulator.cursor == Point(column: 5, row: 1))
    #expect(emulator.waitForExit() == .exited(3))
  }

  @Test func `what is typed reaches the program`() throws {
    let emulator = try shell("read line; echo \"got $line\"")
    #expect(!emulator.isRaw)
    emulator.send("abc")
    emulator.send(.character("é"))
    emulator.send(.enter)
    #expect(emulator.wait(for: "got abcé"))
    #expect(emulator.waitForExit() == .exited(0))
  }

  @Test func `the terminal is the program's own`() throws {
    let emulator = try shell("echo $TERM $HOME-; exec sleep 600 < /dev/tty")
    #expect(emulator.wait(for: "xterm-256color -"))
    emulator.send(.control("c"))
    #expect(emulator.waitForExit() == .signalled(SIGINT))
  }

  @Test func `a program is told of another size`() throws {
    let emulator = try shell(
      "trap 'stty size; kill $!; exit 0' WINCH; sleep 600 & stty size; wait")
    #expect(emulator.wait(for: "6 40"))
    emulator.resize(to: Size(columns: 33, rows: 9))
    #expect(emulator.wait(for: "9 33"))
    #expect(emulator.size == Size(columns: 33, rows: 9))
    #expect(emulator.waitForExit() == .exited(0))
  }

  @Test func `hanging up ends a program that does not mind`() throws {
    let emulator = try shell("echo ready; exec sleep 600")
    #expect(emulator.wait(for: "ready"))
    emulator.hangUp()
    #expect(emulator.waitForExit() == .signalled(SIGHUP))
    #expect(!emulator.wait(for: "never"))
  }

  @Test func `nothing is looked at in the middle of a picture that is to be shown at once`() throws
  {
    let emulator = try shell(
      #"printf now; read a; printf '\033[?2026hhalf '; read b; printf 'whole\033[?2026l'; read c"#)
    #expect(emulator.wait(for: "now"))
    emulator.send("\n")
    while !String(decoding: emulator.transcript, as: UTF8.self).contains("half") {
      emulator.drain()
    }
    emulator.send("\n")
    var seen: [String] = []
    let isWhole = emulator.wait { emulator in
      seen.append(emulator.text)
      return emulator.text.contains("whole")
    }
    #expect(isWhole)
    #expect(!seen.contains { $0.contains("half") && !$0.contains("whole") }, "\(seen)")
  }

  @Test func `a program that is not there is an error`() {
    #expect(throws: TerminalEmulator.SystemError.self) {
      try TerminalEmulator(["/nonexistent/program"])
    }
  }

  @Test func `a condition that never holds ends with the program`() throws {
    let emulator = try shell("echo done")
    #expect(!emulator.wait(for: "more"))
    #expect(emulator.lines[0] == "done")
  }
}
