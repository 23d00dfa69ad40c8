import Canvas
import TestSupport
import Testing

@testable import Dashboard

/// The whole screen at the sizes of the specification.
struct ScreenTests {
  static let sizes = [(80, 24), (120, 40), (200, 60)]

  @Test(arguments: sizes)
  func `reviewing shows list, SQL and locks together`(_ size: (columns: Int, rows: Int)) {
    let model = Scenes.ready(size.columns, size.rows)
    expectGolden(model.view(), "screen/reviewing-\(size.columns)x\(size.rows)")
  }

  @Test(arguments: sizes)
  func `the first frame names the database before any answer`(_ size: (columns: Int, rows: Int)) {
    let model = Scenes.model(size.columns, size.rows)
    expectGolden(model.view(), "screen/connecting-\(size.columns)x\(size.rows)")
    #expect(model.text.contains("orders@db1:5432"))
    #expect(model.text.contains("connecting"))
  }

  @Test(arguments: sizes)
  func `a queue behind us is drawn as a tree`(_ size: (columns: Int, rows: Int)) {
    let model = Scenes.ready(size.columns, size.rows, locks: Scenes.queue)
    expectGolden(model.view(), "screen/queue-\(size.columns)x\(size.rows)")
  }
}
