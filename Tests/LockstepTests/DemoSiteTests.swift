import EventLoop
import MigrationEngine
import Postgres
import PostgresModel
import Synchronization
import TestSupport
import Testing

@testable import lockstep

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

@Suite(.mayBlock, .timeLimit(.minutes(10))) struct DemoSiteTests {
  @Test func `the first migrations are applied, the rest pending, and the tables full`()
    async throws
  {
    let cluster = try PrivateCluster.startBlocking()
    defer { cluster.stopBlocking() }
    try await prepare(cluster)

    let history = try await rows(
      cluster, "SELECT version || ' ' || success FROM _sqlx_migrations ORDER BY version")
    let versions = DemoMigrations.files.map(\.name).filter { !$0.hasSuffix(".down.sql") }
      .map { $0.prefix { $0 != "_" } }
    #expect(history == versions.prefix(DemoData.appliedMigrations).map { "\($0) true" })
    #expect(DemoMigrations.count == versions.count)
    let counts = try await rows(
      cluster, "SELECT count(*) FROM memberships UNION ALL SELECT count(*) FROM messages")
    #expect(counts == ["400", "18000"])
  }

  @Test func `a site that was made before is left as it is`() async throws {
    let cluster = try PrivateCluster.startBlocking()
    defer { cluster.stopBlocking() }
    #expect(try await prepare(cluster).count == 2)
    _ = try await rows(cluster, "DELETE FROM outbox; SELECT 1")
    #expect(try await prepare(cluster).isEmpty)
    #expect(try await rows(cluster, "SELECT count(*) FROM outbox") == ["0"])
  }

  @Test func `a site that was not finished is made again`() async throws {
    let cluster = try PrivateCluster.startBlocking()
    defer { cluster.stopBlocking() }
    try await prepare(cluster)
    _ = try await rows(cluster, "DELETE FROM outbox; COMMENT ON DATABASE demo IS NULL; SELECT 1")
    #expect(try await prepare(cluster).count == 2)
    #expect(try await rows(cluster, "SELECT count(*) > 0 FROM outbox") == ["t"])
  }

  @Test func `every client works, some wait for each other, and an ended one comes back`()
    async throws
  {
    let cluster = try PrivateCluster.startBlocking()
    defer { cluster.stopBlocking() }
    try await prepare(cluster)
    let names = DemoData.workload.map(\.name).sorted()
    let seen = try await onLoop { loop in
      let site = try DemoSite(in: cluster)
      let work = Task(executorPreference: loop) {
        await DemoWorkload(target: site.target, loop: loop).run()
      }
      let observer = try await Connection.open(site.target, application: "test", loop: loop)
      func until(_ sql: String, _ expected: [String]) async throws -> Bool {
        let deadline = ContinuousClock.now + .seconds(120)
        while ContinuousClock.now < deadline {
          if try await observer.rows(Query(sql) { $0.optionalString(0) ?? "" }) == expected {
            return true
          }
          try await loop.sleep(for: .milliseconds(20))
        }
        return false
      }
      let others = """
        FROM pg_stat_activity WHERE datname = 'demo' AND pid <> pg_backend_pid()
        AND backend_type = 'client backend'
        """
      let all = try await until(
        "SELECT application_name \(others) ORDER BY application_name", names)
      let idle = try await until(
        """
        SELECT DISTINCT application_name \(others) AND state = 'idle in transaction'
        AND application_name IN ('report-job')
        """, ["report-job"])
      let waiting = try await until(
        "SELECT application_name \(others) AND cardinality(pg_blocking_pids(pid)) > 0", ["web-2"])
      _ = try await observer.rows(
        Query("SELECT pg_terminate_backend(pid) \(others) AND application_name = 'billing'") { _ in
          0
        })
      let back = try await until(
        "SELECT application_name \(others) ORDER BY application_name", names)
      work.cancel()
      await work.value
      return [all, idle, waiting, back]
    }
    #expect(seen == [true, true, true, true])
  }

  /// Returns what was said on the way.
  @discardableResult
  private func prepare(_ cluster: PrivateCluster) async throws -> [String] {
    try await onLoop { loop in
      let said = Mutex<[String]>([])
      try await DemoSite(in: cluster).prepare(in: cluster, loop: loop) { line in
        said.withLock { $0.append(line) }
      }
      return said.withLock { $0 }
    }
  }

  private func rows(_ cluster: PrivateCluster, _ sql: String) async throws -> [String] {
    try await onLoop { loop in
      let connection = try await Connection.open(
        DemoSite(in: cluster).target, application: "test", loop: loop)
      return try await connection.rowsOfMessage(Query(sql) { $0.optionalString(0) ?? "" })
    }
  }
}
