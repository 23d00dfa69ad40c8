/// A whole screen, or one pane of it, as a value: the cells, and where the cursor stands.
///
/// Drawing outside its bounds does nothing, so that nobody has to ask whether there is room. All
/// text goes through `TerminalText`: no cell ever holds a control character.
public struct Frame: Sendable {
  public let size: Size
  /// Where the terminal's cursor is shown; `nil` hides it.
  public var cursor: Point?
  private(set) var cells: [PackedCell]
  /// Characters of more than one scalar, which a packed cell cannot hold itself.
  private(set) var clusters: [String] = []
  private var clusterNumbers: [String: Int] = [:]

  /// Makes a frame of blanks.
  public init(size: Size, style: Style = .standard) {
    self.size = size
    cells = Array(repeating: .blank(style: style), count: size.columns * size.rows)
  }

  public var bounds: Rectangle { Rectangle(origin: .zero, size: size) }

  /// The cell at a place; blank outside the frame.
  ///
  /// Only what is visible and as wide as it says comes back from storing a cell. The right half of
  /// a wide character cannot be stored by itself.
  public subscript(point: Point) -> Cell {
    get {
      guard bounds.contains(point) else { return .blank }
      return unpack(cells[point.row * size.columns + point.column])
    }
    set {
      guard bounds.contains(point), newValue.width > 0 else { return }
      write(
        newValue.text, at: point, style: newValue.style,
        within: Rectangle(origin: point, size: Size(columns: newValue.width, rows: 1)))
    }
  }

  func unpack(_ cell: PackedCell) -> Cell {
    let text: String
    if cell.width == 0 {
      text = ""
    } else if let index = cell.cluster {
      text = clusters[index]
    } else {
      text = String(Character(cell.scalar))
    }
    return Cell(text: text, width: cell.width, style: cell.style)
  }
}

extension Frame: Equatable {
  /// Tells whether both frames look the same, in whatever order they were drawn.
  public static func == (a: Frame, b: Frame) -> Bool {
    guard a.size == b.size, a.cursor == b.cursor else { return false }
    if a.clusters == b.clusters { return a.cells == b.cells }
    return zip(a.cells, b.cells).allSatisfy { a.looksLike($0, b, $1) }
  }

  func looksLike(_ cell: PackedCell, _ other: Frame, _ otherCell: PackedCell) -> Bool {
    guard let index = cell.cluster, let otherIndex = otherCell.cluster else {
      return cell == otherCell
    }
    return cell.style == otherCell.style && cell.width == otherCell.width
      && clusters[index] == other.clusters[otherIndex]
  }
}

// MARK: - Drawing

/// What a text looks like where there is no room for all of it.
public enum Overflow: Hashable, Sendable {
  /// The last cell becomes `~`.
  case marked
  /// It ends at the edge.
  case cut
}

extension Frame {
  /// Writes `text` on one line and returns how many cells it took.
  ///
  /// - Parameters:
  ///   - point: Where the first cell of the text belongs; it may lie outside.
  ///   - clip: What may be drawn on; the whole frame when left out. The text is clipped at the right
  ///     edge as `overflow` says.
  ///   - skipping: How many cells of the text are scrolled out at the left of `point`.
  @discardableResult
  public mutating func write(
    _ text: some StringProtocol, at point: Point, style: Style = .standard,
    within clip: Rectangle? = nil, overflow: Overflow = .marked, skipping: Int = 0
  ) -> Int {
    let area = (clip ?? bounds).intersection(bounds)
    guard area.rows.contains(point.row), point.column < area.right else { return 0 }
    if let used = writePlain(
      text, at: point, style: style, in: area, overflow: overflow, skipping: skipping)
    {
      return used
    }
    var column = point.column - skipping
    var glyphs = GlyphIterator(text.unicodeScalars, lineBreaks: .show)
    let first = max(area.left, point.column)
    var ahead = glyphs.next()
    while let glyph = ahead {
      ahead = glyphs.next()
      let end = column + glyph.width
      let fits = end < area.right || end == area.right && (ahead == nil || overflow == .cut)
      if !fits {
        finish(from: column, at: point.row, first: first, style: style, in: area, overflow)
        return area.right - point.column
      }
      if column >= first {
        put(glyph, column: column, row: point.row, style: style)
      } else if end > first {
        // The left half of a wide character is scrolled out.
        putBlank(column: first, row: point.row, style: style)
      }
      column = end
    }
    return max(0, column - point.column)
  }

  /// Marks the end of a text that goes on, and blanks what a wide character could not fill.
  private mutating func finish(
    from column: Int, at row: Int, first: Int, style: Style, in area: Rectangle,
    _ overflow: Overflow
  ) {
    guard area.right > first else { return }
    for blank in max(first, min(column, area.right))..<area.right {
      putBlank(column: blank, row: row, style: style)
    }
    guard overflow == .marked else { return }
    put(Glyph(base: TextWidth.clipMark, width: 1), column: area.right - 1, row: row, style: style)
  }

