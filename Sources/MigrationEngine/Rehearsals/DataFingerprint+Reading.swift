import JSON
import MigrationModel
import Postgres
import PostgresModel

extension DataFingerprint {
  /// A table with more than this is not read.
  private static let mostBytes: Int64 = 1 << 30
  private static let tablesAtOnce = 25

  /// Reads all tables but those left out; in an open transaction as it is there.
  static func read(
    _ session: Connection, leavingOut left: [QualifiedName]
  ) async throws(DatabaseError) -> DataFingerprint {
    let query = Query<(QualifiedName, Int64, [String])>(
      """
      SELECT n.nspname, c.relname, pg_catalog.pg_relation_size(c.oid),
        coalesce((SELECT pg_catalog.json_agg(a.attname ORDER BY a.attname)
          FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0
            AND NOT a.attisdropped), '[]')::text
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_'
        AND n.nspname NOT IN ('information_schema', 'lockstep')
      ORDER BY 1, 2
      """
    ) { row throws(ResultRow.Mismatch) in
      let columns = JSONValue(reading: try row.string(3))?.elements ?? []
      return (
        QualifiedName(schema: try row.string(0), try row.string(1)), try row.integer(2),
        columns.compactMap(\.text)
      )
    }
    var found = DataFingerprint()
    var wanted: [(name: QualifiedName, columns: [String])] = []
    for (name, bytes, columns) in try await session.rows(query) where !left.contains(name) {
      if bytes > mostBytes {
        found.left.append(name)
      } else if bytes == 0 || columns.isEmpty {
        found.tables[name] = Table(
          rows: 0, hash: 0,
          columns: Dictionary(
            uniqueKeysWithValues: columns.map { ($0, Column(filled: 0, hash: 0)) }))
      } else {
        wanted.append((name, columns))
      }
    }
    for start in stride(from: 0, to: wanted.count, by: tablesAtOnce) {
      let part = Array(wanted[start..<min(start + tablesAtOnce, wanted.count)])
      let rows = try await session.rows(reading(part))
      for (index, table) in rows { found.tables[part[index].name] = table }
    }
    return found
  }

  private static func reading(
    _ tables: [(name: QualifiedName, columns: [String])]
  ) -> Query<(Int, Table)> {
    func sum(_ text: String) -> String {
      let sum = "coalesce(sum(pg_catalog.hashtextextended(\(text), 0)), 0)"
      // From 0 up to 2^64, whatever its sign.
      return
        "mod(mod(\(sum), 18446744073709551616) + 18446744073709551616, 18446744073709551616)::text"
    }
    let parts = tables.enumerated().map { index, table in
      let columns = table.columns.map { "t.\(SQLText.identifier($0))" }
      let values = columns.map { "count(\($0))::text, \(sum("\($0)::text"))" }
      return """
        SELECT \(index), count(*), \(sum("ROW(\(columns.joined(separator: ", ")))::text")),
          pg_catalog.array_to_json(ARRAY[\(values.joined(separator: ", "))])::text
        FROM ONLY \(table.name.sql) t
        """
    }
    return Query(parts.joined(separator: "\nUNION ALL\n")) { row throws(ResultRow.Mismatch) in
      let index = Int(try row.integer(0))
      let values = JSONValue(reading: try row.string(3))?.elements?.compactMap(\.text) ?? []
      var columns: [String: Column] = [:]
      for (number, name) in tables[index].columns.enumerated() where number * 2 + 1 < values.count {
        columns[name] = Column(
          filled: Int64(values[number * 2]) ?? 0, hash: UInt64(values[number * 2 + 1]) ?? 0)
      }
      return (
        index,
        Table(
          rows: try row.integer(1), hash: UInt64(try row.string(2)) ?? 0, columns: columns)
      )
    }
  }
}
