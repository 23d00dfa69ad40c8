import Diagnostics
import MigrationModel
import PostgresModel
import Testing

@Suite struct SqlxLayoutTests {
  let layout = SqlxLayout()
  let table = QualifiedName(schema: "public", "_sqlx_migrations")

  // MARK: Names and order

  @Test func `the version is the number before the first underscore, signs and zeros allowed`() {
    let catalog = layout.catalog(of: [
      file("007_g.sql"), file("+5_e.sql"), file("-1_minus.sql"), file("10_j.sql"),
      file("9223372036854775807_last.sql"),
    ])
    #expect(catalog.faults.isEmpty)
    #expect(
      catalog.migrations.map(\.version.text) == ["-1", "+5", "007", "10", "9223372036854775807"])
    #expect(layout.identity(of: Version("007")) == layout.identity(of: Version("7")))
    #expect(layout.identity(of: Version("+5")) == "5")
    #expect(layout.identity(of: Version("-1")) == "-1")
  }

  @Test(arguments: [
    ("V1", "V1_a.sql"), ("", "_a.sql"), ("1.5", "1.5_a.sql"), (" 1", " 1_a.sql"),
    ("9223372036854775808", "9223372036854775808_a.sql"),
  ])
  func `a version that is no integer is a fault of the whole folder`(version: String, name: String)
  {
    let catalog = layout.catalog(of: [file("1_ok.sql"), file(name)])
    #expect(catalog.migrations.map(\.name) == ["ok"])
    #expect(
      catalog.faults.map(\.description) == [
        """
        error: \(name) has no version that sqlx can read: "\(version)" is no 64-bit integer
          at:   migrations/\(name)
          next: give the file a number before its first underscore, or move it out of the folder; sqlx \
        refuses the whole folder as it is
        """
      ])
  }

  @Test func `files that sqlx passes over are shown with the reason`() {
    let catalog = layout.catalog(of: [
      file("readme.txt"), file("1a.sql"), folder("2_b.sql"), file("3_c.SQL"), file("4_d.go"),
    ])
    #expect(catalog.migrations.isEmpty)
    #expect(catalog.faults.isEmpty)
    #expect(
      catalog.unsupported.map(\.reason) == [
        "a text for people", "its name has no underscore behind a version",
        "it is a folder, and folders inside are not read", "its ending is not .sql in lower case",
        ".go files are not run",
      ])
  }

  @Test(arguments: [
    ("1_add_user_table.up.sql", "add user table"), ("1_a.sql.sql", "a"), ("1_a.up.sql.up.sql", "a"),
    ("1_a.up.sql.sql", "a.up"), ("1_.sql", ""), ("1_a__b.sql", "a  b"),
  ])
  func `the description is trimmed of its suffix as often as it stands there`(
    name: String, expected: String
  ) {
    #expect(layout.catalog(of: [file(name)]).migrations.map(\.name) == [expected])
  }

  @Test func `simple and reversible files mix, and a pair shares the version alone`() throws {
    let catalog = layout.catalog(of: [
      file("1_a.sql"), file("2_b.up.sql"), file("2_other_words.down.sql", "DROP TABLE b;"),
      file("3_c.sql"), file("3_c.down.sql", "DROP TABLE c;"), file("04_d.sql"),
      file("4_x.down.sql"),
    ])
    #expect(catalog.migrations.map(\.name) == ["a", "b", "c", "d"])
    #expect(catalog.migrations.map(\.isReversible) == [false, true, true, true])
    #expect(catalog.migrations[0].reasonAgainstDown == "there is no down file")
    #expect(catalog.migrations[1].files.map(\.name) == ["2_b.up.sql", "2_other_words.down.sql"])
    #expect(catalog.migrations[2].downScripts.map(\.text) == ["DROP TABLE c;"])
  }

  @Test func `equal versions are ordered by name`() {
    let catalog = layout.catalog(of: [file("1_b.sql"), file("01_c.sql"), file("1_a.sql")])
    #expect(catalog.migrations.map { $0.files[0].name } == ["01_c.sql", "1_a.sql", "1_b.sql"])
  }

  @Test func `a second down file of a version is shown, not run`() {
    let catalog = layout.catalog(of: [
      file("1_a.sql"), file("1_a.down.sql"), file("1_b.down.sql"),
    ])
    #expect(catalog.migrations.map { $0.files.map(\.name) } == [["1_a.sql", "1_a.down.sql"]])
    #expect(
      catalog.unsupported.map(\.reason) == ["1_a.down.sql is the way back of the same version"])
  }

  @Test(arguments: [
    ("-- no-transaction\nA;", true), ("-- no-transactions, please\nA;", true),
    ("--no-transaction\nA;", false), ("-- NO-TRANSACTION\nA;", false),
    (" -- no-transaction\nA;", false), ("\u{FEFF}-- no-transaction\nA;", false),
    ("A;\n-- no-transaction\n", false),
  ])
  func `only the very first bytes opt out of the transaction`(text: String, expected: Bool) throws {
    let migration = try #require(
      layout.catalog(of: [file("1_a.up.sql", text), file("1_a.down.sql", "B;")]).migrations.first)
    #expect((migration.up[0].noTransaction != nil) == expected)
    #expect(migration.downScripts[0].noTransaction == nil)
  }

  @Test func `a byte order mark stays in the text and in the checksum`() throws {
    let migration = try #require(
      layout.catalog(of: [file("1_a.sql", "\u{FEFF}A;")]).migrations.first)
    #expect(migration.up[0].text == "\u{FEFF}A;")
    #expect(migration.checksum == Checksum(.sha384, of: Array("\u{FEFF}A;".utf8)))
  }

  @Test func `a file that is not UTF-8 is a fault`() throws {
    let migration = try #require(
      layout.catalog(of: [file("1_a.sql", bytes: [0x41, 0x3B, 0x0A, 0xFF])]).migrations.first)
    #expect(
      migration.faults.map(\.description) == [
        """
        error: migrations/1_a.sql is not UTF-8: byte 0xff at offset 3
          at:   migrations/1_a.sql:2:1
          next: save the file as UTF-8; nothing was run
        """
      ])
    #expect(migration.up.isEmpty)
  }

  @Test func `an empty file is a migration`() throws {
    let migration = try #require(layout.catalog(of: [file("1_a.sql", "")]).migrations.first)
    #expect(migration.faults.isEmpty)
    #expect(migration.up.map(\.text) == [""])
  }

  @Test func `the mark of a non-reversible migration is its reason`() throws {
    let text = "-- 1_move.sql\n-- WARNING: Non-reversible migration - data transformation\nA;\n"
    let migration = try #require(layout.catalog(of: [file("1_move.sql", text)]).migrations.first)
    #expect(
      migration.down
        == .none(
          reason: "marked \"WARNING: Non-reversible migration - data transformation\"",
          isMarked: true))
  }

  // MARK: Checksums and locks

  @Test func `checksums are those of the vectors`() throws {
    let vectors = try Fixtures.vectors("checksum-vectors.json")
      .filter { $0["tool"].string == "sqlx" }
    #expect(vectors.count == 12)
    for vector in vectors {
      let name = try #require(vector["name"].string)
      let bytes = decodedBase64(vector["file_base64"].string ?? "")
      let layout = SqlxLayout(ignoredCharacters: name.contains("ignored-chars") ? ["\r"] : [])
      let migration = try #require(
        layout.catalog(of: [file("1_a.sql", bytes: bytes)]).migrations.first)
      #expect(migration.checksum?.hexadecimal == vector["expected"].string, "\(name)")
    }
  }

  @Test func `lock keys are those of the vectors`() throws {
    let vectors = try Fixtures.vectors("lock-vectors.json").filter { $0["tool"].string == "sqlx" }
    #expect(vectors.count == 5)
    for vector in vectors {
      let database = try #require(vector["inputs"]["database"].string)
      let keys = layout.advisoryLocks(database: database, table: table)
      #expect(keys.map { String($0.key) } == [vector["key"].string], "\(database)")
    }
  }

  // MARK: History

  private func change(_ kind: HistoryChange.Kind) -> HistoryChange {
    HistoryChange(
      version: Version("007"), name: "it's", checksum: Checksum(.sha384, of: []), kind: kind)
  }

  private let digest =
    "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b"

  @Test func `applying inserts as sqlx does, and marks a run outside a transaction`() {
    let insert =
      "INSERT INTO \"public\".\"_sqlx_migrations\" "
      + "(version, description, success, checksum, execution_time) VALUES (7, 'it''s', "
    let checksum = "decode('\(digest)', 'hex')"
    #expect(
      layout.record(change(.applied), in: table)
        == HistoryWrite(
          mark: ["\(insert)FALSE, \(checksum), -1)"],
          record: ["\(insert)TRUE, \(checksum), $elapsed)"],
          recordAfterMark: [
            "UPDATE \"public\".\"_sqlx_migrations\" SET success = TRUE, checksum = \(checksum), "
              + "execution_time = $elapsed WHERE version = 7"
          ]))
    #expect(
      layout.record(change(.reaffirmed), in: table).record == [
        "UPDATE \"public\".\"_sqlx_migrations\" SET success = TRUE, checksum = \(checksum) "
          + "WHERE version = 7"
      ])
  }

  @Test func `rolling back deletes the row`() {
    #expect(
      layout.record(change(.reverted), in: table)
        == HistoryWrite(
          mark: ["UPDATE \"public\".\"_sqlx_migrations\" SET success = FALSE WHERE version = 7"],
          record: ["DELETE FROM \"public\".\"_sqlx_migrations\" WHERE version = 7"]))
  }

  @Test func `a row is read whole`() throws {
    let query = layout.readHistory(table)
    let row = try decoded(query, ["7", "add x", "1767960000000000", "t", digest, "1500"])
    #expect(
      row
        == HistoryRow(
          version: Version("7"), name: "add x",
          appliedAt: Instant(microseconds: 1_767_960_000_000_000),
          checksum: Checksum(.sha384, of: []), durationNanoseconds: 1500))
    let broken = try decoded(query, ["7", "x", nil, "f", "", "-1"])
    #expect(broken == HistoryRow(version: Version("7"), name: "x", outcome: .broken))
  }

  @Test func `the table is the one that sqlx makes`() {
    #expect(
      layout.createTable(QualifiedName("_sqlx_migrations"), for: Catalog(migrations: [])) == [
        """
        CREATE TABLE IF NOT EXISTS "_sqlx_migrations" (
            version BIGINT PRIMARY KEY,
            description TEXT NOT NULL,
            installed_on TIMESTAMPTZ NOT NULL DEFAULT now(),
            success BOOLEAN NOT NULL,
            checksum BYTEA NOT NULL,
            execution_time BIGINT NOT NULL
        )
        """
      ])
  }

  // MARK: New files

  private func new(_ names: [String], up: String = "", down: String = "") -> [NewFile] {
    layout.newFiles(
      NewMigration(
        name: "add users", catalog: layout.catalog(of: names.map { file($0) }), directory: "m",
        now: Instant(microseconds: 1_767_960_000_000_000), up: up, down: down))
  }

  @Test(arguments: [
    ([], ["m/20260109120000_add_users.up.sql", "m/20260109120000_add_users.down.sql"]),
    (["1_a.sql"], ["m/0002_add_users.sql"]),
    (["0_a.sql"], ["m/0001_add_users.sql"]),
    (["5_a.sql"], ["m/20260109120000_add_users.sql"]),
    (["1_a.sql", "3_b.sql"], ["m/20260109120000_add_users.sql"]),
    (["001_a.sql", "002_b.sql"], ["m/003_add_users.sql"]),
    (
      ["1_a.up.sql", "1_a.down.sql", "2_b.up.sql"],
      ["m/0003_add_users.up.sql", "m/0003_add_users.down.sql"]
    ),
    (
      ["20260101000000_a.sql", "20260101000000_a.down.sql"],
      ["m/20260109120000_add_users.sql", "m/20260109120000_add_users.down.sql"]
    ),
    (["20260101000000_a.sql", "20260101000001_b.sql"], ["m/20260109120000_add_users.sql"]),
  ])
  func `new files are named as their neighbours are`(names: [String], expected: [String]) {
    #expect(new(names).map(\.path) == expected)
  }

  @Test func `new files without a template hold what sqlx writes`() {
    #expect(
      new([]).map(\.content) == [
        "-- Add up migration script here\n", "-- Add down migration script here\n",
      ])
    #expect(new(["5_a.sql"]).map(\.content) == ["-- Add migration script here\n"])
    #expect(new([], up: "A;", down: "B;\n").map(\.content) == ["A;\n", "B;\n"])
  }
}
