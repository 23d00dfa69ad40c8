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

  /// The lines below the statement in the SQL itself.
  func lines(_ columns: Int) -> [DocumentLine] { roleLines(columns) }

  /// The lines of the Effect tab.
  func details(_ columns: Int) -> [DocumentLine] { roleLines(columns) }

  private func roleLines(_ columns: Int) -> [DocumentLine] {
    func note(_ text: String, _ tone: Tone) -> [DocumentLine] {
      DocumentLine.wrapped(text, tone, columns: columns)
    }
    switch statement.role {
    case .notInTransaction: return note("cannot run in a transaction", .active)
    case .visibleAfterCommit: return note("cannot be used before it is committed", .active)
    case .copyFromStandardInput: return note("! wants data that no file gives here", .danger)
    case .psqlCommand(let command):
      return note("! \(command) is psql's own; no server knows it", .danger)
    case .twoPhase: return note("! two-phase commit", .warning)
    case .begin, .commit, .rollback, .sessionSetting, .ordinary: return []
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
