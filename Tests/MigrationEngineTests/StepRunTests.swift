import Diagnostics
import MigrationEngine
import MigrationModel
import PostgresModel
import TestSupport
import Testing

/// What one migration does to the database when it succeeds, and what is told when it fails.
@Suite(.fewAtOnce) struct StepRunTests {
  static let layouts = Layouts.all.map(\.name)

  // MARK: Where it failed

  @Test(arguments: layouts)
  func `an error in the SQL names the line and column of the file`(_ layout: String) async throws {
    let bad = SampleMigration(
      "001", "bad",
      up: """
        CREATE TABLE a (id int);
        -- Zürich, 東京, 😀
        INSERT INTO a VALUES (1);  SELECT '😀é', nothere
          FROM a;
        """)
    let fixture = try await ProjectFixture(layout, [bad])
    let ran = try await fixture.run(.upAll)
    let line = layout == "dbmate" ? 4 : 3
    let diagnostic = try #require(ran.diagnostic)
    #expect(
      diagnostic.description == """
        error: migration 001_bad failed: column "nothere" does not exist (SQLSTATE 42703)
          at:   \(fixture.path(bad)):\(line):41
          next: mend the script and run `lockstep up` again; nothing of 001 was applied
        """)
    #expect(
      ran.lines == ["started 001 bad up", "failed 001 bad up sql_error nothing", "end +0 -0 !1"])
    #expect(try await fixture.tables() == [])
    #expect(try await fixture.historyRows() == [])
    #expect(try await fixture.statusLines() == ["001 pending"])
  }

  @Test(arguments: layouts)
  func `a syntax error names its place although nothing was run`(_ layout: String) async throws {
    let bad = SampleMigration("001", "bad", up: "CREATE TABLE a (id int);\n\nCREATE TALBE b ();")
    let fixture = try await ProjectFixture(layout, [bad])
    let diagnostic = try #require(try await fixture.run(.upAll).diagnostic)
    #expect(diagnostic.what == #"migration 001_bad failed: syntax error at or near "TALBE""#)
    #expect(diagnostic.at == "\(fixture.path(bad)):\(layout == "dbmate" ? 4 : 3):8")
    #expect(try await fixture.tables() == [])
  }

  @Test(arguments: layouts)
  func `line breaks of Windows do not shift the place`(_ layout: String) async throws {
    let bad = SampleMigration("001", "bad", up: "SELECT 1;\r\nSELECT 2;\r\nSELECT é.x;\r\n")
    let fixture = try await ProjectFixture(layout, [bad])
    let diagnostic = try #require(try await fixture.run(.upAll).diagnostic)
    #expect(diagnostic.at == "\(fixture.path(bad)):\(layout == "dbmate" ? 4 : 3):8")
  }

  @Test(arguments: layouts)
  func `an error without a position names the line of its statement`(_ layout: String) async throws
  {
    let bad = SampleMigration(
      "001", "bad",
      up: """
        CREATE TABLE a (id int PRIMARY KEY);
        INSERT INTO a VALUES (1);

        -- and again
        INSERT INTO a
          VALUES (1);
        SELECT 1;
        """)
    let fixture = try await ProjectFixture(layout, [bad])
    let diagnostic = try #require(try await fixture.run(.upAll).diagnostic)
    #expect(
      diagnostic.description == """
        error: migration 001_bad failed: duplicate key value violates unique constraint "a_pkey" (SQLSTATE 23505)
          detail: Key (id)=(1) already exists.
          at:   \(fixture.path(bad)):\(layout == "dbmate" ? 6 : 5):1
          next: mend the script and run `lockstep up` again; nothing of 001 was applied
        """)
  }

  @Test(arguments: layouts)
  func `a constraint that is checked at COMMIT undoes the migration`(_ layout: String) async throws
  {
    let bad = SampleMigration(
      "001", "bad",
      up: """
        CREATE TABLE a (id int UNIQUE DEFERRABLE INITIALLY DEFERRED);
        INSERT INTO a VALUES (1), (1);
        """)
    let fixture = try await ProjectFixture(layout, [bad])
    let ran = try await fixture.run(.upAll)
    #expect(ran.summary == "failed sql_error +0 -0")
    #expect(ran.diagnostic?.at == fixture.path(bad))
    #expect(try await fixture.tables() == [])
    #expect(try await fixture.historyRows() == [])
  }

  @Test(arguments: layouts)
  func `a way back that fails names its place and changes nothing`(_ layout: String) async throws {
    let bad = SampleMigration(
      "001", "bad", up: "CREATE TABLE a (id int);", down: "DROP TABLE a;\nDROP TABLE nothere;")
    let fixture = try await ProjectFixture(layout, [bad])
    #expect(try await fixture.run(.upAll).summary == "finished +1 -0")
    let ran = try await fixture.run(.down(count: 1))
    let file = fixture.layout.name
    let at =
      switch file {
      case "dbmate": "\(fixture.path(bad)):6:1"
      // Behind the banner of three lines that follows the up script and an empty line; no column,
      // since the marks of the comment stand before the text.
      case "raw": "\(fixture.path(bad)):7"
      default: "\(fixture.folder.path)/migrations/001_bad.down.sql:2:1"
      }
    #expect(
      ran.diagnostic?.description == """
        error: roll back of migration 001_bad failed: table "nothere" does not exist (SQLSTATE 42P01)
          at:   \(at)
          next: mend the script and run `lockstep down` again; nothing of 001 was rolled back
        """)
    #expect(try await fixture.tables() == ["public.a"])
    #expect(try await fixture.statusLines() == ["001 applied"])
  }

  @Test(arguments: layouts)
  func `those before the one that failed stand, those behind it are not begun`(
    _ layout: String
  ) async throws {
    let fixture = try await ProjectFixture(
      layout,
      [.table("001", "a"), SampleMigration("002", "bad", up: "SELECT 1/0;"), .table("003", "c")])
    let ran = try await fixture.run(.upAll)
    #expect(ran.summary == "failed sql_error +1 -0")
    let name = layout == "sqlx" ? "create a" : "create_a"
    #expect(
      ran.lines == [
        "started 001 \(name) up", "finished 001 \(name) up", "started 002 bad up",
        "failed 002 bad up sql_error nothing", "end +1 -0 !1",
      ])
    #expect(try await fixture.tables() == ["public.a"])
    #expect(try await fixture.statusLines() == ["001 applied", "002 pending", "003 pending"])
    fixture.write(SampleMigration("002", "bad", up: "SELECT 1;"))
    #expect(try await fixture.run(.upAll).summary == "finished +2 -0")
    #expect(try await fixture.statusLines() == ["001 applied", "002 applied", "003 applied"])
  }

  // MARK: Transactions of the file's own

  @Test(arguments: layouts)
  func `a file that is one transaction of its own is recorded within it`(
    _ layout: String
  ) async throws {
    let own = SampleMigration(
      "001", "own",
      up: "-- first\nBEGIN;\nCREATE TABLE a (id int);\nINSERT INTO a VALUES (1);\nCOMMIT;",
      down: "BEGIN;\nDROP TABLE a;\nCOMMIT;")
    let fixture = try await ProjectFixture(layout, [own])
    #expect(try await fixture.run(.upAll).summary == "finished +1 -0")
    // One transaction wrote both.
    let writers = try await fixture.database.rows(
      "SELECT DISTINCT xmin FROM (SELECT xmin::text FROM a UNION ALL SELECT xmin::text FROM"
        + " \(fixture.tableSQL)) x")
    #expect(writers.count == 1)
    #expect(try await fixture.run(.down(count: 1)).summary == "finished +0 -1")
    #expect(try await fixture.tables() == [])
    #expect(try await fixture.statusLines() == ["001 pending"])
  }

  @Test(arguments: layouts)
  func `an error in a transaction of the file's own undoes it and names its place`(
    _ layout: String
  ) async throws {
    let own = SampleMigration(
      "001", "own", up: "BEGIN;\nCREATE TABLE a (id int);\nSELECT 1/0;\nCOMMIT;")
    let fixture = try await ProjectFixture(layout, [own])
    let ran = try await fixture.run(.upAll)
    #expect(ran.diagnostic?.what == "migration 001_own failed: division by zero")
    #expect(ran.diagnostic?.at == "\(fixture.path(own)):\(layout == "dbmate" ? 4 : 3):1")
    #expect(try await fixture.tables() == [])
    #expect(try await fixture.statusLines() == ["001 pending"])
  }

  @Test(arguments: layouts)
  func `a COMMIT of the file's own that fails is the place`(_ layout: String) async throws {
    let own = SampleMigration(
      "001", "own",
      up: """
        BEGIN;
        CREATE TABLE a (id int UNIQUE DEFERRABLE INITIALLY DEFERRED);
        INSERT INTO a VALUES (1), (1);
        COMMIT;
        """)
    let fixture = try await ProjectFixture(layout, [own])
    let ran = try await fixture.run(.upAll)
    #expect(ran.summary == "failed sql_error +0 -0")
    #expect(ran.diagnostic?.at == "\(fixture.path(own)):\(layout == "dbmate" ? 5 : 4):1")
    #expect(try await fixture.tables() == [])
    #expect(try await fixture.statusLines() == ["001 pending"])
  }

  // MARK: Between two migrations

  @Test(arguments: layouts)
  func `a setting that a migration leaves is not seen by the next`(_ layout: String) async throws {
    let database = try await TestServer.shared.makeDatabase()
    let role = "leak_\(database.name)"
    try await database.execute("CREATE ROLE \(role) SUPERUSER; CREATE SCHEMA other")
    func look(_ number: Int) -> String {
      """
      CREATE TABLE public.seen_\(number) AS SELECT current_user::text AS role,
        session_user::text AS login, current_setting('search_path') AS path,
        current_setting('work_mem') AS memory, current_setting('statement_timeout') AS timeout,
        coalesce(current_setting('my.own', true), '') AS own;
      """
    }
    let fixture = try ProjectFixture(
      layout,
      [
        SampleMigration("001", "before", up: look(1)),
        SampleMigration(
          "002", "plain",
          up: """
            SET search_path TO other; SET work_mem TO '7MB'; SET statement_timeout TO '50s';
            SET my.own TO 'x'; SET ROLE \(role);
            """),
        SampleMigration("003", "after", up: look(2)),
        SampleMigration(
          "004", "hidden",
          up: """
            DO $$ BEGIN
              EXECUTE 'SET ROLE \(role)'; EXECUTE 'SET search_path TO other';
              PERFORM set_config('work_' || 'mem', '7MB', false);
            END $$;
            """),
        SampleMigration("005", "after", up: look(3)),
        SampleMigration("006", "login", up: "SET SESSION AUTHORIZATION \(role);"),
        SampleMigration("007", "after", up: look(4)),
      ], in: database)
    let ran = try await fixture.run(.upAll)
    #expect(ran.summary == "finished +7 -0", "\(String(describing: ran.diagnostic))")
    let seen = try await database.rows(
      (1...4).map { "SELECT * FROM public.seen_\($0)" }.joined(separator: " UNION ALL "))
    #expect(Set(seen).count == 1, "\(seen)")
    #expect(seen.first?.hasPrefix("lockstep|lockstep|") == true)
  }

  @Test(arguments: layouts)
  func `the history row is found whatever search_path a migration leaves`(
    _ layout: String
  ) async throws {
    let fixture = try await ProjectFixture(
      layout,
      [
        SampleMigration(
          "001", "path",
          up: "SELECT pg_catalog.set_config('search_path', '', false);\nCREATE TABLE public.a ();"),
        .table("002", "b"),
      ])
    #expect(try await fixture.run(.upAll).summary == "finished +2 -0")
    #expect(try await fixture.statusLines() == ["001 applied", "002 applied"])
    #expect(try await fixture.tables() == ["public.a", "public.b"])
  }

  // MARK: Texts

  @Test(arguments: layouts)
  func `a comment without a line break at the end swallows nothing`(_ layout: String) async throws {
    let comment = SampleMigration("001", "a", up: "CREATE TABLE a () -- the end")
    let fixture = try await ProjectFixture(layout)
    for file in comment.files(layout) {
      // Without the line break that the fixture writes.
      var text = file.content
      if layout != "dbmate" { while text.last == "\n" { text.removeLast() } }
      fixture.folder.write("migrations/\(file.name)", text)
    }
    #expect(try await fixture.run(.upAll).summary == "finished +1 -0")
    #expect(try await fixture.tables() == ["public.a"])
    #expect(try await fixture.statusLines() == ["001 applied"])
  }

  @Test(
    arguments: layouts,
    ["SELECT 'open", "SELECT \"open", "SELECT $$open", "/* open", "SELECT E'open\\"])
  func `a text that is not closed cannot swallow the history row`(
    _ layout: String, _ sql: String
  ) async throws {
    let fixture = try await ProjectFixture(
      layout, [SampleMigration("001", "open", up: "CREATE TABLE a ();\n" + sql)])
    let ran = try await fixture.run(.upAll)
    #expect(!ran.summary.hasPrefix("finished"))
    #expect(try await fixture.tables() == [])
    #expect(try await fixture.statusLines().first?.hasPrefix("001 pending") == true)
  }

  @Test(arguments: layouts)
  func `notices come in the order in which they were raised`(_ layout: String) async throws {
    let fixture = try await ProjectFixture(
      layout,
      [
        SampleMigration(
          "001", "talk",
          up: """
            DO $$ BEGIN
              RAISE NOTICE 'Processed % of % rows', 1, 2; RAISE WARNING 'careful';
            END $$;
            DROP TABLE IF EXISTS nothere;
            DO $$ BEGIN RAISE INFO 'done'; END $$;
            """)
      ])
    let ran = try await fixture.run(.upAll)
    #expect(
      ran.lines == [
        "started 001 talk up", "NOTICE 001 Processed 1 of 2 rows", "WARNING 001 careful",
        "NOTICE 001 table \"nothere\" does not exist, skipping", "INFO 001 done",
        "finished 001 talk up", "end +1 -0 !0",
      ])
  }

  // MARK: Time-outs

  @Test(arguments: layouts)
  func `a lock that is not had in time is told, and nothing was applied`(
    _ layout: String
  ) async throws {
    let alter = SampleMigration("001", "alter", up: "CREATE TABLE b ();\nALTER TABLE a ADD x int;")
    var limited = try await ProjectFixture(layout, [alter])
    // The role's or the server's own time-out, of which no budget knows.
    limited.urlSuffix = "&options=-c%20lock_timeout%3D30"
    let fixture = limited
    try await fixture.database.execute("CREATE TABLE a (id int)")
    let ran = try await Gate.closed(in: fixture.database) { gate in
      try await gate.execute("BEGIN; LOCK TABLE a IN ACCESS SHARE MODE")
      return try await fixture.run(.upAll)
    }
    #expect(
      ran.diagnostic?.description == """
        error: migration 001_alter failed: canceling statement due to lock timeout (SQLSTATE 55P03)
          at:   \(fixture.path(alter)):\(layout == "dbmate" ? 3 : 2):1
          next: `lockstep locks` shows who holds the table; then run it again; nothing of 001 was applied
        """)
    #expect(ran.summary == "failed lock_timeout +0 -0")
    #expect(try await fixture.tables() == ["public.a"])
  }

  @Test(arguments: layouts)
  func `a statement that takes too long is ended by the server`(_ layout: String) async throws {
    let fixture = try await ProjectFixture(
      layout, [SampleMigration("001", "slow", up: "CREATE TABLE b ();\nSELECT pg_sleep(60);")])
    let ran = try await fixture.run(.upAll, .init(statementTimeout: .milliseconds(500)))
    #expect(ran.summary == "failed statement_timeout +0 -0")
    #expect(ran.diagnostic?.sqlstate == "57014")
    #expect(try await fixture.tables() == [])
  }

  @Test(arguments: layouts)
  func `the time-outs are the session's own and survive a RESET in a migration`(
    _ layout: String
  ) async throws {
    let fixture = try await ProjectFixture(
      layout,
      [
        SampleMigration(
          "001", "reset", up: "SET lock_timeout TO 0; RESET lock_timeout; RESET ALL;"),
        SampleMigration(
          "002", "look",
          up: """
            CREATE TABLE seen AS SELECT current_setting('lock_timeout') AS l,
              current_setting('statement_timeout') AS s;
            """),
      ])
    let ran = try await fixture.run(
      .upAll,
      .init(
        lockBudget: .filled(timeout: .milliseconds(1500)), statementTimeout: .seconds(120)))
    #expect(ran.summary == "finished +2 -0")
    #expect(try await fixture.database.rows("SELECT * FROM seen") == ["1500ms|2min"])
  }
}
