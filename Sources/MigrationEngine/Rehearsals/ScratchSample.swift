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
    /// Those of its columns that may be null.
    var nullable: [String]
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
  ///
  /// - Returns: What rows are without that they refer to, in words; nothing where none are.
  func copy() async throws -> [String] {
    let tables = try await self.tables()
    let leaves = tables.filter { !$0.isPartitioned && !$0.columns.isEmpty && $0.bytes > 0 }
    guard !leaves.isEmpty else { return [] }
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
    return try await cutOff(references.filter(\.isValid))
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
        \(columns("confrelid", "confkey")), k.convalidated,
        coalesce((SELECT pg_catalog.json_agg(a.attname) FROM pg_catalog.pg_attribute a
          WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey) AND NOT a.attnotnull),
          '[]')::text
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
        parentColumns: texts(try row.string(5)), nullable: texts(try row.string(7)),
        isValid: try row.bool(6))
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
      // Of a few blocks all or none would be taken.
      let isLarge = table.bytes > 4 << 20 && table.rows > Double(count) * 10
      return "\(name)\(isLarge ? " TABLESAMPLE SYSTEM (\(min(100, share)))" : "") LIMIT \(count)"
    case .percent(let share):
      let way = table.bytes > 1 << 20 ? "SYSTEM" : "BERNOULLI"
      return "\(name) TABLESAMPLE \(way) (\(share))"
    }
  }

  /// A condition for the parents' rows that are wanted; `nil` where all are there.
  private func missingKeys(_ reference: Reference) async throws -> String? {
    let columns = reference.columns.map { "c.\(SQLText.identifier($0))::text" }
    let query = keysQuery(
      """
      SELECT DISTINCT \(columns.joined(separator: ", ")) FROM \(reference.child.sql) c
      WHERE \(reference.orphans) LIMIT \(Self.keysAtOnce)
      """)
    var keys = try await scratch.rows(query)
    guard !keys.isEmpty else { return nil }
    if reference.parent == reference.child { keys = try await chain(from: keys, reference) }
    let names = reference.parentColumns.map(SQLText.identifier).joined(separator: ", ")
    return "(\(names)) IN (\(Self.values(keys)))"
  }

  /// Adds the keys that rows with these refer to within their own table, and so on, the nearest first: link
  /// by link a long chain would take as many rounds.
  private func chain(from keys: [[String]], _ reference: Reference) async throws -> [[String]] {
    let columns = reference.parentColumns.map(SQLText.identifier)
    let table = reference.parent.sql
    func list(_ alias: String) -> String {
      columns.map { "\(alias).\($0)" }.joined(separator: ", ")
    }
    let ups = columns.indices.map { "k\($0)" }
    let names = ups.joined(separator: ", ")
    let own = zip(columns, ups).map { "c.\($0) = up.\($1)" }.joined(separator: " AND ")
    let next = zip(columns, reference.columns)
      .map { "p.\($0) = c.\(SQLText.identifier($1))" }.joined(separator: " AND ")
    let walk = """
      WITH RECURSIVE up(\(names)) AS (
        SELECT \(list("c")) FROM \(table) c WHERE (\(list("c"))) IN (\(Self.values(keys)))
        UNION
        SELECT \(list("p")) FROM up JOIN \(table) c ON \(own) JOIN \(table) p ON \(next))
      SELECT \(ups.map { "\($0)::text" }.joined(separator: ", ")) FROM up LIMIT \(Self.keysAtOnce)
      """
    // Each link is to be looked up by the key, whatever the planner thinks of how many there are.
    try await source.execute(
      "BEGIN READ ONLY; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off")
    let found: [[String]]
    do {
      found = try await source.rows(keysQuery(walk))
      try await source.execute("COMMIT")
    } catch {
      _ = try? await source.execute("ROLLBACK")
      throw error
    }
    guard !found.isEmpty else { return keys }
    // Further up a chain may lead into what is there already.
    let same = zip(columns, ups).map { "p.\($0)::text = v.\($1)" }.joined(separator: " AND ")
    let missing = try await scratch.rows(
      keysQuery(
        """
        SELECT \(names) FROM (VALUES \(Self.values(found))) v(\(names))
        WHERE NOT EXISTS (SELECT FROM \(table) p WHERE \(same))
        """))
    return missing.isEmpty ? keys : missing
  }

  private func keysQuery(_ sql: String) -> Query<[String]> {
    Query(sql) { row throws(ResultRow.Mismatch) in
      var values: [String] = []
      for column in 0..<row.count { values.append(try row.string(column)) }
      return values
    }
  }

  private static func values(_ keys: [[String]]) -> String {
    keys.map { "(\($0.map(SQLText.literal).joined(separator: ", ")))" }.joined(separator: ", ")
  }

  /// Ends chains of references that are longer than was followed: what may be null is, and what may not
  /// is not kept.
  ///
  /// - Returns: Where that was so, in words.
  private func cutOff(_ references: [Reference]) async throws -> [String] {
    var cut: [QualifiedName: Int64] = [:]
    var left: [QualifiedName: Int64] = [:]
    var isChanging = true
    while isChanging {
      isChanging = false
      for reference in references where !reference.nullable.isEmpty {
        let nulls = reference.nullable.map { "\(SQLText.identifier($0)) = NULL" }
        // A constraint may refuse it; then the row goes.
        let results = try? await scratch.execute(
          "UPDATE \(reference.child.sql) c SET \(nulls.joined(separator: ", "))"
            + " WHERE \(reference.orphans)")
        cut[reference.child, default: 0] += results?.first?.rows ?? 0
      }
      for reference in references {
        let results = try await scratch.execute(
          "DELETE FROM \(reference.child.sql) c WHERE \(reference.orphans)")
        let count = results.first?.rows ?? 0
        left[reference.child, default: 0] += count
        // Whoever referred to them may do without.
        if count > 0 { isChanging = true }
      }
    }
    return Self.words(cut, "is without what it refers to", "are without what they refer to")
      + Self.words(left, "is left out", "are left out")
  }

  private static func words(
    _ counts: [QualifiedName: Int64], _ one: String, _ many: String
  ) -> [String] {
    counts.filter { $0.value > 0 }.sorted { $0.key.sql < $1.key.sql }.map { table, count in
      let rows =
        count == 1 ? "1 row of \(table) \(one)" : "\(count) rows of \(table) \(many)"
      return "references lead further than the sample: \(rows)"
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
