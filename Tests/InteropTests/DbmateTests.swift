import MigrationEngine
import MigrationModel
import PostgresModel
import TestSupport
import Testing

/// Lockstep and the real dbmate in turn on one database.
@Suite(
  .fewAtOnce,
  .enabled(if: Dbmate.path != nil, "LOCKSTEP_DBMATE names no dbmate; `make interop` does"))
struct DbmateTests {
  static let four: [SampleMigration] = [
    SampleMigration(
      "001", "users",
      up: """
        CREATE TABLE users (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL);
        COMMENT ON TABLE users IS 'Zürich; 東京';
        INSERT INTO users (name) VALUES ('a');
        """, down: "DROP TABLE users;"),
    SampleMigration(
      "002", "orders",
      up: "CREATE TABLE orders (id int, user_id bigint REFERENCES users);",
      down: "DROP TABLE orders;"),
    SampleMigration(
      "003", "index", up: "CREATE INDEX CONCURRENTLY orders_user ON orders (user_id);",
      down: "DROP INDEX CONCURRENTLY orders_user;", isOutsideTransaction: true),
    SampleMigration(
      "004", "function",
      up: """
        CREATE FUNCTION twice(n int) RETURNS int LANGUAGE plpgsql AS $$
        BEGIN -- a comment; with a semicolon
          RETURN n * 2;
        END $$;
        CREATE TYPE mood AS ENUM ('sad', 'glad');
        """, down: "DROP TYPE mood;\nDROP FUNCTION twice;"),
  ]

  /// Everything that the history table is and holds.
  private func table(_ database: TestDatabase) async throws -> [String] {
    try await database.rows(
      """
      SELECT column_name || ' ' || data_type || ' ' || is_nullable || coalesce(column_default, '')
        FROM information_schema.columns WHERE table_name = 'schema_migrations'
      UNION ALL SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
        WHERE conrelid = 'schema_migrations'::regclass
      UNION ALL (SELECT t::text FROM schema_migrations t ORDER BY 1)
      """)
  }

  private func options(_ fixture: ProjectFixture) -> Runner.Options {
    .init(schemaFile: "\(fixture.folder.path)/lockstep.sql")
  }

  private func apply(
    _ fixture: ProjectFixture, _ request: PlanRequest = .upAll
  ) async throws -> String {
    try await fixture.run(request, options(fixture)).summary
  }

