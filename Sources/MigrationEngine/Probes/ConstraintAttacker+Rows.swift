import MigrationModel
import Postgres
import PostgresModel

/// Attacks that one row makes by itself.
extension ConstraintAttacker {
  mutating func attackNotNull() async throws -> ConstraintSight {
    let column = constraint.name
    let shape = try await maker.shape(constraint.ownerOID)
    guard shape.column(column)?.generated == nil else {
      throw RowMaker.CannotMake(reason: "nobody can write to a generated column")
    }
    let row = try await control(RowMaker.Wish(filled: [column]))
    var sight = ConstraintSight(constraint.subject, control: .accepted(words(row, [column])))
    let quoted = SQLText.identifier(column)
    let attempt = try await attack(
      row.with(column, "NULL"), "a row with \(column) NULL",
      expecting: ExpectedRejection(["23502"], .column(column)), removal: notNullRemoval(shape),
      violation: { "SELECT \(quoted) IS NULL FROM \(shape.object) WHERE \($0.condition)" })
    sight.attacks = [attempt]
    return sight
  }

  /// Neither a primary key nor an identity goes without `NOT NULL`.
  private func notNullRemoval(_ shape: TableShape) -> [String] {
    let alter = "ALTER TABLE \(constraint.owner)"
    let column = SQLText.identifier(constraint.name)
    let keys = all.filter {
      $0.kind == .primaryKey && $0.ownerOID == constraint.ownerOID
        && $0.columns.contains(constraint.name)
    }
    let identity = shape.column(constraint.name)?.identity.isEmpty == false
    return keys.map { "\(alter) DROP CONSTRAINT \(SQLText.identifier($0.name)) CASCADE" }
      + (identity ? ["\(alter) ALTER COLUMN \(column) DROP IDENTITY"] : [])
      + ["\(alter) ALTER COLUMN \(column) DROP NOT NULL"]
  }

  mutating func attackCheck() async throws -> ConstraintSight {
    guard let expression = constraint.expression else {
      throw RowMaker.CannotMake(reason: "it has no expression")
    }
    let row = try await control()
    let shape = row.table
    let columns = ExpressionWords(expression).columns(of: shape.columnNames)
    var sight = ConstraintSight(constraint.subject, control: .accepted(words(row, columns)))
    var wish = RowMaker.Wish(
      conditions: [(expression, .isFalse)], withoutChecks: [constraint.name])
    var rows = await found(wish)
    if rows.isEmpty {
      // Nothing breaks it alone: perhaps something breaks others as well.
      wish.withoutChecks = Set(shape.conditions.compactMap(\.name))
      rows = await found(wish)
    }
    guard !rows.isEmpty else {
      sight.doubts.append("no values were found for which it is false: \(expression)")
      return sight
    }
    sight.attacks = try await attacks(
      rows, for: columns, outside: expression, of: shape, expecting: expectedCheck,
      removal: dropped)
    return sight
  }

  /// Tries rows for which an expression is false, until one of them settles it.
  private mutating func attacks(
    _ rows: [RowMaker.Row], for columns: [String], outside expression: String,
    of shape: TableShape, expecting expected: ExpectedRejection, removal: [String]
  ) async throws -> [Attack] {
    let decisive = try await settled(rows) { row in
      try await attack(
        row, words(row, columns), expecting: expected, removal: removal,
        violation: {
          "SELECT (\(expression)) IS FALSE FROM \(shape.object) WHERE \($0.condition)"
        })
    }
    return decisive.map { [$0] } ?? []
  }

  private var expectedCheck: ExpectedRejection {
    ExpectedRejection(["23514"], .constraint([constraint.name]))
  }

  /// The rows that a wish comes to; none where it comes to nothing.
  mutating func found(_ wish: RowMaker.Wish) async -> [RowMaker.Row] {
    (try? await maker.rows(constraint.ownerOID, wish)) ?? []
  }

  mutating func attackBound() async throws -> ConstraintSight {
    guard let expression = constraint.expression, !expression.isEmpty else {
      throw RowMaker.CannotMake(reason: "every row fits into it")
    }
    let row = try await control()
    let shape = row.table
    let columns = ExpressionWords(expression).columns(of: shape.columnNames)
    var sight = ConstraintSight(constraint.subject, control: .accepted(words(row, columns)))
    var bare = maker
    bare.forgetBounds(of: shape.oid)
    let rows =
      (try? await bare.rows(
        shape.oid, RowMaker.Wish(conditions: [(expression, .isFalse)]))) ?? []
    guard !rows.isEmpty else {
      sight.doubts.append("no row was found that lies outside: \(expression)")
      return sight
    }
    let parents = Query<String>(
      "SELECT inhparent::regclass::text FROM pg_inherits WHERE inhrelid = $1", [String(shape.oid)]
    ) { (row) throws(ResultRow.Mismatch) in try row.string(0) }
    let removal = try await session.connection.rows(parents).map {
      "ALTER TABLE \($0) DETACH PARTITION \(shape.object)"
    }
    let expected = ExpectedRejection(["23514"], .message("violates partition constraint"))
    sight.attacks = try await attacks(
      rows, for: columns, outside: expression, of: shape, expecting: expected, removal: removal)
    return sight
  }

