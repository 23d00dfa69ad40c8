import Diagnostics
import MigrationEngine
import MigrationModel
import PostgresModel
import TestSupport
import Testing

/// The history tables, compared with tables and rows made by the tools' own statements.
@Suite(.fewAtOnce) struct HistoryTableTests {
  static let layouts = Layouts.all.map(\.name)

  /// The statement by which the tool itself makes its table.
  ///
  /// Sources: dbmate 2.35 `pkg/driver/postgres/postgres.go`, sqlx 0.8.6 `sqlx-postgres/src/migrate.rs`,
  /// golang-migrate 4.19.1 `database/postgres/postgres.go`; raw SQL by the manual.
  private func creation(_ layout: String, _ table: String) -> String {
    switch layout {
    case "dbmate": "create table if not exists \(table) (version varchar primary key)"
    case "sqlx":
      """
      CREATE TABLE IF NOT EXISTS \(table) (
          version BIGINT PRIMARY KEY,
          description TEXT NOT NULL,
          installed_on TIMESTAMPTZ NOT NULL DEFAULT now(),
          success BOOLEAN NOT NULL,
          checksum BYTEA NOT NULL,
          execution_time BIGINT NOT NULL
      )
      """
    case "golang-migrate":
      "CREATE TABLE IF NOT EXISTS \(table) (version bigint not null primary key, dirty boolean not null)"
    default:
      """
      CREATE TABLE IF NOT EXISTS \(table) (
        version VARCHAR(10) PRIMARY KEY, name VARCHAR(255) NOT NULL,
        applied_at TIMESTAMPTZ NOT NULL DEFAULT NOW(), applied_by VARCHAR(255),
        checksum VARCHAR(64))
      """
    }
  }

  /// Columns, constraints and indexes of a table, without the schema's name.
  private func shape(of schema: String, _ table: String) -> String {
    """
    SELECT attnum || ' ' || attname || ' ' || format_type(atttypid, atttypmod) || ' ' || attnotnull
      || coalesce(' ' || pg_get_expr(d.adbin, d.adrelid), '')
    FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE attrelid = '\(schema).\(table)'::regclass AND attnum > 0 AND NOT attisdropped
    UNION ALL SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
      WHERE conrelid = '\(schema).\(table)'::regclass
    UNION ALL SELECT indexrelid::regclass::text FROM pg_index
      WHERE indrelid = '\(schema).\(table)'::regclass AND '\(schema)' = 'public'
    UNION ALL SELECT relkind::text || relpersistence::text FROM pg_class
      WHERE oid = '\(schema).\(table)'::regclass
    """
  }

  @Test(arguments: layouts)
  func `the table that is made is the table that the tool makes`(_ layout: String) async throws {
    let ours = try await ProjectFixture(layout, [.table("001", "a")])
    #expect(try await ours.run(.upAll).summary == "finished +1 -0")
    let tools = try await TestServer.shared.makeDatabase()
    let name = ours.layout.defaultTable
    try await tools.execute(creation(layout, name))
    let expected = try await tools.rows(shape(of: "public", name))
    #expect(expected.count >= 4)
    #expect(try await ours.database.rows(shape(of: "public", name)) == expected)
  }

  @Test(arguments: layouts)
  func `a table that the tool made is used as it is`(_ layout: String) async throws {
    let fixture = try await ProjectFixture(layout, [.table("001", "a"), .table("002", "b")])
    let name = fixture.layout.defaultTable
    try await fixture.database.execute(creation(layout, name))
    let before = try await fixture.database.rows(shape(of: "public", name) + " ORDER BY 1")
    #expect(try await fixture.run(.upAll).summary == "finished +2 -0")
    #expect(try await fixture.run(.down(count: 1)).summary == "finished +0 -1")
    #expect(try await fixture.database.rows(shape(of: "public", name) + " ORDER BY 1") == before)
  }

  @Test func `dbmate's rows hold the digits as they stand in the names`() async throws {
    let fixture = try await ProjectFixture(
      "dbmate", [.table("001", "a"), .table("20260101120000", "b")])
    _ = try await fixture.run(.upAll)
    #expect(try await fixture.historyRows("*") == ["001", "20260101120000"])
    _ = try await fixture.run(.down(count: 1))
    #expect(try await fixture.historyRows("*") == ["001"])
  }

