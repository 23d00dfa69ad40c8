import Canvas
import EventLoop
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The dashboard left while something beside the migrations is under way: a backup, a health check.
@Suite(.serialized, .mayBlock, .timeLimit(.minutes(10))) struct TerminalLeavingTests {
  /// How it is left.
  enum Way: String, Sendable, CaseIterable {
    case keys, terminated, hungUp
  }

  /// Says that it has begun, by its process id, and never ends by itself.
  private static let endless =
    #"['sh', '-c', 'echo $$ > began.new; mv began.new began; exec tail -f /dev/null']"#

  private struct Scene {
    var program: Program
    var database: TestDatabase
    var terminal: TerminalEmulator

    /// The process that was begun; `nil` before that.
    var began: pid_t? {
      guard let text = try? ChildProcess(["cat", "\(program.folder)/began"]).runBlocking(),
        text.status == 0
      else { return nil }
      return pid_t(String(decoding: text.output, as: UTF8.self).prefix { $0 != "\n" })
    }

    var journal: String {
      let text = try? ChildProcess(["/bin/sh", "-c", "cat \(program.folder)/.lockstep/*.jsonl"])
        .runBlocking()
      return String(decoding: text?.output ?? [], as: UTF8.self)
    }

    /// All names in a folder of the project, hidden ones too.
    func all(in folder: String) -> String {
      let text = try? ChildProcess(["ls", "-A", "\(program.folder)/\(folder)"]).runBlocking()
      return String(decoding: text?.output ?? [], as: UTF8.self)
    }

    var tables: [String] {
      get async throws {
        try await database.rows(
          "select relname from pg_class where relname in ('first', 'second') order by 1")
      }
    }
  }

  /// Opens the dashboard on an environment with these rules and applies the first migration.
  private func begin(_ rules: String, _ known: TestDatabase? = nil) async throws -> Scene {
    var made = known
    if made == nil { made = try await TestServer.shared.makeDatabase() }
    let database = try #require(made)
    let program = try Program([
      "migrations/1_first.sql":
        "-- migrate:up\ncreate table first ();\n-- migrate:down\ndrop table first;\n",
      "migrations/2_second.sql":
        "-- migrate:up\ncreate table second ();\n-- migrate:down\ndrop table second;\n",
    ])
    try program.write(
      "{layout: 'dbmate', environments: {live: {url: '\(database.url)', \(rules)}}}",
      to: "lockstep.json")
    let terminal = try TerminalEmulator(
      ["/bin/sh", "-c", #"cd "$0" && exec "$@""#, program.folder, try Program.path()]
        + ["-e", "live"],
      environment: [
        "HOME": program.folder, "TERM": "xterm-256color", "DBMATE_NO_DUMP_SCHEMA": "true",
      ], size: Size(columns: 120, rows: 40))
    try #require(terminal.wait(for: "applied 0  pending 2"), "\(terminal.text)")
    terminal.send(":arm\r")
    try #require(terminal.wait(for: "ARMED"), "\(terminal.text)")
    terminal.send("a")
    try #require(terminal.wait(for: "y apply on"), "\(terminal.text)")
    terminal.confirmPlan()
    try #require(terminal.wait(for: "8 Log"), "\(terminal.text)")
    return Scene(program: program, database: database, terminal: terminal)
  }

  private func leave(_ scene: Scene, _ way: Way) {
    let terminal = scene.terminal
    switch way {
    case .terminated: terminal.signal(SIGTERM)
    case .hungUp: terminal.hangUp()
    case .keys:
      terminal.send("q")
      #expect(terminal.wait(for: "a run is in flight"), "\(terminal.text)")
      // What is said of the first one stands only until the run has ended.
      let hasEnded = terminal.wait { terminal in
        terminal.send(.control("c"))
        return !terminal.isAlternateScreen
      }
      #expect(hasEnded, "\(terminal.text)")
    }
    #expect(terminal.waitForExit() != nil, "\(terminal.text)")
  }

  private func isGone(_ process: pid_t) -> Bool { eventually { hasEnded(process) } }

  @Test(arguments: Way.allCases)
  func `left while a backup is made, nothing has begun and nothing goes on`(way: Way) async throws {
    let scene = try await begin("backup: {command: \(Self.endless)}")
    try #require(eventually { scene.began != nil })
    let process = try #require(scene.began)
    leave(scene, way)
    #expect(isGone(process))
    #expect(try await scene.tables == [])
    #expect(scene.journal.contains(#""outcome":"interrupted","applied":0,"reverted":0"#))
  }

  @Test(arguments: Way.allCases)
  func `left while a dump is written, no half of it stays`(way: Way) async throws {
    let database = try await TestServer.shared.makeDatabase()
    // In one message the table would not be committed, and no dump would see it.
    try await database.execute("CREATE TABLE orders ()")
    // The dump waits for a table that somebody has locked.
    try await database.server.withConnection(to: database.name, application: "locker") { locker in
      try await locker.execute("BEGIN; LOCK TABLE orders")
      let scene = try await begin("backup: {directory: 'backups'}", database)
      try #require(eventually { scene.all(in: "backups").split(separator: "\n").count == 2 })
      leave(scene, way)
      #expect(scene.all(in: "backups") == ".gitignore\n")
      #expect(scene.journal.contains(#""outcome":"interrupted","applied":0,"reverted":0"#))
      // While the table is still locked: nothing of ours goes on waiting for it.
      try await locker.execute(
        """
        DO $$ BEGIN
          FOR i IN 1..6000 LOOP
            PERFORM pg_stat_clear_snapshot();
            IF NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
              AND application_name LIKE 'lockstep%') THEN RETURN; END IF;
            PERFORM pg_sleep(0.01);
          END LOOP;
          RAISE 'a session of ours is still there';
        END $$
        """)
      try await locker.execute("ROLLBACK")
      #expect(try await scene.tables == [])
    }
  }

  @Test(arguments: Way.allCases)
  func `left while health is asked for, what was applied stands and is said to`(way: Way)
    async throws
  {
    let scene = try await begin("health: {command: \(Self.endless)}")
    try #require(eventually { scene.began != nil })
    let process = try #require(scene.began)
    leave(scene, way)
    #expect(isGone(process))
    #expect(try await scene.tables == ["first"])
    #expect(scene.journal.contains(#""outcome":"interrupted","applied":1,"reverted":0"#))
    let status = try await scene.program.run("status", "-e", "live")
    #expect(status.output.contains("applied 1   pending 1   failed 0   problems 0"))
  }
}
