import Diagnostics
import MigrationModel
import Postgres
import PostgresModel

/// How much is copied, and where to.
struct ScratchChoice: Sendable {
  /// Never `auto`.
  var mode: RehearsalMode
  var sample: SampleSize
  /// Whether somebody named the mode, so that no weaker one stands in for it.
  var isAsked: Bool
  var needsOwnServer: Bool
  /// Why it is no stronger one.
  var notes: [String] = []
  /// What `CREATE DATABASE` is told of the way to copy.
  var strategy = ""

  /// A clone of no more than this is cheap, and needs nobody's word.
  private static let cheap: Int64 = 32 << 20
  /// A clone of more than this could fill the target's disk.
  private static let most: Int64 = 16 << 30
  /// From here on the log would grow by more than two checkpoints cost.
  private static let large: Int64 = 256 << 20

  /// Decides from what the source is like; nothing is written.
  ///
  /// - Throws: `DatabaseError`, `Refusal` where what was asked for cannot be had.
  static func make(
    _ request: ScratchDatabase.Request, history: QualifiedName?, _ source: Connection
  ) async throws -> ScratchChoice {
    let facts = try await facts(of: source, history)
    var choice = ScratchChoice(
      mode: request.mode, sample: request.sample, isAsked: request.mode != .auto,
      needsOwnServer: request.needsOwnServer != nil)
    if let reason = request.needsOwnServer {
      choice.notes.append("not on the target's server: it changes \(reason)")
    }
    switch request.mode {
    case .shape: break
    case .sampled: break
    case .clone:
      if let reason = request.needsOwnServer {
        throw cannotClone(source.database, "it changes \(reason)")
      }
      guard facts.bytes <= most else {
        throw cannotClone(
          source.database, "it has \(facts.bytes >> 30) GB, and a clone would need as much again")
      }
    case .auto:
      let isFree = facts.bytes <= cheap && facts.others == 0 && request.needsOwnServer == nil
      choice.mode = !facts.hasRows ? .shape : isFree ? .clone : .sampled
      if choice.needsOwnServer { choice.mode = .shape }
      if choice.mode == .sampled, facts.bytes <= cheap {
        choice.notes.append("no clone: \(facts.others) other sessions use the database")
      }
    }
    if choice.mode == .clone, source.serverVersion >= 150000, facts.bytes > large {
      choice.strategy = " STRATEGY file_copy"
    }
    return choice
  }

  /// Says why there can be no clone, and what else there is.
  static func cannotClone(_ database: String, _ reason: String) -> Refusal {
    Refusal(
      .error(
        code: "cannot_clone", "database \"\(database)\" cannot be cloned: \(reason)",
        next: "rehearse with `--mode sampled`, or against a copy of it that nobody uses, with"
          + " `--url`; nothing was run"))
  }

  private struct Facts: Sendable {
    var bytes: Int64
    /// Sessions with the database that are none of ours.
    var others: Int64
    var hasRows: Bool
  }

  private static func facts(
    of source: Connection, _ history: QualifiedName?
  ) async throws(DatabaseError) -> Facts {
    let query = Query<Facts>(
      """
      SELECT pg_catalog.pg_database_size(pg_catalog.current_database()),
        (SELECT count(*) FROM pg_catalog.pg_stat_activity
          WHERE datname = pg_catalog.current_database() AND pid <> pg_catalog.pg_backend_pid()
            AND application_name <> 'lockstep rehearse'),
        EXISTS (SELECT FROM pg_catalog.pg_class c
          JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
          WHERE c.relkind = 'r' AND n.nspname !~ '^pg_'
            AND n.nspname NOT IN ('information_schema', 'lockstep')
            AND (n.nspname, c.relname) IS DISTINCT FROM ($1, $2)
            AND pg_catalog.pg_relation_size(c.oid) > 0)
      """, [history?.schema, history?.name]
    ) { row throws(ResultRow.Mismatch) in
      Facts(
        bytes: try row.integer(0), others: try row.integer(1), hasRows: try row.bool(2))
    }
    return try await source.rows(query).first ?? Facts(bytes: 0, others: 0, hasRows: false)
  }
}
