import JSON
import MigrationModel
import Postgres
import PostgresModel

/// A query of the application's source as `cargo sqlx prepare` has kept it.
///
/// Source: sqlx 0.8, `sqlx-macros-core/src/query/data.rs` (`QueryData`), `sqlx-postgres/src/type_info.rs`
/// (`PgType`, serialised by its variant's name) and `sqlx-postgres/src/connection/describe.rs`
/// (nullability of columns).
struct CachedQuery: Sendable, Hashable {
  /// The file in which it is kept.
  var file: String
  var sql: String
  var columns: [Column]
  /// Names of types; `nil` where the form is another.
  var parameters: [String]?

  struct Column: Sendable, Hashable {
    var name: String
    var type: String
    /// `nil`: not known to sqlx.
    var isNullable: Bool?
  }

  /// - Returns: `nil` for what is no query for PostgreSQL.
  init?(json text: String, file: String) {
    guard let json = JSONValue(reading: text), let sql = json["query"]?.text,
      let describe = json["describe"], let columns = describe["columns"]?.elements,
      json["db_name"]?.text ?? "PostgreSQL" == "PostgreSQL"
    else { return nil }
    self.file = file
    self.sql = sql
    let nullable = describe["nullable"]?.elements ?? []
    self.columns = columns.enumerated().map { index, column in
      var isNullable: Bool?
      if nullable.indices.contains(index), case .bool(let value) = nullable[index] {
        isNullable = value
      }
      return Column(
        name: column["name"]?.text ?? "", type: CachedQuery.typeName(column["type_info"]),
        isNullable: isNullable)
    }
    parameters = describe["parameters"]?["Left"]?.elements?.map { CachedQuery.typeName($0) }
  }

  /// `"Int8"`, or `{"Custom": {"name": "status", …}}` for a type of the project's own.
  private static func typeName(_ json: JSONValue?) -> String {
    if let text = json?.text { return text.lowercased() }
    if let name = json?["Custom"]?["name"]?.text { return name.lowercased() }
    return ""
  }
}

/// A statement as the server describes it, in words that can be compared with what was kept.
struct DescribedQuery: Sendable, Hashable {
  var columns: [Column]
  var parameters: [String]

  struct Column: Sendable, Hashable {
    var name: String
    var type: String
    /// `nil` where it is no column as it stands.
    var isNotNull: Bool?
  }
}

/// Finds prepared queries of a sqlx project that are not those of the schema any more.
struct QueryCacheProbe: ScratchProbe {
  var queries: [CachedQuery]
  private var earlier: [Int: DescribedQuery] = [:]

  init(_ queries: [CachedQuery]) { self.queries = queries }

  mutating func before(_ scene: ScratchScene) async throws {
    for (index, query) in queries.enumerated() {
      if case .success(let found) = try await Self.describe(query, in: scene.session) {
        earlier[index] = found
      }
    }
  }

  mutating func after(_ scene: ScratchScene) async throws -> [Trial] {
    var stale: [Trial] = []
    for (index, query) in queries.enumerated() {
      let reasons: [String]
      switch try await Self.describe(query, in: scene.session) {
      case .failure(let refusal): reasons = ["it cannot be prepared: \(refusal.words)"]
      case .success(let found):
        reasons = Self.differences(kept: query, found: found, before: earlier[index])
      }
      guard !reasons.isEmpty else { continue }
      stale.append(
        Trial(
          .queryCache, query.file, .refuted,
          reasons.map { .init($0, .refutes) }
            + [
              .init(
                String(
                  query.sql.split(whereSeparator: \.isWhitespace).joined(separator: " ").prefix(120)
                ))
            ]))
    }
    guard stale.isEmpty else {
      stale[stale.count - 1].evidence.append(.init("`cargo sqlx prepare` writes them anew"))
      return stale
    }
    let count = queries.count == 1 ? "1 query" : "\(queries.count) queries"
    return [
      Trial(
        .queryCache, "prepared queries", .proven,
        [.init("\(count), all as the schema has them", .supports)])
    ]
  }

