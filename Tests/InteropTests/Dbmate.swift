import EventLoop
import TestSupport

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The real dbmate, on the folder and database of a fixture.
struct Dbmate {
  /// The program that `LOCKSTEP_DBMATE` names.
  static let path: String? = getenv("LOCKSTEP_DBMATE").map { String(cString: $0) }

  let fixture: ProjectFixture
  /// Further parameters of the URL, each with a leading `&`.
  var parameters = ""

  var schemaFile: String { "\(fixture.folder.path)/dbmate.sql" }

  private var url: String {
    "postgres://lockstep@localhost/\(fixture.database.name)"
      + "?host=\(fixture.database.server.cluster.directory)&sslmode=disable\(parameters)"
  }

  private func child(_ arguments: [String]) -> ChildProcess {
    let directories = fixture.directories.flatMap { ["-d", "\(fixture.folder.path)/\($0)"] }
    let table = fixture.table.map { name in
      ["--migrations-table", (name.schema.map { $0 + "." } ?? "") + name.name]
    }
    var environment = ChildProcess.ownEnvironment
    environment["DATABASE_URL"] = url
    return ChildProcess(
      [Dbmate.path ?? "dbmate", "-s", schemaFile] + directories + (table ?? []) + arguments,
      environment: environment)
  }

  /// Runs a command of dbmate.
  ///
  /// - Returns: Its exit status, and everything that it printed.
  func run(_ arguments: String...) async throws -> (status: Int32, output: String) {
    let child = child(arguments)
    let outcome = try await onLoop { _ in try await child.run() }
    return (outcome.status, String(decoding: outcome.output, as: UTF8.self) + outcome.errorText)
  }

  /// What dbmate wrote as `schema.sql`.
  var schema: String? { fixture.folder.text("dbmate.sql") }

  /// The versions by `dbmate status`: `[X] 001_a.sql`.
  func status() async throws -> [String] {
    try await run("status").output.split(separator: "\n" as Character).map(String.init)
      .filter { $0.hasPrefix("[") }
  }
}
