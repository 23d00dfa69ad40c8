import Postgres
import PostgresModel

/// What is done with the triggers that users made.
enum TableTriggers {
  /// Only those that reach outside are off.
  case asTheyAre
  case off
}

extension ProbeSession {
  /// Makes deferred constraints speak at once, and switches triggers off.
  ///
  /// - Returns: What is to be told of it.
  func quieten(_ triggers: TableTriggers) async throws -> [String] {
    try await connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    let outside = OutsideEffects(try await connection.rows(OutsideEffects.functions))
    let query = Query<(String, String, Int64)>(
      """
      SELECT t.tgrelid::regclass::text, quote_ident(t.tgname), t.tgfoid FROM pg_trigger t
      JOIN pg_class c ON c.oid = t.tgrelid
      WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND c.relkind IN ('r', 'p')
      ORDER BY 1, 2
      """
    ) { (row) throws(ResultRow.Mismatch) in
      (try row.string(0), try row.string(1), try row.integer(2))
    }
    var remarks: [String] = []
    for (table, name, function) in try await connection.rows(query) {
      let reason = outside.reasons[function]
      guard triggers == .off || reason != nil else { continue }
      _ = try await attempt("ALTER TABLE \(table) DISABLE TRIGGER \(name)")
      if let reason { remarks.append("the trigger \(name) of \(table) was off: \(reason)") }
    }
    return remarks
  }
}
