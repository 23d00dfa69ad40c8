import MigrationEngine
import MigrationModel
import PostgresModel
import Synchronization
import TestSupport
import Testing

/// Runs that have to wait for their locks.
@Suite(.fewAtOnce) struct LockBudgetRunTests {
  static let alter = SampleMigration(
    "001", "alter", up: "CREATE TABLE b ();\nALTER TABLE a ADD x int;")

  /// Events of a run as they come, for a test that waits for one.
  struct Heard: Sendable {
    let stream: AsyncStream<RunEvent>
    let hear: @Sendable (RunEvent) -> Void

    init() {
      let (stream, continuation) = AsyncStream<RunEvent>.makeStream()
      self.stream = stream
      hear = { continuation.yield($0) }
    }

    /// Waits for an event.
    func first(where isWanted: (RunEvent) -> Bool) async {
      for await event in stream where isWanted(event) { return }
    }

    func attempt() async {
      await first { if case .lockAttempt = $0 { true } else { false } }
    }
  }

  func options(_ budget: LockBudget, control: RunControl? = nil) -> Runner.Options {
    var options = Runner.Options(lockBudget: budget, control: control)
    options.random = { 0 }
    return options
  }

  /// A project whose migration wants a table that somebody reads.
  func fixture(
    _ migration: SampleMigration = alter, _ layout: String = "sqlx"
  ) async throws -> ProjectFixture {
    let fixture = try await ProjectFixture(layout, [migration])
    try await fixture.database.execute("CREATE TABLE a (id int)")
    return fixture
  }

  static let reads = "BEGIN; LOCK TABLE a IN ACCESS SHARE MODE"
  /// Our session, once it waits; `pg_stat_activity` would not change within the gate's transaction.
  static let ours = "SELECT pid FROM pg_locks WHERE relation = 'a'::regclass AND NOT granted"

