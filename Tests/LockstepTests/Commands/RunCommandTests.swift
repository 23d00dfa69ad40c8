import TestSupport
import Testing

@testable import lockstep

/// `up`, `down`, `redo` and `reset` as they run.
@Suite struct RunCommandTests {
  @Test func `up applies and down rolls back the last`() async throws {
    let (program, database) = try await SqlxProject.make()
    let up = try await program.sqlx("migrate")
    #expect(up.status == 0)
    #expect(
      up.lines.map { $0.split(separator: " ").prefix(2).joined(separator: " ") } == [
        "applying 001_create_orders", "applied 001_create_orders", "applying 002_add_note",
        "applied 002_add_note", "applying 003_index", "applied 003_index",
      ])
    let down = try await program.sqlx("rollback")
    #expect(down.status == 0)
    #expect(down.lines[0] == "rolling back 003_index")
    #expect(
      try await database.rows("select version from _sqlx_migrations order by 1") == ["1", "2"])
    #expect(try await program.sqlx("up").status == 0)
    #expect(try await program.sqlx("up").errors == "nothing to apply\n")
  }

  @Test func `events are objects, a line each`() async throws {
    let (program, _) = try await SqlxProject.make()
    let outcome = try await program.sqlx("up --count 1 --json")
    #expect(outcome.status == 0)
    #expect(outcome.lines.count == 3)
    #expect(
      outcome.lines[0]
        == #"{"event":"migration_started","version":"001","name":"create orders","direction":"up"}"#
    )
    #expect(
      outcome.lines[1].hasPrefix(
        #"{"event":"migration_finished","version":"001","direction":"up","duration_ms":"#))
    #expect(
      outcome.lines[2].hasPrefix(
        #"{"event":"finished","applied":1,"reverted":0,"failed":0,"duration_ms":"#))
  }

  @Test func `a version bounds up and down`() async throws {
    let (program, database) = try await SqlxProject.make()
    let versions = "select version from _sqlx_migrations order by 1"
    #expect(try await program.sqlx("up --to 2").status == 0)
    #expect(try await database.rows(versions) == ["1", "2"])
    #expect(try await program.sqlx("down --to 1 --yes").status == 0)
    #expect(try await database.rows(versions) == ["1"])
    #expect(try await program.sqlx("down --to 0 --yes").status == 0)
    #expect(try await database.rows(versions) == [])
    let unknown = try await program.sqlx("up --to 9")
    #expect(unknown.status == 2)
    #expect(unknown.errors.hasPrefix("error: there is no migration with the version \"9\"\n"))
  }

  @Test func `a dry run prints both directions and runs nothing`() async throws {
    let (program, database) = try await SqlxProject.make()
    let outcome = try await program.sqlx("up --count 2 --dry-run")
    #expect(outcome.status == 0)
    #expect(
      outcome.output.hasPrefix(
        """
        -- the history table, which is not there yet
        CREATE TABLE IF NOT EXISTS "public"."_sqlx_migrations" (

        """))
    #expect(
      outcome.output.contains(
        """
        );

        -- up 001_create_orders
        -- migrations/001_create_orders.up.sql, in a transaction
        BEGIN;
        create table orders (id int);
        INSERT INTO
        """))
    #expect(outcome.output.contains("COMMIT;\n\n-- up 002_add_note\n"))
    #expect(outcome.output.contains("\n-- alter table orders drop column note;\n"))
    // The way back comes last first, and only as comments.
    let back = try #require(
      outcome.output.firstRange(of: "\n-- the opposite direction, not run:\n-- -- down 002"))
    #expect(
      outcome.output[back.upperBound...].split(separator: "\n").dropFirst().allSatisfy {
        $0.hasPrefix("--")
      })
    #expect(
      try await database.rows("select count(*) from pg_tables where schemaname = 'public'") == ["0"]
    )
  }

  @Test func `a dry run fed to psql does what the run does, and its way back is that of then`()
    async throws
  {
    let (program, database) = try await SqlxProject.make()
    func dryRun(_ words: String...) async throws -> Program.Outcome {
      try await program.run(words: words + ["--dry-run", "--layout", "golang-migrate"])
    }
    let up = try await dryRun("up")
    // golang-migrate's table says which is the last; the way back of 002 leaves it to 001.
    #expect(
      up.output.contains(
        """
        -- alter table orders drop column note;
        -- TRUNCATE "public"."schema_migrations";
        -- INSERT INTO "public"."schema_migrations" (version, dirty) VALUES (1, false);
        -- COMMIT;
        """), "\(up.output)")
    _ = try await database.server.withConnection(to: database.name) {
      try await $0.execute(up.output)
    }
    #expect(try await database.rows("select * from schema_migrations") == ["3|f"])
    #expect(
      try await database.rows("select to_regclass('orders_note') is not null") == ["t"])
    #expect(try await !dryRun("down").output.contains("the history table"))
    let json = try await dryRun("down", "--json").lines[0]
    #expect(json.contains(#""history_table_sql":null,"#), "\(json)")
  }

  @Test func `redo goes down and up`() async throws {
    let (program, _) = try await SqlxProject.make()
    #expect(try await program.sqlx("up").status == 0)
    let outcome = try await program.sqlx("redo --json")
    #expect(outcome.status == 0)
    #expect(
      outcome.lines.first?.contains(#""version":"003","name":"index","direction":"down""#) == true)
    #expect(
      outcome.lines.last?.hasPrefix(#"{"event":"finished","applied":1,"reverted":1,"#) == true)
  }

  @Test func `an SQL error tells the place and what stands`() async throws {
    let (program, database) = try await SqlxProject.make()
    try program.write(
      "select 1;\nalter table orderz add column b int;\n", to: "migrations/002_add_note.up.sql")
    let outcome = try await program.sqlx("up --json")
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("relation \"orderz\" does not exist (SQLSTATE 42P01)\n"))
    #expect(outcome.errors.contains("\n  at:   migrations/002_add_note.up.sql:2"))
    #expect(
      outcome.lines.contains {
        $0.hasPrefix(
          #"{"event":"migration_failed","version":"002","direction":"up","error":{"code":"sql_error""#
        )
          && $0.hasSuffix(#""sqlstate":"42P01"},"state_left":"nothing"}"#)
      })
    #expect(
      outcome.lines.last?.hasPrefix(#"{"event":"finished","applied":1,"reverted":0,"failed":1,"#)
        == true)
    #expect(try await database.rows("select version from _sqlx_migrations") == ["1"])
  }

  @Test func `a lock that is not had in time has its own exit status`() async throws {
    let (program, database) = try await SqlxProject.make()
    #expect(try await program.sqlx("up --count 1").status == 0)
    try await database.server.withConnection(to: database.name, application: "holder") { holder in
      try await holder.execute("begin; lock table orders in access share mode")
      let outcome = try await program.sqlx("up --lock-timeout 50ms --lock-attempts 2 --json")
      #expect(outcome.status == 6)
      #expect(
        outcome.errors.contains(
          "migration 002_add_note gave up after 2 attempts: canceling statement due to lock timeout"
            + " (SQLSTATE 55P03)"))
      let attempts = outcome.lines.filter { $0.contains(#""event":"lock_attempt""#) }
      #expect(attempts.count == 2)
      #expect(
        attempts.first?.hasPrefix(
          #"{"event":"lock_attempt","version":"002","attempt":1,"of":2,"waited_ms":"#) == true)
      #expect(attempts.first?.contains(#""reason":"lock_timeout","rest_ms":"#) == true)
      #expect(attempts.last?.hasSuffix(#""reason":"lock_timeout","rest_ms":null}"#) == true)
    }
    #expect(try await database.rows("select count(*) from _sqlx_migrations") == ["1"])
  }

  @Test func `a run that takes too long is cancelled`() async throws {
    let (program, database) = try await SqlxProject.make([
      "migrations/001_sleep.sql": "select pg_sleep(600);\n"
    ])
    let outcome = try await program.sqlx("up --yes --timeout 300ms")
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("error: the run took longer than 300 ms: "))
    #expect(
      try await database.rows(
        "select count(*) from pg_stat_activity where datname = current_database() and query like '%pg_sleep(600)%' and pid <> pg_backend_pid()"
      ) == ["0"])
  }

  @Test func `reset begins anew`() async throws {
    let (program, database) = try await SqlxProject.make()
    #expect(try await program.sqlx("up --count 1").status == 0)
    try await database.execute("insert into orders values (1)")
    #expect(try await program.sqlx("reset").status == 4)
    let outcome = try await program.sqlx("reset --yes")
    #expect(outcome.status == 0)
    #expect(
      outcome.errors == "dropped database \(database.name)\ncreated database \(database.name)\n")
    #expect(try await database.rows("select count(*) from orders") == ["0"])
    #expect(try await database.rows("select count(*) from _sqlx_migrations") == ["3"])
  }
}
