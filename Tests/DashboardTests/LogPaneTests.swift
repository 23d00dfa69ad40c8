import Canvas
import Diagnostics
import MigrationModel
import PostgresModel
import TestSupport
import Testing

@testable import Dashboard

struct LogPaneTests {
  static func running(_ columns: Int, _ rows: Int) -> Model {
    var model = Scenes.ready(columns, rows, target: Scenes.development)
    model.start(
      Scenes.plan([Scenes.step(Scenes.addOrderChannel), Scenes.step(Scenes.backfillChannel)]))
    model.tell(
      .runEvent(
        .migrationStarted(version: Version("0042"), name: "add_order_channel", direction: .up),
        at: Scenes.later(1000)),
      .runEvent(
        .statementFinished(
          version: Version("0042"), index: 0, line: 1, command: "ALTER TABLE", rows: nil,
          durationMilliseconds: 12.34), at: Scenes.later(1100)),
      .runEvent(
        .migrationFinished(
          version: Version("0042"), name: "add_order_channel", direction: .up,
          durationMilliseconds: 41_000), at: Scenes.later(42_000)),
      .runEvent(
        .migrationStarted(version: Version("0043"), name: "backfill_channel", direction: .up),
        at: Scenes.later(42_000)),
      .runEvent(
        .notice(
          version: Version("0043"), severity: "NOTICE", message: "Processed 45,000 of 120,000 rows"),
        at: Scenes.later(44_000)), .tick(Scenes.later(45_000)))
    return model
  }

  @Test(arguments: [(80, 24), (120, 40), (60, 20)])
  func `a backfill shows its rows as a bar`(_ size: (columns: Int, rows: Int)) {
    var model = Self.running(size.columns, size.rows)
    if size.columns < 80 { model.press(.character("8")) }
    expectGolden(model.view(), "log/backfill-\(size.columns)x\(size.rows)")
    #expect(model.text.contains("45000 of 120000"))
    #expect(model.text.contains("slow"))
  }

  @Test(arguments: [(80, 24), (200, 60)])
  func `a failure is told in full with what was left`(_ size: (columns: Int, rows: Int)) {
    var model = Self.running(size.columns, size.rows)
    let diagnostic = Diagnostic(
      .error, code: "sql_error", "relation \"orders\" does not exist",
      details: [Diagnostic.Detail("hint", "Perhaps you meant \"order\".")],
      at: "db/migrations/0043_backfill_channel.sql:2:8",
      next: "create \"orders\" in an earlier migration and apply again", sqlstate: "42P01")
    model.tell(
      .runEvent(
        .migrationFailed(
          version: Version("0043"), name: "backfill_channel", direction: .up, diagnostic,
          left: .nothing), at: Scenes.later(46_000)),
      .runEvent(
        .finished(applied: 1, reverted: 0, failed: 1, durationMilliseconds: 45_600),
        at: Scenes.later(46_100)))
    let effects = model.tell(.runEnded(nil, at: Scenes.later(46_200)))
    #expect(effects.first == .reload)
    expectGolden(model.view(), "log/failed-\(size.columns)x\(size.rows)")
    #expect(model.text.contains("SQLSTATE 42P01") || size.columns == 80)
    #expect(model.text.contains("nothing of 0043 was kept"))
    #expect(model.lastWord?.text == "1 applied, 1 failed in 45 s")
  }

  @Test func `a run that ends without a word is said to be unknown`() {
    var model = Self.running(80, 24)
    model.tell(.runEnded(nil, at: Scenes.later(50_000)))
    #expect(model.lastWord?.text.contains("ended without a word") == true)
  }

  @Test(arguments: [
    ("Processed 5000 of 120000 rows", 5000, 120_000),
    ("processed 1,000 of 2,000", 1000, 2000),
    ("batch 7: Processed 10_000 of 20_000.", 10_000, 20_000),
    ("Processed 3/4", 3, 4),
  ])
  func `progress is read from a notice`(_ text: String, _ done: Int64, _ of: Int64) {
    #expect(RunLog.Progress(message: text) == RunLog.Progress(done: done, of: of))
  }

  @Test(arguments: ["Processed 10 rows", "done", "Processed x of y", "Processed 5 of 0"])
  func `other notices are no progress`(_ text: String) {
    #expect(RunLog.Progress(message: text) == nil)
  }

  @Test func `the log follows its end until it is scrolled back`() {
    var model = Self.running(80, 24)
    for number in 0..<60 {
      model.tell(
        .runEvent(
          .notice(version: Version("0043"), severity: "NOTICE", message: "line \(number)"),
          at: Scenes.later(46_000)))
    }
    #expect(model.text.contains("line 59"))
    model.press(.character("8"), .character("g"))
    model.tell(
      .runEvent(
        .notice(version: Version("0043"), severity: "NOTICE", message: "line 60"),
        at: Scenes.later(46_000)))
    #expect(!model.text.contains("line 60"))
    model.press(.character("f"))
    #expect(model.text.contains("line 60"))
  }

  @Test func `what a run came to leaves the name of the pane in sight`() {
    var model = Self.running(120, 40)
    model.tell(
      .runEvent(
        .finished(applied: 2, reverted: 0, failed: 1, durationMilliseconds: 58),
        at: Scenes.later(46_100)), .runEnded(nil, at: Scenes.later(46_200)))
    #expect(model.text.contains("8 Log ─────"), "\(model.text)")
    #expect(model.text.contains("─ 1 failed ┐"))
  }

  @Test func `how long a lock was held is told as the most that it can be`() {
    let orders = QualifiedName(schema: "public", "orders")
    #expect(
      RunWords.lock(HeldLock(mode: .accessExclusive, relation: orders, milliseconds: 834))
        == "ACCESS EXCLUSIVE on orders, at most 834 ms")
    #expect(
      RunWords.lock(HeldLock(mode: .share, relation: orders)) == "SHARE on orders", "held still")
  }
}
