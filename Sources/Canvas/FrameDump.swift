extension Frame {
  /// The frame as text, for golden screens: equal dumps look equal.
  ///
  /// The size and the cursor, the lines without their trailing blanks, then for each row that has
  /// any, its spans of columns that are not in the standard style. Columns and rows count from 0.
  ///
  ///     80x24 cursor 3,4
  ///      PROD orders@db1:5432
  ///     styles
  ///     0: 0-79 reverse
  public var dump: String {
    var text = "\(size)"
    if let cursor { text += " cursor \(cursor.column),\(cursor.row)" }
    text += "\n"
    for line in lines { text += line + "\n" }
    text += "styles\n"
    for row in 0..<size.rows {
      let spans = styledSpans(row: row)
      if spans.isEmpty { continue }
      text += "\(row): " + spans.joined(separator: ", ") + "\n"
    }
    return text
  }

  /// The text of each row without trailing blanks, from the top.
  public var lines: [String] {
    (0..<size.rows).map { row in
      var line = ""
      var blanks = 0
      for cell in cells[(row * size.columns)..<((row + 1) * size.columns)] where cell.width > 0 {
        if cell.cluster == nil, cell.scalar == " " {
          blanks += 1
          continue
        }
        line += String(repeating: " ", count: blanks)
        blanks = 0
        line += unpack(cell).text
      }
      return line
    }
  }

  private func styledSpans(row: Int) -> [String] {
    var spans: [String] = []
    var column = 0
    while column < size.columns {
      let start = column
      let style = cells[row * size.columns + start].style
      while column < size.columns, cells[row * size.columns + column].style == style {
        column += 1
      }
      if style != .standard { spans.append("\(start)-\(column - 1) \(style)") }
    }
    return spans
  }
}
