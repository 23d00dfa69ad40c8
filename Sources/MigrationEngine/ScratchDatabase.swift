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

/// A throw-away database with the schema and the history of another.
///
/// Its comment marks it; only what bears the mark is ever dropped. While its maker lives, he holds an
/// advisory lock by which others know that it is in use.
final class ScratchDatabase: Sendable {
  let name: String
  let target: ConnectionString
  let mode: RehearsalReport.Mode
  let serverVersion: String
  /// A session with the database that it is a copy of, or with the private server.
  private let maker: Connection
  /// Another database of the same server.
  var elsewhere: ConnectionString { maker.target }
  private let cluster: PrivateCluster?

  private static let prefix = "lockstep_scratch_"
  private static let mark = "scratch database of lockstep, copy of "

  private init(
    name: String, target: ConnectionString, mode: RehearsalReport.Mode, maker: Connection,
    cluster: PrivateCluster?
  ) {
    self.name = name
    self.target = target
    self.mode = mode
    self.maker = maker
    self.cluster = cluster
    serverVersion = maker.serverVersionText
  }

  /// Makes one beside the source, or on a private server where the role may not make databases.
  ///
  /// - Parameter history: The history table, whose rows are copied; `nil` where there is none.
  /// - Throws: `DatabaseError`, `PrivateCluster.Failure`, `Refusal` where the schema cannot be copied.
  static func make(
    of source: ConnectionString, history: QualifiedName?, loop: EventLoop
  ) async throws -> ScratchDatabase {
    let session = try await Connection.open(source, application: "lockstep rehearse", loop: loop)
    try await dropLeftovers(session)
    let name = prefix + randomTag()
    let scratch: ScratchDatabase
    do throws(DatabaseError) {
      try await session.execute("CREATE DATABASE \(name) TEMPLATE template0")
      var target = source
      target["dbname"] = name
      scratch = ScratchDatabase(
        name: name, target: target, mode: .shape, maker: session, cluster: nil)
    } catch {
      guard error.serverError?.isInsufficientPrivilege == true else { throw error }
      scratch = try await makePrivate(name, of: session, loop: loop)
    }
    do {
      try await scratch.markAndLock(as: session.database)
      try await scratch.copySchema(of: source, history: history, source: session)
      return scratch
    } catch {
      await scratch.drop()
      throw error
    }
  }

  private static func makePrivate(
    _ name: String, of source: Connection, loop: EventLoop
  ) async throws -> ScratchDatabase {
    let cluster = try await BlockingWork.run { () -> Result<PrivateCluster, any Error> in
      Result { try PrivateCluster.startBlocking() }
    }.get()
    do {
      let target = try ConnectionString(cluster.url(database: "postgres"))
      let session = try await Connection.open(
        target, application: "lockstep rehearse", loop: loop)
      // Owners and grants are a part of the schema, so the roles have to be there.
      let query = Query<String>("SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_'") {
        (row) throws(ResultRow.Mismatch) in try row.string(0)
      }
      let roles = try await source.rows(query)
      for role in roles where role != session.user {
        try await session.execute("CREATE ROLE \(SQLText.identifier(role))")
      }
      try await session.execute("CREATE DATABASE \(name) TEMPLATE template0")
      var scratch = target
      scratch["dbname"] = name
      return ScratchDatabase(
        name: name, target: scratch, mode: .privateShape, maker: session, cluster: cluster)
    } catch {
      await BlockingWork.run { cluster.stopBlocking() }
      throw error
    }
  }

  private func markAndLock(as source: String) async throws(DatabaseError) {
    let comment = SQLText.literal(Self.mark + source)
    try await maker.execute(
      "SELECT pg_advisory_lock(hashtext('\(name)')); COMMENT ON DATABASE \(name) IS \(comment)")
  }

  /// Drops it, and what was only there for it; harmless when it is gone.
  func drop() async {
    // A server that went away took the scratch database's use with it; the next rehearsal drops it.
    // One by one: together they would be one transaction, in which no database can be dropped.
    _ = try? await maker.execute("DROP DATABASE IF EXISTS \(name) WITH (FORCE)")
    _ = try? await maker.execute("SELECT pg_advisory_unlock(hashtext('\(name)'))")
    if let cluster { await BlockingWork.run { cluster.stopBlocking() } }
  }

