import Canvas
import MigrationModel
import PostgresModel

/// What is said below a statement: the lock it takes, who would be in its way, what it rewrites.
struct StatementNotes {
  private let part: MigrationReading.Part
  private let index: Int
  private let migration: MigrationStatus
  private let facts: Facts

  init(_ part: MigrationReading.Part, _ index: Int, migration: MigrationStatus, facts: Facts) {
    self.part = part
    self.index = index
    self.migration = migration
    self.facts = facts
  }

  private var statement: Statement { part.statements[index] }

  /// The lines below the statement in the SQL itself: what is certain.
  func lines(_ columns: Int) -> [DocumentLine] {
    guard case .analysed(var effect) = part.effects[index] else { return details(columns) }
    effect.locks.removeAll { !$0.isCertain }
    return told(.analysed(effect), columns)
  }

  /// The lines of the Effect tab: also what depends on the catalog.
  func details(_ columns: Int) -> [DocumentLine] {
    let lines = told(part.effects[index], columns)
    return lines.isEmpty ? note("locks nothing that others use", .dim, columns) : lines
  }

  private func told(_ analysis: EffectAnalysis, _ columns: Int) -> [DocumentLine] {
    let strongest = analysis.effect?.strongest.flatMap { $0.mode > .accessShare ? $0 : nil }
    var lines: [DocumentLine] = []
    for (number, line) in analysis.lines.enumerated() {
      if number == 0, let strongest {
        lines += note(line, strongest.mode.blocksWrites ? .warning : .dim, columns)
        lines += forecast(strongest, columns)
      } else {
        let isGrave = line.hasPrefix("rewrites") || line.hasPrefix("not analysed")
        lines += note(line, isGrave ? .warning : .dim, columns)
      }
    }
    for loss in part.losses[index] { lines += note("!! \(loss)", .danger, columns) }
    return lines + trouble(columns)
  }

  private func note(_ text: String, _ tone: Tone, _ columns: Int) -> [DocumentLine] {
    DocumentLine.wrapped(text, tone, columns: columns)
  }

  /// Who would make the statement wait for its strongest lock if it were run now.
  private func forecast(_ lock: ExpectedLock, _ columns: Int) -> [DocumentLine] {
    guard migration.state == .pending, facts.picture.knowsStates, let scan = facts.locks.scan,
      let relation = lock.relation, lock.mode > .rowExclusive
    else { return [] }
    let obstacles = scan.obstacles(to: lock.mode, on: relation)
    guard !obstacles.isEmpty else { return note("now: nobody in the way", .dim, columns) }
    let granted = obstacles.filter(\.isGranted)
    let inTheWay = granted.isEmpty ? obstacles : granted
    let owners = Set(inTheWay.map { scan.owner(of: $0) })
    let who =
      granted.isEmpty
      ? Words.count(owners.count, "session") + " ahead" : Words.count(owners.count, "holder")
    let oldest = inTheWay.map { scan.snapshot.transactionStart(of: $0) }.min()
    return note(
      "now: \(who), oldest \(SessionWords.age(oldest, at: scan.snapshot.at))  -> would wait",
      .warning, columns)
  }

  /// What keeps the statement from being run at all.
  private func trouble(_ columns: Int) -> [DocumentLine] {
    switch statement.role {
    case .visibleAfterCommit:
      note("cannot be used before it is committed", .active, columns)
    case .copyFromStandardInput:
      note("! wants data that no file gives here", .danger, columns)
    case .twoPhase: note("! two-phase commit", .warning, columns)
    case .psqlCommand, .begin, .commit, .rollback, .sessionSetting, .ordinary, .notInTransaction:
      []
    }
  }

  /// The first words of a statement on one line.
  static func summary(of statement: Statement, in sql: String) -> String {
    let bytes = Array(sql.utf8)
    let range = statement.range.clamped(to: 0..<bytes.count)
    let words = String(decoding: bytes[range].prefix(400), as: UTF8.self)
      .split { $0.isWhitespace || $0.isNewline }
    return words.joined(separator: " ")
  }
}
