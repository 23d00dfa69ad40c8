import EventLoop
import TestSupport
import Testing

@testable import lockstep

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Backups and health checks of the real program, ended at the worst moments.
@Suite(.fewAtOnce, .mayBlock, .timeLimit(.minutes(20))) struct SafeguardCommandTests {
  private static let files = [
    "migrations/001_note.sql":
      "-- migrate:up\nalter table orders add column note text;\n"
      + "-- migrate:down\nalter table orders drop column note;\n"
  ]

  private func project(
    _ rules: String, on server: TestServer = .shared
  ) async throws -> (program: Program, database: TestDatabase) {
    let database = try await server.makeDatabase()
    try await database.execute("create table orders (id int)")
    let url = database.url + "&options=-csearch_path%3Dpublic"
    var program = try Program(Self.files, url: url)
    program.variables["NO_COLOR"] = "1"
    program.variables["DBMATE_NO_DUMP_SCHEMA"] = "true"
    try program.write(
      "{layout: 'dbmate', environments: {live: {url: '\(url)', \(rules)}}}", to: "lockstep.json")
    return (program, database)
  }

  private func hasNote(_ database: TestDatabase) async throws -> Bool {
    try await database.rows(
      "select count(*) from pg_attribute where attrelid = 'orders'::regclass and attname = 'note'")
      == ["1"]
  }

  /// Runs `up` while another session holds something, and sends a signal once it waits for that.
  private func up(
    _ program: Program, _ database: TestDatabase, holding sql: String, until application: String,
    signal: Int32
  ) async throws -> Program.Outcome {
    try await database.server.withConnection(to: database.name) { holder in
      try await holder.execute(sql)
      async let outcome = program.run("up", "--json")
      try await database.waitUntilLocked(application)
      try program.signalChildren(signal)
      let ended = try await outcome
      // As the server does once it notices that nobody is there any more.
      try await holder.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
          + " where datname = current_database() and application_name in ('lockstep up', '\(application)')"
      )
      return ended
    }
  }

  private func journal(_ program: Program) throws -> String {
    let text = try ChildProcess(["/bin/sh", "-c", "cat \(program.folder)/.lockstep/*.jsonl"])
      .runBlocking()
    return String(decoding: text.output, as: UTF8.self)
  }

  @Test func `a run is told to scripts with its backup and its health check`() async throws {
    let (program, database) = try await project("backup: true, health: {sql: 'select 1'}")
    let outcome = try await program.run("up", "--json")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(
      outcome.lines.map { $0.prefix { $0 != "," } } == [
        #"{"event":"gates""#, #"{"event":"backup_started""#, #"{"event":"backup_taken""#,
        #"{"event":"migration_started""#, #"{"event":"migration_finished""#,
        #"{"event":"health_checked""#, #"{"event":"finished""#,
      ])
    #expect(
      outcome.lines[2].hasPrefix(
        #"{"event":"backup_taken","way":"pg_dump","outcome":"taken","path":"./.lockstep/backups/\#(database.name)-20"#
      ) || outcome.lines[2].contains(#""path":".lockstep/backups/"#), "\(outcome.lines[2])")
    #expect(outcome.lines[5].contains(#""outcome":"passed","answer":"1""#))
    let journal = try journal(program)
    #expect(journal.contains(#""asks":["backup","health"]"#))
    #expect(journal.contains("{\"kind\":\"backup\"") && journal.contains("{\"kind\":\"health\""))
    let shown = try await program.run("show", "001", "--runs")
    #expect(shown.output.contains("\n  backup taken: "), "\(shown.output)")
    #expect(shown.output.contains("\n  health check passed: sql select 1: 1\n"))
  }

  @Test func `a failed health check is status 1, and with auto_rollback it is as before`()
    async throws
  {
    let (program, database) = try await project(
      "health: {sql: 'select false'}, auto_rollback: true")
    let outcome = try await program.run("up", "--json")
    #expect(outcome.status == 1)
    #expect(
      outcome.errors.hasSuffix(
        """
        error: the health check failed: false
          sql:  select false
          next: what this run applied was rolled back: 001_note; mend it and run it again

        """), "\(outcome.errors)")
    #expect(outcome.output.contains(#"{"event":"rolling_back","versions":["001"]}"#))
    #expect(
      outcome.lines.last?.hasPrefix(#"{"event":"finished","applied":1,"reverted":1,"failed":1"#)
        == true)
    #expect(try await !hasNote(database))
  }

  @Test func `interrupted while it backs up, it leaves nothing half`() async throws {
    let (program, database) = try await project("backup: {directory: 'backups'}")
    let outcome = try await up(
      program, database, holding: "begin; lock orders in access exclusive mode",
      until: "lockstep backup", signal: SIGINT)
    #expect(outcome.status == 130)
    #expect(try program.names(in: "backups") == [])
    #expect(try await !hasNote(database))
  }

  @Test func `killed while it backs up, the record tells of it, and the next run cleans up`()
    async throws
  {
    let (program, database) = try await project(
      "backup: {directory: 'backups'}, health: {sql: 'select 1'}")
    let outcome = try await up(
      program, database, holding: "begin; lock orders in access exclusive mode",
      until: "lockstep backup", signal: SIGKILL)
    #expect(outcome.status == 137)
    #expect(try await !hasNote(database))
    let journal = try journal(program)
    #expect(journal.contains("{\"kind\":\"run_started\""))
    #expect(!journal.contains("{\"kind\":\"backup\"") && !journal.contains("{\"kind\":\"step\""))
    // Only a dump that was read again bears the name of one.
    let halves = try program.names(in: "backups")
    #expect(halves.count == 1 && halves[0].hasSuffix(".part"), "\(halves)")
    let next = try await program.run("up")
    #expect(next.status == 0, "\(next.errors)")
    #expect(
      next.errors.contains(
        "has told neither of its end nor of its health check: nothing is known of"),
      "\(next.errors)")
    let whole = try program.names(in: "backups")
    #expect(whole.count == 1 && whole[0].hasSuffix(".dump"), "\(whole)")
  }

  @Test func `killed between backup and migration, nothing of the migration is there`() async throws
  {
    let (program, database) = try await project(
      "backup: {directory: 'backups'}, health: {sql: 'select 1'}")
    // A dump may read it; the migration may not change it.
    let outcome = try await up(
      program, database, holding: "begin; lock orders in row exclusive mode",
      until: "lockstep up", signal: SIGKILL)
    #expect(outcome.status == 137)
    #expect(try await !hasNote(database))
    #expect(try program.names(in: "backups").count == 1)
    let journal = try journal(program)
    #expect(journal.contains("{\"kind\":\"backup\""))
    // That it was begun is kept; that it was done is not said.
    #expect(!journal.contains("\"outcome\":\"done\""), "\(journal)")
    let status = try await program.run("status").output
    #expect(status.contains("001      note  pending"), "\(status)")
    #expect(status.contains("has told neither of its end nor of its health check"))
  }

  /// Where a server crashes: what is held, by whom it is waited for, and what stands afterwards.
  struct Crash: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var holding: String
    var application: String
    var health = "select 1"
    var isApplied: Bool
    var backups: Int

    static let all = [
      Crash(
        testDescription: "during the backup",
        holding: "begin; lock orders in access exclusive mode",
        application: "lockstep backup", isApplied: false, backups: 0),
      Crash(
        testDescription: "during the migration",
        holding: "begin; lock orders in row exclusive mode",
        application: "lockstep up", isApplied: false, backups: 1),
      Crash(
        testDescription: "during the health check", holding: "select pg_advisory_lock(42)",
        application: "lockstep health", health: "select pg_advisory_lock(42) is not null",
        isApplied: true, backups: 1),
    ]
  }

  @Test(arguments: Crash.all)
  func `a server that crashes leaves what was done, and it is told`(_ crash: Crash) async throws {
    // What has been committed has to outlive the crash.
    let server = try await TestServer.started(from: nil, with: ["synchronous_commit = on"])
    defer { server.cluster.stopBlocking() }
    let (program, database) = try await project(
      "backup: {directory: 'backups'}, health: {sql: '\(crash.health)'}", on: server)
    let outcome = try await server.withConnection(to: database.name) { holder in
      try await holder.execute(crash.holding)
      async let outcome = program.run("up", "--json")
      try await database.waitUntilLocked(crash.application)
      // One that is killed takes all others with it, and the server recovers.
      kill(holder.processID, SIGKILL)
      return try await outcome
    }
    #expect(outcome.status != 0, "\(outcome.errors)")
    #expect(outcome.errors.contains("next:"), "\(outcome.errors)")
    #expect(
      outcome.errors.contains("the connection to the server was lost")
        || outcome.errors.contains("server closed the connection"), "\(outcome.errors)")
    try await waitUntilBack(database)
    #expect(try await hasNote(database) == crash.isApplied, "\(outcome.errors)")
    let backups = try program.names(in: "backups")
    #expect(backups.count == crash.backups && backups.allSatisfy { $0.hasSuffix(".dump") })
    let status = try await program.run("status")
    #expect(
      status.output.contains("note  \(crash.isApplied ? "applied" : "pending")"),
      "\(status.output)")
    let again = try await program.run("up")
    #expect(again.status == 0, "\(again.errors)")
    #expect(try await hasNote(database))
  }

  /// Waits until the server answers again.
  private func waitUntilBack(_ database: TestDatabase) async throws {
    let deadline = ContinuousClock.now + .seconds(240)
    while ContinuousClock.now < deadline {
      if (try? await database.rows("select 1")) == ["1"] { return }
      try await Task.sleep(for: .milliseconds(20))
    }
    Issue.record("the server did not come back")
  }

  @Test func `killed before its health check, what was applied is told as such`() async throws {
    let (program, database) = try await project(
      "health: {sql: 'select pg_advisory_lock(42) is not null'}")
    let outcome = try await up(
      program, database, holding: "select pg_advisory_lock(42)", until: "lockstep health",
      signal: SIGKILL)
    #expect(outcome.status == 137)
    #expect(try await hasNote(database))
    let status = try await program.run("status")
    #expect(status.output.contains("applied 1   pending 0"), "\(status.output)")
    #expect(
      status.output.contains(
        "has told neither of its end nor of its health check: 001 up was done"), "\(status.output)")
    // What it owes is made up for, and kept with it.
    let late = try await program.run("up")
    #expect(late.status == 0, "\(late.errors)")
    #expect(
      late.output.hasSuffix(
        "health check passed: sql select pg_advisory_lock(42) is not null: true\n"))
    #expect(try await !program.run("status").output.contains("has told neither"))
    let runs = try await program.run("show", "001", "--runs").output
    #expect(runs.contains("\n  health check passed: ") && !runs.contains("its end was not kept"))
    #expect(try await program.run("up").errors == "nothing to apply\n")
  }

  @Test func `what goes stale while it is backed up is refused, and the record has its end`()
    async throws
  {
    let (program, database) = try await project(
      "backup: {command: ['sh', '-c', 'echo \"-- more\" >> migrations/001_note.sql']},"
        + " health: {sql: 'select 1'}")
    let outcome = try await program.run("up")
    #expect(outcome.status == 4)
    #expect(
      outcome.errors.hasSuffix(
        "error: files or history changed since the plan was made\n"
          + "  next: look at `lockstep status` and run it again; nothing was run\n"),
      "\(outcome.errors)")
    #expect(try await !hasNote(database))
    #expect(try journal(program).contains(#""outcome":"failed","applied":0,"reverted":0"#))
    #expect(try await !program.run("status").output.contains("has told neither"))
  }

  // MARK: Documents

  @Test func `down begins the document of an incident, and never writes over one`() async throws {
    let (program, _) = try await project("lock_attempts: 3")
    #expect(try await program.run("up").status == 0)
    let down = try await program.run("down", "--incident", "--yes")
    #expect(down.status == 0, "\(down.errors)")
    let names = try program.names(in: "ops/postmortems")
    #expect(names.count == 1)
    let text = try program.read("ops/postmortems/\(names[0])")
    #expect(text.hasPrefix("# Incident: 001_note rolled back\n\n- migration: `001_note`\n"))
    #expect(text.contains("\n- environment: live\n"))
    #expect(text.contains("alter table orders drop column note;\n"))
    #expect(text.contains("UTC: rolled back in ") && text.contains("UTC: applied in "))
    let again = try await program.run("incident", "001")
    #expect(again.status == 1)
    #expect(again.errors.contains("is there already\n  next: write on in it"), "\(again.errors)")
    #expect(try program.read("ops/postmortems/\(names[0])") == text)
    let unknown = try await program.run("incident", "999")
    #expect(unknown.status == 2)
  }

  @Test func `a run is added to the decisions where that is asked for`() async throws {
    let (program, _) = try await project("lock_attempts: 3")
    #expect(try await program.run("up", "--decision", "Orders get a note").status == 0)
    #expect(try await program.run("down", "--yes", "--decision", "And lose it again").status == 0)
    let text = try program.read("docs/decisions.md")
    #expect(text.hasPrefix("# Decisions\n\n## 20"))
    #expect(text.contains(": Orders get a note\n\n`up` on \""))
    #expect(text.contains("\n- 001_note: applied in "))
    #expect(text.contains(": And lose it again\n\n`down 1` on \""))
  }
}
