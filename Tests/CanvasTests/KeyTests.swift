import Canvas
import Testing

@Suite struct KeyTests {
  @Test(arguments: [
    (Key.character("j"), "j"), (.character(" "), "Space"), (.control("d"), "^D"),
    (.control("\\"), "^\\"), (.enter, "Enter"), (.escape, "Esc"), (.pageUp, "PgUp"),
    (.pageDown, "PgDn"), (.shiftTab, "S-Tab"), (.function(10), "F10"), (.delete, "Del"),
    (.shiftArrow(.up), "S-Up"), (.controlArrow(.right), "C-Right"), (.backspace, "Backspace"),
  ])
  func `a key is labelled as the key bar shows it`(key: Key, label: String) {
    #expect(key.description == label)
  }
}

/// Bytes a terminal sends; named in the output of the tests without being sent to it.
struct Typed: Sendable, CustomTestStringConvertible, ExpressibleByStringLiteral {
  let text: String

  init(stringLiteral text: String) { self.text = text }

  var testDescription: String { TerminalText.visible(text) }
}

@Suite struct KeyDecoderTests {
  private func keys(_ text: String) -> [Key] {
    var decoder = KeyDecoder()
    return decoder.decode(text.utf8) + decoder.flush()
  }

  @Test(arguments: [
    ("\u{1b}[A" as Typed, Key.up), ("\u{1b}OA", .up), ("\u{1b}[1;5D", .controlArrow(.left)),
    ("\u{1b}[1;2B", .shiftArrow(.down)), ("\u{1b}[1;3C", .right), ("\u{1b}[a", .shiftArrow(.up)),
    ("\u{1b}Od", .controlArrow(.left)), ("\u{1b}[H", .home), ("\u{1b}OH", .home),
    ("\u{1b}[1~", .home), ("\u{1b}[7~", .home), ("\u{1b}[4~", .end), ("\u{1b}[8~", .end),
    ("\u{1b}[2~", .insert), ("\u{1b}[3~", .delete), ("\u{1b}[3;5~", .delete),
    ("\u{1b}[5~", .pageUp), ("\u{1b}[6~", .pageDown), ("\u{1b}[Z", .shiftTab),
    ("\u{1b}OP", .function(1)), ("\u{1b}[[A", .function(1)), ("\u{1b}[11~", .function(1)),
    ("\u{1b}[[E", .function(5)), ("\u{1b}[15~", .function(5)), ("\u{1b}[17~", .function(6)),
    ("\u{1b}[21~", .function(10)), ("\u{1b}[23~", .function(11)), ("\u{1b}[24~", .function(12)),
    ("\u{1b}[25~", .function(13)), ("\u{1b}[29~", .function(16)), ("\u{1b}[34~", .function(20)),
    ("\u{1b}OM", .enter), ("\u{1b}Op", .character("0")), ("\u{1b}Oy", .character("9")),
    ("\u{1b}Ok", .character("+")), ("\r", .enter), ("\n", .enter), ("\t", .tab),
    ("\u{8}", .backspace), ("\u{7f}", .backspace), ("\u{1}", .control("a")),
    ("\u{1a}", .control("z")), ("\u{1c}", .control("\\")), ("\0", .control("@")),
    ("é", .character("é")), ("日", .character("日")), ("\u{1f600}", .character("\u{1f600}")),
    ("\u{1b}", .escape),
  ])
  func `a sequence is the key it stands for`(sequence: Typed, key: Key) {
    #expect(keys(sequence.text) == [key])
  }

  @Test(arguments: [
    "\u{1b}[?62;22c" as Typed, "\u{1b}[24;80R", "\u{1b}]11;rgb:ffff/ffff/ffff\u{7}",
    "\u{1b}]52;c;Zm9v\u{1b}\\", "\u{1b}P1$r0m\u{1b}\\", "\u{1b}[?2026;2$y", "\u{1b}[I", "\u{1b}[O",
    "\u{1b}[<35;10;10M", "\u{1b}[M#!!", "\u{1b}[99;5u", "\u{1b}[999999999999999999999~",
    "\u{1b}_Gi=1;OK\u{1b}\\", "\u{85}", "\u{1b}[0;0K",
  ])
  func `what is no key is swallowed whole`(sequence: Typed) {
    let read = keys(sequence.text + "x").filter {
      if case .mouse = $0 { false } else { true }
    }
    #expect(read == [.character("x")])
  }

  @Test(arguments: [
    "\u{1b}[1;5D" as Typed, "\u{1b}OP", "\u{1b}[[A", "日", "\u{1b}[<0;4;5M", "\u{1b}[200~ab",
  ])
  func `a sequence that comes in pieces is one key`(sequence: Typed) {
    var whole = KeyDecoder()
    let expected = whole.decode(sequence.text.utf8)
    var decoder = KeyDecoder()
    var read: [Key] = []
    for byte in sequence.text.utf8 { read += decoder.decode([byte]) }
    #expect(read == expected)
  }

  @Test func `an escape is a key only when nothing follows`() {
    var decoder = KeyDecoder()
    #expect(decoder.decode([0x1b]).isEmpty)
    #expect(decoder.awaitsEscape)
    #expect(decoder.flush() == [.escape])
    #expect(!decoder.awaitsEscape)
    #expect(decoder.flush().isEmpty)
    #expect(keys("\u{1b}q") == [.escape, .character("q")])
    #expect(keys("\u{1b}\u{1b}") == [.escape, .escape])
    #expect(keys("\u{1b}\u{1b}[A") == [.escape, .up])
  }

