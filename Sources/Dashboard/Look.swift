import Canvas

/// How things are drawn: the palette, whether there are colours, and which characters draw lines.
public struct Look: Sendable, Hashable {
  public var theme: Theme
  /// Without colours the attributes remain: bold, dim, reverse and underline.
  public var isColored: Bool
  public var lines: Lines

  public enum Theme: String, Sendable, Hashable, CaseIterable {
    case dark, light
  }

  public enum Lines: Sendable, Hashable {
    case unicode
    /// For `--ascii`, and for locales that are not UTF-8.
    case ascii
  }

  public init(theme: Theme = .dark, isColored: Bool = true, lines: Lines = .unicode) {
    self.theme = theme
    self.isColored = isColored
    self.lines = lines
  }

  public var palette: Palette {
    guard isColored else { return .plain }
    return theme == .dark ? .dark : .light
  }

  public var borders: BorderSet { lines == .unicode ? .unicode : .ascii }
}
