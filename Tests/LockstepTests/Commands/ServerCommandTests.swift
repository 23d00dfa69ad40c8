import TestSupport
import Testing

@testable import lockstep

@Suite struct ServerCommandTests {
  func database() async throws -> TestDatabase { try await TestServer.shared.makeDatabase() }

  /// A URL of a database that is not there.
  func freshURL(_ name: String) -> String {
    TestServer.shared.cluster.url(database: name)
  }

  @Test func `create makes the database and leaves one that exists`() async throws {
    let program = try Program(url: freshURL("made_new"))
    let first = try await program.run("create")
    #expect(first.status == 0)
    #expect(first.errors == "created database made_new\n")
    let second = try await program.run("create", "--json")
    #expect(second.status == 0)
    #expect(second.output == #"{"database":"made_new","created":false}"# + "\n")
  }

  @Test func `drop needs a yes where nobody can be asked`() async throws {
    let database = try await database()
    let program = try Program(url: database.url)
    let refused = try await program.run("drop")
    #expect(refused.status == 4)
    #expect(refused.errors.hasPrefix("error: database \"\(database.name)\" would be dropped ("))
    #expect(
      refused.errors.hasSuffix(
        """
        connected), and nobody is there to be asked
          next: give --yes if that is meant; nothing was done

        """))
    #expect(try await database.rows("select 1") == ["1"])
    let done = try await program.run("drop", "--yes")
    #expect(done.status == 0)
    #expect(done.errors == "dropped database \(database.name)\n")
    let again = try await program.run("drop", "--yes", "--json")
    #expect(again.output == #"{"database":"\#(database.name)","dropped":false}"# + "\n")
  }

  @Test func `a protected database is never dropped`() async throws {
    let database = try await database()
    let program = try Program(
      ["lockstep.json": "{environments: {live: {url: '\(database.url)', protected: true}}}"],
      url: database.url)
    for words in [["drop", "--yes", "-q"], ["drop", "--yes", "-elive"]] {
      let outcome = try await program.run(words[0], words[1], words[2])
      #expect(outcome.status == 4)
      #expect(
        outcome.errors.hasPrefix(
          "error: environment \"live\" is protected: dropping the database is refused\n"))
    }
    #expect(try await database.rows("select 1") == ["1"])
  }

  @Test func `nothing is written read-only`() async throws {
    let program = try Program(url: freshURL("never_made"))
    for command in ["create", "drop", "seed"] {
      let outcome = try await program.run(command, "--read-only")
      #expect(outcome.status == 4)
      #expect(
        outcome.errors == """
          error: this would write, and --read-only was given
            next: leave out --read-only; nothing was done

          """)
    }
  }

  @Test func `wait ends when the server answers, even without the database`() async throws {
    let program = try Program(url: freshURL("not_there_at_all"))
    let outcome = try await program.run("wait")
    #expect(outcome.status == 0)
    #expect(outcome.errors == "the server answers\n")
  }

  @Test func `wait gives up with the exit status of no connection`() async throws {
    let program = try Program(url: "postgres:///x?host=/tmp/no-such-folder")
    let outcome = try await program.run("wait", "--timeout", "1ms", "--json")
    #expect(outcome.status == 5)
    #expect(outcome.errors.contains("error: no answer within 1.0 ms: cannot connect to "))
    #expect(outcome.output.hasPrefix(#"{"error":{"code":"no_connection","message":"no answer"#))
  }

  @Test func `seeds run whole`() async throws {
    let database = try await database()
    try await database.execute("create table roles (name text primary key)")
    let program = try Program(
      ["db/seeds/development.sql": "-- first\ninsert into roles values ('a'), ('b');\n"],
      url: database.url)
    let outcome = try await program.run("seed")
    #expect(outcome.status == 0)
    #expect(outcome.errors == "ran db/seeds/development.sql: 1 statement, 2 rows changed\n")
    #expect(try await database.rows("select name from roles order by 1") == ["a", "b"])
  }

  @Test func `a seed that fails leaves nothing and names the line`() async throws {
    let database = try await database()
    try await database.execute("create table roles (name text primary key)")
    let program = try Program(
      ["db/seeds/test.sql": "insert into roles values ('a');\ninsert into rolls values (1);\n"],
      url: database.url)
    let outcome = try await program.run("seed", "test")
    #expect(outcome.status == 1)
    #expect(
      outcome.errors == """
        error: seeding failed: relation "rolls" does not exist (SQLSTATE 42P01)
          at:   db/seeds/test.sql:2:13
          next: correct the file and seed again; nothing of it was kept

        """)
    #expect(try await database.rows("select name from roles") == [])
  }

  @Test func `a seed that breaks its transaction is refused before it runs`() async throws {
    let database = try await database()
    let program = try Program(
      ["db/seeds/test.sql": "select 1;\ncommit;\n"], url: database.url)
    let outcome = try await program.run("seed", "test")
    #expect(outcome.status == 1)
    #expect(
      outcome.errors == """
        error: COMMIT would break the one transaction in which seeds run
          at:   db/seeds/test.sql:2
          next: take it out, or run the file with psql; nothing was run

        """)
  }

  @Test func `production is seeded only on purpose`() async throws {
    let database = try await database()
    let program = try Program(
      [
        "db/seeds/production.sql": "create table settings (k text);",
        ".env.dbmate": "PRODUCTION_DATABASE_URL='\(database.url)'\n",
      ])
    let refused = try await program.run("seed", "-e", "prod")
    #expect(refused.status == 4)
    #expect(
      refused.errors == """
        error: environment "production" would get the rows of db/seeds/production.sql, and nobody is \
        there to be asked
          next: give --yes if that is meant; nothing was done

        """)
    #expect(try await program.run("seed", "-e", "prod", "--yes").status == 0)
    #expect(try await database.rows("select count(*) from settings") == ["0"])
  }
}
