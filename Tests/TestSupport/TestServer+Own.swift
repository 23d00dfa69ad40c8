import EventLoop
import MigrationEngine
import Postgres

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension TestServer {
  /// The folders named in `LOCKSTEP_TEST_PGBIN`, parted by colons: programs of other versions.
  public static let otherBinaries: [String] =
    getenv("LOCKSTEP_TEST_PGBIN").map {
      String(cString: $0).split(separator: ":").map(String.init)
    } ?? []

  /// Starts a server for one test, which stops it.
  public static func started(
    with settings: [String] = []
  ) throws(PrivateCluster.Failure) -> TestServer {
    TestServer(try PrivateCluster.startBlocking(settings: settings))
  }

  /// Starts a server for one test, which stops it, without keeping a thread waiting.
  ///
  /// - Parameter binaries: The folder of its programs; `nil` for the one that is installed.
  public static func started(
    from binaries: String?, with settings: [String]
  ) async throws -> TestServer {
    try await BlockingWork.run { () -> Result<TestServer, any Error> in
      Result {
        TestServer(try PrivateCluster.startBlocking(binaries: binaries, settings: settings))
      }
    }.get()
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
