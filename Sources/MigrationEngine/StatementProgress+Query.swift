import MigrationModel
import PostgresModel

extension StatementProgress {
  /// Asks the views of progress for one session; no row where its statement is in none of them, as a
  /// table that is rewritten by `ALTER TABLE`.
  ///
  /// Source: PostgreSQL manual, "Progress Reporting".
  static func query(of pid: Int32, serverVersion: Int) -> Query<StatementProgress> {
    let copy =
      serverVersion >= 140000
      ? """
      UNION ALL SELECT pid, 'copying', CASE WHEN bytes_total > 0 THEN bytes_processed
        ELSE tuples_processed END, bytes_total,
        CASE WHEN bytes_total > 0 THEN 'bytes' ELSE 'tuples' END
      FROM pg_catalog.pg_stat_progress_copy
      """ : ""
    return Query(
      """
      SELECT phase, done, total, unit FROM (
        SELECT pid, phase,
          CASE WHEN phase LIKE 'waiting%' THEN lockers_done
            WHEN phase LIKE '%tuples%' THEN tuples_done ELSE blocks_done END AS done,
          CASE WHEN phase LIKE 'waiting%' THEN lockers_total
            WHEN phase LIKE '%tuples%' THEN tuples_total ELSE blocks_total END AS total,
          CASE WHEN phase LIKE 'waiting%' THEN 'transactions'
            WHEN phase LIKE '%tuples%' THEN 'tuples' ELSE 'blocks' END AS unit
        FROM pg_catalog.pg_stat_progress_create_index
        UNION ALL SELECT pid, phase, heap_blks_scanned, heap_blks_total, 'blocks'
        FROM pg_catalog.pg_stat_progress_cluster
        UNION ALL SELECT pid, phase, heap_blks_scanned, heap_blks_total, 'blocks'
        FROM pg_catalog.pg_stat_progress_vacuum
        UNION ALL SELECT pid, phase, sample_blks_scanned, sample_blks_total, 'blocks'
        FROM pg_catalog.pg_stat_progress_analyze
        \(copy)
      ) p WHERE pid = $1
      """, ["\(pid)"]
    ) { row throws(ResultRow.Mismatch) in
      StatementProgress(
        phase: try row.string(0), done: try row.optionalInteger(1) ?? 0,
        total: try row.optionalInteger(2) ?? 0, unit: try row.string(3))
    }
  }
}
