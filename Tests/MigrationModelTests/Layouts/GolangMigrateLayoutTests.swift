import Diagnostics
import MigrationModel
import PostgresModel
import Testing

@Suite struct GolangMigrateLayoutTests {
  let layout = GolangMigrateLayout()
  let table = QualifiedName(schema: "public", "schema_migrations")

  @Test(arguments: [
    ("1_a.up.sql", "1", "a"), ("0001_b.c.up.sql", "0001", "b.c"), ("2_.up.sql", "2", ""),
    ("3_x.up.psql", "3", "x"), ("4_x.up.sql.bak", "4", "x"), ("5_x.up.", "5", "x"),
    ("6_a.down.up.sql", "6", "a.down"),
    ("18446744073709551615_x.up.sql", "18446744073709551615", "x"),
  ])
  func `a name is read as golang-migrate's expression reads it`(
    name: String, version: String, title: String
  ) throws {
    let migration = try #require(layout.catalog(of: [file(name)]).migrations.first)
    #expect(migration.version.text == version)
    #expect(migration.name == title)
    #expect(migration.up.count == 1)
  }

  @Test func `the last direction in the name counts`() throws {
    let migration = try #require(
      layout.catalog(of: [file("1_a.up.down.sql", "B;")]).migrations.first)
    #expect(migration.name == "a.up")
    #expect(migration.up.isEmpty)
    #expect(migration.downScripts.map(\.text) == ["B;"])
  }

  @Test func `files that golang-migrate passes over are shown with the reason`() {
    let catalog = layout.catalog(of: [
      file("1_a.sql"), file("x_1.up.sql"), file("1_a.UP.sql"), folder("2_b.up.sql"),
      file("18446744073709551616_c.up.sql"), file("notes.txt"),
    ])
    #expect(catalog.migrations.isEmpty)
    let rule = "its name is not VERSION_title.up.sql or .down.sql"
    #expect(
      catalog.unsupported.map(\.reason) == [
        rule, rule, rule, "it is a folder, and folders inside are not read",
        "its version does not fit 64 bits, and golang-migrate passes it over without a word",
        ".txt files are not run",
      ])
  }

  @Test func `a version that no bigint holds is a fault`() throws {
    let migration = try #require(
      layout.catalog(of: [file("9223372036854775808_c.up.sql")]).migrations.first)
    #expect(
      migration.faults.map(\.description) == [
        """
        error: 9223372036854775808_c.up.sql has a version that no bigint column can hold
          at:   migrations/9223372036854775808_c.up.sql
          next: give the file a smaller number
        """
      ])
  }

  @Test func `versions are numbers, paired and ordered as such`() {
    let catalog = layout.catalog(of: [
      file("10_c.up.sql"), file("0002_b.down.sql", "D;"), file("2_x.up.sql"), file("1_a.up.sql"),
      file("3_only.down.sql", "E;"), file("11_last.down.sql", "F;"),
    ])
    #expect(catalog.migrations.map(\.version.text) == ["1", "2", "3", "10", "11"])
    #expect(catalog.migrations.map(\.name) == ["a", "x", "only", "c", "last"])
    #expect(catalog.migrations.map(\.isReversible) == [false, true, true, false, true])
    #expect(
      catalog.migrations[2].notes.map(\.description) == [
        """
        note: version 3 has a down file alone: going up runs nothing
          at:   migrations/3_only.down.sql
        """
      ])
  }

  @Test func `the same version twice in one direction is a fault of the whole folder`() {
    let catalog = layout.catalog(of: [
      file("1_a.up.sql"), file("0001_b.up.sql"), file("1_a.down.sql"),
    ])
    #expect(
      catalog.faults.map(\.description) == [
        """
        error: 0001_b.up.sql and 1_a.up.sql are both version 1
          at:   migrations/1_a.up.sql
          next: give one of them a number of its own; golang-migrate refuses the whole folder as it is
        """
      ])
  }

  @Test func `an empty down file is no way back`() throws {
    let migration = try #require(
      layout.catalog(of: [file("1_a.up.sql"), file("1_a.down.sql", "-- nothing\n")]).migrations
        .first)
    #expect(migration.reasonAgainstDown == "its down file is empty")
  }

  // MARK: Locks

  @Test func `both keys are those of the vectors`() throws {
    let vectors = try Fixtures.vectors("lock-vectors.json")
      .filter { $0["tool"].string == "golang-migrate" && !$0["inputs"]["database"].isNull }
    #expect(vectors.count == 3)
    for vector in vectors {
      let inputs = vector["inputs"]
      let path = try #require(inputs["database"].string)
      let name = path.hasPrefix("/") ? String(path.dropFirst()) : path
      let keys = layout.advisoryLocks(
        database: name,
        table: QualifiedName(
          schema: inputs["schema"].string, try #require(inputs["table"].string)))
      let key = path.hasPrefix("/") ? keys[0] : keys[1]
      #expect(String(key.key) == vector["key"].string, "\(path)")
    }
  }

  @Test func `keys of the project's own tests come out`() {
    func key(_ database: String, _ schema: String, _ name: String) -> [Int64] {
      layout.advisoryLocks(database: database, table: QualifiedName(schema: schema, name)).map(
        \.key)
    }
    // database/util_test.go: "database_name" with "schema_name_1" and "schema_name_2".
    #expect(key("database_name", "schema_name_1", "schema_name_2")[1] == 3_743_845_847)
    #expect(key("app", "public", "schema_migrations") == [1_726_534_663, 1_787_120_056])
  }

  // MARK: History

  private func change(
    _ kind: HistoryChange.Kind, previous: Version? = nil, newest: Version? = nil
  ) -> HistoryChange {
    HistoryChange(
      version: Version("0005"), name: "x", checksum: nil, kind: kind, previous: previous,
      newest: newest)
  }

  private func position(_ version: String, dirty: Bool) -> [String] {
    [
      "TRUNCATE \"public\".\"schema_migrations\"",
      "INSERT INTO \"public\".\"schema_migrations\" (version, dirty) VALUES (\(version), \(dirty))",
    ]
  }

  @Test func `going up sets the position to the version itself`() {
    #expect(
      layout.record(change(.applied), in: table)
        == HistoryWrite(
          mark: position("5", dirty: true), record: position("5", dirty: false)))
  }

  @Test func `going down sets the position to the version before, or empties the table`() {
    #expect(
      layout.record(change(.reverted, previous: Version("003")), in: table)
        == HistoryWrite(
          mark: position("3", dirty: true), record: position("3", dirty: false)))
    #expect(
      layout.record(change(.reverted), in: table)
        == HistoryWrite(
          mark: position("-1", dirty: true),
          record: ["TRUNCATE \"public\".\"schema_migrations\""]))
  }

  @Test func `a late migration leaves the position where it was`() {
    #expect(
      layout.record(change(.applied, newest: Version("9")), in: table).record
        == position("9", dirty: false))
  }

  @Test func `a row is position and dirty mark`() throws {
    let query = layout.readHistory(table)
    #expect(try decoded(query, ["5", "f"]) == HistoryRow(version: Version("5")))
    #expect(
      try decoded(query, ["-1", "t"]) == HistoryRow(version: Version("-1"), outcome: .broken))
  }

  // MARK: New files

  @Test(arguments: [
    ([], "m/20260109120000_add_users.up.sql"), (["000001_a.up.sql"], "m/000002_add_users.up.sql"),
    (["9_a.up.sql"], "m/10_add_users.up.sql"), (["1_a.up.psql"], "m/2_add_users.up.psql"),
    (["20250101000000_a.up.sql"], "m/20260109120000_add_users.up.sql"),
  ])
  func `new files are named as their neighbours are`(names: [String], expected: String) {
    let files = layout.newFiles(
      NewMigration(
        name: "add_users", catalog: layout.catalog(of: names.map { file($0) }), directory: "m",
        now: Instant(microseconds: 1_767_960_000_000_000), up: "", down: "B;"))
    #expect(files.map(\.path)[0] == expected)
    #expect(files.map(\.content) == ["", "B;\n"])
  }
}
