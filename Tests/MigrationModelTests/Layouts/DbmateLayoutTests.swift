import Diagnostics
import MigrationModel
import PostgresModel
import Testing

@Suite struct DbmateLayoutTests {
  let layout = DbmateLayout()
  let table = QualifiedName(schema: "public", "schema_migrations")

  private func read(_ text: String, named name: String = "1_a.sql") throws -> Migration {
    try #require(layout.catalog(of: [file(name, text)]).migrations.first)
  }

  private func fault(_ text: String) throws -> String {
    try #require(try read(text).faults.first).description
  }

  // MARK: Names and order

  @Test func `versions are the leading digits as text, whatever follows`() {
    let catalog = layout.catalog(of: [
      file("001_a.sql"), file("1.sql"), file("20260109120000-b.sql"), file("12c.sql"),
    ])
    #expect(
      catalog.migrations.map(\.version.text) == ["001", "1", "12", "20260109120000"])
    #expect(catalog.migrations.map(\.name) == ["a", "", "c", "-b"])
    #expect(layout.identity(of: Version("001")) != layout.identity(of: Version("1")))
  }

  @Test func `files are ordered by their whole name as bytes, folders not considered`() {
    let catalog = layout.catalog(of: [
      file("9_b.sql"), file("10_b.sql", directory: 1), file("9_a.sql", directory: 1),
      file("10_B.sql"),
    ])
    #expect(
      catalog.migrations.map { $0.files[0].name } == ["10_B.sql", "10_b.sql", "9_a.sql", "9_b.sql"])
  }

  @Test func `files that dbmate passes over are shown with the reason`() {
    let catalog = layout.catalog(of: [
      file("a.sql"), file("1_a.SQL"), folder("2_b.sql"), file("README.md"), file(".gitkeep"),
      file("3_c.js"), file("LICENSE"),
    ])
    #expect(catalog.migrations.isEmpty)
    #expect(
      catalog.unsupported.map(\.reason) == [
        "its name does not begin with a version in digits", "its ending is not .sql in lower case",
        "it is a folder, and folders inside are not read", "a text for people", "a hidden file",
        ".js files are not run", "it has no .sql at its end",
      ])
  }

  // MARK: Sections

  @Test func `up and down are the bytes from their markers on`() throws {
    let text = "-- a note\n\n-- migrate:up\nCREATE TABLE a ();\n\n-- migrate:down\nDROP TABLE a;\n"
    let migration = try read(text)
    #expect(migration.faults.isEmpty)
    #expect(migration.up.map(\.text) == ["-- migrate:up\nCREATE TABLE a ();\n\n"])
    #expect(migration.downScripts.map(\.text) == ["-- migrate:down\nDROP TABLE a;\n"])
    #expect(migration.up[0].fileLine(ofTextLine: 2) == 4)
    #expect(migration.checksum == nil)
  }

  @Test(arguments: [
    "--migrate:up\nA;\n-- migrate:down\nB;", "--   migrate:up\nA;\n--\tmigrate:down\nB;",
    "-- migrate:up\r\nA;\r\n-- migrate:down\r\nB;\r\n",
    "-- migrate:up foo\nA;\n-- migrate:down\nB;",
    "--\nmigrate:up\nA;\n-- migrate:down\nB;", "-- migrate:up\nA;\n-- migrate:down bar\nB;",
    "\n  -- comment\n\t\n-- migrate:up\nA;\n-- migrate:down\nB;",
  ])
  func `a marker is found in every form that dbmate finds`(text: String) throws {
    let migration = try read(text)
    #expect(migration.faults.isEmpty)
    #expect(migration.up.count == 1)
    #expect(migration.up[0].text.contains("A;"))
    #expect(!migration.up[0].text.contains("B;"))
    #expect(migration.downScripts.map { $0.text.contains("B;") } == [true])
  }

  @Test(arguments: [
    " -- migrate:up\nA;\n-- migrate:down\n", "-- MIGRATE:UP\n-- migrate:down\n",
    "-- migrate:upgrade\n-- migrate:down\n", "-- migrate:up;\n-- migrate:down\n", "", "SELECT 1;\n",
  ])
  func `what only looks like an up marker is none`(text: String) throws {
    #expect(try read(text).faults.first?.code ?? "" != "")
    #expect(try read(text).up.isEmpty)
  }

  @Test func `a file without an up marker is a fault with its place`() throws {
    #expect(
      try fault("SELECT 1;\n") == """
        error: 1_a.sql is no dbmate migration: there is no line that begins with `-- migrate:up`
          at:   migrations/1_a.sql:1:1
          next: write `-- migrate:up` in the first column above the statements
        """)
  }

  @Test func `a byte order mark before the marker is named as the cause`() throws {
    #expect(
      try fault("\u{FEFF}-- migrate:up\nA;\n-- migrate:down\n") == """
        error: 1_a.sql is no dbmate migration: a byte order mark stands before `-- migrate:up` and hides \
        it from dbmate
          at:   migrations/1_a.sql:1:1
          next: save the file as UTF-8 without a byte order mark
        """)
  }

  @Test func `a missing down marker is a fault at the up marker`() throws {
    #expect(
      try fault("-- c\n-- migrate:up\nA;\n") == """
        error: 1_a.sql is no dbmate migration: there is no `-- migrate:down` for this `-- migrate:up`
          at:   migrations/1_a.sql:2:1
          next: write `-- migrate:down` behind the up section, with nothing below it if there is no way \
        back
        """)
  }

  @Test func `a down marker before the up marker is a fault`() throws {
    #expect(
      try fault("-- migrate:down\nB;\n-- migrate:up\nA;\n") == """
        error: 1_a.sql is no dbmate migration: `-- migrate:down` stands before `-- migrate:up`
          at:   migrations/1_a.sql:1:1
          next: move the down section behind the up section
        """)
  }

  @Test func `a statement or block comment before the up marker is a fault`() throws {
    for first in ["SELECT 1;", "/* note */", "\u{FEFF}"] {
      #expect(
        try fault("\n  \(first)\n-- migrate:up\n-- migrate:down\n") == """
          error: 1_a.sql is no dbmate migration: there is more than comments before `-- migrate:up`
            at:   migrations/1_a.sql:2:3
            next: move the statement behind the marker; dbmate refuses the file as it is
          """)
    }
  }

  @Test func `two down markers in one section are a fault at the second`() throws {
    #expect(
      try fault("-- migrate:up\n-- migrate:down\nB;\n-- migrate:down\n") == """
        error: 1_a.sql is no dbmate migration: there is a second `-- migrate:down` in one section
          at:   migrations/1_a.sql:4:1
          next: put the statements of both below one marker
        """)
  }

  @Test func `several sections run in order in both directions, with a warning`() throws {
    let migration = try read(
      "-- migrate:up\nA;\n-- migrate:down\nB;\n-- migrate:up transaction:false\nC;\n-- migrate:down\nD;\n"
    )
    #expect(migration.up.map { $0.text.contains("A;") } == [true, false])
    #expect(migration.up.map { $0.noTransaction?.line } == [nil, 5])
    #expect(
      migration.downScripts.map(\.text) == ["-- migrate:down\nB;\n", "-- migrate:down\nD;\n"])
    #expect(
      migration.notes.map(\.description) == [
        """
        warning: 1_a.sql has 2 sections, and dbmate before 2.37 fails in the second: it records \
        the version after each
          at:   migrations/1_a.sql
          next: make a file of each section; Lockstep runs them in order and records the version with the \
        last
        """
      ])
  }

  @Test(arguments: [
    ("transaction:false", true), ("foo transaction:false bar:baz", true),
    ("transaction: false", false),
    ("transaction:FALSE", false), ("transaction:false:", false), ("transaction:true", false),
    ("transaction:false transaction:true", false), ("x:transaction:false", false), ("", false),
    ("Transaction:false", false), ("transaction:false\r", true),
  ])
  func `only transaction:false as dbmate reads it opts out`(option: String, expected: Bool) throws {
    let migration = try read("-- migrate:up \(option)\nA;\n-- migrate:down\nB;\n")
    #expect((migration.up[0].noTransaction != nil) == expected)
    #expect(migration.downScripts[0].noTransaction == nil)
  }

  @Test(arguments: ["", "\n\n", "\n-- nothing\n", "\n/* one\n\n two; */\n", "\n;\n"])
  func `a down section without a statement is no way back`(down: String) throws {
    let migration = try read("-- migrate:up\nA;\n-- migrate:down\(down)")
    #expect(migration.reasonAgainstDown == "its down section is empty")
    #expect(!migration.isReversible)
  }

  @Test func `a migration marked as non-reversible says so with and without a down script`() throws
  {
    let mark = "-- WARNING: Non-reversible migration - data moved"
    let none = try read("-- migrate:up\n\(mark)\nA;\n-- migrate:down\n")
    #expect(
      none.down
        == .none(
          reason: "marked \"WARNING: Non-reversible migration - data moved\"", isMarked: true))
    let some = try read("-- migrate:up\n\(mark)\nA;\n-- migrate:down\nB;\n")
    #expect(some.downWarnings == ["marked \"WARNING: Non-reversible migration - data moved\""])
  }

  @Test func `content that cannot be sent is a fault with its place`() throws {
    let invalid = try #require(
      layout.catalog(of: [
        file("1_a.sql", bytes: Array("-- migrate:up\nSELECT '".utf8) + [0xE9, 0x27, 0x3B])
      ]).migrations.first)
    #expect(
      invalid.faults.map(\.description) == [
        """
        error: migrations/1_a.sql is not UTF-8: byte 0xe9 at offset 22
          at:   migrations/1_a.sql:2:9
          next: save the file as UTF-8; nothing was run
        """
      ])
    #expect(
      try fault("-- migrate:up\nSELECT '\0';\n") == """
        error: migrations/1_a.sql holds a NUL byte, which no SQL may
          at:   migrations/1_a.sql:2:9
          next: take the byte out; nothing was run
        """)
    #expect(
      layout.catalog(of: [unreadable("1_a.sql")]).migrations.first?.faults.map(\.description) == [
        """
        error: migrations/1_a.sql cannot be read: permission denied
          at:   migrations/1_a.sql
          next: put a readable file in its place, or take it out of the folder; nothing was run
        """
      ])
  }

  // MARK: History

  @Test func `history is written as dbmate writes it`() {
    let change = HistoryChange(
      version: Version("001"), name: "it's", checksum: nil, kind: .applied)
    #expect(
      layout.record(change, in: table)
        == HistoryWrite(
          record: ["INSERT INTO \"public\".\"schema_migrations\" (version) VALUES ('001')"]))
    let reverted = HistoryChange(
      version: Version("001"), name: "", checksum: nil, kind: .reverted)
    #expect(
      layout.record(reverted, in: table).record
        == ["DELETE FROM \"public\".\"schema_migrations\" WHERE version = '001'"])
    #expect(
      layout.createTable(table, for: Catalog(migrations: []))
        == [
          "create table if not exists \"public\".\"schema_migrations\" (version varchar primary key)"
        ])
    #expect(layout.advisoryLocks(database: "app", table: table).map(\.key) == [48_372_615])
  }

  @Test func `a row is its version`() throws {
    let row = try decoded(layout.readHistory(table), ["001"])
    #expect(row == HistoryRow(version: Version("001")))
  }

  // MARK: New files

  private func new(
    _ files: [SourceFile], up: String = "", down: String = "", outside: Bool = false
  ) -> NewFile {
    layout.newFiles(
      NewMigration(
        name: "Add users-Table", catalog: layout.catalog(of: files), directory: "db/migrations",
        now: Instant(microseconds: 1_767_960_000_000_000), up: up, down: down,
        isOutsideTransaction: outside))[0]
  }

  @Test func `a new file is named by the time and holds what dbmate's would`() {
    #expect(
      new([])
        == NewFile(
          path: "db/migrations/20260109120000_add_users_table.sql",
          content: "-- migrate:up\n\n\n-- migrate:down\n\n"))
  }

  @Test(arguments: [
    ("ajouter_événements", "ajouter_événements"), ("注文 Index", "注文_index"), ("📧", "migration"),
  ])
  func `a name keeps the letters of its own script`(_ name: String, _ title: String) {
    let made = layout.newFiles(
      NewMigration(
        name: name, catalog: layout.catalog(of: []), directory: "db/migrations",
        now: Instant(microseconds: 1_767_960_000_000_000), up: "", down: "",
        isOutsideTransaction: false))
    #expect(made.map(\.path) == ["db/migrations/20260109120000_\(title).sql"])
  }

  @Test func `a new file goes on with the numbers of its neighbours`() {
    let made = new([file("0001_a.sql"), file("0009_b.sql")], up: "A;\n", down: "B;")
    #expect(made.path == "db/migrations/0010_add_users_table.sql")
    #expect(made.content == "-- migrate:up\nA;\n\n-- migrate:down\nB;\n")
  }

  @Test func `a new file takes the next free second`() {
    #expect(
      new([file("20260109120000_x.sql")]).path == "db/migrations/20260109120001_add_users_table.sql"
    )
  }

  @Test func `a template outside a transaction says so on both markers`() {
    #expect(
      new([], up: "A;", down: "B;", outside: true).content
        == "-- migrate:up transaction:false\nA;\n\n-- migrate:down transaction:false\nB;\n")
  }
}
