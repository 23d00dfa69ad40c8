import Canvas
import EventLoop
import Postgres
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The real program on a real terminal and a real server.
@Suite(.serialized, .mayBlock, .timeLimit(.minutes(10)))
struct DashboardProgramTests {
  static let files = [
    "migrations/0001_create_orders.sql": "CREATE TABLE orders (id bigint PRIMARY KEY);\n",
    "migrations/0001_create_orders.down.sql": "DROP TABLE orders;\n",
    "migrations/0002_add_note.sql": "ALTER TABLE orders ADD COLUMN note text;\n",
    "migrations/0002_add_note.down.sql": "ALTER TABLE orders DROP COLUMN note;\n",
  ]

  /// The dashboard on a project of its own.
  struct Run {
    var program: Program
    var terminal: TerminalEmulator

    init(
      url: String, files: [String: String] = DashboardProgramTests.files, _ words: [String] = [],
      environment: [String: String] = [:], size: Size = Size(columns: 100, rows: 30)
    ) throws {
      program = try Program(files)
      let shell = ["/bin/sh", "-c", #"cd "$0" && exec "$@""#, program.folder, try Program.path()]
      terminal = try TerminalEmulator(
        shell + ["--url", url, "--dir", "migrations", "--layout", "sqlx"] + words,
        environment: ["HOME": program.folder].merging(environment) { $1 }, size: size)
    }

    /// Waits for a text and shows the screen where it does not come.
    func sees(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) {
      guard !terminal.wait(for: text) else { return }
      Issue.record(
        "\"\(text)\" is not on the screen:\n\(terminal.text)", sourceLocation: sourceLocation)
    }

    func type(_ text: String) { terminal.send(text) }

    /// Applies the next migration: the plan, the moment in which keys are not taken, and yes.
    func apply() {
      terminal.send("a")
      sees("y apply on")
      terminal.confirmPlan()
    }
  }

  @Test func `files are on the screen before a silent server has said a word`() throws {
    // Takes connections and answers nothing.
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(listener) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let port = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { socket -> UInt16 in
        guard bind(listener, socket, length) == 0, listen(listener, 4) == 0 else { return 0 }
        getsockname(listener, socket, &length)
        return pointer.pointee.sin_port.bigEndian
      }
    }
    try #require(port != 0)
    let run = try Run(url: "postgres://nobody@127.0.0.1:\(port)/shop")
    run.sees("shop@127.0.0.1:\(port)")
    run.sees("connecting")
    run.sees("0002 add note")
    run.sees("waiting ?")
    run.type("q")
    #expect(run.terminal.waitForExit() == .exited(0))
  }

