import MigrationModel
import Postgres
import PostgresModel

/// Attacks from both ends of a foreign key.
extension ConstraintAttacker {
  mutating func attackForeignKey() async throws -> ConstraintSight {
    guard let reference = constraint.reference else {
      throw RowMaker.CannotMake(reason: "what it refers to is not there")
    }
    names = try await session.connection.rows(constraint.repeatedNames)
    let shape = try await maker.shape(constraint.ownerOID)
    let parents = try await session.texts("SELECT count(*) FROM \(reference.object)")
    hasParents = parents.value?.first?.first != "0"
    let parent = try await newParent(shape, reference)
    var wish = RowMaker.Wish(filled: Set(constraint.columns))
    for (column, name) in zip(constraint.columns, reference.columns) {
      wish.fixed[column] = shape.column(column)?.literal((parent.values[name] ?? nil) ?? "")
    }
    let row = try await control(wish)
    var sight = ConstraintSight(
      constraint.subject,
      control: .accepted("a row of \(shape.object) with a row of \(reference.object) to refer to"))
    if let attack = try await attackWithoutParent(shape, reference, row) {
      sight.attacks.append(attack)
    } else {
      sight.doubts.append("no key was found that \(reference.object) does not have")
    }
    if reference.isMatchFull, constraint.columns.count > 1 {
      if let attack = try await attackWithHalfKey(shape, row) { sight.attacks.append(attack) }
    }
    try await attackParent(&sight, shape, reference, parent, row)
    return sight
  }

  /// A row that only the child of the attack refers to.
  private mutating func newParent(
    _ shape: TableShape, _ reference: ProbedConstraint.Reference
  ) async throws -> RowMaker.Stored {
    // Other keys to the same table take the first row that is there: let it be another one.
    if shape.foreignKeys.contains(where: {
      $0.parent == reference.table && $0.name != constraint.name
    }) {
      _ = try await maker.store(reference.table, RowMaker.Wish(filled: Set(reference.columns)))
    }
    let wish = RowMaker.Wish(filled: Set(reference.columns))
    let (row, stored) = try await maker.stored(reference.table, wish)
    guard !row.circle.companions.isEmpty else { return stored }
    // What had to be made with it refers to it: now that it is there another one may stand alone.
    guard let other = try? await maker.stored(reference.table, wish),
      other.row.circle.companions.isEmpty
    else { return stored }
    return other.stored
  }

  /// A row whose key no parent has.
  private mutating func attackWithoutParent(
    _ shape: TableShape, _ reference: ProbedConstraint.Reference, _ base: RowMaker.Row
  ) async throws -> Attack? {
    let wish = RowMaker.Wish(
      filled: Set(constraint.columns), explicit: Set(constraint.columns),
      withoutKeys: [constraint.name], isVaried: true)
    var rows: [RowMaker.Row] = []
    for row in await found(wish) {
      if try await isOrphan(row, reference) { rows.append(row) }
    }
    // Where the other columns belong to other keys, one column alone may do.
    for column in constraint.columns where rows.isEmpty {
      guard let shape = shape.column(column) else { continue }
      let values = ValueCandidates(for: shape, in: [], serial: 7919).all
      for value in try await maker.taken(values).prefix(4) {
        let row = base.with(column, value)
        if try await isOrphan(row, reference) { rows.append(row) }
      }
    }
    let columns = constraint.columns
    let pairs = zip(columns, reference.columns).map {
      "p.\(SQLText.identifier($1)) = c.\(SQLText.identifier($0))"
    }.joined(separator: " AND ")
    let (expected, removal) = (expectedForeignKey, dropped)
    return try await settled(rows) { row in
      try await attack(
        row, words(row, columns) + ", which no row of \(reference.object) has",
        expecting: expected, removal: removal,
        violation: { stored in
          """
          SELECT NOT EXISTS (SELECT FROM \(reference.object) p WHERE \(pairs))
          FROM \(shape.object) c WHERE c.tableoid = \(stored.relation) AND c.ctid = '\(stored.place)'
          """
        })
    }
  }

  private func isOrphan(
    _ row: RowMaker.Row, _ reference: ProbedConstraint.Reference
  ) async throws -> Bool {
    let pairs = zip(constraint.columns, reference.columns).map {
      "\(SQLText.identifier($1)) = \(row.values[$0] ?? "NULL")"
    }.joined(separator: " AND ")
    let sql = "SELECT count(*) FROM \(reference.object) WHERE \(pairs)"
    guard try await session.texts(sql).value?.first?.first == "0" else { return false }
    guard reference.table == constraint.ownerOID else { return true }
    // A row may refer to itself.
    let own = zip(constraint.columns, reference.columns).map {
      "(\(row.values[$0] ?? "NULL")) IS NOT DISTINCT FROM (\(row.values[$1] ?? "NULL"))"
    }
    let question = "SELECT \(own.joined(separator: " AND "))"
    return try await session.texts(question).value?.first?.first == "f"
  }

