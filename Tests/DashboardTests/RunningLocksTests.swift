import Canvas
import MigrationModel
import PostgresModel
import TestSupport
import Testing

@testable import Dashboard

/// What a run says of the locks of the statement at work: told by its text, and seen.
struct RunningLocksTests {
  private static let version = RunScreenTests.version
  private static let orders = UInt32(16401)

  /// A look at our session, which holds some locks, so long after the start.
  private static func look(
    _ locks: [(UInt32, LockMode)], after milliseconds: Int64
  ) -> LockSample {
    Scenes.sample(
      locks.map { LockRow(Scenes.table($0.0), pid: 16747, mode: $0.1, isGranted: true) },
      [Scenes.session(16747, "lockstep apply 0042", state: "active", since: 2)], ours: [16747],
      at: Scenes.later(milliseconds))
  }

  @Test func `a script sent as one message is not said to be at a statement`() {
    let model = RunScreenTests.running(120, 40)
    #expect(model.text.contains("0042  running 2 statements as one"))
    #expect(!model.text.contains("running statement"))
  }

  @Test func `what runs statement by statement says which one`() {
    var model = Scenes.ready(120, 40, target: Scenes.development)
    model.start(Scenes.plan([Scenes.step(Scenes.addOrderChannel)]))
    model.tell(
      .runEvent(
        .migrationStarted(
          version: Self.version, name: "add_order_channel", direction: .up),
        at: Scenes.later(1000)))
    #expect(model.text.contains("0042  running statement 1"))
    #expect(model.text.contains("takes         ACCESS EXCLUSIVE on orders "))
    model.tell(
      .runEvent(
        .statementFinished(
          version: Self.version, index: 0, line: 1, command: "ALTER TABLE", rows: nil,
          durationMilliseconds: 12), at: Scenes.later(1100)))
    #expect(model.text.contains("0042  running statement 2"))
    #expect(model.text.contains("takes         SHARE UPDATE EXCLUSIVE on orders "))
    #expect(!model.text.contains("keeps out"))
  }

  @Test(arguments: [(80, 24), (120, 40), (200, 60)])
  func `what is held is shown beside what was told`(_ size: (columns: Int, rows: Int)) {
    var model = RunScreenTests.running(size.columns, size.rows)
    #expect(model.text.contains("ACCESS EXCLUSIVE on orders"))
    #expect(model.text.contains("not seen yet"))
    model.tell(.locksSampled(Self.look([(Self.orders, .accessExclusive)], after: 1500)))
    expectGolden(model.view(), "log/holding-\(size.columns)x\(size.rows)")
    #expect(model.text.contains("ACCESS EXCLUSIVE on orders, as"))
    #expect(model.text.contains("readers and writers of orders"))
    #expect(!model.text.contains("takes "))
  }

  @Test func `what was seen before it was sent is nothing that it holds`() {
    var model = RunScreenTests.running(120, 40)
    model.tell(.locksSampled(Self.look([(Self.orders, .accessExclusive)], after: 900)))
    #expect(model.text.contains("holds         not seen yet"))
    model.tell(.locksSampled(Self.look([], after: 1200)))
    #expect(model.text.contains("holds         none on a table"))
  }

  @Test func `a lock that no text names is pointed out`() {
    var model = RunScreenTests.running(120, 40)
    model.tell(
      .locksSampled(
        Self.look([(Self.orders, .accessExclusive), (16402, .shareRowExclusive)], after: 1500)))
    #expect(model.text.contains("! not named in its text: SHARE ROW EXCLUSIVE on lines"))
    // What only writes rows keeps nobody else from the table.
    model.tell(
      .locksSampled(
        Self.look([(Self.orders, .accessExclusive), (16402, .rowExclusive)], after: 1700)))
    #expect(!model.text.contains("not named"))
  }

  @Test func `at a stop it says what the next statement takes, and what is held by now`() {
    let model = RunScreenTests.stopped(120, 40)
    #expect(model.text.contains("next takes    SHARE on orders"))
    #expect(model.text.contains("holds         ACCESS EXCLUSIVE on orders"))
    #expect(!model.text.contains("not named"), "the first statement has told of it")
  }

  @Test func `nothing is said between two attempts`() {
    var model = RunScreenTests.running(120, 40)
    model.tell(
      .runEvent(
        .lockAttempt(
          version: Self.version, attempt: 1, of: 10, waitedMilliseconds: 3000, blockers: [16669],
          restMilliseconds: 4000), at: Scenes.later(4200)), .tick(Scenes.later(5000)))
    #expect(!model.text.contains("holds  "))
    #expect(!model.text.contains("takes  "))
  }

  @Test func `what a text does not tell is not made up`() {
    let migration = Scenes.migration(
      "0042", "call_it", up: "DO $$ BEGIN PERFORM 1; END $$;", down: "SELECT 1;")
    var migrations = Scenes.migrations()
    migrations[41] = Scenes.pending(migration)
    let status = Scenes.status(migrations)
    var model = Scenes.ready(120, 40, target: Scenes.development, status: status)
    model.start(Scenes.plan([Scenes.step(migration)], status: status))
    model.tell(
      .runEvent(
        .migrationStarted(version: Self.version, name: "call_it", direction: .up),
        at: Scenes.later(1000)),
      .locksSampled(Self.look([(Self.orders, .accessExclusive)], after: 1500)))
    #expect(model.text.contains("takes         not told: "))
    #expect(model.text.contains("holds         ACCESS EXCLUSIVE on orders "))
    #expect(!model.text.contains("not named"), "it was never said that it takes nothing")
  }
}