  @Test func `a migration is applied and rolled back`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    let run = try Run(url: database.url)
    run.sees("applied 0  pending 2")
    run.apply()
    run.sees("applied 1  pending 1")
    run.sees("ok 0001 applied")
    #expect(try await database.rows("SELECT version FROM _sqlx_migrations") == ["1"])
    // Rolling it back drops a table, so that its version is to be typed.
    run.type("r")
    run.sees("type 0001 and Enter")
    run.terminal.wait { terminal in
      terminal.send("\u{7f}\u{7f}\u{7f}\u{7f}0001")
      return terminal.text.contains("socket:5432: 0001")
    }
    run.terminal.send(.enter)
    run.sees("applied 0  pending 2")
    #expect(
      try await database.rows(
        "SELECT to_regclass('orders') IS NULL, count(*) FROM _sqlx_migrations")
        == ["t|0"])
    run.type("q")
    #expect(run.terminal.waitForExit() == .exited(0))
    #expect(!run.terminal.isAlternateScreen)
    #expect(!run.terminal.isRaw)
  }

  @Test func `edits and other runners are noticed`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    let run = try Run(url: database.url)
    run.sees("applied 0  pending 2")
    try run.program.write("CREATE TABLE later (id int);\n", to: "migrations/0003_later.sql")
    run.sees("applied 0  pending 3")
    let outcome = try await run.program.run(
      "up", "--url", database.url, "--dir", "migrations", "--layout", "sqlx", "--count", "1",
      "--yes")
    #expect(outcome.status == 0, "\(outcome.errors)")
    run.sees("applied 1  pending 2")
    try run.program.write("-- edited\n", to: "migrations/0001_create_orders.sql")
    run.sees("drift 1")
  }

  @Test func `ctrl-c cancels the statement and nothing is kept`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    let run = try Run(
      url: database.url,
      files: [
        "migrations/0001_slow.sql": "CREATE TABLE half (id int);\nSELECT pg_sleep(120);\n",
        "migrations/0001_slow.down.sql": "DROP TABLE half;\n",
      ])
    run.sees("pending 1")
    run.apply()
    run.sees("elapsed")
    run.terminal.send(.control("c"))
    run.sees("nothing of 0001 was kept")
    #expect(
      try await database.rows("SELECT to_regclass('half') IS NULL") == ["t"])
    run.type("q")
    #expect(run.terminal.waitForExit() == .exited(0))
  }

  @Test(arguments: [SIGTERM, SIGHUP])
  func `a signal ends a run at once and leaves nothing half done`(
    _ number: Int32
  ) async throws {
    let database = try await TestServer.shared.makeDatabase()
    let run = try Run(
      url: database.url,
      files: ["migrations/0001_slow.sql": "CREATE TABLE half (id int);\nSELECT pg_sleep(120);\n"])
    run.sees("pending 1")
    // Without a way back the version is to be typed.
    run.type("a")
    run.sees("type 0001 and Enter")
    run.terminal.wait { terminal in
      terminal.send("\u{7f}\u{7f}\u{7f}\u{7f}0001")
      return terminal.text.contains("socket:5432: 0001")
    }
    run.terminal.send(.enter)
    run.sees("elapsed")
    if number == SIGHUP { run.terminal.hangUp() } else { run.terminal.signal(number) }
    #expect(run.terminal.waitForExit() == .exited(130))
    #expect(
      try await database.rows("SELECT to_regclass('half') IS NULL") == ["t"])
  }

  @Test func `a storm of sizes ends as the last one`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    let run = try Run(url: database.url)
    run.sees("applied 0  pending 2")
    for step in 0..<100 {
      run.terminal.resize(to: Size(columns: 60 + step % 70, rows: 16 + step % 30))
    }
    run.terminal.resize(to: Size(columns: 120, rows: 40))
    #expect(
      run.terminal.wait {
        $0.lines.count == 40 && $0.lines[39].contains("? help  q quit")
          && $0.lines[0].contains("applied 0  pending 2")
      }, "\(run.terminal.text)")
  }

  @Test func `an editor gets the terminal and what it wrote is shown`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    let run = try Run(
      url: database.url, environment: ["EDITOR": "sh -c 'echo -- from the editor >> $1' edit"])
    run.sees("applied 0  pending 2")
    run.type("e")
    run.sees("from the editor")
    #expect(try run.program.read("migrations/0001_create_orders.sql").contains("from the editor"))
    run.type("q")
    #expect(run.terminal.waitForExit() == .exited(0))
  }

  @Test func `a pager shows the pane and the dashboard comes back`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    let run = try Run(
      url: database.url,
      environment: ["PAGER": "sh -c 'cat; echo PAGED; read line < /dev/tty' page"])
    run.sees("applied 0  pending 2")
    run.type("|")
    #expect(
      run.terminal.wait {
        $0.text.contains("PAGED") && $0.text.contains("0001") && !$0.isAlternateScreen
      }, "\(run.terminal.text)")
    run.type("\n")
    run.sees("1 Migrations")
    run.type("j")
    run.sees("> 0002")
  }

  @Test func `copying hands the version to the terminal`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    let run = try Run(url: database.url)
    run.sees("applied 0  pending 2")
    run.type("y")
    run.sees("copied 4 bytes")
    // OSC 52 with the base64 of 0001.
    let transcript = String(decoding: run.terminal.transcript, as: UTF8.self)
    #expect(transcript.contains("\u{1b}]52;c;MDAwMQ==\u{7}"))
  }

  @Test func `lost sessions are opened again`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    let run = try Run(url: database.url)
    run.sees("applied 0  pending 2")
    let before = run.terminal.received
    _ = try await database.rows(
      """
      SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name LIKE 'lockstep %'
        AND application_name <> 'lockstep tests'
      """)
    // Stands for a second only: on a busy machine what came after it may be read with it.
    #expect(
      run.terminal.wait {
        String(decoding: $0.transcript[before...], as: UTF8.self).contains("lost")
      }, "\(run.terminal.text)")
    #expect(run.terminal.wait { $0.lines[0].contains("PostgreSQL") }, "\(run.terminal.text)")
    run.sees("applied 0  pending 2")
  }

  @Test func `a waiting session is drawn below the one that blocks it`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    try await database.execute("CREATE TABLE stock (id int)")
    let run = try Run(url: database.url, size: Size(columns: 120, rows: 40))
    run.sees("applied 0  pending 2")
    let name = database.name
    let holder = Task {
      try await TestServer.shared.withConnection(to: name, application: "holder") {
        _ = try await $0.execute("BEGIN; LOCK TABLE stock; SELECT pg_sleep(300); ROLLBACK")
      }
    }
    let held = """
      SELECT count(*) FROM pg_locks WHERE granted AND relation = 'stock'::regclass
        AND mode = 'AccessExclusiveLock'
      """
    while try await database.rows(held) != ["1"] {}
    let waiter = Task {
      try await TestServer.shared.withConnection(to: name, application: "waiter") {
        _ = try await $0.execute("BEGIN; LOCK TABLE stock IN ACCESS SHARE MODE; ROLLBACK")
      }
    }
    let waiting = """
      SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'stock'::regclass
      """
    while try await database.rows(waiting) != ["1"] {}
    #expect(
      run.terminal.wait { terminal in
        ["holder", "waiter", "stock"].allSatisfy { terminal.text.contains($0) }
      }, "\(run.terminal.text)")
    // It holds its lock until it was seen, however busy the machine is.
    try await database.execute(
      """
      SELECT pg_cancel_backend(pid) FROM pg_stat_activity
      WHERE application_name = 'holder' AND datname = current_database()
      """)
    _ = await holder.result
    _ = await waiter.result
    run.sees("waiting 0")
  }

  @Test func `a session is ended, and what that freed is said`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    try await database.execute("CREATE TABLE stock (id int)")
    let run = try Run(url: database.url, size: Size(columns: 160, rows: 50))
    run.sees("applied 0  pending 2")
    let name = database.name
    let holder = Task {
      try await TestServer.shared.withConnection(to: name, application: "holder") {
        _ = try await $0.execute("BEGIN; LOCK TABLE stock; SELECT pg_sleep(300); ROLLBACK")
      }
    }
    let held = """
      SELECT pid FROM pg_locks WHERE granted AND relation = 'stock'::regclass
        AND mode = 'AccessExclusiveLock'
      """
    while try await database.rows(held) == [] {}
    let pid = try #require(try await database.rows(held).first)
    let waiter = Task {
      try await TestServer.shared.withConnection(to: name, application: "waiter") {
        _ = try await $0.execute("BEGIN; LOCK TABLE stock IN ACCESS SHARE MODE; ROLLBACK")
      }
    }
    try await database.waitUntilLocked("waiter")
    #expect(
      run.terminal.wait { $0.text.contains("holder") && $0.text.contains("waiter") },
      "\(run.terminal.text)")
    run.type(":arm\r")
    run.sees("ARMED")
    run.type(":end \(pid)\r")
    run.sees("type \(pid) and Enter to end it")
    run.sees("1 session at once: waiter")
    // Asked for again and again, since keys are not taken at once.
    run.terminal.wait { terminal in
      terminal.send(String(repeating: "\u{7f}", count: pid.count) + pid)
      return terminal.text.contains("socket:5432: \(pid)")
    }
    run.terminal.send(.enter)
    run.sees("ended \(pid) (holder): freed 1 of 1 session")
    _ = await holder.result
    _ = await waiter.result
    let isGone = "SELECT count(*) FROM pg_stat_activity WHERE pid = \(pid)"
    #expect(try await database.rows(isGone) == ["0"])
    run.type("q")
    #expect(run.terminal.waitForExit() == .exited(0))
  }

  @Test func `a run steps aside by hand and gets its lock later`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    try await database.execute("CREATE TABLE stock (id int)")
    let run = try Run(
      url: database.url,
      files: [
        "migrations/0001_note.sql": "ALTER TABLE stock ADD COLUMN note text;\n",
        "migrations/0001_note.down.sql": "ALTER TABLE stock DROP COLUMN note;\n",
      ], size: Size(columns: 200, rows: 60))
    run.sees("applied 0  pending 1")
    let name = database.name
    let holder = Task {
      try await TestServer.shared.withConnection(to: name, application: "holder") {
        _ = try await $0.execute(
          "BEGIN; LOCK TABLE stock IN ACCESS SHARE MODE; SELECT pg_sleep(300); ROLLBACK")
      }
    }
    let held = """
      SELECT pid FROM pg_locks WHERE granted AND relation = 'stock'::regclass
        AND mode = 'AccessShareLock' AND pid <> pg_backend_pid()
      """
    while try await database.rows(held) == [] {}
    run.apply()
    // Who stands in the way is seen, and the key is offered.
    run.sees("x step aside")
    run.type("x")
    run.sees("attempt 1 of")
    run.sees("stepped aside by hand after")
    #expect(try await database.rows("SELECT count(*) FROM _sqlx_migrations") == ["0"])
    try await database.execute(
      """
      SELECT pg_cancel_backend(pid) FROM pg_stat_activity
      WHERE application_name = 'holder' AND datname = current_database()
      """)
    _ = await holder.result
    run.sees("ok 0001 applied")
    run.sees("applied 1  pending 0")
    run.type("q")
    #expect(run.terminal.waitForExit() == .exited(0))
  }

  @Test func `a run that takes longer than its environment allows is ended`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    let run = try Run(
      url: database.url,
      files: [
        // Connecting and all else that comes before the statement counts as well.
        "lockstep.json": "{environments: {slow: {timeout: \"6s\"}}}",
        "migrations/0001_slow.sql": "CREATE TABLE half (id int);\nSELECT pg_sleep(120);\n",
        "migrations/0001_slow.down.sql": "DROP TABLE half;\n",
      ], ["--env", "slow"], size: Size(columns: 200, rows: 60))
    run.sees("applied 0  pending 1")
    run.apply()
    run.sees("nothing of 0001 was kept")
    run.sees("the run took longer than 6.0 s")
    #expect(try await database.rows("SELECT to_regclass('half') IS NULL") == ["t"])
    run.type("q")
    #expect(run.terminal.waitForExit() == .exited(0))
  }

  @Test func `a read-only session cannot be armed`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    let run = try Run(url: database.url, ["--read-only"])
    run.sees("applied 0  pending 2")
    run.type(":arm\r")
    run.sees("start without it to write")
    #expect(run.terminal.wait { $0.lines[0].contains("READ-ONLY") }, "\(run.terminal.text)")
  }

  @Test func `ASCII is drawn where the locale has nothing else`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    let run = try Run(url: database.url, environment: ["LANG": "C"])
    run.sees("applied 0  pending 2")
    run.sees("+= 1 Migrations =")
    #expect(run.terminal.text.allSatisfy { $0.isASCII })
  }

  @Test func `without a terminal the status is printed`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    let program = try Program(Self.files)
    let outcome = try await program.run(
      "--url", database.url, "--dir", "migrations", "--layout", "sqlx")
    #expect(outcome.status == 0)
    #expect(outcome.output.contains("0001"))
    #expect(!outcome.output.contains("\u{1b}"))
  }
}
