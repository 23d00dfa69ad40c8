import Canvas
import MigrationModel
import PostgresModel
import TestSupport
import Testing

@testable import Dashboard

/// Which columns of the lock table give way where it is narrow.
struct LockColumnsTests {
  private static func names(_ lines: [LockLine], _ width: Int) -> [String] {
    LockColumns(for: lines, width: width).columns.map { "\($0)" }
  }

  /// A line of a session that holds a lock on `on`.
  private static func line(
    _ who: String, on: String, wait: String = "-", blocks: String = "",
    mode: LockMode = .accessShare
  ) -> LockLine {
    LockLine(
      owner: .session(pid: 16669), edge: "", depth: 0, continues: [], who: who, isOurs: false,
      state: wait == "-" ? "idle in txn" : "waiting", wait: wait, transaction: "4m12s", mode: mode,
      lock: mode.sqlName, on: on, blocks: blocks, query: "select 1", isDeadlock: false)
  }

  @Test func `while nobody waits a narrow table leaves out who waits and who blocks`() {
    let lines = [Self.line("report-job", on: "orders_pkey of orders")]
    #expect(Self.names(lines, 78) == ["pid", "who", "state", "transaction", "lock", "on"])
    #expect(
      Self.names(lines, 118) == [
        "pid", "who", "state", "wait", "transaction", "lock", "on", "blocks", "query",
      ])
  }

  @Test func `the age of waiters' transactions gives way before names and places`() {
    let short = [
      Self.line("a", on: "orders", blocks: "1"),
      Self.line("b", on: "orders", wait: "1.4 s", mode: .accessExclusive),
    ]
    #expect(
      Self.names(short, 80) == [
        "pid", "who", "state", "wait", "transaction", "lock", "on", "blocks",
      ])
    let long = short + [Self.line("c", on: "orders_pkey of orders", wait: "1.0 s")]
    #expect(Self.names(long, 80) == ["pid", "who", "state", "time", "lock", "on", "blocks"])
  }

  @Test func `the statement gives way before anything else`() {
    let lines = [
      Self.line(
        "a-rather-long-name-of-a-job", on: "a_long_table_pkey of a_long_table", blocks: "1"),
      Self.line("b", on: "orders", wait: "1.4 s", mode: .shareUpdateExclusive),
    ]
    #expect(Self.names(lines, 118).last == "blocks")
    #expect(Self.names(lines, 118).contains("transaction"))
    #expect(Self.names(lines, 160).last == "query")
  }

  @Test func `modes are written in short before a column is left out`() {
    let lines = [
      Self.line(
        "a-rather-long-name-of-a-job", on: "a_long_table_pkey of a_long_table", blocks: "1"),
      Self.line("b", on: "orders", wait: "1.4 s", mode: .shareUpdateExclusive),
    ]
    #expect(LockColumns(for: lines, width: 118).isShort)
    #expect(!LockColumns(for: lines, width: 160).isShort)
    #expect(LockColumns(for: lines, width: 99).isShort)
  }

  @Test func `a statement gets all that names and places do not need`() {
    let lines = [Self.line("report-job", on: "orders")]
    let columns = LockColumns(for: lines, width: 118)
    let places = columns.table.places(width: 118)
    #expect(columns.columns.last == .query)
    #expect(places.last?.count ?? 0 >= 30)
    #expect(places[1].count == 14)
  }

  @Test func `every table fits its width, and names are cut last`() {
    let lines = [
      Self.line(
        "a-rather-long-name-of-a-job", on: "a_long_table_pkey of a_long_table", blocks: "1"),
      Self.line("b", on: "orders", wait: "1.4 s", mode: .shareUpdateExclusive),
    ]
    for width in 0...200 {
      let columns = LockColumns(for: lines, width: width)
      let places = columns.table.places(width: width)
      #expect(places.allSatisfy { $0.upperBound <= width })
      guard width >= 78 else { continue }
      #expect(zip(columns.columns, places).allSatisfy { !$0.1.isEmpty }, "at \(width)")
    }
  }

  @Test(arguments: [(80, 24), (120, 40)])
  func `a root that waits for nobody is shown with the age of its transaction`(
    _ size: (columns: Int, rows: Int)
  ) {
    let model = Scenes.ready(size.columns, size.rows, locks: Scenes.queue)
    let root = model.screen.first { $0.contains("16669 report-job") }
    #expect(root?.contains("4m12s") == true, "\(model.text)")
  }

  @Test(arguments: [(80, 24), (120, 40)])
  func `a lock on an index is read whole where nobody waits`(_ size: (columns: Int, rows: Int)) {
    var names = Scenes.names42
    names.names[16499] = QualifiedName(schema: "public", "orders_pkey")
    names.tables[16499] = 16401
    let tag = LockTag(.relation, database: 5, relation: 16499)
    let snapshot = LockSnapshot(
      at: Scenes.now, database: 5, backends: 1,
      locks: [LockRow(tag, pid: 9, mode: .accessShare, isGranted: true)],
      sessions: [Scenes.session(9, "reader", state: "idle in transaction", since: 5)])
    let sample = LockSample(
      at: Scenes.now, costMilliseconds: 0.4,
      content: .full(snapshot, WaitGraph(snapshot), names: names, ours: []))
    var model = Scenes.ready(size.columns, size.rows, locks: sample)
    model.press(.character("L"))
    #expect(model.text.contains("orders_pkey of orders"))
    #expect(model.text.contains("5.0 s"))
  }
}
