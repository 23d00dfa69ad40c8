/// Which row of a list is selected, and which is the first one seen.
public struct ListPosition: Hashable, Sendable {
  /// The selected row, counted from 0; 0 also in an empty list.
  public private(set) var selected: Int
  /// The first row seen, as far as known when the position last moved.
  public private(set) var top: Int

  public init(selected: Int = 0, top: Int = 0) {
    self.selected = max(0, selected)
    self.top = max(0, top)
  }

  /// Selects a row, or the nearest there is, and scrolls just far enough to see it.
  public mutating func select(_ row: Int, count: Int, height: Int) {
    selected = max(0, min(row, count - 1))
    top = visibleTop(count: count, height: height)
  }

  /// Moves the selection by some rows, negative ones upwards.
  public mutating func move(by rows: Int, count: Int, height: Int) {
    let (row, overflow) = selected.addingReportingOverflow(rows)
    select(overflow ? (rows < 0 ? 0 : count) : row, count: count, height: height)
  }

  /// Returns the first row to draw in `height` rows: `top`, unless the selection would be out of
  /// sight or rows would be left empty.
  public func visibleTop(count: Int, height: Int) -> Int {
    guard height > 0, count > height else { return 0 }
    let row = min(selected, count - 1)
    return max(0, min(max(min(top, row), row - height + 1), count - height))
  }

  /// Moves as the keys for moving say, and tells whether `key` was one of them.
  ///
  /// j k and arrows, g G, Home End, PgUp PgDn, ctrl-d ctrl-u by half a page, and the mouse wheel by
  /// three rows.
  public mutating func handle(_ key: Key, count: Int, height: Int) -> Bool {
    let page = max(1, height - 1)
    let half = max(1, height / 2)
    switch key {
    case .down, .character("j"): move(by: 1, count: count, height: height)
    case .up, .character("k"): move(by: -1, count: count, height: height)
    case .pageDown, .control("f"): move(by: page, count: count, height: height)
    case .pageUp, .control("b"): move(by: -page, count: count, height: height)
    case .control("d"): move(by: half, count: count, height: height)
    case .control("u"): move(by: -half, count: count, height: height)
    case .home, .character("g"): select(0, count: count, height: height)
    case .end, .character("G"): select(count - 1, count: count, height: height)
    case .mouse(let event) where event.kind == .wheelDown:
      move(by: 3, count: count, height: height)
    case .mouse(let event) where event.kind == .wheelUp:
      move(by: -3, count: count, height: height)
    default: return false
    }
    return true
  }
}

extension Frame {
  /// Draws the rows of a list that can be seen, and lays the selection over the selected one.
  ///
  /// - Parameters:
  ///   - count: How many rows the list has.
  ///   - selection: The style over the selected row; `nil` where nothing is to be selected.
  ///   - skipping: How many cells are scrolled out at the left.
  ///   - row: Gives a row by its index; asked only for those that are seen.
  public mutating func list(
    in area: Rectangle, count: Int, position: ListPosition, selection: Style?,
    skipping: Int = 0, row: (Int) -> StyledText
  ) {
    let top = position.visibleTop(count: count, height: area.size.rows)
    for line in 0..<max(0, min(area.size.rows, count - top)) {
      let place = area.row(line)
      write(row(top + line), at: place.origin, within: place, skipping: skipping)
      if let selection, top + line == position.selected { overlay(selection, on: place) }
    }
  }

  /// Draws a scroll bar over `area`'s first column; nothing when everything is seen.
  ///
  /// - Parameters:
  ///   - count: How many rows there are in all.
  ///   - top: The first row seen, counted from 0.
  ///   - height: How many rows are seen.
  public mutating func scrollBar(
    in area: Rectangle, count: Int, top: Int, height: Int, borders: BorderSet = .unicode,
    style: Style = .standard
  ) {
    let track = area.size.rows
    guard count > height, height > 0, track > 1, area.size.columns > 0 else { return }
    let length = max(1, track * height / count)
    let start = (track - length) * min(max(0, top), count - height) / (count - height)
    fill(
      Rectangle(column: area.left, row: area.top + start, columns: 1, rows: length),
      with: borders.thumb, style: style)
  }
}