  private var expectedForeignKey: ExpectedRejection {
    ExpectedRejection(["23503"], .constraint(names))
  }

  /// Of `MATCH FULL`: all of the key or none of it.
  private mutating func attackWithHalfKey(
    _ shape: TableShape, _ row: RowMaker.Row
  ) async throws -> Attack? {
    guard let column = constraint.columns.first(where: { shape.column($0)?.isNotNull == false })
    else { return nil }
    let quoted = SQLText.identifier(column)
    return try await attack(
      row.with(column, "NULL"), "a row with \(column) NULL and the rest of the key",
      expecting: expectedForeignKey, removal: dropped,
      violation: { "SELECT \(quoted) IS NULL FROM \(shape.object) WHERE \($0.condition)" })
  }

  // MARK: The row that is referred to

  /// Deletes it and changes its key, with a row that refers to it.
  private mutating func attackParent(
    _ sight: inout ConstraintSight, _ shape: TableShape,
    _ reference: ProbedConstraint.Reference, _ parent: RowMaker.Stored, _ row: RowMaker.Row
  ) async throws {
    let delete = "DELETE FROM \(reference.object) WHERE \(parent.condition)"
    let deletion = ParentDeed(
      sql: delete, words: "deleting the row of \(reference.object) that it refers to",
      rule: "ON DELETE \(reference.onDelete.words)", action: reference.onDelete)
    try await attempt(deletion, shape, reference, parent, row, &sight)
    let table = try await maker.shape(reference.table)
    guard let update = try await keyUpdate(table, reference, parent) else {
      sight.remarks.append(
        "ON UPDATE \(reference.onUpdate.words) was not tried: no key of \(table.object) can be changed here"
      )
      return
    }
    let change = ParentDeed(
      sql: update, words: "changing the key of the row of \(reference.object) that it refers to",
      rule: "ON UPDATE \(reference.onUpdate.words)", action: reference.onUpdate)
    try await attempt(change, shape, reference, parent, row, &sight)
  }

  private struct ParentDeed {
    var sql: String
    var words: String
    var rule: String
    var action: ProbedConstraint.Action
  }

  /// Does something to the parent; where a default has no parent, once more with one.
  private mutating func attempt(
    _ deed: ParentDeed, _ shape: TableShape, _ reference: ProbedConstraint.Reference,
    _ parent: RowMaker.Stored, _ row: RowMaker.Row, _ sight: inout ConstraintSight
  ) async throws {
    let attack = try await attempt(deed, shape, reference, parent, row)
    guard deed.action == .setDefault, case .refusedOtherwise(let rejection) = attack.result,
      expectedForeignKey.isMet(by: rejection)
    else {
      sight.attacks.append(attack)
      return
    }
    let defaults = constraint.columns.map { column in
      "\(column) \(RowMaker.Row.short(shape.column(column)?.defaultValue ?? "NULL"))"
    }.joined(separator: ", ")
    let missing =
      "no row of \(reference.object) has the key that the default names (\(defaults)), and"
      + " without it \(deed.words) (\(deed.rule)) fails: \(rejection.words)"
    var wish = RowMaker.Wish(filled: Set(reference.columns))
    for (column, name) in zip(constraint.columns, reference.columns) {
      wish.fixed[name] = shape.column(column)?.defaultValue
    }
    var later = self
    let again = try await session.undoneInside { () async throws -> Attack? in
      guard (try? await later.maker.store(reference.table, wish)) != nil else { return nil }
      return try await later.attempt(deed, shape, reference, parent, row)
    }
    if var again {
      again.words += ", with a row of \(reference.object) for the default,"
      sight.attacks.append(again)
    }
    // Of a part of the rows, or of a table that nobody has filled, nobody knows whether it is missing.
    if hasAllRows, hasParents { sight.faults.append(missing) } else { sight.doubts.append(missing) }
  }

