import Postgres
import PostgresModel

/// What the session that runs a migration says, between two of its statements, of what it holds and has
/// done so far.
///
/// Relation locks are held to the end of the transaction, and whatever is rewritten or read is locked:
/// only what is locked has to be looked at.
struct StatementLook: Sendable {
  struct Sight: Sendable {
    var modes: Set<LockMode>
    /// 0 where it has none, or is gone.
    var file: Int64
    /// Scans of the whole, and rows that they gave; both only ever grow within a transaction.
    var scans: Int64
    var rowsRead: Int64
  }

  /// By oid.
  var sights: [String: Sight] = [:]
  /// The position in the log of the server; `nil` where it does not tell.
  var walPosition: Int64?
  /// What `ScratchTriggers` have written down.
  var drops = ""

  /// Looks within the open transaction; an error does not end it.
  ///
  /// - Throws: `DatabaseError`; the transaction is as it was.
  static func take(in session: Connection) async throws(DatabaseError) -> StatementLook {
    do throws(DatabaseError) {
      let rows = try await session.rowsOfMessage(query)
      var look = StatementLook()
      for row in rows {
        switch row {
        case .whole(let position, let drops):
          look.walPosition = position
          look.drops = drops
        case .relation(let oid, let sight): look.sights[oid] = sight
        }
      }
      return look
    } catch {
      if error.serverError != nil {
        try await session.execute(
          "ROLLBACK TO SAVEPOINT lockstep_sight;RELEASE SAVEPOINT lockstep_sight")
      }
      throw error
    }
  }

  private enum Row: Sendable {
    case whole(position: Int64?, drops: String)
    case relation(String, Sight)
  }

  private static let query = Query<Row>(
    """
    SAVEPOINT lockstep_sight;
    WITH held AS MATERIALIZED (
      SELECT l.relation, pg_catalog.string_agg(l.mode, ' ') AS modes
      FROM pg_catalog.pg_lock_status() l
      WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation' AND l.granted
        AND l.relation >= 16384
      GROUP BY l.relation)
    SELECT NULL::text, pg_catalog.current_setting('lockstep.drops', true),
      pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), '0/0')::bigint,
      NULL::bigint, NULL::bigint
    UNION ALL
    SELECT held.relation::text, held.modes,
      coalesce((SELECT pg_catalog.pg_relation_filenode(c.oid) FROM pg_catalog.pg_class c
        WHERE c.oid = held.relation), 0)::bigint,
      coalesce(pg_catalog.pg_stat_get_xact_numscans(held.relation), 0),
      coalesce(pg_catalog.pg_stat_get_xact_tuples_returned(held.relation), 0)
    FROM held;
    RELEASE SAVEPOINT lockstep_sight
    """
  ) { row throws(ResultRow.Mismatch) in
    guard let oid = row.optionalString(0) else {
      return .whole(position: try row.optionalInteger(2), drops: row.optionalString(1) ?? "")
    }
    let modes = try row.string(1).split(separator: " " as Character)
      .compactMap { LockMode(catalogName: $0) }
    return .relation(
      oid,
      Sight(
        modes: Set(modes), file: try row.integer(2), scans: try row.integer(3),
        rowsRead: try row.integer(4)))
  }
}
