import Canvas
import PostgresModel

/// What a piece of text is; the palette decides how that looks.
enum Tone: Sendable, Hashable {
  case text, dim, strong, good, warning, danger, active, match
  case keyword, literal, comment

  func style(_ palette: Palette) -> Style {
    switch self {
    case .text: palette.text
    case .dim: palette.dim
    case .strong: palette.strong
    case .good: palette.good
    case .warning: palette.warning
    case .danger: palette.danger
    case .active: palette.active
    case .match: palette.match
    case .keyword: palette.keyword
    case .literal: palette.literal
    case .comment: palette.comment
    }
  }
}

/// One line of a text that panes show, independent of palette and place.
struct DocumentLine: Sendable, Hashable {
  /// Stands in the gutter: the line of the file, from 1.
  var number: Int?
  var pieces: [Piece]
  /// The file that `number` counts in.
  var file: String?
  /// Whether it begins in the first column, left of all line numbers.
  var isHeading = false

  struct Piece: Sendable, Hashable {
    var text: String
    var tone: Tone

    init(_ text: String, _ tone: Tone = .text) {
      self.text = text
      self.tone = tone
    }
  }

  init(number: Int? = nil, file: String? = nil, _ pieces: [Piece]) {
    self.number = number
    self.file = file
    self.pieces = pieces
  }

  init(_ text: String, _ tone: Tone = .text) {
    self.init(text.isEmpty ? [] : [Piece(text, tone)])
  }

  static let empty = DocumentLine([])

  /// A line that begins left of all line numbers.
  static func heading(_ text: String, _ tone: Tone = .strong) -> DocumentLine {
    var line = DocumentLine(text, tone)
    line.isHeading = true
    return line
  }

  var text: String { pieces.map(\.text).joined() }

  func styled(_ palette: Palette) -> StyledText {
    StyledText(spans: pieces.map { StyledText.Span($0.text, $0.tone.style(palette)) })
  }

  /// Wraps a text into lines that are indented alike.
  static func wrapped(_ text: String, _ tone: Tone, columns: Int, indent: Int = 0)
    -> [DocumentLine]
  {
    let padding = String(repeating: " ", count: indent)
    return TextWidth.wrap(text, to: max(8, columns - indent)).map {
      DocumentLine(padding + $0, tone)
    }
  }
}
