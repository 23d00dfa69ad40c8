import Postgres
import PostgresModel

/// What rehearsals that broke off left of copies of a database.
extension ScratchDatabase {
  /// Takes the lock that says that a scratch database is in use, or about to be made.
  ///
  /// It is held before the database is there: whoever gets it knows that the maker is gone.
  static func lock(_ name: String, in session: Connection) async throws(DatabaseError) {
    try await session.execute("SELECT pg_advisory_lock(hashtext(\(SQLText.literal(name))))")
  }

  static func unlock(_ name: String, in session: Connection) async {
    // A session that is lost has lost its locks.
    _ = try? await session.execute("SELECT pg_advisory_unlock(hashtext(\(SQLText.literal(name))))")
  }

  /// Drops what is left of copies of the session's database, as far as it is known to be ours and nobody
  /// uses it.
  static func dropLeftovers(_ session: Connection) async throws(DatabaseError) {
    for name in try await session.rows(marked(session.database)) {
      guard try await take(name, session) else { continue }
      let quoted = SQLText.identifier(name)
      try await session.execute("DROP DATABASE IF EXISTS \(quoted) WITH (FORCE)")
      await unlock(name, in: session)
    }
    for name in try await unmarked(session) {
      guard try await take(name, session) else { continue }
      // Its maker may have marked it, or somebody come to use it, since it was looked for.
      if try await unmarked(session).contains(name) {
        // Not by force: one that somebody uses after all stays.
        _ = try? await session.execute("DROP DATABASE IF EXISTS \(SQLText.identifier(name))")
      }
      await unlock(name, in: session)
    }
  }

  private static func take(
    _ name: String, _ session: Connection
  ) async throws(DatabaseError) -> Bool {
    let taking = Query<Bool>("SELECT pg_try_advisory_lock(hashtext($1))", [name]) {
      (row) throws(ResultRow.Mismatch) in try row.bool(0)
    }
    return try await session.rows(taking).first == true
  }

  private static func marked(_ source: String) -> Query<String> {
    Query<String>(
      """
      SELECT datname FROM pg_database d
      WHERE datname LIKE $1 AND shobj_description(oid, 'pg_database') = $2
        AND pg_has_role(datdba, 'USAGE')
      """, ["\(ScratchName.prefix)%", mark + source]
    ) { (row) throws(ResultRow.Mismatch) in try row.string(0) }
  }

  /// Databases without any comment that have a name which this role alone gives to copies of this database,
  /// belong to it, and are used by nobody.
  private static func unmarked(_ session: Connection) async throws(DatabaseError) -> [String] {
    let query = Query<(name: String, owner: String)>(
      """
      SELECT datname, current_user FROM pg_database d
      WHERE datname LIKE $1 AND shobj_description(oid, 'pg_database') IS NULL
        AND pg_get_userbyid(datdba) = current_user
        AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.datid = d.oid)
      """, ["\(ScratchName.prefix)%"]
    ) { (row) throws(ResultRow.Mismatch) in (try row.string(0), try row.string(1)) }
    return try await session.rows(query)
      .filter { ScratchName.isSealed($0.name, of: session.database, owner: $0.owner) }
      .map(\.name)
  }
}
