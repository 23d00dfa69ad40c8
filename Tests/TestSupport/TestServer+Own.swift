import MigrationEngine
import Postgres

extension TestServer {
  /// Starts a server for one test, which stops it.
  public static func started(
    with settings: [String] = []
  ) throws(PrivateCluster.Failure) -> TestServer {
    TestServer(try PrivateCluster.startBlocking(settings: settings))
  }

  /// Makes a database of this name anew, for tests to which the name matters.
  public func remakeDatabase(_ name: String) async throws -> TestDatabase {
    _ = try await withConnection(to: "postgres") { connection in
      try await connection.execute("DROP DATABASE IF EXISTS \(name) WITH (FORCE)")
      try await connection.execute("CREATE DATABASE \(name) TEMPLATE template0")
    }
    return TestDatabase(server: self, name: name)
  }
}
