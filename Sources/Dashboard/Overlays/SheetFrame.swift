import Canvas

/// The box of a sheet that lies over the panes: lines that scroll, and a foot that stays.
struct SheetFrame {
  let area: Rectangle
  var inside: Rectangle {
    area.size.rows > 4 && area.size.columns > 8 ? area.inset(columns: 2) : area
  }

  /// Takes the middle of a screen, at most `columns` wide and no higher than its text.
  ///
  /// - Parameter rows: The lines of body and foot.
  init(_ whole: Rectangle, columns: Int, rows: Int) {
    let margin = whole.size.columns > columns + 8 ? 0 : min(2, whole.size.columns / 20)
    let room = whole.size.rows - (whole.size.rows > 12 ? 2 : 0)
    area = whole.centered(
      Size(
        columns: min(columns, whole.size.columns - 2 * margin), rows: min(room, max(6, rows + 2))))
  }

  /// How many lines of the body are seen above a foot.
  func bodyRows(foot: Int) -> Int { max(0, inside.size.rows - (foot == 0 ? 0 : foot + 1)) }

  /// The row of a line of the foot, counted from its last.
  func lastFootRow(_ foot: Int, offset: Int) -> Int? {
    foot > offset ? inside.bottom - 1 - offset : nil
  }

  /// Draws box, body and foot.
  ///
  /// - Parameter top: The first line of the body to be seen.
  func draw(
    on frame: inout Frame, title: String, body: [StyledText], foot: [StyledText], top: Int,
    _ look: Look
  ) {
    let palette = look.palette
    frame.fill(area)
    let rows = bodyRows(foot: foot.count)
    let first = max(0, min(top, body.count - rows))
    let last = min(body.count, first + rows)
    let note = body.count > rows ? "\(first + 1)-\(last) of \(body.count)" : ""
    frame.box(
      area, title: StyledText(title), trailing: StyledText(note), focus: .focused,
      borders: look.borders, palette: palette)
    for (row, line) in body[first..<max(first, last)].enumerated() {
      let place = inside.row(row)
      frame.write(line, at: place.origin, within: place)
    }
    frame.scrollBar(
      in: Rectangle(column: area.right - 1, row: inside.top, columns: 1, rows: rows),
      count: body.count, top: first, height: rows, borders: look.borders,
      style: palette.focusedBorder)
    guard !foot.isEmpty else { return }
    frame.rule(
      inside.row(inside.size.rows - foot.count - 1), borders: look.borders, palette: palette)
    for (index, line) in foot.enumerated() {
      let place = inside.row(inside.size.rows - foot.count + index)
      frame.write(line, at: place.origin, within: place)
    }
  }
}
