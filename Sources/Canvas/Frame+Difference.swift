/// Neighbouring cells of one row.
public struct CellRun: Hashable, Sendable {
  public var row: Int
  public var columns: Range<Int>

  public init(row: Int, columns: Range<Int>) {
    self.row = row
    self.columns = columns
  }
}

extension Frame {
  /// Returns the cells that look different in this frame, from the top left on.
  ///
  /// A run never begins or ends inside a wide character of this frame. All cells differ from a frame
  /// of another size, or from none.
  public func changes(since previous: Frame?) -> [CellRun] {
    guard let previous, previous.size == size else {
      guard size.columns > 0 else { return [] }
      return (0..<size.rows).map { CellRun(row: $0, columns: 0..<size.columns) }
    }
    let sameClusters = clusters == previous.clusters
    var runs: [CellRun] = []
    for row in 0..<size.rows {
      let offset = row * size.columns
      var column = 0
      while column < size.columns {
        let index = offset + column
        let same =
          sameClusters
          ? cells[index] == previous.cells[index]
          : looksLike(cells[index], previous, previous.cells[index])
        if same {
          column += 1
          continue
        }
        var start = column
        if cells[index].width == 0, start > 0 { start -= 1 }
        column += 1
        while column < size.columns, cells[offset + column].width == 0 { column += 1 }
        if let last = runs.last, last.row == row, last.columns.upperBound >= start {
          runs[runs.count - 1].columns = last.columns.lowerBound..<column
        } else {
          runs.append(CellRun(row: row, columns: start..<column))
        }
      }
    }
    return runs
  }

  /// Calls `body` with the scalars, width and style of each character of a run, left to right.
  ///
  /// The first scalar is the base; the array is the same one each time, to spare its allocation.
  package func visit(_ run: CellRun, _ body: (inout [Unicode.Scalar], Int, Style) -> Void) {
    var scalars: [Unicode.Scalar] = []
    for column in run.columns {
      let cell = cells[run.row * size.columns + column]
      guard cell.width > 0 else { continue }
      scalars.removeAll(keepingCapacity: true)
      if let index = cell.cluster {
        scalars.append(contentsOf: clusters[index].unicodeScalars)
      } else {
        scalars.append(cell.scalar)
      }
      body(&scalars, cell.width, cell.style)
    }
  }
}
