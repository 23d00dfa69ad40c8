import Diagnostics
import MigrationModel
import PostgresModel
import Testing

@Suite struct RecognitionTests {
  private let dbmateTable = RecognisedTable(
    name: QualifiedName(schema: "public", "schema_migrations"),
    columns: ["version": "character varying"])
  private let golangTable = RecognisedTable(
    name: QualifiedName(schema: "public", "schema_migrations"),
    columns: ["version": "bigint", "dirty": "boolean"])
  private let rawTable = RecognisedTable(
    name: QualifiedName(schema: "public", "schema_migrations"),
    columns: [
      "version": "character varying(10)", "name": "character varying(255)",
      "applied_at": "timestamp with time zone", "applied_by": "character varying(255)",
      "checksum": "character varying(64)",
    ])
  private let sqlxTable = RecognisedTable(
    name: QualifiedName(schema: "public", "_sqlx_migrations"),
    columns: [
      "version": "bigint", "description": "text", "installed_on": "timestamp with time zone",
      "success": "boolean", "checksum": "bytea", "execution_time": "bigint",
    ])

  private func name(
    _ files: [SourceFile], _ tables: [RecognisedTable] = [], project: Set<String> = []
  ) -> String {
    switch Layouts.recognise(files: files, tables: tables, projectEntries: project) {
    case .layout(let layout): layout.name
    case .ambiguous(let names, _): names.joined(separator: " or ")
    case .unknown: "unknown"
    }
  }

  private let pair = [file("1_a.up.sql"), file("1_a.down.sql")]
  private let marked = [file("1_a.sql", "-- migrate:up\nA;\n-- migrate:down\n")]

  @Test func `marks in the files decide`() {
    #expect(name(marked) == "dbmate")
    #expect(name([file("001_a.sql", "A;\n-- ROLLBACK\n-- B;\n")]) == "raw")
    #expect(name([file("001_a.sql", "-- Migration: 001_a.sql\nA;\n")]) == "raw")
    #expect(name([file("1_a.sql", "-- no-transaction\nA;")]) == "sqlx")
    #expect(name([file("1_a.up.psql"), file("1_a.down.psql")]) == "golang-migrate")
  }

  @Test func `names decide where there are no marks`() {
    #expect(name([file("001_a.sql"), file("002_b.sql")]) == "raw")
    #expect(name([file("20260101000000_a.sql")]) == "sqlx")
    #expect(name([file("20260101000000_a.sql"), file("20260101000000_a.down.sql")]) == "sqlx")
  }

  @Test func `pairs are ambiguous until a table or the project says more`() {
    #expect(name(pair) == "sqlx or golang-migrate")
    #expect(name(pair, [sqlxTable]) == "sqlx")
    #expect(name(pair, [golangTable]) == "golang-migrate")
    #expect(name(pair, [sqlxTable, golangTable]) == "sqlx or golang-migrate")
    #expect(name(pair, project: ["sqlx.toml"]) == "sqlx")
  }

  @Test func `a table says more than names, and less than marks`() {
    #expect(name([file("001_a.sql")], [sqlxTable]) == "sqlx")
    #expect(name([file("20260101000000_a.sql")], [rawTable]) == "raw")
    #expect(name(marked, [golangTable]) == "dbmate")
  }

  @Test func `an empty folder belongs to whom the table belongs to`() {
    #expect(name([], [dbmateTable]) == "dbmate")
    #expect(name([], [rawTable]) == "raw")
    #expect(name([], project: [".env.dbmate"]) == "dbmate")
    #expect(name([]) == "unknown")
  }

  @Test func `ambiguity names the option that settles it`() {
    guard case .ambiguous(_, let diagnostic) = Layouts.recognise(files: pair, tables: []) else {
      Issue.record("not ambiguous")
      return
    }
    #expect(
      diagnostic.description == """
        error: the files fit sqlx and golang-migrate, and no history table settles it
          next: `--layout sqlx` or `--layout golang-migrate`, or `layout` in lockstep.json, says which
        """)
  }

  @Test func `files of a tool that is not read are named as such`() {
    guard
      case .unknown(let diagnostic) = Layouts.recognise(
        files: [file("001_a.sql", "-- +goose Up\nA;\n")], tables: [])
    else {
      Issue.record("recognised")
      return
    }
    #expect(diagnostic.what == "the files are marked as those of goose")
    #expect(diagnostic.at == "migrations/001_a.sql")
  }

  @Test func `an empty folder without a table asks for the option`() {
    guard case .unknown(let diagnostic) = Layouts.recognise(files: [], tables: []) else {
      Issue.record("recognised")
      return
    }
    #expect(
      diagnostic.what == "the folder holds no migrations that say which tool they belong to")
    #expect(diagnostic.next?.hasPrefix("say which with `--layout NAME`: dbmate, sqlx, raw") == true)
  }

  @Test func `another tool's table under the layout's name is told`() throws {
    #expect(
      Layouts.mismatch(of: golangTable, with: DbmateLayout())?.description == """
        error: the table public.schema_migrations is a history of golang-migrate, not of dbmate
          next: say `--layout golang-migrate` if the files are its, or name another table with `--table \
        NAME`; nothing was written
        """)
    let strange = RecognisedTable(name: QualifiedName("t"), columns: ["b": "text", "a": "text"])
    #expect(
      Layouts.mismatch(of: strange, with: DbmateLayout())?.what
        == "the table t is no history of dbmate: its columns are a, b")
    #expect(Layouts.mismatch(of: dbmateTable, with: DbmateLayout()) == nil)
  }

  @Test func `only marks make tables superfluous`() {
    #expect(Layouts.marked(by: marked)?.name == "dbmate")
    #expect(Layouts.marked(by: pair) == nil)
    #expect(Layouts.marked(by: pair, projectEntries: [".sqlx"])?.name == "sqlx")
    #expect(Layouts.marked(by: [file("20260101000000_a.sql")]) == nil)
  }

  @Test func `each layout recognises its own table alone`() {
    let tables = [dbmateTable, sqlxTable, rawTable, golangTable]
    for (layout, own) in zip(Layouts.all, tables) {
      #expect(tables.filter { layout.recognisesTable(columns: $0.columns) } == [own])
    }
  }
}
