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

extension ScratchDatabase {
  /// Copies the schema, and the rows of the history.
  func copySchema(
    of source: ConnectionString, history: QualifiedName?, source session: Connection
  ) async throws {
    var environment = ChildProcess.ownEnvironment
    environment.merge(source.environment) { _, said in said }
    environment["PGDATABASE"] = session.database
    try await restore(
      try await dump(["--schema-only", "--no-subscriptions", "--no-tablespaces"], environment))
    try await copyHistory(history, environment)
  }

  /// Copies the schema with a part of the rows, which come before keys, triggers and indexes do.
  ///
  /// - Returns: What is to be told of the rows.
  func copySample(
    of source: ConnectionString, history: QualifiedName?, source session: Connection
  ) async throws -> [String] {
    var environment = ChildProcess.ownEnvironment
    environment.merge(source.environment) { _, said in said }
    environment["PGDATABASE"] = session.database
    let options = ["--no-subscriptions", "--no-tablespaces"]
    try await restore(try await dump(["--section=pre-data"] + options, environment))
    let scratch = try await Connection.open(
      target, application: "lockstep rehearse", loop: session.loop)
    let reading = environment
    let sample = ScratchSample(
      source: session, scratch: scratch, size: sample, history: history,
      read: { try await self.printed(by: $0, reading) },
      load: { try await self.restore($0, stopsAtErrors: false) })
    let notes = try await sample.copy()
    try await copyHistory(history, environment)
    try await restore(try await dump(["--section=post-data"] + options, environment))
    try await sample.copySequences()
    try await fillViews(session, scratch)
    try await scratch.execute("ANALYZE")
    return notes
  }

  /// Fills the materialized views that are filled on the source.
  private func fillViews(_ source: Connection, _ scratch: Connection) async throws {
    let query = Query<String>(
      """
      SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind = 'm' AND c.relispopulated ORDER BY c.oid
      """
    ) { row throws(ResultRow.Mismatch) in try row.string(0) }
    for view in try await source.rows(query) {
      // One that cannot be computed here stays empty.
      _ = try? await scratch.execute("REFRESH MATERIALIZED VIEW \(view)")
    }
  }

  private func copyHistory(
    _ history: QualifiedName?, _ environment: [String: String]
  ) async throws {
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

  /// What the source's psql prints for a script; reads only.
  private func printed(
    by script: String, _ environment: [String: String]
  ) async throws -> [UInt8] {
    var environment = environment
    let said = environment["PGOPTIONS"].map { $0 + " " } ?? ""
    environment["PGOPTIONS"] = said + "-c default_transaction_read_only=on"
    return try await withFile(Array(script.utf8)) { name in
      try await run(["psql", "-X", "-q", "-A", "-t", "-f", name], environment).output
    }
  }

  /// Runs a script of psql on the scratch database.
  private func restore(_ dump: [UInt8], stopsAtErrors: Bool = true) async throws {
    var environment = ChildProcess.ownEnvironment
    environment.merge(target.environment) { _, said in said }
    let ready = environment
    let stop = ["-v", "ON_ERROR_STOP=\(stopsAtErrors ? 1 : 0)"]
    let outcome = try await withFile(dump) { name in
      try await run(["psql", "-X", "-q"] + stop + ["-o", "/dev/null", "-f", name], ready)
    }
    guard outcome.status == 0 || !stopsAtErrors else { throw Self.cannotCopy(outcome, "psql") }
  }

  private func withFile<Result>(
    _ content: [UInt8], _ body: (_ name: String) async throws -> Result
  ) async throws -> Result {
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
    let isWritten = content.withUnsafeBytes { bytes in
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
    return try await body(name)
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
