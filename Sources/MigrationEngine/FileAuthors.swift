import EventLoop
import MigrationModel

/// Asks version control who wrote the files of a migration.
public enum FileAuthors {
  /// Everybody who has committed to one of the files, alone or with others, under whatever name it had,
  /// newest first; who works here too, where a file differs from what is committed.
  ///
  /// In a repository git alone tells, and what a header says is added to it: whoever writes a file can
  /// write any name into it.
  ///
  /// - Returns: `nil` where nothing tells: a file that was never committed, a clone without all of the
  ///   history, or no repository and no header.
  public static func authors(of migration: Migration) async -> [String]? {
    var authors: [String] = []
    func add(_ name: String) { if !name.isEmpty, !authors.contains(name) { authors.append(name) } }
    for file in migration.files {
      let folder = String(file.path.dropLast(file.name.count))
      let place = folder.isEmpty ? "." : folder
      guard let isShallow = await lines(of: ["rev-parse", "--is-shallow-repository"], in: place)
      else { continue }
      // Renamed, not alike: what begins as a copy of a template is its own author's.
      let history = [
        "log", "--no-show-signature", "--follow", "-M90%", written, "--", file.name,
      ]
      guard isShallow == ["false"], let committed = await lines(of: history, in: place),
        !committed.isEmpty
      else { return nil }
      for name in committed { add(name) }
      let isChanged =
        await lines(of: ["status", "--porcelain", "--", file.name], in: place)?.isEmpty == false
      if isChanged, let here = await identity(in: place) { add(here) }
    }
    for field in migration.header where ["author", "authors"].contains(field.key.lowercased()) {
      add(field.value)
    }
    return authors.isEmpty ? nil : authors
  }

  /// Author and co-authors of a commit, a line each.
  private static let written =
    "--format=%an <%ae>%n%(trailers:key=Co-authored-by,valueonly,separator=%x0A)"

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
