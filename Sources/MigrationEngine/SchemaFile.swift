import Diagnostics
import EventLoop
import MigrationModel
import Postgres
import PostgresModel

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The `schema.sql` that dbmate refreshes after each run, written as dbmate writes it.
///
/// Source: dbmate 2.35, `pkg/driver/postgres/postgres.go` (`schemaDump`, `schemaMigrationsDump`) and
/// `pkg/dbutil/dbutil.go` (`TrimLeadingSQLComments`).
public struct SchemaFile: Sendable {
  /// Where the file is, relative to the working directory.
  public var path: String
  public var target: ConnectionString

  /// The file could not be written; the migrations stand.
  public enum Failure: Explainable, Hashable {
    case cannotDump(reason: String)
    case cannotWrite(path: String, reason: String)

    public var diagnostic: Diagnostic {
      switch self {
      case .cannotDump(let reason):
        .error(
          code: "schema_not_dumped", "the schema was not dumped: \(reason)",
          next: "the migrations stand; install pg_dump of the server's version or newer, then"
            + " `lockstep dump`")
      case .cannotWrite(let path, let reason):
        .error(
          code: "schema_not_written", "\"\(path)\" cannot be written: \(reason)",
          next: "the migrations stand; check the folder's permissions, then `lockstep dump`")
      }
    }
  }

  public init(path: String, target: ConnectionString) {
    self.path = path
    self.target = target
  }

  /// Dumps the schema and writes the file whole or not at all.
  ///
  /// - Throws: `Failure`, `DatabaseError`.
  public func write(
    history layout: any Layout, table: QualifiedName, _ connection: Connection
  ) async throws {
    let text = try await text(history: layout, table: table, connection)
    try replaceFile(with: Array(text.utf8))
  }

  /// What `write` would write: the schema of the database that `target` and the session lead to.
  ///
  /// - Throws: `Failure`, `DatabaseError`.
  public func text(
    history layout: any Layout, table: QualifiedName, _ connection: Connection
  ) async throws -> String {
    let dump = try await dump(connection)
    let versions = try await connection.rows(layout.readHistory(table)).map(\.version.text)
    var text = SchemaFile.withoutLeadingComments(dump)
    while text.last == " " || text.last == "\n" || text.last == "\t" { text.removeLast() }
    let quotedTable = try await quotedName(table, connection)
    text += "\n\n\n--\n-- Dbmate schema migrations\n--\n\n"
    if !versions.isEmpty {
      let list = versions.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        .map { "    (\(SQLText.literal($0)))" }
      text += "INSERT INTO \(quotedTable) (version) VALUES\n"
      text += list.joined(separator: ",\n") + ";\n"
    }
    return text
  }

  private func quotedName(
    _ table: QualifiedName, _ connection: Connection
  ) async throws(DatabaseError) -> String {
    let rows = try await connection.rows(
      Query<String?>(
        "select quote_ident($1) || '.' || quote_ident($2)", [table.schema ?? "public", table.name]
      ) { row in row.optionalString(0) })
    return rows.first.flatMap { $0 } ?? table.sql
  }

  private func dump(_ connection: Connection) async throws -> String {
    let program = "pg_dump"
    var environment = ChildProcess.ownEnvironment
    environment.merge(target.environment) { _, said in said }
    environment["PGDATABASE"] = connection.database
    var arguments = [
      program, "--format=plain", "--encoding=UTF8", "--schema-only", "--no-privileges",
      "--no-owner",
    ]
    do {
      let version = try await ChildProcess([program, "--version"], environment: environment).run()
      if SchemaFile.hasRestrictKey(String(decoding: version.output, as: UTF8.self)) {
        arguments.append("--restrict-key=dbmate")
      }
      for schema in searchPath { arguments += ["--schema", schema] }
      arguments += try await withoutOurs(connection)
      let outcome = try await ChildProcess(arguments, environment: environment).run()
      guard outcome.status == 0 else {
        throw Failure.cannotDump(
          reason: outcome.errorText.split(separator: "\n" as Character).joined(separator: "; "))
      }
      return String(decoding: outcome.output, as: UTF8.self)
    } catch let error as ChildProcess.CannotStart {
      throw Failure.cannotDump(reason: "\(error.program): \(error.reason)")
    }
  }

