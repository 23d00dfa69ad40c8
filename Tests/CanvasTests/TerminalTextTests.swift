import Canvas
import Testing

/// Texts from servers and files that try to be more than text, and what is shown of them.
///
/// The set is also what drawing is tested with. Tests take it by index, since the name of a test case
/// is printed as it is.
enum HostileText {
  static let set: [(text: String, shown: String)] = [
    ("\u{1b}]0;PWNED\u{7}\u{1b}[31mRED", "^[]0;PWNED^G^[[31mRED"),
    ("a\0b", "a^@b"),
    ("\u{7f}", "^?"),
    ("back\u{8}\u{8}", "back^H^H"),
    ("over\rwrite", "over^Mwrite"),
    ("two\nlines", "two^Jlines"),
    ("dos\r\nlines", "dos^M^Jlines"),
    ("\u{9b}31m\u{9d}0;title\u{9c}", "\u{fffd}31m\u{fffd}0;title\u{fffd}"),
    ("\u{85}", "\u{fffd}"),
    ("user\u{202e}nimda", "user\u{fffd}nimda"),
    ("\u{2066}a\u{2069}\u{200f}\u{61c}", "\u{fffd}a\u{fffd}\u{fffd}\u{fffd}"),
    ("or\u{200b}ders", "or\u{fffd}ders"),
    ("or\u{200d}ders", "or\u{fffd}ders"),
    ("\u{feff}select", "\u{fffd}select"),
    ("soft\u{ad}hyphen", "soft\u{fffd}hyphen"),
    ("a\u{2028}b\u{2029}c", "a\u{fffd}b\u{fffd}c"),
    ("tag\u{e0041}", "tag\u{fffd}"),
    ("private\u{e000}", "private\u{e000}"),
    ("none\u{ffff}", "none\u{fffd}"),
    ("\u{3164}", "\u{fffd}"),
    ("e\u{301}", "e\u{301}"),
    ("\u{301}e", "\u{25cc}\u{301}e"),
    ("\u{1b}\u{301}", "^[\u{301}"),
    (
      "z\u{300}\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}a", "z\u{300}\u{301}\u{302}\u{303}a"
    ),
    ("\u{1f468}\u{200d}\u{1f469}", "\u{1f468}\u{1f469}"),
    ("\u{2764}\u{fe0f}", "\u{2764}"),
    ("日本語", "日本語"),
    ("", ""),
  ]
}

@Suite struct TerminalTextTests {
  @Test(arguments: HostileText.set.indices) func `hostile text becomes visible`(
    index: Int
  ) {
    let (text, shown) = HostileText.set[index]
    let result = TerminalText.visible(text)
    #expect(Array(result.unicodeScalars) == Array(shown.unicodeScalars))
  }

  @Test(arguments: HostileText.set.indices) func `what is visible stays as it is`(
    index: Int
  ) {
    let (text, shown) = HostileText.set[index]
    let again = TerminalText.visible(TerminalText.visible(text))
    #expect(Array(again.unicodeScalars) == Array(shown.unicodeScalars))
  }

  @Test func `no control character of any kind is left`() {
    for value in UInt32(0)...0x10_ffff {
      guard let scalar = Unicode.Scalar(value) else { continue }
      let isControl = scalar.properties.generalCategory == .control
      let isFormat = scalar.properties.generalCategory == .format
      let isSeparator =
        scalar.properties.generalCategory == .lineSeparator
        || scalar.properties.generalCategory == .paragraphSeparator
      guard isControl || isFormat || isSeparator else { continue }
      let shown = TerminalText.visible("a\(scalar)b")
      // The signs that stand before numbers in Arabic are printed, though they count as formats.
      if isFormat, TextWidth.of("a\(scalar)b") > 2, shown.unicodeScalars.contains(scalar) {
        continue
      }
      #expect(!shown.unicodeScalars.contains(scalar), "U+\(String(value, radix: 16))")
    }
  }

  @Test func `broken UTF-8 becomes replacement characters`() {
    let surrogate = String(decoding: [0x61, 0xed, 0xa0, 0x80, 0x62] as [UInt8], as: UTF8.self)
    #expect(TerminalText.visible(surrogate).allSatisfy { "ab\u{fffd}".contains($0) })
    #expect(TerminalText.visible(surrogate).contains("\u{fffd}"))
  }

  @Test func `a tab reaches to the next stop of its line`() {
    #expect(TerminalText.visible("\tx") == "        x")
    #expect(TerminalText.visible("1234567\tx") == "1234567 x")
    #expect(TerminalText.visible("12345678\tx") == "12345678        x")
    #expect(TerminalText.visible("日本\tx") == "日本    x")
    #expect(TerminalText.visible("ab\n\tx", lineBreaks: .keep) == "ab\n        x")
  }

  @Test func `line breaks are kept where they are wanted`() {
    #expect(TerminalText.visible("a\r\nb\nc\rd", lineBreaks: .keep) == "a\nb\nc^Md")
    #expect(TerminalText.visible("\n\n", lineBreaks: .keep) == "\n\n")
  }

  @Test func `a text is split at its line breaks alone`() {
    #expect(TerminalText.lines("a\r\nb\n\nc\n") == ["a", "b", "", "c"])
    #expect(TerminalText.lines("a\u{2028}b\u{85}c\rd") == ["a\u{2028}b\u{85}c\rd"])
    #expect(TerminalText.lines("") == [""])
  }
}
