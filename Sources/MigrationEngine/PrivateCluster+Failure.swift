import Diagnostics

extension PrivateCluster {
  /// Why no private server could be had. Nothing is left behind then.
  public enum Failure: Explainable, Hashable {
    case noServerPrograms(searched: [String])
    /// No temporary folder.
    case noFolder(path: String, reason: String)
    /// The folder that was asked for is not fit to keep a cluster in; it was not touched.
    case unfitFolder(path: String, reason: String, next: String)
    case initdbFailed(output: String)
    case notStarted(log: String)

    public var diagnostic: Diagnostic {
      switch self {
      case .noServerPrograms(let searched):
        Diagnostic(
          .error, code: "no_server_programs",
          "the PostgreSQL server programs were not found",
          details: [.init("searched", searched.joined(separator: ", "))],
          next: "install a server (Debian: apt-get install postgresql; macOS: brew install"
            + " postgresql@17), or put the folder of `initdb` and `postgres` into PATH")
      case .noFolder(let path, let reason):
        .error(
          code: "no_folder", "the folder \"\(path)\" cannot be used: \(reason)",
          next: "set TMPDIR to a folder that can be written to")
      case .unfitFolder(let path, let reason, let next):
        .error(
          code: "no_folder", "no cluster can be kept in \"\(path)\": \(reason)", next: next)
      case .initdbFailed(let output):
        Diagnostic(
          .error, code: "initdb_failed", "initdb failed",
          details: [.init("said", output)],
          next: "nothing was left behind; check the free space in TMPDIR")
      case .notStarted(let log):
        Diagnostic(
          .error, code: "server_not_started", "the private server did not start",
          details: [.init("log", log)],
          next: "check the free space in TMPDIR, and shared memory")
      }
    }
  }
}
