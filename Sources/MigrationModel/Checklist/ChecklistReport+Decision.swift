import PostgresModel

extension ChecklistReport {
  /// An entry for a project's `docs/decisions.md`: that migrations were validated, where, when and by
  /// whom, what was waived and why.
  ///
  /// Begins with an empty line, so that it can be added behind whatever the file holds.
  ///
  /// - Parameter title: As the person who validates names the matter.
  public func decisionEntry(_ title: String) -> String {
    let day = at.shortText.prefix(10)
    var text = "\n## \(day): \(MarkdownText.inline(title))\n\n"
    let place = environment.map { "\($0) (\(database))" } ?? database
    text += "- **\(MarkdownText.inline(self.title))**: \(verdict.rawValue)\n"
    text += "- **Where**: \(MarkdownText.inline(place))\n"
    text += "- **When, by whom**: \(at.shortText) UTC, \(MarkdownText.inline(by))\n"
    for migration in migrations {
      let name = MarkdownText.inline("\(migration.version)_\(migration.name)")
      text += "- \(name): \(migration.verdict.rawValue), \(migration.progressWords)"
      if !migration.checksum.isEmpty { text += "; SHA-256 `\(migration.checksum)`" }
      text += "\n"
      for item in migration.items where item.status != .passed && item.status != .notApplicable {
        text += "  - \(MarkdownText.inline(item.item.title)): \(item.status.words)"
        if let attribution = item.attribution { text += ", \(MarkdownText.inline(attribution))" }
        text += "\n"
      }
    }
    return text
  }
}
