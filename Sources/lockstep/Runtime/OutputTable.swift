import Canvas
import PostgresModel

/// Columns of text for people, aligned by cells, so that wide characters keep them straight.
///
/// Rows are shown to it twice: first to measure them, then to write them. So a table of ten thousand
/// rows is never in memory.
struct OutputTable: Sendable {
  /// A cell of a row.
  enum Cell: Sendable {
    case text(String, Output.Ink = .plain)
    /// A time in UTC; empty where it is not known.
    case instant(Instant?)

    fileprivate var isEmpty: Bool {
      switch self {
      case .text(let text, _): text.isEmpty
      case .instant(let instant): instant == nil
      }
    }

    fileprivate var width: Int {
      switch self {
      case .text(let text, _): TextWidth.of(text)
      case .instant(let instant): instant == nil ? 0 : Instant.shortTextLength
      }
    }
  }

  private let heading: [String]
  /// 0 where nothing but the heading stands in a column, which is then left out.
  private var widths: [Int]

  init(_ heading: [String]) {
    self.heading = heading
    widths = [Int](repeating: 0, count: heading.count)
  }

  /// Takes the widths of a row's cells into account.
  ///
  /// - Parameter cell: The cell of a column, 0-based.
  mutating func measure(_ cell: (Int) -> Cell) {
    for column in widths.indices { widths[column] = max(widths[column], cell(column).width) }
  }

  func writeHeading(to buffer: inout OutputBuffer) {
    write(to: &buffer) { .text(heading[$0], .faint) }
  }

  /// Writes a row that was measured, with two blanks between columns and nothing behind its last text.
  func write(to buffer: inout OutputBuffer, _ cell: (Int) -> Cell) {
    var blanks = 0
    for column in widths.indices where widths[column] > 0 {
      let width = max(widths[column], TextWidth.of(heading[column]))
      let cell = cell(column)
      let own = cell.width
      if !cell.isEmpty {
        buffer.addBlanks(blanks)
        blanks = 0
        switch cell {
        // A line break in a name must not begin a new line of the table.
        case .text(let text, let ink): buffer.add(text, ink, lineBreaks: .show)
        case .instant(let instant): if let instant { buffer.add(instant) }
        }
      }
      blanks += width - own + 2
    }
    buffer.endLine()
  }
}
