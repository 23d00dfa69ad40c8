import MigrationModel
import Postgres
import PostgresModel

/// The table `lockstep.journal`: a row stands in it while a migration runs outside a transaction and the
/// tool's own history has no mark for that, so that a crash is seen by everybody.
///
/// Schema and table come with the first row and go with the last.
struct RunJournal: Sendable {
  var layout: String
  var table: QualifiedName

  /// Keeps runs on other history tables from making or dropping the table at the same moment; held for
  /// the few milliseconds of the transaction. The key is "lockstep" in ASCII.
  private static let oneAtATime = "SELECT pg_catalog.pg_advisory_xact_lock(7813573191660758384)"

  /// Writes the row before the first statement.
  func begin(_ step: PlanStep, statements: Int) -> String {
    """
    BEGIN;
    \(RunJournal.oneAtATime);
    CREATE SCHEMA IF NOT EXISTS lockstep;
    CREATE TABLE IF NOT EXISTS lockstep.journal (
      layout text NOT NULL, history_table text NOT NULL, version text NOT NULL,
      direction text NOT NULL, statements_done integer NOT NULL, statements_total integer NOT NULL,
      started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      run_by text NOT NULL DEFAULT session_user || ' ' || current_setting('application_name'),
      PRIMARY KEY (layout, history_table, version));
    INSERT INTO lockstep.journal
      (layout, history_table, version, direction, statements_done, statements_total)
      VALUES (\(key(step.version).joined(separator: ", ")), '\(step.direction.rawValue)', 0, \(statements))
      ON CONFLICT (layout, history_table, version) DO UPDATE SET
        direction = excluded.direction, statements_done = 0,
        statements_total = excluded.statements_total, started_at = excluded.started_at,
        run_by = excluded.run_by;
    COMMIT
    """
  }

  /// Takes `"$user"` out of the session's `search_path` where it would lead into our schema.
  ///
  /// To a role named `lockstep` the schema of the journal is its own, and what its migrations make would
  /// go there. A schema that holds more than the journal is the role's own, and left.
  var searchPathPastUs: String {
    """
    SELECT pg_catalog.set_config('search_path', pg_catalog.regexp_replace(
        pg_catalog.current_setting('search_path'), '"\\$user"\\s*(,\\s*|$)', ''), false)
      WHERE current_user = 'lockstep' AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend
        WHERE refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
          AND refobjid = pg_catalog.to_regnamespace('lockstep')
          AND objid IS DISTINCT FROM pg_catalog.to_regclass('lockstep.journal'))
    """
  }

  /// Records how many statements have ended well.
  func progress(_ version: Version, done: Int) -> String {
    "UPDATE lockstep.journal SET statements_done = \(done) WHERE \(condition(version))"
  }

  /// Removes the row, and table and schema when nothing else is in them. Complete statements, to be run
  /// inside the transaction that writes the history row.
  func end(_ version: Version) -> [String] {
    [
      RunJournal.oneAtATime,
      "DELETE FROM lockstep.journal WHERE \(condition(version))",
      """
      DO $lockstep$ BEGIN
        IF NOT EXISTS (SELECT FROM lockstep.journal) THEN
          DROP TABLE lockstep.journal;
          IF NOT EXISTS (SELECT FROM pg_catalog.pg_depend
              WHERE refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
                AND refobjid = 'lockstep'::pg_catalog.regnamespace) THEN
            DROP SCHEMA lockstep;
          END IF;
        END IF;
      END $lockstep$
      """,
    ]
  }

  /// The rows that broken-off runs left.
  var unfinished: Query<UnfinishedRun> {
    Query(
      """
      SELECT version, direction, statements_done, statements_total, \(Instant.sql("started_at")), run_by
      FROM lockstep.journal WHERE layout = $1 AND history_table = $2
      """, [layout, table.description]
    ) { row throws(ResultRow.Mismatch) in
      UnfinishedRun(
        version: Version(try row.string(0)),
        direction: try row.string(1) == "down" ? .down : .up,
        statementsDone: Int(try row.integer(2)), statementsTotal: Int(try row.integer(3)),
        startedAt: try row.optionalInstant(4), runBy: row.optionalString(5))
    }
  }

  private func key(_ version: Version) -> [String] {
    [layout, table.description, version.text].map(SQLText.literal)
  }

  private func condition(_ version: Version) -> String {
    let key = key(version)
    return "layout = \(key[0]) AND history_table = \(key[1]) AND version = \(key[2])"
  }
}
