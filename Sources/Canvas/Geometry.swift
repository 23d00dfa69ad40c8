/// A width and a height in cells; never negative.
public struct Size: Hashable, Sendable {
  public let columns: Int
  public let rows: Int

  /// Makes a size; a negative number counts as zero.
  public init(columns: Int, rows: Int) {
    self.columns = max(0, columns)
    self.rows = max(0, rows)
  }

  public static let zero = Size(columns: 0, rows: 0)

  public var isEmpty: Bool { columns == 0 || rows == 0 }
}

extension Size: CustomStringConvertible {
  /// The size as people say it, columns first: `80x24`.
  public var description: String { "\(columns)x\(rows)" }
}

/// A cell's place, counted from 0 at the top left.
public struct Point: Hashable, Sendable {
  public var column: Int
  public var row: Int

  public init(column: Int, row: Int) {
    self.column = column
    self.row = row
  }

  public static let zero = Point(column: 0, row: 0)
}

/// A part of a screen: the cells from `origin` on, `size` many in each direction.
public struct Rectangle: Hashable, Sendable {
  public var origin: Point
  public var size: Size

  public init(origin: Point, size: Size) {
    self.origin = origin
    self.size = size
  }

  /// Makes a rectangle from plain numbers; a negative width or height counts as zero.
  public init(column: Int, row: Int, columns: Int, rows: Int) {
    origin = Point(column: column, row: row)
    size = Size(columns: columns, rows: rows)
  }

  public static let empty = Rectangle(origin: .zero, size: .zero)

  public var isEmpty: Bool { size.isEmpty }
  public var left: Int { origin.column }
  public var top: Int { origin.row }
  /// The first column to the right of the rectangle.
  public var right: Int { origin.column + size.columns }
  /// The first row below the rectangle.
  public var bottom: Int { origin.row + size.rows }
  public var columns: Range<Int> { left..<right }
  public var rows: Range<Int> { top..<bottom }

  /// Tells whether the cell at `point` belongs to the rectangle.
  public func contains(_ point: Point) -> Bool {
    columns.contains(point.column) && rows.contains(point.row)
  }

  /// Returns what both rectangles cover; empty when they do not touch.
  public func intersection(_ other: Rectangle) -> Rectangle {
    let left = max(left, other.left)
    let top = max(top, other.top)
    return Rectangle(
      column: left, row: top, columns: min(right, other.right) - left,
      rows: min(bottom, other.bottom) - top)
  }

  /// Returns the rectangle without `columns` cells at the left and right and `rows` at top and
  /// bottom; empty when nothing is left.
  public func inset(columns: Int = 1, rows: Int = 1) -> Rectangle {
    Rectangle(
      column: left + columns, row: top + rows, columns: size.columns - 2 * columns,
      rows: size.rows - 2 * rows)
  }

  /// Returns row number `index` of the rectangle, counted from 0 at its top; empty when it has none.
  public func row(_ index: Int) -> Rectangle {
    guard index >= 0, index < size.rows else { return Rectangle(origin: origin, size: .zero) }
    return Rectangle(column: left, row: top + index, columns: size.columns, rows: 1)
  }

  /// Returns a rectangle of `size`, or what fits of it, in the middle of this one.
  public func centered(_ size: Size) -> Rectangle {
    let columns = min(size.columns, self.size.columns)
    let rows = min(size.rows, self.size.rows)
    return Rectangle(
      column: left + (self.size.columns - columns) / 2, row: top + (self.size.rows - rows) / 2,
      columns: columns, rows: rows)
  }
}

/// How long one part of a split rectangle is, in cells.
public enum Length: Hashable, Sendable {
  /// This many cells, fewer only where the whole is too small.
  case fixed(Int)
  /// A share of what the fixed parts leave, in proportion to `weight`, and at least `minimum`.
  case share(weight: Int = 1, minimum: Int = 0)
}

extension Length {
  /// Returns the lengths in cells, one for each part, which together never exceed `total`.
  ///
  /// Fixed parts and minima are served first, in order; the rest goes to the shares by weight, and
  /// the cells that do not divide go to the first of them.
  public static func resolve(_ parts: [Length], total: Int) -> [Int] {
    var left = max(0, total)
    var weights = 0
    var lengths = parts.map { part -> Int in
      let wanted: Int
      switch part {
      case .fixed(let cells): wanted = cells
      case .share(let weight, let minimum):
        wanted = minimum
        weights += max(0, weight)
      }
      let given = min(left, max(0, wanted))
      left -= given
      return given
    }
    guard weights > 0, left > 0 else { return lengths }
    // Minima count towards a share, so that equal weights give equal lengths where they can.
    let pool =
      left
      + zip(parts, lengths).reduce(0) { sum, next in
        if case .share = next.0 { sum + next.1 } else { sum }
      }
    for pass in 0..<2 {
      for (index, part) in parts.enumerated() {
        guard case .share(let weight, _) = part, weight > 0, left > 0 else { continue }
        let target = pass == 0 ? pool * weight / weights : lengths[index] + 1
        let more = min(left, max(0, target - lengths[index]))
        lengths[index] += more
        left -= more
      }
    }
    for (index, part) in parts.enumerated() where left > 0 {
      guard case .share(let weight, _) = part, weight > 0 else { continue }
      lengths[index] += left
      left = 0
    }
    return lengths
  }
}

extension Rectangle {
  /// Splits the rectangle into parts below each other, the first at the top.
  public func rows(_ parts: Length...) -> [Rectangle] {
    var row = top
    return Length.resolve(parts, total: size.rows).map { height in
      defer { row += height }
      return Rectangle(column: left, row: row, columns: size.columns, rows: height)
    }
  }

  /// Splits the rectangle into parts beside each other, the first at the left.
  public func columns(_ parts: Length...) -> [Rectangle] {
    var column = left
    return Length.resolve(parts, total: size.columns).map { width in
      defer { column += width }
      return Rectangle(column: column, row: top, columns: width, rows: size.rows)
    }
  }
}
