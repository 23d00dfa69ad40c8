/// A colour of the terminal: its own, or one of the 256 of the xterm table.
public enum Color: Hashable, Sendable {
  /// The terminal's own foreground or background.
  case standard
  /// A number in the xterm table; terminals with fewer colours show the nearest they have.
  case indexed(UInt8)
}

/// How a cell looks: two colours and the attributes.
///
/// Packed into 32 bits, because a screen holds thousands.
public struct Style: Hashable, Sendable {
  private var bits: UInt32

  public static let standard = Style()
  public static let bold = Style(bold: true)
  public static let dim = Style(dim: true)
  public static let reverse = Style(reverse: true)
  public static let underline = Style(underline: true)

  public init(
    foreground: Color = .standard, background: Color = .standard, bold: Bool = false,
    dim: Bool = false, reverse: Bool = false, underline: Bool = false, italic: Bool = false
  ) {
    bits = 0
    self.foreground = foreground
    self.background = background
    self.bold = bold
    self.dim = dim
    self.reverse = reverse
    self.underline = underline
    self.italic = italic
  }

  public var foreground: Color {
    get { Style.color(bits & 0x1ff) }
    set { bits = bits & ~0x1ff | Style.number(newValue) }
  }

  public var background: Color {
    get { Style.color(bits >> 9 & 0x1ff) }
    set { bits = bits & ~(0x1ff << 9) | Style.number(newValue) << 9 }
  }

  public var bold: Bool {
    get { has(18) }
    set { set(18, newValue) }
  }

  public var dim: Bool {
    get { has(19) }
    set { set(19, newValue) }
  }

  public var reverse: Bool {
    get { has(20) }
    set { set(20, newValue) }
  }

  public var underline: Bool {
    get { has(21) }
    set { set(21, newValue) }
  }

  public var italic: Bool {
    get { has(22) }
    set { set(22, newValue) }
  }

  /// Returns the style with the attributes of both, and `other`'s colours where it names any.
  public func merged(with other: Style) -> Style {
    var result = self
    if other.foreground != .standard { result.foreground = other.foreground }
    if other.background != .standard { result.background = other.background }
    result.bits |= other.bits & ~0x3ffff
    return result
  }

  private static func color(_ number: UInt32) -> Color {
    number == 0 ? .standard : .indexed(UInt8(truncatingIfNeeded: number - 1))
  }

  private static func number(_ color: Color) -> UInt32 {
    switch color {
    case .standard: 0
    case .indexed(let index): UInt32(index) + 1
    }
  }

  private func has(_ bit: UInt32) -> Bool { bits & 1 << bit != 0 }

  private mutating func set(_ bit: UInt32, _ value: Bool) {
    if value { bits |= 1 << bit } else { bits &= ~(1 << bit) }
  }
}

extension Style: CustomStringConvertible {
  /// The style in words, as the golden screens write it: `bold fg=208`; `standard` for none.
  public var description: String {
    var words: [String] = []
    if bold { words.append("bold") }
    if dim { words.append("dim") }
    if reverse { words.append("reverse") }
    if underline { words.append("underline") }
    if italic { words.append("italic") }
    if case .indexed(let index) = foreground { words.append("fg=\(index)") }
    if case .indexed(let index) = background { words.append("bg=\(index)") }
    return words.isEmpty ? "standard" : words.joined(separator: " ")
  }
}