  /// What the server itself writes nobody else may.
  mutating func attackDirectWrite() async throws -> ConstraintSight {
    let column = constraint.name
    let row = try await control()
    var sight = ConstraintSight(constraint.subject, control: .accepted("a row without \(column)"))
    let quoted = SQLText.identifier(column)
    // What the server would have written itself breaks nothing else.
    let own = try await session.undoneInside { try await maker.insert(row) }.value.flatMap { $0 }
    guard let value = own?.literal(column), value != "NULL" else {
      sight.doubts.append("no value is known for \(column)")
      return sight
    }
    let others = row.table.columns.filter { row.values[$0.name] != nil && $0.name != column }
    let names = (others.map { SQLText.identifier($0.name) } + [quoted]).joined(separator: ", ")
    let list = (others.map { row.values[$0.name] ?? "NULL" } + [value]).joined(separator: ", ")
    // Other identity columns of the row were never given: only the one that is attacked is.
    let insert = "INSERT INTO \(row.table.object) (\(names)) VALUES (\(list))"
    let expected = ExpectedRejection(["428C9"], .message("\"\(column)\""))
    let answer = try await session.undoneInside { try await write(insert, row) }
    let words = "a row that gives \(column) a value"
    guard let rejection = answer.rejection else {
      sight.attacks = [Attack(words, .accepted)]
      return sight
    }
    guard expected.isMet(by: rejection) else {
      sight.attacks = [Attack(words, .refusedOtherwise(rejection))]
      return sight
    }
    let alter = "ALTER TABLE \(row.table.object) ALTER COLUMN \(quoted)"
    let removal =
      constraint.kind == .identity
      ? "\(alter) SET GENERATED BY DEFAULT" : "\(alter) DROP EXPRESSION"
    let withoutIt = try await without([removal]) { try await write(insert, row).rejection }
    sight.attacks = [Attack(words, .refused(rejection), withoutIt: withoutIt)]
    return sight
  }

  /// Runs a statement that inserts a row, with what the row needs.
  private func write(
    _ insert: String, _ row: RowMaker.Row
  ) async throws -> Answer<[CommandOutcome]> {
    if let rejection = try await maker.prepare(row) { return .rejected(rejection) }
    return try await session.attempt(insert)
  }

  // MARK: Domains

  /// A cast to a domain is judged as a column of it would be.
  mutating func attackDomain() async throws -> ConstraintSight {
    guard
      let domain = try await session.connection.rows(ColumnShape.domain(constraint.ownerOID)).first
    else { throw RowMaker.CannotMake(reason: "the domain is not there") }
    let expressions = constraint.expression.map { [$0] } ?? []
    var plain = domain
    plain.type = domain.baseType
    let values = ValueCandidates(
      for: plain, in: expressions + (domain.domainChecks.map { [$0] } ?? []), serial: 1
    ).all
    let cast = { (value: String) in "SELECT (\(value))::\(domain.type)" }
    var good: String?
    for value in values where good == nil {
      if try await session.texts(cast(value)).rejection == nil,
        try await maker.taken([value]) == [value]
      {
        good = value
      }
    }
    guard let good else {
      throw RowMaker.CannotMake(reason: "no value of \(domain.baseType) was found that it takes")
    }
    var sight = ConstraintSight(
      constraint.subject, control: .accepted("the value \(Self.short(good))"))
    let alter = "ALTER DOMAIN \(constraint.owner)"
    let isNull = constraint.kind == .domainNotNull
    let expected =
      isNull
      ? ExpectedRejection(["23502"], .message("does not allow null values"))
      : ExpectedRejection(["23514"], .constraint([constraint.name]))
    let removal =
      isNull
      ? "\(alter) DROP NOT NULL"
      : "\(alter) DROP CONSTRAINT \(SQLText.identifier(constraint.name))"
    var last: Attack?
    for value in isNull ? ["NULL::\(domain.baseType)"] : values {
      guard let rejection = try await session.texts(cast(value)).rejection else {
        if isNull { last = Attack("the value NULL", .accepted) }
        continue
      }
      let words = "the value \(isNull ? "NULL" : Self.short(value))"
      guard expected.isMet(by: rejection) else {
        if last == nil, rejection.sqlstate.hasPrefix("23") {
          last = Attack(words, .refusedOtherwise(rejection))
        }
        continue
      }
      let withoutIt = try await without([removal]) {
        try await session.texts(cast(value)).rejection
      }
      last = Attack(words, .refused(rejection), withoutIt: withoutIt)
      if last?.outcome == .proven { break }
    }
    if let last {
      sight.attacks = [last]
    } else {
      sight.doubts.append("no value was found for which it is false")
    }
    return sight
  }
}