  /// The fast path for printable ASCII; `nil` for any other text.
  private mutating func writePlain(
    _ text: some StringProtocol, at point: Point, style: Style, in area: Rectangle,
    overflow: Overflow, skipping: Int
  ) -> Int? {
    let result: Int?? = text.utf8.withContiguousStorageIfAvailable { bytes -> Int? in
      for byte in bytes where byte < 0x20 || byte >= 0x7f { return nil }
      let first = max(area.left, point.column)
      let start = point.column - skipping
      let end = start + bytes.count
      let last = min(end, area.right)
      guard first < last else { return max(0, last - point.column) }
      breakWide(columns: first..<last, row: point.row)
      let offset = point.row * size.columns
      cells.withUnsafeMutableBufferPointer { cells in
        for column in first..<last {
          cells[offset + column] = PackedCell(ascii: bytes[column - start], style: style)
        }
        if end > area.right, overflow == .marked {
          cells[offset + last - 1].replaceGlyph(with: TextWidth.clipMark)
        }
      }
      return last - point.column
    }
    return result ?? nil
  }

  /// Fills `area` with one character of width 1.
  public mutating func fill(
    _ area: Rectangle, with character: Unicode.Scalar = " ", style: Style = .standard
  ) {
    let area = area.intersection(bounds)
    guard !area.isEmpty else { return }
    let cell: PackedCell
    if case .printable(1) = ScalarKind(character) {
      cell = PackedCell(scalar: character, width: 1, style: style)
    } else {
      cell = PackedCell(scalar: "\u{fffd}", width: 1, style: style)
    }
    for row in area.rows {
      breakWide(columns: area.columns, row: row)
      let offset = row * size.columns
      for column in area.columns { cells[offset + column] = cell }
    }
  }

  /// Changes the style of every cell in `area` and leaves the text alone.
  public mutating func restyle(_ area: Rectangle, _ change: (inout Style) -> Void) {
    let area = area.intersection(bounds)
    for row in area.rows {
      for column in area.columns { change(&cells[row * size.columns + column].style) }
    }
  }

  /// Lays `style` over every cell in `area`: its attributes are added, its colours win.
  public mutating func overlay(_ style: Style, on area: Rectangle) {
    restyle(area) { $0 = $0.merged(with: style) }
  }

  /// Draws `other` with its top left cell at `point`, as far as `clip` allows.
  ///
  /// A cursor in it becomes the cursor of this frame.
  public mutating func place(_ other: Frame, at point: Point, within clip: Rectangle? = nil) {
    let area = (clip ?? bounds).intersection(bounds)
      .intersection(Rectangle(origin: point, size: other.size))
    guard !area.isEmpty else { return }
    for row in area.rows {
      breakWide(columns: area.columns, row: row)
      let source = (row - point.row) * other.size.columns - point.column
      for column in area.columns {
        var cell = other.cells[source + column]
        if let index = cell.cluster {
          cell = PackedCell(
            cluster: number(of: other.clusters[index]), width: cell.width, style: cell.style)
        }
        cells[row * size.columns + column] = cell
      }
      mendEdges(of: area.columns, row: row)
    }
    if let cursor = other.cursor {
      let moved = Point(column: cursor.column + point.column, row: cursor.row + point.row)
      if area.contains(moved) { self.cursor = moved }
    }
  }

  /// Returns the part of this frame that `area` covers, as a frame of its own.
  public func part(_ area: Rectangle) -> Frame {
    var part = Frame(size: area.size)
    part.place(self, at: Point(column: -area.left, row: -area.top))
    return part
  }

  /// Replaces what a wide character shows when one of its halves is about to be overwritten.
  private mutating func breakWide(columns: Range<Int>, row: Int) {
    guard !columns.isEmpty else { return }
    let offset = row * size.columns
    if cells[offset + columns.lowerBound].width == 0, columns.lowerBound > 0 {
      let left = offset + columns.lowerBound - 1
      cells[left] = .blank(style: cells[left].style)
    }
    if columns.upperBound < size.columns, cells[offset + columns.upperBound].width == 0 {
      let right = offset + columns.upperBound
      cells[right] = .blank(style: cells[right].style)
    }
  }

  /// Blanks halves of wide characters that were cut at the edges of a copied part.
  private mutating func mendEdges(of columns: Range<Int>, row: Int) {
    let first = row * size.columns + columns.lowerBound
    let last = row * size.columns + columns.upperBound - 1
    if cells[first].width == 0 { cells[first] = .blank(style: cells[first].style) }
    if cells[last].width == 2 { cells[last] = .blank(style: cells[last].style) }
  }

  private mutating func put(_ glyph: Glyph, column: Int, row: Int, style: Style) {
    breakWide(columns: column..<(column + glyph.width), row: row)
    let index = row * size.columns + column
    if glyph.marks.isEmpty {
      cells[index] = PackedCell(scalar: glyph.base, width: glyph.width, style: style)
    } else {
      cells[index] = PackedCell(
        cluster: number(of: glyph.text), width: glyph.width, style: style)
    }
    if glyph.width == 2 { cells[index + 1] = .continuation(style: style) }
  }

  private mutating func putBlank(column: Int, row: Int, style: Style) {
    put(Glyph(base: " ", width: 1), column: column, row: row, style: style)
  }

  /// Returns the index of `cluster` in the table, where it stands from now on.
  private mutating func number(of cluster: String) -> Int {
    if let number = clusterNumbers[cluster] { return number }
    clusters.append(cluster)
    clusterNumbers[cluster] = clusters.count - 1
    return clusters.count - 1
  }
}
