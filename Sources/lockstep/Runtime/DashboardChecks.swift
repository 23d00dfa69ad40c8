import Diagnostics
import EventLoop
import MigrationEngine
import MigrationModel

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// What the dashboard holds migrations against, and what proofs are made with.
struct DashboardChecks: Sendable {
  /// A team's own task list; `nil`: the checklist that comes with Lockstep.
  var file: String?
  var sources = CheckSources()

  /// Reads the checklist.
  ///
  /// - Throws: `Refusal` where its file cannot be read or holds none.
  func checklist() async throws(Refusal) -> Checklist {
    guard let file else { return Checklists.staging }
    guard let text = await BlockingWork.run({ Self.contents(of: file) }) else {
      throw Refusal(
        .error(
          code: "configuration", "the checklist \(file) cannot be read",
          next: "write it, or take \"checklist\" out of lockstep.json"))
    }
    return try Checklist(markdown: text, file: file)
  }

  /// Nobody writes a checklist of a megabyte.
  private static let limit = 1 << 20

  private static func contents(of path: String) -> String? {
    let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while bytes.count <= limit {
      let count = read(file, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { return nil }
      if count == 0 { return String(decoding: bytes, as: UTF8.self) }
      bytes.append(contentsOf: buffer[..<count])
    }
    return nil
  }
}

extension DashboardChecks {
  /// As the project's configuration names them.
  init(_ settings: ProjectSettings) {
    file = settings.checklist
    sources = CheckSources(
      keyQueries: settings.keyQueries, assertions: settings.assertions,
      schemaFile: settings.schemaFile?.value)
  }
}
