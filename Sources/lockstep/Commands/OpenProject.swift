import Diagnostics
import MigrationEngine
import MigrationModel
import Postgres
import PostgresModel

/// A project with a session to its database: files, history, and what they say together.
struct OpenProject: Sendable {
  var settings: ProjectSettings
  var project: Project
  var connection: Connection
  var loaded: LoadedProject

  var status: ProjectStatus { loaded.status }
}

extension CommandContext {
  /// Finds the migrations folders: those that were named, else the usual one that is there.
  ///
  /// - Throws: `Refusal` where none is there, or more than one holds migrations.
  func project(_ settings: ProjectSettings) async throws -> Project {
    let directories: [String]
    if let named = settings.directories {
      directories = named.value
    } else {
      directories = [try await usualDirectory(settings)]
    }
    return Project(
      directories: directories, layout: settings.layout?.value, table: settings.tableOfEveryLayout,
      tablesByLayout: settings.tablesOfTools, root: settings.root)
  }

  /// Reads the folders, opens a session and joins both.
  ///
  /// - Parameters:
  ///   - runnerOptions: Of a session in which migrations will run.
  ///   - texts: Whether files are asked for their texts later.
  func open(
    _ settings: ProjectSettings, for runnerOptions: Runner.Options? = nil,
    texts: Project.Texts = .kept
  ) async throws -> OpenProject {
    let project = try await project(settings)
    // All at once, and the server first, which has the most to do; a wrong folder is told without waiting
    // for it, so the task is not awaited where reading fails.
    let connecting = Task.immediate(executorPreference: loop) {
      let connection = try await connect(settings, for: runnerOptions)
      return (connection, try await project.past(from: connection))
    }
    let files = try await project.readFiles(texts)
    let catalog = project.catalog(of: files)
    let (connection, past) = try await withTaskCancellationHandler {
      try await connecting.value
    } onCancel: {
      connecting.cancel()
    }
    return OpenProject(
      settings: settings, project: project, connection: connection,
      loaded: try await project.load(files, from: connection, past: past, catalog: catalog))
  }

  private func usualDirectory(_ settings: ProjectSettings) async throws -> String {
    let usual = ProjectSettings.usualDirectories(settings)
    var found: [(directory: String, hasMigrations: Bool)] = []
    for directory in usual {
      if let names = try? await DirectoryReader([directory]).names() {
        found.append((directory, names.contains { $0.hasSuffix(".sql") }))
      }
    }
    let filled = found.filter(\.hasMigrations)
    if filled.count > 1 {
      throw Refusal(
        .error(
          code: "configuration",
          "several folders hold migrations: \(filled.map(\.directory).joined(separator: ", "))",
          next: "name the one that is meant, or all of them, with --dir"))
    }
    if let directory = (filled.first ?? found.first)?.directory { return directory }
    throw Refusal(
      .error(
        code: "no_directory",
        "there is no migrations folder; looked for \(usual.joined(separator: ", "))",
        next: "name it with --dir, or make the first migration with `lockstep new NAME`"))
  }
}

extension ProjectSettings {
  /// The folders that the layout's tool, or any tool, would use.
  static func usualDirectories(_ settings: ProjectSettings) -> [String] {
    let layouts = settings.layout.flatMap { Layouts.named($0.value) }.map { [$0] } ?? Layouts.all
    var directories: [String] = []
    for directory in layouts.flatMap(\.defaultDirectories) {
      let path = ConfigurationSources.path(directory, in: settings.root)
      if !directories.contains(path) { directories.append(path) }
    }
    return directories
  }
}
