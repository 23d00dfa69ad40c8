import Canvas

/// Columns of text for people, aligned by cells, so that wide characters keep them straight.
struct OutputTable: Sendable {
  /// A cell of a row.
  typealias Cell = Output.Span

  private var rows: [Row] = []

  private enum Row: Sendable {
    case cells([Cell])
    /// Text below the row above it, as wide as it is.
    case text(Cell)
  }

  init(_ heading: [String]) {
    rows.append(.cells(heading.map { Cell($0, .faint) }))
  }

  mutating func add(_ cells: [Cell]) {
    // A line break in a name must not begin a new line of the table.
    rows.append(.cells(cells.map { Cell(TerminalText.visible($0.text), $0.ink) }))
  }

  mutating func add(below text: Cell) { rows.append(.text(text)) }

  /// The rows with two blanks between columns; columns that are empty but for their heading are left
  /// out.
  var lines: [[Output.Span]] {
    let cells = rows.compactMap { row in if case .cells(let cells) = row { cells } else { nil } }
    let count = cells.map(\.count).max() ?? 0
    let used = (0..<count).filter { column in
      cells.dropFirst().contains { column < $0.count && !$0[column].text.isEmpty }
    }
    let widths = used.map { column in
      cells.map { column < $0.count ? TextWidth.of($0[column].text) : 0 }.max() ?? 0
    }
    return rows.map { row in
      switch row {
      case .text(let text): return [text]
      case .cells(let cells): return line(used.map { cells[$0] }, widths)
      }
    }
  }

  private func line(_ cells: [Cell], _ widths: [Int]) -> [Output.Span] {
    // Nothing is written behind the last cell that has text.
    guard let last = cells.lastIndex(where: { !$0.text.isEmpty }) else { return [] }
    return cells[...last].enumerated().flatMap { column, cell -> [Output.Span] in
      if column == last { return [cell] }
      let padding = widths[column] - TextWidth.of(cell.text) + 2
      return [cell, Output.Span(String(repeating: " ", count: padding))]
    }
  }
}