  @Test func `sqlx's rows hold number, description, checksum and time`() async throws {
    let migrations = [
      SampleMigration(
        "20260101120000", "add_user_table", up: "-- é\r\nCREATE TABLE a ();\r\n",
        down: "DROP TABLE a;"),
      .table("20260102120000", "b"),
    ]
    let fixture = try await ProjectFixture("sqlx", migrations)
    _ = try await fixture.run(.upAll)
    // The server's own SHA-384 of the same bytes.
    let hashes = try await fixture.database.rows(
      migrations.map { migration in
        let content = fixture.folder.text("migrations/\(migration.files("sqlx")[0].name)") ?? ""
        let hex = content.utf8.map { byte in
          let digits = Array("0123456789abcdef")
          return "\(digits[Int(byte) / 16])\(digits[Int(byte) % 16])"
        }.joined()
        return "SELECT encode(sha384('\\x\(hex)'), 'hex')"
      }.joined(separator: " UNION ALL "))
    #expect(
      try await fixture.historyRows(
        "version, description, success, encode(checksum, 'hex'), octet_length(checksum)") == [
          "20260101120000|add user table|t|\(hashes[0])|48",
          "20260102120000|create b|t|\(hashes[1])|48",
        ])
    #expect(
      try await fixture.historyRows(
        "execution_time BETWEEN 1 AND 60000000000, installed_on <= clock_timestamp() AND"
          + " installed_on > clock_timestamp() - interval '1 min'") == ["t|t", "t|t"])
    _ = try await fixture.run(.down(to: "0"))
    #expect(try await fixture.historyRows() == [])
  }

  @Test func `sqlx's rows of a migration outside a transaction are the same`() async throws {
    let fixture = try await ProjectFixture(
      "sqlx",
      [
        .table("001", "a"),
        SampleMigration(
          "002", "index", up: "CREATE INDEX CONCURRENTLY i ON a (id);", down: "DROP INDEX i;",
          isOutsideTransaction: true),
      ])
    #expect(try await fixture.run(.upAll).summary == "finished +2 -0")
    #expect(
      try await fixture.historyRows(
        "version, description, success, octet_length(checksum), execution_time > 0") == [
          "1|create a|t|48|t", "2|index|t|48|t",
        ])
    #expect(try await fixture.statusLines() == ["001 applied", "002 applied"])
    #expect(try await fixture.run(.down(count: 1)).summary == "finished +0 -1")
    #expect(try await fixture.historyRows() == ["1"])
  }

  @Test func `golang-migrate's table holds one row, the current version`() async throws {
    let fixture = try await ProjectFixture(
      "golang-migrate", [.table("003", "a"), .table("005", "b"), .table("20260101120000", "c")])
    _ = try await fixture.run(.up(to: nil, count: 1, allowOutOfOrder: false))
    #expect(try await fixture.historyRows("*") == ["3|f"])
    _ = try await fixture.run(.upAll)
    #expect(try await fixture.historyRows("*") == ["20260101120000|f"])
    _ = try await fixture.run(.down(count: 1))
    #expect(try await fixture.historyRows("*") == ["5|f"])
    _ = try await fixture.run(.down(to: "0"))
    #expect(try await fixture.historyRows("*") == [])
    #expect(try await fixture.tables() == [])
  }

  @Test func `the rows of raw SQL hold name, who, when and checksum`() async throws {
    let migration = SampleMigration.table("001", "a")
    let fixture = try await ProjectFixture("raw", [migration])
    _ = try await fixture.run(.upAll)
    let content = fixture.folder.text("migrations/001_create_a.sql") ?? ""
    let hash = try await fixture.database.rows(
      "SELECT encode(sha256(convert_to(\(SQLText.literal(content)), 'UTF8')), 'hex')")
    #expect(
      try await fixture.historyRows(
        "version, name, checksum, applied_at BETWEEN now() - interval '1 min' AND now()")
        == ["001|create_a|\(hash[0])|t"])
    #expect(try await fixture.historyRows("applied_by IS NOT NULL AND applied_by <> ''") == ["t"])
  }

  @Test func `versions of raw SQL longer than ten digits make a wider column`() async throws {
    let fixture = try await ProjectFixture("raw", [.table("20260101120000", "a")])
    #expect(try await fixture.run(.upAll).summary == "finished +1 -0")
    #expect(
      try await fixture.database.rows(
        "SELECT character_maximum_length FROM information_schema.columns"
          + " WHERE table_name = 'schema_migrations' AND column_name = 'version'") == ["20"])
  }

  @Test func `a table for short versions of raw SQL is widened for the first long one`()
    async throws
  {
    let fixture = try await ProjectFixture("raw", [.table("001", "a")])
    #expect(try await fixture.run(.upAll).summary == "finished +1 -0")
    fixture.write(.table("20260101120000", "b"))
    #expect(try await fixture.run(.upAll).summary == "finished +1 -0")
    #expect(try await fixture.statusLines() == ["001 applied", "20260101120000 applied"])
  }

  @Test(arguments: layouts)
  func `a role that may read the tool's own columns alone sees the status`(
    _ layout: String
  ) async throws {
    var fixture = try await ProjectFixture(layout, [.table("001", "a"), .table("002", "b")])
    _ = try await fixture.run(.up(to: nil, count: 1, allowOutOfOrder: false))
    let columns = try await fixture.database.rows(
      "SELECT attname FROM pg_attribute WHERE attnum > 0"
        + " AND attrelid = '\(fixture.layout.defaultTable)'::regclass")
    let role = "columns_\(fixture.database.name)"
    try await fixture.database.execute(
      """
      CREATE ROLE \(role) LOGIN;
      ALTER TABLE \(fixture.tableSQL) ADD COLUMN note text;
      GRANT SELECT (\(columns.joined(separator: ", "))) ON \(fixture.tableSQL) TO \(role)
      """)
    fixture.urlSuffix = "&user=\(role)"
    #expect(try await fixture.statusLines() == ["001 applied", "002 pending"])
  }

  @Test(arguments: layouts)
  func `another table in another schema is used where it is named`(_ layout: String) async throws {
    var fixture = try await ProjectFixture(layout, [.table("001", "a")])
    fixture.table = QualifiedName(schema: "My Schema", "the \"history\"")
    try await fixture.database.execute("CREATE SCHEMA \"My Schema\"")
    #expect(try await fixture.run(.upAll).summary == "finished +1 -0")
    #expect(try await fixture.statusLines() == ["001 applied"])
    #expect(try await fixture.historyRows("count(*) OVER ()") == ["1"])
    #expect(
      try await fixture.database.rows(
        "SELECT to_regclass('public.\(fixture.layout.defaultTable)') IS NULL") == ["t"])
    #expect(try await fixture.run(.down(count: 1)).summary == "finished +0 -1")
    #expect(try await fixture.statusLines() == ["001 pending"])
  }

  @Test(arguments: layouts)
  func `the table goes where search_path leads`(_ layout: String) async throws {
    var fixture = try await ProjectFixture(layout, [.table("001", "a")])
    try await fixture.database.execute("CREATE SCHEMA app")
    fixture.urlSuffix = "&options=-csearch_path%3Dapp,public"
    #expect(try await fixture.run(.upAll).summary == "finished +1 -0")
    #expect(
      try await fixture.database.rows(
        "SELECT to_regclass('app.\(fixture.layout.defaultTable)') IS NOT NULL,"
          + " to_regclass('app.a') IS NOT NULL") == ["t|t"])
    #expect(try await fixture.statusLines() == ["001 applied"])
  }

  @Test(arguments: layouts)
  func `a role that may not make the table is told what to ask for`(_ layout: String) async throws {
    var fixture = try await ProjectFixture(layout, [.table("001", "a")])
    let role = "norights_\(fixture.database.name)"
    try await fixture.database.execute(
      "CREATE ROLE \(role) LOGIN; REVOKE CREATE ON SCHEMA public FROM public")
    fixture.urlSuffix = "&user=\(role)"
    let error = await #expect(throws: Refusal.self) { try await fixture.run(.upAll) }
    #expect(
      error?.diagnostic.description == """
        error: the history table "public.\(fixture.layout.defaultTable)" cannot be created: permission denied for schema public (SQLSTATE 42501)
          next: as its owner: GRANT CREATE ON SCHEMA "public" TO "\(role)"; nothing was applied
        """)
    fixture.urlSuffix = ""
    #expect(try await fixture.statusLines() == ["001 pending"])
    #expect(try await fixture.tables() == [])
  }

  @Test(arguments: layouts)
  func `a role that may not write the table fails with the migration undone`(
    _ layout: String
  ) async throws {
    var fixture = try await ProjectFixture(layout, [.table("001", "a"), .table("002", "b")])
    _ = try await fixture.run(.up(to: nil, count: 1, allowOutOfOrder: false))
    let role = "reader_\(fixture.database.name)"
    try await fixture.database.execute(
      """
      CREATE ROLE \(role) LOGIN; GRANT CREATE ON SCHEMA public TO \(role);
      GRANT SELECT ON ALL TABLES IN SCHEMA public TO \(role)
      """)
    fixture.urlSuffix = "&user=\(role)"
    let ran = try await fixture.run(.upAll)
    #expect(ran.summary == "failed sql_error +0 -0")
    #expect(ran.diagnostic?.sqlstate == "42501")
    #expect(try await fixture.statusLines() == ["001 applied", "002 pending"])
    #expect(try await fixture.tables() == ["public.a"])
  }

  @Test(arguments: [("dbmate", "raw"), ("raw", "dbmate"), ("golang-migrate", "dbmate")])
  func `a table of another tool is refused and left alone`(
    _ layout: String, _ other: String
  ) async throws {
    let fixture = try await ProjectFixture(layout, [.table("001", "a")])
    try await fixture.database.execute(creation(other, "schema_migrations"))
    let error = await #expect(throws: Refusal.self) { try await fixture.run(.upAll) }
    #expect(error?.diagnostic.code == "foreign_table")
    #expect(
      error?.diagnostic.what
        == "the table \"public.schema_migrations\" is not a history table of \(layout)")
    #expect(try await fixture.tables() == [])
  }
}
