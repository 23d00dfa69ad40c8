import Testing

@testable import Terminal

@Suite struct ClipboardTests {
  @Test(arguments: [
    ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
    ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"), ("日\u{1b}", "5pelGw=="),
  ])
  func `base64 is that of RFC 4648`(text: String, encoded: String) {
    #expect(Clipboard.base64(text.utf8) == encoded)
  }

  @Test func `a text goes to the clipboard as OSC 52`() {
    #expect(Clipboard.sequence(for: "foo", environment: [:]) == "\u{1b}]52;c;Zm9v\u{7}")
  }

  @Test func `inside tmux the sequence is wrapped for the terminal outside`() {
    let sequence = Clipboard.sequence(for: "foo", environment: ["TMUX": "/tmp/tmux-0/default,1,0"])
    #expect(
      sequence
        == "\u{1b}]52;c;Zm9v\u{7}\u{1b}Ptmux;\u{1b}\u{1b}]52;c;Zm9v\u{7}\u{1b}\\")
  }

  @Test func `inside screen the sequence is wrapped too`() {
    #expect(
      Clipboard.sequence(for: "foo", environment: ["TERM": "screen", "TMUX": ""])
        == "\u{1b}P\u{1b}]52;c;Zm9v\u{7}\u{1b}\\")
  }

  @Test func `a text longer than terminals take is refused`() {
    let text = String(repeating: "x", count: 60_000)
    #expect(Clipboard.sequence(for: text, environment: [:]) == nil)
  }
}
