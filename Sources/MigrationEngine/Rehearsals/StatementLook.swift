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
    /// Blocks asked for, and those of them that were in shared memory; both only ever grow too.
    var blocks: Int64
    var blocksHit: Int64
  }

  /// By oid.
  var sights: [String: Sight] = [:]
  /// The position in the log of the server; `nil` where it does not tell.
  var walPosition: Int64?
  /// Whether the server counts rows and blocks at all.
  var countsBlocks = false
  /// Whether the session is told of each temporary file.
  var tellsFiles = false
  /// What `ScratchTriggers` have written down.
  var drops = ""

  /// Looks within the open transaction; an error does not end it.
  ///
  /// The counters of a session still have what its earlier transactions did, for up to a second: the first
  /// look into a transaction takes them of every relation, so that there is something to subtract.
  ///
  /// - Parameter isFirst: Whether it is the first one.
  /// - Throws: `DatabaseError`; the transaction is as it was.
  static func take(
    in session: Connection, isFirst: Bool
  ) async throws(DatabaseError) -> StatementLook {
    do throws(DatabaseError) {
      let rows = try await session.rowsOfMessage(query(isFirst))
      var look = StatementLook()
      for row in rows {
        switch row {
        case .whole(let whole):
          let sights = look.sights
          look = whole
          look.sights = sights
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
    case whole(StatementLook)
    case relation(String, Sight)
  }

  private static func query(_ isFirst: Bool) -> Query<Row> {
    let others =
      isFirst
      ? """
      UNION ALL
        SELECT c.oid, '' FROM pg_catalog.pg_class c
        WHERE c.oid >= 16384 AND (pg_catalog.pg_stat_get_xact_numscans(c.oid) > 0
            OR pg_catalog.pg_stat_get_xact_blocks_fetched(c.oid) > 0)
          AND c.oid NOT IN (SELECT relation FROM locked)
      """ : ""
    return Query<Row>(
      """
      SAVEPOINT lockstep_sight;
      WITH locked AS MATERIALIZED (
        SELECT l.relation, pg_catalog.string_agg(l.mode, ' ') AS modes
        FROM pg_catalog.pg_lock_status() l
        WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation' AND l.granted
          AND l.relation >= 16384
        GROUP BY l.relation),
      held AS MATERIALIZED (SELECT relation, modes FROM locked \(others))
      SELECT NULL::text, pg_catalog.current_setting('lockstep.drops', true),
        pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), '0/0')::bigint,
        (pg_catalog.current_setting('track_counts')::bool)::int::bigint,
        (pg_catalog.current_setting('client_min_messages') = 'log'
          AND pg_catalog.current_setting('log_temp_files') = '0')::int::bigint, NULL, NULL
      UNION ALL
      SELECT held.relation::text, held.modes,
        coalesce((SELECT pg_catalog.pg_relation_filenode(c.oid) FROM pg_catalog.pg_class c
          WHERE c.oid = held.relation), 0)::bigint,
        coalesce(pg_catalog.pg_stat_get_xact_numscans(held.relation), 0),
        coalesce(pg_catalog.pg_stat_get_xact_tuples_returned(held.relation), 0),
        coalesce(pg_catalog.pg_stat_get_xact_blocks_fetched(held.relation), 0),
        coalesce(pg_catalog.pg_stat_get_xact_blocks_hit(held.relation), 0)
      FROM held;
      RELEASE SAVEPOINT lockstep_sight
      """
    ) { row throws(ResultRow.Mismatch) in
      guard let oid = row.optionalString(0) else {
        var look = StatementLook()
        look.walPosition = try row.optionalInteger(2)
        look.drops = row.optionalString(1) ?? ""
        look.countsBlocks = try row.integer(3) == 1
        look.tellsFiles = try row.integer(4) == 1
        return .whole(look)
      }
      let modes = try row.string(1).split(separator: " " as Character)
        .compactMap { LockMode(catalogName: $0) }
      return .relation(
        oid,
        Sight(
          modes: Set(modes), file: try row.integer(2), scans: try row.integer(3),
          rowsRead: try row.integer(4), blocks: try row.integer(5),
          blocksHit: try row.integer(6)))
    }
  }
}
