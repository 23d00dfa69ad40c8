import Diagnostics
import Postgres
import PostgresModel

/// The database that a project's connection names, seen from another database of the same server.
struct DatabaseOfProject: Sendable {
  var name: String
  var settings: ProjectSettings
  var context: CommandContext

  /// - Throws: `Refusal` when no name is known.
  init(_ settings: ProjectSettings, in context: CommandContext) throws(Refusal) {
    guard let name = settings.databaseName, !name.isEmpty else {
      throw Refusal(
        .error(
          code: "configuration", "nothing says which database is meant",
          next: "name it in the connection URL: postgres://user@host/DATABASE"))
    }
    self.name = name
    self.settings = settings
    self.context = context
  }

  /// Opens a session with `postgres`, or `template1` when `postgres` itself is meant.
  func connectBeside() async throws -> Connection {
    try await context.connect(settings, to: name == "postgres" ? "template1" : "postgres")
  }

  /// What would be lost with it; `nil` when there is no such database.
  func facts(_ connection: Connection) async throws(DatabaseError) -> Facts? {
    let query = Query<Facts>(
      """
      select case when has_database_privilege(oid, 'CONNECT') or pg_has_role('pg_read_all_stats', 'USAGE')
          then pg_size_pretty(pg_database_size(oid)) end,
        (select count(*) from pg_stat_activity where datid = d.oid)
      from pg_database d where datname = $1
      """, [name]
    ) { (row) throws(ResultRow.Mismatch) in
      Facts(size: row.optionalString(0), sessions: Int(try row.integer(1)))
    }
    return try await connection.rows(query).first
  }

  struct Facts: Sendable, Hashable {
    /// As the server words it: `48 MB`; `nil` where this role may not know.
    var size: String?
    var sessions: Int

    var inWords: String {
      "\(size ?? "unknown size"), \(counted(sessions, "session")) connected"
    }
  }

  /// Creates it.
  ///
  /// - Returns: `false` when it was there already.
  func create() async throws -> Bool {
    let connection = try await connectBeside()
    guard try await facts(connection) == nil else { return false }
    do throws(DatabaseError) {
      try await connection.execute("CREATE DATABASE \(SQLText.identifier(name))")
      return true
    } catch {
      // Somebody else was quicker.
      if error.serverError?.sqlstate == "42P04" { return false }
      throw error
    }
  }

  /// Drops it.
  func drop(_ connection: Connection) async throws {
    do throws(DatabaseError) {
      try await connection.execute("DROP DATABASE \(SQLText.identifier(name))")
    } catch {
      guard error.serverError?.sqlstate == "55006" else { throw error }
      var diagnostic = error.diagnostic
      diagnostic.next = "end the sessions that use it, then try again; nothing was dropped"
      throw Refusal(diagnostic)
    }
  }

  /// Asks before the database is dropped, as its own kind of question: the name is to be typed.
  ///
  /// - Returns: `false` when there is nothing to drop.
  /// - Throws: `Refusal` where it is protected, was not confirmed, or nobody could be asked.
  func confirmDrop(_ arguments: Arguments, _ connection: Connection) async throws -> Bool {
    try settings.requireUnprotected("dropping the database")
    guard let facts = try await facts(connection) else { return false }
    if arguments.has(Options.yes) { return true }
    let place = settings.target.value.summary
    guard context.canAsk else {
      throw context.needsYes("database \"\(name)\" would be dropped (\(facts.inWords))")
    }
    context.output.say(
      "This drops database \(name) (\(facts.inWords)) at \(place); it cannot be undone.")
    guard try await context.confirm("Drop it?", byTyping: name) else { throw context.declined() }
    return true
  }
}

extension ProjectSettings {
  /// Refuses a deed on a protected database: no approval can stand for it.
  func requireUnprotected(_ deed: String) throws(Refusal) {
    guard rules.isProtected, let environment else { return }
    throw Refusal(
      .error(
        code: "protected", "environment \"\(environment.value)\" is protected: \(deed) is refused",
        details: [.init("from", environment.origin)],
        next: "where it is meant, do it by hand with psql, or take \"protected\" out of "
          + "lockstep.json; nothing was done"))
  }
}
