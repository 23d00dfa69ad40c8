import MigrationEngine

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Who answers for something, as far as the machine can tell.
struct Approver: Sendable {
  /// As it is kept.
  var name: String
  /// Further names of the same person here.
  var alsoKnownAs: [String] = []

  /// The user of this machine, or of the pipeline.
  init(_ context: CommandContext) {
    let variables = context.surroundings.variables
    let login = ["GITHUB_ACTOR", "GITLAB_USER_LOGIN"].compactMap { variables[$0] }
      .first { !$0.isEmpty }
    name = login ?? Approver.userName(variables)
  }

  /// - Parameters:
  ///   - said: What `--by` says; `nil` takes the name under which commits would be made here.
  ///   - root: The project's folder.
  init(_ context: CommandContext, said: String?, root: String) async {
    self.init(context)
    let user = name
    let ident = await FileAuthors.identity(in: root)
    name = said ?? ident ?? user
    alsoKnownAs = [ident, user].compactMap { $0 }.filter { $0 != name }
  }

  private static func userName(_ variables: [String: String]) -> String {
    if let entry = getpwuid(geteuid()), let name = entry.pointee.pw_name {
      return String(cString: name)
    }
    return variables["USER"] ?? "unknown"
  }
}
