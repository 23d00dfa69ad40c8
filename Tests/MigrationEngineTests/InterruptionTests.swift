import MigrationEngine
import MigrationModel
import Postgres
import PostgresModel
import TestSupport
import Testing

/// Runs that are cancelled, or whose session goes away under them.
@Suite(.fewAtOnce, .mayBlock) struct InterruptionTests {
  static let layouts = Layouts.all.map(\.name)
  static let stopped = SampleMigration(
    "002", "stop", up: "CREATE TABLE b ();\n" + Gate.stop, down: "DROP TABLE b;\n" + Gate.stop)
  static let stoppedOutside = SampleMigration(
    "002", "stop", up: "CREATE TABLE b ();\nVACUUM pg_class;\n" + Gate.stop)

  /// Cancels the run of a plan while its statement waits at the gate.
  private func cancel(_ fixture: ProjectFixture, _ request: PlanRequest) async throws
    -> ProjectFixture.Ran
  {
    let plan = try await fixture.plan(request)
    return try await Gate.closed(in: fixture.database) { gate in
      try await fixture.run(plan, cancelledAt: { _ = try await gate.comer() })
    }
  }

  /// Ends the session that runs a plan while its statement waits at the gate.
  private func terminate(_ fixture: ProjectFixture, _ request: PlanRequest) async throws
    -> ProjectFixture.Ran
  {
    let plan = try await fixture.plan(request)
    return try await Gate.closed(in: fixture.database) { gate in
      async let running = fixture.run(plan)
      try await gate.execute("SELECT pg_terminate_backend(\(try await gate.comer()))")
      return try await running
    }
  }

  private func advisoryLocks(_ fixture: ProjectFixture) async throws -> [String] {
    try await fixture.database.rows(
      """
      SELECT l.pid, l.objid FROM pg_locks l JOIN pg_database d ON d.oid = l.database
      WHERE d.datname = current_database() AND l.locktype = 'advisory'
      """)
  }

  // MARK: Cancelled

