import PostgresModel

/// An entry about a run for the project's record of decisions.
public struct DecisionEntry: Sendable {
  /// As the person who ran it names the matter.
  public var title: String
  public var run: RunArchive.RecordedRun
  /// Who has approved it; `nil` where nobody had to.
  public var approval: String?

  public init(title: String, run: RunArchive.RecordedRun, approval: String?) {
    self.title = title
    self.run = run
    self.approval = approval
  }

  /// What a file that is not there begins with.
  public static let head = "# Decisions\n"

  /// The entry as Markdown, with an empty line before it.
  ///
  /// - Parameter time: Milliseconds in the words of the place.
  public func markdown(_ time: (Double) -> String) -> String {
    let start = run.start
    let line = title.split(whereSeparator: \.isNewline).joined(separator: " ")
    let place = start.environment.map { ", environment \($0)" } ?? ""
    var text = "\n## \(start.at.shortText.prefix(10)): \(line)\n\n"
    text += "`\(start.request)` on \(start.identity.words)\(place), by \(start.by),"
    text +=
      " \(start.at.shortText) UTC: \(run.end?.outcome.rawValue ?? "its end was not kept").\n\n"
    if let approval { text += "- \(approval)\n" }
    for backup in run.backups { text += "- \(backup.words)\n" }
    for step in run.steps {
      let name = migrationLabel(step.step.version, step.step.name)
      text += "- \(name): \(step.outcome(time))\n"
      if let error = step.step.error { text += "  - \(error.message)\n" }
    }
    for check in run.health { text += "- \(check.words)\n" }
    return text
  }
}
