import Canvas
import Diagnostics
import MigrationModel
import PostgresModel
import TestSupport
import Testing

@testable import Dashboard

/// What a statement would meet: who is in the way, who usually is, and how much there is to rewrite.
struct ForecastTests {
  static let orders = QualifiedName("orders")

  @Test func `the tables of a pending migration are measured once`() {
    var model = Scenes.model()
    model.tell(.connectionChanged(Scenes.server))
    let effects = model.tell(.statusLoaded(Scenes.status(), at: Scenes.now))
    #expect(effects.contains(.measureTables([Self.orders])))
    #expect(model.tell(.locksSampled(Scenes.quiet)) == [], "not while an answer is awaited")
    model.tell(
      .tablesMeasured(
        [Self.orders: TableSize(rows: 12_400_000, bytes: 3_330_000_000, isMeasured: true)],
        asked: [Self.orders], at: Scenes.now))
    #expect(!model.tell(.tick(Scenes.later(2000))).contains(.measureTables([Self.orders])))
    #expect(
      model.tell(.tick(Scenes.later(70_000))).contains(.measureTables([Self.orders])),
      "asked again after a minute")
  }

  @Test(arguments: [(120, 40), (200, 60)])
  func `Effect tells lock, size and users of each table`(_ size: (columns: Int, rows: Int)) {
    var model = Scenes.ready(size.columns, size.rows)
    for second in 1..<10 {
      model.tell(.locksSampled(TimelineTests.at(Int64(second) * 1000, Scenes.quiet)))
    }
    model.tell(
      .tablesMeasured(
        [Self.orders: TableSize(rows: 12_400_000, bytes: 3_330_000_000, isMeasured: true)],
        asked: [Self.orders], at: Scenes.later(9000)))
    model.press(.character("2"), .character("]"), .character("]"))
    expectGolden(model.view(), "script/forecast-\(size.columns)x\(size.rows)")
    #expect(model.text.contains("no rewrite; 12.4 M rows, 3.1 GB"))
    #expect(model.text.contains("reads every row; 12.4 M rows, 3.1 GB"))
    #expect(model.text.contains("now: 1 holder, oldest 4m21s  -> would wait"))
    #expect(model.text.contains("usually: 1.0 sessions a minute on it, seen by 10 of 10 looks"))
  }

  /// What is said of a pending migration of one statement in its Effect tab.
  private func effect(of sql: String, _ locks: LockSample) -> String {
    let migration = Scenes.migration("0042", "one", up: sql)
    var model = Scenes.ready(
      120, 40, status: Scenes.status([Scenes.pending(migration)]), locks: locks)
    model.press(.character("2"), .character("]"), .character("]"))
    return model.text
  }

  /// A session that sits in a transaction and holds `mode` on a table.
  private func idle(
    in table: UInt32, _ mode: LockMode, hasSnapshot: Bool, ours: Set<Int32> = []
  ) -> LockSample {
    var session = Scenes.session(16669, "report-job", state: "idle in transaction", since: 252)
    session.databaseID = 5
    session.minimumTransactionID = hasSnapshot ? 700 : nil
    let row = LockRow(Scenes.table(table), pid: 16669, mode: mode, isGranted: true)
    return Scenes.sample([row], [session], ours: ours)
  }

  @Test(arguments: [
    "CREATE INDEX CONCURRENTLY i ON orders (a)", "REINDEX TABLE CONCURRENTLY orders",
  ])
  func `an older snapshot of another table is in the way of an index build`(_ sql: String) {
    let text = effect(of: sql, idle(in: 16402, .accessShare, hasSnapshot: true))
    #expect(text.contains("now: 1 older snapshot, oldest 4m12s  -> would wait"))
    #expect(!text.contains("nobody in the way"))
    let between = effect(of: sql, idle(in: 16402, .accessShare, hasSnapshot: false))
    #expect(between.contains("now: nobody in the way"), "it needs no rows between its statements")
    let own = effect(of: sql, idle(in: 16402, .accessShare, hasSnapshot: true, ours: [16669]))
    #expect(own.contains("now: nobody in the way"))
  }

  @Test func `a writer of the table is in the way of an index build, and is counted once`() {
    let sql = "CREATE INDEX CONCURRENTLY i ON orders (a)"
    for hasSnapshot in [true, false] {
      let text = effect(of: sql, idle(in: 16401, .rowExclusive, hasSnapshot: hasSnapshot))
      #expect(text.contains("now: 1 holder, oldest 4m12s  -> would wait"))
    }
    let reader = effect(of: sql, idle(in: 16401, .accessShare, hasSnapshot: false))
    #expect(reader.contains("now: nobody in the way"))
  }

  @Test(arguments: [
    ("DROP INDEX CONCURRENTLY orders_i", "use the table"),
    ("REINDEX INDEX CONCURRENTLY orders_i", "older transactions"),
    ("ALTER TABLE orders DETACH PARTITION lines CONCURRENTLY", "use the table"),
  ])
  func `a reader of the table is in the way of what removes`(_ sql: String, _ line: String) {
    var sample = idle(in: 16401, .accessShare, hasSnapshot: false)
    guard case .full(let snapshot, let graph, var names, let ours) = sample.content else { return }
    names.names[16410] = QualifiedName(schema: "public", "orders_i")
    names.tables[16410] = 16401
    sample.content = .full(snapshot, graph, names: names, ours: ours)
    let text = effect(of: sql, sample)
    #expect(text.contains("now: 1 holder, oldest 4m12s  -> would wait"))
    #expect(text.contains("! 0042 would wait"))
    #expect(text.contains(line))
  }

  @Test func `of an index that is not there nobody is said to be in the way`() {
    let text = effect(of: "DROP INDEX CONCURRENTLY orders_i", Scenes.silent)
    #expect(!text.contains("now:"))
    let rebuilding = effect(
      of: "REINDEX INDEX CONCURRENTLY orders_i", idle(in: 16402, .accessShare, hasSnapshot: true))
    #expect(rebuilding.contains("now: 1 older snapshot, oldest 4m12s  -> would wait"))
  }

  @Test func `the lock pane marks whom a concurrent form would wait for`() {
    let elsewhere = idle(in: 16402, .accessShare, hasSnapshot: true)
    let build = effect(of: "CREATE INDEX CONCURRENTLY i ON orders (a)", elsewhere)
    #expect(build.contains("! 0042 would wait"))
    #expect(!effect(of: "CREATE INDEX i ON orders (a)", elsewhere).contains("! 0042 would wait"))
    let removal = effect(of: "DROP INDEX CONCURRENTLY orders_i", elsewhere)
    #expect(!removal.contains("! 0042 would wait"))
    let between = idle(in: 16402, .accessShare, hasSnapshot: false)
    let unhindered = effect(of: "CREATE INDEX CONCURRENTLY i ON orders (a)", between)
    #expect(!unhindered.contains("! 0042 would wait"))
  }

  @Test func `an older snapshot is told though no table can be named`() {
    let sql = "REINDEX SCHEMA CONCURRENTLY public"
    #expect(
      effect(of: sql, idle(in: 16402, .accessShare, hasSnapshot: true))
        .contains("now: 1 older snapshot, oldest 4m12s  -> would wait"))
    #expect(effect(of: sql, Scenes.silent).contains("now: no older snapshot"))
  }

  @Test func `an unknown size is a question mark and no zero`() {
    #expect(TableSize(rows: nil, bytes: nil).words == "? rows, ? bytes")
    #expect(
      TableSize(rows: 87, bytes: 8192).words == "87 rows, 8.0 kB when last analysed")
    var model = Scenes.ready(120, 40)
    #expect(!model.text.contains("rows,"))
    model.tell(.tablesMeasured([:], asked: [Self.orders], at: Scenes.now))
    #expect(!model.text.contains("0 rows"))
    #expect(model.text.contains("no rewrite"))
  }

  @Test func `how many use a table is counted by minute and by look`() {
    var locks = LockPicture()
    // Three sessions in the first minute, one in the second, nobody's in the third.
    for (second, pids) in [(0, [1, 2]), (10, [3]), (60, [1]), (120, []), (130, [])] {
      let rows = pids.map {
        LockRow(Scenes.table(16401), pid: Int32($0), mode: .accessShare, isGranted: true)
      }
      var sample = Scenes.sample(rows, [])
      sample.at = Instant(microseconds: 1_795_176_240_000_000 + Int64(second) * 1_000_000)
      locks.take(sample)
    }
    let usage = locks.usage.usage(of: Self.orders)
    #expect(usage?.seen == 3)
    #expect(usage?.looks == 5)
    #expect(usage.map { Int(($0.sessionsPerMinute * 3).rounded()) } == 4)
    #expect(locks.usage.usage(of: QualifiedName("nothing"))?.seen == 0)
    #expect(LockPicture().usage.usage(of: Self.orders) == nil)
  }

  @Test func `our own sessions are no users`() {
    var locks = LockPicture()
    locks.take(
      Scenes.sample(
        [LockRow(Scenes.table(16401), pid: 9, mode: .accessShare, isGranted: true)], [], ours: [9]))
    #expect(locks.usage.usage(of: Self.orders)?.seen == 0)
  }

  @Test(arguments: [
    (0.0, "0"), (999, "999"), (1000, "1.0 k"), (12_400_000, "12.4 M"), (3e9, "3.0 G"),
  ])
  func `large numbers are short`(_ number: Double, _ words: String) {
    #expect(Words.many(number) == words)
  }

  @Test(arguments: [
    (0, "0 bytes"), (8192, "8.0 kB"), (52_428_800, "50 MB"), (3_330_000_000, "3.1 GB"),
  ])
  func `sizes are short`(_ bytes: Int64, _ words: String) {
    #expect(Words.bytes(bytes) == words)
  }
}
