import Canvas
import Testing

@Suite struct TextWidthTests {
  @Test func `width counts cells and not characters`() {
    #expect(TextWidth.of("abc") == 3)
    #expect(TextWidth.of("日本語") == 6)
    #expect(TextWidth.of("e\u{301}") == 1)
    #expect(TextWidth.of("naïve ✓") == 7)
    #expect(TextWidth.of("\u{1f600}") == 2)
    #expect(TextWidth.of("\u{1b}[m") == 4)
    #expect(TextWidth.of("") == 0)
  }

  @Test(arguments: HostileText.set.indices) func `the width is that of what is shown`(
    index: Int
  ) {
    let (text, shown) = HostileText.set[index]
    #expect(TextWidth.of(text) == TextWidth.of(shown))
  }

  @Test func `text that fits is not clipped`() {
    #expect(TextWidth.clip("orders", to: 6) == "orders")
    #expect(TextWidth.clip("日本語", to: 6) == "日本語")
  }

  @Test func `clipped text ends in a tilde`() {
    #expect(TextWidth.clip("orders_channel_idx", to: 8) == "orders_~")
    #expect(TextWidth.clip("orders", to: 1) == "~")
    #expect(TextWidth.clip("orders", to: 0) == "")
  }

  @Test func `a wide character is never cut in half`() {
    #expect(TextWidth.clip("日本語", to: 5) == "日本~")
    #expect(TextWidth.clip("日本語", to: 4) == "日~")
    #expect(TextWidth.clip("日本語", to: 2) == "~")
  }

  @Test(arguments: HostileText.set.indices) func `clipping never gives more than asked`(
    index: Int
  ) {
    let (text, _) = HostileText.set[index]
    for columns in 0...12 {
      #expect(TextWidth.of(TextWidth.clip(text, to: columns)) <= columns)
      #expect(TextWidth.of(TextWidth.pad(text, to: columns)) == columns)
    }
  }

  @Test func `padding fills the side that is left`() {
    #expect(TextWidth.pad("ab", to: 5) == "ab   ")
    #expect(TextWidth.pad("ab", to: 5, alignment: .trailing) == "   ab")
    #expect(TextWidth.pad("日本語", to: 6) == "日本語")
    #expect(TextWidth.pad("日本語", to: 4) == "日~ ")
  }

  @Test func `long text is broken at its spaces`() {
    #expect(
      TextWidth.wrap("nothing of 0007 was applied", to: 12)
        == ["nothing of", "0007 was", "applied"])
    #expect(TextWidth.wrap("orders_channel_idx", to: 8) == ["orders_c", "hannel_i", "dx"])
    #expect(TextWidth.wrap("one\ntwo three", to: 5) == ["one", "two", "three"])
    #expect(TextWidth.wrap("  indented text", to: 10) == ["  indented", "text"])
    #expect(TextWidth.wrap("", to: 10) == [""])
  }

  @Test func `a broken line is never too wide`() {
    let text = "日本語 a\u{301}bc\tdef \u{1b}[31mghi \u{1f600}\u{1f600}\u{1f600} end"
    for columns in 1...30 {
      let lines = TextWidth.wrap(text, to: columns)
      #expect(lines.allSatisfy { TextWidth.of($0) <= columns })
    }
  }
}
