import MigrationModel
import Postgres
import PostgresModel
import TestSupport
import Testing

@testable import MigrationEngine

/// A checklist that looks at files of the project beside its migrations.
@Suite(.fewAtOnce) struct CheckedFilesTests {
  @Test func `key queries, assertions and the query cache are looked at`() async throws {
    let fixture = try await ProjectFixture.checked([.dropped])
    try await fixture.database.execute("INSERT INTO orders VALUES (1, NULL, 'web')")
    let folder = fixture.folder
    folder.write("key/channels.sql", "SELECT channel, count(*) FROM orders GROUP BY 1;")
    folder.write(
      "assert/a.sql", "SELECT 'without a customer', count(*) FROM orders WHERE customer IS NULL;")
    folder.write(
      "cache/query-1.json",
      QueryCacheProbeTests.cached(
        "SELECT channel FROM orders",
        columns: "{\"ordinal\": 0, \"name\": \"channel\", \"type_info\": \"Text\"}",
        nullable: "[true]"))
    let sources = CheckSources(
      keyQueries: "\(folder.path)/key", assertions: "\(folder.path)/assert/a.sql",
      sqlxFolder: "\(folder.path)/cache")
    let list = Checklist(
      title: "files",
      items: [CheckProof.performance, .contract, .assertions, .queryCache].map {
        ChecklistItem(id: $0.rawValue, title: $0.rawValue, proof: $0)
      })
    let ran = try await fixture.check(checklist: list, sources: sources)
    #expect(
      ran.lines == [
        "performance failed", "contract failed", "assertions failed", "query_cache failed",
      ])
    #expect(
      try ran.item("assertions").evidence.map(\.text).contains(
        "  on the target: without a customer: 1"))
    // The files are no part of the migration, so that they are looked at each time.
    folder.write("key/channels.sql", "SELECT count(*) FROM orders;")
    folder.write("assert/a.sql", "SELECT 'none', 0;")
    folder.remove("cache/query-1.json")
    let again = try await fixture.check(checklist: list, sources: sources)
    #expect(
      again.lines == [
        "performance passed", "contract failed", "assertions passed", "query_cache not_applicable",
      ])
  }

  @Test func `dump and diagram are those of the schema after all that is pending`() async throws {
    let fixture = try await ProjectFixture.checked([SampleMigration.note, .dropped])
    let folder = fixture.folder
    let sources = CheckSources(
      schemaFile: "\(folder.path)/schema.sql", diagramFile: "\(folder.path)/erd.mmd")
    let list = Checklist(
      title: "files",
      items: [ChecklistItem(id: "documentation", title: "documentation", proof: .documentation)])
    let missing = try await fixture.check(checklist: list, sources: sources)
    #expect(missing.lines == ["documentation failed", "documentation failed"])
    // A second project of the same files, where all is applied, says what they have to be.
    let done = try await TestServer.shared.makeDatabase()
    try await done.execute("CREATE TABLE orders (id int PRIMARY KEY, customer int, channel text)")
    let other = try ProjectFixture("dbmate", [SampleMigration.note, .dropped], in: done)
    #expect(try await other.run(.upAll).summary == "finished +2 -0")
    let (target, table) = (try other.target, QualifiedName(schema: "public", "schema_migrations"))
    let (dump, diagram) = try await onLoop { loop in
      let session = try await Connection.open(target, application: "dump", loop: loop)
      let dump = try await SchemaFile(path: "", target: target).text(
        history: DbmateLayout(), table: table, session)
      let snapshot = try await SchemaReader(session, leavingOut: [table]).read()
      return (dump, ERDiagram(snapshot).mermaid)
    }
    folder.write("schema.sql", dump)
    folder.write("erd.mmd", diagram)
    let fresh = try await fixture.check(checklist: list, sources: sources)
    #expect(fresh.lines == ["documentation passed", "documentation passed"])
    #expect(
      try fresh.item("documentation").evidence.last?.text
        == "  comments on 0 of 0 new tables and 0 of 1 new columns")
    folder.write("erd.mmd", diagram + "x")
    let stale = try await fixture.check(checklist: list, sources: sources)
    #expect(stale.lines == ["documentation failed", "documentation failed"])
    // Where nothing is pending they are those of the target.
    #expect(try await fixture.run(.upAll).summary == "finished +2 -0")
    folder.write("erd.mmd", diagram)
    let applied = try await fixture.check(["001", "002"], checklist: list, sources: sources)
    #expect(applied.lines == ["documentation passed", "documentation passed"])
    #expect(!applied.rehearsed)
  }
}
