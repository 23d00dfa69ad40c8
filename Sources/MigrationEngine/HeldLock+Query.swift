import MigrationModel
import Postgres
import PostgresModel

extension HeldLock {
  /// By its name the answer is known among those of a script.
  static let column = "lockstep_held_mode"

  /// Asks, in a transaction, for its own locks on tables and views that were there before it.
  ///
  /// A relation's row in `pg_class` is written anew by much that is done to it; the row of its system
  /// column `tableoid` (-6) is written once, so that its age is that of the relation.
  static let question = """
    SELECT l.mode AS lockstep_held_mode, n.nspname, c.relname FROM pg_catalog.pg_locks l
    JOIN pg_catalog.pg_class c ON c.oid = l.relation
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation' AND l.granted
      AND c.relkind IN ('r', 'p', 'm', 'f') AND c.oid >= 16384
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum = -6 AND pg_catalog.age(a.xmin)
          <= pg_catalog.age(pg_catalog.pg_current_xact_id_if_assigned()::pg_catalog.xid))
    """

  /// A row of the answer; `nil` where it is no lock of a mode that is known.
  init?(row: [String?]) {
    guard row.count == 3, let mode = row[0].flatMap(LockMode.init(catalogName:)),
      let schema = row[1], let name = row[2]
    else { return nil }
    self.init(mode: mode, relation: QualifiedName(schema: schema, name))
  }
}
