import Canvas
import MigrationModel
import PostgresModel
import TestSupport
import Testing

@testable import Dashboard

/// A run that waits for its locks, or has stopped, as it is seen and steered.
struct RunScreenTests {
  static let version = Version("0042")
  static let budget = LockBudget(
    timeout: .seconds(3), attempts: 10, victims: 20, oldestVictim: .seconds(2))
  static let reporter = LockBlocker(
    pid: 16669, user: "app", application: "report-job", state: "idle in transaction",
    since: Instant(microseconds: Scenes.now.microseconds - 252_000_000))
  static let channel = Scenes.migration(
    "0042", "add_order_channel",
    up: """
      ALTER TABLE orders
        ADD COLUMN channel text;

      CREATE INDEX orders_channel_idx ON orders (channel);
      """,
    down: "ALTER TABLE orders DROP COLUMN channel;")

  /// A run that has begun on a screen of a size.
  static func running(_ columns: Int, _ rows: Int) -> Model {
    var migrations = Scenes.migrations()
    migrations[41] = Scenes.pending(channel)
    let status = Scenes.status(migrations)
    var model = Scenes.ready(columns, rows, target: Scenes.development, status: status)
    model.facts.lockBudget = budget
    model.start(Scenes.plan([Scenes.step(channel)], status: status))
    model.tell(
      .runEvent(
        .migrationStarted(version: version, name: "add_order_channel", direction: .up),
        at: Scenes.later(1000)))
    return model
  }

  /// Its second attempt waits, and three queue behind it.
  static func waiting(_ columns: Int, _ rows: Int) -> Model {
    var model = running(columns, rows)
    model.tell(
      .runEvent(
        .queue(
          version: version,
          LockQueue(waitedMilliseconds: 2800, blockers: [reporter])), at: Scenes.later(4000)),
      .runEvent(
        .lockAttempt(
          version: version, attempt: 1, of: 10, waitedMilliseconds: 3000, blockers: [16669],
          restMilliseconds: 4000), at: Scenes.later(4200)),
      .runEvent(
        .queue(
          version: version,
          LockQueue(
            waitedMilliseconds: 1000, victims: 3, oldestVictimMilliseconds: 700,
            blockers: [reporter])), at: Scenes.later(9200)),
      .locksSampled(Scenes.queue), .tick(Scenes.later(9600)))
    return model
  }

  @Test(arguments: [(80, 24), (120, 40), (200, 60)])
  func `a queue behind us is shown with the budget that is left`(
    _ size: (columns: Int, rows: Int)
  ) {
    let model = Self.waiting(size.columns, size.rows)
    expectGolden(model.view(), "log/budget-\(size.columns)x\(size.rows)")
    #expect(model.text.contains("1.4 of 3.0 s"))
    #expect(model.text.contains("attempt 2 of 10"))
    #expect(model.text.contains("3 sessions queued behind you"))
    #expect(model.text.contains("x step aside"))
  }

  @Test(arguments: [(80, 24), (120, 40)])
  func `a rest counts down and says that nothing has changed`(_ size: (columns: Int, rows: Int)) {
    var model = Self.running(size.columns, size.rows)
    model.tell(
      .runEvent(
        .lockAttempt(
          version: Self.version, attempt: 2, of: 10, waitedMilliseconds: 400, blockers: [16669],
          reason: .victims, restMilliseconds: 6000), at: Scenes.later(5000)),
      .tick(Scenes.later(6500)))
    expectGolden(model.view(), "log/resting-\(size.columns)x\(size.rows)")
    #expect(model.text.contains("4.5 of 6.0 s left"))
    #expect(model.text.contains("changed yet"))
    model.tell(.tick(Scenes.later(11_000)))
    #expect(!model.text.contains(" s left"))
  }

  @Test func `x steps aside only where somebody waits`() {
    var model = Self.running(80, 24)
    #expect(model.press(.character("x")) == [])
    #expect(model.lastWord?.text == "nobody waits: there is no place to give back; ^C cancels")
    model = Self.waiting(80, 24)
    #expect(model.press(.character("x")) == [.stepAside])
    model = Scenes.ready()
    #expect(model.press(.character("x")) == [])
    #expect(model.lastWord?.text == "nothing runs that could step aside")
  }

  /// We hold what two others want.
  static let stepping = Scenes.sample(
    [
      LockRow(Scenes.table(16401), pid: 16747, mode: .accessExclusive, isGranted: true),
      Scenes.waiting(16804, .accessShare, 1500), Scenes.waiting(16805, .accessShare, 1300),
    ],
    [
      Scenes.session(
        16747, "lockstep apply 0042", state: "idle in transaction", since: 9,
        query: "ALTER TABLE orders ADD COLUMN channel text"),
      Scenes.session(
        16804, "web-1", state: "active", since: 2, query: "select * from orders where id = $1"),
      Scenes.session(
        16805, "web-2", state: "active", since: 2, query: "select * from orders where id = $1"),
    ], ours: [16747], at: Scenes.later(9800))

