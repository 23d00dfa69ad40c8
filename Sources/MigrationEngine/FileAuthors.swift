import EventLoop
import MigrationModel

/// Asks version control who wrote the files of a migration.
public enum FileAuthors {
  /// Everybody who has committed to one of the files, newest first; who works here too, where a file
  /// differs from what is committed.
  ///
  /// - Returns: `nil` where nothing tells: neither git nor the header of a file.
  public static func authors(of migration: Migration) async -> [String]? {
    var authors: [String] = []
    func add(_ name: String) { if !name.isEmpty, !authors.contains(name) { authors.append(name) } }
    for file in migration.files {
      let folder = String(file.path.dropLast(file.name.count))
      let place = folder.isEmpty ? "." : folder
      guard
        let committed = await lines(
          of: ["log", "--no-show-signature", "--format=%an <%ae>", "--", file.name], in: place)
      else { continue }
      for name in committed { add(name) }
      let isChanged =
        await lines(of: ["status", "--porcelain", "--", file.name], in: place)?.isEmpty == false
      // A file that was never committed may be anybody's.
      if !committed.isEmpty, isChanged, let here = await identity(in: place) { add(here) }
    }
    for field in migration.header where ["author", "authors"].contains(field.key.lowercased()) {
      add(field.value)
    }
    return authors.isEmpty ? nil : authors
  }

  /// Under which name commits would be made in a folder: `Ann Author <ann@example.org>`; `nil` where git
  /// knows none.
  public static func identity(in folder: String) async -> String? {
    // As git itself puts it together from its settings and variables; a time stands behind it.
    guard let line = await lines(of: ["var", "GIT_AUTHOR_IDENT"], in: folder)?.first,
      let end = line.lastIndex(of: ">")
    else { return nil }
    return String(line[...end])
  }

  /// The lines that git prints; `nil` where there is no git, or no repository.
  private static func lines(of arguments: [String], in folder: String) async -> [String]? {
    var environment = ChildProcess.ownEnvironment
    environment["GIT_OPTIONAL_LOCKS"] = "0"
    let process = SupervisedProcess(
      ChildProcess(["git", "-C", folder] + arguments, environment: environment),
      timeout: .seconds(20))
    guard case .ended(let outcome) = try? await process.run(), outcome.status == 0 else {
      return nil
    }
    return String(decoding: outcome.output, as: UTF8.self).split(separator: "\n" as Character)
      .map(String.init)
  }
}
