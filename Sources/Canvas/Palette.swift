/// What each role on the screen looks like.
///
/// Every role that means something has a letter or a mark beside it wherever it is used; the palette
/// only helps the eye, and red never stands against green alone.
public struct Palette: Hashable, Sendable {
  /// Ordinary text, on the terminal's own background.
  public var text = Style.standard
  /// Text of less weight: hints, units, what is over.
  public var dim = Style.dim
  /// Text of more weight.
  public var strong = Style.bold
  public var border = Style.standard
  public var focusedBorder = Style.bold
  public var title = Style.standard
  public var focusedTitle = Style(bold: true, reverse: true)
  /// The row that keys act on, in the pane that has the focus.
  public var selection = Style.reverse
  /// The same row in a pane that has not.
  public var fadedSelection = Style.bold
  /// The names of columns.
  public var columnTitle = Style.underline
  /// Done, or safe.
  public var good = Style.standard
  /// Wants attention.
  public var warning = Style.bold
  /// Loses something, or has failed.
  public var danger = Style(bold: true, reverse: true)
  /// At work or waiting right now.
  public var active = Style.bold
  /// The line at the top, and the one on a server that matters.
  public var header = Style.reverse
  public var production = Style(bold: true, reverse: true)
  /// The name of a key in the key bar.
  public var key = Style.bold
  /// What a search found.
  public var match = Style(bold: true, underline: true)
  /// Parts of a statement.
  public var keyword = Style.bold
  public var literal = Style.standard
  public var comment = Style.dim

  public init() {}

  /// Attributes only: for `NO_COLOR` and terminals without colours.
  public static let plain = Palette()

  /// For a dark background.
  public static let dark = Palette(
    border: 240, focusedBorder: 75, focusedTitle: 75, good: 114, warning: 221, danger: 210,
    active: 117, headerBack: 237, productionBack: 124, productionFront: 231, selectionBack: 24,
    selectionFront: 231, fadedBack: 237, dim: 246, keyword: 110, literal: 180, comment: 245)

  /// For a light background.
  public static let light = Palette(
    border: 248, focusedBorder: 25, focusedTitle: 25, good: 22, warning: 130, danger: 124,
    active: 24, headerBack: 254, productionBack: 124, productionFront: 231, selectionBack: 25,
    selectionFront: 231, fadedBack: 253, dim: 242, keyword: 18, literal: 94, comment: 243)

  private init(
    border: UInt8, focusedBorder: UInt8, focusedTitle: UInt8, good: UInt8, warning: UInt8,
    danger: UInt8, active: UInt8, headerBack: UInt8, productionBack: UInt8,
    productionFront: UInt8, selectionBack: UInt8, selectionFront: UInt8, fadedBack: UInt8,
    dim: UInt8, keyword: UInt8, literal: UInt8, comment: UInt8
  ) {
    self.dim = Style(foreground: .indexed(dim))
    self.border = Style(foreground: .indexed(border))
    self.focusedBorder = Style(foreground: .indexed(focusedBorder), bold: true)
    self.focusedTitle = Style(foreground: .indexed(focusedTitle), bold: true)
    self.good = Style(foreground: .indexed(good))
    self.warning = Style(foreground: .indexed(warning), bold: true)
    self.danger = Style(foreground: .indexed(danger), bold: true)
    self.active = Style(foreground: .indexed(active), bold: true)
    header = Style(background: .indexed(headerBack))
    production = Style(
      foreground: .indexed(productionFront), background: .indexed(productionBack), bold: true)
    selection = Style(
      foreground: .indexed(selectionFront), background: .indexed(selectionBack), bold: true)
    fadedSelection = Style(background: .indexed(fadedBack), bold: true)
    columnTitle = Style(foreground: .indexed(dim), bold: true)
    self.keyword = Style(foreground: .indexed(keyword), bold: true)
    self.literal = Style(foreground: .indexed(literal))
    self.comment = Style(foreground: .indexed(comment), italic: true)
  }
}

extension Palette {
  /// Returns the palette that suits the environment, without asking the terminal anything.
  ///
  /// `NO_COLOR`, when not empty, leaves attributes only (no-color.org). `COLORFGBG`, which some
  /// terminals set, tells a light background; otherwise it is taken to be dark.
  public static func suited(to environment: [String: String]) -> Palette {
    if let value = environment["NO_COLOR"], !value.isEmpty { return .plain }
    let background = environment["COLORFGBG"]?.split(separator: ";").last
    return background == "7" || background == "15" ? .light : .dark
  }
}
