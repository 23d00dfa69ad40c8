import MigrationModel
import Postgres
import PostgresModel

/// The table `lockstep.journal`: a row stands in it while a migration runs outside a transaction, so that
/// a crash is seen by everybody and can be taken up.
///
/// Schema and table come with the first row and go with the last. `statements_done` is written in the
/// transaction of the statement it counts where that is possible; before any other statement stands
/// `statement_begun`.
struct RunJournal: Sendable {
  var layout: String
  var table: QualifiedName

  /// Keeps runs on other history tables from making or dropping the table at the same moment; held for
  /// the few milliseconds of the transaction. The key is "lockstep" in ASCII.
  private static let oneAtATime = "SELECT pg_catalog.pg_advisory_xact_lock(7813573191660758384)"

  /// Writes the row before the first statement. Complete statements, to be run in one transaction.
  func begin(_ step: PlanStep) -> [String] {
    let total = step.units.reduce(0) { $0 + $1.statements.count }
    return [
      RunJournal.oneAtATime,
      "CREATE SCHEMA IF NOT EXISTS lockstep",
      """
      CREATE TABLE IF NOT EXISTS lockstep.journal (
        layout text NOT NULL, history_table text NOT NULL, version text NOT NULL,
        direction text NOT NULL, statements_done integer NOT NULL, statements_total integer NOT NULL,
        started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        run_by text NOT NULL DEFAULT session_user || ' ' || current_setting('application_name'),
        script_hash text, statement_begun integer, statement_hash text,
        statement_started_at timestamptz,
        PRIMARY KEY (layout, history_table, version))
      """,
      RunJournal.addColumns,
      """
      INSERT INTO lockstep.journal
        (layout, history_table, version, direction, statements_done, statements_total, script_hash)
        VALUES (\(key(step.version).joined(separator: ", ")), '\(step.direction.rawValue)', 0, \(total),
          '\(step.units.statementsHash)')
        ON CONFLICT (layout, history_table, version) DO UPDATE SET
          direction = excluded.direction, statements_done = 0,
          statements_total = excluded.statements_total, started_at = excluded.started_at,
          run_by = excluded.run_by, script_hash = excluded.script_hash, statement_begun = NULL,
          statement_hash = NULL, statement_started_at = NULL
      """,
    ]
  }

  /// A table of an older Lockstep lacks these; only its owner can add them.
  private static let addColumns = """
    DO $lockstep$ BEGIN
      IF NOT EXISTS (SELECT FROM pg_catalog.pg_attribute
          WHERE attrelid = 'lockstep.journal'::pg_catalog.regclass AND attname = 'script_hash') THEN
        ALTER TABLE lockstep.journal ADD COLUMN script_hash text, ADD COLUMN statement_begun integer,
          ADD COLUMN statement_hash text, ADD COLUMN statement_started_at timestamptz;
      END IF;
    END $lockstep$
    """

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

  /// Records how many statements have taken effect.
  func progress(_ version: Version, done: Int) -> String {
    "UPDATE lockstep.journal SET statements_done = \(done), statement_begun = NULL,"
      + " statement_hash = NULL, statement_started_at = NULL WHERE \(condition(version))"
  }

  /// Records that a statement is about to be sent whose effect the count cannot follow.
  ///
  /// - Parameter number: From 1, over all scripts of the migration.
  func beginStatement(_ version: Version, number: Int, text: String) -> String {
    let hash = Checksum(.sha256, of: Array(text.utf8)).hexadecimal
    return "UPDATE lockstep.journal SET statement_begun = \(number), statement_hash = '\(hash)',"
      + " statement_started_at = pg_catalog.clock_timestamp() WHERE \(condition(version))"
  }

  /// Puts statements into the role that logged in, whatever the script has set, to the end of the
  /// transaction; the script's roles may not write here.
  static func asLogin(_ user: String, _ statements: [String]) -> [String] {
    let user = SQLText.literal(user)
    return [
      "SELECT pg_catalog.set_config('session_authorization', \(user), true)"
        + " WHERE session_user <> \(user)",
      "SELECT pg_catalog.set_config('role', 'none', true) WHERE current_user <> session_user",
    ] + statements
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
      SELECT version, direction, statements_done, statements_total, \(Instant.sql("started_at")), run_by,
        j ->> 'script_hash', j ->> 'statement_begun', j ->> 'statement_hash',
        \(Instant.sql("(j ->> 'statement_started_at')::timestamptz"))
      -- By way of JSON, since the table of an older Lockstep has fewer columns.
      FROM (SELECT *, pg_catalog.to_jsonb(r) AS j FROM lockstep.journal r) r
      WHERE layout = $1 AND history_table = $2
      """, [layout, table.description]
    ) { row throws(ResultRow.Mismatch) in
      var run = UnfinishedRun(
        version: Version(try row.string(0)),
        direction: try row.string(1) == "down" ? .down : .up,
        statementsDone: Int(try row.integer(2)), statementsTotal: Int(try row.integer(3)),
        startedAt: try row.optionalInstant(4), runBy: row.optionalString(5))
      guard let hash = row.optionalString(6) else { return run }
      run.detail = UnfinishedRun.Detail(scriptHash: hash)
      if let number = try row.optionalInteger(7) {
        run.detail?.begun = UnfinishedRun.Begun(
          number: Int(number), hash: row.optionalString(8) ?? "", at: try row.optionalInstant(9))
      }
      return run
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
