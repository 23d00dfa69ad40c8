/// The characters of boxes, rules, bars and trees.
public struct BorderSet: Hashable, Sendable {
  /// The lines of one kind of box.
  public struct Lines: Hashable, Sendable {
    public var horizontal: Unicode.Scalar
    public var topLeft: Unicode.Scalar
    public var topRight: Unicode.Scalar
    /// In place of the corners where another box goes on above.
    public var leftTee: Unicode.Scalar
    public var rightTee: Unicode.Scalar
  }

  /// The top line of a box.
  public var normal: Lines
  /// The top line of the box that has the focus: thick, so that the focus is not only a colour.
  public var focused: Lines
  public var vertical: Unicode.Scalar
  public var horizontal: Unicode.Scalar
  public var bottomLeft: Unicode.Scalar
  public var bottomRight: Unicode.Scalar
  /// The part of a scroll bar that stands for what is seen.
  public var thumb: Unicode.Scalar
  /// A branch of a tree with another below it.
  public var branch: Unicode.Scalar
  /// The last branch of a tree.
  public var lastBranch: Unicode.Scalar
  /// The steps of a sparkline, lowest first.
  public var steps: [Unicode.Scalar]

  public static let unicode = BorderSet(
    normal: Lines(
      horizontal: "─", topLeft: "┌", topRight: "┐", leftTee: "├", rightTee: "┤"),
    focused: Lines(
      horizontal: "━", topLeft: "┍", topRight: "┑", leftTee: "┝", rightTee: "┥"),
    vertical: "│", horizontal: "─", bottomLeft: "└", bottomRight: "┘", thumb: "┃",
    branch: "├", lastBranch: "└", steps: ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"])

  public static let ascii = BorderSet(
    normal: Lines(horizontal: "-", topLeft: "+", topRight: "+", leftTee: "+", rightTee: "+"),
    focused: Lines(horizontal: "=", topLeft: "+", topRight: "+", leftTee: "+", rightTee: "+"),
    vertical: "|", horizontal: "-", bottomLeft: "+", bottomRight: "+", thumb: "#",
    branch: "|", lastBranch: "`", steps: ["_", ".", "-", "=", "o", "O", "#", "@"])
}

extension BorderSet {
  /// Returns what stands for `scalar` where only ASCII can be shown: a line for a line, `?` for the
  /// unknown.
  public static func asciiFallback(for scalar: Unicode.Scalar) -> Unicode.Scalar {
    if scalar.isASCII { return scalar }
    if let step = unicode.steps.firstIndex(of: scalar) { return ascii.steps[step] }
    switch scalar {
    case "─", "╌", "–", "—": return "-"
    case "━", "═": return "="
    case "│", "├", "┤", "┝", "┥": return "|"
    case "┃": return "#"
    case "┌", "┐", "└", "┘", "┍", "┑", "┼", "┬", "┴", "╭", "╮", "╰", "╯": return "+"
    case "…", "·", "•": return "."
    case "‘", "’": return "'"
    case "“", "”": return "\""
    case "→", "▶": return ">"
    case "←", "◀": return "<"
    case "\u{a0}": return " "
    default: return "?"
    }
  }
}
