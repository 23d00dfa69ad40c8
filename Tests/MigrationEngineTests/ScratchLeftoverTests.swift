import EventLoop
import MigrationModel
import Postgres
import TestSupport
import Testing

@testable import MigrationEngine

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Scratch databases that were left before they were marked.
@Suite(.fewAtOnce, .mayBlock) struct ScratchLeftoverTests {
  private func owner(_ database: TestDatabase) async throws -> String {
    try #require(try await database.rows("select current_user").first)
  }

  private func isThere(_ name: String, _ database: TestDatabase) async throws -> Bool {
    try await !database.rows("select from pg_database where datname = '\(name)'").isEmpty
  }

  @Test func `a name is known again, by its own source and owner alone`() {
    let name = ScratchName.make(of: "shop", owner: "ann")
    #expect(name.utf8.count < 64)
    #expect(ScratchName.isSealed(name, of: "shop", owner: "ann"))
    #expect(!ScratchName.isSealed(name, of: "shops", owner: "ann"))
    #expect(!ScratchName.isSealed(name, of: "shop", owner: "bob"))
    #expect(!ScratchName.isSealed(name + "x", of: "shop", owner: "ann"))
    #expect(!ScratchName.isSealed(String(name.dropLast()), of: "shop", owner: "ann"))
    #expect(!ScratchName.isSealed("lockstep_scratch_left", of: "shop", owner: "ann"))
    #expect(
      !ScratchName.isSealed(
        "lockstep_scratch_abcdefghijkl_0123456789abcdef", of: "shop", owner: "ann"))
    #expect(name != ScratchName.make(of: "shop", owner: "ann"))
  }

  @Test func `what was left unmarked is dropped, and nothing that merely looks like it`()
    async throws
  {
    let scene = try await RehearsalScene(up: "select 1;")
    let database = scene.database
    let owner = try await owner(database)
    let left = ScratchName.make(of: database.name, owner: owner)
    let used = ScratchName.make(of: database.name, owner: owner)
    let beingMade = ScratchName.make(of: database.name, owner: owner)
    let commented = ScratchName.make(of: database.name, owner: owner)
    let ofAnother = ScratchName.make(of: "another_\(database.name)", owner: owner)
    let bySomebody = ScratchName.make(of: database.name, owner: "leftover_owner")
    let givenAway = ScratchName.make(of: database.name, owner: owner)
    let alike = "lockstep_scratch_\(database.name.suffix(12))_0123456789abcdef"
    let kept = [used, beingMade, commented, ofAnother, bySomebody, givenAway, alike]
    try await database.execute(
      "do $$ begin if to_regrole('leftover_owner') is null then create role leftover_owner; end if;"
        + " end $$")
    for name in [left] + kept {
      try await database.execute("create database \(name) template template0")
    }
    try await database.execute("comment on database \(commented) is 'mine'")
    for name in [bySomebody, givenAway] {
      try await database.execute("alter database \(name) owner to leftover_owner")
    }
    let (server, name) = (database.server, database.name)
    let report = try await server.withConnection(to: used) { _ in
      try await server.withConnection(to: name) { maker in
        try await maker.execute("select pg_advisory_lock(hashtext('\(beingMade)'))")
        return try await scene.rehearse { $0.mode = .shape }
      }
    }
    #expect(report.hasPassed)
    #expect(try await !isThere(left, database))
    for name in kept {
      #expect(try await isThere(name, database), "\(name)")
    }
    // Once nobody holds them back they go, too.
    _ = try await scene.rehearse { $0.mode = .shape }
    for name in [used, beingMade] { #expect(try await !isThere(name, database)) }
    for name in [commented, ofAnother, bySomebody, givenAway, alike] {
      #expect(try await isThere(name, database), "\(name)")
      try await database.execute("drop database \(name)")
    }
  }

  @Test func `a kill while the copy is being made leaves nothing for ever`() async throws {
    let server = try await TestServer.started(from: nil, with: [])
    let fixture = try await ProjectFixture(
      "dbmate", [SampleMigration("1", "one", up: "select 1;", down: "select 1;")], on: server)
    let null = open("/dev/null", O_RDWR | O_CLOEXEC)
    defer { close(null) }
    let unmarked = """
      select datname from pg_database where datname like 'lockstep_scratch_%'
        and shobj_description(oid, 'pg_database') is null
      """
    _ = try await server.withConnection(to: "postgres") { gate in
      // What makes a database waits for this; who merely connects does not.
      try await gate.execute("begin; lock table pg_database in share mode")
      let child = try fixture.program(["rehearse"]).spawn(
        input: null, output: null, errorOutput: null)
      try await self.wait(
        on: server,
        until: "exists (select from pg_stat_activity where query like 'CREATE DATABASE %'"
          + " and wait_event_type = 'Lock')")
      kill(child, SIGKILL)
      _ = ChildProcess.waitForExit(child)
      try await gate.execute("commit")
    }
    try await wait(
      on: server,
      until:
        "not exists (select from pg_stat_activity where application_name = 'lockstep rehearse')")
    #expect(try await fixture.database.rows(unmarked).count == 1)
    let outcome = try fixture.program(["rehearse"]).runBlocking()
    #expect(outcome.status == 0)
    #expect(try await fixture.database.rows(unmarked) == [])
    await BlockingWork.run { server.cluster.stopBlocking() }
  }

  private func wait(on server: TestServer, until condition: String) async throws {
    _ = try await server.withConnection(to: "postgres") { connection in
      try await connection.execute(
        """
        DO $$ BEGIN
          FOR i IN 1..6000 LOOP
            PERFORM pg_stat_clear_snapshot();
            EXIT WHEN \(condition);
            PERFORM pg_sleep(0.01);
          END LOOP;
        END $$
        """)
    }
  }
}
