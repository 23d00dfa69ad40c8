import Diagnostics
import EventLoop
import JSON
import MigrationModel
import Postgres
import PostgresModel

/// Records as rows of `lockstep.records` in the target, for teams that share one journal.
///
/// Schema and table come with the first record.
public struct DatabaseRecords: RunRecords {
  private let connection: Connection

  /// - Parameter connection: A session in which nothing else runs; writable where records are added.
  public init(_ connection: Connection) { self.connection = connection }

  public func append(_ records: [RunRecord]) async throws(RunRecordsFailure) {
    guard !records.isEmpty else { return }
    do throws(DatabaseError) {
      let hasTable = Query<Bool>("SELECT pg_catalog.to_regclass('lockstep.records') IS NOT NULL") {
        row throws(ResultRow.Mismatch) in try row.bool(0)
      }
      if try await connection.rows(hasTable).first != true { try await makeTable() }
      let lines = JSONValue.array(records.map(\.json)).description
      _ = try await connection.rows(
        Query<Void>(
          """
          INSERT INTO lockstep.records (kind, run, version, record)
          SELECT r ->> 'kind', r ->> 'run', r ->> 'version', r
          FROM pg_catalog.jsonb_array_elements($1::jsonb) WITH ORDINALITY e (r, n) ORDER BY n
          """, [lines]))
    } catch {
      _ = try? await connection.execute("ROLLBACK")
      throw RunRecordsFailure(
        "the journal in schema lockstep cannot be written: \(error.diagnostic.what)",
        next: error.serverError?.isInsufficientPrivilege == true
          ? "the migrations stand; as the owner: GRANT CREATE ON DATABASE"
            + " \(SQLText.identifier(connection.database)) TO \(SQLText.identifier(connection.user)),"
            + " or INSERT on lockstep.records"
          : "the migrations stand; what is not kept is missing from the history of runs")
    }
  }

  /// Refuses where the schema would be the role's own: to a role named `lockstep`, `"$user"` in the
  /// search path would then lead its migrations there.
  private func makeTable() async throws(DatabaseError) {
    try await connection.execute(
      """
      BEGIN;
      SELECT pg_catalog.pg_advisory_xact_lock(7813573191660758384);
      CREATE SCHEMA IF NOT EXISTS lockstep;
      CREATE TABLE IF NOT EXISTS lockstep.records (
        at timestamptz NOT NULL DEFAULT clock_timestamp(), kind text NOT NULL, run text, version text,
        record jsonb NOT NULL);
      CREATE INDEX IF NOT EXISTS records_version ON lockstep.records (version);
      DO $lockstep$ BEGIN
        IF pg_catalog.current_schema() = 'lockstep' THEN
          RAISE 'the search path of role % leads into it', current_user
            USING HINT = 'ALTER ROLE lockstep SET search_path = public';
        END IF;
      END $lockstep$;
      COMMIT
      """)
  }

  public func read(_ wanted: RunRecordSelection) async throws(RunRecordsFailure) -> RunRecordReading
  {
    do throws(DatabaseError) {
      let hasTable = Query<Bool>("SELECT pg_catalog.to_regclass('lockstep.records') IS NOT NULL") {
        row throws(ResultRow.Mismatch) in try row.bool(0)
      }
      guard try await connection.rows(hasTable).first == true else { return RunRecordReading() }
      let lines = try await connection.rows(query(wanted))
      var reading = RunRecordReading()
      var mayHideWords = false
      for line in lines {
        guard let json = JSONValue(reading: line), let record = RunRecord(json) else {
          mayHideWords = mayHideWords || RunRecord.mayBeWord(line)
          continue
        }
        if wanted.takes(record) { reading.records.append(record) }
      }
      if reading.records.count < lines.count {
        reading.note(
          .note(
            code: "journal_unreadable",
            "\(lines.count - reading.records.count) rows of lockstep.records are no records and passed"
              + " over",
            next: mayHideWords ? "put them right, or delete them" : nil),
          mayHideWords: mayHideWords)
      }
      return reading
    } catch {
      throw RunRecordsFailure(
        "the journal in schema lockstep cannot be read: \(error.diagnostic.what)",
        next: "as its owner: GRANT USAGE ON SCHEMA lockstep, and SELECT on lockstep.records")
    }
  }

  private func query(_ wanted: RunRecordSelection) -> Query<String> {
    var condition = "true"
    var parameters: [String] = []
    switch wanted {
    case .all: break
    case .steps: condition = "kind IN ('run_started', 'step')"
    case .version(let version):
      condition = "version IS NULL OR version = $1"
      parameters = [version.text]
    }
    return Query(
      "SELECT record::text FROM lockstep.records WHERE \(condition) ORDER BY at", parameters
    ) { row throws(ResultRow.Mismatch) in try row.string(0) }
  }
}
