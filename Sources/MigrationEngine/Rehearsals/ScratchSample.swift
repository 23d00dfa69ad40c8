import JSON
import MigrationModel
import Postgres
import PostgresModel

/// Copies a part of the rows of each table to a scratch database whose keys and triggers are not there yet,
/// with whatever those rows refer to.
struct ScratchSample: Sendable {
  /// A session with the source, in which nothing is open.
  let source: Connection
  /// A session with the scratch database.
  let scratch: Connection
  let size: SampleSize
  let history: QualifiedName?
  /// Runs a script of psql on the source, and gives what it printed.
  let read: @Sendable (_ script: String) async throws -> [UInt8]
  /// Runs a script of psql on the scratch database.
  let load: @Sendable (_ script: [UInt8]) async throws -> Void

  private struct Table: Sendable {
    var name: QualifiedName
    var isPartitioned: Bool
    /// As the statistics have it.
    var rows: Double
    var bytes: Int64
    var columns: [String]

    var columnList: String { columns.map(SQLText.identifier).joined(separator: ", ") }
  }

  private struct Reference: Sendable {
    var child: QualifiedName
    var columns: [String]
    var parent: QualifiedName
    var parentColumns: [String]
    /// Whether every row keeps it.
    var isValid: Bool

    /// Rows of the child whose parent is not there.
    var orphans: String {
      let given = columns.map { "c.\(SQLText.identifier($0)) IS NOT NULL" }
      let same = zip(columns, parentColumns).map {
        "p.\(SQLText.identifier($1)) = c.\(SQLText.identifier($0))"
      }
      return given.joined(separator: " AND ")
        + " AND NOT EXISTS (SELECT FROM \(parent.sql) p WHERE \(same.joined(separator: " AND ")))"
    }
  }

  /// Where rows refer to rows in turn, no further than this.
  private static let rounds = 30
  /// Keys that are asked for at once.
  private static let keysAtOnce = 5000

  /// Copies the rows.
  func copy() async throws {
    let tables = try await self.tables()
    let leaves = tables.filter { !$0.isPartitioned && !$0.columns.isEmpty && $0.bytes > 0 }
    guard !leaves.isEmpty else { return }
    try await transfer(leaves.map { ($0, sampling($0)) })
    let references = try await self.references()
    let byName = Dictionary(tables.map { ($0.name, $0) }) { first, _ in first }
    for _ in 0..<Self.rounds {
      var wanted: [(Table, String)] = []
      for reference in references {
        guard let parent = byName[reference.parent],
          // What two keys lead to is copied once: the second is looked at in the next round.
          !wanted.contains(where: { $0.0.name == parent.name }),
          let condition = try await missingKeys(reference)
        else { continue }
        wanted.append((parent, "\(parent.name.sql) WHERE \(condition)"))
      }
      guard !wanted.isEmpty else { break }
      let before = try await count(wanted.map(\.0))
      try await transfer(wanted)
      // What the source does not have either, or hides, is not asked for for ever.
      guard try await count(wanted.map(\.0)) > before else { break }
    }
    try await deleteOrphans(references.filter(\.isValid))
  }

  /// Sets sequences to where they are on the source, so that keys given from here on are new.
  func copySequences() async throws {
    let query = Query<String>(
      """
      SELECT pg_catalog.format('SELECT pg_catalog.setval(%L, %s)',
        pg_catalog.format('%I.%I', schemaname, sequencename), last_value)
      FROM pg_catalog.pg_sequences WHERE last_value IS NOT NULL
        AND schemaname NOT IN ('lockstep', 'information_schema')
      """
    ) { row throws(ResultRow.Mismatch) in try row.string(0) }
    let statements = try await source.rows(query)
    guard !statements.isEmpty else { return }
    try await load(Array((statements.joined(separator: ";\n") + ";\n").utf8))
  }

  // MARK: What there is

  private func tables() async throws -> [Table] {
    let query = Query<Table>(
      """
      SELECT n.nspname, c.relname, (c.relkind = 'p')::text, c.reltuples::float8,
        pg_catalog.pg_relation_size(c.oid),
        coalesce((SELECT pg_catalog.json_agg(a.attname ORDER BY a.attnum)
          FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0
            AND NOT a.attisdropped AND a.attgenerated = ''), '[]')::text
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
        AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'lockstep')
        AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
        AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = c.oid
          AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype = 'e')
      ORDER BY n.nspname, c.relname
      """
    ) { row throws(ResultRow.Mismatch) in
      Table(
        name: QualifiedName(schema: try row.string(0), try row.string(1)),
        isPartitioned: try row.string(2) == "true", rows: try row.optionalDouble(3) ?? 0,
        bytes: try row.integer(4), columns: texts(try row.string(5)))
    }
    return try await source.rows(query).filter { $0.name != history }
  }

