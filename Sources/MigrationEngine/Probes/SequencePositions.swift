import Postgres
import PostgresModel

/// How far sequences have counted, which no rollback takes back.
struct SequencePositions: Sendable {
  private var positions: [String: String?]

  static func read(_ session: ProbeSession) async throws -> SequencePositions {
    let query = Query<(String, String?)>(
      """
      SELECT quote_ident(schemaname) || '.' || quote_ident(sequencename), last_value::text
      FROM pg_sequences ORDER BY 1
      """
    ) { (row) throws(ResultRow.Mismatch) in (try row.string(0), row.optionalString(1)) }
    let rows = try await session.connection.rows(query)
    return SequencePositions(positions: Dictionary(rows) { first, _ in first })
  }

  /// Sets those back that have moved.
  func restore(_ session: ProbeSession) async throws {
    let now = try await Self.read(session).positions
    for (name, position) in positions.sorted(by: { $0.key < $1.key }) {
      guard let found = now[name], found != position else { continue }
      let place = SQLText.literal(name)
      let sql =
        position.map { "SELECT setval(\(place), \($0))" }
          ?? """
          SELECT setval(\(place), (SELECT seqstart FROM pg_sequence
            WHERE seqrelid = \(place)::regclass), false)
          """
      // A sequence of another role stays where it is: nobody but the copy has it.
      _ = try? await session.connection.execute(sql)
    }
  }
}
