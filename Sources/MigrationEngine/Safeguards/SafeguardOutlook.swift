import Diagnostics
import EventLoop
import MigrationModel
import Postgres

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension BackupTaking {
  /// Tells whether a backup can be taken, as far as can be seen before.
  public func outlook() async -> GateFacts.Outlook {
    switch demand {
    case .command(let arguments):
      guard let path = Executable.find(arguments[0]) else {
        return .impossible(
          Self.impossible(
            "\(arguments[0]) is no program that can be run",
            next: "name one in `backup: {command: …}`"))
      }
      return .possible(["command: \(path)"])
    case .dump(let directory): return await outlook(directory)
    }
  }

  private func outlook(_ directory: String) async -> GateFacts.Outlook {
    let version: String
    do throws(ChildProcess.CannotStart) {
      let outcome = try await ChildProcess(["pg_dump", "--version"]).run()
      version =
        String(decoding: outcome.output, as: UTF8.self)
        .split(separator: "\n" as Character).first.map(String.init) ?? ""
    } catch {
      return .impossible(
        Self.impossible(
          "pg_dump cannot be started: \(error.reason)",
          next: "install the client programs of PostgreSQL"))
    }
    if let major = Self.majorVersion(in: version), major < serverVersion / 10_000 {
      return .impossible(
        Self.impossible(
          "\(version) is older than the server, PostgreSQL \(serverVersion / 10_000)",
          next: "install the client programs of the server's version"))
    }
    guard let folder = Executable.nearestFolder(directory), access(folder, W_OK | X_OK) == 0 else {
      return .impossible(
        Self.impossible(
          "the folder \"\(directory)\" cannot be written", next: "check its permissions"))
    }
    return .possible(["\(version), into \(directory)"])
  }

  /// `pg_dump (PostgreSQL) 15.18 (Debian …)`.
  static func majorVersion(in words: String) -> Int? {
    words.split(separator: " " as Character).lazy
      .compactMap { Int($0.prefix(while: \.isNumber)) }.first
  }

  private static func impossible(_ reason: String, next: String) -> Diagnostic {
    .error(
      code: "no_backup", "a backup cannot be taken: \(reason)", next: "\(next); nothing was done")
  }
}

extension HealthAsking {
  /// Tells whether the question can be asked, without asking it.
  public func outlook() -> GateFacts.Outlook {
    let program: String
    switch demand.way {
    case .sql: return .possible([])
    case .command(let arguments): program = arguments[0]
    case .url: program = "curl"
    }
    guard Executable.find(program) != nil else {
      return .impossible(
        .error(
          code: "no_health_check",
          "the health check cannot be made: \(program) is no program that can be run",
          next: "install it, or name another in `health`; nothing was done"))
    }
    return .possible([])
  }
}

/// Where programs and folders are.
enum Executable {
  /// Returns the path of a program, by its path or found in `PATH`.
  static func find(_ name: String) -> String? {
    if name.contains("/") { return isProgram(name) ? name : nil }
    let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
    return path.split(separator: ":" as Character).map { "\($0)/\(name)" }.first(where: isProgram)
  }

  private static func isProgram(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
      && access(path, X_OK) == 0
  }

  /// Returns the folder, or the nearest above it that is there.
  static func nearestFolder(_ directory: String) -> String? {
    var path = directory
    while true {
      var status = stat()
      if stat(path, &status) == 0 { return status.st_mode & S_IFMT == S_IFDIR ? path : nil }
      guard let slash = path.lastIndex(of: "/") else { return "." }
      path = slash == path.startIndex ? "/" : String(path[..<slash])
    }
  }
}
