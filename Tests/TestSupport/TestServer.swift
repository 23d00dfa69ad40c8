import Diagnostics
import EventLoop
import MigrationEngine
import Postgres
import PostgresModel
import Synchronization
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// One private PostgreSQL for the whole test run, a database for each test.
public final class TestServer: Sendable {
  public let cluster: PrivateCluster
  private let counter = Mutex(0)

  /// Started by the first test that asks; a missing server fails the run.
  public static let shared: TestServer = {
    do {
      return TestServer(try PrivateCluster.startBlocking(settings: settings))
    } catch {
      fatalError("no PostgreSQL for the tests: \(Diagnostic(explaining: error))")
    }
  }()

  /// Servers of other versions, from the folders named in `LOCKSTEP_TEST_PGBIN` (colon-separated), by
  /// folder; empty where it is not set.
  public static let others: [(binaries: String, server: TestServer)] = {
    guard let list = getenv("LOCKSTEP_TEST_PGBIN") else { return [] }
    return String(cString: list).split(separator: ":").map { folder in
      do {
        let cluster = try PrivateCluster.startBlocking(
          binaries: String(folder), settings: settings)
        return (String(folder), TestServer(cluster))
      } catch {
        fatalError("no PostgreSQL from \(folder): \(Diagnostic(explaining: error))")
      }
    }
  }()

  private static let settings = [
    "max_prepared_transactions = 10", "log_statement = none", "autovacuum = off",
    "max_connections = 400",
  ]

  init(_ cluster: PrivateCluster) { self.cluster = cluster }

  /// The folder of the server's programs.
  public var binaries: String { cluster.binaries }

  /// Makes an empty database with a name of its own and returns it.
  public func makeDatabase() async throws -> TestDatabase {
    let number = counter.withLock {
      $0 += 1
      return $0
    }
    let name = "test_\(getpid())_\(number)"
    _ = try await withConnection(to: "postgres") { connection in
      try await connection.execute("CREATE DATABASE \(name) TEMPLATE template0 STRATEGY file_copy")
    }
    return TestDatabase(server: self, name: name)
  }

  /// Opens a session, runs the body on a loop of its own, and closes the session.
  public func withConnection<Result: Sendable>(
    to database: String, application: String = "lockstep tests",
    _ body: @escaping @Sendable (Connection) async throws -> Result
  ) async throws -> Result {
    let url = cluster.url(database: database)
    return try await onLoop { loop in
      let connection = try await Connection.open(
        try ConnectionString(url), application: application, loop: loop)
      return try await body(connection)
    }
  }
}

/// A database of one test; it stays until the server goes.
public struct TestDatabase: Sendable {
  public let server: TestServer
  public let name: String

  public var url: String { server.cluster.url(database: name) }

  /// Runs statements.
  public func execute(_ sql: String) async throws {
    _ = try await server.withConnection(to: name) { try await $0.execute(sql) }
  }

  /// Returns the rows of a query as text, columns joined by `|`, NULL as `<null>`.
  public func rows(_ sql: String) async throws -> [String] {
    try await server.withConnection(to: name) { connection in
      try await connection.rows(
        Query(sql) { row in
          (0..<row.count).map { row.optionalString($0) ?? "<null>" }.joined(separator: "|")
        })
    }
  }
}

/// Runs a body on an event loop on a thread of its own, as the program does on its main thread.
public func onLoop<Result: Sendable>(
  _ body: @escaping @Sendable (EventLoop) async throws -> Result
) async throws -> Result {
  try await BlockingWork.run { () -> Swift.Result<Result, any Error> in
    do {
      let loop = try EventLoop()
      return loop.run { () async -> Swift.Result<Result, any Error> in
        do { return .success(try await body(loop)) } catch { return .failure(error) }
      }
    } catch {
      return .failure(error)
    }
  }.get()
}
