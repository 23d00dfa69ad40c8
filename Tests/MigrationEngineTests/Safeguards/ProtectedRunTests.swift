import Diagnostics
import EventLoop
import MigrationEngine
import MigrationModel
import Postgres
import PostgresModel
import Synchronization
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension ProjectFixture {
  /// Runs a request with what an environment asks for around it.
  func guarded(
    _ request: PlanRequest, _ demands: EnvironmentDemands,
    options: Runner.Options = Runner.Options(),
    gates: (@Sendable (LoadedProject, Plan) async -> [Diagnostic])? = nil,
    onEvent: (@Sendable (RunEvent) -> Void)? = nil,
    cancelledAt moment: (@Sendable () async throws -> Void)? = nil
  ) async throws -> Ran {
    let plan = try await plan(request)
    let project = project
    let target = try target
    return try await onLoop { loop in
      let heard = Mutex<[RunEvent]>([])
      let session = try await Connection.open(
        target, application: "guarded", settings: options.sessionSettings, loop: loop)
      let runner = Runner(project: project, target: target, options: options, loop: loop)
      let running = Task(executorPreference: loop) {
        try await ProtectedRun(runner, demands, gates: gates).run(
          plan, context: ProjectFixture.context, in: session
        ) { event in
          heard.withLock { $0.append(event) }
          onEvent?(event)
        }
      }
      if let moment {
        try await moment()
        running.cancel()
      }
      let ended = try await running.value
      return Ran(plan: plan, outcome: ended.outcome, events: heard.withLock { $0 })
    }
  }
}

/// A run with a backup before it and a health check behind it.
@Suite(.fewAtOnce, .mayBlock) struct ProtectedRunTests {
  private static let two = [
    SampleMigration.table("001", "a"), SampleMigration.table("002", "b"),
  ]

  /// Its health check fails.
  private var unwell: EnvironmentDemands {
    demands { $0.health = HealthDemand(.sql("select false")) }
  }
  /// Its health check fails, and then it goes back by itself.
  private var unwellAndGoingBack: EnvironmentDemands {
    var demands = unwell
    demands.rollsBackAutomatically = true
    return demands
  }

  private func demands(_ change: (inout EnvironmentDemands) -> Void) -> EnvironmentDemands {
    var demands = EnvironmentDemands(environment: "live")
    change(&demands)
    return demands
  }

  private func names(in folder: String) throws -> [String] {
    let list = try ChildProcess(["/bin/ls", folder]).runBlocking()
    return String(decoding: list.output, as: UTF8.self).split(separator: "\n").map(String.init)
  }

  // MARK: Backup

