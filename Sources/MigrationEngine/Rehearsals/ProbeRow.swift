import JSON
import MigrationModel
import Postgres
import PostgresModel

/// Writes a valid row into a table of the scratch copy, so that there is something to lose.
///
/// The first that the server takes is it: a row like one that is there, else one made of types, defaults,
/// parents' keys and the constants of the CHECK constraints.
struct ProbeRow: Sendable {
  let session: Connection
  let table: QualifiedName

  private struct Column: Sendable {
    var name: String
    /// Of a domain, that of its base type; with its length.
    var type: String
    var category: String
    var isNotNull: Bool
    /// The server gives a value where none is said.
    var hasDefault: Bool
    var isGenerated: Bool
    var isUnique: Bool
    var labels: [String]
    var length: Int?
    /// What a foreign key over this column alone leads to.
    var parent: (table: QualifiedName, column: String)?
  }

  /// Parents are made for a child, and theirs, no further up than this.
  private static let depth = 3
  private static let attempts = 12

  /// Writes one.
  ///
  /// - Parameter fresh: Columns that must hold a value.
  /// - Returns: Why none could be made; `nil` where one was.
  func write(filling fresh: Set<String>) async throws(DatabaseError) -> String? {
    try await write(filling: fresh, Self.depth)
  }

  private func write(
    filling fresh: Set<String>, _ depth: Int
  ) async throws(DatabaseError) -> String? {
    let columns = try await self.columns()
    let constants = try await self.constants()
    var reason = "no row could be made"
    for number in 0..<Self.attempts {
      let copies = number < 2
      var names: [String] = []
      var values: [String] = []
      for column in columns where !column.isGenerated {
        let must = fresh.contains(column.name)
        let given = !copies && (column.isNotNull && !column.hasDefault || must)
        // What is unique is made anew in a copy of a row.
        let renews = copies && (must || column.isUnique)
        if copies, column.isUnique, column.hasDefault, !must { continue }
        guard copies || given else { continue }
        let isMade = given || renews
        guard isMade else {
          names.append(column.name)
          values.append("o.\(SQLText.identifier(column.name))")
          continue
        }
        guard let value = try await value(column, number, constants, depth) else {
          reason = "no value of type \(column.type) can be made for \(column.name)"
          continue
        }
        names.append(column.name)
        values.append(value)
      }
      let list = names.map(SQLText.identifier).joined(separator: ", ")
      let insert =
        names.isEmpty
        ? "INSERT INTO \(table.sql) DEFAULT VALUES"
        : "INSERT INTO \(table.sql) (\(list)) SELECT \(values.joined(separator: ", "))"
          + (copies ? " FROM \(table.sql) o LIMIT 1" : "")
      do throws(DatabaseError) {
        try await session.execute("SAVEPOINT lockstep_row")
        let results = try await session.execute(insert)
        try await session.execute("SET CONSTRAINTS ALL IMMEDIATE;RELEASE SAVEPOINT lockstep_row")
        if results.first?.rows == 1 { return nil }
      } catch {
        guard let server = error.serverError else { throw error }
        reason = server.message
        try await session.execute(
          "ROLLBACK TO SAVEPOINT lockstep_row;RELEASE SAVEPOINT lockstep_row")
      }
    }
    return reason
  }

  // MARK: Values

  /// An expression for a value; `nil` where none is known.
  private func value(
    _ column: Column, _ number: Int, _ constants: [String], _ depth: Int
  ) async throws(DatabaseError) -> String? {
    let name = SQLText.identifier(column.name)
    if let parent = column.parent {
      return try await key(of: parent, column, depth)
    }
    func from(_ choices: [String]) -> String? {
      choices.isEmpty ? nil : "\(choices[number % choices.count])::\(column.type)"
    }
    let quoted = constants.filter { $0.hasPrefix("'") }
    let numbers = constants.filter { !$0.hasPrefix("'") }
    switch column.category {
    case "N":
      if column.isUnique { return "(SELECT coalesce(max(\(name)), 0) + 1 FROM \(table.sql))" }
      return from(["1"] + numbers.flatMap { [$0, "(\($0) + 1)", "(\($0) - 1)"] } + ["0", "100"])
    case "S":
      let length = min(column.length ?? 20, 20)
      let text = "substr('probe' || replace(gen_random_uuid()::text, '-', ''), 1, \(length))"
      if column.isUnique { return from(["right(\(text), \(length))"]) }
      return from([text] + quoted + ["'probe@example.org'", "'1'", "''"])
    case "B": return from(["true", "false"])
    case "D": return from(["now()", "'2000-01-01'", "'2100-01-01'"])
    case "E": return from(column.labels.map(SQLText.literal))
    case "T": return from(["'1 day'"])
    case "I": return from(["'127.0.0.1'"])
    case "A": return from(["'{}'"])
    case "R": return from(["'empty'"])
    case "G": return from(["'(0,0)'", "'((0,0),(1,1))'"])
    case "V": return from(["repeat('1', \(column.length ?? 1))"])
    default: break
    }
    switch column.type {
    case "uuid": return "gen_random_uuid()"
    case "json", "jsonb": return from(["'{}'", "'[]'"])
    case "bytea": return from(["'\\x00'"])
    case "xml": return from(["'<probe/>'"])
    case "tsvector": return from(["'probe'"])
    default: return nil
    }
  }

