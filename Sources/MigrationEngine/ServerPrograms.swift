#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Where the programs of a PostgreSQL server are on this machine.
enum ServerPrograms {
  /// The folders that packages use, newest version first.
  private static let packaged: [String] = stride(from: 18, through: 13, by: -1).flatMap {
    [
      "/usr/lib/postgresql/\($0)/bin", "/usr/pgsql-\($0)/bin",
      "/opt/homebrew/opt/postgresql@\($0)/bin", "/usr/local/opt/postgresql@\($0)/bin",
    ]
  }

  /// Returns the folder of `postgres` and `initdb`: from `PATH`, else where packages put them.
  ///
  /// - Throws: `PrivateCluster.Failure.noServerPrograms`.
  static func folder() throws(PrivateCluster.Failure) -> String {
    let path = getenv("PATH").map { String(cString: $0) } ?? ""
    let folders = path.split(separator: ":" as Character).map(String.init) + packaged
    for folder in folders where access(folder + "/postgres", X_OK) == 0 {
      // Links in PATH lead to programs that look for their files beside their real place.
      guard let real = realpath(folder + "/postgres", nil) else { continue }
      defer { free(real) }
      let parts = String(cString: real).split(separator: "/" as Character).dropLast()
      let parent = "/" + parts.joined(separator: "/")
      if access(parent + "/initdb", X_OK) == 0 { return parent }
    }
    throw .noServerPrograms(searched: ["PATH"] + packagedPatterns)
  }

  /// `packaged` as a person reads it.
  private static let packagedPatterns = [
    "/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
  ]
}
