import MigrationModel
import Postgres
import PostgresModel

/// Makes rows that a table takes, with the rows of other tables that they refer to.
///
/// Works in an open transaction that is rolled back later. What a row needs beside itself is inserted at
/// once; the row itself is only planned.
struct RowMaker: Sendable {
  let session: ProbeSession
  var shapes: [Int64: TableShape] = [:]
  /// Counts rows, so that no two have the same plain values.
  var serial = 0
  /// The role as which conditions are judged; `nil` for that of the session.
  var judge: String?
  /// Tables for which a row is being made, outermost first.
  var making: [Making] = []

  init(_ session: ProbeSession) { self.session = session }

  /// Why no row could be made.
  struct CannotMake: Error, Sendable {
    var reason: String
  }

  /// What a row has to be like.
  struct Wish: Sendable {
    /// Columns that must have a value.
    var filled: Set<String> = []
    /// Columns whose value is given, as SQL.
    var fixed: [String: String] = [:]
    /// Columns that are to have a value of their own in the statement, whatever their default.
    var explicit: Set<String> = []
    /// Further conditions.
    var conditions: [(expression: String, aim: RowSearch.Aim)] = []
    /// Checks that are to be left out of account.
    var withoutChecks: Set<String> = []
    /// Foreign keys that need no row to refer to.
    var withoutKeys: Set<String> = []
    /// Whether to make rows that differ in what conditions mention.
    var isVaried = false
    var alias = "new"
  }

  /// A row as a statement may insert it.
  struct Row: Sendable, Hashable {
    var table: TableShape
    /// In the order of the table's columns; a column that is not there takes its default.
    var values: [String: String]
    /// Where rows need each other: those that have to be written together with it.
    var circle = Circle()

    /// The statement, which returns table, place and every column as text.
    var insert: String {
      let given = table.columns.filter { values[$0.name] != nil }
      let columns = given.map { SQLText.identifier($0.name) }.joined(separator: ", ")
      let identity = given.contains { !$0.identity.isEmpty } ? " OVERRIDING SYSTEM VALUE" : ""
      let list = given.map { values[$0.name] ?? "DEFAULT" }.joined(separator: ", ")
      let body = given.isEmpty ? "DEFAULT VALUES" : "(\(columns))\(identity) VALUES (\(list))"
      return "INSERT INTO \(table.object) \(body)"
    }

    func with(_ column: String, _ value: String?) -> Row {
      var row = self
      row.values[column] = value
      return row
    }
  }

  /// A row that is there.
  struct Stored: Sendable, Hashable {
    var table: TableShape
    /// The table that holds it, which may be a partition, as an oid; and its `ctid`.
    var relation: String
    var place: String
    /// What is in it, as text.
    var values: [String: String?]

    /// A condition that is true of this row alone, until it is changed.
    var condition: String { "tableoid = \(relation) AND ctid = '\(place)'" }

    /// The value of a column, as SQL.
    func literal(_ column: String) -> String {
      guard let shape = table.column(column), let value = values[column] ?? nil else {
        return "NULL"
      }
      return shape.literal(value)
    }
  }

  // MARK: Tables

  /// Reads what is to be known of a table; once.
  mutating func shape(_ oid: Int64) async throws -> TableShape {
    if let known = shapes[oid] { return known }
    let connection = session.connection
    guard var shape = try await connection.rows(TableShape.query(oid)).first else {
      throw CannotMake(reason: "the table is not there")
    }
    shape.columns = try await connection.rows(shape.columnsQuery)
    shape.conditions = try await connection.rows(shape.conditionsQuery)
    shape.foreignKeys = try await connection.rows(shape.foreignKeysQuery)
    shape.uniqueKeys = try await connection.rows(shape.uniqueKeysQuery)
    shapes[oid] = shape
    return shape
  }

  /// Takes over what another has read of tables.
  mutating func learn(from other: RowMaker) {
    shapes.merge(other.shapes) { own, _ in own }
  }

  /// Takes partitions' bounds out of account, so that rows outside can be made.
  mutating func forgetBounds(of oid: Int64) {
    shapes[oid]?.conditions.removeAll { $0.name == nil }
  }

  // MARK: Rows

  /// Inserts a row and keeps it.
  ///
  /// - Throws: `CannotMake` with the last reason of the server where it takes none.
  mutating func store(_ oid: Int64, _ wish: Wish = Wish()) async throws -> Stored {
    try await stored(oid, wish).stored
  }

  /// As `store`, with the row as it was given.
  mutating func stored(
    _ oid: Int64, _ wish: Wish = Wish()
  ) async throws -> (row: Row, stored: Stored) {
    let rows = try await rows(oid, wish)
    return try await stored(rows, in: try await shape(oid))
  }

  /// The first of these rows that the server takes.
  func stored(
    _ rows: [Row], in shape: TableShape
  ) async throws -> (row: Row, stored: Stored) {
    var last = "no combination of values fulfils its conditions"
    for row in rows {
      switch try await insert(row) {
      case .accepted(let found?): return (row, found)
      case .accepted(nil):
        last = "the row was taken and is not there: a trigger or rule left it out"
      case .rejected(let rejection): last = rejection.words
      }
    }
    throw CannotMake(reason: "no row for \(shape.object): \(last)")
  }

  /// Inserts a row with those that it needs and that need it; `nil` where nothing was stored.
  func insert(_ row: Row) async throws -> Answer<Stored?> {
    guard !row.circle.companions.isEmpty else { return try await insertAlone(row) }
    return try await insertWhole(row)
  }