  /// Drops what rehearsals that broke off left of copies of this database.
  private static func dropLeftovers(_ session: Connection) async throws(DatabaseError) {
    let query = Query<String>(
      """
      SELECT datname FROM pg_database d
      WHERE datname LIKE $1 AND shobj_description(oid, 'pg_database') = $2
        AND pg_has_role(datdba, 'USAGE')
      """, ["\(prefix)%", mark + session.database]
    ) { (row) throws(ResultRow.Mismatch) in try row.string(0) }
    let names = try await session.rows(query)
    for name in names {
      let taking = Query<Bool>("SELECT pg_try_advisory_lock(hashtext($1))", [name]) {
        (row) throws(ResultRow.Mismatch) in try row.bool(0)
      }
      let answers = try await session.rows(taking)
      guard answers.first == true else { continue }
      let quoted = SQLText.identifier(name)
      try await session.execute("DROP DATABASE IF EXISTS \(quoted) WITH (FORCE)")
      try await session.execute("SELECT pg_advisory_unlock(hashtext(\(SQLText.literal(name))))")
    }
  }

  private static func randomTag() -> String {
    let letters = Array("abcdefghijklmnopqrstuvwxyz0123456789")
    return String((0..<12).map { _ in letters.randomElement() ?? "x" })
  }

  // MARK: Copying

  private func copySchema(
    of source: ConnectionString, history: QualifiedName?, source session: Connection
  ) async throws {
    var environment = ChildProcess.ownEnvironment
    environment.merge(source.environment) { _, said in said }
    environment["PGDATABASE"] = session.database
    try await restore(
      try await dump(["--schema-only", "--no-subscriptions", "--no-tablespaces"], environment))
    guard let history else { return }
    let pattern = [history.schema, history.name].compactMap { $0 }
      .map { "\"\($0)\"" }.joined(separator: ".")
    try await restore(try await dump(["--data-only", "--table", pattern], environment))
  }

  private func dump(_ options: [String], _ environment: [String: String]) async throws -> [UInt8] {
    let arguments = ["pg_dump", "--exclude-schema=lockstep", "--encoding=UTF8"] + options
    let outcome = try await run(arguments, environment)
    guard outcome.status == 0 else { throw Self.cannotCopy(outcome, "pg_dump") }
    return outcome.output
  }

  private func restore(_ dump: [UInt8]) async throws {
    var path = Array("\(Self.temporaryFolder)/lockstep-XXXXXX".utf8CString)
    let file = mkstemp(&path)
    guard file >= 0 else {
      throw Refusal(
        .error(
          code: "cannot_write", "no temporary file can be made in \(Self.temporaryFolder)",
          next: "make room there; the scratch database is dropped"))
    }
    let name = String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer { unlink(name) }
    let isWritten = dump.withUnsafeBytes { bytes in
      var done = 0
      while done < bytes.count {
        let count = write(file, bytes.baseAddress.map { $0 + done }, bytes.count - done)
        guard count > 0 else { return false }
        done += count
      }
      return true
    }
    close(file)
    guard isWritten else {
      throw Refusal(
        .error(
          code: "cannot_write", "\(name) cannot be written",
          next: "make room there; the scratch database is dropped"))
    }
    var environment = ChildProcess.ownEnvironment
    environment.merge(target.environment) { _, said in said }
    let outcome = try await run(
      ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null", "-f", name], environment)
    guard outcome.status == 0 else { throw Self.cannotCopy(outcome, "psql") }
  }

  private func run(
    _ arguments: [String], _ environment: [String: String]
  ) async throws -> ChildProcess.Outcome {
    do throws(ChildProcess.CannotStart) {
      return try await ChildProcess(arguments, environment: environment).run()
    } catch {
      throw Refusal(
        .error(
          code: "no_client_programs", "\(error.program) cannot be started: \(error.reason)",
          next: "install the client programs of PostgreSQL; the scratch database is dropped"))
    }
  }

  private static var temporaryFolder: String {
    getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
  }

  private static func cannotCopy(_ outcome: ChildProcess.Outcome, _ program: String) -> Refusal {
    let lines = outcome.errorText.split(separator: "\n" as Character).prefix(3)
    return Refusal(
      Diagnostic(
        .error, code: "schema_not_copied", "the schema could not be copied",
        details: lines.map { .init(program, String($0)) },
        next: "see that \(program) can do it by hand; the scratch database is dropped"))
  }
}
