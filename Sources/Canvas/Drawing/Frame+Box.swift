/// Whether a box has the focus.
public enum Focus: Hashable, Sendable {
  case focused, unfocused
}

/// What is above a box.
public enum BoxTop: Hashable, Sendable {
  case free
  /// Another box, whose bottom line is this one's top line.
  case joined
}

extension Frame {
  /// Draws a box around the edge of `area` and returns the part inside it.
  ///
  ///     ┌─ 1 Migrations ──────── 3/44 ┐
  ///
  /// The title gives way before the trailing text does, and is dropped where it would be a mark
  /// alone. An area of less than two rows or columns gets no box, and everything is inside.
  ///
  /// - Parameters:
  ///   - title: Stands at the left of the top line; in the style of the box where it has none.
  ///   - trailing: Stands at its right.
  ///   - focus: A focused box has a thick top line and a bold title.
  ///   - top: Whether the top line is also the bottom line of a box above.
  @discardableResult
  public mutating func box(
    _ area: Rectangle, title: StyledText = .empty, trailing: StyledText = .empty,
    focus: Focus = .unfocused, top: BoxTop = .free, borders: BorderSet = .unicode,
    palette: Palette = .plain
  ) -> Rectangle {
    guard area.size.columns >= 2, area.size.rows >= 2 else { return area }
    let style = focus == .focused ? palette.focusedBorder : palette.border
    let lines = focus == .focused ? borders.focused : borders.normal
    let bottom = area.bottom - 1
    let inner = area.inset()
    line(of: lines.horizontal, inner.columns, row: area.top, style: style)
    line(of: borders.horizontal, inner.columns, row: bottom, style: style)
    for row in inner.rows {
      set(borders.vertical, column: area.left, row: row, style: style)
      set(borders.vertical, column: area.right - 1, row: row, style: style)
    }
    let (left, right) =
      top == .free ? (lines.topLeft, lines.topRight) : (lines.leftTee, lines.rightTee)
    set(left, column: area.left, row: area.top, style: style)
    set(right, column: area.right - 1, row: area.top, style: style)
    set(borders.bottomLeft, column: area.left, row: bottom, style: style)
    set(borders.bottomRight, column: area.right - 1, row: bottom, style: style)
    let titles = Rectangle(
      column: inner.left + 1, row: area.top, columns: inner.size.columns - 1, rows: 1)
    label(
      titles, title, trailing, style: focus == .focused ? palette.focusedTitle : palette.title)
    return inner
  }

  /// Draws a line across `area`'s first row with a text at either end.
  ///
  ///     ─ applied 41 ─────── pending 3 ─
  public mutating func rule(
    _ area: Rectangle, leading: StyledText = .empty, trailing: StyledText = .empty,
    borders: BorderSet = .unicode, palette: Palette = .plain
  ) {
    line(of: borders.horizontal, area.columns, row: area.top, style: palette.border)
    let texts = Rectangle(
      column: area.left + 1, row: area.top, columns: area.size.columns - 2, rows: 1)
    label(texts, leading, trailing, style: palette.dim)
  }

  /// Writes two texts over a line, each with a space at either side.
  private mutating func label(
    _ area: Rectangle, _ leading: StyledText, _ trailing: StyledText, style: Style
  ) {
    var room = area.size.columns
    let width = trailing.width + 2
    if !trailing.spans.isEmpty, width <= room {
      let start = Point(column: area.right - width, row: area.top)
      write(" " + trailing + " ", at: start, base: style, within: area)
      room -= width + 1
    }
    let needed = min(leading.width, 3) + 2
    guard !leading.spans.isEmpty, needed <= room else { return }
    let clip = Rectangle(column: area.left, row: area.top, columns: room, rows: 1)
    write(" ", at: clip.origin, style: style, within: clip)
    let text = Rectangle(column: area.left + 1, row: area.top, columns: room - 2, rows: 1)
    let used = write(leading, at: text.origin, base: style, within: text)
    write(
      " ", at: Point(column: text.left + used, row: area.top), style: style, within: clip)
  }

  private mutating func line(
    of character: Unicode.Scalar, _ columns: Range<Int>, row: Int, style: Style
  ) {
    fill(
      Rectangle(column: columns.lowerBound, row: row, columns: columns.count, rows: 1),
      with: character, style: style)
  }

  private mutating func set(_ character: Unicode.Scalar, column: Int, row: Int, style: Style) {
    fill(
      Rectangle(column: column, row: row, columns: 1, rows: 1), with: character, style: style)
  }
}