  @Test func `a backup is taken before anything runs, and can be read`() async throws {
    let fixture = try await ProjectFixture("dbmate", Self.two)
    try await fixture.database.execute("CREATE TABLE kept AS SELECT 1 AS n")
    let folder = "\(fixture.folder.path)/some/backups"
    let ran = try await fixture.guarded(.upAll, demands { $0.backup = .dump(directory: folder) })
    #expect(
      ran.lines == [
        "backup started", "backup taken", "started 001 create_a up", "finished 001 create_a up",
        "started 002 create_b up", "finished 002 create_b up", "end +2 -0 !0",
      ])
    guard case .backupEnded(let backup) = ran.events[1], case .taken(let file) = backup.outcome
    else { return }
    #expect(try names(in: folder) == [String(try #require(file.path.split(separator: "/").last))])
    #expect(file.path.hasPrefix("\(folder)/\(fixture.database.name)-20"))
    let bytes = try #require(
      fixture.folder.read("some/backups/" + file.path.split(separator: "/").last!))
    #expect(Int64(bytes.count) == file.bytes)
    #expect(Checksum(.sha256, of: bytes).hexadecimal == file.sha256)
    #expect(file.entries > 0)
    let script = try ChildProcess(["pg_restore", "-f", "-", file.path]).runBlocking()
    let text = String(decoding: script.output, as: UTF8.self)
    #expect(text.contains("CREATE TABLE public.kept"))
    // It is of before the run.
    #expect(!text.contains("CREATE TABLE public.a "))
    var status = stat()
    #expect(stat(file.path, &status) == 0 && status.st_mode & 0o077 == 0)
    #expect(fixture.folder.text("some/backups/.gitignore") == "*\n")
  }

  @Test func `without a backup nothing runs, and it says why`() async throws {
    let fixture = try await ProjectFixture("dbmate", Self.two)
    fixture.folder.write("file", "in the way")
    let folder = "\(fixture.folder.path)/file/backups"
    let ran = try await fixture.guarded(.upAll, demands { $0.backup = .dump(directory: folder) })
    #expect(ran.summary == "failed backup_failed +0 -0")
    #expect(
      ran.diagnostic?.description == """
        error: no backup could be taken: \(folder): Not a directory
          by:   pg_dump to \(folder)
          next: see that it can be taken, and run it again; nothing was run
        """)
    #expect(ran.lines.last == "end +0 -0 !1")
    #expect(try await fixture.tables() == [])
  }

  @Test func `the environment's own command takes it, and its status is what counts`()
    async throws
  {
    let fixture = try await ProjectFixture("dbmate", Self.two)
    let good = demands {
      $0.backup = .command(["sh", "-c", "echo snapshot-of-$PGDATABASE; echo more"])
    }
    let ran = try await fixture.guarded(.up(to: "001"), good)
    #expect(ran.lines[1] == "backup left snapshot-of-\(fixture.database.name)")
    let bad = demands { $0.backup = .command(["sh", "-c", "echo no room >&2; exit 3"]) }
    let refused = try await fixture.guarded(.upAll, bad)
    #expect(
      refused.diagnostic?.what
        == "no backup could be taken: sh ended with status 3: no room")
    #expect(try await fixture.tables() == ["public.a"])
    let missing = demands { $0.backup = .command(["/no/such/program"]) }
    #expect(
      try await fixture.guarded(.upAll, missing).diagnostic?.what
        == "no backup could be taken: /no/such/program: No such file or directory")
  }

  @Test func `what is cancelled while it backs up leaves no half and no program`() async throws {
    var fixture = try await ProjectFixture("dbmate", Self.two)
    fixture.urlSuffix = "&password=not-to-be-listed"
    try await fixture.database.execute("CREATE TABLE big (n int)")
    let folder = "\(fixture.folder.path)/backups"
    let demands = demands { $0.backup = .dump(directory: folder) }
    let copy = fixture
    let ran = try await fixture.database.server.withConnection(to: fixture.database.name) {
      holder in
      try await holder.execute("BEGIN; LOCK big IN ACCESS EXCLUSIVE MODE")
      return try await copy.guarded(
        .upAll, demands,
        cancelledAt: {
          try await copy.database.waitUntilLocked("lockstep backup")
          // What everybody on the machine can see.
          let list = try ChildProcess(["/bin/sh", "-c", "cat /proc/[0-9]*/cmdline"]).runBlocking()
          let commands = String(decoding: list.output, as: UTF8.self)
          #expect(commands.contains("pg_dump") && !commands.contains("not-to-be-listed"))
        })
    }
    #expect(ran.summary == "interrupted interrupted +0 -0")
    #expect(
      ran.diagnostic?.what
        == "the run was interrupted while the backup was taken; no half of it is left")
    #expect(try names(in: folder) == [])
    #expect(try await fixture.tables() == ["public.big"])
    try await fixture.waitForTheServer()
    #expect(
      try await fixture.database.rows(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lockstep backup'"
          + " AND datname = current_database()") == ["0"]
    )
  }

  @Test func `a half that a killed process left is removed by the next`() async throws {
    let fixture = try await ProjectFixture("dbmate", Self.two)
    fixture.folder.write("backups/app-20260101000000-1.part", "half")
    let folder = "\(fixture.folder.path)/backups"
    let ran = try await fixture.guarded(.upAll, demands { $0.backup = .dump(directory: folder) })
    #expect(ran.lines[1] == "backup taken")
    let left = try names(in: folder)
    #expect(left.count == 1 && left[0].hasSuffix(".dump"), "\(left)")
  }

  @Test func `two databases of one second have a backup each`() async throws {
    let fixture = try await ProjectFixture("dbmate", Self.two)
    let folder = "\(fixture.folder.path)/backups"
    for version in ["001", "002"] {
      let ran = try await fixture.guarded(
        .up(to: version), demands { $0.backup = .dump(directory: folder) })
      #expect(ran.lines[1] == "backup taken")
    }
    #expect(try names(in: folder).count == 2)
  }

  // MARK: Health

  @Test(arguments: [
    ("select 1", "passed", "1"), ("select true", "passed", "true"),
    ("select 'ok'", "passed", "ok"), ("select false", "failed", "false"),
    ("select 0", "failed", "0, which is as false"),
    ("select 0.00", "failed", "0.00, which is as false"),
    ("select count(*) from pg_class where false", "failed", "0, which is as false"),
    ("select count(*) = 0 from pg_class where false", "passed", "true"),
    ("select -2", "passed", "-2"), ("select '0 left'", "passed", "0 left"),
    ("select ''", "failed", "an empty text"), ("select null", "failed", "NULL"),
    ("select 1 where false", "failed", "no row"),
    ("select * from nowhere", "failed", "relation \"nowhere\" does not exist"),
    ("create table x ()", "failed", "cannot execute CREATE TABLE in a read-only transaction"),
  ])
  func `an answer in SQL is true, a text, or a number other than zero`(
    _ sql: String, _ outcome: String, _ answer: String
  ) async throws {
    let fixture = try await ProjectFixture("dbmate", [Self.two[0]])
    let ran = try await fixture.guarded(.upAll, demands { $0.health = HealthDemand(.sql(sql)) })
    #expect(ran.lines.contains("health \(outcome) \(answer)"), "\(ran.lines)")
    #expect((ran.summary == "finished +1 -0") == (outcome == "passed"))
    // By itself it rolls nothing back.
    #expect(try await fixture.tables() == ["public.a"])
  }

  @Test func `a command or an address that does not answer in time has failed`() async throws {
    let fixture = try await ProjectFixture("dbmate", Self.two)
    func answer(_ demand: HealthDemand, _ version: String) async throws -> String? {
      let ran = try await fixture.guarded(.up(to: version), demands { $0.health = demand })
      return ran.lines.first { $0.hasPrefix("health") }
    }
    // It writes for ever, and would hold the run up for as long.
    let late = HealthDemand(.command(["yes"]), timeout: .milliseconds(50))
    #expect(try await answer(late, "001") == "health failed no answer within 50 ms")
    let good = HealthDemand(.command(["sh", "-c", "echo fine"]))
    #expect(try await answer(good, "002") == "health passed fine")
  }

  @Test func `an address is asked with curl`() async throws {
    let fixture = try await ProjectFixture("dbmate", Self.two)
    fixture.folder.write("healthy", "ok")
    let path = fixture.folder.path
    let good = try await fixture.guarded(
      .up(to: "001"), demands { $0.health = HealthDemand(.url("file://\(path)/healthy")) })
    #expect(good.summary == "finished +1 -0", "\(good.lines)")
    let bad = try await fixture.guarded(
      .upAll, demands { $0.health = HealthDemand(.url("file://\(path)/gone")) })
    #expect(bad.summary == "failed health_check_failed +1 -0")
    #expect(
      bad.diagnostic?.what.hasPrefix("the health check failed: curl ended with status 37") == true)
  }

  @Test func `a failed health check leaves what was applied and says how to go back`() async throws
  {
    let fixture = try await ProjectFixture("dbmate", Self.two)
    let ran = try await fixture.guarded(.upAll, unwell)
    #expect(
      ran.diagnostic?.description == """
        error: the health check failed: false
          sql:  select false
          next: what was applied stands (001_create_a, 002_create_b); `lockstep down --count 2 -e live` rolls it back
        """)
    #expect(ran.lines.suffix(2) == ["safeguard health_check_failed", "end +2 -0 !1"])
    #expect(try await fixture.historyRows() == ["001", "002"])
  }

  @Test(arguments: ["dbmate", "raw", "sqlx", "golang-migrate"])
  func `where the environment says so exactly what was applied is rolled back`(
    _ layout: String
  ) async throws {
    let fixture = try await ProjectFixture(
      layout, [SampleMigration.table("000", "before")] + Self.two)
    _ = try await fixture.run(.up(to: "000"))
    let ran = try await fixture.guarded(
      .upAll,
      demands {
        $0.health = HealthDemand(.sql("select to_regclass('b') is null"))
        $0.rollsBackAutomatically = true
      })
    #expect(ran.summary == "failed health_check_failed +2 -2")
    #expect(
      ran.diagnostic?.next
        == "what this run applied was rolled back: 002_create_b, 001_create_a; mend it and run it again"
    )
    // sqlx shows blanks in place of underscores.
    let behind = ran.lines.drop { !$0.hasPrefix("health") }
      .map { $0.replacing("create ", with: "create_") }
    #expect(
      behind == [
        "health failed false", "rolling back 002 001", "started 002 create_b down",
        "finished 002 create_b down", "started 001 create_a down", "finished 001 create_a down",
        "safeguard health_check_failed", "end +2 -2 !1",
      ])
    #expect(try await fixture.tables() == ["public.before"])
    #expect(
      try await fixture.statusLines() == ["000 applied", "001 pending", "002 pending"])
  }

  @Test func `what has no way back keeps all of the run from being rolled back`() async throws {
    let fixture = try await ProjectFixture(
      "sqlx", [Self.two[0], SampleMigration("002", "b", up: "CREATE TABLE b ();")])
    let ran = try await fixture.guarded(.upAll, unwellAndGoingBack)
    #expect(ran.summary == "failed health_check_failed +2 -0")
    #expect(
      ran.diagnostic?.next
        == "nothing was rolled back: 002_b has no way back; fix forward with a new migration")
    #expect(try await fixture.tables() == ["public.a", "public.b"])
  }

  @Test func `a way back that fails is told with what stands`() async throws {
    let fixture = try await ProjectFixture(
      "dbmate",
      [
        SampleMigration("001", "a", up: "CREATE TABLE a ();", down: "DROP TABLE nowhere;"),
        Self.two[1],
      ])
    let ran = try await fixture.guarded(.upAll, unwellAndGoingBack)
    #expect(ran.summary == "failed health_check_failed +2 -1")
    #expect(
      ran.diagnostic?.next
        == "rolling back stopped after 1 of 2: roll back of migration 001_a failed: table \"nowhere\" does not exist;"
        + " `lockstep status -e live` shows what stands")
    #expect(try await fixture.tables() == ["public.a"])
  }

  @Test func `health is asked for where a migration failed behind others`() async throws {
    let fixture = try await ProjectFixture(
      "dbmate", [Self.two[0], SampleMigration("002", "b", up: "SELECT 1/0;", down: "SELECT 1;")])
    let ran = try await fixture.guarded(.upAll, unwellAndGoingBack)
    #expect(ran.summary == "failed sql_error +1 -1")
    #expect(try await fixture.tables() == [])
  }

  @Test func `nothing that ran, nothing that is asked`() async throws {
    let fixture = try await ProjectFixture(
      "dbmate", [SampleMigration("001", "a", up: "SELECT 1/0;")])
    let ran = try await fixture.guarded(.upAll, unwell)
    #expect(!ran.lines.contains { $0.hasPrefix("health") })
    let mark = PlanRequest.mark(.versions([Version("001")]), as: .applied)
    let marked = try await fixture.guarded(
      mark, demands { $0.backup = .command(["/no/such/program"]) })
    #expect(marked.summary == "finished +1 -0")
  }

  // MARK: Under the lock

  @Test func `a gate that closed meanwhile refuses, before a backup is taken`() async throws {
    let fixture = try await ProjectFixture("dbmate", Self.two)
    let ran = try await fixture.guarded(
      .upAll, demands { $0.backup = .command(["sh", "-c", "touch \(fixture.folder.path)/taken"]) },
      gates: { _, _ in [.error(code: "not_approved", "taken back")] })
    #expect(ran.summary == "refused not_approved")
    #expect(fixture.folder.text("taken") == nil)
    #expect(try await fixture.tables() == [])
  }

  @Test func `nobody else runs while the backup is taken, and the lock is given back`() async throws
  {
    let fixture = try await ProjectFixture("dbmate", Self.two)
    let command = [
      "psql", "-XAtc",
      "select count(*) > 0 from pg_locks where locktype = 'advisory' and granted",
      fixture.database.url,
    ]
    let ran = try await fixture.guarded(
      .upAll,
      demands {
        $0.backup = .command(command)
        $0.health = HealthDemand(
          .sql("select count(*) > 0 from pg_locks where locktype = 'advisory' and granted"))
      })
    #expect(ran.lines[1] == "backup left t")
    #expect(ran.lines.contains("health passed true"))
    try await fixture.waitForTheServer()
    #expect(try await fixture.run(.down(count: 2)).summary == "finished +0 -2")
  }
}
