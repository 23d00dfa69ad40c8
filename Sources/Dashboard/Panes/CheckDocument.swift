import Canvas
import Diagnostics
import MigrationModel
import PostgresModel

/// Writes all that is known of one item of a checklist, or of a rehearsal.
struct CheckDocument {
  private let columns: Int
  private(set) var lines: [DocumentLine] = []

  /// Everything about an item: how it stands, who says so, what was seen, and the way on.
  init(_ item: CheckedItem, of migration: CheckedMigration, columns: Int) {
    self.columns = columns
    let mark = CheckMark(item.status)
    tell("\(mark.text) \(item.item.title)", .strong, hanging: 4)
    tell(Self.standing(item), mark.tone == .text ? .dim : mark.tone, indent: 4)
    if let section = item.item.section { tell("of: \(section)", .dim, indent: 4) }
    tell("item \(item.item.id) of \(migration.version) \(migration.name)", .dim, indent: 4)
    if let reason = item.reason {
      lines.append(.empty)
      tell(reason, .text, indent: 4)
    }
    tellEvidence(item)
    if !item.notes.isEmpty {
      lines += [.empty, .heading("notes")]
      for note in item.notes { tell(note, .text, indent: 4) }
    }
    lines.append(.empty)
    tell(Self.wayOn(item), .dim)
  }

  /// What a rehearsal has shown, migration by migration.
  init(_ report: RehearsalReport, columns: Int) {
    self.columns = columns
    tell(
      "rehearsed on PostgreSQL \(report.scratch.serverVersion): \(report.scratch.mode.words)", .dim)
    for migration in report.migrations {
      let (text, tone) = CheckWords.verdict(migration)
      lines.append(.empty)
      tell("\(migration.version) \(migration.name)", .strong, hanging: 4)
      tell(text, tone, indent: 4)
      if let took = migration.durationMilliseconds, migration.applies == true {
        tell("up took \(Words.duration(milliseconds: took)) on the copy", .dim, indent: 4)
      }
      for change in migration.changes { tell(change, .text) }
      if let differences = migration.rollBack.differences, !differences.isEmpty {
        tell("after rolling back it is not as before:", .warning, indent: 4)
        for change in differences { tell(change, change.isBenign ? .dim : .danger) }
      }
      if let error = migration.error { tell(error) }
    }
    if let batch = report.batch {
      lines.append(.empty)
      let isBack = !batch.hasFailed
      tell(
        isBack
          ? "all of them rolled back in reverse: the schema is as before"
          : "all of them rolled back in reverse: the schema is not as before",
        isBack ? .good : .danger)
      for change in batch.differences ?? [] { tell(change, change.isBenign ? .dim : .danger) }
    }
    lines.append(.empty)
    for limit in report.scratch.mode.limits { tell("not proven: \(limit)", .dim, hanging: 4) }
  }

  // MARK: - Parts

  private mutating func tell(_ text: String, _ tone: Tone, indent: Int = 0, hanging: Int = 0) {
    let room = max(8, columns - max(indent, hanging))
    for (index, part) in TextWidth.wrap(text, to: room).enumerated() {
      let padding = String(repeating: " ", count: index == 0 ? indent : max(indent, hanging))
      lines.append(.heading(padding + part, tone))
    }
  }

  private mutating func tell(_ change: SchemaDiff.Change, _ tone: Tone) {
    let sign =
      switch change.action {
      case .added: "+"
      case .dropped: "-"
      case .changed: "~"
      }
    let property = change.property.isEmpty ? "" : "  \(change.property)"
    tell("  \(sign) \(change.kind) \(change.object)\(property)", tone, hanging: 6)
  }

  private mutating func tell(_ diagnostic: Diagnostic) {
    let sqlstate = diagnostic.sqlstate.map { " (SQLSTATE \($0))" } ?? ""
    tell("\(diagnostic.severity.rawValue): \(diagnostic.what)\(sqlstate)", .danger, indent: 4)
    for detail in diagnostic.details { tell("\(detail.label): \(detail.text)", .text, indent: 6) }
    if let at = diagnostic.at { tell("at: \(at)", .dim, indent: 6) }
    if let next = diagnostic.next { tell("next: \(next)", .text, indent: 6) }
  }

  /// Each line with a mark of what it says of the matter, which does not depend on colours.
  private mutating func tellEvidence(_ item: CheckedItem) {
    guard !item.evidence.isEmpty else { return }
    lines.append(.empty)
    switch item.status {
    case .stale: lines.append(.heading("what was seen then"))
    case .waived, .signed: lines.append(.heading("what the last proof has seen"))
    default: break
    }
    for evidence in item.evidence {
      let tone: Tone =
        switch evidence.weight {
        case .plain: .text
        case .supports: .good
        case .refutes: .danger
        case .unclear: .warning
        }
      let indent = evidence.text.prefix { $0 == " " }.count
      tell("\(evidence.weight.mark) \(evidence.text)", tone, hanging: min(12, indent + 4))
    }
  }

  private static func standing(_ item: CheckedItem) -> String {
    let who = item.by.map { " by \($0)" } ?? ""
    let when = item.at.map { " at \($0.shortText)Z" } ?? ""
    switch item.status {
    case .passed: return "passed: proven\(when), run\(who)"
    case .failed: return "failed: tried\(when), run\(who)"
    case .waived: return "waived\(who)\(when)"
    case .signed: return "signed\(who)\(when)"
    case .notApplicable: return "not applicable: looked for\(when), run\(who)"
    case .stale: return "stale: settled\(when)\(who), and its files changed since"
    case .open: return item.at == nil ? "open" : "open: tried\(when) and not proven, run\(who)"
    }
  }

  private static func wayOn(_ item: CheckedItem) -> String {
    let isProvable = item.item.proof != nil
    switch item.status {
    case .passed, .notApplicable: return "v proves it anew"
    case .failed: return "v proves it again; W leaves it out, with a reason"
    case .waived, .signed: return "u takes it back"
    case .open, .stale:
      return isProvable
        ? "v proves it: the database is only read, a scratch copy is made and dropped; Space signs "
          + "it, W leaves it out with a reason"
        : "nothing but a person's word settles it: Space signs it, W leaves it out with a reason"
    }
  }
}
