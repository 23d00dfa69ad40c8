import Canvas
import Testing

@Suite struct GeometryTests {
  @Test func `a negative size counts as zero`() {
    #expect(Size(columns: -3, rows: 2) == Size(columns: 0, rows: 2))
    #expect(Rectangle(column: 1, row: 1, columns: 5, rows: -1).isEmpty)
  }

  @Test func `an inset larger than the rectangle leaves nothing`() {
    let inset = Rectangle(column: 2, row: 3, columns: 1, rows: 1).inset()
    #expect(inset.isEmpty)
    #expect(inset.origin == Point(column: 3, row: 4))
  }

  @Test func `rectangles that do not touch have an empty intersection`() {
    let left = Rectangle(column: 0, row: 0, columns: 3, rows: 3)
    #expect(left.intersection(Rectangle(column: 3, row: 0, columns: 3, rows: 3)).isEmpty)
    #expect(
      left.intersection(Rectangle(column: 2, row: 1, columns: 9, rows: 9))
        == Rectangle(column: 2, row: 1, columns: 1, rows: 2))
  }

  @Test func `a split fills the whole and keeps the order`() {
    let whole = Rectangle(column: 4, row: 2, columns: 80, rows: 24)
    let rows = whole.rows(.fixed(1), .share(), .fixed(4), .fixed(1))
    #expect(rows.map(\.size.rows) == [1, 18, 4, 1])
    #expect(rows.map(\.top) == [2, 3, 21, 25])
    #expect(rows.allSatisfy { $0.columns == whole.columns })
    let columns = whole.columns(.fixed(31), .share())
    #expect(columns.map(\.columns) == [4..<35, 35..<84])
  }

  @Test(arguments: 0...100) func `the parts of a split never exceed the whole`(total: Int) {
    let parts: [Length] = [
      .fixed(7), .share(weight: 2, minimum: 5), .fixed(3), .share(), .share(minimum: 9),
    ]
    let lengths = Length.resolve(parts, total: total)
    #expect(lengths.count == parts.count)
    #expect(lengths.allSatisfy { $0 >= 0 })
    #expect(lengths.reduce(0, +) == total)
  }

  @Test func `equal shares differ by one cell at most`() {
    #expect(Length.resolve([.share(), .share(), .share()], total: 11) == [4, 4, 3])
    #expect(Length.resolve([.share(minimum: 4), .share()], total: 10) == [5, 5])
    #expect(Length.resolve([.share(weight: 3), .share()], total: 80) == [60, 20])
  }

  @Test func `a dialog larger than the screen is cut to it`() {
    let screen = Rectangle(column: 0, row: 0, columns: 20, rows: 5)
    #expect(screen.centered(Size(columns: 60, rows: 9)) == screen)
    #expect(
      screen.centered(Size(columns: 10, rows: 3))
        == Rectangle(column: 5, row: 1, columns: 10, rows: 3))
  }
}
