import JSON
import PostgresModel

/// A plan as `EXPLAIN (FORMAT JSON, VERBOSE)` gives it, as far as plans are compared.
///
/// Source: PostgreSQL manual, EXPLAIN; `src/backend/commands/explain.c` for the names of its fields.
struct QueryPlan: Sendable, Hashable {
  /// Whole reads of tables: the table's qualified name, once for each.
  var sequentialScans: [String] = []
  /// The indexes that are used, with the table that each serves.
  var indexes: [String: String] = [:]
  /// Every table that is read or written.
  var relations: Set<QualifiedName> = []
  /// Blocks found in memory and read, of the run; `nil` where it was not run.
  var buffers: Int64?
  /// Of the run, planning left out.
  var milliseconds: Double?

  /// - Returns: `nil` for what is no plan.
  init?(json text: String) {
    guard let json = JSONValue(reading: text), let first = json.elements?.first,
      let root = first["Plan"]
    else { return nil }
    walk(root, table: nil)
    milliseconds = first["Execution Time"]?.decimalNumber
    if let hit = root["Shared Hit Blocks"]?.wholeNumber {
      buffers = hit + (root["Shared Read Blocks"]?.wholeNumber ?? 0)
    }
  }

  private mutating func walk(_ node: JSONValue, table outer: String?) {
    var table = outer
    if let relation = node["Relation Name"]?.text {
      let name = node["Schema"]?.text.map { "\($0).\(relation)" } ?? relation
      relations.insert(QualifiedName(schema: node["Schema"]?.text, relation))
      table = name
      if node["Node Type"]?.text == "Seq Scan" { sequentialScans.append(name) }
    }
    // A bitmap's index names no table; the scan of the heap above it does.
    if let index = node["Index Name"]?.text { indexes[index] = table ?? "" }
    for child in node["Plans"]?.elements ?? [] { walk(child, table: table) }
  }

  /// Tables that the other plan reached by an index, and that this one reads whole: the index is lost to
  /// the query.
  func lostIndexes(since before: QueryPlan) -> [(index: String, table: String)] {
    before.indexes.filter { index, table in
      indexes[index] == nil && sequentialScans.contains(table)
        && !indexes.values.contains(table)
    }.map { ($0.key, $0.value) }.sorted { $0.index < $1.index }
  }

  /// Tables that this plan reads whole oftener than the other.
  func newScans(since before: QueryPlan) -> [String] {
    Set(sequentialScans).filter { table in
      sequentialScans.count { $0 == table } > before.sequentialScans.count { $0 == table }
    }.sorted()
  }
}
