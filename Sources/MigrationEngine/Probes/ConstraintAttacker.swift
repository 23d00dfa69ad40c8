import MigrationModel
import Postgres
import PostgresModel

/// Attacks one constraint in an open transaction that is rolled back afterwards.
struct ConstraintAttacker: Sendable {
  let session: ProbeSession
  let constraint: ProbedConstraint
  let all: [ProbedConstraint]
  var maker: RowMaker
  /// Whether the copy has every row of the target.
  let hasAllRows: Bool
  /// Of a foreign key, whether what it refers to had rows before any were made here.
  var hasParents = false
  /// Its own name and those that partitions have for what they repeat of it.
  var names: [String]

  /// No more rows than this are tried for one attack.
  static let mostRows = 8

  init(
    _ constraint: ProbedConstraint, all: [ProbedConstraint], _ maker: RowMaker,
    hasAllRows: Bool = false
  ) {
    self.hasAllRows = hasAllRows
    session = maker.session
    self.constraint = constraint
    self.all = all
    self.maker = maker
    names = [constraint.name]
  }

  mutating func sight() async throws -> ConstraintSight {
    var sight: ConstraintSight
    do {
      switch constraint.kind {
      case .notNull: sight = try await attackNotNull()
      case .check: sight = try await attackCheck()
      case .unique, .primaryKey, .uniqueIndex, .exclusion: sight = try await attackKey()
      case .foreignKey: sight = try await attackForeignKey()
      case .domainCheck, .domainNotNull: sight = try await attackDomain()
      case .partitionBound: sight = try await attackBound()
      case .generated, .identity: sight = try await attackDirectWrite()
      }
    } catch let error as RowMaker.CannotMake {
      sight = ConstraintSight(constraint.subject, control: .notPossible(error.reason))
    }
    try await lookAtFlags(&sight)
    sight.violations = try await violations()
    if !constraint.isValidated, constraint.kind != .uniqueIndex {
      sight.validation = try await validation()
    }
    return sight
  }

  // MARK: What the catalogue and the rows say

  private func lookAtFlags(_ sight: inout ConstraintSight) async throws {
    let off = constraint.triggers.filter { $0 == "D" || $0 == "R" }.count
    if off > 0 {
      sight.faults.append(
        "\(off) of the \(constraint.triggers.count) triggers that enforce it are disabled")
    }
    if constraint.kind == .uniqueIndex, !constraint.isValidated {
      sight.faults.append("the index is not valid: rows that were there may break it")
    }
    if constraint.kind == .foreignKey || !constraint.triggers.isEmpty {
      let role = try await session.connection.rows(ReplicationRole.query).first
      sight.faults += role?.faults ?? []
      sight.doubts += role?.doubts ?? []
    }
  }

  /// Counts the rows on the copy that break it.
  private func violations() async throws -> Int64? {
    let sql: String
    switch constraint.kind {
    case .check:
      guard let expression = constraint.expression else { return nil }
      // What is not inherited says nothing of the rows of children.
      let only = constraint.definition.contains(" NO INHERIT") ? "ONLY " : ""
      sql = "SELECT count(*) FROM \(only)\(constraint.owner) WHERE (\(expression)) IS FALSE"
    case .foreignKey:
      guard let reference = constraint.reference else { return nil }
      let pairs = zip(constraint.columns, reference.columns).map {
        "p.\(SQLText.identifier($1)) = c.\(SQLText.identifier($0))"
      }
      let filled = constraint.columns.map { "c.\(SQLText.identifier($0)) IS NOT NULL" }
      sql = """
        SELECT count(*) FROM \(constraint.owner) c WHERE \(filled.joined(separator: " AND "))
          AND NOT EXISTS (SELECT FROM \(reference.object) p WHERE \(pairs.joined(separator: " AND ")))
        """
    default: return nil
    }
    // Rows that were made here are valid ones, and those of attacks are undone.
    return try await session.texts(sql).value?.first?.first.flatMap { $0 }.flatMap { Int64($0) }
  }

  private func validation() async throws -> ConstraintSight.Validation {
    let name = SQLText.identifier(constraint.name)
    let word = constraint.isOfDomain ? "DOMAIN" : "TABLE"
    let answer = try await session.undoneInside {
      try await session.attempt("ALTER \(word) \(constraint.owner) VALIDATE CONSTRAINT \(name)")
    }
    return answer.rejection.map { .failed($0) } ?? .passed
  }

  // MARK: Pieces of attacks

  /// Finds a row that the table takes, and undoes it.
  mutating func control(_ wish: RowMaker.Wish = RowMaker.Wish()) async throws -> RowMaker.Row {
    var last = "nothing was stored"
    for row in try await maker.rows(constraint.ownerOID, wish) {
      let answer = try await session.undoneInside { try await maker.insert(row) }
      switch answer {
      case .accepted(.some): return row
      case .accepted(nil):
        last = "the row was neither refused nor stored: a trigger or rule drops it"
      case .rejected(let rejection): last = rejection.words
      }
    }
    throw RowMaker.CannotMake(reason: last)
  }

  /// Inserts a row that must be refused, and once more without the constraint.
  ///
  /// - Parameter violation: Selects whether a row that is stored breaks the constraint.
  func attack(
    _ row: RowMaker.Row, _ words: String, expecting expected: ExpectedRejection,
    removal: [String], violation: (RowMaker.Stored) -> String
  ) async throws -> Attack {
    let result = try await session.undoneInside { () async throws -> Attack.Result in
      switch try await maker.insert(row) {
      case .rejected(let rejection):
        return expected.isMet(by: rejection) ? .refused(rejection) : .refusedOtherwise(rejection)
      case .accepted(nil): return .withoutEffect
      case .accepted(let stored?):
        let answer = try await session.texts(violation(stored))
        return answer.value?.first?.first == "t" ? .accepted : .repaired
      }
    }
    guard case .refused = result else { return Attack(words, result) }
    let withoutIt = try await without(removal) { try await maker.insert(row).rejection }
    return Attack(words, result, withoutIt: withoutIt)
  }

  /// Tries something without the constraint.
  func without(
    _ removal: [String], _ body: () async throws -> Rejection?
  ) async throws -> Attack.WithoutIt {
    try await session.undoneInside { () async throws -> Attack.WithoutIt in
      for sql in removal {
        if let rejection = try await session.attempt(sql).rejection {
          return .notRemovable(rejection)
        }
      }
      return try await body().map { .stillRefused($0) } ?? .accepted
    }
  }

  /// Takes the constraint away, with what stands on it.
  var dropped: [String] {
    let name = SQLText.identifier(constraint.name)
    return ["ALTER TABLE \(constraint.owner) DROP CONSTRAINT \(name) CASCADE"]
  }

  /// The first attack that settles it; the last one where none does.
  func settled(
    _ rows: [RowMaker.Row], _ body: (RowMaker.Row) async throws -> Attack
  ) async throws -> Attack? {
    var last: Attack?
    for row in rows.prefix(Self.mostRows) {
      let attack = try await body(row)
      if attack.outcome != .notProven { return attack }
      // What comes nearer is worth more to whoever reads it.
      if last?.withoutIt == nil { last = attack }
    }
    return last
  }

  /// How a row is told: the columns that matter.
  func words(_ row: RowMaker.Row, _ columns: [String]) -> String { row.words(columns) }

  static func short(_ expression: String) -> String { RowMaker.Row.short(expression) }
}
