import EventLoop
import MigrationEngine
import MigrationModel
import PostgresModel
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Runs outside a transaction that break off at every moment, and how they are taken up.
@Suite(.fewAtOnce, .mayBlock) struct ResumeTests {
  /// With a journal row alone, and with a mark of the tool beside it.
  static let layouts = ["dbmate", "raw", "sqlx", "golang-migrate"]

  static let base = SampleMigration(
    "001", "base",
    up: """
      CREATE TABLE a (id int, n int);
      INSERT INTO a SELECT g, 0 FROM generate_series(1, 50) g;
      CREATE INDEX old ON a (n);
      CREATE TYPE mood AS ENUM ('sad');
      CREATE TABLE ran (statement int);
      """)

  /// Nine statements; each that can says that it ran, once for each time.
  static let outside = SampleMigration(
    "002", "outside",
    up: """
      SET search_path = public, pg_catalog;
      INSERT INTO ran VALUES (2);
      CREATE INDEX CONCURRENTLY i ON a (id);
      INSERT INTO ran VALUES (4);
      DROP INDEX CONCURRENTLY old;
      ALTER TYPE mood ADD VALUE 'happy';
      VACUUM a;
      BEGIN; INSERT INTO ran VALUES (9); INSERT INTO ran VALUES (10); COMMIT;
      INSERT INTO ran VALUES (12);
      """, down: "SELECT 1;")
  /// The numbers of the statements that say that they ran.
  static let telling = [2, 4, 9, 10, 12]

  /// Stops the run for good at the given write to its journal, before it is committed.
  private func stop(_ fixture: ProjectFixture, atWrite number: Int) async throws {
    try await fixture.database.execute(
      """
      CREATE SCHEMA probe;
      CREATE SEQUENCE probe.writes;
      CREATE FUNCTION probe.stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF nextval('probe.writes') = \(number) THEN PERFORM pg_advisory_lock(4711); END IF;
        RETURN NEW;
      END $$;
      CREATE SCHEMA lockstep;
      CREATE TABLE lockstep.journal (
        layout text NOT NULL, history_table text NOT NULL, version text NOT NULL,
        direction text NOT NULL, statements_done integer NOT NULL,
        statements_total integer NOT NULL,
        started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        run_by text NOT NULL DEFAULT session_user || ' ' || current_setting('application_name'),
        script_hash text, statement_begun integer, statement_hash text,
        statement_started_at timestamptz,
        PRIMARY KEY (layout, history_table, version));
      CREATE TRIGGER stop BEFORE UPDATE ON lockstep.journal FOR EACH ROW EXECUTE FUNCTION probe.stop();
      """)
  }

  /// Starts the program, waits for `moment`, which gives the backend at work, and kills both.
  ///
  /// - Returns: Whether the moment came before the end.
  private func runAndKill(
    _ fixture: ProjectFixture, _ words: [String] = ["up"],
    at moment: (pid_t) async throws -> Int32?
  ) async throws -> Bool {
    let null = open("/dev/null", O_RDWR | O_CLOEXEC)
    defer { close(null) }
    let child = try fixture.program(words).spawn(input: null, output: null, errorOutput: null)
    let backend = try await moment(child)
    kill(child, SIGKILL)
    _ = ChildProcess.waitForExit(child)
    if let backend { try await fixture.database.execute("SELECT pg_terminate_backend(\(backend))") }
    try await waitForOthers(fixture)
    return backend != nil
  }

  /// Waits until nobody but the gate is connected.
  private func waitForOthers(_ fixture: ProjectFixture) async throws {
    for _ in 0..<3000 {
      let others = try await fixture.database.rows(
        """
        SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
          AND pid <> pg_backend_pid() AND application_name NOT IN ('gate', 'lockstep tests')
        """)
      if others == ["0"] { return }
      usleep(10_000)
    }
    Issue.record("sessions of the killed program are still there")
  }

  /// The backend that stands at the gate, or `nil` once the program has ended.
  private func comer(_ fixture: ProjectFixture, _ child: pid_t) async throws -> Int32? {
    while true {
      let found = try await fixture.database.rows(
        """
        SELECT l.pid FROM pg_locks l JOIN pg_database d ON d.oid = l.database
        WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.objid = 4711
          AND NOT l.granted
        """)
      if let pid = found.first { return Int32(pid) }
      var status = siginfo_t()
      let seen = waitid(P_PID, id_t(child), &status, WEXITED | WNOHANG | WNOWAIT)
      if seen == 0, status.si_signo == SIGCHLD { return nil }
      usleep(3000)
    }
  }

