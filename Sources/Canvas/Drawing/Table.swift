/// A table: columns with names, and rows of texts.
public struct Table: Sendable {
  /// One column and the room it wants.
  public struct Column: Hashable, Sendable {
    public var title: String
    public var length: Length
    public var alignment: Alignment

    public init(_ title: String, _ length: Length, alignment: Alignment = .leading) {
      self.title = title
      self.length = length
      self.alignment = alignment
    }
  }

  public var columns: [Column]
  /// The empty cells between two columns.
  public var gap: Int

  public init(columns: [Column], gap: Int = 1) {
    self.columns = columns
    self.gap = gap
  }

  /// Returns the columns' places on a line of `width` cells; what has no room gets an empty range.
  public func places(width: Int) -> [Range<Int>] {
    let gaps = gap * max(0, columns.count - 1)
    let lengths = Length.resolve(columns.map(\.length), total: width - gaps)
    var column = 0
    return lengths.map { length in
      let start = min(column, max(0, width))
      column += length + gap
      return start..<min(start + length, max(start, width))
    }
  }
}

extension Frame {
  /// Writes the names of a table's columns on `area`'s first row.
  public mutating func tableTitles(_ table: Table, in area: Rectangle, style: Style) {
    tableRow(table, table.columns.map { StyledText($0.title) }, in: area, base: style)
  }

  /// Writes one row of a table on `area`'s first row; a text too wide for its column ends in `~`.
  public mutating func tableRow(
    _ table: Table, _ texts: [StyledText], in area: Rectangle, base: Style = .standard
  ) {
    let places = table.places(width: area.size.columns)
    for ((column, place), text) in zip(zip(table.columns, places), texts) {
      let cell = Rectangle(
        column: area.left + place.lowerBound, row: area.top, columns: place.count, rows: 1)
      var start = cell.origin
      if column.alignment == .trailing { start.column += max(0, place.count - text.width) }
      write(text, at: start, base: base, within: cell)
    }
  }

  /// Draws a table with its titles, as many rows as fit below them, and the selection.
  ///
  /// - Parameters:
  ///   - count: How many rows the table has.
  ///   - selection: The style over the selected row; `nil` where nothing is to be selected.
  ///   - row: Gives a row's texts by its index; asked only for those that are seen.
  public mutating func table(
    _ table: Table, in area: Rectangle, count: Int, position: ListPosition, selection: Style?,
    palette: Palette = .plain, row: (Int) -> [StyledText]
  ) {
    tableTitles(table, in: area.row(0), style: palette.columnTitle)
    let body = Rectangle(
      column: area.left, row: area.top + 1, columns: area.size.columns, rows: area.size.rows - 1)
    let top = position.visibleTop(count: count, height: body.size.rows)
    for line in 0..<max(0, min(body.size.rows, count - top)) {
      let place = body.row(line)
      tableRow(table, row(top + line), in: place)
      if let selection, top + line == position.selected { overlay(selection, on: place) }
    }
  }
}