  /// The first statement is done, and it has stopped before the second.
  static func stopped(_ columns: Int, _ rows: Int) -> Model {
    var model = running(columns, rows)
    let orders = QualifiedName(schema: "public", "orders")
    model.tell(
      .runEvent(
        .stopped(
          version: version,
          RunStop(next: .statement(index: 0, line: 1, command: "ALTER TABLE"), statements: 2)),
        at: Scenes.later(1000)),
      .runEvent(.resumed(version: version, .next), at: Scenes.later(3000)),
      .runEvent(
        .statementFinished(
          version: version, index: 0, line: 1, command: "ALTER TABLE", rows: nil,
          durationMilliseconds: 12,
          locks: [HeldLock(mode: .accessExclusive, relation: orders)],
          changes: [
            CatalogChange(
              kind: "column", object: "public.orders.channel", action: .added, detail: "text")
          ]), at: Scenes.later(3100)),
      .runEvent(
        .stopped(
          version: version,
          RunStop(
            next: .statement(index: 1, line: 4, command: "CREATE INDEX"), statements: 2,
            openMilliseconds: 2100, limitMilliseconds: 60_000)),
        at: Scenes.later(3100)),
      .runEvent(
        .queue(
          version: version,
          LockQueue(
            victims: 2, oldestVictimMilliseconds: 500,
            waiting: [
              LockVictim(
                pid: 16804, user: "app", application: "web-1", waitedMilliseconds: 500),
              LockVictim(
                pid: 16805, user: "app", application: "web-2", waitedMilliseconds: 300),
            ])),
        at: Scenes.later(9000)), .locksSampled(stepping), .tick(Scenes.later(10_000)))
    return model
  }

  @Test(arguments: [(80, 24), (120, 40), (200, 60)])
  func `a stop shows what was gained and how to go on`(_ size: (columns: Int, rows: Int)) {
    let model = Self.stopped(size.columns, size.rows)
    expectGolden(model.view(), "log/stepping-\(size.columns)x\(size.rows)")
    #expect(model.screen[0].contains("STOPPED 9.0 s of 1m00s, 2 waiting"))
    #expect(model.text.contains("2 sessions queued behind you"))
    #expect(model.text.contains("16804 (web-1), 16805 (web-2)"))
    #expect(model.text.contains("rolled back in 51 s"))
    #expect(model.text.contains("s next statement"))
    #expect(model.text.contains("C rest of this migration"))
  }

  @Test func `a stop is steered by keys, and rolling back is asked twice`() {
    var model = Self.stopped(80, 24)
    #expect(model.press(.character("s")) == [.decide(.next)])
    #expect(model.press(.character("C")) == [.decide(.rest)])
    #expect(model.press(.character("D")) == [])
    #expect(model.lastWord?.text == "D again rolls back all that 0042 has done")
    #expect(model.press(.character("j"), .character("D")) == [])
    #expect(model.press(.character("D")) == [.decide(.rollBack)])
    model.tell(
      .runEvent(.resumed(version: Self.version, .rollBack), at: Scenes.later(11_000)),
      .runEvent(
        .migrationDeclined(version: Self.version, name: "add_order_channel", direction: .up),
        at: Scenes.later(11_000)))
    #expect(model.facts.run?.stop == nil)
    #expect(model.text.contains("rolled back as told"))
  }