  @Test(arguments: layouts)
  func `a run that is cancelled leaves nothing of its migration and lets go of its locks`(
    _ layout: String
  ) async throws {
    let fixture = try await ProjectFixture(
      layout, [.table("001", "a"), Self.stopped, .table("003", "c")])
    let ran = try await cancel(fixture, .upAll)
    #expect(ran.summary == "interrupted interrupted +1 -0")
    #expect(
      ran.diagnostic?.description == """
        error: migration 002_stop was interrupted and its statement cancelled (SQLSTATE 57014)
          at:   \(fixture.path(Self.stopped)):\(layout == "dbmate" ? 3 : 2):1
          next: run it again when it suits; nothing of 002 was applied
        """)
    #expect(ran.lines.suffix(2) == ["failed 002 stop up interrupted nothing", "end +1 -0 !1"])
    #expect(try await fixture.tables() == ["public.a"])
    #expect(try await fixture.statusLines() == ["001 applied", "002 pending", "003 pending"])
    #expect(try await advisoryLocks(fixture) == [])
    #expect(try await fixture.run(.upAll, .init(patience: .zero)).summary == "finished +2 -0")
  }

  @Test(arguments: layouts)
  func `a roll back that is cancelled changes nothing`(_ layout: String) async throws {
    let fixture = try await ProjectFixture(layout, [.table("001", "a"), Self.stopped])
    #expect(try await fixture.run(.upAll).summary == "finished +2 -0")
    let ran = try await cancel(fixture, .down(to: "0"))
    #expect(ran.summary == "interrupted interrupted +0 -0")
    #expect(
      ran.diagnostic?.next == "run it again when it suits; nothing of 002 was rolled back")
    #expect(try await fixture.tables() == ["public.a", "public.b"])
    #expect(try await fixture.statusLines() == ["001 applied", "002 applied"])
  }

  @Test(arguments: layouts)
  func `outside a transaction the cancelled statement is told, and what stands`(
    _ layout: String
  ) async throws {
    let fixture = try await ProjectFixture(layout, [.table("001", "a"), Self.stoppedOutside])
    let ran = try await cancel(fixture, .upAll)
    #expect(ran.summary == "interrupted interrupted +1 -0")
    #expect(ran.lines.contains("failed 002 stop up interrupted partly"))
    #expect(ran.diagnostic?.next?.contains("2 of 4 statements of 002 stand") == true)
    #expect(try await fixture.statusLines().last?.hasPrefix("002 failed dirty") == true)
    #expect(try await advisoryLocks(fixture) == [])
  }

  @Test(arguments: layouts)
  func `a run that is cancelled while it waits for another does nothing`(
    _ layout: String
  ) async throws {
    let fixture = try await ProjectFixture(layout, [.table("001", "a")])
    let plan = try await fixture.plan(.upAll)
    let key = AdvisoryLockKey.lockstep(
      database: fixture.database.name, table: fixture.table ?? plan.table)
    let ran = try await Gate.closed(in: fixture.database) { gate in
      try await gate.execute("SELECT pg_advisory_lock(\(key.key))")
      return try await fixture.run(
        plan,
        cancelledAt: {
          _ = try await gate.session(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'lockstep apply 001'")
        })
    }
    #expect(ran.summary == "interrupted interrupted +0 -0")
    #expect(try await fixture.tables() == [])
    #expect(try await fixture.statusLines() == ["001 pending"])
  }

  /// A COMMIT that waits for a standby has committed; a cancellation then only ends the waiting.
  @Test(arguments: layouts)
  func `a cancellation that comes after the commit does not deny it`(
    _ layout: String
  ) async throws {
    let server = try TestServer.started(with: ["synchronous_standby_names = 'nobody'"])
    defer { server.cluster.stopBlocking() }
    let fixture = try await ProjectFixture(
      layout, [.table("001", "a"), .table("002", "b")], on: server)
    _ = try await fixture.run(.up(to: "001"))
    let plan = try await fixture.plan(.upAll)
    let ran = try await Gate.closed(in: fixture.database) { gate in
      try await gate.execute("ALTER DATABASE \(fixture.database.name) SET synchronous_commit = on")
      return try await fixture.run(
        plan,
        cancelledAt: {
          _ = try await gate.session(
            "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
        })
    }
    #expect(ran.summary == "finished +1 -0")
    #expect(try await fixture.statusLines() == ["001 applied", "002 applied"])
    #expect(try await fixture.tables() == ["public.a", "public.b"])
  }

  // MARK: Session lost

  @Test(arguments: layouts)
  func `a session that is ended from outside is told with what the history says`(
    _ layout: String
  ) async throws {
    let fixture = try await ProjectFixture(layout, [.table("001", "a"), Self.stopped])
    let ran = try await terminate(fixture, .upAll)
    #expect(
      ran.diagnostic?.description == """
        error: the connection was lost while migration 002_stop ran: terminating connection due to administrator command
          next: the history says that 002 was not applied; see `lockstep status`
        """)
    #expect(ran.summary == "failed connection_lost +1 -0")
    #expect(try await fixture.tables() == ["public.a"])
    #expect(try await fixture.statusLines() == ["001 applied", "002 pending"])
  }

  @Test(arguments: layouts)
  func `a roll back whose session is ended is told with what the history says`(
    _ layout: String
  ) async throws {
    let fixture = try await ProjectFixture(layout, [.table("001", "a"), Self.stopped])
    #expect(try await fixture.run(.upAll).summary == "finished +2 -0")
    let ran = try await terminate(fixture, .down(count: 1))
    #expect(
      ran.diagnostic?.next == "the history says that 002 was not rolled back; see `lockstep status`"
    )
    #expect(try await fixture.statusLines() == ["001 applied", "002 applied"])
  }

  @Test(arguments: layouts)
  func `outside a transaction a lost session is told as broken off`(_ layout: String) async throws {
    let fixture = try await ProjectFixture(layout, [.table("001", "a"), Self.stoppedOutside])
    let ran = try await terminate(fixture, .upAll)
    #expect(ran.summary == "failed connection_lost +1 -0")
    #expect(ran.lines.contains("failed 002 stop up connection_lost partly"))
    #expect(
      ran.diagnostic?.next == """
        2 of 4 statements of 002 were seen to end and it is recorded as broken off; see `lockstep status`
        """)
    #expect(try await fixture.statusLines().last?.hasPrefix("002 failed dirty") == true)
  }

  @Test(arguments: layouts)
  func `a way back outside a transaction that loses its session is told as broken off`(
    _ layout: String
  ) async throws {
    let fixture = try await ProjectFixture(
      layout,
      [
        .table("001", "a"),
        SampleMigration(
          "002", "b", up: "CREATE TABLE b ();", down: "VACUUM pg_class;\n" + Gate.stop),
      ])
    _ = try await fixture.run(.upAll)
    let ran = try await terminate(fixture, .down(count: 1))
    #expect(
      ran.diagnostic?.next == """
        1 of 3 statements of 002 were seen to end and it is recorded as broken off; see `lockstep status`
        """)
    #expect(try await fixture.statusLines().contains { $0.contains("failed") })
  }

  /// The COMMIT waits for a standby when its session is ended: it has committed, and nobody was told.
  @Test(arguments: layouts)
  func `a session that is lost after the commit is told as applied`(_ layout: String) async throws {
    let server = try TestServer.started(with: ["synchronous_standby_names = 'nobody'"])
    defer { server.cluster.stopBlocking() }
    let fixture = try await ProjectFixture(
      layout, [.table("001", "a"), .table("002", "b")], on: server)
    _ = try await fixture.run(.up(to: "001"))
    let plan = try await fixture.plan(.upAll)
    let ran = try await Gate.closed(in: fixture.database) { gate in
      try await gate.execute("ALTER DATABASE \(fixture.database.name) SET synchronous_commit = on")
      async let running = fixture.run(plan)
      let pid = try await gate.session(
        "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
      try await gate.execute("SELECT pg_terminate_backend(\(pid))")
      return try await running
    }
    #expect(
      ran.diagnostic?.next
        == "the history says that 002 was applied before the loss; see `lockstep status`")
    #expect(try await fixture.statusLines() == ["001 applied", "002 applied"])
    #expect(try await fixture.tables() == ["public.a", "public.b"])
  }

  @Test(arguments: layouts)
  func `a server that stops is told as not answering, and nothing is claimed`(
    _ layout: String
  ) async throws {
    let server = try TestServer.started()
    let fixture = try await ProjectFixture(layout, [Self.stopped], on: server)
    let plan = try await fixture.plan(.upAll)
    let ran = try await Gate.closed(in: fixture.database) { gate in
      async let running = fixture.run(plan)
      _ = try await gate.comer()
      server.cluster.stopBlocking()
      return try await running
    }
    #expect(ran.summary == "failed connection_lost +0 -0")
    #expect(
      ran.diagnostic?.next == """
        whether 002 was applied is not known: the server does not answer; see `lockstep status`
        """)
  }
}
