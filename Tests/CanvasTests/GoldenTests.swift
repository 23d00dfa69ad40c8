import Canvas
import Testing

@testable import TestSupport

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

@Suite struct GoldenTests {
  private static func withFolder(_ body: (String) throws -> Void) rethrows {
    var template = Array("/tmp/lockstep-golden.XXXXXX".utf8CString)
    let folder = template.withUnsafeMutableBufferPointer { buffer in
      mkdtemp(buffer.baseAddress!).map { String(cString: $0) } ?? ""
    }
    defer {
      for path in ["pane/scene.screen", "pane", ""] { remove("\(folder)/\(path)") }
    }
    try body(folder)
  }

  @Test func `a recorded screen is found equal again`() throws {
    try Self.withFolder { folder in
      var frame = Frame(size: Size(columns: 20, rows: 2))
      frame.write("日本 e\u{301}", at: .zero, style: .bold)
      let path = "\(folder)/pane/scene.screen"
      try Golden.compare(frame.dump, with: path, isRecording: true)
      #expect(throws: Never.self) {
        try Golden.compare(frame.dump, with: path, isRecording: false)
      }
    }
  }

  @Test func `a screen that differs shows the lines that do`() throws {
    try Self.withFolder { folder in
      let path = "\(folder)/pane/scene.screen"
      try Golden.compare("4x2\nabc\nsame\nstyles\n", with: path, isRecording: true)
      let expected = Golden.Mismatch(
        description: "the screen differs from \(path) (record anew with LOCKSTEP_RECORD=1):\n"
          + "2- abc\n2+ abd\n5- \n5+ 0: 1-2 bold\n6+ ")
      #expect(throws: expected) {
        try Golden.compare("4x2\nabd\nsame\nstyles\n0: 1-2 bold\n", with: path, isRecording: false)
      }
    }
  }

  @Test func `a screen that was never recorded fails and shows itself`() {
    let expected = Golden.Mismatch(
      description: "there is no golden screen at /nonexistent/scene.screen; "
        + "record it with LOCKSTEP_RECORD=1:\ntext\n")
    #expect(throws: expected) {
      try Golden.compare("text\n", with: "/nonexistent/scene.screen", isRecording: false)
    }
  }

  @Test func `golden screens lie beside the tests`() {
    #expect(Golden.folder(of: "/src/Tests/TestSupport/Golden.swift") == "/src/Tests/Golden")
  }
}
