import Diagnostics
import EventLoop
import MigrationEngine
import MigrationModel

/// What the dashboard holds migrations against, and what proofs are made with.
struct DashboardChecks: Sendable {
  /// A team's own task list; `nil`: the checklist that comes with Lockstep.
  var file: String?
  var sources = CheckSources()
  /// Reads a file of configuration.
  var read: @Sendable (String) -> Surroundings.FileContent = Surroundings.ofProcess().read

  /// Reads the checklist.
  ///
  /// - Throws: `Refusal` where its file cannot be read or holds none.
  func checklist() async throws(Refusal) -> Checklist {
    guard let file else { return Checklists.staging }
    let read = read
    let content = await BlockingWork.run { read(file) }
    let reason: String
    switch content {
    case .text(let text): return try Checklist(markdown: text, file: file)
    case .absent: reason = "it is not there"
    case .unreadable(let why): reason = why
    case .notText: reason = "it is not UTF-8"
    }
    throw Refusal(
      .error(
        code: "configuration", "the checklist \(file) cannot be read: \(reason)",
        next: "write it, or take \"checklist\" out of lockstep.json"))
  }
}

extension DashboardChecks {
  /// As the project's configuration names them.
  init(_ settings: ProjectSettings, _ surroundings: Surroundings) {
    file = settings.checklist
    sources = CheckSources(
      keyQueries: settings.keyQueries, assertions: settings.assertions,
      schemaFile: settings.schemaFile?.value)
    read = surroundings.read
  }
}
