import MigrationEngine
import MigrationModel
import PostgresModel
import TestSupport
import Testing

/// What a statement that was ended half-way leaves in the schema: invalid indexes, partitions half detached.
@Suite(.fewAtOnce) struct HalfDoneObjectsTests {
  /// Runs what is pending while the gate's transaction keeps it from its end, and cancels it once a
  /// session of it is found waiting.
  private func runAndCancel(
    _ fixture: ProjectFixture, holding statement: String, waiting: String
  ) async throws {
    let plan = try await fixture.plan(.upAll)
    try await Gate.closed(in: fixture.database) { gate in
      try await gate.execute(statement)
      let ran = try await fixture.run(plan) {
        _ = try await ResumeTests.session(
          fixture,
          """
          SELECT pid FROM pg_stat_activity WHERE datname = current_database()
            AND query LIKE '\(waiting)%' AND wait_event_type = 'Lock'
          """)
      }
      #expect(ran.summary == "interrupted interrupted +0 -0")
    }
  }

  @Test func `what REINDEX CONCURRENTLY leaves is dropped, and the index built again`() async throws
  {
    let fixture = try await ProjectFixture(
      "raw",
      [
        ResumeTests.base,
        SampleMigration(
          "002", "reindex", up: "REINDEX TABLE CONCURRENTLY a;\nINSERT INTO ran VALUES (2);"),
      ])
    _ = try await fixture.run(.up(to: "001"))
    try await runAndCancel(
      fixture, holding: "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM a LIMIT 1",
      waiting: "REINDEX")
    let left = try await fixture.status().invalidIndexes.map(\.name.name)
    #expect(left == ["old_ccnew"])
    let plan = try await fixture.plan(.resume(Version("002")))
    #expect(
      plan.steps.first?.resumption?.cleanUp
        == ["DROP INDEX CONCURRENTLY IF EXISTS \"public\".\"old_ccnew\""])
    #expect(try await fixture.run(plan).summary == "finished +1 -0")
    #expect(try await fixture.status().invalidIndexes == [])
    #expect(try await fixture.database.rows("SELECT statement FROM ran") == ["2"])
  }

  @Test func `a partition that is half detached is finalized`() async throws {
    let fixture = try await ProjectFixture(
      "dbmate",
      [
        SampleMigration(
          "001", "partitions",
          up: """
            CREATE TABLE p (n int) PARTITION BY RANGE (n);
            CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
            """),
        SampleMigration(
          "002", "detach",
          up: "ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY;\nCREATE TABLE after ();"),
      ])
    _ = try await fixture.run(.up(to: "001"))
    try await runAndCancel(
      fixture, holding: "BEGIN; LOCK TABLE p IN ACCESS SHARE MODE", waiting: "ALTER TABLE p")
    let plan = try await fixture.plan(.resume(Version("002")))
    #expect(
      plan.steps.first?.resumption?.substitute
        == "ALTER TABLE \"p\" DETACH PARTITION \"p1\" FINALIZE")
    #expect(try await fixture.run(plan).summary == "finished +1 -0")
    #expect(try await fixture.database.rows("SELECT count(*) FROM pg_inherits") == ["0"])
    #expect(try await fixture.database.rows("SELECT to_regclass('after') IS NOT NULL") == ["t"])
  }

  /// Leaves an invalid index `i` on `a (id)`, as a failed build does.
  private func leaveInvalidIndex(_ fixture: ProjectFixture) async throws {
    try await fixture.database.execute("INSERT INTO a VALUES (1, 1)")
    await #expect(throws: (any Error).self) {
      try await fixture.database.execute("CREATE UNIQUE INDEX CONCURRENTLY i ON a (id)")
    }
  }

  @Test func `IF NOT EXISTS does not pass over an invalid index`() async throws {
    let pending = SampleMigration(
      "002", "index", up: "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON a (id);")
    let fixture = try await ProjectFixture("raw", [ResumeTests.base, pending])
    _ = try await fixture.run(.up(to: "001"))
    try await leaveInvalidIndex(fixture)
    let ran = try await fixture.run(.upAll)
    #expect(ran.summary == "refused invalid_index")
    #expect(
      ran.diagnostic?.description == """
        error: 002_index would take the invalid index public.i for its own: IF NOT EXISTS passes over it, and no query could use it
          at:   \(fixture.path(pending)):1:1
          next: take it away first: DROP INDEX CONCURRENTLY "public"."i"; nothing was run
        """)
    // One that takes it away itself is let through.
    fixture.write(
      SampleMigration(
        "002", "index",
        up: """
          DROP INDEX CONCURRENTLY IF EXISTS i;
          CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON a (id);
          """))
    #expect(try await fixture.run(.upAll).summary == "finished +1 -0")
    #expect(try await fixture.status().notes.allSatisfy { $0.code != "invalid_index" })
  }

  @Test func `an invalid index that no migration made is told as well`() async throws {
    let fixture = try await ProjectFixture("raw", [ResumeTests.base])
    _ = try await fixture.run(.upAll)
    try await leaveInvalidIndex(fixture)
    #expect(
      try await fixture.status().notes.map(\.description) == [
        """
        warning: the index public.i on public.a is invalid: no query uses it, and every write keeps it up
          next: DROP INDEX CONCURRENTLY "public"."i", then build it again; REINDEX INDEX CONCURRENTLY does both
        """
      ])
  }
}