  @Test(arguments: Layouts.all.map(\.name))
  func `a lock that is not had in time is tried for again until the holder has gone`(
    _ layout: String
  ) async throws {
    let fixture = try await fixture(Self.alter, layout)
    let plan = try await fixture.plan(.upAll)
    let options = options(.filled(timeout: .milliseconds(50), attempts: 100))
    let ran = try await Gate.closed(in: fixture.database) { gate in
      try await gate.execute(Self.reads)
      let heard = Heard()
      async let running = fixture.run(plan, options, onEvent: heard.hear)
      await heard.attempt()
      // Nothing of the migration is held while it rests.
      #expect(
        try await fixture.database.rows(
          "SELECT to_regclass('b') IS NULL, count(*) FROM \(fixture.tableSQL)") == ["t|0"])
      try await gate.execute("COMMIT")
      return try await running
    }
    #expect(ran.summary == "finished +1 -0", "\(String(describing: ran.diagnostic))")
    #expect(ran.lines.contains("lock attempt 001 1/100 lock_timeout rests"))
    #expect(try await fixture.tables() == ["public.a", "public.b"])
    #expect(try await fixture.statusLines() == ["001 applied"])
    #expect(try await fixture.historyRows().count == 1)
  }

  @Test func `too many sessions behind it make it step aside while the holder stays`() async throws
  {
    let fixture = try await fixture()
    let plan = try await fixture.plan(.upAll)
    let budget = LockBudget(timeout: nil, attempts: 2, victims: 0, oldestVictim: .seconds(60))
    let options = options(budget)
    let ran = try await Gate.closed(in: fixture.database) { gate in
      try await gate.execute(Self.reads)
      async let running = fixture.run(plan, options)
      _ = try await gate.session(Self.ours)
      // Stands behind us, and gets its turn although the holder has not moved.
      #expect(try await fixture.database.rows("SELECT count(*) FROM a") == ["0"])
      try await gate.execute("COMMIT")
      return try await running
    }
    #expect(ran.summary == "finished +1 -0", "\(String(describing: ran.diagnostic))")
    #expect(ran.lines.contains("lock attempt 001 1/2 victims rests"))
    #expect(ran.lines.contains("queue 001 waits +1"))
  }

  @Test func `a session that has waited too long behind it makes it step aside`() async throws {
    let fixture = try await fixture()
    let plan = try await fixture.plan(.upAll)
    let budget = LockBudget(
      timeout: .seconds(60), attempts: 1, victims: 5, oldestVictim: .milliseconds(10))
    let options = options(budget)
    let ran = try await Gate.closed(in: fixture.database) { gate in
      try await gate.execute(Self.reads)
      async let running = fixture.run(plan, options)
      _ = try await gate.session(Self.ours)
      #expect(try await fixture.database.rows("SELECT count(*) FROM a") == ["0"])
      return try await running
    }
    #expect(ran.summary == "failed lock_timeout +0 -0")
    #expect(ran.lines.contains("lock attempt 001 1/1 oldest_victim"))
    #expect(
      ran.diagnostic?.what
        == "migration 001_alter failed: a session had waited longer than 10 ms behind it")
    #expect(ran.diagnostic?.sqlstate == nil)
    #expect(try await fixture.tables() == ["public.a"])
  }

  @Test func `it steps aside when it is told to and comes back`() async throws {
    let fixture = try await fixture()
    let plan = try await fixture.plan(.upAll)
    let control = RunControl()
    let options = options(.off, control: control)
    let ran = try await Gate.closed(in: fixture.database) { gate in
      try await gate.execute(Self.reads)
      let heard = Heard()
      async let running = fixture.run(plan, options, onEvent: heard.hear)
      _ = try await gate.session(Self.ours)
      #expect(control.stepAside())
      await heard.attempt()
      // Resting: there is nothing to give back.
      #expect(!control.stepAside())
      try await gate.execute("COMMIT")
      return try await running
    }
    #expect(ran.summary == "finished +1 -0", "\(String(describing: ran.diagnostic))")
    #expect(ran.lines.contains("lock attempt 001 1/2 by_hand rests"))
    #expect(try await fixture.statusLines() == ["001 applied"])
  }

  @Test func `the last attempt names who stands in the way`() async throws {
    let fixture = try await fixture()
    let plan = try await fixture.plan(.upAll)
    // Long enough for a look at the queue on a busy machine.
    let options = options(
      LockBudget(timeout: .seconds(4), attempts: 2, victims: nil, oldestVictim: nil))
    let (ran, pid) = try await Gate.closed(in: fixture.database) { gate in
      try await gate.execute(Self.reads)
      let pid = try await gate.session("SELECT pg_backend_pid()")
      return (try await fixture.run(plan, options), pid)
    }
    #expect(ran.summary == "failed lock_timeout +0 -0")
    let lines = ran.lines.filter { $0.hasPrefix("lock") }
    #expect(
      lines == ["lock attempt 001 1/2 lock_timeout rests", "lock attempt 001 2/2 lock_timeout"])
    let diagnostic = try #require(ran.diagnostic)
    #expect(
      diagnostic.what == """
        migration 001_alter gave up after 2 attempts: canceling statement due to lock timeout
        """)
    #expect(diagnostic.sqlstate == "55P03")
    #expect(diagnostic.at == "\(fixture.path(Self.alter)):2:1")
    #expect(diagnostic.details.map(\.label) == ["held by"])
    #expect(
      diagnostic.details.first?.text.hasPrefix(
        "pid \(pid), lockstep, gate, idle in transaction since 20") == true)
    #expect(
      diagnostic.next == """
        wait until that is over, or end it, and run it again; nothing of 001 was applied
        """)
    #expect(try await fixture.statusLines() == ["001 pending"])
  }

  @Test func `a run without a budget tells for whom it waits, and goes on waiting`() async throws {
    let fixture = try await fixture()
    let plan = try await fixture.plan(.upAll)
    var options = options(.off)
    options.tellsLongWaits = true
    let ran = try await Gate.closed(in: fixture.database) { [options] gate in
      try await gate.execute(Self.reads)
      let heard = Heard()
      async let running = fixture.run(plan, options, onEvent: heard.hear)
      await heard.first { event in
        guard case .queue(let version, let queue) = event else { return false }
        #expect(version == Version("001"))
        #expect(queue.blockers.map(\.application) == ["gate"])
        return queue.waitedMilliseconds != nil
      }
      try await gate.execute("COMMIT")
      return try await running
    }
    #expect(ran.summary == "finished +1 -0", "\(String(describing: ran.diagnostic))")
    #expect(!ran.lines.contains { $0.hasPrefix("lock attempt") })
  }

  @Test func `an index that is built concurrently waits as long as it takes`() async throws {
    let fixture = try await fixture(
      SampleMigration(
        "001", "index",
        up: "CREATE INDEX CONCURRENTLY a_id ON a (id);"))
    let plan = try await fixture.plan(.upAll)
    let options = options(.filled(timeout: .milliseconds(60)))
    let ran = try await Gate.closed(in: fixture.database) { gate in
      try await gate.execute("BEGIN; INSERT INTO a VALUES (1)")
      let heard = Heard()
      async let running = fixture.run(plan, options, onEvent: heard.hear)
      await heard.first { event in
        guard case .queue(_, let queue) = event else { return false }
        #expect(queue.blockers.map(\.application) == ["gate"])
        return (queue.waitedMilliseconds ?? 0) > 200
      }
      try await gate.execute("COMMIT")
      return try await running
    }
    #expect(ran.summary == "finished +1 -0", "\(String(describing: ran.diagnostic))")
    #expect(!ran.lines.contains { $0.hasPrefix("lock attempt") })
    #expect(
      try await fixture.database.rows(
        "SELECT indisvalid FROM pg_index WHERE indrelid = 'a'::regclass")
        == ["t"])
  }

  @Test func `between statements of their own each is tried again alone`() async throws {
    let fixture = try await fixture(
      SampleMigration(
        "001", "mixed",
        up: """
          SET search_path TO other, public;
          CREATE TABLE first ();
          ALTER TABLE a ADD x int;
          CREATE INDEX CONCURRENTLY a_x ON a (x);
          """))
    try await fixture.database.execute("CREATE SCHEMA other")
    let plan = try await fixture.plan(.upAll)
    let options = options(.filled(timeout: .milliseconds(50), attempts: 100))
    let ran = try await Gate.closed(in: fixture.database) { gate in
      try await gate.execute(Self.reads)
      let heard = Heard()
      async let running = fixture.run(plan, options, onEvent: heard.hear)
      await heard.attempt()
      try await gate.execute("COMMIT")
      return try await running
    }
    #expect(ran.summary == "finished +1 -0", "\(String(describing: ran.diagnostic))")
    let statements = ran.lines.filter { $0.hasPrefix("statement") }
    #expect(statements.count == 4)
    // Its settings were kept for the next attempt.
    #expect(try await fixture.tables() == ["other.first", "public.a"])
  }

  @Test func `a message of several statements outside a transaction is not tried again`()
    async throws
  {
    let fixture = try await ProjectFixture(
      "sqlx",
      [
        SampleMigration(
          "001", "outside",
          // What a DO block does cannot be told: it may commit.
          up: "DO $$ BEGIN EXECUTE 'CREATE TABLE b ()'; END $$;\nALTER TABLE a ADD x int;",
          isOutsideTransaction: true)
      ])
    try await fixture.database.execute("CREATE TABLE a (id int)")
    let plan = try await fixture.plan(.upAll)
    let options = options(.filled(timeout: .milliseconds(50)))
    let ran = try await Gate.closed(in: fixture.database) { gate in
      try await gate.execute(Self.reads)
      return try await fixture.run(plan, options)
    }
    #expect(ran.summary == "failed lock_timeout +0 -0")
    #expect(!ran.lines.contains { $0.hasPrefix("lock attempt") })
    #expect(ran.lines.contains("failed 001 outside up lock_timeout partly"))
  }

  @Test func `a run that is cancelled while it rests ends at once`() async throws {
    let fixture = try await fixture()
    let plan = try await fixture.plan(.upAll)
    // Twice this time-out would be a rest of half a minute.
    let budget = LockBudget(timeout: .seconds(15), attempts: 3, victims: 0, oldestVictim: nil)
    let options = options(budget)
    let ran = try await Gate.closed(in: fixture.database) { gate in
      try await gate.execute(Self.reads)
      let heard = Heard()
      return try await fixture.run(
        plan, options, onEvent: heard.hear,
        cancelledAt: {
          _ = try await gate.session(Self.ours)
          _ = try await fixture.database.rows("SELECT count(*) FROM a")
          await heard.attempt()
        })
    }
    #expect(ran.summary == "interrupted interrupted +0 -0")
    #expect(
      ran.diagnostic?.description == """
        error: migration 001_alter was interrupted while it rested between two attempts
          at:   \(fixture.path(Self.alter)):2:1
          next: run it again when it suits; nothing of 001 was applied
        """)
    #expect(try await fixture.tables() == ["public.a"])
    #expect(try await fixture.run(.upAll, .init(patience: .zero)).summary == "finished +1 -0")
  }

  @Test func `a run that nobody looks at opens one session`() async throws {
    let fixture = try await fixture(SampleMigration("001", "stop", up: Gate.stop))
    let plan = try await fixture.plan(.upAll)
    let sessions = try await Gate.closed(in: fixture.database) { gate in
      async let running = fixture.run(plan)
      _ = try await gate.comer()
      let sessions = try await fixture.database.rows(
        """
        SELECT application_name FROM pg_stat_activity WHERE datname = current_database()
          AND application_name LIKE 'lockstep%' AND pid <> pg_backend_pid()
          AND application_name <> 'lockstep tests'
        """)
      try await gate.open()
      _ = try await running
      return sessions
    }
    #expect(sessions == ["lockstep apply 001"])
  }
}
