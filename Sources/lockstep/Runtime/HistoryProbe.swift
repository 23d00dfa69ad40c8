import Postgres
import PostgresModel

/// Asks whether anybody wrote to a history table.
enum HistoryProbe {
  /// A text that changes when rows are written, or when the table comes or goes.
  static func query(_ table: QualifiedName) -> Query<String> {
    Query(text("$1"), [table.sql], decode: mark)
  }

  /// The question about a table, named by a parameter or a literal.
  static func text(_ table: String) -> String {
    let counters = ["inserted", "updated", "deleted"].map { "pg_stat_get_tuples_\($0)(r)" }
    return """
      select coalesce(string_agg(concat_ws(',', r, \(counters.joined(separator: ", "))), ';'), '')
      from unnest(array[to_regclass(\(table)), to_regclass('lockstep.journal')]::oid[]) r
      """
  }

  /// Reads the answer.
  static let mark: @Sendable (ResultRow) throws(ResultRow.Mismatch) -> String = {
    (row) throws(ResultRow.Mismatch) in try row.string(0)
  }
}