  private func references() async throws -> [Reference] {
    func columns(_ table: String, _ key: String) -> String {
      """
      (SELECT pg_catalog.json_agg(a.attname ORDER BY u.n) FROM unnest(k.\(key)) WITH ORDINALITY u(c, n)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = k.\(table) AND a.attnum = u.c)::text
      """
    }
    let query = Query<Reference>(
      """
      SELECT n.nspname, c.relname, \(columns("conrelid", "conkey")), m.nspname, p.relname,
        \(columns("confrelid", "confkey")), k.convalidated
      FROM pg_catalog.pg_constraint k
      JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_catalog.pg_class p ON p.oid = k.confrelid
      JOIN pg_catalog.pg_namespace m ON m.oid = p.relnamespace
      WHERE k.contype = 'f' AND k.conparentid = 0
      ORDER BY 1, 2, k.conname
      """
    ) { row throws(ResultRow.Mismatch) in
      Reference(
        child: QualifiedName(schema: try row.string(0), try row.string(1)),
        columns: texts(try row.string(2)),
        parent: QualifiedName(schema: try row.string(3), try row.string(4)),
        parentColumns: texts(try row.string(5)), isValid: try row.bool(6))
    }
    return try await source.rows(query)
  }

  // MARK: Which rows

  /// Where to read a sample from: blocks from all over a large table, the whole of a small one.
  private func sampling(_ table: Table) -> String {
    let name = "ONLY \(table.name.sql)"
    switch size {
    case .rows(let count):
      let share = 300 * Double(count) / max(table.rows, 1)
      let isLarge = table.rows > Double(count) * 10
      return "\(name)\(isLarge ? " TABLESAMPLE SYSTEM (\(min(100, share)))" : "") LIMIT \(count)"
    case .percent(let share):
      // Of a few blocks all or none would be taken.
      let way = table.bytes > 1 << 20 ? "SYSTEM" : "BERNOULLI"
      return "\(name) TABLESAMPLE \(way) (\(share))"
    }
  }

  /// A condition for the parents' rows that are wanted; `nil` where all are there.
  private func missingKeys(_ reference: Reference) async throws -> String? {
    let columns = reference.columns.map { "c.\(SQLText.identifier($0))::text" }
    let query = Query<[String]>(
      """
      SELECT DISTINCT \(columns.joined(separator: ", ")) FROM \(reference.child.sql) c
      WHERE \(reference.orphans) LIMIT \(Self.keysAtOnce)
      """
    ) { row throws(ResultRow.Mismatch) in
      var values: [String] = []
      for column in 0..<row.count { values.append(try row.string(column)) }
      return values
    }
    let keys = try await scratch.rows(query)
    guard !keys.isEmpty else { return nil }
    let names = reference.parentColumns.map(SQLText.identifier).joined(separator: ", ")
    let values = keys.map { "(\($0.map(SQLText.literal).joined(separator: ", ")))" }
    return "(\(names)) IN (\(values.joined(separator: ", ")))"
  }

  private func deleteOrphans(_ references: [Reference]) async throws {
    for _ in 0..<Self.rounds {
      var deleted: Int64 = 0
      for reference in references {
        let results = try await scratch.execute(
          "DELETE FROM \(reference.child.sql) c WHERE \(reference.orphans)")
        deleted += results.first?.rows ?? 0
      }
      if deleted == 0 { return }
    }
  }

  private func count(_ tables: [Table]) async throws -> Int64 {
    let counts = tables.map { "(SELECT count(*) FROM \($0.name.sql))" }
    let query = Query<Int64>("SELECT \(counts.joined(separator: " + "))") {
      row throws(ResultRow.Mismatch) in try row.integer(0)
    }
    return try await scratch.rows(query).first ?? 0
  }

  // MARK: Copying

  /// Lets the source's psql write the script that the scratch database's psql reads.
  private func transfer(_ parts: [(table: Table, from: String)]) async throws {
    var script = ""
    for (table, from) in parts {
      let head = "COPY \(table.name.sql) (\(table.columnList)) FROM stdin;"
      script += "\\echo \(quoted(head))\n"
      script += "COPY (SELECT \(table.columnList) FROM \(from)) TO STDOUT;\n"
      script += "\\echo '\\\\.'\n"
    }
    try await load(try await read(script))
  }

  /// As an argument of a command of psql.
  private func quoted(_ text: String) -> String {
    text.reduce(into: "'") { result, character in
      switch character {
      case "'": result += "''"
      case "\\": result += "\\\\"
      default: result.append(character)
      }
    } + "'"
  }
}

private func texts(_ json: String) -> [String] {
  (JSONValue(reading: json)?.elements ?? []).compactMap(\.text)
}
