import MigrationEngine
import MigrationModel
import PostgresModel
import TestSupport
import Testing

/// Migrations that cannot run in a transaction, and the marks that stand while they run.
@Suite(.fewAtOnce) struct RunJournalTests {
  static let layouts = Layouts.all.map(\.name)
  /// Layouts whose own history has no mark for a run that broke off.
  static let journaled = Layouts.all.filter { $0.rules.dirtyMark == .none }.map(\.name)
  static let marking = Layouts.all.filter { $0.rules.dirtyMark == .inHistory }.map(\.name)

  private func index(_ version: String) -> SampleMigration {
    SampleMigration(
      version, "index", up: "CREATE INDEX CONCURRENTLY i ON a (id);",
      down: "DROP INDEX CONCURRENTLY i;", isOutsideTransaction: true)
  }

  private func journalIsGone(_ fixture: ProjectFixture) async throws -> Bool {
    try await fixture.database.rows("SELECT to_regnamespace('lockstep') IS NULL") == ["t"]
  }

  @Test(arguments: layouts)
  func `CREATE INDEX CONCURRENTLY is applied, recorded and rolled back`(
    _ layout: String
  ) async throws {
    let fixture = try await ProjectFixture(layout, [.table("001", "a"), index("002")])
    #expect(try await fixture.run(.upAll).summary == "finished +2 -0")
    #expect(
      try await fixture.database.rows(
        "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('i')") == ["t"])
    #expect(try await fixture.statusLines() == ["001 applied", "002 applied"])
    #expect(try await journalIsGone(fixture))
    #expect(try await fixture.run(.down(count: 1)).summary == "finished +0 -1")
    #expect(try await fixture.database.rows("SELECT to_regclass('i') IS NULL") == ["t"])
    #expect(try await fixture.statusLines() == ["001 applied", "002 pending"])
    #expect(try await journalIsGone(fixture))
  }

  @Test(arguments: layouts)
  func `an enum value is added, and used by the next migration`(_ layout: String) async throws {
    let fixture = try await ProjectFixture(
      layout,
      [
        SampleMigration("001", "type", up: "CREATE TYPE mood AS ENUM ('sad');"),
        SampleMigration("002", "value", up: "ALTER TYPE mood ADD VALUE 'happy';"),
        SampleMigration("003", "use", up: "CREATE TABLE a AS SELECT 'happy'::mood AS m;"),
      ])
    #expect(try await fixture.run(.upAll).summary == "finished +3 -0")
    #expect(try await fixture.database.rows("SELECT m FROM a") == ["happy"])
    #expect(try await fixture.statusLines() == ["001 applied", "002 applied", "003 applied"])
  }

  @Test(arguments: journaled)
  func `a row stands in the journal while the migration runs, and goes with its schema`(
    _ layout: String
  ) async throws {
    let fixture = try await ProjectFixture(
      layout,
      [
        SampleMigration(
          "001", "outside",
          up: """
            CREATE TABLE a (id int);
            CREATE INDEX CONCURRENTLY i ON a (id);
            CREATE TABLE seen AS SELECT * FROM lockstep.journal;
            """)
      ])
    let ran = try await fixture.run(.upAll)
    #expect(ran.summary == "finished +1 -0", "\(String(describing: ran.diagnostic))")
    #expect(
      try await fixture.database.rows(
        """
        SELECT layout, history_table, version, direction, statements_done, statements_total,
          started_at BETWEEN now() - interval '1 min' AND now(), run_by FROM seen
        """) == [
          "\(layout)|public.schema_migrations|001|up|2|3|t|lockstep lockstep apply 001"
        ])
    #expect(try await journalIsGone(fixture))
    #expect(try await fixture.statusLines() == ["001 applied"])
    let offset = layout == "dbmate" ? 1 : 0
    #expect(
      ran.lines == [
        "started 001 outside up",
        "statement 001 0 line \(1 + offset) CREATE TABLE -",
        "statement 001 1 line \(2 + offset) CREATE INDEX -",
        "statement 001 2 line \(3 + offset) SELECT 1 1",
        "finished 001 outside up", "end +1 -0 !0",
      ])
  }

  @Test(arguments: journaled)
  func `what others keep in schema lockstep stays`(_ layout: String) async throws {
    let fixture = try await ProjectFixture(layout, [.table("001", "a"), index("002")])
    try await fixture.database.execute("CREATE SCHEMA lockstep; CREATE TABLE lockstep.runs ()")
    let ran = try await fixture.run(.upAll)
    #expect(ran.summary == "finished +2 -0")
    #expect(!ran.lines.contains { $0.hasPrefix("NOTICE") })
    #expect(
      try await fixture.database.rows(
        "SELECT to_regclass('lockstep.runs') IS NOT NULL, to_regclass('lockstep.journal') IS NULL")
        == ["t|t"])
  }

  @Test(arguments: layouts)
  func `one that breaks off is shown as failed, with what stands`(_ layout: String) async throws {
    let broken = SampleMigration(
      "002", "broken",
      up: """
        CREATE TABLE b (id int);
        CREATE INDEX CONCURRENTLY i ON a (id);
        SELECT 1/0;
        CREATE TABLE c (id int);
        """)
    let fixture = try await ProjectFixture(layout, [.table("001", "a"), broken])
    let ran = try await fixture.run(.upAll)
    #expect(ran.summary == "failed sql_error +1 -0")
    #expect(ran.lines.contains("failed 002 broken up sql_error partly"))
    #expect(
      ran.diagnostic?.description == """
        error: migration 002_broken failed: division by zero (SQLSTATE 22012)
          at:   \(fixture.path(broken)):\(layout == "dbmate" ? 4 : 3):1
          next: 2 of 4 statements of 002 stand and it is recorded as broken off: go on with `lockstep up --resume`; or finish it by hand and `lockstep mark 002 applied`, or undo it and `lockstep mark 002 pending`
        """)
    let status = try await fixture.status()
    let second = try #require(status.migrations.last)
    #expect(second.state == .failed)
    #expect(second.problems.contains(.dirty))
    #expect(try await fixture.tables().contains("public.b"))
    if Self.journaled.contains(layout) {
      #expect(second.unfinished?.statementsDone == 2)
      #expect(second.unfinished?.statementsTotal == 4)
      #expect(
        try await fixture.database.rows(
          "SELECT version, direction, statements_done, statements_total FROM lockstep.journal")
          == ["002|up|2|4"])
    }
    // Nothing is run over it.
    let refused = try await fixture.run(.upAll)
    #expect(refused.summary == "refused dirty")
  }

  @Test func `golang-migrate's row is dirty at the version that broke off`() async throws {
    let fixture = try await ProjectFixture(
      "golang-migrate",
      [.table("001", "a"), SampleMigration("002", "b", up: "VACUUM;\nSELECT 1/0;")])
    _ = try await fixture.run(.upAll)
    #expect(try await fixture.historyRows("*") == ["2|t"])
  }

  @Test func `sqlx's row says that it did not succeed`() async throws {
    let fixture = try await ProjectFixture(
      "sqlx", [.table("001", "a"), SampleMigration("002", "b", up: "VACUUM;\nSELECT 1/0;")])
    _ = try await fixture.run(.upAll)
    #expect(try await fixture.historyRows("version, success") == ["1|t", "2|f"])
  }

  @Test(arguments: layouts)
  func `one that broke off and was finished by hand can be marked as applied`(
    _ layout: String
  ) async throws {
    let fixture = try await ProjectFixture(
      layout,
      [
        .table("001", "a"),
        SampleMigration("002", "b", up: "CREATE INDEX CONCURRENTLY i ON a (id);\nSELECT 1/0;"),
      ])
    _ = try await fixture.run(.upAll)
    #expect(try await fixture.statusLines().last == "002 failed dirty")
    let marked = try await fixture.run(.mark(.versions([Version("002")]), as: .applied))
    #expect(marked.summary == "finished +1 -0")
    #expect(try await fixture.statusLines() == ["001 applied", "002 applied"])
    #expect(try await journalIsGone(fixture))
    #expect(try await fixture.run(.upAll).summary == "finished +0 -0")
  }

  @Test(arguments: layouts)
  func `one that broke off and was undone by hand can be marked as pending and run again`(
    _ layout: String
  ) async throws {
    let broken = SampleMigration(
      "002", "b", up: "CREATE INDEX CONCURRENTLY i ON a (id);\nSELECT 1/0;")
    let fixture = try await ProjectFixture(layout, [.table("001", "a"), broken])
    _ = try await fixture.run(.upAll)
    try await fixture.database.execute("DROP INDEX i")
    _ = try await fixture.run(.mark(.versions([Version("002")]), as: .pending))
    #expect(try await fixture.statusLines() == ["001 applied", "002 pending"])
    #expect(try await journalIsGone(fixture))
    fixture.write(
      SampleMigration("002", "b", up: "CREATE INDEX CONCURRENTLY i ON a (id);\nSELECT 1;"))
    #expect(try await fixture.run(.upAll).summary == "finished +1 -0")
  }

  @Test(arguments: layouts)
  func `a way back outside a transaction that breaks off is shown as failed`(
    _ layout: String
  ) async throws {
    let fixture = try await ProjectFixture(
      layout,
      [
        .table("001", "a"),
        SampleMigration(
          "002", "b", up: "CREATE INDEX i ON a (id);",
          down: "DROP INDEX CONCURRENTLY i;\nSELECT 1/0;"),
      ])
    #expect(try await fixture.run(.upAll).summary == "finished +2 -0")
    let ran = try await fixture.run(.down(count: 1))
    #expect(ran.lines.contains("failed 002 b down sql_error partly"))
    #expect(
      ran.diagnostic?.next?.hasPrefix(
        "1 of 2 statements of 002 stand and it is recorded as broken off")
        == true)
    #expect(try await fixture.statusLines().contains { $0.contains("failed") })
  }

  @Test(arguments: layouts)
  func `a transaction that a script leaves open is rolled back and told`(
    _ layout: String
  ) async throws {
    let open = SampleMigration(
      "001", "open", up: "CREATE TABLE a (id int);\nBEGIN;\nCREATE TABLE b (id int);")
    let fixture = try await ProjectFixture(layout, [open])
    let ran = try await fixture.run(.upAll)
    #expect(!ran.summary.hasPrefix("finished"))
    #expect(try await fixture.database.rows("SELECT to_regclass('b') IS NULL") == ["t"])
    #expect(try await fixture.statusLines().first?.hasPrefix("001 applied") == false)
  }

  @Test(arguments: journaled)
  func `without the right to make the journal nothing is begun`(_ layout: String) async throws {
    var fixture = try await ProjectFixture(layout, [.table("001", "a"), index("002")])
    let role = "nojournal_\(fixture.database.name)"
    try await fixture.database.execute(
      "CREATE ROLE \(role) LOGIN; GRANT CREATE ON SCHEMA public TO \(role)")
    fixture.urlSuffix = "&user=\(role)"
    let ran = try await fixture.run(.upAll)
    #expect(
      ran.diagnostic?.description == """
        error: migration 002_index cannot run in a transaction, and the row that would mark it as begun cannot be written: permission denied for database \(fixture.database.name) (SQLSTATE 42501)
          at:   \(fixture.path(index("002")))
          next: as the owner: GRANT CREATE ON DATABASE "\(fixture.database.name)" TO "\(role)"; nothing of 002 was applied
        """)
    #expect(try await fixture.database.rows("SELECT to_regclass('i') IS NULL") == ["t"])
    fixture.urlSuffix = ""
    #expect(try await fixture.statusLines() == ["001 applied", "002 pending"])
  }

  @Test func `runs on two history tables keep their journal rows apart`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    let results = try await Gate.closed(in: database) { gate in
      async let slow = runOutside(database, table: "first", stop: Gate.stop)
      _ = try await gate.comer()
      let quick = try await runOutside(database, table: "second", stop: "SELECT 1;")
      let rows = try await database.rows(
        "SELECT history_table, statements_done FROM lockstep.journal")
      try await gate.open()
      return (try await slow, quick, rows)
    }
    #expect(results.0 == "finished +1 -0")
    #expect(results.1 == "finished +1 -0")
    #expect(results.2 == ["public.first|1"])
    #expect(try await database.rows("SELECT to_regnamespace('lockstep') IS NULL") == ["t"])
  }

  private func runOutside(
    _ database: TestDatabase, table: String, stop: String
  ) async throws -> String {
    var fixture = try ProjectFixture(
      "raw", [SampleMigration("001", "a", up: "VACUUM pg_class;\n" + stop)], in: database)
    fixture.table = QualifiedName(schema: "public", table)
    return try await fixture.run(.upAll).summary
  }
}
