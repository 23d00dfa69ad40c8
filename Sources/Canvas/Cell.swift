/// One cell of a frame as its reader sees it.
public struct Cell: Hashable, Sendable {
  /// A character with its combining marks; empty in the right half of a wide character.
  public var text: String
  /// 1, 2 for a wide character, 0 for the right half of one.
  public var width: Int
  public var style: Style

  public init(text: String, width: Int, style: Style = .standard) {
    self.text = text
    self.width = width
    self.style = style
  }

  public static let blank = Cell(text: " ", width: 1)
}

/// A cell as a frame stores it: eight bytes, no reference.
///
/// The glyph is a scalar, or the index of a cluster in the frame's own table, with the width above.
struct PackedCell: Equatable {
  private(set) var glyph: UInt32
  var style: Style

  private static let payload: UInt32 = 0x1f_ffff
  private static let clusterFlag: UInt32 = 1 << 21
  private static let widthShift: UInt32 = 22

  init(scalar: Unicode.Scalar, width: Int, style: Style) {
    glyph = scalar.value | UInt32(width) << Self.widthShift
    self.style = style
  }

  init(cluster index: Int, width: Int, style: Style) {
    glyph = UInt32(index) & Self.payload | Self.clusterFlag | UInt32(width) << Self.widthShift
    self.style = style
  }

  /// Makes a cell of one byte of printable ASCII.
  init(ascii byte: UInt8, style: Style) {
    glyph = UInt32(byte) | 1 << Self.widthShift
    self.style = style
  }

  /// Makes the right half of a wide character.
  static func continuation(style: Style) -> PackedCell {
    PackedCell(scalar: "\0", width: 0, style: style)
  }

  static func blank(style: Style) -> PackedCell { PackedCell(ascii: 0x20, style: style) }

  var width: Int { Int(glyph >> Self.widthShift) }

  /// The index in the table of clusters, or `nil` for a single scalar.
  var cluster: Int? {
    glyph & Self.clusterFlag == 0 ? nil : Int(glyph & Self.payload)
  }

  /// Puts another character of one cell here and keeps the style.
  mutating func replaceGlyph(with scalar: Unicode.Scalar) {
    self = PackedCell(scalar: scalar, width: 1, style: style)
  }

  /// The single scalar; meaningless for a cluster.
  var scalar: Unicode.Scalar { Unicode.Scalar(glyph & Self.payload) ?? "\u{fffd}" }
}