  /// Does something to the parent and looks at what became of the child.
  private func attempt(
    _ deed: ParentDeed, _ shape: TableShape, _ reference: ProbedConstraint.Reference,
    _ parent: RowMaker.Stored, _ row: RowMaker.Row
  ) async throws -> Attack {
    let words = "\(deed.words) (\(deed.rule))"
    let same = constraint.columns.compactMap { column in
      row.values[column].map { "\(SQLText.identifier(column)) = \($0)" }
    }.joined(separator: " AND ")
    // Of a table that refers to itself the parent is a row as well.
    let isParent = reference.table == constraint.ownerOID ? parent.condition : "false"
    let counts = """
      SELECT count(*), count(*) FILTER (WHERE \(same)), count(*) FILTER (WHERE \(isParent)),
        count(*) FILTER (WHERE (\(same)) OR (\(isParent)))
      FROM \(shape.object)
      """
    let key = reference.columns.map { "\(SQLText.identifier($0)) = \(parent.literal($0))" }
    let left = """
      SELECT count(*) FROM \(reference.object) WHERE \(key.joined(separator: " AND "))
      """
    let result = try await session.undoneInside { () async throws -> DeedResult in
      if let rejection = try await maker.insert(row).rejection { return .rejected(rejection) }
      let before = try await session.texts(counts).value?.first ?? []
      if let rejection = try await session.attempt(deed.sql).rejection {
        return .rejected(rejection)
      }
      guard try await session.texts(left).value?.first?.first == "0" else { return .undone }
      let after = try await session.texts(counts).value?.first ?? []
      return .done(
        before: before.map { Int($0 ?? "") ?? 0 }, after: after.map { Int($0 ?? "") ?? 0 })
    }
    let expected = ExpectedRejection(["23503", "23001"], .constraint(names))
    switch (result, deed.action) {
    case (.rejected(let rejection), .noAction), (.rejected(let rejection), .restrict):
      guard expected.isMet(by: rejection) else {
        return Attack(words, .refusedOtherwise(rejection))
      }
      let withoutIt = try await without(dropped) {
        if let rejection = try await maker.insert(row).rejection { return rejection }
        return try await session.attempt(deed.sql).rejection
      }
      return Attack(words, .refused(rejection), withoutIt: withoutIt)
    case (.rejected(let rejection), _):
      // What the action itself runs into: SET NULL on a column that may not be NULL.
      let names = rejection.table.map { [$0, SQLText.identifier($0)] } ?? []
      let isOwn = names.contains { shape.object.hasSuffix(".\($0)") }
      return rejection.sqlstate == "23502" && isOwn
        ? Attack("\(words) fails (\(rejection.words)), which", .accepted)
        : Attack(words, .refusedOtherwise(rejection))
    case (.undone, _): return Attack(words, .withoutEffect)
    case (.done(let before, let after), _):
      return judge(deed, words, before, after)
    }
  }

  private enum DeedResult: Sendable {
    case rejected(Rejection)
    /// The parent's key is there as before.
    case undone
    /// Rows of the child: all, those that refer to the parent's old key, the parent itself, and both.
    case done(before: [Int], after: [Int])
  }

  private func judge(
    _ deed: ParentDeed, _ words: String, _ before: [Int], _ after: [Int]
  ) -> Attack {
    guard before.count == 4, after.count == 4 else { return Attack(words, .withoutEffect) }
    let isDelete = deed.sql.hasPrefix("DELETE")
    let gone = isDelete ? (deed.action == .cascade ? before[3] : before[2]) : 0
    // A row that refers to what is gone is what no foreign key lets be.
    guard after[1] == 0 else { return Attack(words, .accepted) }
    switch deed.action {
    case .noAction, .restrict: return Attack(words, .repaired)
    default: break
    }
    guard after[0] == before[0] - gone else { return Attack(words, .repaired) }
    return Attack(words, .followed)
  }

  /// An update of one column of the key to a value that is free; `nil` where none can be made.
  private func keyUpdate(
    _ table: TableShape, _ reference: ProbedConstraint.Reference, _ parent: RowMaker.Stored
  ) async throws -> String? {
    let others = Set(table.foreignKeys.flatMap(\.columns))
    for name in reference.columns where !others.contains(name) {
      guard let column = table.column(name), column.generated == nil, column.identity != "a"
      else { continue }
      let values = ValueCandidates(
        for: column, in: table.conditions.map(\.expression), serial: 7907
      ).all
      for value in try await maker.taken(values).prefix(12) {
        let sql =
          "UPDATE \(table.object) SET \(SQLText.identifier(name)) = \(value) WHERE \(parent.condition)"
          + " AND \(SQLText.identifier(name)) IS DISTINCT FROM \(value)"
        // Without a child nothing but the table itself can refuse it.
        let answer = try await session.undoneInside { try await session.attempt(sql) }
        if answer.value?.last?.rows == 1 { return sql }
      }
    }
    return nil
  }
}
