import TestSupport
import Testing

@testable import lockstep

/// The commands that read and run migrations, as a script sees them.
@Suite struct MigrationCommandTests {
  /// Three migrations of sqlx: two with a way back, one without.
  static let files = [
    "migrations/001_create_orders.up.sql": "create table orders (id int);\n",
    "migrations/001_create_orders.down.sql": "drop table orders;\n",
    "migrations/002_add_note.up.sql": "alter table orders add column note text;\n",
    "migrations/002_add_note.down.sql": "alter table orders drop column note;\n",
    "migrations/003_index.up.sql": "create index orders_note on orders (note);\n",
    "migrations/003_index.down.sql": "drop index orders_note;\n",
  ]

  func project(
    _ files: [String: String] = files
  ) async throws -> (program: Program, database: TestDatabase) {
    let database = try await TestServer.shared.makeDatabase()
    var program = try Program(files, url: database.url)
    program.variables["NO_COLOR"] = "1"
    return (program, database)
  }

  func run(_ program: Program, _ words: String) async throws -> Program.Outcome {
    try await program.run(
      words: words.split(separator: " ").map(String.init) + ["--layout", "sqlx"])
  }

  // MARK: Status

  @Test func `status tells pending and applied for people`() async throws {
    let (program, database) = try await project()
    let before = try await run(program, "status")
    #expect(before.status == 0)
    #expect(
      before.output.hasSuffix(
        """
        sqlx in migrations, no history yet: no table public._sqlx_migrations

        VERSION  NAME           STATE
        001      create orders  pending
        002      add note       pending
        003      index          pending

        applied 0   pending 3   failed 0   problems 0

        """))
    #expect(before.output.hasPrefix("\(database.name) on /"))
    // Looking changes nothing.
    #expect(
      try await database.rows("select count(*) from pg_tables where schemaname = 'public'") == ["0"]
    )
    #expect(try await run(program, "up --count 1").status == 0)
    let after = try await run(program, "status").output
    #expect(after.contains("\n001      create orders  applied  20"))
    #expect(after.hasSuffix("\n\napplied 1   pending 2   failed 0   problems 0\n"))
  }

  @Test func `status as JSON has the keys of the contract in order`() async throws {
    let (program, database) = try await project()
    let outcome = try await run(program, "status --json")
    #expect(outcome.status == 0)
    let text = outcome.output
    let start = try #require(text.firstRange(of: "\"layout\""))
    #expect(text.hasPrefix(#"{"database":{"name":"\#(database.name)","host":"/"#))
    #expect(text.contains(#""environment":null,"protected":false},"layout":"sqlx""#))
    #expect(
      text[start.lowerBound...].hasPrefix(
        #""layout":"sqlx","directories":["migrations"],"history_table":"public._sqlx_migrations","#
          + #""counts":{"applied":0,"pending":3,"failed":0,"problems":0},"migrations":["#
          + #"{"version":"001","name":"create orders","state":"pending","problems":[],"#
          + #""applied_at":null,"applied_by":null,"duration_ms":null,"checksum":""#))
    #expect(
      text.contains(
        #""reversible":true,"transactional":true,"files":["migrations/001_create_orders.up.sql","#
          + #""migrations/001_create_orders.down.sql"]},{"version":"002""#))
  }

  @Test func `status says with its exit code whether something is pending`() async throws {
    let (program, _) = try await project()
    let pending = try await run(program, "status --exit-code --quiet")
    #expect(pending.status == 3)
    #expect(pending.output == "")
    #expect(try await run(program, "up").status == 0)
    #expect(try await run(program, "status --exit-code").status == 0)
    #expect(
      try await run(program, "info").output.hasSuffix(
        "applied 3   pending 0   failed 0   problems 0\n"))
  }

  @Test func `a changed file is shown with its way out and refused`() async throws {
    let (program, _) = try await project()
    #expect(try await run(program, "up --count 1").status == 0)
    try program.write(
      "create table orders (id bigint);\n", to: "migrations/001_create_orders.up.sql")
    let status = try await run(program, "status").output
    #expect(
      status.contains("\n    has changed since it was applied\n      next: put the file back"))
    #expect(status.contains("problems 1"))
    let refused = try await run(program, "up --json")
    #expect(refused.status == 4)
    #expect(
      refused.output.hasPrefix(
        #"{"error":{"code":"drift","message":"001_create_orders has changed"#))
    #expect(refused.errors.hasPrefix("error: 001_create_orders has changed since it was applied\n"))
  }

  // MARK: Up and down

  @Test func `up applies and down rolls back the last`() async throws {
    let (program, database) = try await project()
    let up = try await run(program, "migrate")
    #expect(up.status == 0)
    #expect(
      up.lines.map { $0.split(separator: " ").prefix(2).joined(separator: " ") } == [
        "applying 001_create_orders", "applied 001_create_orders", "applying 002_add_note",
        "applied 002_add_note", "applying 003_index", "applied 003_index",
      ])
    let down = try await run(program, "rollback")
    #expect(down.status == 0)
    #expect(down.lines[0] == "rolling back 003_index")
    #expect(
      try await database.rows("select version from _sqlx_migrations order by 1") == ["1", "2"])
    #expect(try await run(program, "up").status == 0)
    #expect(try await run(program, "up").errors == "nothing to apply\n")
  }

  @Test func `events are objects, a line each`() async throws {
    let (program, _) = try await project()
    let outcome = try await run(program, "up --count 1 --json")
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
    let (program, database) = try await project()
    let versions = "select version from _sqlx_migrations order by 1"
    #expect(try await run(program, "up --to 2").status == 0)
    #expect(try await database.rows(versions) == ["1", "2"])
    #expect(try await run(program, "down --to 1 --yes").status == 0)
    #expect(try await database.rows(versions) == ["1"])
    #expect(try await run(program, "down --to 0 --yes").status == 0)
    #expect(try await database.rows(versions) == [])
    let unknown = try await run(program, "up --to 9")
    #expect(unknown.status == 2)
    #expect(unknown.errors.hasPrefix("error: there is no migration with the version \"9\"\n"))
  }

  @Test func `what loses data needs a yes where nobody can be asked`() async throws {
    let (program, database) = try await project()
    #expect(try await run(program, "up").status == 0)
    let refused = try await run(program, "down --count 2")
    #expect(refused.status == 4)
    #expect(
      refused.errors == """
        error: rolling back 002_add_note loses data: drops the column orders.note
          next: read it with `--dry-run`, then run it again with `--yes`

        """)
    #expect(try await database.rows("select count(*) from _sqlx_migrations") == ["3"])
    #expect(try await run(program, "down --count 2 --yes").status == 0)
    #expect(try await database.rows("select count(*) from _sqlx_migrations") == ["1"])
  }

  @Test func `a dry run prints both directions and runs nothing`() async throws {
    let (program, database) = try await project()
    let outcome = try await run(program, "up --count 2 --dry-run")
    #expect(outcome.status == 0)
    #expect(
      outcome.output.hasPrefix(
        """
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

  @Test func `redo goes down and up`() async throws {
    let (program, _) = try await project()
    #expect(try await run(program, "up").status == 0)
    let outcome = try await run(program, "redo --json")
    #expect(outcome.status == 0)
    #expect(
      outcome.lines.first?.contains(#""version":"003","name":"index","direction":"down""#) == true)
    #expect(
      outcome.lines.last?.hasPrefix(#"{"event":"finished","applied":1,"reverted":1,"#) == true)
  }

  @Test func `an SQL error tells the place and what stands`() async throws {
    let (program, database) = try await project()
    try program.write(
      "select 1;\nalter table orderz add column b int;\n", to: "migrations/002_add_note.up.sql")
    let outcome = try await run(program, "up --json")
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
    let (program, database) = try await project()
    #expect(try await run(program, "up --count 1").status == 0)
    try await database.server.withConnection(to: database.name, application: "holder") { holder in
      try await holder.execute("begin; lock table orders in access share mode")
      let outcome = try await run(program, "up --lock-timeout 50ms --lock-attempts 2 --json")
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
    let (program, database) = try await project([
      "migrations/001_sleep.sql": "select pg_sleep(600);\n"
    ])
    let outcome = try await run(program, "up --yes --timeout 300ms")
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("error: the run took longer than 300 ms: "))
    #expect(
      try await database.rows(
        "select count(*) from pg_stat_activity where datname = current_database() and query like '%pg_sleep(600)%' and pid <> pg_backend_pid()"
      ) == ["0"])
  }

  @Test func `a protected environment is not migrated without approval`() async throws {
    let (program, database) = try await project()
    try program.write(
      "{environments: {live: {url: '\(database.url)', protected: true}}}", to: "lockstep.json")
    let outcome = try await run(program, "up --yes")
    #expect(outcome.status == 4)
    #expect(
      outcome.errors.hasPrefix(
        "error: environment \"live\" is protected, and this is not approved\n"
          + "  from: the same database as environments.live.url at lockstep.json:1:17\n"))
    #expect(try await run(program, "up --dry-run").status == 0)
    #expect(try await run(program, "status").output.contains("   environment live, protected\n"))
  }

  @Test func `a safeguard that cannot be kept is not skipped in silence`() async throws {
    let (program, database) = try await project()
    try program.write(
      "{environments: {live: {url: '\(database.url)', backup: {command: ['bin/none']}}}}",
      to: "lockstep.json")
    let outcome = try await run(program, "up --yes")
    #expect(outcome.status == 4)
    #expect(
      outcome.errors == """
        error: a backup cannot be taken: bin/none is no program that can be run
          next: name one in `backup: {command: …}`; nothing was done

        """)
    #expect(try await database.rows("select to_regclass('orders') is null") == ["t"])
  }

  @Test func `read-only runs nothing`() async throws {
    let (program, _) = try await project()
    let outcome = try await run(program, "up --read-only")
    #expect(outcome.status == 4)
    #expect(outcome.errors.hasPrefix("error: nothing may be written"))
  }

  @Test func `contradictions are refused`() async throws {
    let (program, _) = try await project()
    let outcome = try await run(program, "up --to 1 --count 1")
    #expect(outcome.status == 2)
    #expect(
      outcome.errors == """
        error: --to and --count cannot be used together
          next: leave one of them out

        """)
    #expect(
      try await run(program, "up --step").errors == """
        error: --step asks questions, and standard input is no terminal
          next: leave it out

        """)
  }

  // MARK: Mark

  @Test func `mark writes the history alone`() async throws {
    let (program, database) = try await project()
    let one = try await run(program, "mark --to 2 applied")
    #expect(one.status == 0)
    #expect(
      one.output == "recorded as applied: 001_create_orders\nrecorded as applied: 002_add_note\n")
    #expect(
      try await database.rows("select version from _sqlx_migrations order by 1") == ["1", "2"])
    #expect(try await database.rows("select to_regclass('orders') is null") == ["t"])
    let back = try await run(program, "mark 2 pending --json")
    #expect(
      back.lines.contains(
        #"{"event":"marked","version":"002","name":"add note","state":"pending"}"#))
    #expect(try await database.rows("select version from _sqlx_migrations") == ["1"])
    let wrong = try await run(program, "mark 2 done")
    #expect(wrong.status == 2)
    #expect(
      wrong.errors == """
        error: `lockstep mark` wants applied or pending at the end, not "done"
          next: `lockstep help mark` shows how it is used

        """)
  }

  // MARK: Show

  @Test func `show prints the script byte for byte and needs no server`() async throws {
    var program = try Program([
      "migrations/001_a.up.sql": "select\t'\u{1b}[31m';\n",
      "migrations/001_a.down.sql": "select 2;",
    ])
    program.variables["DATABASE_URL"] = "postgres:///x?host=/tmp/no-such-folder"
    let up = try await run(program, "show 1")
    #expect(up.status == 0)
    #expect(up.output == "select\t'\u{1b}[31m';\n")
    #expect(try await run(program, "show 001_a --down").output == "select 2;\n")
    #expect(
      try await run(program, "show 1 --down --json").output
        == #"{"version":"001","name":"a","direction":"down","sql":"select 2;","transactional":true,"#
        + #""files":["migrations/001_a.down.sql"]}"# + "\n")
    let unknown = try await run(program, "show 7")
    #expect(unknown.status == 2)
    #expect(unknown.errors.hasPrefix("error: there is no migration with the version \"7\"\n"))
  }

  // MARK: Folders and connections

  @Test func `without a folder it says where it looked`() async throws {
    let program = try Program(url: TestServer.shared.cluster.url(database: "postgres"))
    let outcome = try await run(program, "status")
    #expect(outcome.status == 2)
    #expect(
      outcome.errors == """
        error: there is no migrations folder; looked for migrations, backend/migrations
          next: name it with --dir, or make the first migration with `lockstep new NAME`

        """)
  }

  @Test func `without a server it ends with its own exit status`() async throws {
    let program = try Program(Self.files, url: "postgres:///x?host=/tmp/no-such-folder")
    let outcome = try await run(program, "status --json")
    #expect(outcome.status == 5)
    #expect(
      outcome.output.hasPrefix(#"{"error":{"code":"no_connection","message":"cannot connect to "#))
  }

  @Test func `reset begins anew`() async throws {
    let (program, database) = try await project()
    #expect(try await run(program, "up --count 1").status == 0)
    try await database.execute("insert into orders values (1)")
    #expect(try await run(program, "reset").status == 4)
    let outcome = try await run(program, "reset --yes")
    #expect(outcome.status == 0)
    #expect(
      outcome.errors == "dropped database \(database.name)\ncreated database \(database.name)\n")
    #expect(try await database.rows("select count(*) from orders") == ["0"])
    #expect(try await database.rows("select count(*) from _sqlx_migrations") == ["3"])
  }
}
