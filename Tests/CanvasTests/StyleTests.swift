import Canvas
import Testing

@Suite struct StyleTests {
  @Test(arguments: 0...255) func `every colour comes back as it was set`(index: Int) {
    let color = Color.indexed(UInt8(index))
    let style = Style(foreground: color, background: .indexed(UInt8(255 - index)), italic: true)
    #expect(style.foreground == color)
    #expect(style.background == .indexed(UInt8(255 - index)))
    #expect(style.italic && !style.bold && !style.dim && !style.reverse && !style.underline)
  }

  @Test func `the standard colours can be set again`() {
    var style = Style(foreground: .indexed(0), background: .indexed(255), bold: true)
    style.foreground = .standard
    style.background = .standard
    style.bold = false
    #expect(style == .standard)
  }

  @Test func `a style laid over another adds attributes and wins by its colours`() {
    let base = Style(foreground: .indexed(2), background: .indexed(4), underline: true)
    let over = Style(foreground: .indexed(9), reverse: true)
    #expect(
      base.merged(with: over)
        == Style(
          foreground: .indexed(9), background: .indexed(4), reverse: true, underline: true))
  }

  @Test func `a style is told in words`() {
    #expect(Style.standard.description == "standard")
    #expect(
      Style(
        foreground: .indexed(208), background: .indexed(0), bold: true, dim: true, reverse: true,
        underline: true, italic: true
      ).description == "bold dim reverse underline italic fg=208 bg=0")
  }
}

@Suite struct PaletteTests {
  @Test func `without colours every meaning is an attribute`() {
    let palette = Palette.suited(to: ["NO_COLOR": "1", "COLORFGBG": "0;15"])
    #expect(palette == .plain)
    for style in [palette.danger, palette.selection, palette.warning, palette.production] {
      #expect(style.foreground == .standard && style.background == .standard)
      #expect(style != .standard)
    }
  }

  @Test func `an empty NO_COLOR does not count`() {
    #expect(Palette.suited(to: ["NO_COLOR": ""]) == .dark)
  }

  @Test func `a terminal that says its background is light gets the light palette`() {
    #expect(Palette.suited(to: ["COLORFGBG": "0;15"]) == .light)
    #expect(Palette.suited(to: ["COLORFGBG": "0;default;7"]) == .light)
    #expect(Palette.suited(to: ["COLORFGBG": "15;0"]) == .dark)
    #expect(Palette.suited(to: [:]) == .dark)
  }
}
