import PostgresModel

/// The document that is begun when a migration had to be rolled back in an emergency: the facts as they
/// were kept, and room for what only people know.
public struct IncidentDocument: Sendable {
  public var version: Version
  /// Version and name.
  public var label: String
  public var identity: DatabaseIdentity
  public var environment: String?
  /// The SQL of the way back; `nil` where there is none.
  public var downSQL: String?
  /// The runs in which it took part, newest first.
  public var runs: [(run: RunArchive.RecordedRun, step: RunArchive.RecordedStep)]
  /// When the document is begun.
  public var now: Instant

  public init(
    version: Version, label: String, identity: DatabaseIdentity, environment: String?,
    downSQL: String?, runs: [(run: RunArchive.RecordedRun, step: RunArchive.RecordedStep)],
    now: Instant
  ) {
    self.version = version
    self.label = label
    self.identity = identity
    self.environment = environment
    self.downSQL = downSQL
    self.runs = runs
    self.now = now
  }

  /// Hours within which an emergency rollback is looked back on.
  public static let reviewHours = 72

  /// `2026-01-09-0007_orders_index.md`.
  public var fileName: String {
    let safe = label.map { $0.isLetter || $0.isNumber || "-_.".contains($0) ? $0 : "_" }
    return "\(now.shortText.prefix(10))-\(String(safe)).md"
  }

  /// When it has to be looked back on: counted from the roll back, or from now where none was kept.
  public var reviewDue: Instant {
    let from = rolledBack?.step.step.startedAt ?? now
    return Instant(microseconds: from.microseconds + Int64(Self.reviewHours) * 3_600_000_000)
  }

  /// Whether a run that rolled it back was kept.
  public var isRollBackKept: Bool { rolledBack != nil }

  private var rolledBack: (run: RunArchive.RecordedRun, step: RunArchive.RecordedStep)? {
    runs.first { $0.step.step.direction == .down && $0.step.step.outcome == .done }
  }

  private var applied: (run: RunArchive.RecordedRun, step: RunArchive.RecordedStep)? {
    runs.first { $0.step.step.direction == .up && [.done, .marked].contains($0.step.step.outcome) }
  }

  /// The document as Markdown.
  ///
  /// - Parameter time: Milliseconds in the words of the place.
  public func markdown(_ time: (Double) -> String) -> String {
    var text = "# Incident: \(label) \(isRollBackKept ? "rolled back" : "to be rolled back")\n\n"
    for (key, value) in facts(time) { text += "- \(key): \(value)\n" }
    text +=
      "\n## What was seen\n\nWhat went wrong, who noticed it and when, and who was affected.\n"
    text += "\n## What was run\n\n"
    if let downSQL {
      let sql = downSQL.hasSuffix("\n") ? downSQL : downSQL + "\n"
      let fence = IncidentDocument.fence(around: sql)
      let run = isRollBackKept ? "" : ", which no run that was kept has gone"
      text += "The way back of `\(label)`\(run):\n\n\(fence)sql\n\(sql)\(fence)\n"
    } else {
      text += "`\(label)` has no way back in its files.\n"
    }
    text += "\n## Runs\n\n"
    if runs.isEmpty { text += "None was kept.\n" }
    for (run, step) in runs {
      text +=
        "- \(step.step.startedAt.shortText) UTC: \(step.outcome(time)), \(run.circumstances)\n"
      for backup in run.backups { text += "  - \(backup.words)\n" }
      for detail in step.details(time) { text += "  - \(detail)\n" }
      for check in run.health { text += "  - \(check.words)\n" }
    }
    text += """

      ## Cause

      Why it happened, and why it was not seen before: what the checklist, the rehearsal and staging showed.

      ## What follows

      - [ ] a new migration that mends it; `\(label)` itself is not changed
      - [ ] looked back on together by \(reviewDue.shortText) UTC

      """
    return text
  }

  private func facts(_ time: (Double) -> String) -> [(String, String)] {
    func words(
      _ found: (run: RunArchive.RecordedRun, step: RunArchive.RecordedStep)?
    ) -> String {
      guard let found else { return "not kept" }
      let took = found.step.step.durationMilliseconds.map { ", in \(time($0))" } ?? ""
      return "\(found.step.step.startedAt.shortText) UTC by \(found.run.start.by)\(took)"
    }
    return [
      ("migration", "`\(label)`"), ("database", identity.words),
      ("environment", environment ?? "none named"), ("applied", words(applied)),
      ("rolled back", words(rolledBack)),
      (
        "review due",
        "\(reviewDue.shortText) UTC, \(Self.reviewHours) h after "
          + (isRollBackKept ? "it was rolled back" : "this was begun")
      ),
    ]
  }

  /// Longer than any run of backticks in a text, so that nothing in it ends the block.
  private static func fence(around text: String) -> String {
    var longest = 2
    var current = 0
    for character in text.utf8 {
      current = character == UInt8(ascii: "`") ? current + 1 : 0
      longest = max(longest, current)
    }
    return String(repeating: "`", count: longest + 1)
  }
}