  /// Leaves out what Lockstep keeps in the database; a schema of that name that holds more is the
  /// project's own.
  private func withoutOurs(_ connection: Connection) async throws(DatabaseError) -> [String] {
    let query = Query<Int64>(
      """
      select count(*) from pg_catalog.pg_class where relnamespace = pg_catalog.to_regnamespace('lockstep')
        and relkind in ('r', 'p', 'v', 'm', 'f', 'S') and relname not in ('journal', 'records')
      """
    ) { row throws(ResultRow.Mismatch) in try row.integer(0) }
    let others = try await connection.rows(query).first ?? 0
    guard others == 0 else {
      return ["--exclude-table=lockstep.journal", "--exclude-table=lockstep.records"]
    }
    return ["--exclude-schema=lockstep"]
  }

  /// The schemas that the URL's `search_path` names; dbmate dumps these alone.
  private var searchPath: [String] {
    let words = target["options"]?.split(separator: " " as Character) ?? []
    for word in words {
      // `-c search_path=…`, `-csearch_path=…` and `--search_path=…` are one to the server.
      for mark in ["", "-c", "--"] where word.hasPrefix(mark + "search_path=") {
        return word.dropFirst(mark.count + "search_path=".count)
          .split(separator: "," as Character).map(String.init)
      }
    }
    return []
  }

  /// Whether `pg_dump --version` names a release that knows `--restrict-key` (15.14, 16.10, 17.6, 18).
  static func hasRestrictKey(_ words: String) -> Bool {
    let numbers = words.split { !$0.isNumber && $0 != "." }.first {
      $0.contains(".") || Int($0) ?? 0 >= 18
    }
    guard let parts = numbers?.split(separator: "." as Character).compactMap({ Int($0) }),
      let major = parts.first
    else { return false }
    let minor = parts.count > 1 ? parts[1] : 0
    let least = [13: 22, 14: 19, 15: 14, 16: 10, 17: 6]
    return major >= 18 || least[major].map { minor >= $0 } ?? false
  }

  static func withoutLeadingComments(_ dump: String) -> String {
    var rest = dump[...]
    while let end = rest.firstIndex(of: "\n") {
      let line = rest[..<end]
      guard line.allSatisfy(\.isWhitespace) || line.hasPrefix("--") else { break }
      rest = rest[rest.index(after: end)...]
    }
    return String(rest)
  }

  private func replaceFile(with bytes: [UInt8]) throws(Failure) {
    func refuse() -> Failure {
      .cannotWrite(path: path, reason: String(cString: strerror(errno)))
    }
    if let slash = path.lastIndex(of: "/"), slash != path.startIndex {
      let folder = String(path[..<slash])
      guard mkdir(folder, 0o755) == 0 || errno == EEXIST else { throw refuse() }
    }
    let temporary = "\(path).lockstep-\(getpid())"
    let file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard file >= 0 else { throw refuse() }
    var written = 0
    bytes.withUnsafeBytes { buffer in
      while written < buffer.count {
        let count = writeSome(file, buffer, from: written)
        guard count > 0 else { break }
        written += count
      }
    }
    close(file)
    guard written == bytes.count, rename(temporary, path) == 0 else {
      let failure = refuse()
      unlink(temporary)
      throw failure
    }
  }
}

/// `write(2)`, out of reach of the methods named so.
private func writeSome(_ file: Int32, _ bytes: UnsafeRawBufferPointer, from offset: Int) -> Int {
  write(file, bytes.baseAddress.map { $0 + offset }, bytes.count - offset)
}
