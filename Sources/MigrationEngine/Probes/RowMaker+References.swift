import MigrationModel
import PostgresModel

/// What rows refer to: rows that are there, or that have to be made before.
extension RowMaker {
  /// Finds rows for the foreign keys of a table, and the values that lead to them.
  mutating func references(
    _ shape: TableShape, _ wish: Wish
  ) async throws -> [String: [String]] {
    var choices: [String: [String]] = [:]
    for key in shape.foreignKeys where !wish.withoutKeys.contains(key.name) {
      let columns = key.columns.compactMap { shape.column($0) }
      if key.columns.allSatisfy({ wish.fixed[$0] != nil }) { continue }
      let isOptional = columns.contains { !$0.isNotNull && !wish.filled.contains($0.name) }
      var known: [String: String] = [:]
      for (column, parent) in zip(key.columns, key.parentColumns) {
        if let value = wish.fixed[column] ?? choices[column]?.first, value != "NULL" {
          known[parent] = value
        }
      }
      do {
        let isUnique = shape.uniqueKeys.contains { $0.contains { key.columns.contains($0) } }
        let values = try await parent(of: key, known, isNew: isUnique, isOptional, shape)
        for (column, name) in zip(key.columns, key.parentColumns) {
          guard let shape = shape.column(column), let value = values[name] else { continue }
          choices[column] = [shape.cast(value)]
          if wish.isVaried { choices[column]? += try await others(key, than: value, shape) }
          if !shape.isNotNull, !wish.filled.contains(column) { choices[column]?.append("NULL") }
        }
        making[making.count - 1].chosen = choices
      } catch let error as CannotMake {
        guard isOptional else {
          guard key.parent == shape.oid else { throw error }
          // The first row of a table that refers to itself refers to itself.
          for (column, name) in zip(key.columns, key.parentColumns) {
            guard let child = shape.column(column), let own = shape.column(name) else { continue }
            let value = ValueCandidates(for: own, in: [], serial: serial).all.first ?? "NULL"
            choices[column] = [child.cast(value)]
            choices[name] = [value]
          }
          continue
        }
        for (column, name) in zip(key.columns, key.parentColumns) {
          guard let child = shape.column(column), !child.isNotNull else { continue }
          // A row may refer to itself; whether it does is for conditions to say.
          let own = key.parent == shape.oid ? shape.column(name) : nil
          let values = own.map { ValueCandidates(for: $0, in: [], serial: serial).all } ?? []
          choices[column] = ["NULL"] + values.prefix(2).map(child.cast)
        }
      }
    }
    return choices
  }

  /// The key of a row to refer to, as SQL: of one that is there, or of a new one.
  mutating func parent(
    of key: ForeignKeyShape, _ known: [String: String], isNew: Bool, _ isOptional: Bool,
    _ child: TableShape
  ) async throws -> [String: String] {
    let shape = try await shape(key.parent)
    let outer = making.lastIndex { $0.table == key.parent }
    // One that is there already has its child where each may have one alone.
    let isPromised = isNew && !isOptional && key.parent != child.oid
    if !isNew || outer != nil && !isPromised || !known.isEmpty,
      let stored = try await standing(shape, key, known)
    {
      return Self.values(of: stored, key)
    }
    if let outer {
      guard !isOptional, key.parent != child.oid else {
        throw CannotMake(
          reason: "a row of \(shape.object) needs one that needs it: they refer to each other")
      }
      return try await promise(key, of: shape, to: child, outer)
    }
    var wish = Wish(filled: Set(key.parentColumns), fixed: known)
    let rows = try await rows(key.parent, wish)
    guard rows.first?.circle.isOpen == true else {
      return Self.values(of: try await stored(rows, in: shape).stored, key)
    }
    // It can only be written together with this one, and what refers to it has to know its key.
    wish.explicit = Set(key.parentColumns)
    guard let row = try await self.rows(key.parent, wish).first else {
      throw CannotMake(reason: "no row for \(shape.object)")
    }
    try await join(row, by: key, child)
    return row.values.filter { key.parentColumns.contains($0.key) }
  }

  /// How many rows are there, as far as it is asked.
  func count(_ table: TableShape, most: Int) async throws -> Int {
    let sql = "SELECT count(*) FROM (SELECT FROM \(table.object) LIMIT \(most)) r"
    let rows = try await session.texts(sql)
    // What cannot be counted is not made either.
    return rows.value?.first?.first.flatMap { $0 }.flatMap { Int($0) } ?? most
  }

  /// Further rows that a key of one column may refer to.
  private func others(
    _ key: ForeignKeyShape, than value: String, _ column: ColumnShape
  ) async throws -> [String] {
    guard key.columns.count == 1, let parent = shapes[key.parent] else { return [] }
    let name = SQLText.identifier(key.parentColumns[0])
    let select = """
      SELECT DISTINCT \(name)::text FROM \(parent.object)
      WHERE \(name) IS NOT NULL AND \(name) <> \(value) LIMIT 4
      """
    return (try await session.texts(select).value ?? []).compactMap {
      $0.first.flatMap { $0 }.map(column.literal)
    }
  }

  /// A row that is there, with what is known of its key.
  private func standing(
    _ shape: TableShape, _ key: ForeignKeyShape, _ known: [String: String]
  ) async throws -> Stored? {
    let columns = shape.columns.map { "\(SQLText.identifier($0.name))::text" }
    let filled = key.parentColumns.map { "\(SQLText.identifier($0)) IS NOT NULL" }
    let same = known.map { "\(SQLText.identifier($0.key)) = \($0.value)" }.sorted()
    let select = """
      SELECT tableoid::bigint, ctid::text, \(columns.joined(separator: ", ")) FROM \(shape.object)
      WHERE \((filled + same).joined(separator: " AND ")) LIMIT 1
      """
    guard let cells = try await session.texts(select).value?.first, let relation = cells[0],
      let place = cells[1]
    else { return nil }
    let values = zip(shape.columnNames, cells.dropFirst(2)).map { ($0, $1) }
    return Stored(
      table: shape, relation: relation, place: place,
      values: Dictionary(uniqueKeysWithValues: values))
  }

  private static func values(of stored: Stored, _ key: ForeignKeyShape) -> [String: String] {
    var values: [String: String] = [:]
    for name in key.parentColumns where (stored.values[name] ?? nil) != nil {
      values[name] = stored.literal(name)
    }
    return values
  }
}
