import MigrationEngine
import MigrationModel
import PostgresModel
import TestSupport
import Testing

/// How far the server says that a statement has come, as a run tells it.
@Suite(.fewAtOnce) struct ProgressTests {
  @Test func `the build of an index tells its phase and whom it waits for`() async throws {
    let fixture = try await ProjectFixture(
      "sqlx",
      [
        SampleMigration(
          "001", "index", up: "CREATE INDEX CONCURRENTLY a_id ON a (id);",
          isOutsideTransaction: true)
      ])
    try await fixture.database.execute("CREATE TABLE a (id int); INSERT INTO a VALUES (1)")
    let plan = try await fixture.plan(.upAll)
    let ran = try await Gate.closed(in: fixture.database) { gate in
      // Whoever builds an index concurrently waits for older snapshots.
      try await gate.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM a LIMIT 1")
      let (reports, reported) = AsyncStream<StatementProgress>.makeStream()
      async let running = fixture.run(plan, Runner.Options(control: RunControl())) { event in
        if case .progress(_, let progress?) = event, progress.phase.hasPrefix("waiting for") {
          reported.yield(progress)
        }
      }
      for await progress in reports {
        #expect(progress.unit == "transactions")
        #expect(progress.total >= 1)
        #expect(progress.done < progress.total)
        break
      }
      try await gate.execute("COMMIT")
      return try await running
    }
    #expect(ran.summary == "finished +1 -0", "\(String(describing: ran.diagnostic))")
  }

  @Test func `of a table that is rewritten it is told that nothing is reported`() async throws {
    let fixture = try await ProjectFixture(
      "sqlx",
      [
        SampleMigration(
          "001", "rewrite", up: "ALTER TABLE a ALTER COLUMN id TYPE bigint USING slowly(id);")
      ])
    try await fixture.database.execute(
      """
      CREATE TABLE a (id int); INSERT INTO a VALUES (1);
      CREATE FUNCTION slowly(n int) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN
        PERFORM pg_advisory_lock(4711); PERFORM pg_advisory_unlock(4711); RETURN n;
      END $$
      """)
    let plan = try await fixture.plan(.upAll)
    let ran = try await Gate.closed(in: fixture.database) { gate in
      let (reports, reported) = AsyncStream<Void>.makeStream()
      async let running = fixture.run(plan, Runner.Options(control: RunControl())) { event in
        if case .progress(_, nil) = event { reported.yield() }
      }
      // It is in the middle of the rewrite.
      _ = try await gate.comer()
      for await _ in reports { break }
      try await gate.open()
      return try await running
    }
    #expect(ran.summary == "finished +1 -0", "\(String(describing: ran.diagnostic))")
    // Once is enough, as long as that does not change.
    #expect(ran.lines.filter { $0 == "progress 001 not reported" }.count == 1)
  }
}
