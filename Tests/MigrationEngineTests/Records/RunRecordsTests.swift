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

/// What is kept of runs, in files and in the database.
@Suite(.fewAtOnce, .mayBlock) struct RunRecordsTests {
  static let identity = DatabaseIdentity(database: "app", server: "db1:5432", system: "7")

  static func start(_ id: String) -> RunStart {
    RunStart(
      id: id, at: Instant(microseconds: 1_767_960_000_123_456), by: "me@host", host: "host",
      version: "0.1.0", identity: identity, user: "me", environment: nil, layout: "raw",
      table: "public.schema_migrations", request: "up")
  }

  /// One record of each kind, with everything that can be unknown once known and once not.
  static let all: [RunRecord] = [
    .started(start("r")),
    .lockAttempt(
      LockAttemptRecord(
        run: "r", version: Version("1"), at: start("r").at, attempt: 1, of: 3,
        waitedMilliseconds: 1.5, blockers: [1, 2], reason: "lock_timeout")),
    .statement(
      StatementRecord(
        run: "r", version: Version("1"), index: 0, line: 2, command: "INSERT", rows: nil,
        durationMilliseconds: 0.25)),
    .step(
      StepRecord(
        run: "r", version: Version("1"), name: "a \"quoted\"\n", direction: .up, checksum: "00",
        startedAt: start("r").at, durationMilliseconds: 12, outcome: .failed,
        error: StepRecord.Failure(
          code: "sql_error", message: "näh\u{1b}[0m", sqlstate: "42P01", left: .partly),
        locks: [.init(mode: "SHARE", relation: "public.t", heldMilliseconds: nil)])),
    .step(
      StepRecord(
        run: "r", version: Version("2"), name: "", direction: .down, checksum: nil,
        startedAt: start("r").at, durationMilliseconds: nil, outcome: .marked)),
    .ended(RunEnd(run: "r", at: start("r").at, outcome: .failed, applied: 1, reverted: 2)),
    .audit(
      AuditEvent(
        at: start("r").at, by: "me@host", action: .end, pid: 4711, user: "app",
        application: "web", backendStart: start("r").at, queryStart: nil, victims: 3,
        outcome: .failed("permission denied")), identity),
  ]

  // MARK: Files

  @Test func `what was kept in a file is read again`() async throws {
    let folder = TemporaryFolder()
    let records = FileRecords(root: folder.path)
    try records.append(Self.all)
    let reading = try await records.read(.all)
    #expect(reading.records == Self.all)
    #expect(reading.notes.isEmpty)
    #expect(try await records.read(.steps).records.map(\.run) == ["r", "r", "r"] + [])
    let one = try await records.read(.version(Version("2"))).records
    #expect(one.count == 4)
  }

