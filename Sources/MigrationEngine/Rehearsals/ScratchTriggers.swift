import JSON
import MigrationModel
import Postgres
import PostgresModel

/// An event trigger on the scratch copy that writes down what statements drop, asked for or not.
///
/// It writes to a setting of the session rather than to a table, so that it adds no locks. Only a
/// superuser may make one.
struct ScratchTriggers: Sendable {
  /// A schema of its own: the one that keeps the runs is where a role of its name would make its tables.
  static let schema = "lockstep_rehearsal"

  /// Whether the session's role may make one.
  static func canInstall(in session: Connection) -> Bool {
    session.parameter("is_superuser") == "on"
  }

  /// Runs statements unseen by the event triggers of the database itself, which may raise, and write.
  ///
  /// As a replica those that are always called are called all the same: they are off meanwhile.
  private static func unseen(_ statements: String) -> String {
    """
    DO $lockstep$
    DECLARE
      always text[] := array(
        SELECT evtname FROM pg_catalog.pg_event_trigger WHERE evtenabled = 'A');
      one text;
    BEGIN
      PERFORM pg_catalog.set_config('session_replication_role', 'replica', true);
      FOREACH one IN ARRAY always LOOP
        EXECUTE pg_catalog.format('ALTER EVENT TRIGGER %I DISABLE', one);
      END LOOP;
      \(statements);
      FOREACH one IN ARRAY always LOOP
        EXECUTE pg_catalog.format('ALTER EVENT TRIGGER %I ENABLE ALWAYS', one);
      END LOOP;
    END $lockstep$
    """
  }

  /// Makes it; it stands only while a migration is looked at, so that neither a snapshot nor a dump of the
  /// copy has it.
  static func install(in session: Connection) async throws(DatabaseError) {
    try await session.execute(
      unseen(
        """
        CREATE SCHEMA \(schema);
        CREATE FUNCTION \(schema).drops() RETURNS event_trigger LANGUAGE plpgsql AS $f$
        BEGIN
          PERFORM pg_catalog.set_config('lockstep.drops',
            coalesce(pg_catalog.current_setting('lockstep.drops', true), '')
            || coalesce((SELECT pg_catalog.string_agg(
                pg_catalog.json_build_array(object_type, object_identity, original)::text || E'\\n', '')
              FROM pg_catalog.pg_event_trigger_dropped_objects()
              WHERE (original OR normal) AND NOT is_temporary
                AND object_identity NOT LIKE '"_RETURN" on %'), ''), false);
        END $f$;
        CREATE EVENT TRIGGER \(schema)_drops ON sql_drop EXECUTE FUNCTION \(schema).drops()
        """))
  }

  /// Takes it away again, whatever the migration has done to it.
  static func remove(in session: Connection) async throws(DatabaseError) {
    try await session.execute(
      unseen(
        """
        DROP EVENT TRIGGER IF EXISTS \(schema)_drops;
        DROP FUNCTION IF EXISTS \(schema).drops();
        DROP SCHEMA IF EXISTS \(schema)
        """))
  }

  /// Reads what was written down since `before`.
  static func drops(_ text: String, since before: String) -> [DroppedObject] {
    // A setting that was reset begins anew.
    let rest = text.hasPrefix(before) ? text.dropFirst(before.count) : text[...]
    return rest.split(separator: "\n" as Character).compactMap { line in
      guard let cells = JSONValue(reading: String(line))?.elements, cells.count == 3,
        let kind = cells[0].text, let identity = cells[1].text
      else { return nil }
      return DroppedObject(kind: kind, identity: identity, isCascaded: cells[2] == .bool(false))
    }
  }
}