  @Test func `nothing that has not stopped is steered`() {
    var model = Self.running(80, 24)
    for key in ["s", "C", "D"] {
      #expect(model.press(.character(Character(key))) == [])
      #expect(
        model.lastWord?.text == "nothing has stopped; a plan can be stepped through with s")
    }
  }

  @Test func `a plan is stepped through with s where that gives the same`() {
    var model = Scenes.ready(target: Scenes.development)
    let plan = Scenes.plan([Scenes.step(Self.channel)])
    model.press(.character("a"))
    model.tell(.planMade(plan, at: Scenes.now), .tick(Scenes.later(400)))
    #expect(model.text.contains("s step through it"))
    #expect(model.press(.character("s")) == [.run(plan, pace: .stepping)])

    var other = Scenes.ready(target: Scenes.development)
    let outside = Scenes.plan([Scenes.step(Scenes.addOrderChannel)])
    other.press(.character("a"))
    other.tell(.planMade(outside, at: Scenes.now), .tick(Scenes.later(400)))
    #expect(!other.text.contains("s step through it"))
    #expect(other.press(.character("s")) == [])
    #expect(other.text.contains("0042 cannot be stepped through"))
  }

  @Test func `where the server reports no progress that is said`() {
    var model = Self.running(120, 40)
    #expect(!model.text.contains("no progress reported"))
    model.tell(
      .runEvent(.progress(version: Self.version, nil), at: Scenes.later(3000)),
      .tick(Scenes.later(41_000)))
    #expect(model.text.contains("no progress reported"))
    #expect(model.text.contains("40 s of 30 s  slow"))
    // In a queue there is nothing that could progress.
    model.tell(
      .runEvent(
        .queue(
          version: Self.version, LockQueue(waitedMilliseconds: 100, blockers: [Self.reporter])),
        at: Scenes.later(42_000)))
    #expect(!model.text.contains("no progress reported"))
    model.tell(
      .runEvent(.queue(version: Self.version, LockQueue()), at: Scenes.later(43_000)),
      .runEvent(
        .notice(version: Self.version, severity: "NOTICE", message: "Processed 5 of 10 rows"),
        at: Scenes.later(43_000)))
    #expect(!model.text.contains("no progress reported"))
    #expect(model.text.contains("5 of 10"))
  }

  @Test func `a migration that runs is not said to have to wait`() {
    let model = Self.running(120, 40)
    #expect(!model.text.contains("would wait for the marked sessions"))
    #expect(!model.text.contains("! 0042 would wait"))
    #expect(!model.text.contains("now:"))
    #expect(Scenes.ready(120, 40).text.contains("now: 1 holder"))
  }

  @Test func `progress that the server reports is a bar`() {
    var model = Self.running(120, 40)
    model.tell(
      .runEvent(
        .progress(
          version: Self.version,
          StatementProgress(
            phase: "building index: scanning table", done: 450, total: 1000, unit: "blocks")),
        at: Scenes.later(3000)))
    #expect(model.text.contains("building index: scanning table"))
    #expect(model.text.contains("450 of 1000 blocks"))
  }

  @Test func `what a run has done is counted and marked before the history is read again`() {
    var model = LogPaneTests.running(120, 40)
    #expect(model.text.contains("applied 42  pending 2"))
    #expect(model.text.contains("applied 42 ─"))
    #expect(model.screen.first { $0.contains("0042 add_order") }?.contains(" ok ") == true)
    let reverted = RunEvent.migrationFinished(
      version: Self.version, name: "add_order_channel", direction: .down, durationMilliseconds: 2)
    var undone = model
    undone.tell(.runEvent(reverted, at: Scenes.later(46_000)))
    #expect(undone.text.contains("applied 41  pending 3"))
    // What is read later stands above what was seen of the run.
    model.tell(.statusLoaded(Scenes.status(), at: Scenes.later(50_000)))
    #expect(model.text.contains("applied 41  pending 3"))
    #expect(model.screen.first { $0.contains("0042 add_order") }?.contains(" ok ") == false)
  }

  @Test func `the history table is not said to be missing once something was applied`() {
    let status = Scenes.status([Scenes.pending(Self.channel)], tableExists: false)
    var model = Scenes.ready(120, 40, target: Scenes.development, status: status)
    model.start(Scenes.plan([Scenes.step(Self.channel)], status: status))
    #expect(model.text.contains("no history table"))
    model.tell(
      .runEvent(
        .migrationFinished(
          version: Self.version, name: "add_order_channel", direction: .up,
          durationMilliseconds: 2), at: Scenes.later(2000)))
    #expect(!model.text.contains("no history table"))
  }

  @Test func `a way back is not said to run while its migration is applied`() {
    let model = Self.running(200, 60)
    let titles = model.screen.filter { $0.contains("3 Down") }
    #expect(titles.count == 1 && titles[0].contains("0042  1 statement"), "\(titles)")
  }

  @Test func `the time of a rest is not cut off in a narrow pane`() {
    let columns = 35
    var run = RunLog(
      plan: Scenes.plan([Scenes.step(Self.channel)]), startedAt: Scenes.now, budget: Self.budget)
    run.append(
      .migrationStarted(version: Self.version, name: "add_order_channel", direction: .up),
      at: Scenes.now)
    run.append(
      .lockAttempt(
        version: Self.version, attempt: 1, of: 2, waitedMilliseconds: 400, blockers: [],
        restMilliseconds: 6000), at: Scenes.now)
    let lines = BudgetLines(run: run, now: Scenes.later(1500)).lines(columns: columns)
    #expect(lines.allSatisfy { TextWidth.of($0.text) <= columns }, "\(lines.map(\.text))")
    #expect(lines.first?.text.hasSuffix("4.5 of 6.0 s") == true)
  }

  @Test func `cancelling a backup says nothing of a transaction`() {
    var model = Scenes.ready(target: Scenes.development)
    model.start(Scenes.plan([Scenes.step(Self.channel)]))
    model.tell(.runEvent(.backupStarted("pg_dump to backups"), at: Scenes.later(100)))
    #expect(model.press(.control("c")) == [.cancelRun])
    #expect(
      model.lastWord?.text
        == "cancelling the run: no migration is at work at this moment; ^C again leaves after that")
    #expect(model.press(.control("c")) == [])
    #expect(model.lastWord?.text == "leaving as soon as the run has ended")
    #expect(model.press(.control("c")) == [.quit])
  }
}
