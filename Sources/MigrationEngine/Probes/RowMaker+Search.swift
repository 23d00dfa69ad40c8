import MigrationModel
import PostgresModel

/// The search for values that go together.
extension RowMaker {
  func search(
    _ shape: TableShape, _ wish: Wish, _ choices: [String: [String]]
  ) async throws -> [Row] {
    let names = shape.columnNames
    let generated = shape.columns.filter { $0.generated != nil }
    var conditions = shape.conditions
      .filter { condition in condition.name.map { !wish.withoutChecks.contains($0) } ?? true }
      .map { (expression: $0.expression, aim: RowSearch.Aim.notFalse) }
    conditions += wish.conditions
    var groups: [(columns: Set<String>, conditions: [(expression: String, aim: RowSearch.Aim)])] =
      []
    for condition in conditions {
      var columns = Set(ExpressionWords(condition.expression).columns(of: names))
      for column in generated where columns.contains(column.name) {
        columns.formUnion(ExpressionWords(column.generated ?? "").columns(of: names))
      }
      let joined = groups.filter { !$0.columns.isDisjoint(with: columns) }
      groups.removeAll { !$0.columns.isDisjoint(with: columns) }
      groups.append(
        (
          joined.reduce(columns) { $0.union($1.columns) },
          joined.flatMap(\.conditions) + [condition]
        ))
    }
    var found: [[[String: String]]] = []
    for group in groups {
      let rows = try await hits(group, shape, choices, wish)
      guard !rows.isEmpty else {
        let texts = group.conditions.map(\.expression).joined(separator: " AND ")
        throw CannotMake(
          reason: "no values were found for \(shape.object) with which this holds: \(texts)")
      }
      found.append(rows)
    }
    var plain: [String: String] = [:]
    let grouped = groups.reduce(into: Set<String>()) { $0.formUnion($1.columns) }
    for (column, values) in choices where !grouped.contains(column) {
      guard let value = values.first else {
        throw CannotMake(reason: "no value is known for \(column) of \(shape.object)")
      }
      plain[column] = value
    }
    let count = min(found.map(\.count).max() ?? 1, 16)
    return (0..<count).map { index in
      let values = found.reduce(plain) { values, group in
        values.merging(group[min(index, group.count - 1)]) { _, new in new }
      }
      return Row(table: shape, values: values)
    }
  }

  /// The combinations of one group of columns.
  func hits(
    _ group: (columns: Set<String>, conditions: [(expression: String, aim: RowSearch.Aim)]),
    _ shape: TableShape, _ choices: [String: [String]], _ wish: Wish
  ) async throws -> [[String: String]] {
    let generated = shape.columns.filter { group.columns.contains($0.name) }
      .compactMap { column in column.generated.map { (column: column.name, expression: $0) } }
    let columns = shape.columns.filter {
      group.columns.contains($0.name) && $0.generated == nil
    }
    var search = RowSearch(
      choices: columns.map { ($0.name, choices[$0.name] ?? ["NULL::\($0.type)"]) },
      conditions: group.conditions, generated: generated, alias: wish.alias)
    search.choices = search.choices.map { choice in
      (
        choice.column,
        choice.values.map { value in
          value == "NULL" ? "NULL::\(shape.column(choice.column)?.type ?? "text")" : value
        }
      )
    }
    search.limit()
    func row(_ places: [Int]) -> [String: String] {
      var values: [String: String] = [:]
      for (choice, place) in zip(search.choices, places) {
        values[choice.column] = choice.values[place]
      }
      return values
    }
    guard !search.choices.isEmpty else {
      let isTrue = try await judged(search.select([])).value?.first?.first == "t"
      return isTrue ? [[:]] : []
    }
    if let rows = try await judged(search.select(limit: wish.isVaried ? 64 : 16)).value {
      return rows.map { row($0.map { Int($0 ?? "") ?? 0 }) }
    }
    // Some combination makes an expression fail: one after the other, so that only it falls out.
    var found: [[String: String]] = []
    for places in search.places(most: 300) where found.count < 8 {
      let answer = try await judged(search.select(places))
      if answer.value?.first?.first == "t" { found.append(row(places)) }
    }
    return found
  }

  /// Asks as the role whose judgement counts.
  private func judged(_ sql: String) async throws -> Answer<[[String?]]> {
    guard let judge else { return try await session.texts(sql) }
    return try await session.acting(as: judge) { try await session.texts(sql) }
  }
}
