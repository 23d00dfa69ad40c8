import JSON
import MigrationModel
import Postgres
import PostgresModel

/// Asks the catalogue whether a statement outside a transaction has taken effect.
struct EffectInspection: Sendable {
  var connection: Connection

  /// Answers a question in the session settings that the statement had; nothing is changed.
  func answer(
    _ question: EffectQuestion, settings: [String]
  ) async throws(DatabaseError) -> EffectAnswer {
    guard let query = query(question) else { return .nothing }
    try await connection.execute((["BEGIN READ ONLY"] + settings).joined(separator: ";\n"))
    let rows: [EffectAnswer]
    do throws(DatabaseError) {
      rows = try await connection.rows(query)
    } catch {
      _ = try? await connection.execute("ROLLBACK")
      throw error
    }
    try await connection.execute("ROLLBACK")
    return rows.first ?? .nameNotFound
  }

  private func query(_ question: EffectQuestion) -> Query<EffectAnswer>? {
    switch question {
    case .repeatable, .transaction, .untold: nil
    case .indexBuilt(let shape): built(shape)
    case .indexDropped(let name):
      indexes("c.oid = pg_catalog.to_regclass($1)", [name.sql])
    case .reindexed(let target): reindexed(target)
    case .valueAdded(let type, let value):
      Query(
        """
        SELECT EXISTS (SELECT FROM pg_catalog.pg_enum WHERE enumtypid = t AND enumlabel = $2)
        FROM pg_catalog.to_regtype($1) t WHERE t IS NOT NULL
        """, [type.sql, value]
      ) { row throws(ResultRow.Mismatch) in .valueIsThere(try row.bool(0)) }
    case .partitionDetached(let table, let partition): detached(table, partition)
    }
  }

  private func built(_ shape: IndexShape) -> Query<EffectAnswer> {
    let table = "pg_catalog.to_regclass($1) IS NOT NULL"
    guard let name = shape.name else {
      return indexes(
        "i.indrelid = pg_catalog.to_regclass($1)", [shape.table.sql], where: table)
    }
    return indexes(
      """
      c.relname = $2 AND c.relnamespace =
        (SELECT relnamespace FROM pg_catalog.pg_class WHERE oid = pg_catalog.to_regclass($1))
      """, [shape.table.sql, name], where: table)
  }

  /// What is left of it is invalid and bears the mark of its end; indexes of TOAST tables cannot be
  /// dropped and are left out.
  private func reindexed(_ target: EffectQuestion.ReindexTarget) -> Query<EffectAnswer> {
    let mark = "NOT i.indisvalid AND c.relname ~ '_cc(new|old)[0-9]*$' AND t.relkind <> 't'"
    switch target {
    case .database: return indexes(mark, [])
    case .schema(let name): return indexes("\(mark) AND n.nspname = $1", [name])
    case .table(let name):
      return indexes("\(mark) AND t.oid = pg_catalog.to_regclass($1)", [name.sql])
    case .index(let name):
      return indexes(
        """
        \(mark) AND t.oid = (SELECT indrelid FROM pg_catalog.pg_index
          WHERE indexrelid = pg_catalog.to_regclass($1))
        """, [name.sql])
    }
  }

  private func detached(_ table: QualifiedName, _ partition: QualifiedName) -> Query<EffectAnswer> {
    // The column came with PostgreSQL 14, and with it the statement.
    Query(
      """
      SELECT (SELECT pg_catalog.to_jsonb(h) ->> 'inhdetachpending' FROM pg_catalog.pg_inherits h
        WHERE h.inhparent = t AND h.inhrelid = p)
      FROM pg_catalog.to_regclass($1) t, pg_catalog.to_regclass($2) p
      WHERE t IS NOT NULL AND p IS NOT NULL
      """, [table.sql, partition.sql]
    ) { row throws(ResultRow.Mismatch) in
      switch row.optionalString(0) {
      case nil: .partition(.detached)
      case "true": .partition(.pending)
      default: .partition(.attached)
      }
    }
  }

  private func indexes(
    _ condition: String, _ parameters: [String], where outer: String = "true"
  ) -> Query<EffectAnswer> {
    Query(
      "SELECT (\(IndexFacts.sql(where: condition))) WHERE \(outer)", parameters
    ) { row throws(ResultRow.Mismatch) in .indexes(IndexFacts.read(row.optionalString(0))) }
  }
}

/// Reads indexes from the catalogue as one value of JSON.
enum IndexFacts {
  /// Every index of the database that no query may use, those of partitioned and TOAST tables left out:
  /// the first wait for their partitions, the others belong to their tables.
  static let invalidSQL = sql(
    where: "NOT i.indisvalid AND c.relkind = 'i' AND t.relkind <> 't' AND c.relpersistence <> 't'")

  /// A query of one row and column.
  ///
  /// Whoever builds an index holds SHARE UPDATE EXCLUSIVE on its table; so do others, but then it is only
  /// said later.
  static func sql(where condition: String) -> String {
    """
    SELECT pg_catalog.json_agg(pg_catalog.json_build_array(n.nspname, c.relname, tn.nspname, t.relname,
        i.indisvalid, pg_catalog.pg_get_indexdef(c.oid),
        NOT i.indisvalid AND EXISTS (SELECT FROM pg_catalog.pg_locks l
          WHERE l.locktype = 'relation' AND l.relation = t.oid AND l.granted
            AND l.mode = 'ShareUpdateExclusiveLock' AND l.pid <> pg_catalog.pg_backend_pid()
            AND l.database = (SELECT oid FROM pg_catalog.pg_database
              WHERE datname = pg_catalog.current_database())))
      ORDER BY n.nspname, c.relname)
    FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
    JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
    WHERE \(condition)
    """
  }

  static func read(_ json: String?) -> [IndexFact] {
    guard let json, let rows = JSONValue(reading: json)?.elements else { return [] }
    return rows.compactMap { row in
      guard let cells = row.elements, cells.count == 7, let schema = cells[0].text,
        let name = cells[1].text, let tableSchema = cells[2].text, let table = cells[3].text,
        let definition = cells[5].text
      else { return nil }
      return IndexFact(
        name: QualifiedName(schema: schema, name),
        table: QualifiedName(schema: tableSchema, table), isValid: cells[4] == .bool(true),
        isBeingBuilt: cells[6] == .bool(true), definition: definition)
    }
  }
}
