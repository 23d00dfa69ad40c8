import MigrationEngine
import MigrationModel
import Postgres
import PostgresModel
import TestSupport
import Testing

/// How runs keep each other, and the tools themselves, out.
@Suite(.fewAtOnce) struct AdvisoryLockTests {
  static let layouts = Layouts.all.map(\.name)

  @Test func `eight runs at once apply every migration exactly once`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    let migrations = (1...5).map { number in
      SampleMigration(
        "00\(number)", "insert",
        up: number == 1
          ? "CREATE TABLE a (n int);\nINSERT INTO a VALUES (1);"
          : "INSERT INTO a VALUES (\(number));")
    }
    let summaries = try await withThrowingTaskGroup(of: ProjectFixture.Ran.self) { group in
      for _ in 0..<8 {
        group.addTask {
          let fixture = try ProjectFixture("dbmate", migrations, in: database)
          return try await fixture.run(.upAll)
        }
      }
      var all: [ProjectFixture.Ran] = []
      for try await ran in group { all.append(ran) }
      return all
    }
    // Whoever planned before another had run is told that its plan is stale; nobody fails.
    let allowed: Set = ["finished +5 -0", "finished +0 -0", "stale"]
    #expect(summaries.allSatisfy { allowed.contains($0.summary) }, "\(summaries.map(\.summary))")
    #expect(summaries.count { $0.summary == "finished +5 -0" } == 1)
    #expect(try await database.rows("SELECT n FROM a ORDER BY n") == ["1", "2", "3", "4", "5"])
    #expect(
      try await database.rows("SELECT version FROM schema_migrations ORDER BY 1") == [
        "001", "002", "003", "004", "005",
      ])
  }

  @Test(arguments: layouts)
  func `one that waits is told who holds the lock, and goes on when it is free`(
    _ layout: String
  ) async throws {
    let fixture = try await ProjectFixture(
      layout, [SampleMigration("001", "stop", up: Gate.stop + "\nCREATE TABLE a ();")])
    let plan = try await fixture.plan(.upAll)
    let (pid, first, second) = try await Gate.closed(in: fixture.database) { gate in
      async let running = fixture.run(plan)
      let pid = try await gate.comer()
      let told = AsyncStream<Void>.makeStream()
      async let waiting = fixture.run(plan) { event in
        if case .waitingForRunner = event { told.continuation.yield() }
      }
      for await _ in told.stream { break }
      try await gate.open()
      return (pid, try await running, try await waiting)
    }
    #expect(first.summary == "finished +1 -0")
    #expect(second.summary == "stale")
    let holders = second.events.compactMap { event in
      if case .waitingForRunner(let holder) = event { holder } else { nil }
    }
    #expect(holders.count == 1)
    let holder = try #require(holders.first)
    #expect(holder.pid == pid)
    #expect(holder.user == "lockstep")
    #expect(holder.application == "lockstep apply 001")
    #expect(holder.since != nil)
    #expect(holder.key == "Lockstep")
  }

  @Test(arguments: layouts)
  func `without patience a run leaves at once and names the holder`(_ layout: String) async throws {
    let fixture = try await ProjectFixture(
      layout, [SampleMigration("001", "stop", up: Gate.stop + "\nCREATE TABLE a ();")])
    let plan = try await fixture.plan(.upAll)
    let (first, second) = try await Gate.closed(in: fixture.database) { gate in
      async let running = fixture.run(plan)
      let pid = try await gate.comer()
      let second = try await fixture.run(plan, .init(patience: .zero))
      try await gate.open()
      guard case .busy(let holder) = second.outcome else { return (try await running, "") }
      return (try await running, holder.pid == pid ? holder.application ?? "" : "another")
    }
    #expect(first.summary == "finished +1 -0")
    #expect(second == "lockstep apply 001")
  }

  @Test(arguments: layouts)
  func `the locks are free when the run has ended`(_ layout: String) async throws {
    let fixture = try await ProjectFixture(layout, [.table("001", "a")])
    let target = try fixture.target
    let project = fixture.project
    let plan = try await fixture.plan(.upAll)
    let held = try await onLoop { loop -> Int in
      let connection = try await Connection.open(target, application: "mine", loop: loop)
      let runner = Runner(project: project, target: target, loop: loop)
      _ = try await runner.run(plan, context: ProjectFixture.context, in: connection) { _ in }
      // The session lives on, as the dashboard's does.
      return try await connection.rows(
        Query<Void>("SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()")
      ).count
    }
    #expect(held == 0)
    #expect(
      try await fixture.run(.down(count: 1), .init(patience: .zero)).summary == "finished +0 -1")
  }

  @Test func `the same key in another database keeps nobody out`() async throws {
    let fixture = try await ProjectFixture("sqlx", [.table("001", "a")])
    let key = try #require(
      fixture.layout.advisoryLocks(
        database: fixture.database.name, table: QualifiedName(parsing: "_sqlx_migrations")
      ).first)
    let summary = try await TestServer.shared.withConnection(to: "postgres") { connection in
      try await connection.execute("SELECT pg_advisory_lock(\(key.key))")
      return try await fixture.run(.upAll, .init(patience: .zero)).summary
    }
    #expect(summary == "finished +1 -0")
  }
}

/// The published keys are those of a database named `app`, of which a server has one.
@Suite(.serialized) struct ToolLockTests {
  /// Source: `lock-vectors.json`, made from the tools' own sources for a database named `app`.
  @Test(arguments: [
    ("sqlx", ["807874831|1339261634"]),
    ("golang-migrate", ["0|1726534663", "0|1787120056"]),
    ("dbmate", ["0|48372615"]), ("raw", []),
  ])
  func `the tool's own keys are held while a migration runs`(
    _ layout: String, _ keys: [String]
  ) async throws {
    let fixture = try ProjectFixture(
      layout,
      [
        SampleMigration(
          "001", "look",
          up: """
            CREATE TABLE held AS SELECT classid, objid, objsubid FROM pg_locks
              WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid();
            """)
      ], in: try await TestServer.shared.remakeDatabase("app"))
    #expect(try await fixture.run(.upAll).summary == "finished +1 -0")
    let held = try await fixture.database.rows(
      "SELECT classid || '|' || objid FROM held WHERE objsubid = 1")
    #expect(held.count == keys.count + 1)
    #expect(keys.allSatisfy(held.contains))
  }

  /// As `sqlx::migrate!`, golang-migrate's command line and its library take them.
  @Test(arguments: [
    ("sqlx", "3469795979745788610", "a program with sqlx migrations"),
    ("golang-migrate", "1726534663", "golang-migrate's command line"),
    ("golang-migrate", "1787120056", "a program with golang-migrate"),
  ])
  func `the tool itself at work keeps us out, and is named`(
    _ layout: String, _ key: String, _ owner: String
  ) async throws {
    let fixture = try ProjectFixture(
      layout, [.table("001", "never")], in: try await TestServer.shared.remakeDatabase("app"))
    let ran = try await fixture.database.server.withConnection(
      to: "app", application: "the tool"
    ) { connection in
      try await connection.execute("SELECT pg_advisory_lock(\(key))")
      return (try await fixture.run(.upAll, .init(patience: .zero)), connection.processID)
    }
    guard case .busy(let holder) = ran.0.outcome else {
      Issue.record("it was not kept out: \(ran.0.summary)")
      return
    }
    #expect(holder.pid == ran.1)
    #expect(holder.application == "the tool")
    #expect(holder.key == owner)
    #expect(try await fixture.database.rows("SELECT to_regclass('never') IS NULL") == ["t"])
  }
}