  func insertAlone(_ row: Row) async throws -> Answer<Stored?> {
    let columns = row.table.columns.map { "\(SQLText.identifier($0.name))::text" }
    let returned = (["tableoid::bigint", "ctid::text"] + columns).joined(separator: ", ")
    switch try await session.texts("\(row.insert) RETURNING \(returned)") {
    case .rejected(let rejection): return .rejected(rejection)
    case .accepted(let found):
      guard let cells = found.first, let relation = cells[0], let place = cells[1] else {
        return .accepted(nil)
      }
      let values = zip(row.table.columnNames, cells.dropFirst(2))
      return .accepted(
        Stored(
          table: row.table, relation: relation, place: place,
          values: Dictionary(uniqueKeysWithValues: values.map { ($0, $1) })))
    }
  }

  /// Plans rows that fulfil every condition, the best first.
  ///
  /// - Throws: `CannotMake` where there are none.
  mutating func rows(_ oid: Int64, _ wish: Wish = Wish()) async throws -> [Row] {
    let shape = try await shape(oid)
    guard shape.kind != "f" else {
      throw CannotMake(reason: "\(shape.object) is a foreign table, which is not written to")
    }
    guard making.count < 8 else { throw CannotMake(reason: "too many tables refer to each other") }
    serial += 1
    making.append(Making(table: oid, wish: wish))
    defer { making.removeLast() }
    var choices = try await references(shape, wish)
    for (column, value) in making.last?.promised ?? [:] { choices[column] = [value] }
    let sample = try await sample(shape)
    var wanted: [String: [String]] = [:]
    for column in shape.columns
    where column.generated == nil && choices[column.name] == nil
      && wish.fixed[column.name] == nil
    {
      wanted[column.name] = candidates(column, shape, wish, sample)
    }
    for (name, values) in try await taken(wanted) {
      guard let column = shape.column(name) else { continue }
      choices[name] = allowed(values, column, wish)
    }
    for (column, value) in wish.fixed { choices[column] = [value] }
    let circle = making.last?.circle.closed(at: oid) ?? Circle()
    return try await search(shape, wish, choices).map { row in
      var row = row
      row.circle = circle
      return row
    }
  }

  /// A row that is there already, whose values are good examples.
  private func sample(_ shape: TableShape) async throws -> [String: String] {
    let columns = shape.columns.filter { $0.generated == nil }
    guard !columns.isEmpty else { return [:] }
    let list = columns.map { "\(SQLText.identifier($0.name))::text" }.joined(separator: ", ")
    let found = try await session.texts("SELECT \(list) FROM \(shape.object) LIMIT 1")
    guard let cells = found.value?.first else { return [:] }
    var values: [String: String] = [:]
    for (column, cell) in zip(columns, cells) { values[column.name] = cell.map(column.literal) }
    return values
  }

  /// The values a column may take; none where its default is to be used.
  private func candidates(
    _ column: ColumnShape, _ shape: TableShape, _ wish: Wish, _ sample: [String: String]
  ) -> [String]? {
    let expressions =
      (shape.conditions.map(\.expression) + wish.conditions.map(\.expression)
      + shape.columns.compactMap(\.generated))
      .filter { ExpressionWords($0).names.contains(column.name) }
    let isUnique = shape.uniqueKeys.contains { $0.contains(column.name) }
    let isAsked =
      wish.filled.contains(column.name) || wish.explicit.contains(column.name)
      || !expressions.isEmpty || (isUnique && !column.isFilledAnew)
    if !isAsked, column.defaultValue != nil || !column.identity.isEmpty { return nil }
    var all = ValueCandidates(for: column, in: expressions, serial: serial).all
    guard !isUnique else { return all }
    if let value = sample[column.name] { all.insert(value, at: 0) }
    if let value = column.defaultValue, !column.isFilledAnew {
      all.insert(column.cast(value), at: 0)
    }
    return all
  }

  /// What is left of the candidates, with `NULL` where that may be; none where the default is to be used.
  private func allowed(_ values: [String], _ column: ColumnShape, _ wish: Wish) -> [String]? {
    if !column.isNotNull, !wish.filled.contains(column.name) { return values + ["NULL"] }
    if values.isEmpty, column.defaultValue != nil || !column.identity.isEmpty { return nil }
    return values
  }

  /// Those of these expressions that the server can evaluate to something.
  func taken(_ expressions: [String]) async throws -> [String] {
    try await taken(["": expressions])[""] ?? []
  }

  /// The same for several columns at once: in one question where all of them can be evaluated.
  private func taken(_ columns: [String: [String]]) async throws -> [String: [String]] {
    let names = columns.keys.sorted()
    let all = names.flatMap { columns[$0] ?? [] }
    guard !all.isEmpty else { return columns }
    let isGood: [Bool]
    if let row = try await areTaken(all) {
      isGood = row
    } else if names.count > 1 {
      var found: [String: [String]] = [:]
      for name in names {
        found[name] = try await taken(["": columns[name] ?? []])[""]
      }
      return found
    } else {
      var each: [Bool] = []
      for expression in all { each.append(try await areTaken([expression])?.first ?? false) }
      isGood = each
    }
    var found: [String: [String]] = [:]
    var rest = Array(zip(all, isGood))[...]
    for name in names {
      let count = columns[name]?.count ?? 0
      found[name] = rest.prefix(count).filter(\.1).map(\.0)
      rest = rest.dropFirst(count)
    }
    return found
  }

  /// Whether each of these is not NULL; `nil` where one of them cannot be evaluated.
  private func areTaken(_ expressions: [String]) async throws -> [Bool]? {
    // A target list holds no more than this.
    guard expressions.count <= 1600 else { return nil }
    let list = expressions.map { "(\($0)) IS NOT NULL" }.joined(separator: ", ")
    return try await session.texts("SELECT \(list)").value?.first?.map { $0 == "t" }
  }
}
