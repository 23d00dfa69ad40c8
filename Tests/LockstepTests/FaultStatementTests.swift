import TestSupport
import Testing

/// What goes wrong while a migration runs: told with its place, and nothing half done.
@Suite(.timeLimit(.minutes(10))) struct FaultStatementTests {
  private func project(
    _ up: String, down: String = "select 1;"
  ) async throws -> (program: Program, database: TestDatabase) {
    let database = try await TestServer.shared.makeDatabase()
    let files = [
      "migrations/1_good.sql":
        "-- migrate:up\ncreate table good ();\n-- migrate:down\ndrop table good;\n",
      "migrations/2_bad.sql": "-- migrate:up\n\(up)\n-- migrate:down\n\(down)\n",
      "migrations/3_later.sql":
        "-- migrate:up\ncreate table later ();\n-- migrate:down\ndrop table later;\n",
    ]
    var program = try Program(files, url: database.url)
    program.variables["DBMATE_NO_DUMP_SCHEMA"] = "true"
    return (program, database)
  }

  /// Checks that the first migration stands, and nothing of the second and third.
  private func expectOnlyFirst(
    _ database: TestDatabase, sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    #expect(
      try await database.rows("select version from schema_migrations") == ["1"],
      sourceLocation: sourceLocation)
    #expect(
      try await database.rows(
        """
        select relname::text from pg_class
        where relnamespace = 'public'::regnamespace and relkind = 'r' order by 1
        """) == ["good", "schema_migrations"], sourceLocation: sourceLocation)
  }

  @Test func `an error is told with its line and column, and the rest is not run`() async throws {
    let (program, database) = try await project("create table bad ();\nselect  nowhere;")
    let outcome = try await program.run("up", "--layout", "dbmate")
    expectTold(outcome, status: 1, #"migration 2_bad failed: column "nowhere" does not exist"#)
    #expect(
      outcome.errors == """
        error: migration 2_bad failed: column "nowhere" does not exist (SQLSTATE 42703)
          at:   migrations/2_bad.sql:3:9
          next: mend the script and run `lockstep up` again; nothing of 2 was applied

        """)
    try await expectOnlyFirst(database)
  }

  @Test func `a session that is ended in the middle of a statement`() async throws {
    let (program, database) = try await project(
      "create table bad ();\nselect pg_terminate_backend(pg_backend_pid());")
    let outcome = try await program.run("up", "--layout", "dbmate")
    expectTold(outcome, status: 5, "the connection was lost while migration 2_bad ran")
    #expect(outcome.errors.contains("the history says that 2 was not applied"))
    try await expectOnlyFirst(database)
  }

  @Test func `a session that is ended in COMMIT`() async throws {
    let (program, database) = try await project(
      """
      create table bad ();
      create function end_it() returns trigger language plpgsql as
        $$ begin perform pg_terminate_backend(pg_backend_pid()); return null; end $$;
      create constraint trigger at_commit after insert on bad
        deferrable initially deferred for each row execute function end_it();
      insert into bad default values;
      """)
    let outcome = try await program.run("up", "--layout", "dbmate")
    expectTold(outcome, status: 5, "the connection was lost while migration 2_bad ran")
    #expect(outcome.errors.contains("the history says that 2 was not applied"))
    try await expectOnlyFirst(database)
  }

  @Test func `a constraint that fails only in COMMIT`() async throws {
    let (program, database) = try await project(
      """
      create table bad (id int constraint bad_once unique deferrable initially deferred);
      insert into bad values (1), (1);
      """)
    let outcome = try await program.run("up", "--layout", "dbmate")
    expectTold(outcome, status: 1, "migration 2_bad failed: duplicate key value violates")
    #expect(outcome.errors.contains("nothing of 2 was applied"))
    try await expectOnlyFirst(database)
  }

  @Test func `a statement that takes too long`() async throws {
    let (program, database) = try await project("create table bad ();\nselect pg_sleep(60);")
    #expect(
      try await program.run("up", "--layout", "dbmate", "--count", "1", "--quiet").status == 0)
    // Of every statement: those before the one that is meant may not take as long on a busy machine.
    let outcome = try await program.run("up", "--layout", "dbmate", "--statement-timeout", "4s")
    expectTold(outcome, status: 1, "canceling statement due to statement timeout")
    #expect(outcome.errors.contains("\n  at:   migrations/2_bad.sql:3"), "\(outcome.errors)")
    try await expectOnlyFirst(database)
  }

  @Test func `a run that takes too long`() async throws {
    let (program, database) = try await project("create table bad ();\nselect pg_sleep(60);")
    #expect(
      try await program.run("up", "--layout", "dbmate", "--count", "1", "--quiet").status == 0)
    let outcome = try await program.run("up", "--layout", "dbmate", "--timeout", "1s")
    expectTold(outcome, status: 1, "the run took longer than 1.0 s")
    try await expectOnlyFirst(database)
  }

  @Test func `a table that somebody holds`() async throws {
    let (program, database) = try await project("alter table good add column note text;")
    #expect(
      try await program.run("up", "--layout", "dbmate", "--count", "1", "--quiet").status == 0)
    let outcome = try await database.server.withConnection(to: database.name) { holder in
      try await holder.execute("begin; lock table good in access share mode")
      return try await program.run(
        // Long enough for a look at the queue on a busy machine.
        "up", "--layout", "dbmate", "--lock-timeout", "6s", "--lock-attempts", "1")
    }
    expectTold(outcome, status: 6, "canceling statement due to lock timeout")
    #expect(outcome.errors.contains("\n  held by: pid "))
    #expect(outcome.errors.contains("wait until that is over, or end it, and run it again"))
    try await expectOnlyFirst(database)
  }

  @Test func `a script that ends the runner's transaction itself`() async throws {
    let (program, database) = try await project("create table bad ();\ncommit;\nselect nowhere;")
    let outcome = try await program.run("up", "--layout", "dbmate")
    expectTold(outcome, status: 1, "2")
    // Whatever became of it: what stands in the database is what is said.
    let isThere = try await database.rows("select to_regclass('bad') is not null") == ["t"]
    if isThere { #expect(!outcome.errors.contains("nothing of 2"), "\(outcome.errors)") }
    #expect(
      try await database.rows("select count(*) from schema_migrations where version = '2'") == ["0"]
    )
  }

  @Test func `copying from standard input is refused by the server, not waited for`() async throws {
    let (program, database) = try await project("copy good from stdin;")
    let outcome = try await program.run("up", "--layout", "dbmate")
    expectTold(outcome, status: 4, "2")
    #expect(try await database.rows("select to_regclass('later')::text") == ["<null>"])
  }

  @Test func `a way back that fails leaves what it was to undo`() async throws {
    let (program, database) = try await project("create table bad ();", down: "drop table nowhere;")
    #expect(
      try await program.run("up", "--layout", "dbmate", "--count", "2", "--quiet").status == 0)
    let outcome = try await program.run("down", "--layout", "dbmate", "--yes")
    expectTold(
      outcome, status: 1, #"roll back of migration 2_bad failed: table "nowhere" does not exist"#)
    #expect(outcome.errors.contains("\n  at:   migrations/2_bad.sql:4:"), "\(outcome.errors)")
    #expect(
      try await database.rows("select version from schema_migrations order by 1") == ["1", "2"])
    #expect(try await database.rows("select to_regclass('bad')::text") == ["bad"])
  }
}
