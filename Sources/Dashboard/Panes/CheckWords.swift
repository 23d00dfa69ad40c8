import Diagnostics
import MigrationModel
import PostgresModel

/// What the dashboard says about an item of a checklist.
enum CheckWords {
  /// The one thing worth knowing beside the title.
  static func short(_ item: CheckedItem) -> String {
    func line(_ weight: CheckFinding.Evidence.Weight) -> String? {
      item.evidence.first { $0.weight == weight }?.text
    }
    switch item.status {
    case .passed:
      // Of several trials each has a line of its own, and what was seen of it stands indented below.
      let trials = item.evidence.filter { $0.weight == .supports && $0.text.first != " " }
      if trials.count > 1, trials.allSatisfy({ $0.text.hasSuffix(": proven") }) {
        return "\(trials.count) proven"
      }
      return line(.supports) ?? item.evidence.first?.text ?? "proven"
    case .failed: return line(.refutes) ?? item.evidence.first?.text ?? "failed"
    case .waived: return item.reason ?? "waived"
    case .signed: return item.reason ?? "by hand"
    case .notApplicable: return item.evidence.first?.text ?? "nothing of the kind"
    case .stale: return "its files changed since"
    case .open:
      return line(.unclear) ?? item.evidence.first?.text
        ?? (item.item.proof == nil ? "a person's word" : "")
    }
  }

  /// Who, without the machine.
  static func by(_ item: CheckedItem) -> String {
    guard let by = item.by else { return "" }
    let name = by.prefix { $0 != "@" }
    return name.isEmpty ? by : String(name)
  }

  /// When, in five characters: the time of today, else the day.
  static func at(_ item: CheckedItem, now: Instant) -> String {
    guard let at = item.at else { return "" }
    let text = at.shortText
    let isToday = text.prefix(10) == now.shortText.prefix(10)
    return String(isToday ? text.dropFirst(11).prefix(5) : text.dropFirst(5).prefix(5))
  }

  /// When, with its day unless it is today's: `11:52Z`.
  static func moment(_ at: Instant, now: Instant) -> String {
    let text = at.shortText
    let isToday = text.prefix(10) == now.shortText.prefix(10)
    return String(isToday ? text.dropFirst(11).prefix(5) : text.prefix(16)) + "Z"
  }

  /// What a rehearsal has shown of one migration.
  static func verdict(_ migration: RehearsedMigration) -> (text: String, tone: Tone) {
    let tone: Tone =
      switch migration.verdict {
      case .passed: migration.losesRows ? .warning : .good
      case .notRun, .noWayBack: .warning
      case .failed: .danger
      }
    return (migration.words, tone)
  }

  /// How the migrations of a check stand, for the last word.
  static func outcome(_ migrations: [CheckedMigration]) -> Model.LastWord {
    guard let first = migrations.first else {
      return Model.LastWord(severity: .note, text: "nothing is pending: nothing was checked")
    }
    let failed = migrations.filter { $0.verdict == .failed }
    let items = migrations.flatMap(\.items)
    let open = items.count { !$0.status.isSettled && $0.status != .failed }
    var parts: [String] = []
    if migrations.count == 1 {
      let progress = first.progress
      parts.append("checks \(first.version): \(progress.settled) of \(progress.of) settled")
    } else {
      let passed = migrations.count { $0.verdict == .passed }
      parts.append("checks: \(passed) of \(migrations.count) migrations settled")
    }
    let refused = items.count { $0.status == .failed }
    if refused > 0 { parts.append("\(refused) failed") }
    if open > 0 { parts.append("\(open) open") }
    return Model.LastWord(
      severity: failed.isEmpty ? .note : .warning, text: parts.joined(separator: ", "))
  }

  /// Why a check or a rehearsal has come to nothing, for the last word.
  static func failure(_ diagnostic: Diagnostic, wasCancelled: Bool) -> Model.LastWord {
    guard !wasCancelled else {
      return Model.LastWord(
        severity: .warning, text: "cancelled: the scratch copy is gone; what the journal has stands"
      )
    }
    let next = diagnostic.next.map { "; next: \($0)" } ?? ""
    return Model.LastWord(severity: diagnostic.severity, text: diagnostic.what + next)
  }

  /// What a rehearsal has come to, for the last word.
  static func outcome(_ report: RehearsalReport) -> Model.LastWord {
    let failed = report.migrations.first { $0.verdict == .failed }
    if let failed {
      let words = verdict(failed).text
      return Model.LastWord(
        severity: .warning,
        text: "rehearsed: \(failed.version) \(words); Enter on the rehearsal in 5 Checks tells more"
      )
    }
    let only = report.migrations.count == 1 ? report.migrations.first : nil
    if let only {
      return Model.LastWord(
        severity: .note, text: "rehearsed: \(only.version) \(verdict(only).text)")
    }
    let count = Words.count(report.migrations.count, "migration")
    let batch = report.batch?.hasFailed == true
    return Model.LastWord(
      severity: batch ? .warning : .note,
      text: batch
        ? "rehearsed \(count): rolling all of them back in reverse does not lead back"
        : "rehearsed \(count): all apply" + (report.batch == nil ? "" : " and roll back"))
  }
}