  struct Refused: Error { var words: String }

  private static func describe(
    _ query: CachedQuery, in session: Connection
  ) async throws -> Result<DescribedQuery, Refused> {
    let description: StatementDescription
    do throws(DatabaseError) {
      description = try await session.describe(query.sql)
    } catch {
      guard let server = error.serverError else { throw error }
      return .failure(Refused(words: "\(server.message) (SQLSTATE \(server.sqlstate))"))
    }
    let oids = Set(description.parameters + description.columns.map(\.type))
    let types = try await session.rows(
      Query<(Int64, String)>(
        "SELECT oid::bigint, typname FROM pg_catalog.pg_type WHERE oid = ANY ($1::oid[])",
        ["{\(oids.map(String.init).joined(separator: ","))}"]
      ) { (row) throws(ResultRow.Mismatch) in (try row.integer(0), try row.string(1)) })
    let names = Dictionary(types.map { (UInt32(truncatingIfNeeded: $0.0), $0.1) }) { a, _ in a }
    let tables = Set(description.columns.compactMap(\.origin?.table))
    let attributes = try await session.rows(
      Query<(Int64, Int64, Bool)>(
        """
        SELECT attrelid::bigint, attnum, attnotnull FROM pg_catalog.pg_attribute
        WHERE attrelid = ANY ($1::oid[]) AND attnum > 0
        """, ["{\(tables.map(String.init).joined(separator: ","))}"]
      ) { (row) throws(ResultRow.Mismatch) in
        (try row.integer(0), try row.integer(1), try row.bool(2))
      })
    return .success(
      DescribedQuery(
        columns: description.columns.map { column in
          let isNotNull = column.origin.flatMap { origin in
            attributes.first { $0.0 == Int64(origin.table) && $0.1 == Int64(origin.number) }?.2
          }
          return DescribedQuery.Column(
            name: column.name, type: typeName(names[column.type] ?? ""), isNotNull: isNotNull)
        }, parameters: description.parameters.map { typeName(names[$0] ?? "") }))
  }

  /// A type's name as sqlx keeps it, in lower case: `Int4Array` for `_int4`.
  private static func typeName(_ name: String) -> String {
    name.hasPrefix("_") ? "\(name.dropFirst())array" : name
  }

  /// What is kept and is not so any more, in words.
  ///
  /// sqlx takes a column for nullable behind an outer join as well, which the server does not tell; there
  /// only what the migration itself has changed counts.
  static func differences(
    kept: CachedQuery, found: DescribedQuery, before: DescribedQuery?
  ) -> [String] {
    var reasons: [String] = []
    let (names, nowNames) = (kept.columns.map(\.name), found.columns.map(\.name))
    if names != nowNames {
      return [
        "it returns \(nowNames.joined(separator: ", ")), and \(names.joined(separator: ", ")) is kept"
      ]
    }
    func isSame(_ kept: String, _ found: String) -> Bool {
      // A form of sqlx that is not known here says nothing.
      kept.isEmpty || found.isEmpty || kept == found.lowercased()
    }
    for (index, (column, now)) in zip(kept.columns, found.columns).enumerated() {
      if !isSame(column.type, now.type) {
        reasons.append("column \(column.name) is \(now.type), and \(column.type) is kept")
      }
      if column.isNullable == false, now.isNotNull == false {
        reasons.append("column \(column.name) may be NULL now")
      }
      let was = before?.columns.indices.contains(index) == true ? before?.columns[index] : nil
      if column.isNullable == true, now.isNotNull == true, was?.isNotNull == false {
        reasons.append("column \(column.name) is NOT NULL now")
      }
    }
    if let parameters = kept.parameters {
      let isEqual =
        parameters.count == found.parameters.count
        && zip(parameters, found.parameters).allSatisfy { isSame($0, $1) }
      if !isEqual {
        reasons.append(
          "it takes \(found.parameters.joined(separator: ", ")), and"
            + " \(parameters.joined(separator: ", ")) is kept")
      }
    }
    return reasons
  }
}