  @Test(arguments: [0, 1])
  func `in turn they leave table and schema as dbmate alone does`(_ first: Int) async throws {
    let alone = try await ProjectFixture("dbmate", Self.four)
    #expect(try await Dbmate(fixture: alone).run("migrate").status == 0)
    let shared = try await ProjectFixture("dbmate")
    let dbmate = Dbmate(fixture: shared)
    for (index, migration) in Self.four.enumerated() {
      shared.write(migration)
      if index % 2 == first {
        let (status, output) = try await dbmate.run("migrate")
        #expect(status == 0, "\(output)")
      } else {
        #expect(try await apply(shared) == "finished +1 -0")
        let written = shared.folder.text("lockstep.sql")
        #expect(try await dbmate.run("dump").status == 0)
        #expect(written == dbmate.schema)
      }
      let versions = Self.four[...index].map(\.version)
      #expect(try await shared.historyRows() == versions)
      #expect(try await shared.statusLines() == versions.map { "\($0) applied" })
    }
    #expect(try await dbmate.run("dump").status == 0)
    #expect(dbmate.schema == Dbmate(fixture: alone).schema)
    #expect(try await table(shared.database) == (try await table(alone.database)))
    #expect(
      try await shared.database.rows("SELECT to_regnamespace('lockstep') IS NULL") == ["t"])
  }

  @Test func `each rolls back what the other applied`() async throws {
    let fixture = try await ProjectFixture("dbmate", Self.four)
    let dbmate = Dbmate(fixture: fixture)
    #expect(try await dbmate.run("migrate").status == 0)
    #expect(try await apply(fixture, .down(count: 1)) == "finished +0 -1")
    #expect(
      try await dbmate.status() == [
        "[X] 001_users.sql", "[X] 002_orders.sql", "[X] 003_index.sql", "[ ] 004_function.sql",
      ])
    #expect(try await apply(fixture) == "finished +1 -0")
    for expected in [3, 2, 1, 0] {
      #expect(try await dbmate.run("rollback").status == 0)
      #expect(try await fixture.historyRows() == Self.four[..<expected].map(\.version))
      #expect(try await fixture.status().appliedCount == expected)
    }
    #expect(try await fixture.tables() == [])
    #expect(try await dbmate.run("migrate").status == 0)
    #expect(try await apply(fixture, .down(to: "0")) == "finished +0 -4")
    #expect(try await fixture.tables() == [])
    #expect(try await dbmate.status().allSatisfy { $0.hasPrefix("[ ]") })
    let written = fixture.folder.text("lockstep.sql")
    #expect(try await dbmate.run("dump").status == 0)
    #expect(written == dbmate.schema)
  }

  @Test(arguments: [
    ("public", "history"), ("app", "schema_migrations"), ("My Schema", "the-History"),
  ])
  func `another table is found, and written into schema.sql as dbmate writes it`(
    _ schema: String, _ name: String
  ) async throws {
    var fixture = try await ProjectFixture("dbmate", [.table("001", "a"), .table("002", "b")])
    fixture.table = QualifiedName(schema: schema, name)
    let dbmate = Dbmate(fixture: fixture)
    if schema != "public" {
      try await fixture.database.execute("CREATE SCHEMA \(SQLText.identifier(schema))")
    }
    #expect(try await apply(fixture, .up(to: "001")) == "finished +1 -0")
    let written = fixture.folder.text("lockstep.sql")
    let (status, output) = try await dbmate.run("dump")
    #expect(status == 0, "\(output)")
    #expect(written == dbmate.schema)
    #expect(try await dbmate.run("migrate").status == 0)
    #expect(try await fixture.statusLines() == ["001 applied", "002 applied"])
  }

  @Test func `the schemas of the URL's search_path alone are dumped`() async throws {
    var fixture = try await ProjectFixture("dbmate", [.table("001", "a")])
    try await fixture.database.execute(
      "CREATE SCHEMA app; CREATE SCHEMA other; CREATE TABLE other.x ()")
    fixture.urlSuffix = "&options=-csearch_path%3Dapp,public"
    let dbmate = Dbmate(fixture: fixture, parameters: "&search_path=app,public")
    #expect(try await apply(fixture) == "finished +1 -0")
    let written = fixture.folder.text("lockstep.sql")
    #expect(try await dbmate.run("dump").status == 0)
    #expect(written == dbmate.schema)
    #expect(written?.contains("app.schema_migrations") == true)
    #expect(written?.contains("other") == false)
    #expect(try await dbmate.status() == ["[X] 001_create_a.sql"])
  }

  @Test func `several folders are one list, by file name, for both`() async throws {
    var fixture = try await ProjectFixture("dbmate", [.table("10", "b"), .table("3", "d")])
    fixture.folder.makeFolder("more")
    fixture.directories = ["migrations", "more"]
    fixture.write(.table("2", "c"), in: "more")
    fixture.write(.table("1", "a"), in: "more")
    let dbmate = Dbmate(fixture: fixture)
    #expect(
      try await dbmate.status() == [
        "[ ] 10_create_b.sql", "[ ] 1_create_a.sql", "[ ] 2_create_c.sql", "[ ] 3_create_d.sql",
      ])
    #expect(
      try await fixture.statusLines() == ["10 pending", "1 pending", "2 pending", "3 pending"])
    _ = try await fixture.run(.up(to: nil, count: 2, allowOutOfOrder: false))
    #expect(
      try await dbmate.status() == [
        "[X] 10_create_b.sql", "[X] 1_create_a.sql", "[ ] 2_create_c.sql", "[ ] 3_create_d.sql",
      ])
    #expect(try await dbmate.run("rollback").status == 0)
    #expect(
      try await fixture.statusLines() == ["10 applied", "1 pending", "2 pending", "3 pending"])
  }

  /// Files on which two readers of the markers might differ.
  static let texts: [String] = [
    "-- migrate:up\r\nCREATE TABLE a ();\r\n-- migrate:down\r\nDROP TABLE a;\r\n",
    "--migrate:up\nCREATE TABLE a ();\n--migrate:down\nDROP TABLE a;\n",
    "--   migrate:up   \nCREATE TABLE a ();\n--\tmigrate:down\nDROP TABLE a;",
    "-- a comment\n\n  -- another\n-- migrate:up\nCREATE TABLE a ();\n-- migrate:down\nDROP TABLE a;\n",
    "-- migrate:up transaction:false\nCREATE TABLE a ();\n-- migrate:down transaction:false\nDROP TABLE a;\n",
    "-- migrate:up transaction: false\nSAVEPOINT a;\n-- migrate:down\nSELECT 1;\n",
    "-- migrate:up foo bar:baz:x transaction:false\nVACUUM;\n-- migrate:down\nSELECT 1;\n",
    "-- migrate:up transaction:true\nCREATE TABLE a ();\n-- migrate:down\nDROP TABLE a;\n",
    " -- migrate:up\nCREATE TABLE a ();\n-- migrate:down\nDROP TABLE a;\n",
    "-- MIGRATE:UP\nCREATE TABLE a ();\n-- migrate:down\nDROP TABLE a;\n",
    "-- migrate:upgrade\nCREATE TABLE a ();\n-- migrate:down\nDROP TABLE a;\n",
    "-- migrate:up\nCREATE TABLE a ();\n",
    "-- migrate:down\nDROP TABLE a;\n-- migrate:up\nCREATE TABLE a ();\n",
    "-- migrate:up\nCREATE TABLE a ();\n-- migrate:down\nDROP TABLE a;\n-- migrate:down\nSELECT 1;\n",
    "CREATE TABLE b ();\n-- migrate:up\nCREATE TABLE a ();\n-- migrate:down\nDROP TABLE a;\n",
    "/* block */\n-- migrate:up\nCREATE TABLE a ();\n-- migrate:down\nDROP TABLE a;\n",
    "\u{FEFF}-- migrate:up\nCREATE TABLE a ();\n-- migrate:down\nDROP TABLE a;\n",
    "--\nmigrate:up\nCREATE TABLE a ();\n-- migrate:down\nDROP TABLE a;\n",
    "-- migrate:up\n-- migrate:down\n",
    "",
    "-- migrate:up\nCREATE TABLE a ();\nINSERT INTO nothere VALUES (1);\n-- migrate:down\n",
    "-- migrate:up\nCREATE TABLE a (t text DEFAULT '-- migrate:down');\n-- migrate:down\nDROP TABLE a;\n",
    "-- migrate:up\nSELECT 'a\n-- migrate:down\nb';\n",
  ]

  @Test(arguments: texts.indices)
  func `a file is taken or refused alike, and makes and drops the same`(_ index: Int) async throws {
    let ours = try await ProjectFixture("dbmate")
    let theirs = try await ProjectFixture("dbmate")
    for fixture in [ours, theirs] {
      fixture.folder.write("migrations/001_x.sql", Self.texts[index])
    }
    let dbmate = Dbmate(fixture: theirs)
    let (status, output) = try await dbmate.run("--no-dump-schema", "migrate")
    let ran = try await ours.run(.upAll)
    #expect(
      ran.summary.hasPrefix("finished +1") == (status == 0), "\(ran.summary) beside \(output)")
    #expect(try await ours.tables() == (try await theirs.tables()))
    guard status == 0 else { return }
    #expect(try await ours.historyRows() == (try await theirs.historyRows()))
    let (back, words) = try await dbmate.run("--no-dump-schema", "rollback")
    let down = try await ours.run(.down(count: 1))
    // An empty way back is no way back to us, and nothing to do for dbmate.
    guard down.summary != "refused irreversible" else { return }
    #expect(
      down.summary.hasPrefix("finished +0 -1") == (back == 0), "\(down.summary) beside \(words)")
    #expect(try await ours.tables() == (try await theirs.tables()))
  }

  @Test func `a file of several sections is applied once, as dbmate cannot`() async throws {
    let text = """
      -- migrate:up
      CREATE TABLE a ();
      -- migrate:down
      DROP TABLE a;
      -- migrate:up
      CREATE TABLE b ();
      -- migrate:down
      DROP TABLE b;

      """
    let fixture = try await ProjectFixture("dbmate")
    fixture.folder.write("migrations/001_x.sql", text)
    #expect(try await fixture.run(.upAll).summary == "finished +1 -0")
    #expect(try await fixture.tables() == ["public.a", "public.b"])
    #expect(try await Dbmate(fixture: fixture).status() == ["[X] 001_x.sql"])
    #expect(try await Dbmate(fixture: fixture).run("migrate").status == 0)
    #expect(try await fixture.run(.down(count: 1)).summary == "finished +0 -1")
    #expect(try await fixture.tables() == [])
  }

  @Test func `what dbmate leaves half-done is pending to both`() async throws {
    let bad = SampleMigration(
      "001", "bad", up: "CREATE TABLE a ();\nSELECT 1/0;", down: "DROP TABLE a;")
    let fixture = try await ProjectFixture("dbmate", [bad])
    let dbmate = Dbmate(fixture: fixture)
    #expect(try await dbmate.run("migrate").status != 0)
    #expect(try await fixture.statusLines() == ["001 pending"])
    #expect(try await fixture.tables() == [])
    #expect(try await fixture.run(.upAll).summary == "failed sql_error +0 -0")
    #expect(try await dbmate.status() == ["[ ] 001_bad.sql"])
  }

  @Test func `dbmate at work with its lock keeps us out, and is named`() async throws {
    let fixture = try await ProjectFixture(
      "dbmate", [SampleMigration("001", "stop", up: Gate.stop + "\nCREATE TABLE a ();")])
    let (status, holder) = try await Gate.closed(in: fixture.database) { gate in
      async let running = Dbmate(fixture: fixture).run(
        "--no-dump-schema", "--migration-lock", "migrate")
      let pid = try await gate.comer()
      let ran = try await fixture.run(.upAll, .init(patience: .zero))
      try await gate.open()
      let status = try await running.status
      guard case .busy(let holder) = ran.outcome else { return (status, "\(ran.summary)") }
      return (status, holder.pid == pid ? holder.key : "another session")
    }
    #expect(status == 0)
    #expect(holder == "dbmate with --migration-lock")
    #expect(try await fixture.statusLines() == ["001 applied"])
  }

  @Test func `dbmate with its lock waits until we have ended`() async throws {
    let fixture = try await ProjectFixture(
      "dbmate", [SampleMigration("001", "stop", up: Gate.stop + "\nCREATE TABLE a ();")])
    let plan = try await fixture.plan(.upAll)
    let (ours, theirs) = try await Gate.closed(in: fixture.database) { gate in
      async let running = fixture.run(plan)
      _ = try await gate.comer()
      async let waiting = Dbmate(fixture: fixture).run(
        "--no-dump-schema", "--migration-lock", "migrate")
      _ = try await gate.session(
        """
        SELECT a.pid FROM pg_stat_activity a WHERE a.datname = current_database()
          AND a.query ILIKE '%advisory_lock%' AND a.application_name !~ 'lockstep|gate'
        """)
      try await gate.open()
      return (try await running.summary, try await waiting)
    }
    #expect(ours == "finished +1 -0")
    #expect(theirs.status == 0)
    #expect(!theirs.output.contains("Applying"))
    #expect(try await fixture.historyRows() == ["001"])
  }
}
