import MigrationModel
import Postgres
import PostgresModel

/// A session that writes rows of one table of the scratch copy.
///
/// Others would write rows of their own; what it writes leaves the copy as it is, so that a migration meets
/// the rows that it would meet without it.
struct ContentionWriter: Sendable {
  let session: Connection
  let table: QualifiedName
  private let way: Way

  private enum Way: Sendable {
    case update(String)
    case insert
    /// And why it cannot write.
    case lock(String)
  }

  /// Finds out what can be written, by writing it once.
  init(_ session: Connection, _ table: QualifiedName) async throws(DatabaseError) {
    self.session = session
    self.table = table
    if let update = try await Self.update(table, session),
      (try? await session.execute(update))?.last?.rows == 1
    {
      way = .update(update)
    } else if let reason = try await Self.insert(into: table, session) {
      way = .lock(reason)
    } else {
      way = .insert
    }
  }

  /// Writes once.
  ///
  /// - Returns: Whether a row was written; a table that is not there any more, or not yet, is no error.
  func write() async -> Bool {
    switch way {
    case .update(let sql): return (try? await session.execute(sql))?.last?.rows == 1
    case .insert: return (try? await Self.insert(into: table, session)) == .some(.none)
    case .lock:
      _ = try? await session.execute("DELETE FROM \(table.sql) WHERE false")
      return false
    }
  }

  /// What it has come to, of so many rows.
  func writing(_ count: Int) -> ContentionRun.Writing {
    switch way {
    case .update: .updated(count)
    case .insert: .inserted(count)
    case .lock(let reason): .nothing(reason)
    }
  }

  /// Writes the first row anew, as it is; `nil` where there is no column that can be set.
  ///
  /// A column that is in no index comes first: that is what most writes are about.
  private static func update(
    _ table: QualifiedName, _ session: Connection
  ) async throws(DatabaseError) -> String? {
    let query = Query<(column: String, isPartitioned: Bool)>(
      """
      SELECT a.attname, c.relkind = 'p' FROM pg_catalog.pg_attribute a
      JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
      WHERE c.oid = $1::pg_catalog.regclass AND a.attnum > 0 AND NOT a.attisdropped
        AND a.attgenerated = '' AND a.attidentity <> 'a'
      ORDER BY EXISTS (SELECT FROM pg_catalog.pg_index i
        WHERE i.indrelid = c.oid AND a.attnum = ANY (i.indkey)), a.attnum LIMIT 1
      """, [table.sql]
    ) { row throws(ResultRow.Mismatch) in (try row.string(0), try row.bool(1)) }
    guard let found = try await session.rows(query).first else { return nil }
    let column = SQLText.identifier(found.column)
    // The same place is in every partition.
    let place = found.isPartitioned ? "(tableoid, ctid)" : "ctid"
    let first = found.isPartitioned ? "tableoid, ctid" : "ctid"
    return "UPDATE \(table.sql) SET \(column) = \(column)"
      + " WHERE \(place) = (SELECT \(first) FROM \(table.sql) LIMIT 1)"
  }

  /// Writes a row that is made up, and takes it back: what is not empty any more may be refused.
  ///
  /// - Returns: Why none can be written; `nil` where one was.
  private static func insert(
    into table: QualifiedName, _ session: Connection
  ) async throws(DatabaseError) -> String? {
    do throws(DatabaseError) {
      try await session.execute("BEGIN")
      let reason = try await ProbeRow(session: session, table: table).write(filling: [])
      try await session.execute("ROLLBACK")
      return reason
    } catch {
      guard let server = error.serverError else { throw error }
      try await session.execute("ROLLBACK")
      return server.message
    }
  }
}
