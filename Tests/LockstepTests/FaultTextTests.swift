import TestSupport
import Testing

/// Text that would like to drive a terminal, wherever text comes from: nothing of it reaches one as it is.
@Suite(.mayBlock, .timeLimit(.minutes(10))) struct FaultTextTests {
  /// Sets a title, clears the screen, turns the direction of writing, rings, moves the cursor; C0, C1, bidi.
  private static let hostile =
    "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{202e}evil\u{8}\u{200f}\u{feff}\r"
  /// The same as SQL writes it.
  private static let literal =
    #"U&'\001b]0;owned\0007\001b[2J\009b31m\202eevil\0008\200f\feff\000d'"#

  private func project(
    _ sql: String, name: String = "2_bad"
  ) async throws -> (program: Program, database: TestDatabase) {
    let database = try await TestServer.shared.makeDatabase()
    let program = try Program(
      ["migrations/\(name).sql": "-- migrate:up\n\(sql)\n-- migrate:down\n"], url: database.url)
    return (program, database)
  }

  @Test(arguments: [["up"], ["up", "--json"], ["up", "--verbose"]])
  func `in a notice`(words: [String]) async throws {
    let (program, _) = try await project(
      "do $$ begin raise notice using message = \(Self.literal), hint = \(Self.literal); end $$;")
    let outcome = try await program.run(words: words + ["--layout", "dbmate"])
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect((outcome.output + outcome.errors).contains("evil"))
    expectHarmless(outcome)
  }

  @Test(arguments: [["up"], ["up", "--json"]])
  func `in an error and all that belongs to it`(words: [String]) async throws {
    let (program, _) = try await project(
      """
      do $$ begin
        raise exception using message = \(Self.literal), detail = \(Self.literal), hint = \(Self.literal);
      end $$;
      """)
    let outcome = try await program.run(words: words + ["--layout", "dbmate"])
    expectTold(outcome, status: 1, "evil")
    expectHarmless(outcome)
  }

  @Test(arguments: [["status"], ["status", "--json"], ["up"], ["down"]])
  func `in the name of a file`(words: [String]) async throws {
    let (program, _) = try await project("select 1;", name: "2_\(Self.hostile)")
    #expect(try await program.run("up", "--layout", "dbmate", "--quiet").status == 0)
    let outcome = try await program.run(words: words + ["--layout", "dbmate", "--yes"])
    // Its way back is empty: that is refused, by name.
    #expect(outcome.status == (words == ["down"] ? 4 : 0), "\(outcome.errors)")
    #expect((outcome.output + outcome.errors).contains("evil") || words == ["up"])
    expectHarmless(outcome)
  }

  @Test func `in the SQL, shown on a terminal`() async throws {
    let (program, _) = try await project("select '\(Self.hostile)'; -- \(Self.hostile)")
    for words in [["show", "2"], ["up", "--dry-run"]] {
      let terminal = try TerminalEmulator(
        ["/bin/sh", "-c", #"cd "$0" && exec "$@""#, program.folder, try Program.path()] + words + [
          "--layout", "dbmate",
        ], environment: ["DATABASE_URL": program.variables["DATABASE_URL"] ?? ""])
      #expect(terminal.waitForExit() == .exited(0))
      #expect(terminal.text.contains("evil"), "\(terminal.text)")
      let written = String(decoding: terminal.transcript, as: UTF8.self)
      for sequence in ["\u{1b}]", "\u{1b}[2J", "\u{9b}", "\u{202e}", "\u{8}", "\u{7}", "\u{200f}"] {
        #expect(!written.contains(sequence), "\(written.debugDescription)")
      }
    }
  }

  @Test func `in the SQL, written for a program, it stays as it is`() async throws {
    let (program, _) = try await project("select '\(Self.hostile)';")
    let outcome = try await program.run("show", "2", "--layout", "dbmate")
    #expect(outcome.output.contains("select '\(Self.hostile)';"))
  }

  @Test(arguments: [["locks"], ["locks", "--json"]])
  func `in the name of another session and its query`(words: [String]) async throws {
    let (program, database) = try await project("select 1;")
    let outcome = try await database.server.withConnection(to: database.name) { holder in
      try await holder.execute("create table held (id int)")
      try await holder.execute("begin; lock table held")
      let wait = Task {
        try await database.server.withConnection(
          to: database.name, application: Self.hostile
        ) { _ = try await $0.execute("select /* \(Self.hostile) */ * from held") }
      }
      let waiting = """
        select count(*) from pg_stat_activity
        where datname = '\(database.name)' and wait_event_type = 'Lock'
        """
      while try await database.rows(waiting) == ["0"] { try Task.checkCancellation() }
      let outcome = try await program.run(words: words)
      try await holder.execute("rollback")
      try await wait.value
      return outcome
    }
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("evil"), "\(outcome.output)")
    expectHarmless(outcome)
  }

  @Test func `in an argument`() async throws {
    let (program, _) = try await project("select 1;")
    for words in [
      ["\(Self.hostile)"], ["show", Self.hostile], ["status", "--\(Self.hostile)"],
      ["status", "--layout", Self.hostile],
    ] {
      let outcome = try await program.run(words: words)
      expectTold(outcome, status: 2, "evil")
    }
  }

  @Test func `in the name of a database and a role`() async throws {
    let name = "evil\u{1b}[2J"
    let url = TestServer.shared.cluster.url(database: "evil%1b%5b2J")
    let program = try Program(["migrations/1_a.sql": "-- migrate:up\n"], url: url)
    let outcome = try await program.run("status", "--layout", "dbmate")
    expectTold(outcome, status: 5, "evil")
    #expect(!outcome.errors.contains(name))
  }
}
