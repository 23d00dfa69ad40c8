#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension CommandContext {
  /// Who is recorded as having applied a migration, where the layout records it.
  ///
  /// - Parameter sessionUser: The role that logged in.
  func runBy(_ sessionUser: String) -> String {
    let variables = surroundings.variables
    if variables["GITHUB_ACTIONS"] == "true" { return "GitHub Actions" }
    if variables["GITLAB_CI"] == "true" { return "GitLab CI" }
    var name = [CChar](repeating: 0, count: 256)
    guard gethostname(&name, name.count - 1) == 0 else { return sessionUser }
    let host = String(
      decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return "\(sessionUser)@\(host)"
  }
}
