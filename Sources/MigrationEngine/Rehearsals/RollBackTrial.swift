import MigrationModel
import Postgres
import PostgresModel

/// Tries what rolling a migration back does to the rows: to those that were there before, and to some that
/// are written once it is applied.
///
/// The second is tried in a transaction that is rolled back, so that nothing that was made up stays.
struct RollBackTrial: Sendable {
  let session: Connection
  let left: [QualifiedName]
  /// What there was before the migration.
  let before: DataFingerprint

  private var since: WrittenSince?
  /// Tables into which no row could be written, and columns that stayed empty, with the reason.
  private var gaps: [String] = []
  private var written = 0
  /// Why the way back could not be gone with those rows.
  private var failure: (words: String, isOfRows: Bool)?

  /// Looks at the rows before the migration.
  init(_ session: Connection, leavingOut left: [QualifiedName]) async throws {
    self.session = session
    self.left = left
    before = try await DataFingerprint.read(session, leavingOut: left)
  }

  /// Writes rows into what the migration has touched, and goes the way back with them.
  ///
  /// - Parameters:
  ///   - changes: What the migration did to the schema.
  ///   - way: The scripts that lead back.
  mutating func writeAndRollBack(
    _ changes: [SchemaDiff.Change], _ way: [RunUnit]
  ) async throws {
    try await session.execute("BEGIN")
    do {
      let plain = try await DataFingerprint.read(session, leavingOut: left)
      let touched = plain.touched(by: changes)
      for (table, fresh) in touched.sorted(by: { $0.key < $1.key }) {
        let row = ProbeRow(session: session, table: table)
        if let reason = try await row.write(filling: fresh) {
          gaps.append("\(table): \(reason)")
        } else {
          written += 1
        }
      }
      if written > 0 {
        let full = try await DataFingerprint.read(session, leavingOut: left)
        noteGaps(plain, full, touched)
        if try await rollBack(way) {
          since = WrittenSince(
            before: plain, written: full,
            after: try await DataFingerprint.read(session, leavingOut: left))
        }
      }
      try await session.execute("ROLLBACK")
    } catch {
      _ = try? await session.execute("ROLLBACK")
      guard let error = error as? DatabaseError, let server = error.serverError else { throw error }
      failure = (server.message, false)
    }
  }

  /// Columns that should hold a value and do not.
  private mutating func noteGaps(
    _ plain: DataFingerprint, _ full: DataFingerprint, _ touched: [QualifiedName: Set<String>]
  ) {
    for (table, fresh) in touched.sorted(by: { $0.key < $1.key }) {
      guard let now = full.tables[table], now.rows > (plain.tables[table]?.rows ?? 0) else {
        continue
      }
      for column in fresh.sorted() {
        let old = plain.tables[table]?.columns[column]?.filled ?? 0
        guard let new = now.columns[column]?.filled, new <= old else { continue }
        gaps.append("\(table).\(column): no value could be made")
      }
    }
  }

  /// - Returns: Whether it went through.
  private mutating func rollBack(_ way: [RunUnit]) async throws -> Bool {
    for unit in way {
      for index in unit.statements.indices {
        let statement = unit.statements[index]
        switch statement.role {
        // What builds and drops indexes beside the work of others leaves the rows alone.
        case .begin, .commit, .notInTransaction: continue
        default: break
        }
        do throws(DatabaseError) {
          try await session.execute(unit.text(of: index))
        } catch {
          guard let server = error.serverError else { throw error }
          // Violated constraints, and values that do not fit.
          let isOfRows = server.sqlstate.hasPrefix("23") || server.sqlstate.hasPrefix("22")
          failure = (server.message, isOfRows)
          return false
        }
      }
    }
    return true
  }

  // MARK: What came of it

  /// What was lost, once it is known what there is after rolling back; `nil` where nothing was there to
  /// lose.
  func losses(after: DataFingerprint) -> [DataLoss]? {
    guard before.rows > 0 || since != nil else { return nil }
    return before.losses(after: after) + (since?.losses(besides: after) ?? [])
  }

  /// - Parameter after: What there is after rolling back.
  func trials(after: DataFingerprint) -> [Trial] {
    var trials = [old(before.losses(after: after))]
    if written > 0 || !gaps.isEmpty || failure != nil { trials.append(new(after)) }
    return trials
  }

  private func old(_ losses: [DataLoss]) -> Trial {
    let subject = "rows that were there before"
    guard before.rows > 0 else {
      return Trial(.rollback, subject, .notProven, [.init("there were none", .unclear)])
    }
    guard losses.isEmpty else {
      return Trial(
        .rollback, subject, .refuted, losses.map { .init($0.words, .refutes) })
    }
    let left = before.left.map {
      CheckFinding.Evidence("\($0) is too large and was not looked at", .unclear)
    }
    let tables = before.tables.values.count { $0.rows > 0 }
    return Trial(
      .rollback, subject, .proven,
      [.init("\(before.rows) in \(tables) tables are as they were", .supports)] + left)
  }

  private func new(_ after: DataFingerprint) -> Trial {
    let subject = "rows written once it is applied"
    let gaps = gaps.map { CheckFinding.Evidence("not written: \($0)", .unclear) }
    if let failure {
      let words = "with them the way back fails: \(failure.words)"
      return failure.isOfRows
        ? Trial(.rollback, subject, .refuted, [.init(words, .refutes)] + gaps)
        : Trial(.rollback, subject, .notProven, [.init(words, .unclear)] + gaps)
    }
    guard let since else { return Trial(.rollback, subject, .notProven, gaps) }
    let losses = since.losses(besides: after)
    // That what came with the migration goes with it is what rolling back means; it is said.
    let lines = losses.map { CheckFinding.Evidence($0.words, .unclear) }
    let kept = CheckFinding.Evidence("\(written) written, none lost", .supports)
    return Trial(.rollback, subject, .proven, (lines.isEmpty ? [kept] : lines) + gaps)
  }
}

extension DataFingerprint {
  /// The tables that changes of the schema are about, with the columns that are new or have another type.
  fileprivate func touched(by changes: [SchemaDiff.Change]) -> [QualifiedName: Set<String>] {
    var touched: [QualifiedName: Set<String>] = [:]
    for change in changes where change.action != .dropped || change.kind != "table" {
      let parts = identifierParts(change.object)
      guard parts.count >= 2 else { continue }
      let table = QualifiedName(schema: parts[0], parts[1])
      guard let found = tables[table] else { continue }
      touched[table, default: []].formUnion([])
      if change.kind == "table", change.action == .added {
        touched[table]?.formUnion(found.columns.keys)
      } else if change.kind == "column", parts.count == 3, found.columns[parts[2]] != nil,
        change.action == .added || change.property == "type"
      {
        touched[table]?.insert(parts[2])
      }
    }
    return touched
  }
}

/// The parts of a qualified name as the server writes it, quoted only where it must be.
private func identifierParts(_ text: String) -> [String] {
  var parts: [String] = [""]
  var isQuoted = false
  var rest = text[...]
  while let character = rest.popFirst() {
    switch character {
    case "\"" where isQuoted && rest.first == "\"":
      rest.removeFirst()
      parts[parts.count - 1].append("\"")
    case "\"": isQuoted.toggle()
    case "." where !isQuoted: parts.append("")
    default: parts[parts.count - 1].append(character)
    }
  }
  return parts
}
