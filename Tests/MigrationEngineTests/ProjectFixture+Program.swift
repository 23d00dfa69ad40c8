import EventLoop
import TestSupport

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension ProjectFixture {
  /// The real program, as it was built beside the tests, on this project; it agrees to everything.
  func program(_ words: [String]) -> ChildProcess {
    // The program writes `schema.sql` and its journal where it is started.
    ChildProcess(
      ["/bin/sh", "-c", "cd \"$0\" && exec \"$@\"", folder.path, Self.programPath] + words + [
        "--yes", "--layout", layout.name, "--url", database.url,
      ] + directories.flatMap { ["-d", "\(folder.path)/\($0)"] })
  }

  private static let programPath: String = {
    var buffer = [CChar](repeating: 0, count: 4096)
    let length = readlink("/proc/self/exe", &buffer, buffer.count)
    let path = String(
      decoding: buffer.prefix(max(0, length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return path.split(separator: "/" as Character).dropLast().reduce("") { "\($0)/\($1)" }
      + "/lockstep"
  }()

  /// Waits until the server has noticed that every client is gone.
  func waitForTheServer() async throws { try await database.waitUntilUnused() }

  /// The schema `public` as `pg_dump` writes it, the history table left out.
  func dumpedSchema() throws -> String {
    let outcome = try ChildProcess([
      "\(database.server.binaries)/pg_dump", "--schema-only", "--schema=public", "--no-owner",
      "--exclude-table=\(tableSQL)", database.url,
    ]).runBlocking()
    guard outcome.status == 0 else { fatalError(outcome.errorText) }
    // Newer releases write a key of their own into each dump.
    return String(decoding: outcome.output, as: UTF8.self)
      .split(separator: "\n" as Character).filter { !$0.contains("restrict ") }
      .joined(separator: "\n")
  }
}
