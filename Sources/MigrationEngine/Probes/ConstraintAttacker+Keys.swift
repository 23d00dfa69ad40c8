import MigrationModel
import Postgres
import PostgresModel

/// Attacks by a second row that must not stand beside the first.
extension ConstraintAttacker {
  mutating func attackKey() async throws -> ConstraintSight {
    let version = session.connection.serverVersion
    let query = UniqueKeyShape.query(of: constraint, serverVersion: version)
    guard let key = try await session.connection.rows(query).first else {
      throw RowMaker.CannotMake(reason: "its index is not there")
    }
    let shape = try await maker.shape(constraint.ownerOID)
    let columns = Self.written(key.columns, of: shape)
    let filled = columns.filter { constraint.columns.contains($0) || constraint.columns.isEmpty }
    // A copy of the first row must be in conflict with it: neither NULL nor an empty range is.
    let first = RowMaker.Wish(
      filled: Set(filled), explicit: Set(columns), conditions: [(key.condition, .isTrue)])
    var sight = ConstraintSight(constraint.subject, control: .notPossible(""))
    sight.attacks = [try await attackBySecond(first, key, columns, &sight)]
    if key.nullsNotDistinct {
      let empty = columns.filter { shape.column($0)?.isNotNull == false }
      if empty.isEmpty {
        sight.remarks.append("NULLS NOT DISTINCT says nothing: no column of it may be NULL")
      } else {
        var wish = RowMaker.Wish(explicit: Set(columns))
        for column in empty { wish.fixed[column] = "NULL" }
        if let predicate = key.predicate { wish.conditions = [(predicate, .isTrue)] }
        sight.attacks.append(try await attackBySecond(wish, key, columns, &sight))
      }
    }
    return sight
  }

  /// Stores a row, and tries another with the same key.
  private mutating func attackBySecond(
    _ wish: RowMaker.Wish, _ key: UniqueKeyShape, _ columns: [String],
    _ sight: inout ConstraintSight
  ) async throws -> Attack {
    let (row, stored) = try await maker.stored(constraint.ownerOID, wish)
    sight.control = .accepted(words(row, columns))
    var second = RowMaker.Wish(explicit: Set(columns))
    if let predicate = key.predicate { second.conditions = [(predicate, .isTrue)] }
    for column in columns { second.fixed[column] = stored.literal(column) }
    let words = "a second " + words(row, columns).dropFirst(2)
    let rows = try await maker.rows(constraint.ownerOID, second)
    let code = constraint.kind == .exclusion ? "23P01" : "23505"
    let expected = ExpectedRejection([code], .constraint(key.names))
    let removal =
      constraint.kind == .uniqueIndex
      ? ["DROP INDEX \(try await indexName()) CASCADE"] : dropped
    let decisive = try await settled(rows) { row in
      try await attack(
        row, words, expecting: expected, removal: removal,
        violation: {
          key.conflict(in: row.table.object, stored.condition, $0.condition)
        })
    }
    guard let decisive else { throw RowMaker.CannotMake(reason: "no second row could be made") }
    return decisive
  }

  private func indexName() async throws -> String {
    let query = Query<String>(
      """
      SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname)
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1
      """, [String(constraint.oid)]
    ) { (row) throws(ResultRow.Mismatch) in try row.string(0) }
    return try await session.connection.rows(query).first ?? SQLText.identifier(constraint.name)
  }

  /// The columns that have to be given for these to be what they are.
  private static func written(_ columns: [String], of shape: TableShape) -> [String] {
    var all: [String] = []
    for column in columns {
      let sources = shape.column(column)?.generated.map {
        ExpressionWords($0).columns(of: shape.columnNames)
      }
      for source in sources ?? [column] where !all.contains(source) { all.append(source) }
    }
    return all
  }
}