  @Test func `each line is one object with its kind in front`() throws {
    let folder = TemporaryFolder()
    try FileRecords(root: folder.path).append(Self.all)
    let names = try journals(folder)
    #expect(names.count == 1)
    #expect(names[0].hasPrefix("journal-20") && names[0].hasSuffix(".jsonl"))
    let lines = try #require(folder.text(".lockstep/\(names[0])")).split(separator: "\n")
    #expect(
      lines.map { $0.prefix(24) } == [
        "{\"kind\":\"run_started\",\"r", "{\"kind\":\"lock_attempt\",\"",
        "{\"kind\":\"statement\",\"run", "{\"kind\":\"step\",\"run\":\"r\"",
        "{\"kind\":\"step\",\"run\":\"r\"", "{\"kind\":\"run_ended\",\"run",
        "{\"kind\":\"audit\",\"at\":\"20",
      ])
    #expect(lines.allSatisfy { !$0.unicodeScalars.contains("\u{1b}") })
  }

  private func journals(_ folder: TemporaryFolder) throws -> [String] {
    let list = try ChildProcess(["/bin/ls", "\(folder.path)/.lockstep"]).runBlocking()
    return String(decoding: list.output, as: UTF8.self).split(separator: "\n").map(String.init)
  }

  @Test func `eight writers at once lose and mix nothing`() async throws {
    let folder = TemporaryFolder()
    let root = folder.path
    await withTaskGroup(of: Void.self) { group in
      for writer in 0..<8 {
        group.addTask {
          await BlockingWork.run {
            for number in 0..<200 {
              try? FileRecords(root: root).append([
                .statement(
                  StatementRecord(
                    run: "w\(writer)", version: Version("1"), index: number, line: 1,
                    command: String(repeating: "x", count: number * 7), rows: nil,
                    durationMilliseconds: 0))
              ])
            }
          }
        }
      }
    }
    let reading = try await FileRecords(root: root).read(.all)
    #expect(reading.notes.isEmpty)
    for writer in 0..<8 {
      let found = reading.records.compactMap { record -> Int? in
        guard case .statement(let statement) = record, statement.run == "w\(writer)" else {
          return nil
        }
        return statement.index
      }
      #expect(found == Array(0..<200))
    }
  }

  @Test func `half-written and foreign lines are passed over with a word`() async throws {
    let folder = TemporaryFolder()
    let records = FileRecords(root: folder.path)
    try records.append(Self.all)
    let name = try journals(folder)[0]
    let text = try #require(folder.text(".lockstep/\(name)"))
    folder.write(
      ".lockstep/journal-20250101-other.jsonl",
      "{\"kind\":\"step\",\"run\":\"r\",\"ver\nnot json\n\n{\"kind\":\"later\"}\n"
        + text.dropLast(9))
    let reading = try await records.read(.all)
    #expect(reading.records == Array(Self.all.dropLast()) + Self.all)
    #expect(
      reading.notes.map(\.what) == [
        "line 1 and 3 more of the journal \"\(folder.path)/.lockstep/journal-20250101-other.jsonl\" is no"
          + " record and passed over"
      ])
    #expect(reading.gaps.isEmpty)
    // A word that takes back another may have gone with it.
    folder.write(
      ".lockstep/journal-20250101-other.jsonl",
      "{\"kind\":\"step\",\"r{\"kind\":\"approval\",\"act\":\"revoked\"}\n")
    #expect(try await records.read(.all).gaps.count == 1)
  }

  @Test func `a journal that somebody takes away while it is open is begun anew`() async throws {
    let folder = TemporaryFolder()
    let records = FileRecords(root: folder.path)
    try records.append(Self.all)
    try records.append([Self.all[0]])
    #expect(try await records.read(.all).records == Self.all + [Self.all[0]])
    _ = try ChildProcess(["/bin/rm", "-r", "\(folder.path)/.lockstep"]).runBlocking()
    try records.append([Self.all[1]])
    #expect(try await records.read(.all).records == [Self.all[1]])
  }

  @Test func `a journal that cannot be written is told, with what to do`() {
    let folder = TemporaryFolder()
    folder.write(".lockstep", "a file")
    #expect {
      try FileRecords(root: folder.path).append(Self.all)
    } throws: { error in
      (error as? RunRecordsFailure)?.diagnostic.description.hasPrefix(
        "warning: the journal \"\(folder.path)/.lockstep/journal-") == true
    }
  }

  @Test func `more than is looked at leaves out the oldest with a word`() async throws {
    let folder = TemporaryFolder()
    var records = FileRecords(root: folder.path)
    try records.append([Self.all[0]])
    folder.write(".lockstep/journal-20200101-h.jsonl", "x\n")
    records.limit = 1
    let reading = try await records.read(.all)
    #expect(reading.records == [Self.all[0]])
    #expect(
      reading.notes.map(\.what) == [
        "1 older journals are not looked at: there is more than is read at once"
      ])
    #expect(reading.gaps.isEmpty)
    // What another machine has kept on the same day may take back what this one has.
    let own = try journals(folder)[1]
    let text = try #require(folder.text(".lockstep/\(own)"))
    folder.write(".lockstep/\(own.prefix(16))-0.jsonl", text)
    #expect(try await records.read(.all).records.count == 2)
  }

  @Test func `without a journal there is nothing to read`() async throws {
    let reading = try await FileRecords(root: TemporaryFolder().path).read(.all)
    #expect(reading == RunRecordReading())
  }

  // MARK: The database

  /// A search path that does not lead a role named `lockstep` into the schema of the journal.
  static let publicPath = "&options=-csearch_path%3Dpublic"

  private func withRecords<Result: Sendable>(
    _ database: TestDatabase, suffix: String = publicPath,
    _ body: @escaping @Sendable (DatabaseRecords, Connection) async throws -> Result
  ) async throws -> Result {
    let url = database.url + suffix
    return try await onLoop { loop in
      let connection = try await Connection.open(
        try ConnectionString(url), application: "records", loop: loop)
      return try await body(DatabaseRecords(connection), connection)
    }
  }

  @Test func `what was kept in the database is read again`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    let reading = try await withRecords(database) { records, _ in
      #expect(try await records.read(.all) == RunRecordReading())
      try await records.append(Array(Self.all.prefix(3)))
      try await records.append(Array(Self.all.dropFirst(3)))
      #expect(try await records.read(.steps).records.count == 3)
      #expect(try await records.read(.version(Version("2"))).records.count == 4)
      return try await records.read(.all)
    }
    #expect(reading.records == Self.all)
    #expect(reading.notes.isEmpty)
    #expect(
      try await database.rows("SELECT kind, version FROM lockstep.records ORDER BY at LIMIT 2")
        == ["run_started|<null>", "lock_attempt|1"])
  }

  @Test func `a row that is no record is passed over with a word`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    let notes = try await withRecords(database) { records, connection in
      try await records.append(Self.all)
      try await connection.execute(
        "INSERT INTO lockstep.records (kind, record) VALUES ('x', '{}')")
      return try await records.read(.all).notes.map(\.what)
    }
    #expect(notes == ["1 rows of lockstep.records are no records and passed over"])
  }

  @Test func `a role whose search path leads into the schema is not given one`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    let failure = try await withRecords(database, suffix: "") { records, _ -> String? in
      do {
        try await records.append(Self.all)
        return nil
      } catch {
        return (error as? RunRecordsFailure)?.diagnostic.what
      }
    }
    #expect(failure?.contains("the search path of role lockstep leads into it") == true)
    #expect(try await database.rows("SELECT to_regnamespace('lockstep') IS NULL") == ["t"])
  }

  @Test func `nothing is run whose objects would go into the schema of the journal`() async throws {
    let fixture = try await ProjectFixture("raw", [.table("001", "a")])
    try await withRecords(fixture.database) { records, _ in try await records.append(Self.all) }
    let ran = try await fixture.run(.upAll)
    #expect(
      ran.diagnostic?.description == """
        error: what migrations of role "lockstep" make would go into schema "lockstep", which keeps the runs
          next: run as another role, or say where they go: ALTER ROLE "lockstep" SET search_path = public
        """)
  }

  @Test func `the journal of broken-off runs goes, the records stay`() async throws {
    var fixture = try await ProjectFixture(
      "raw", [SampleMigration("001", "a", up: "VACUUM pg_class;\nCREATE TABLE made ();")])
    fixture.urlSuffix = Self.publicPath
    try await withRecords(fixture.database) { records, _ in try await records.append(Self.all) }
    #expect(try await fixture.run(.upAll).summary == "finished +1 -0")
    #expect(
      try await fixture.database.rows(
        "SELECT to_regclass('lockstep.journal') IS NULL, to_regclass('public.made') IS NOT NULL,"
          + " (SELECT count(*) FROM lockstep.records)") == ["t|t|\(Self.all.count)"])
  }

  // MARK: Runs

  /// Runs a plan and keeps it in the fixture's folder.
  private func runAndKeep(
    _ fixture: ProjectFixture, _ request: PlanRequest, cancelledAt: String? = nil
  ) async throws -> [RunRecord] {
    let plan = try await fixture.plan(request)
    let project = fixture.project
    let target = try fixture.target
    try await onLoop { loop in
      let session = try await Connection.open(target, application: "kept", loop: loop)
      let warned = Mutex<[String]>([])
      let start = RunStart(
        plan, by: "me", identity: await .of(session), user: session.user, environment: nil,
        lockstep: "test")
      let recording = RunRecording(
        start, of: plan, in: FileRecords(root: project.root), loop: loop,
        warn: { warning in warned.withLock { $0.append(warning.what) } })
      let runner = Runner(project: project, target: target, loop: loop)
      let run = Mutex<Task<Runner.Outcome, any Error>?>(nil)
      let task = Task(executorPreference: loop) {
        try await runner.run(plan, context: ProjectFixture.context, in: session) { event in
          recording.take(event)
          if case .notice(_, _, let message) = event, message == cancelledAt {
            run.withLock { $0?.cancel() }
          }
        }
      }
      run.withLock { $0 = task }
      await recording.end(try await task.value)
      #expect(warned.withLock { $0 } == [])
    }
    return try await FileRecords(root: fixture.folder.path).read(.all).records
  }

  private func words(_ records: [RunRecord]) -> [String] {
    records.map { record in
      switch record {
      case .started(let start): "run \(start.request)"
      case .step(let step):
        "\(step.direction.rawValue) \(step.version) \(step.outcome.rawValue)"
          + (step.error.map { " \($0.code) \($0.left.rawValue)" } ?? "")
      case .statement(let statement): "statement \(statement.index) \(statement.command)"
      case .ended(let end): "end \(end.outcome.rawValue) +\(end.applied) -\(end.reverted)"
      case .lockAttempt(let attempt): "attempt \(attempt.attempt)"
      case .check(let check, _): "check \(check.item)"
      case .audit: "audit"
      case .approval, .backup, .health: "safeguard"
      }
    }
  }

  @Test func `a run that fails and is tried again is kept as both`() async throws {
    let fixture = try await ProjectFixture(
      "dbmate",
      [
        .table("001", "a"),
        SampleMigration("002", "b", up: "VACUUM a;\nINSERT INTO later VALUES (1);"),
      ])
    var kept = try await runAndKeep(fixture, .upAll)
    let first = [
      "run up", "up 001 begun", "up 001 done", "up 002 begun", "statement 0 VACUUM",
      "up 002 failed sql_error partly", "end failed +1 -0",
    ]
    #expect(words(kept) == first)
    try await fixture.database.execute("CREATE TABLE public.later (n int)")
    kept = try await runAndKeep(fixture, .resume(Version("002")))
    #expect(
      words(kept) == first + [
        "run resume 002", "up 002 begun", "statement 1 INSERT 0 1", "up 002 done",
        "end finished +1 -0",
      ])
    // The same database, whoever asks.
    let loaded = try await fixture.load()
    let all = kept
    let archive = try await withRecords(fixture.database) { _, connection in
      RunArchive(
        all, of: await .of(connection), layout: "dbmate", table: loaded.table.description)
    }
    #expect(
      archive.runs(of: Version("002"), loaded.layout).map(\.step.step.outcome) == [.done, .failed])
    var status = loaded.status
    status.fillTimes(from: archive, loaded.layout)
    #expect(status.migrations.allSatisfy { $0.appliedAt != nil && $0.appliedBy == "me" })
  }

  @Test func `an interrupted run is kept as interrupted`() async throws {
    let fixture = try await ProjectFixture(
      "raw",
      [
        SampleMigration(
          "001", "slow", up: "DO $$ BEGIN RAISE NOTICE 'now'; PERFORM pg_sleep(60); END $$;")
      ])
    let kept = try await runAndKeep(fixture, .upAll, cancelledAt: "now")
    #expect(
      words(kept) == [
        "run up", "up 001 begun", "up 001 failed interrupted nothing", "end interrupted +0 -0",
      ])
  }

  @Test func `a history that was only written is kept as well`() async throws {
    let fixture = try await ProjectFixture("raw", [.table("001", "a")])
    let kept = try await runAndKeep(fixture, .mark(.versions([Version("001")]), as: .applied))
    #expect(words(kept) == ["run mark 001 as applied", "up 001 marked", "end finished +1 -0"])
  }

  @Test func `a journal that cannot be written does not keep a run from its end`() async throws {
    let fixture = try await ProjectFixture("raw", [.table("001", "a")])
    fixture.folder.write(".lockstep", "a file")
    let up = try fixture.program(["up"]).runBlocking()
    #expect(up.status == 0)
    #expect(up.errorText.contains("warning: the journal \""))
    #expect(try await fixture.statusLines() == ["001 applied"])
  }
}
