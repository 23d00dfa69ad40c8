import Diagnostics
import EventLoop
import MigrationEngine
import Postgres
import PostgresModel
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

@Suite(.mayBlock) struct PrivateClusterTests {
  @Test func `a cluster answers by its socket and is gone once it is stopped`() async throws {
    let cluster = try PrivateCluster.startBlocking(settings: ["max_connections = 7"])
    let answer = try await ask(cluster, "SELECT current_setting('max_connections')")
    #expect(answer == ["7"])
    #expect(permissions(of: cluster.directory) == 0o700)
    cluster.stopBlocking()
    #expect(kill(cluster.serverProcess, 0) == -1)
    #expect(access(cluster.directory, F_OK) == -1)
  }

  @Test func `a kept cluster is there again with what was in it`() async throws {
    let parent = try Folder()
    let path = parent.path + "/kept here"
    let first = try PrivateCluster.startBlocking(keepIn: path)
    _ = try await ask(first, "CREATE TABLE kept AS SELECT 42 AS answer; SELECT ''")
    first.stopBlocking()
    #expect(kill(first.serverProcess, 0) == -1)

    let second = try PrivateCluster.startBlocking(keepIn: path)
    defer { second.stopBlocking() }
    #expect(try await ask(second, "SELECT answer FROM kept") == ["42"])
  }

  @Test func `a folder with anything else in it is not touched`() throws {
    let folder = try Folder()
    try folder.write("data", "")
    let failure = #expect(throws: PrivateCluster.Failure.self) {
      try PrivateCluster.startBlocking(keepIn: folder.path)
    }
    #expect(
      failure?.diagnostic.description == """
        error: no cluster can be kept in "\(folder.path)": it is not empty, and not a cluster that Lockstep \
        has kept
          next: choose a folder that is empty or not there yet
        """)
    #expect(permissions(of: folder.path) == 0o755)
  }

  @Test(arguments: ["a,b", "it's", String(repeating: "long", count: 30)])
  func `a path in which no socket can be is refused before anything is made`(name: String) throws {
    let parent = try Folder()
    #expect(throws: PrivateCluster.Failure.self) {
      try PrivateCluster.startBlocking(keepIn: parent.path + "/" + name)
    }
    #expect(access(parent.path + "/" + name, F_OK) == -1)
  }

  @Test func `a server that does not start says why and leaves nothing`() throws {
    let failure = #expect(throws: PrivateCluster.Failure.self) {
      try PrivateCluster.startBlocking(settings: ["max_connections = many"])
    }
    guard case .notStarted(let log) = failure else {
      Issue.record("\(String(describing: failure))")
      return
    }
    #expect(log.contains("invalid value for parameter \"max_connections\": \"many\""))
    let words = log.split(separator: "\"").map(String.init)
    let path = try #require(words.first { $0.hasSuffix("/data/postgresql.conf") })
    #expect(access(String(path.dropLast("/data/postgresql.conf".count)), F_OK) == -1)
  }

  @Test func `without the programs it says what to install`() throws {
    let failure = #expect(throws: PrivateCluster.Failure.self) {
      try PrivateCluster.startBlocking(binaries: "/nowhere")
    }
    guard case .initdbFailed(let output) = failure else {
      Issue.record("\(String(describing: failure))")
      return
    }
    #expect(output.contains("/nowhere/initdb"))
    #expect(
      PrivateCluster.Failure.noServerPrograms(searched: ["PATH"]).diagnostic.description == """
        error: the PostgreSQL server programs were not found
          searched: PATH
          next: install a server (Debian: apt-get install postgresql; macOS: brew install postgresql@17), \
        or put the folder of `initdb` and `postgres` into PATH
        """)
  }

  private func ask(_ cluster: PrivateCluster, _ sql: String) async throws -> [String] {
    let url = cluster.url(database: "postgres")
    return try await onLoop { loop in
      let connection = try await Connection.open(
        try ConnectionString(url), application: "test", loop: loop)
      return try await connection.rowsOfMessage(
        Query(sql) { row throws(ResultRow.Mismatch) in try row.string(0) })
    }
  }

  private func permissions(of path: String) -> mode_t {
    var facts = stat()
    return stat(path, &facts) == 0 ? facts.st_mode & 0o777 : 0
  }
}

/// A folder of one test.
private final class Folder {
  let path: String

  init() throws {
    var template = Array("/tmp/lockstep-test-XXXXXX".utf8CString)
    try #require(mkdtemp(&template) != nil)
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    chmod(path, 0o755)
  }

  deinit { _ = try? ChildProcess(["rm", "-rf", path]).runBlocking() }

  func write(_ name: String, _ text: String) throws {
    let file = open("\(path)/\(name)", O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
    try #require(file >= 0)
    close(file)
  }
}
