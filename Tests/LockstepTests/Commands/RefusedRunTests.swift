import TestSupport
import Testing

@testable import lockstep

/// What keeps `up` and `down` from running, and how that is told.
@Suite struct RefusedRunTests {
  @Test func `what loses data needs a yes where nobody can be asked`() async throws {
    let (program, database) = try await SqlxProject.make()
    #expect(try await program.sqlx("up").status == 0)
    let refused = try await program.sqlx("down --count 2")
    #expect(refused.status == 4)
    #expect(
      refused.errors == """
        error: rolling back 002_add_note loses data: drops the column orders.note
          next: read it with `--dry-run`, then run it again with `--yes`

        """)
    #expect(try await database.rows("select count(*) from _sqlx_migrations") == ["3"])
    #expect(try await program.sqlx("down --count 2 --yes").status == 0)
    #expect(try await database.rows("select count(*) from _sqlx_migrations") == ["1"])
  }

  @Test func `a protected environment is not migrated without approval`() async throws {
    let (program, database) = try await SqlxProject.make()
    try program.write(
      "{environments: {live: {url: '\(database.url)', protected: true}}}", to: "lockstep.json")
    let outcome = try await program.sqlx("up --yes")
    #expect(outcome.status == 4)
    #expect(
      outcome.errors.hasPrefix(
        "error: environment \"live\" is protected, and this is not approved\n"
          + "  from: the same database as environments.live.url at lockstep.json:1:17\n"))
    #expect(try await program.sqlx("up --dry-run").status == 0)
    #expect(try await program.sqlx("status").output.contains("   environment live, protected\n"))
  }

  @Test func `a safeguard that cannot be kept is not skipped in silence`() async throws {
    let (program, database) = try await SqlxProject.make()
    try program.write(
      "{environments: {live: {url: '\(database.url)', backup: {command: ['bin/none']}}}}",
      to: "lockstep.json")
    let outcome = try await program.sqlx("up --yes")
    #expect(outcome.status == 4)
    #expect(
      outcome.errors == """
        error: a backup cannot be taken: bin/none is no program that can be run
          next: name one in `backup: {command: …}`; nothing was done

        """)
    #expect(try await database.rows("select to_regclass('orders') is null") == ["t"])
  }

  @Test func `read-only runs nothing`() async throws {
    let (program, _) = try await SqlxProject.make()
    let outcome = try await program.sqlx("up --read-only")
    #expect(outcome.status == 4)
    #expect(outcome.errors.hasPrefix("error: nothing may be written"))
  }

  @Test func `contradictions are refused`() async throws {
    let (program, _) = try await SqlxProject.make()
    let outcome = try await program.sqlx("up --to 1 --count 1")
    #expect(outcome.status == 2)
    #expect(
      outcome.errors == """
        error: --to and --count cannot be used together
          next: leave one of them out

        """)
    // golang-migrate takes how many, others take a version.
    #expect(
      try await program.sqlx("up 2").errors == """
        error: `lockstep up` does not know what to do with "2"
          next: did you mean --to 2 or --count 2? `lockstep help up` shows how it is used

        """)
    #expect(
      try await program.sqlx("down 002_add_note").errors.hasSuffix(
        "\n  next: did you mean --to 002_add_note? `lockstep help down` shows how it is used\n"))
    #expect(
      try await program.sqlx("up --step").errors == """
        error: --step asks questions, and standard input is no terminal
          next: leave it out

        """)
  }
}
