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

  /// The lines below the statement in the SQL itself: what is certain, and what concerns other tables.
  func lines(_ columns: Int) -> [DocumentLine] {
    guard case .analysed(var effect) = part.effects[index] else { return details(columns) }
    effect.locks.removeAll { !$0.isAlwaysTold }
    return told(.analysed(effect), columns, forecastsAll: false)
  }

  /// The lines of the Effect tab: also what depends on the catalog.
  func details(_ columns: Int) -> [DocumentLine] {
    let lines = told(part.effects[index], columns, forecastsAll: true)
    return lines.isEmpty ? note("locks nothing that others use", .dim, columns) : lines
  }

  private func told(_ analysis: EffectAnalysis, _ columns: Int, forecastsAll: Bool)
    -> [DocumentLine]
  {
    var lines: [DocumentLine] = []
    guard let effect = analysis.effect else {
      for line in analysis.lines { lines += note(line, .warning, columns) }
      return lines + losses(columns) + trouble(columns)
    }
    var tellsSnapshots = false
    for (index, (lock, line)) in effect.lockLines.enumerated() {
      let isFirst = index == 0
      lines += note(line, isFirst && lock.mode.blocksWrites ? .warning : .dim, columns)
      guard isFirst || forecastsAll else { continue }
      let wait = effect.concurrentWait
      let found = Forecast(lock, wait, countsSnapshots: isFirst, facts)
      if isFirst { tellsSnapshots = found != nil }
      lines += forecast(found, columns)
    }
    let size = effect.strongest?.relation.flatMap { facts.tables[$0] }
    for line in effect.otherLines {
      let isGrave = line.hasPrefix("rewrites")
      // What a rewrite or a scan means depends on how much there is.
      let isOfSize = isGrave || line.hasPrefix("reads every") || line == "no rewrite"
      let words = isOfSize ? size.map { "\(line); \($0.words)" } ?? line : line
      lines += note(words, isGrave ? .warning : .dim, columns)
      guard line == effect.concurrentWait?.line, !tellsSnapshots else { continue }
      lines += forecast(Forecast(olderSnapshotsFor: effect.concurrentWait, facts), columns)
    }
    return lines + losses(columns) + trouble(columns)
  }

  private func losses(_ columns: Int) -> [DocumentLine] {
    part.losses[index].flatMap { note("!! \($0)", .danger, columns) }
  }

  private func note(_ text: String, _ tone: Tone, _ columns: Int) -> [DocumentLine] {
    DocumentLine.wrapped(text, tone, columns: columns)
  }

  /// Who would make the statement wait if it were run now, and who usually would.
  private func forecast(_ forecast: Forecast?, _ columns: Int) -> [DocumentLine] {
    guard migration.state == .pending, facts.picture.knowsStates,
      !facts.isUnderWay(migration.version), let forecast
    else { return [] }
    return note(forecast.now, forecast.wouldWait ? .warning : .dim, columns)
      + (forecast.usually.map { note($0, .dim, columns) } ?? [])
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