  @Test func `a sequence broken off by another key costs nothing but itself`() {
    #expect(keys("\u{1b}[1;\u{1b}[Bj") == [.down, .character("j")])
    #expect(keys("\u{1b}]0;x\u{1b}[Bj") == [.down, .character("j")])
    #expect(keys("\u{1b}[1\rj") == [.enter, .character("j")])
  }

  @Test func `a paste is one key whatever it holds`() {
    #expect(
      keys("a\u{1b}[200~y\rq\u{1b}[A\u{1b}[201~b")
        == [.character("a"), .paste("y\rq\u{1b}[A"), .character("b")])
  }

  @Test func `a paste that arrives byte by byte is still one`() {
    var decoder = KeyDecoder()
    var read: [Key] = []
    for byte in "\u{1b}[200~日\u{1b}[2\u{1b}[201~x".utf8 { read += decoder.decode([byte]) }
    #expect(read == [.paste("日\u{1b}[2"), .character("x")])
  }

  @Test func `a paste without end is kept up to its limit`() {
    var decoder = KeyDecoder()
    let part = [UInt8](repeating: 0x61, count: 1 << 18)
    #expect(decoder.decode("\u{1b}[200~".utf8).isEmpty)
    for _ in 0..<8 { #expect(decoder.decode(part).isEmpty) }
    let expected = Key.paste(String(repeating: "a", count: KeyDecoder.pasteLimit))
    #expect(decoder.decode("\u{1b}[201~".utf8) == [expected])
  }

  @Test func `broken UTF-8 costs only itself`() {
    var decoder = KeyDecoder()
    #expect(
      decoder.decode([0xff, 0xe6, 0x61, 0xc3, 0xa9, 0x80]) == [
        .character("a"), .character("é"),
      ])
    #expect(decoder.decode([0xed, 0xa0, 0x80, 0x62]) == [.character("b")])
  }

  @Test func `any bytes at all leave a decoder that works`() {
    var state: UInt64 = 42
    var decoder = KeyDecoder()
    for _ in 0..<2000 {
      var bytes: [UInt8] = []
      for _ in 0..<16 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let choices =
          Array("\u{1b}[O]P<;09MmA~\u{7}x".utf8) + [UInt8(truncatingIfNeeded: state >> 40)]
        bytes.append(choices[Int(state >> 33) % choices.count])
      }
      _ = decoder.decode(bytes)
    }
    // Ends a string, a paste and a sequence, whichever has begun.
    _ = decoder.decode("\u{1b}[201~\u{1b}\\\u{1b}[201~\u{1b}[A".utf8)
    #expect(decoder.decode("j".utf8) == [.character("j")])
  }

  @Test func `mouse events carry their cell in both encodings`() {
    let point = Point(column: 3, row: 4)
    #expect(keys("\u{1b}[<0;4;5M") == [.mouse(MouseEvent(.press, at: point))])
    #expect(keys("\u{1b}[<0;4;5m") == [.mouse(MouseEvent(.release, at: point))])
    #expect(keys("\u{1b}[<64;4;5M") == [.mouse(MouseEvent(.wheelUp, at: point))])
    #expect(keys("\u{1b}[<65;4;5M") == [.mouse(MouseEvent(.wheelDown, at: point))])
    #expect(keys("\u{1b}[M $%") == [.mouse(MouseEvent(.press, at: point))])
    #expect(keys("\u{1b}[M#$%") == [.mouse(MouseEvent(.release, at: point))])
    #expect(keys("\u{1b}[M`$%") == [.mouse(MouseEvent(.wheelUp, at: point))])
    #expect(keys("\u{1b}[<2;4;5M").isEmpty)
    #expect(keys("\u{1b}[<0;0;5M").isEmpty)
  }

  @Test func `two presses at one place within a moment are a double press`() {
    var decoder = KeyDecoder()
    let start = ContinuousClock.now
    func press(_ column: Int, after milliseconds: Int) -> MouseEvent.Kind? {
      let keys = decoder.decode(
        "\u{1b}[<0;\(column);1M".utf8, at: start + .milliseconds(milliseconds))
      if case .mouse(let event) = keys.first { return event.kind }
      return nil
    }
    #expect(press(1, after: 0) == .press)
    #expect(press(1, after: 300) == .doublePress)
    #expect(press(1, after: 400) == .press)
    #expect(press(2, after: 500) == .press)
    #expect(press(2, after: 1000) == .press)
  }

  @Test func `what the terminal's description says comes first`() {
    var decoder = KeyDecoder(sequences: [
      Array("\u{1b}A".utf8): .up, Array("\u{1b}[224z".utf8): .function(1), [0x7f]: .delete,
    ])
    #expect(decoder.decode("\u{1b}A".utf8) == [.up])
    #expect(decoder.decode("\u{1b}[22".utf8).isEmpty)
    #expect(decoder.decode("4z\u{7f}".utf8) == [.function(1), .backspace])
    #expect(decoder.decode("\u{1b}[B".utf8) == [.down])
  }
}
