import Diagnostics
import MigrationEngine
import MigrationModel
import PostgresModel

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Documents in the project's folder that tell of its runs.
struct ProjectDocuments: Sendable {
  /// The folder of the project.
  var root: String

  /// A document could not be written; what ran stands.
  struct Failure: Explainable {
    var diagnostic: Diagnostic
  }

  /// Writes an incident document; one that is there is never written over.
  ///
  /// - Returns: Its path.
  func write(_ document: IncidentDocument) throws(Failure) -> String {
    let folder = ConfigurationSources.path("ops/postmortems", in: root)
    let path = "\(folder)/\(document.fileName)"
    let text = document.markdown { DurationText.show(milliseconds: $0) }
    guard makeFolders(folder) else { throw cannotWrite(folder) }
    let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o644)
    guard file >= 0 else {
      guard errno == EEXIST else { throw cannotWrite(path) }
      throw Failure(
        diagnostic: .error(
          code: "document_exists", "\"\(path)\" is there already",
          next: "write on in it, or give it another name first; nothing was written"))
    }
    defer { close(file) }
    guard HandOver.write(text, to: file) else { throw cannotWrite(path) }
    return path
  }

  /// Adds an entry to `docs/decisions.md`.
  ///
  /// - Returns: Its path.
  func add(_ entry: DecisionEntry) throws(Failure) -> String {
    try add(markdown: entry.markdown { DurationText.show(milliseconds: $0) })
  }

  /// As `add(_:)`, for an entry that is written already.
  func add(markdown entry: String) throws(Failure) -> String {
    let folder = ConfigurationSources.path("docs", in: root)
    let path = "\(folder)/decisions.md"
    guard makeFolders(folder) else { throw cannotWrite(folder) }
    let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o644)
    guard file >= 0 else { throw cannotWrite(path) }
    defer { close(file) }
    var status = stat()
    let isNew = fstat(file, &status) == 0 && status.st_size == 0
    guard HandOver.write((isNew ? DecisionEntry.head : "") + entry, to: file) else {
      throw cannotWrite(path)
    }
    return path
  }

  private func makeFolders(_ directory: String) -> Bool {
    var path = directory.hasPrefix("/") ? "" : "."
    for part in directory.split(separator: "/") where part != "." {
      path += "/\(part)"
      guard mkdir(path, 0o755) == 0 || errno == EEXIST else { return false }
    }
    return true
  }

  private func cannotWrite(_ path: String) -> Failure {
    Failure(
      diagnostic: .error(
        code: "cannot_write", "\"\(path)\" cannot be written: \(String(cString: strerror(errno)))",
        next: "check the folder's permissions; what was run stands"))
  }
}

extension CommandContext {
  /// Puts together the incident document of a migration from what was kept of it.
  ///
  /// - Throws: `Refusal` where there is no such migration.
  func incident(
    of typed: Version, _ project: OpenProject
  ) async throws(Refusal) -> IncidentDocument {
    let layout = project.loaded.layout
    let planning = PlanContext(dataLoss: .accepted)
    let found = Plan.make(
      .only(typed, .down), status: project.status, layout: layout, context: planning)
    guard let step = found.steps.first else {
      throw Refusal(
        found.refusals.first { $0.code == "unknown_version" }
          ?? .error(code: "unknown_version", "there is no migration \"\(typed)\""))
    }
    let (archive, notes) = await JournalPlace(project.settings, loop: loop).archive(
      .all, of: project.loaded, in: project.connection)
    for note in notes { output.tell(note) }
    let sql = step.units.map(\.sql).joined(separator: "\n")
    return IncidentDocument(
      version: step.version, label: step.label, identity: await .of(project.connection),
      environment: project.settings.environment?.value, downSQL: sql.isEmpty ? nil : sql,
      runs: archive.runs(of: step.version, layout), now: .current)
  }
}
