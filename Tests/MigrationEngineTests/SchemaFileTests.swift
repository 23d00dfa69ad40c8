import EventLoop
import MigrationModel
import Postgres
import PostgresModel
import TestSupport
import Testing

@testable import MigrationEngine

@Suite(.fewAtOnce) struct SchemaFileTests {
  private func write(
    _ fixture: ProjectFixture, to path: String, suffix: String = ""
  ) async throws {
    let target = try ConnectionString(fixture.database.url + suffix)
    let loaded = try await fixture.load()
    try await onLoop { loop in
      let connection = try await Connection.open(target, application: "dump", loop: loop)
      try await SchemaFile(path: path, target: target).write(
        history: loaded.layout, table: loaded.table, connection)
    }
  }

  @Test func `the schema and the versions are written, and nothing of ours`() async throws {
    let fixture = try await ProjectFixture("dbmate", [.table("2", "b"), .table("10", "a")])
    _ = try await fixture.run(.upAll)
    try await fixture.database.execute(
      "CREATE SCHEMA lockstep; CREATE TABLE lockstep.records (kind text);"
        + " CREATE TABLE lockstep.journal (layout text, history_table text, version text,"
        + " direction text, statements_done int, statements_total int, started_at timestamptz,"
        + " run_by text)")
    try await write(fixture, to: "\(fixture.folder.path)/db/schema.sql")
    let text = try #require(fixture.folder.text("db/schema.sql"))
    #expect(text.contains("CREATE TABLE public.a ("))
    #expect(!text.contains("lockstep"))
    #expect(
      text.hasSuffix(
        """


        --
        -- Dbmate schema migrations
        --

        INSERT INTO public.schema_migrations (version) VALUES
            ('10'),
            ('2');

        """))
    #expect(!text.hasPrefix("--") && !text.hasPrefix("\n"))
  }

  @Test func `a schema named lockstep that is the project's own is written, less ours`()
    async throws
  {
    let fixture = try await ProjectFixture("dbmate", [.table("1", "a")])
    _ = try await fixture.run(.upAll)
    try await fixture.database.execute(
      "CREATE SCHEMA lockstep; CREATE TABLE lockstep.records (kind text);"
        + " CREATE TABLE lockstep.steps (n int)")
    try await write(fixture, to: "\(fixture.folder.path)/schema.sql")
    let text = try #require(fixture.folder.text("schema.sql"))
    #expect(text.contains("CREATE TABLE lockstep.steps ("))
    #expect(!text.contains("lockstep.records"))
  }

  @Test func `only the schemas of the URL's search path are written`() async throws {
    let fixture = try await ProjectFixture("dbmate", [.table("1", "a")])
    _ = try await fixture.run(.upAll)
    try await fixture.database.execute("CREATE SCHEMA other; CREATE TABLE other.o (n int)")
    try await write(
      fixture, to: "\(fixture.folder.path)/schema.sql",
      suffix: "&options=-csearch_path%3Dpublic")
    let text = try #require(fixture.folder.text("schema.sql"))
    #expect(text.contains("CREATE TABLE public.a (") && !text.contains("other"))
  }

  @Test func `what cannot be written leaves the old file`() async throws {
    let fixture = try await ProjectFixture("dbmate", [.table("1", "a")])
    _ = try await fixture.run(.upAll)
    fixture.folder.write("db", "a file")
    await #expect(
      throws: SchemaFile.Failure.cannotWrite(
        path: "\(fixture.folder.path)/db/schema.sql", reason: "Not a directory")
    ) {
      try await write(fixture, to: "\(fixture.folder.path)/db/schema.sql")
    }
    #expect(fixture.folder.text("db") == "a file")
  }

  @Test func `comments and blank lines before the first statement go`() {
    #expect(
      SchemaFile.withoutLeadingComments("--\n-- dump\n\n  \nSET a = 1;\n-- stays\n")
        == "SET a = 1;\n-- stays\n")
    #expect(SchemaFile.withoutLeadingComments("") == "")
  }

  @Test(arguments: [
    ("pg_dump (PostgreSQL) 15.14", true), ("pg_dump (PostgreSQL) 15.13", false),
    ("pg_dump (PostgreSQL) 16.10 (Debian 16.10-1)", true), ("pg_dump (PostgreSQL) 17.5", false),
    ("pg_dump (PostgreSQL) 18beta1", true), ("pg_dump (PostgreSQL) 18.0", true),
    ("pg_dump (PostgreSQL) 13.22", true), ("nothing", false),
  ])
  func `the restrict key is given to the releases that know it`(_ version: String, _ has: Bool) {
    #expect(SchemaFile.hasRestrictKey(version) == has)
  }
}
