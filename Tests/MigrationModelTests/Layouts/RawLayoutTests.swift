import Diagnostics
import MigrationModel
import PostgresModel
import Testing

@Suite struct RawLayoutTests {
  let layout = RawLayout()
  let table = QualifiedName(schema: "app", "schema_migrations")
  private let banner =
    "-- ============================================================================"

  private func read(_ text: String) throws -> Migration {
    try #require(layout.catalog(of: [file("001_create_jobs.sql", text)]).migrations.first)
  }

  private func down(_ section: String) throws -> Migration.WayBack {
    try read("CREATE TABLE jobs ();\n\n\(section)").down
  }

  // MARK: Names and order

  @Test func `files are ordered by number, then by folder`() {
    let catalog = layout.catalog(of: [
      file("010_j.sql"), file("2_b.sql"), file("001_b.sql", directory: 1), file("001_c.sql"),
      file("3_.x-Y.z.sql"), file("18446744073709551616_big.sql"),
    ])
    #expect(
      catalog.migrations.map { $0.files[0].name } == [
        "001_c.sql", "001_b.sql", "2_b.sql", "3_.x-Y.z.sql", "010_j.sql",
        "18446744073709551616_big.sql",
      ])
    #expect(layout.identity(of: Version("001")) == layout.identity(of: Version("1")))
  }

  @Test func `what is no raw migration is shown with the reason`() {
    let catalog = layout.catalog(of: [
      file("001.sql"), file("001_ä.sql"), file("001_a.up.sql"), file("001_a.down.sql"),
      file("002_b.sql", "-- migrate:up\nA;\n-- migrate:down\n"), folder("003_c.sql"),
      file("004_d.sql", "-- +goose Up\n"), file("000000000000000000001_e.sql"), file("005_e.js"),
    ])
    #expect(catalog.migrations.isEmpty)
    let half = "it is half of an up and down pair, which raw SQL does not have"
    #expect(
      catalog.unsupported.map(\.reason) == [
        "its name is not NUMBER_description.sql", "its name is not NUMBER_description.sql", half,
        half, "it is marked as one of dbmate", "it is a folder, and folders inside are not read",
        "it is marked as one of goose", "its number has more than 20 digits",
        ".js files are not run",
      ])
  }

  @Test func `a gap in the numbers is a note`() {
    let catalog = layout.catalog(of: [
      file("001_a.sql"), file("002_b.sql"), file("005_c.sql"), file("20260101000000_d.sql"),
    ])
    #expect(
      catalog.notes.map(\.description) == [
        """
        note: no migration stands between 002 and 005
          at:   migrations/005_c.sql
        """
      ])
  }

  @Test func `header fields are the key and value lines of the leading comment`() throws {
    let migration = try read(
      """
      -- Migration: 001_create_jobs.sql
      -- Purpose: Jobs: what is to be done
      -- Phase:
      -- just a line
      -- Ticket No: 12

      -- Later: not of the header
      CREATE TABLE jobs ();
      """)
    #expect(
      migration.header == [
        Migration.HeaderField(key: "Migration", value: "001_create_jobs.sql"),
        Migration.HeaderField(key: "Purpose", value: "Jobs: what is to be done"),
        Migration.HeaderField(key: "Phase", value: ""),
        Migration.HeaderField(key: "Ticket No", value: "12"),
      ])
    #expect(migration.name == "create_jobs")
    #expect(migration.up.map(\.range) == [0..<migration.files[0].bytes.count])
    #expect(migration.checksum == Checksum(.sha256, of: migration.files[0].bytes))
  }

  // MARK: The rollback section

  @Test func `the example of the convention gives its statements and its warning`() throws {
    let text = """
      CREATE TABLE jobs ();

      \(banner)
      -- ROLLBACK
      \(banner)
      -- To rollback this migration:
      --   DROP TRIGGER IF EXISTS trg_jobs_updated_at ON jobs;
      --   DROP FUNCTION IF EXISTS update_updated_at_column();
      --   DROP TABLE IF EXISTS jobs CASCADE;
      --
      -- WARNING: This will delete all job data. Backup before rollback.
      """
    let migration = try read(text)
    let script = try #require(migration.downScripts.first)
    #expect(
      script.text == """
          DROP TRIGGER IF EXISTS trg_jobs_updated_at ON jobs;
          DROP FUNCTION IF EXISTS update_updated_at_column();
          DROP TABLE IF EXISTS jobs CASCADE;
        """)
    #expect(
      migration.downWarnings == ["WARNING: This will delete all job data. Backup before rollback."])
    #expect(script.fileLine(ofTextLine: 1) == 7)
    #expect(script.fileLine(ofTextLine: 3) == 9)
    #expect(script.location(ofTextCharacter: 60).description == "migrations/001_create_jobs.sql:8")
    #expect(migration.files[0].line(ofByteForTests: script.range.lowerBound) == 3)
    #expect(script.range.upperBound == migration.files[0].bytes.count)
    #expect(migration.up[0].text == text)
  }

  @Test(arguments: [
    "-- ROLLBACK", "-- rollback", "--ROLLBACK", "-- ---- Rollback ----", "-- ==== ROLLBACK ====",
    "   -- ROLLBACK", "-- ROLLBACK:", "-- DOWN", "-- ROLLBACK\r", "/* ROLLBACK */",
    "--- ROLLBACK ---",
  ])
  func `a line with nothing but the word begins the section`(heading: String) throws {
    let way = try down("\(heading)\n-- DROP TABLE jobs;\n")
    guard case .scripts(let scripts, _) = way else {
      Issue.record("no script: \(way)")
      return
    }
    #expect(scripts.map(\.text) == ["DROP TABLE jobs;"])
  }

  @Test(arguments: [
    "-- ROLLBACK the jobs", "-- to ROLLBACK", "-- == ROLLBACK: ==", "-- DOWN below", "ROLLBACK;",
    "SELECT '\n-- ROLLBACK\n';", "DO $$\nBEGIN\n-- ROLLBACK\nEND $$;",
  ])
  func `what merely holds the word does not`(heading: String) throws {
    #expect(
      try down("\(heading)\n-- DROP TABLE jobs;\n")
        == .none(reason: "there is no ROLLBACK section", isMarked: false))
  }

  @Test func `block comments count the same way`() throws {
    let way = try down(
      "/*\n * ROLLBACK\n * DROP TABLE a;\n * DROP TABLE b;\n */\n/* DROP TABLE c; */\n")
    guard case .scripts(let scripts, _) = way else {
      Issue.record("no script: \(way)")
      return
    }
    #expect(scripts[0].text == "DROP TABLE a;\nDROP TABLE b;\n\nDROP TABLE c;")
    #expect((1...4).map { scripts[0].fileLine(ofTextLine: $0) } == [5, 6, 7, 8])
  }

  @Test func `remarks are left out and told`() throws {
    let migration = try read(
      """
      A();
      -- ROLLBACK
      -- To rollback this migration, run:
      -- NOTE: takes a minute
      -- CAUTION the table is large
      -- ------
      -- DROP TABLE jobs;
      """)
    #expect(migration.downScripts.map(\.text) == ["DROP TABLE jobs;"])
    #expect(migration.downWarnings == ["CAUTION the table is large"])
    #expect(
      migration.notes.map(\.description) == [
        """
        note: NOTE: takes a minute
          at:   migrations/001_create_jobs.sql:4
        """
      ])
  }

  @Test func `a column that is named note is no remark`() throws {
    let way = try down(
      "-- ROLLBACK\n-- CREATE TABLE old (\n--   note text,\n--   warning text\n-- );\n")
    guard case .scripts(let scripts, let warnings) = way else {
      Issue.record("no script: \(way)")
      return
    }
    #expect(scripts[0].text == "CREATE TABLE old (\n  note text,\n  warning text\n);")
    #expect(warnings.isEmpty)
  }

  @Test func `prose is documented, not runnable, with the place where parsing stopped`() throws {
    let way = try down("-- ROLLBACK\n-- DROP TABLE jobs;\n-- Restore the backup by hand.\n")
    guard case .documented(let text, let diagnostic) = way else {
      Issue.record("not documented: \(way)")
      return
    }
    #expect(text == "DROP TABLE jobs;\nRestore the backup by hand.")
    #expect(
      diagnostic.description == """
        warning: the roll back of 001_create_jobs.sql is written down, but is no SQL: syntax error at or \
        near "Restore"
          at:   migrations/001_create_jobs.sql:5
          next: write it as SQL, or begin the line with NOTE
        """)
  }

  @Test(arguments: [
    "-- ROLLBACK\n", "-- ROLLBACK\n-- WARNING: cannot be undone\n", "-- ROLLBACK\n--\n\n",
  ])
  func `a section with nothing but remarks is no way back`(section: String) throws {
    #expect(
      try down(section)
        == .none(reason: "its ROLLBACK section holds nothing to run", isMarked: false))
  }

  @Test func `a section that says so is marked as non-reversible`() throws {
    #expect(
      try down("-- ROLLBACK\n-- WARNING: Non-reversible, rows were merged\n")
        == .none(
          reason: "marked \"WARNING: Non-reversible, rows were merged\"", isMarked: true))
  }

  @Test func `a statement below the banner runs with up and is reported`() throws {
    let migration = try read("A();\n-- ROLLBACK\n-- DROP TABLE a;\nDROP TABLE b;\n")
    #expect(migration.downScripts.map(\.text) == ["DROP TABLE a;"])
    #expect(
      migration.notes.map(\.description) == [
        """
        warning: a statement below the ROLLBACK banner of 001_create_jobs.sql is not commented: it runs \
        when the migration is applied
          at:   migrations/001_create_jobs.sql:4
          next: put `-- ` before it if it belongs to the way back, or move it above the banner
        """
      ])
  }

  @Test func `line breaks of Windows are no part of the script`() throws {
    let migration = try read("A();\r\n-- ROLLBACK\r\n-- DROP TABLE a;\r\n-- DROP TABLE b;\r\n")
    #expect(migration.downScripts.map(\.text) == ["DROP TABLE a;\nDROP TABLE b;"])
  }

  // MARK: History

  @Test func `history is written with who and what`() {
    let change = HistoryChange(
      version: Version("001"), name: "create_jobs", checksum: Checksum(.sha256, of: []),
      kind: .applied, runBy: "o'brien@lockstep host")
    let digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    #expect(
      layout.record(change, in: table).record == [
        "INSERT INTO \"app\".\"schema_migrations\" (version, name, applied_by, checksum) "
          + "VALUES ('001', 'create_jobs', 'o''brien@lockstep host', '\(digest)')"
      ])
    var again = change
    again.kind = .reaffirmed
    #expect(
      layout.record(again, in: table).record == [
        "UPDATE \"app\".\"schema_migrations\" SET checksum = '\(digest)' WHERE version = '001'"
      ])
  }

  @Test func `a row without a checksum says that drift is unknown`() throws {
    let row = try decoded(layout.readHistory(table), ["001", "create_jobs", "0", "me", nil])
    #expect(
      row
        == HistoryRow(
          version: Version("001"), name: "create_jobs", appliedAt: Instant(microseconds: 0),
          appliedBy: "me"))
  }

  @Test func `long versions make the column wider, in a new table and in an old one`() {
    let short = layout.catalog(of: [file("001_a.sql")])
    let long = layout.catalog(of: [file("20260109120000_a.sql")])
    #expect(layout.createTable(table, for: short)[0].contains("version VARCHAR(10) PRIMARY KEY"))
    #expect(layout.createTable(table, for: long)[0].contains("version VARCHAR(20) PRIMARY KEY"))
    let columns = ["version": "character varying(10)"]
    #expect(layout.adjustTable(table, columns: columns, for: short).isEmpty)
    #expect(
      layout.adjustTable(table, columns: columns, for: long) == [
        "ALTER TABLE \"app\".\"schema_migrations\" ALTER COLUMN version TYPE VARCHAR(20)"
      ])
    #expect(
      layout.adjustTable(table, columns: ["version": "character varying(20)"], for: long).isEmpty)
  }

  // MARK: New files

  @Test func `a new file has header, banner and a section that is read back`() throws {
    let catalog = layout.catalog(of: [file("001_a.sql"), file("009_b.sql")])
    let made = layout.newFiles(
      NewMigration(
        name: "add_jobs", catalog: catalog, directory: "m", now: Instant(microseconds: 0),
        up: "CREATE TABLE jobs ();\n", down: "DROP TABLE jobs;\n\nSELECT 1;\n"))
    #expect(
      made == [
        NewFile(
          path: "m/010_add_jobs.sql",
          content: """
            -- Migration: 010_add_jobs.sql
            -- Purpose:
            -- Phase:
            -- Checklist:

            CREATE TABLE jobs ();

            \(banner)
            -- ROLLBACK
            \(banner)
            -- To rollback this migration:
            -- DROP TABLE jobs;
            --
            -- SELECT 1;

            """)
      ])
    let again = try read(made[0].content)
    #expect(again.downScripts.map(\.text) == ["DROP TABLE jobs;\n\nSELECT 1;"])
    #expect(again.header.map(\.key) == ["Migration", "Purpose", "Phase", "Checklist"])
  }

  @Test func `the first file of a folder is 001`() {
    let made = layout.newFiles(
      NewMigration(
        name: "init", catalog: Catalog(migrations: []), directory: "m",
        now: Instant(microseconds: 0), up: "", down: ""))
    #expect(made.map(\.path) == ["m/001_init.sql"])
  }
}

extension SourceFile {
  fileprivate func line(ofByteForTests offset: Int) -> Int? { location(ofByte: offset).line }
}
