import Diagnostics
import MigrationModel
import Postgres
import PostgresModel

/// Runs any layout's history queries; the only place that does.
public struct HistoryStore: Sendable {
  public var connection: Connection

  public init(_ connection: Connection) { self.connection = connection }

  /// A table of the database that could be a history table.
  public struct Table: Sendable, Hashable {
    public var name: QualifiedName
    /// Whether the bare name finds it by `search_path`.
    public var isVisible: Bool
    /// Column → type as `format_type` gives it.
    public var columns: [String: String]
  }

  /// Finds the tables with one of these names, in whatever schema.
  ///
  /// - Throws: Any `DatabaseError`.
  public func tables(named names: [QualifiedName]) async throws(DatabaseError) -> [Table] {
    let list = "{" + names.map { arrayElement($0.name) }.joined(separator: ",") + "}"
    let found = try await connection.rows(
      Query(HistoryStore.tablesQuery, [list]) { row throws(ResultRow.Mismatch) in
        Table(
          name: QualifiedName(schema: try row.string(0), try row.string(1)),
          isVisible: try row.bool(2),
          columns: columns(try row.string(3)))
      })
    return found.filter { table in
      names.contains {
        $0.name == table.name.name && ($0.schema == nil || $0.schema == table.name.schema)
      }
    }
  }

  private static let tablesQuery = """
    select n.nspname, c.relname, pg_catalog.pg_table_is_visible(c.oid),
      coalesce(string_agg(a.attname || E'\\x02' || pg_catalog.format_type(a.atttypid, a.atttypmod), E'\\x01'), '')
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    left join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relname = any ($1::text[]) and c.relkind in ('r', 'p', 'v', 'f')
      and n.nspname not like 'pg\\_temp%'
    group by 1, 2, 3
    order by 3 desc, 1, 2
    """

  /// Where things stand that no history table tells.
  struct Surroundings: Sendable, Hashable {
    /// The first schema of `search_path` that is there; new tables go into it.
    var currentSchema: String?
    /// Whether Lockstep has left a journal table here.
    var hasJournal: Bool
    var sessionUser: String
    /// The schema in which the history table was found; `nil` where there is none.
    var tableSchema: String?
    var invalidIndexes: [IndexFact] = []
    /// Whether runs are kept in this database.
    var hasRecords = false
  }

  /// Asks where a history table is, or would be.
  ///
  /// It is the first question of a session, whose server process has seen no catalogue yet: planning a
  /// join costs it more than all the rest of a command. So functions are asked where there are any, what
  /// hardly ever is there is asked for only where something of the kind is (`is not true`, for which no
  /// statistics are looked up), and the columns come with the rows.
  func surroundings(of table: QualifiedName) async throws(DatabaseError) -> Surroundings {
    let query = Query<(Surroundings, hasInvalidIndexes: Bool)>(
      """
      select current_schema(), pg_catalog.to_regclass('lockstep.journal') is not null, session_user,
        (pg_catalog.pg_identify_object_as_address(1259, pg_catalog.to_regclass($1), 0)).object_names[1],
        exists (select from pg_catalog.pg_index where indisvalid is not true),
        pg_catalog.to_regclass('lockstep.records') is not null
      """, [table.sql]
    ) { row throws(ResultRow.Mismatch) in
      let surroundings = Surroundings(
        currentSchema: row.optionalString(0), hasJournal: try row.bool(1),
        sessionUser: try row.string(2), tableSchema: row.optionalString(3),
        hasRecords: try row.bool(5))
      return (surroundings, try row.bool(4))
    }
    let rows = try await connection.rows(query)
    guard let row = rows.first else {
      return Surroundings(currentSchema: nil, hasJournal: false, sessionUser: "", tableSchema: nil)
    }
    var surroundings = row.0
    if row.hasInvalidIndexes { surroundings.invalidIndexes = try await invalidIndexes() }
    return surroundings
  }

  /// Reads a history table and, in the same message, what its columns are.
  ///
  /// - Parameters:
  ///   - query: Of a layout.
  ///   - check: Given the columns, name → type as `format_type` gives it, before the rows are read.
  /// - Throws: Any `DatabaseError`, and what `check` throws.
  func rows(
    _ query: Query<HistoryRow>, of table: QualifiedName,
    check: @Sendable ([String: String]) throws -> Void
  ) async throws -> ([String: String], [HistoryRow]) {
    do {
      let found = try await connection.rows(
        query, describing: "SELECT * FROM \(table.sql) WHERE false",
        check: { try check(HistoryStore.types($0)) })
      return (HistoryStore.types(found.columns), found.rows)
    } catch let error as DatabaseError where error.serverError?.isInsufficientPrivilege == true {
      // Some columns may be readable, and those that are asked for among them.
      let columns = try await tables(named: [table]).first?.columns ?? [:]
      try check(columns)
      return (columns, try await connection.rows(query))
    }
  }

  private static func types(_ columns: [StatementDescription.Column]) -> [String: String] {
    Dictionary(
      columns.map {
        ($0.name, BuiltInType.name($0.type, modifier: $0.modifier) ?? "type \($0.type)")
      }, uniquingKeysWith: { first, _ in first })
  }

  private func invalidIndexes() async throws(DatabaseError) -> [IndexFact] {
    let query = Query<[IndexFact]>(IndexFacts.invalidSQL) { row throws(ResultRow.Mismatch) in
      IndexFacts.read(row.optionalString(0))
    }
    return try await connection.rows(query).first ?? []
  }
}

/// Columns as the queries join them: name and type parted by byte 2, columns by byte 1.
private func columns(_ text: String) -> [String: String] {
  let parts = text.split(separator: "\u{1}" as Character).map {
    $0.split(separator: "\u{2}" as Character, maxSplits: 1).map(String.init)
  }
  return Dictionary(
    parts.map { ($0[0], $0.count > 1 ? $0[1] : "") }, uniquingKeysWith: { a, _ in a })
}

func arrayElement(_ text: String) -> String {
  "\""
    + text.reduce(into: "") { result, character in
      if character == "\"" || character == "\\" { result.append("\\") }
      result.append(character)
    } + "\""
}