  /// A key of the parent, one that no child has where it must be unique; a parent is made where there is
  /// none.
  private func key(
    of parent: (table: QualifiedName, column: String), _ column: Column, _ depth: Int
  ) async throws(DatabaseError) -> String? {
    let key = SQLText.identifier(parent.column)
    let unused =
      column.isUnique
      ? " WHERE NOT EXISTS (SELECT FROM \(table.sql) c WHERE c.\(SQLText.identifier(column.name))"
        + " = p.\(key))" : ""
    let selection = "SELECT p.\(key) FROM \(parent.table.sql) p\(unused) LIMIT 1"
    let asking = Query<Bool>("SELECT EXISTS (\(selection))") { row throws(ResultRow.Mismatch) in
      try row.bool(0)
    }
    if try await session.rows(asking).first != true {
      guard depth > 0, parent.table != table else { return column.isNotNull ? nil : "NULL" }
      let row = ProbeRow(session: session, table: parent.table)
      guard try await row.write(filling: [parent.column], depth - 1) == nil else { return nil }
    }
    return "(\(selection))"
  }

  // MARK: What the table is like

  private func columns() async throws(DatabaseError) -> [Column] {
    let query = Query<Column>(
      """
      WITH RECURSIVE base AS (
        SELECT a.attnum, a.attname, a.attnotnull, a.atthasdef, a.attidentity, a.attgenerated,
          t.oid AS type, a.atttypmod AS typmod, t.typtype, t.typbasetype, t.typtypmod, t.typnotnull
        FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
        WHERE a.attrelid = $1::pg_catalog.regclass AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL
        SELECT b.attnum, b.attname, b.attnotnull OR b.typnotnull, b.atthasdef, b.attidentity,
          b.attgenerated, t.oid, b.typtypmod, t.typtype, t.typbasetype, t.typtypmod, t.typnotnull
        FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.typbasetype WHERE b.typtype = 'd')
      SELECT b.attname, pg_catalog.format_type(b.type, b.typmod), t.typcategory::text,
        (b.attnotnull OR b.typnotnull), (b.atthasdef OR b.attidentity <> ''),
        (b.attgenerated <> '' OR b.attidentity = 'a'),
        EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = $1::pg_catalog.regclass
          AND i.indisunique AND b.attnum = ANY (i.indkey)),
        coalesce((SELECT pg_catalog.json_agg(e.enumlabel ORDER BY e.enumsortorder)
          FROM pg_catalog.pg_enum e WHERE e.enumtypid = b.type), '[]')::text,
        CASE WHEN b.typmod >= 0 AND t.typcategory = 'S' THEN b.typmod - 4
          WHEN b.typmod >= 0 AND t.typcategory = 'V' THEN b.typmod END,
        k.nspname, k.relname, k.attname
      FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.type
      LEFT JOIN LATERAL (
        SELECT n.nspname, p.relname, r.attname FROM pg_catalog.pg_constraint f
        JOIN pg_catalog.pg_class p ON p.oid = f.confrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = p.relnamespace
        JOIN pg_catalog.pg_attribute r ON r.attrelid = p.oid AND r.attnum = f.confkey[1]
        WHERE f.conrelid = $1::pg_catalog.regclass AND f.contype = 'f'
          AND f.conkey = ARRAY[b.attnum] LIMIT 1) k ON true
      WHERE b.typtype <> 'd' ORDER BY b.attnum
      """, [table.sql]
    ) { row throws(ResultRow.Mismatch) in
      var parent: (table: QualifiedName, column: String)?
      if let name = row.optionalString(10), let key = row.optionalString(11) {
        parent = (QualifiedName(schema: row.optionalString(9), name), key)
      }
      return Column(
        name: try row.string(0), type: try row.string(1), category: try row.string(2),
        isNotNull: try row.bool(3), hasDefault: try row.bool(4), isGenerated: try row.bool(5),
        isUnique: try row.bool(6),
        labels: (JSONValue(reading: try row.string(7))?.elements ?? []).compactMap(\.text),
        length: try row.optionalInteger(8).map(Int.init), parent: parent)
    }
    return try await session.rows(query)
  }

  /// Literals of the table's CHECK constraints and of those of its domains, as SQL.
  private func constants() async throws(DatabaseError) -> [String] {
    let query = Query<String>(
      """
      SELECT DISTINCT m[1] FROM pg_catalog.pg_constraint k,
        pg_catalog.regexp_matches(pg_catalog.pg_get_constraintdef(k.oid),
          '(''(?:[^'']|'''')*''|\\m\\d+(?:\\.\\d+)?\\M)', 'g') m
      WHERE k.contype = 'c' AND (k.conrelid = $1::pg_catalog.regclass OR k.contypid IN (
        SELECT atttypid FROM pg_catalog.pg_attribute WHERE attrelid = $1::pg_catalog.regclass))
      ORDER BY 1 LIMIT 20
      """, [table.sql]
    ) { row throws(ResultRow.Mismatch) in try row.string(0) }
    return try await session.rows(query)
  }
}
