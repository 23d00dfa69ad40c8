import Diagnostics
import MigrationModel
import PostgresModel
import Synchronization
import TestSupport
import Testing

@testable import MigrationEngine

/// Runs that stop before each statement.
@Suite(.fewAtOnce) struct SteppingTests {
  static let migration = SampleMigration(
    "001", "channel",
    up: """
      ALTER TABLE a ADD COLUMN channel text;
      UPDATE a SET channel = 'web';
      CREATE TABLE b (id bigint PRIMARY KEY, note text);
      """)

  /// Answers each stop in turn, the last answer again and again.
  func run(
    _ fixture: ProjectFixture, _ decisions: [StepDecision],
    budget: LockBudget = .off, onEvent: (@Sendable (RunEvent) -> Void)? = nil
  ) async throws -> ProjectFixture.Ran {
    let control = RunControl()
    var options = Runner.Options(lockBudget: budget, control: control)
    options.pace = .stepping
    options.random = { 0 }
    let left = Mutex(decisions)
    return try await fixture.run(try await fixture.plan(.upAll), options) { event in
      onEvent?(event)
      guard case .stopped = event else { return }
      let decision = left.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] }
      #expect(control.decide(decision))
    }
  }

  func fixture(
    _ migrations: [SampleMigration] = [migration], _ layout: String = "sqlx"
  ) async throws -> ProjectFixture {
    let fixture = try await ProjectFixture(layout, migrations)
    try await fixture.database.execute("CREATE TABLE a (id int); INSERT INTO a VALUES (1), (2)")
    return fixture
  }

  @Test(arguments: Layouts.all.map(\.name))
  func `it stops before each statement and before the commit`(_ layout: String) async throws {
    let fixture = try await fixture([Self.migration], layout)
    let ran = try await run(fixture, [.next])
    #expect(ran.summary == "finished +1 -0", "\(String(describing: ran.diagnostic))")
    let first = layout == "dbmate" ? 2 : 1
    #expect(
      ran.lines == [
        "started 001 channel up", "stopped 001 before 0 line \(first) ALTER TABLE",
        "resumed 001 next", "statement 001 0 line \(first) ALTER TABLE -",
        "stopped 001 before 1 line \(first + 1) UPDATE", "resumed 001 next",
        "statement 001 1 line \(first + 1) UPDATE 2 2",
        "stopped 001 before 2 line \(first + 2) CREATE TABLE", "resumed 001 next",
        "statement 001 2 line \(first + 2) CREATE TABLE -", "stopped 001 before commit",
        "resumed 001 next", "finished 001 channel up", "end +1 -0 !0",
      ])
    #expect(try await fixture.tables() == ["public.a", "public.b"])
    #expect(try await fixture.statusLines() == ["001 applied"])
  }

  @Test func `each statement tells the locks it gained and what it changed`() async throws {
    let ran = try await run(try await fixture(), [.next])
    let found = ran.events.compactMap { event -> (locks: [HeldLock]?, changes: [CatalogChange]?)? in
      guard case .statementFinished(_, _, _, _, _, _, let locks, let changes) = event else {
        return nil
      }
      return (locks, changes)
    }
    let locks = found.map { $0.locks?.map { "\($0.mode.sqlName) \($0.relation)" } }
    #expect(locks == [["ACCESS EXCLUSIVE public.a"], ["ROW EXCLUSIVE public.a"], []])
    let changes = found.map { $0.changes?.map(\.words) }
    #expect(
      changes == [
        ["added column public.a.channel: text"], [],
        ["added table public.b"],
      ])
    guard case .migrationFinished(_, _, _, _, let held?) = ran.events[ran.events.count - 2] else {
      Issue.record("\(ran.lines)")
      return
    }
    #expect(Set(held.map(\.mode)) == [.accessExclusive, .rowExclusive])
    #expect(held.allSatisfy { ($0.milliseconds ?? -1) >= 0 })
  }

  @Test func `what is dropped, renamed or retyped is told with what it was`() async throws {
    let fixture = try await fixture([
      SampleMigration(
        "001", "change",
        up: """
          ALTER TABLE t DROP COLUMN gone;
          ALTER TABLE t ALTER COLUMN n TYPE bigint;
          ALTER TABLE t RENAME COLUMN old TO new;
          DROP INDEX t_n;
          ALTER TABLE t RENAME TO u;
          CREATE TYPE mood AS ENUM ('fine');
          DROP TABLE v;
          CREATE TABLE w (); DROP TABLE w;
          DO $$ BEGIN
            BEGIN CREATE TABLE x (); EXCEPTION WHEN others THEN NULL; END;
          END $$;
          """)
    ])
    try await fixture.database.execute(
      """
      CREATE TABLE t (gone text, n int, old text); CREATE INDEX t_n ON t (n); CREATE TABLE v (id int)
      """)
    let ran = try await run(fixture, [.next])
    #expect(ran.summary == "finished +1 -0", "\(String(describing: ran.diagnostic))")
    let changes = ran.events.compactMap { event -> [String]? in
      guard case .statementFinished(_, _, _, _, _, _, _, let changes) = event else { return nil }
      return changes?.map(\.words)
    }
    #expect(
      changes == [
        ["dropped column public.t.gone: text"],
        [
          "changed table public.t: written anew",
          "changed column public.t.n: integer -> bigint",
          "changed index public.t_n: built anew",
        ],
        ["changed column public.t.new: was public.t.old"],
        ["dropped index public.t_n"],
        ["changed table public.u: was public.t"],
        ["added type public.mood"],
        ["dropped table public.v"],
        ["added table public.w"], ["dropped table public.w"],
        ["added table public.x"],
      ])
  }

  @Test func `the rest is run without stopping`() async throws {
    let fixture = try await fixture()
    let ran = try await run(fixture, [.next, .rest])
    #expect(ran.summary == "finished +1 -0")
    #expect(ran.lines.filter { $0.hasPrefix("stopped") }.count == 2)
    #expect(ran.lines.filter { $0.hasPrefix("statement") }.count == 3)
  }

  @Test func `told to roll back, it leaves nothing and begins nothing more`() async throws {
    let fixture = try await fixture([Self.migration, .table("002", "c")])
    let ran = try await run(fixture, [.next, .next, .rollBack])
    #expect(ran.summary == "declined +0 -0")
    #expect(
      ran.lines.suffix(3) == ["resumed 001 rollBack", "declined 001 channel up", "end +0 -0 !0"])
    #expect(try await fixture.tables() == ["public.a"])
    #expect(
      try await fixture.database.rows(
        "SELECT count(*) FROM information_schema.columns WHERE table_name = 'a'")
        == ["1"])
    #expect(try await fixture.statusLines() == ["001 pending", "002 pending"])
    #expect(try await fixture.run(.upAll, .init(patience: .zero)).summary == "finished +2 -0")
  }

  @Test func `a statement that fails names its place and undoes the others`() async throws {
    let bad = SampleMigration(
      "001", "bad", up: "ALTER TABLE a ADD x int;\nSELECT 1;\n  SELECT nothere;")
    let fixture = try await fixture([bad])
    let ran = try await run(fixture, [.next])
    #expect(
      ran.diagnostic?.description == """
        error: migration 001_bad failed: column "nothere" does not exist (SQLSTATE 42703)
          at:   \(fixture.path(bad)):3:10
          next: mend the script and run `lockstep up` again; nothing of 001 was applied
        """)
    #expect(try await fixture.statusLines() == ["001 pending"])
    #expect(
      try await fixture.database.rows(
        "SELECT count(*) FROM information_schema.columns WHERE table_name = 'a'")
        == ["1"])
  }

  @Test func `a commit that fails undoes it all`() async throws {
    let bad = SampleMigration(
      "001", "bad",
      up: """
        CREATE TABLE c (id int UNIQUE DEFERRABLE INITIALLY DEFERRED);
        INSERT INTO c VALUES (1), (1);
        """)
    let fixture = try await fixture([bad])
    let ran = try await run(fixture, [.next])
    #expect(ran.summary == "failed sql_error +0 -0")
    #expect(ran.diagnostic?.at == fixture.path(bad))
    #expect(try await fixture.tables() == ["public.a"])
  }

  @Test func `a run that is cancelled where it has stopped is rolled back`() async throws {
    let fixture = try await fixture()
    let plan = try await fixture.plan(.upAll)
    let control = RunControl()
    var options = Runner.Options(control: control)
    options.pace = .stepping
    let (stops, continuation) = AsyncStream<Void>.makeStream()
    let ran = try await fixture.run(
      plan, options,
      onEvent: { event in
        guard case .stopped(_, let stop) = event else { return }
        if case .statement(0, _, _) = stop.next {
          control.decide(.next)
        } else {
          continuation.yield()
        }
      },
      cancelledAt: { for await _ in stops { break } })
    #expect(ran.summary == "interrupted interrupted +0 -0")
    #expect(
      ran.diagnostic?.what.hasSuffix("was interrupted where it had stopped, and rolled back")
        == true)
    #expect(try await fixture.tables() == ["public.a"])
    #expect(try await fixture.run(.upAll, .init(patience: .zero)).summary == "finished +1 -0")
  }

  @Test func `while it has stopped those who wait behind it are told`() async throws {
    let fixture = try await fixture()
    let plan = try await fixture.plan(.upAll)
    let control = RunControl()
    var options = Runner.Options(control: control)
    options.pace = .stepping
    let (stops, stopped) = AsyncStream<Void>.makeStream()
    let (queues, queued) = AsyncStream<Void>.makeStream()
    let settings = options
    async let running = fixture.run(plan, settings) { event in
      switch event {
      case .stopped(_, let stop):
        if case .statement(0, _, _) = stop.next { control.decide(.next) } else { stopped.yield() }
      case .queue(_, let queue) where queue.victims == 1 && queue.waitedMilliseconds == nil:
        queued.yield()
      default: break
      }
    }
    for await _ in stops { break }
    async let reader = fixture.database.rows("SELECT count(*) FROM a")
    for await _ in queues { break }
    control.decide(.rollBack)
    #expect(try await running.summary == "declined +0 -0")
    #expect(try await reader == ["2"])
  }

  @Test func `a transaction that is held open for too long is rolled back`() async throws {
    let fixture = try await fixture()
    var options = Runner.Options(control: RunControl())
    options.pace = .stepping
    options.stepLimit = .milliseconds(200)
    // Nobody ever answers.
    let ran = try await fixture.run(try await fixture.plan(.upAll), options)
    #expect(ran.summary == "failed step_limit +0 -0")
    #expect(
      ran.diagnostic
        == .error(
          code: "step_limit",
          "migration 001_channel was ended: stepping held its transaction open for longer than 200 ms",
          at: SourceLocation(file: fixture.path(Self.migration), line: 1, column: 1),
          next:
            "step through it again and decide sooner, or with a longer step limit; nothing of 001"
            + " was applied"))
    #expect(ran.lines.suffix(2) == ["failed 001 channel up step_limit nothing", "end +0 -0 !1"])
    #expect(try await fixture.tables() == ["public.a"])
    #expect(try await run(fixture, [.next]).summary == "finished +1 -0")
  }

  @Test func `whom a transaction kept waiting for too long is told`() async throws {
    let fixture = try await fixture()
    let plan = try await fixture.plan(.upAll)
    let control = RunControl()
    var options = Runner.Options(control: control)
    options.pace = .stepping
    options.stepLimit = .seconds(600)
    let (stops, stopped) = AsyncStream<Void>.makeStream()
    let settings = options
    async let running = fixture.run(plan, settings) { event in
      switch event {
      case .stopped(_, let stop):
        #expect(stop.limitMilliseconds == 600_000)
        #expect(stop.openMilliseconds >= 0)
        if case .statement(0, _, _) = stop.next { control.decide(.next) } else { stopped.yield() }
      // What the clock does when the time is over.
      case .queue(_, let queue) where queue.victims == 1: control.endStepping()
      default: break
      }
    }
    for await _ in stops { break }
    let name = fixture.database.name
    let reader = try await fixture.database.server.withConnection(to: name, application: "web-1") {
      _ = try await $0.execute("SELECT count(*) FROM a")
      return $0.processID
    }
    let ran = try await running
    #expect(ran.summary == "failed step_limit +0 -0")
    let details = ran.diagnostic?.details ?? []
    #expect(details.map(\.label) == ["kept waiting"])
    #expect(details.first?.text.hasPrefix("pid \(reader), ") == true)
    #expect(details.first?.text.hasSuffix(", web-1") == true)
  }

  @Test func `a statement that runs when the time is over is cancelled`() async throws {
    let slow = SampleMigration("001", "slow", up: "CREATE TABLE b (id int);\n\(Gate.stop)")
    let fixture = try await fixture([slow])
    let control = RunControl()
    var options = Runner.Options(control: control)
    options.pace = .stepping
    options.stepLimit = .seconds(600)
    let plan = try await fixture.plan(.upAll)
    let settings = options
    let ran = try await Gate.closed(in: fixture.database) { gate in
      async let running = fixture.run(plan, settings) { event in
        if case .stopped = event { control.decide(.next) }
      }
      _ = try await gate.comer()
      control.endStepping()
      return try await running
    }
    #expect(ran.summary == "failed step_limit +0 -0")
    #expect(ran.diagnostic?.at == "\(fixture.path(slow)):2:1")
    #expect(ran.diagnostic?.next?.hasSuffix("nothing of 001 was applied") == true)
    #expect(try await fixture.tables() == ["public.a"])
  }

  @Test func `a lock that is not had begins the migration anew`() async throws {
    let fixture = try await fixture()
    let ran = try await Gate.closed(in: fixture.database) { gate in
      try await gate.execute("BEGIN; LOCK TABLE a IN ACCESS SHARE MODE")
      let (attempts, attempted) = AsyncStream<Void>.makeStream()
      async let running = run(
        fixture, [.next], budget: .filled(timeout: .milliseconds(50), attempts: 100)
      ) { event in
        if case .lockAttempt = event { attempted.yield() }
      }
      for await _ in attempts { break }
      try await gate.execute("COMMIT")
      return try await running
    }
    #expect(ran.summary == "finished +1 -0", "\(String(describing: ran.diagnostic))")
    #expect(ran.lines.filter { $0.hasPrefix("stopped 001 before 0") }.count > 1)
    #expect(try await fixture.statusLines() == ["001 applied"])
  }

  @Test func `only one transaction of ours can be stepped through`() async throws {
    func stepping(_ sql: String) async throws -> PlanStep.Stepping {
      let fixture = try await ProjectFixture("sqlx", [SampleMigration("001", "x", up: sql)])
      return try #require(try await fixture.plan(.upAll).steps.first).stepping
    }
    #expect(try await stepping("SELECT 1;") == .offered)
    #expect(
      try await stepping("BEGIN;\nSELECT 1;\nCOMMIT;")
        == .notOffered("its file has BEGIN and COMMIT of its own"))
    #expect(
      try await stepping("VACUUM pg_class;")
        == .notOffered("it runs outside a transaction: VACUUM cannot run in a transaction (line 1)")
    )
  }

  // MARK: Locks of a run that does not stop

  @Test(arguments: Layouts.all.map(\.name))
  func `a migration tells which tables it had locked and for how long`(
    _ layout: String
  ) async throws {
    let fixture = try await ProjectFixture(
      layout,
      [
        SampleMigration(
          "001", "locks",
          up: "CREATE TABLE b (id int);\nALTER TABLE a ADD x int;\nSELECT * FROM c;"),
        SampleMigration("002", "own", up: "BEGIN;\nLOCK TABLE c IN SHARE MODE;\nCOMMIT;"),
        SampleMigration("003", "outside", up: "VACUUM c;"),
        SampleMigration("004", "new", up: "CREATE TABLE d (id int);\nCREATE INDEX d_id ON d (id);"),
        // Of what is gone only the script tells.
        SampleMigration("005", "gone", up: "DROP TABLE d;\nALTER TABLE \"My, (table)\" ADD x int;"),
      ])
    try await fixture.database.execute(
      "CREATE TABLE a (id int); CREATE TABLE c (id int); CREATE TABLE \"My, (table)\" ()")
    let ran = try await fixture.run(.upAll)
    #expect(ran.summary == "finished +5 -0", "\(String(describing: ran.diagnostic))")
    let held = ran.events.compactMap { event -> [String]? in
      guard case .migrationFinished(_, _, _, _, let locks) = event else { return nil }
      #expect(locks?.allSatisfy { ($0.milliseconds ?? -1) >= 0 } ?? true)
      return locks?.map { "\($0.mode.sqlName) \($0.relation)" }.sorted() ?? ["unknown"]
    }
    #expect(
      held == [
        ["ACCESS EXCLUSIVE public.a", "ACCESS SHARE public.c"], ["SHARE public.c"], ["unknown"], [],
        ["ACCESS EXCLUSIVE public.My, (table)", "ACCESS EXCLUSIVE public.d"],
      ])
  }
}
