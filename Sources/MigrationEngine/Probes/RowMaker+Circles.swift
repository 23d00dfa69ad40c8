import MigrationModel
import PostgresModel

/// Rows of tables that need each other: they are planned together, and written with the foreign keys that can
/// wait put off until all of them are there.
extension RowMaker {
  /// A table for which a row is being made.
  struct Making: Sendable {
    var table: Int64
    var wish: Wish
    /// What foreign keys have led to so far.
    var chosen: [String: [String]] = [:]
    /// Values that its row is to have, as others that it needs refer to it already. By column, as SQL.
    var promised: [String: String] = [:]
    var circle = Circle()
  }

  /// What has to be written together with a row.
  struct Circle: Sendable, Hashable {
    /// In the order in which they are written.
    var companions: [Companion] = []
    /// Foreign keys, by name as SQL, that have to wait for it.
    var deferred: [String] = []
    /// Keys to rows that are still to be made.
    var ahead: [Ahead] = []

    struct Companion: Sendable, Hashable {
      var row: Row
      var isAfter: Bool
    }

    struct Ahead: Sendable, Hashable {
      var table: Int64
      /// As SQL.
      var name: String
      var isDeferrable: Bool
    }

    /// Whether it needs a row that is not planned yet.
    var isOpen: Bool { !ahead.isEmpty }

    /// The same once the row of this table is planned.
    func closed(at table: Int64) -> Circle {
      var circle = self
      circle.ahead.removeAll { $0.table == table }
      return circle
    }
  }

  /// Lets a row refer to an outer one that is not there yet: what key that will have is settled here.
  mutating func promise(
    _ key: ForeignKeyShape, of parent: TableShape, to child: TableShape, _ outer: Int
  ) async throws -> [String: String] {
    var values: [String: String] = [:]
    for name in key.parentColumns {
      let frame = making[outer]
      var value = frame.wish.fixed[name] ?? frame.promised[name] ?? frame.chosen[name]?.first
      if value == nil, let column = parent.column(name) {
        value = try await keyValue(column, of: parent, frame.wish)
      }
      guard let value, value != "NULL" else {
        throw CannotMake(reason: "no value is known for \(name) of \(parent.object)")
      }
      making[outer].promised[name] = value
      values[name] = value
    }
    making[making.count - 1].circle.ahead.append(
      .init(
        table: parent.oid, name: Self.name(of: key, child), isDeferrable: key.isDeferrable))
    return values
  }

  /// A value that is what the conditions on this column alone want.
  private func keyValue(
    _ column: ColumnShape, of table: TableShape, _ wish: Wish
  ) async throws -> String? {
    let checks = table.conditions
      .filter { condition in condition.name.map { !wish.withoutChecks.contains($0) } ?? true }
      .map { (expression: $0.expression, aim: RowSearch.Aim.notFalse) }
    let conditions = (checks + wish.conditions).filter {
      ExpressionWords($0.expression).columns(of: table.columnNames) == [column.name]
    }
    let all = ValueCandidates(for: column, in: conditions.map(\.expression), serial: serial).all
    let values = try await taken(all)
    guard !conditions.isEmpty else { return values.first }
    let group = (columns: Set([column.name]), conditions: conditions)
    return try await hits(group, table, [column.name: values], wish).first?[column.name]
  }

  /// Takes a row that waits for the one that is being made into the circle.
  ///
  /// - Throws: `CannotMake` where neither of the two can be written first.
  mutating func join(_ row: Row, by key: ForeignKeyShape, _ child: TableShape) async throws {
    let last = making.count - 1
    var isAfter = false
    if row.circle.ahead.allSatisfy(\.isDeferrable) {
      making[last].circle.deferred += row.circle.ahead.map(\.name)
    } else if key.isDeferrable {
      isAfter = true
      making[last].circle.deferred.append(Self.name(of: key, child))
    } else {
      throw CannotMake(
        reason: "a row of \(child.object) needs one of \(row.table.object) that needs it, and no"
          + " foreign key between them can be deferred: they refer to each other")
    }
    making[last].circle.deferred += row.circle.deferred
    making[last].circle.ahead += row.circle.ahead
    making[last].circle.companions.append(.init(row: row, isAfter: isAfter))
  }

  private static func name(of key: ForeignKeyShape, _ table: TableShape) -> String {
    QualifiedName(schema: QualifiedName(parsing: table.object).schema, key.name).sql
  }

  // MARK: Writing

  /// Writes what has to be there before the row, and puts off what has to wait for it; for statements that
  /// write the row themselves.
  ///
  /// - Returns: Why that cannot be; `nil` where it is done.
  func prepare(_ row: Row) async throws -> Rejection? {
    guard !row.circle.companions.isEmpty else { return nil }
    try await setConstraints(of: row, "DEFERRED")
    for companion in row.circle.companions where !companion.isAfter {
      if let rejection = try await insertPieces(companion.row).rejection { return rejection }
    }
    return nil
  }

  /// Writes the whole circle, or nothing of it.
  func insertWhole(_ row: Row) async throws -> Answer<Stored?> {
    try await session.whole {
      try await setConstraints(of: row, "DEFERRED")
      let answer = try await insertPieces(row)
      guard case .accepted = answer else { return answer }
      return try await setConstraints(of: row, "IMMEDIATE").map { .rejected($0) } ?? answer
    }
  }

  private func insertPieces(_ row: Row) async throws -> Answer<Stored?> {
    for companion in row.circle.companions where !companion.isAfter {
      if let rejection = try await insertPieces(companion.row).rejection {
        return .rejected(rejection)
      }
    }
    let answer = try await insertAlone(row)
    guard case .accepted = answer else { return answer }
    for companion in row.circle.companions where companion.isAfter {
      if let rejection = try await insertPieces(companion.row).rejection {
        return .rejected(rejection)
      }
    }
    return answer
  }

  @discardableResult
  private func setConstraints(of row: Row, _ time: String) async throws -> Rejection? {
    for name in Set(row.circle.deferred).sorted() {
      let answer = try await session.attempt("SET CONSTRAINTS \(name) \(time)")
      // What was dropped for the attack is not missed.
      if let rejection = answer.rejection, rejection.sqlstate != "42704" { return rejection }
    }
    return nil
  }
}
