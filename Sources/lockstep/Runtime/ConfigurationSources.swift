import Diagnostics

/// A value of the configuration and where it came from.
struct Setting<Value: Sendable>: Sendable {
  var value: Value
  /// For people: `--url`, `DATABASE_URL in .env`, `lockstep.json:3:5`.
  var origin: String

  init(_ value: Value, from origin: String) {
    self.value = value
    self.origin = origin
  }
}

extension Setting: Equatable where Value: Equatable {}

/// Every file and variable that says something about the project, read but not yet weighed.
struct ConfigurationSources: Sendable {
  /// Variables of the process; they win over every file.
  var variables: [String: String]
  /// The folder of the project as it is shown: `.`, or `..` when started below it.
  var root: String
  var file: ConfigurationFile?
  /// `.env`, then `.env.dbmate`: an earlier one wins.
  var environmentFiles: [EnvironmentFile] = []
  var services = EnvironmentServices()
  var sqlx: SqlxFile?

  /// The files that were read, for `doctor`.
  var paths: [String] {
    [file?.path].compactMap { $0 } + environmentFiles.map(\.path)
      + [sqlx?.path].compactMap { $0 }
  }

  /// Reads what stands in the working directory, and in its parents up to the root of the repository.
  ///
  /// - Throws: `ConfigurationError`, `JSONReader.SyntaxError` or `EnvironmentFile.SyntaxError`.
  init(_ surroundings: Surroundings) throws {
    variables = surroundings.variables
    root = "."
    let folders = Self.folders(surroundings)
    if let (text, path, folder) = try Self.first("lockstep.json", in: folders, surroundings) {
      file = try ConfigurationFile(text, path: path)
      root = folder
    }
    for name in [".env", ".env.dbmate"] {
      if let (text, path, _) = try Self.first(name, in: folders, surroundings) {
        environmentFiles.append(
          try EnvironmentFile(text, path: path, known: surroundings.variables))
      }
    }
    if let (text, path, folder) = try Self.first("sqlx.toml", in: folders, surroundings) {
      sqlx = SqlxFile(text, path: path, folder: folder)
    }
    services = Self.services(surroundings)
  }

  /// The value of a variable: of the process, else of the first file that has it.
  func variable(_ name: String) -> Setting<String>? {
    if let value = variables[name], !value.isEmpty { return Setting(value, from: name) }
    for file in environmentFiles {
      if let value = file.variables[name], !value.isEmpty {
        return Setting(value, from: "\(name) in \(file.path)")
      }
    }
    return nil
  }

  /// Variables of libpq that stand in `.env` alone; libpq itself sees only those of the process.
  var libpqVariables: [String: String] {
    var result: [String: String] = [:]
    for file in environmentFiles.reversed() {
      for (name, value) in file.variables where name.hasPrefix("PG") && variables[name] == nil {
        result[name] = value
      }
    }
    return result
  }

  /// A path of a file in the project's folder, as seen from the working directory.
  static func path(_ path: String, in folder: String) -> String {
    path.hasPrefix("/") || folder == "." ? path : "\(folder)/\(path)"
  }

  // Only inside a repository is it sure that a parent folder belongs to the project; anywhere else
  // somebody else's file could decide what we connect to.
  private static func folders(_ surroundings: Surroundings) -> [String] {
    let depth = surroundings.workingDirectory.split(separator: "/").count
    var folders: [String] = []
    for level in 0...depth {
      let folder = level == 0 ? "." : Array(repeating: "..", count: level).joined(separator: "/")
      folders.append(folder)
      // A worktree has a file of this name, a repository a folder.
      if surroundings.read("\(folder)/.git") != .absent { return folders }
    }
    return ["."]
  }

  private static func first(
    _ name: String, in folders: [String], _ surroundings: Surroundings
  ) throws(ConfigurationError) -> (text: String, path: String, folder: String)? {
    for folder in folders {
      let path = path(name, in: folder)
      switch surroundings.read(path) {
      case .text(let text): return (text, path, folder)
      case .absent: continue
      case .unreadable(let reason): throw .unreadableFile(path: path, reason: reason)
      case .notText: throw .notText(path: path)
      }
    }
    return nil
  }

  // Source: PostgreSQL manual, 34.17: the user's file, then the system's. One that cannot be read is
  // left to libpq, which says so when a service is asked for.
  private static func services(_ surroundings: Surroundings) -> EnvironmentServices {
    let variables = surroundings.variables
    let user = variables["PGSERVICEFILE"] ?? variables["HOME"].map { "\($0)/.pg_service.conf" }
    let system = variables["PGSYSCONFDIR"].map { "\($0)/pg_service.conf" }
    var result = EnvironmentServices()
    for path in [user, system].compactMap({ $0 }) {
      if case .text(let text) = surroundings.read(path) {
        let known = result.names
        result.services += EnvironmentServices(text).services.filter { !known.contains($0.name) }
      }
    }
    return result
  }
}

/// The keys of a `sqlx.toml` that concern migrations.
///
/// Source: sqlx 0.9, `sqlx-core/src/config/{common,migrate}.rs`. Only plain strings are read.
struct SqlxFile: Sendable, Hashable {
  var path: String
  /// `[common] database-url-var`.
  var urlVariable: String?
  /// `[migrate] table-name`.
  var table: String?
  /// `[migrate] migrations-dir`, as seen from the working directory.
  var directory: String?
  /// `[migrate] ignored-chars` is set: checksums are not those of the files' bytes.
  var ignoresCharacters = false

  init(_ text: String, path: String, folder: String) {
    self.path = path
    var section = ""
    for line in text.split(whereSeparator: \.isNewline) {
      let words = line.drop { $0.isWhitespace }
      if words.hasPrefix("[") {
        section = String(words.dropFirst().prefix { $0 != "]" })
        continue
      }
      let pair = words.split(separator: "=", maxSplits: 1)
      guard pair.count == 2, let key = pair[0].split(separator: " ").first else { continue }
      let value = SqlxFile.string(pair[1])
      switch (section, key) {
      case ("common", "database-url-var"): urlVariable = value
      case ("migrate", "table-name"): table = value
      case ("migrate", "migrations-dir"):
        directory = value.map { ConfigurationSources.path($0, in: folder) }
      case ("migrate", "ignored-chars"): ignoresCharacters = true
      default: break
      }
    }
  }

  private static func string(_ text: Substring) -> String? {
    let value = text.drop { $0 == " " || $0 == "\t" }
    guard let quote = value.first, quote == "\"" || quote == "'" else { return nil }
    return String(value.dropFirst().prefix { $0 != quote })
  }
}
