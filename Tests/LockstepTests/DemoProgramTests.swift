import EventLoop
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The real program: whatever happens to it, no process and no folder stays.
@Suite(.serialized, .mayBlock, .timeLimit(.minutes(10))) struct DemoProgramTests {
  @Test(arguments: [SIGINT, SIGTERM, SIGHUP, SIGQUIT])
  func `a signal ends it, and nothing is left`(signal: Int32) throws {
    let run = try DemoRun()
    try #require(run.waitUntilReady(), "\(run.errors)")
    let processes = run.processes
    // How many sessions the workload has open at this moment is chance.
    #expect(processes.count >= 4, "the program, the watchdog, the server and its helpers")
    run.terminal.signal(signal)
    #expect(run.terminal.waitForExit() == .exited(0))
    expectNothingLeft(of: run, processes)
  }

  @Test func `a terminal that vanishes ends it, and nothing is left`() throws {
    let run = try DemoRun()
    try #require(run.waitUntilReady(), "\(run.errors)")
    let processes = run.processes
    run.terminal.hangUp()
    #expect(run.terminal.waitForExit() == .exited(0))
    expectNothingLeft(of: run, processes)
  }

  @Test func `ctrl-c reaches the program alone`() throws {
    let run = try DemoRun()
    try #require(run.waitUntilReady(), "\(run.errors)")
    run.terminal.send("\u{3}")
    #expect(run.terminal.waitForExit() == .exited(0))
    expectNothingLeft(of: run, [])
    #expect(!run.errors.contains("error:"))
  }

  /// What is waited for before the program is struck.
  enum Moment: CaseIterable {
    case folderMade, filesBegun, serverStarting, migrationsBegun, rowsBegun, ready

    func hasCome(_ run: DemoRun) -> Bool {
      let cluster = run.clusters.first ?? "/none"
      return switch self {
      case .folderMade: cluster != "/none"
      case .filesBegun: access(cluster + "/data/base", F_OK) == 0
      case .serverStarting: access(cluster + "/.s.PGSQL.5432", F_OK) == 0
      case .migrationsBegun: run.errors.contains("applying")
      case .rowsBegun: run.errors.contains("filling")
      case .ready: run.output.contains("\n")
      }
    }
  }

  @Test(arguments: Moment.allCases)
  func `killing it at any moment leaves nothing`(moment: Moment) throws {
    let run = try DemoRun()
    try #require(eventually { moment.hasCome(run) }, "\(run.errors)")
    let processes = run.processes
    run.terminal.signal(SIGKILL)
    #expect(run.terminal.waitForExit() == .signalled(SIGKILL))
    expectNothingLeft(of: run, processes)
  }

  @Test(arguments: Moment.allCases.filter { $0 != .ready })
  func `interrupting it while it prepares is told and leaves nothing`(moment: Moment) throws {
    // It may be ready before it is stopped, which is another test's.
    for _ in 0..<50 {
      let run = try DemoRun()
      try #require(eventually { moment.hasCome(run) }, "\(run.errors)")
      run.terminal.signal(SIGSTOP)
      let processes = run.processes
      run.terminal.signal(SIGINT)
      run.terminal.signal(SIGCONT)
      let exit = run.terminal.waitForExit()
      expectNothingLeft(of: run, processes)
      guard !run.output.contains("\n") else { continue }
      #expect(exit == .exited(130))
      #expect(
        run.errors.hasSuffix(
          """
          error: interrupted while the demonstration was being made
            next: nothing was left behind

          """))
      return
    }
    Issue.record("it was always ready first")
  }

  @Test func `an ordinary user can have it, and nothing is left`() throws {
    let run = try DemoRun(asOrdinaryUser: true)
    try #require(run.waitUntilReady(), "\(run.errors)")
    let processes = run.processes
    run.terminal.signal(SIGKILL)
    #expect(run.terminal.waitForExit() == .signalled(SIGKILL))
    expectNothingLeft(of: run, processes)
  }

  @Test func `it says where everything is`() throws {
    let run = try DemoRun()
    try #require(run.waitUntilReady(), "\(run.errors)")
    let cluster = try #require(run.clusters.first)
    #expect(run.output == "postgresql:///demo?host=\(cluster)&port=5432&user=lockstep\n")
    #expect(
      eventually {
        run.errors == """
          making a private PostgreSQL
          applying the first 8 of 16 sample migrations
          filling in rows
          the migrations are in \(cluster)/project/migrations; ctrl-c ends it

          """
      })
  }

  @Test func `with --json it says so in one object`() throws {
    let run = try DemoRun(["--json", "--quiet"])
    try #require(run.waitUntilReady(), "\(run.errors)")
    let cluster = try #require(run.clusters.first)
    #expect(
      run.output == """
        {"url":"postgresql:///demo?host=\(cluster)&port=5432&user=lockstep","layout":"sqlx",\
        "directories":["\(cluster)/project/migrations"]}

        """)
    #expect(run.errors.isEmpty)
  }

  @Test func `what the environment says of other servers does not lead it astray`() throws {
    let run = try DemoRun(environment: [
      "PGHOST": "nowhere.invalid", "PGPORT": "1", "PGUSER": "nobody", "PGCHANNELBINDING": "require",
      "PGSERVICE": "none", "PGOPTIONS": "-c default_transaction_read_only=on",
    ])
    #expect(run.waitUntilReady(), "\(run.errors)")
  }

  @Test func `a TMPDIR too long for a socket is passed over`() throws {
    let long = "/tmp/" + String(repeating: "long", count: 30)
    let run = try DemoRun(environment: ["TMPDIR": long])
    try #require(run.waitUntilReady(), "\(run.errors)")
    #expect(run.output.hasPrefix("postgresql:///demo?host=/tmp/lockstep-"))
    let path = try #require(run.output.split(separator: "=")[1].split(separator: "&").first)
    run.terminal.signal(SIGTERM)
    #expect(run.terminal.waitForExit() == .exited(0))
    #expect(access(String(path), F_OK) == -1)
  }

  @Test func `a kept one says how to come back, and goes on where it was`() throws {
    let folder = "/tmp/demo-kept-\(getpid())"
    defer { _ = try? ChildProcess(["/bin/rm", "-rf", "--", folder]).runBlocking() }
    for round in 1...2 {
      let kept = try DemoRun(["--keep", folder])
      try #require(kept.waitUntilReady(), "\(kept.errors)")
      #expect(kept.output == "postgresql:///demo?host=\(folder)&port=5432&user=lockstep\n")
      kept.terminal.signal(SIGTERM)
      #expect(kept.terminal.waitForExit() == .exited(0))
      #expect(
        kept.errors.contains("\nkept in \(folder)\n  again:   lockstep demo --keep \(folder)\n"))
      #expect(kept.errors.contains("applying") == (round == 1))
      #expect(access(folder + "/data/postmaster.pid", F_OK) == -1)
      #expect(access(folder + "/project/migrations", F_OK) == 0)
    }
  }

  @Test func `a folder that is not its own is refused`() throws {
    let run = try DemoRun(["--keep", "/tmp"])
    #expect(run.terminal.waitForExit() == .exited(1))
    #expect(
      run.errors.hasSuffix(
        """
        error: no cluster can be kept in "/tmp": it is not empty, and not a cluster that Lockstep has kept
          next: choose a folder that is empty or not there yet

        """))
  }

  private func expectNothingLeft(
    of run: DemoRun, _ processes: Set<pid_t>, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let isGone = eventually { run.clusters.isEmpty && run.processes.isEmpty }
    #expect(
      isGone, "\(run.clusters) \(run.processes)", sourceLocation: sourceLocation)
    // The server's own processes no longer name the folder, and notice a moment later that it has gone.
    let left = processes.filter { process in !eventually { hasEnded(process) } }
    #expect(left.isEmpty, sourceLocation: sourceLocation)
  }
}