  /// Waits until a query finds a session; not asked at the gate, whose transaction sees the past.
  static func session(_ fixture: ProjectFixture, _ query: String) async throws -> Int32? {
    for _ in 0..<6000 {
      if let pid = try await fixture.database.rows(query).first { return Int32(pid) }
      usleep(5000)
    }
    return nil
  }

  /// What the journal says is done, against what the statements said themselves.
  private func checkTruth(_ fixture: ProjectFixture, _ moment: Int) async throws {
    let ran = try await fixture.database.rows("SELECT statement FROM ran ORDER BY 1")
    let status = try await fixture.status()
    let second = try #require(status.migrations.last)
    switch second.state {
    case .applied: #expect(ran == Self.telling.map(String.init), "moment \(moment)")
    case .pending: #expect(ran == [], "moment \(moment)")
    case .failed:
      let run = try #require(second.unfinished)
      let done = Self.telling.filter { $0 <= run.statementsDone }.map(String.init)
      #expect(ran == done, "moment \(moment): \(run)")
      if let begun = run.detail?.begun { #expect(begun.number == run.statementsDone + 1) }
    }
    // No invalid index is left unmentioned.
    let invalid = try await fixture.database.rows(
      "SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid")
    #expect(status.invalidIndexes.map(\.name.name) == invalid)
    #expect(status.notes.count { $0.code == "invalid_index" } == invalid.count)
  }

  private func resume(_ fixture: ProjectFixture) async throws {
    let isBroken = try await fixture.status().failedCount > 0
    let up = try fixture.program(isBroken ? ["up", "--resume"] : ["up"]).runBlocking()
    #expect(up.status == 0, "\(up.errorText)")
    #expect(try await fixture.statusLines() == ["001 applied", "002 applied"])
    #expect(
      try await fixture.database.rows("SELECT statement FROM ran ORDER BY 1")
        == Self.telling.map(String.init))
    #expect(
      try await fixture.database.rows("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == ["0"]
    )
    #expect(
      try await fixture.database.rows("SELECT to_regnamespace('lockstep') IS NULL") == ["t"])
  }

  private func undisturbed(_ layout: String) async throws -> String {
    let fixture = try await ProjectFixture(layout, [Self.base, Self.outside])
    let ran = try await fixture.run(.upAll)
    #expect(ran.summary == "finished +2 -0", "\(String(describing: ran.diagnostic))")
    return try fixture.dumpedSchema()
  }

  @Test(arguments: layouts)
  func `killed at any write of its count, a run is shown as it is and taken up`(
    _ layout: String
  ) async throws {
    let whole = try await undisturbed(layout)
    var moment = 1
    var wasStopped = true
    while wasStopped {
      let fixture = try await ProjectFixture(layout, [Self.base, Self.outside])
      _ = try await fixture.run(.up(to: "001"))
      try await stop(fixture, atWrite: moment)
      let number = moment
      wasStopped = try await Gate.closed(in: fixture.database) { _ in
        try await runAndKill(fixture) { try await comer(fixture, $0) }
      }
      try await checkTruth(fixture, number)
      // What stopped the run does not stop the one that takes it up.
      try await fixture.database.execute("DROP SCHEMA probe CASCADE")
      if wasStopped { try await resume(fixture) }
      #expect(try fixture.dumpedSchema() == whole, "moment \(moment)")
      moment += 1
    }
    // Each statement in a transaction writes once, the others before and after.
    #expect(moment - 1 == 14)
  }

  @Test(arguments: layouts)
  func `killed inside CREATE INDEX CONCURRENTLY, the invalid index is dropped and built again`(
    _ layout: String
  ) async throws {
    let whole = try await undisturbed(layout)
    let fixture = try await ProjectFixture(layout, [Self.base, Self.outside])
    _ = try await fixture.run(.up(to: "001"))
    let stopped = try await Gate.closed(in: fixture.database) { gate in
      // Whoever builds an index concurrently waits for older snapshots.
      try await gate.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM a LIMIT 1")
      return try await runAndKill(fixture) { _ in
        try await Self.session(
          fixture,
          """
          SELECT p.pid FROM pg_stat_progress_create_index p JOIN pg_index i ON i.indexrelid = p.index_relid
          WHERE datname = current_database() AND p.phase LIKE 'waiting for%'
          """)
      }
    }
    #expect(stopped)
    try await checkTruth(fixture, 3)
    let status = try await fixture.status()
    #expect(status.invalidIndexes.map(\.name) == [QualifiedName(schema: "public", "i")])
    #expect(
      status.notes.first { $0.code == "invalid_index" }?.description
        .hasPrefix(
          "warning: the index public.i on public.a is invalid, left by 002_outside: no query uses it, and"
            + " every write keeps it up\n") == true)
    let plan = try await fixture.plan(.resume(Version("002")))
    #expect(
      plan.steps.first?.resumption?.cleanUp == [
        "DROP INDEX CONCURRENTLY IF EXISTS \"public\".\"i\""
      ])
    #expect(
      plan.warnings.filter { $0.code == "resume" }.map(\.what) == [
        "statements 1 to 2 of 12 stand and are not run again",
        "statement 3 was begun and is run again: the index public.i is invalid: it is dropped and built"
          + " again",
        "set again first: SET search_path = public, pg_catalog",
        "statements 3 to 12 are run",
      ])
    try await resume(fixture)
    #expect(try fixture.dumpedSchema() == whole)
  }

  @Test(arguments: layouts)
  func `killed inside DROP INDEX CONCURRENTLY, the index is dropped again`(
    _ layout: String
  ) async throws {
    let whole = try await undisturbed(layout)
    let fixture = try await ProjectFixture(layout, [Self.base, Self.outside])
    _ = try await fixture.run(.up(to: "001"))
    let stopped = try await Gate.closed(in: fixture.database) { gate in
      // Whoever drops an index concurrently waits for everybody who has the table; whoever builds one
      // waits for writers and older snapshots alone.
      try await gate.execute("BEGIN; LOCK TABLE a IN ACCESS SHARE MODE")
      return try await runAndKill(fixture) { _ in
        try await Self.session(
          fixture,
          """
          SELECT pid FROM pg_stat_activity WHERE datname = current_database()
            AND query LIKE 'DROP INDEX%' AND wait_event_type = 'Lock'
          """)
      }
    }
    #expect(stopped)
    try await checkTruth(fixture, 5)
    try await resume(fixture)
    #expect(try fixture.dumpedSchema() == whole)
  }

  @Test(arguments: layouts)
  func `a script that changed since is not taken up`(_ layout: String) async throws {
    var broken = Self.outside
    broken.up = "VACUUM a;\nSELECT 1/0;"
    let fixture = try await ProjectFixture(layout, [Self.base, broken])
    _ = try await fixture.run(.upAll)
    #expect(try await fixture.plan(.resume(Version("002"))).refusals.isEmpty)
    broken.up = "VACUUM a;\nSELECT 1/1;"
    fixture.write(broken)
    let plan = try await fixture.plan(.resume(Version("002")))
    #expect(
      plan.refusals.map(\.description) == [
        """
        error: 002_outside has changed since it was begun: the statements are not those that ran
          at:   \(fixture.path(broken))
          next: see what stands, then `lockstep mark 002 applied` (all of it is there) or `lockstep mark 002 pending` (none of it is); nothing was run
        """
      ])
  }

  @Test(arguments: layouts)
  func `one that failed for a reason outside of it goes on behind what stands`(
    _ layout: String
  ) async throws {
    let fixture = try await ProjectFixture(
      layout,
      [
        Self.base,
        SampleMigration(
          "002", "late",
          up: """
            INSERT INTO ran VALUES (1);
            VACUUM a;
            INSERT INTO later VALUES (3);
            INSERT INTO ran VALUES (4);
            """),
      ])
    #expect(try await fixture.run(.upAll).summary == "failed sql_error +1 -0")
    try await fixture.database.execute("CREATE TABLE public.later (n int)")
    let ran = try await fixture.run(.resume(Version("002")))
    #expect(ran.summary == "finished +1 -0", "\(String(describing: ran.diagnostic))")
    #expect(try await fixture.database.rows("SELECT statement FROM ran ORDER BY 1") == ["1", "4"])
    #expect(try await fixture.database.rows("SELECT n FROM later") == ["3"])
    #expect(try await fixture.statusLines() == ["001 applied", "002 applied"])
  }

  /// The first two are applied, but the second broke off; two more are pending.
  private func brokenInTheMiddle(_ layout: String) async throws -> ProjectFixture {
    let fixture = try await ProjectFixture(
      layout,
      [
        Self.base,
        SampleMigration(
          "002", "middle", up: "VACUUM a;\nINSERT INTO later VALUES (1);",
          isOutsideTransaction: true),
        .table("003", "b"), .table("004", "c"),
      ])
    #expect(try await fixture.run(.upAll).summary == "failed sql_error +1 -0")
    try await fixture.database.execute("CREATE TABLE public.later (n int)")
    return fixture
  }

  @Test(arguments: layouts)
  func `what is pending is applied after the one that broke off`(_ layout: String) async throws {
    let fixture = try await brokenInTheMiddle(layout)
    let up = try fixture.program(["up", "--resume"]).runBlocking()
    #expect(up.status == 0, "\(up.errorText)")
    #expect(
      up.errorText.contains("going on with 002_middle, then applying 003_create_b, 004_create_c"))
    #expect(
      try await fixture.statusLines() == [
        "001 applied", "002 applied", "003 applied", "004 applied",
      ])
    #expect(try await fixture.database.rows("SELECT n FROM later") == ["1"])
  }

  @Test(arguments: [(["--count", "1"], 0), (["--count", "2"], 1), (["--to", "003"], 1)])
  func `what is applied after the one that broke off can be limited`(
    _ words: [String], _ further: Int
  ) async throws {
    let fixture = try await brokenInTheMiddle("sqlx")
    let dry = try fixture.program(["up", "--resume", "--dry-run"] + words).runBlocking()
    #expect(dry.status == 0, "\(dry.errorText)")
    let text = String(decoding: dry.output, as: UTF8.self)
    #expect(text.contains("CREATE TABLE b") == (further > 0))
    #expect(!text.contains("CREATE TABLE c"))
    let up = try fixture.program(["up", "--resume"] + words).runBlocking()
    #expect(up.status == 0, "\(up.errorText)")
    #expect(
      try await fixture.statusLines() == [
        "001 applied", "002 applied", further > 0 ? "003 applied" : "003 pending", "004 pending",
      ])
  }

  @Test func `a target before the one that broke off is refused`() async throws {
    let fixture = try await brokenInTheMiddle("sqlx")
    let up = try fixture.program(["up", "--resume", "--to", "001"]).runBlocking()
    #expect(up.status == 4)
    #expect(up.errorText.contains("002_middle broke off and comes after 001_"))
    #expect(up.errorText.contains("go on up to 002 or a later one; nothing was run"))
  }

  @Test(arguments: layouts)
  func `a way back that broke off is taken up`(_ layout: String) async throws {
    let both = SampleMigration(
      "002", "index", up: "CREATE INDEX i ON a (id);",
      down: "DROP INDEX CONCURRENTLY i;\nINSERT INTO later VALUES (1);")
    let fixture = try await ProjectFixture(layout, [Self.base, both])
    #expect(try await fixture.run(.upAll).summary == "finished +2 -0")
    #expect(try await fixture.run(.down(count: 1)).summary == "failed sql_error +0 -0")
    #expect(try await fixture.statusLines() == ["001 applied", "002 failed dirty"])
    try await fixture.database.execute("CREATE TABLE public.later (n int)")
    let down = try fixture.program(["down", "--resume"]).runBlocking()
    #expect(down.status == 0, "\(down.errorText)")
    #expect(try await fixture.database.rows("SELECT n FROM later") == ["1"])
    #expect(try await fixture.statusLines() == ["001 applied", "002 pending"])
    #expect(
      try await fixture.database.rows("SELECT to_regnamespace('lockstep') IS NULL") == ["t"])
  }

  @Test func `what cannot be told is asked of a person`() async throws {
    let fixture = try await ProjectFixture(
      "raw",
      [
        Self.base,
        SampleMigration("002", "batches", up: "VACUUM a;\nCALL p();"),
      ])
    try await fixture.database.execute(
      "CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN COMMIT; PERFORM 1/0; END $$")
    #expect(try await fixture.run(.upAll).summary == "failed sql_error +1 -0")
    let plan = try await fixture.plan(.resume(Version("002")))
    #expect(
      plan.refusals.map(\.what) == [
        "002_batches cannot be taken up: statement 2 was begun (CALL), and no look at the catalogue tells"
          + " whether it took effect"
      ])
    #expect(
      plan.refusals.first?.next?.hasPrefix("see what stands, then `lockstep mark 002 applied`")
        == true)
  }

  @Test func `a temporary table of the lost session is not taken for granted`() async throws {
    let fixture = try await ProjectFixture(
      "raw",
      [
        Self.base,
        SampleMigration(
          "002", "temporary", up: "VACUUM a;\nCREATE TEMP TABLE x (n int);\nSELECT 1/0;"),
      ])
    _ = try await fixture.run(.upAll)
    let plan = try await fixture.plan(.resume(Version("002")))
    #expect(
      plan.refusals.map(\.what) == [
        "002_temporary cannot be taken up: what line 2 made (CREATE TABLE) was gone with its session"
      ])
  }

  @Test func `a script's own role and read-only setting do not stop the count`() async throws {
    let fixture = try await ProjectFixture(
      "raw",
      [
        Self.base,
        SampleMigration(
          "002", "role",
          up: """
            VACUUM a;
            SET ROLE pg_monitor;
            SELECT count(*) FROM pg_stat_activity;
            SET default_transaction_read_only = on;
            SELECT 2;
            RESET default_transaction_read_only;
            SELECT current_user = 'pg_monitor';
            RESET ROLE;
            CREATE TABLE made AS SELECT current_user AS u;
            """),
      ])
    let ran = try await fixture.run(.upAll)
    #expect(ran.summary == "finished +2 -0", "\(String(describing: ran.diagnostic))")
    #expect(try await fixture.database.rows("SELECT u FROM made") == ["lockstep"])
  }

  @Test func `a row of an older Lockstep is read, and not taken up`() async throws {
    let fixture = try await ProjectFixture("raw", [Self.base, Self.outside])
    _ = try await fixture.run(.up(to: "001"))
    try await fixture.database.execute(
      """
      CREATE SCHEMA lockstep;
      CREATE TABLE lockstep.journal (
        layout text NOT NULL, history_table text NOT NULL, version text NOT NULL,
        direction text NOT NULL, statements_done integer NOT NULL,
        statements_total integer NOT NULL,
        started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        run_by text NOT NULL DEFAULT session_user || ' ' || current_setting('application_name'),
        PRIMARY KEY (layout, history_table, version));
      INSERT INTO lockstep.journal VALUES ('raw', 'public.schema_migrations', '002', 'up', 1, 12);
      """)
    #expect(try await fixture.statusLines() == ["001 applied", "002 failed dirty"])
    let plan = try await fixture.plan(.resume(Version("002")))
    #expect(plan.refusals.map(\.code) == ["not_resumable"])
    #expect(
      try await fixture.run(.mark(.versions([Version("002")]), as: .pending)).summary
        == "finished +0 -1")
  }

  @Test func `an older journal table gets its columns with the next row`() async throws {
    let fixture = try await ProjectFixture("raw", [Self.base, Self.outside])
    _ = try await fixture.run(.up(to: "001"))
    try await fixture.database.execute(
      """
      CREATE SCHEMA lockstep;
      CREATE TABLE lockstep.journal (
        layout text NOT NULL, history_table text NOT NULL, version text NOT NULL,
        direction text NOT NULL, statements_done integer NOT NULL,
        statements_total integer NOT NULL,
        started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        run_by text NOT NULL DEFAULT session_user || ' ' || current_setting('application_name'),
        PRIMARY KEY (layout, history_table, version));
      INSERT INTO lockstep.journal VALUES ('dbmate', 'public.other', '9', 'up', 1, 2);
      """)
    #expect(try await fixture.run(.upAll).summary == "finished +1 -0")
    #expect(
      try await fixture.database.rows("SELECT version, script_hash IS NULL FROM lockstep.journal")
        == ["9|t"])
  }
}
