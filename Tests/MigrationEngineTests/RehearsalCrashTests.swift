import Diagnostics
import EventLoop
import MigrationEngine
import MigrationModel
import Postgres
import PostgresModel
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Rehearsals that do not come to their end.
@Suite(.fewAtOnce, .mayBlock) struct RehearsalCrashTests {
  private static let lock = "select pg_advisory_lock_shared(4711);"

  private func scratches(_ database: TestDatabase) async throws -> [String] {
    try await database.rows(
      """
      select datname from pg_database
      where shobj_description(oid, 'pg_database')
        = 'scratch database of lockstep, copy of \(database.name)'
      """)
  }

  /// Waits until a session with a scratch copy of the database sleeps.
  private func waitForSleeper(_ server: TestServer, _ mark: String) async throws {
    _ = try await server.withConnection(to: "postgres") { connection in
      try await connection.execute(
        """
        DO $$ BEGIN
          FOR i IN 1..6000 LOOP
            PERFORM pg_stat_clear_snapshot();
            EXIT WHEN EXISTS (SELECT FROM pg_stat_activity
              WHERE datname LIKE 'lockstep_scratch_%' AND wait_event = 'PgSleep' AND query LIKE '%\(mark)%');
            PERFORM pg_sleep(0.01);
          END LOOP;
        END $$
        """)
    }
  }

  @Test func `what a killed rehearsal leaves is dropped by the next, and the target is untouched`()
    async throws
  {
    let fixture = try await ProjectFixture(
      "dbmate",
      [
        SampleMigration(
          "1", "slow", up: "create table a (id int); select pg_sleep(600) as killed_one;",
          down: "drop table a;")
      ])
    try await fixture.database.execute("create table kept (id int); insert into kept values (1)")
    let null = open("/dev/null", O_RDWR | O_CLOEXEC)
    defer { close(null) }
    let child = try fixture.program(["rehearse", "--json"]).spawn(
      input: null, output: null, errorOutput: null)
    try await waitForSleeper(fixture.database.server, "killed_one")
    kill(child, SIGKILL)
    _ = ChildProcess.waitForExit(child)
    let left = try await scratches(fixture.database)
    #expect(left.count == 1)
    #expect(try await fixture.tables() == ["public.kept"])
    // The server notices the dead client only when it writes to it: the sleeper has to be woken.
    try await fixture.database.execute(
      """
      select pg_terminate_backend(pid) from pg_stat_activity where datname = '\(left[0])'
      """)
    try await fixture.waitForTheServer()
    fixture.write(SampleMigration("1", "slow", up: "select 1;", down: "select 1;"))
    let outcome = try fixture.program(["rehearse", "--json"]).runBlocking()
    #expect(outcome.status == 0)
    #expect(try await scratches(fixture.database) == [])
    #expect(try await fixture.database.rows("select * from kept") == ["1"])
  }

  @Test func `one that is interrupted drops its copy`() async throws {
    let fixture = try await ProjectFixture(
      "dbmate",
      [SampleMigration("1", "slow", up: "select pg_sleep(600) as stopped_one;", down: "select 1;")])
    let null = open("/dev/null", O_RDWR | O_CLOEXEC)
    defer { close(null) }
    let child = try fixture.program(["rehearse"]).spawn(
      input: null, output: null, errorOutput: null)
    try await waitForSleeper(fixture.database.server, "stopped_one")
    kill(child, SIGINT)
    #expect(ChildProcess.waitForExit(child) == 130)
    #expect(try await scratches(fixture.database) == [])
  }

  @Test func `a server that goes away in the midst is a plain error`() async throws {
    let server = try await TestServer.started(from: nil, with: [])
    let fixture = try await ProjectFixture(
      "dbmate",
      [SampleMigration("1", "slow", up: "select pg_sleep(600) as lost_one;", down: "select 1;")],
      on: server)
    let path = "\(fixture.folder.path)/err"
    let null = open("/dev/null", O_RDWR | O_CLOEXEC)
    let errors = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    defer { for descriptor in [null, errors] { close(descriptor) } }
    let child = try fixture.program(["rehearse"]).spawn(
      input: null, output: null, errorOutput: errors)
    try await waitForSleeper(server, "lost_one")
    await BlockingWork.run { server.cluster.stopBlocking() }
    let status = ChildProcess.waitForExit(child)
    #expect(status == 5)
    var bytes = [UInt8](repeating: 0, count: 8192)
    let count = pread(errors, &bytes, bytes.count, 0)
    let text = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    #expect(text.contains("error: "))
    #expect(text.contains("next: "))
    #expect(!text.contains("Fatal"))
  }
}
