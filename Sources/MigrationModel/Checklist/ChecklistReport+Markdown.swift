import PostgresModel

extension ChecklistReport {
  /// GitHub Flavored Markdown: a task list for each migration, ticked where nothing more has to be done,
  /// with the evidence folded in.
  public var markdown: String {
    var text = "## \(MarkdownText.inline(title)): \(verdict.rawValue)\n\n"
    let place = environment.map { "\($0): \(database)" } ?? database
    text += "\(MarkdownText.inline(place))  \n"
    text += "\(at.shortText) UTC, by \(MarkdownText.inline(by))\n"
    if migrations.isEmpty { text += "\nNo migrations.\n" }
    for migration in migrations { text += "\n" + Self.markdown(migration) }
    return text
  }

  private static func markdown(_ migration: CheckedMigration) -> String {
    let name = MarkdownText.inline("\(migration.version)_\(migration.name)")
    var text = "### \(name): \(migration.verdict.rawValue), \(migration.progressWords)\n\n"
    if !migration.checksum.isEmpty { text += "SHA-256 `\(migration.checksum)`\n\n" }
    for line in migration.rehearsalLines { text += "\(MarkdownText.inline(line))\n\n" }
    for (heading, items) in migration.sections {
      if let heading { text += "\n**\(MarkdownText.inline(heading))**\n\n" }
      for item in items { text += markdown(item) }
    }
    return text
  }

  private static func markdown(_ item: CheckedItem) -> String {
    let box = item.status.isSettled ? "x" : " "
    let title = MarkdownText.inline(item.item.title)
    var text = "- [\(box)] \(title) — **\(item.status.words)**"
    if let attribution = item.attribution { text += ", \(MarkdownText.inline(attribution))" }
    text += "\n"
    for note in item.notes { text += "  - Note: \(MarkdownText.inline(note))\n" }
    guard !item.evidence.isEmpty else { return text }
    let lines = item.evidence.map { MarkdownText.code("\($0.weight.mark) \($0.text)") }
    // Longer than any row of the same marks inside.
    let longest = lines.flatMap { line in line.split { $0 != "`" }.map(\.count) }.max() ?? 0
    let fence = String(repeating: "`", count: max(3, longest + 1))
    text += "  <details><summary>evidence</summary>\n\n"
    text += "  \(fence)text\n" + lines.map { "  \($0)\n" }.joined() + "  \(fence)\n\n  </details>\n"
    return text
  }
}

extension CheckFinding.Evidence.Weight {
  /// One character before a line of evidence.
  public var mark: String {
    switch self {
    case .plain: " "
    case .supports: "+"
    case .refutes: "!"
    case .unclear: "?"
    }
  }
}

/// Text made safe to stand in Markdown.
enum MarkdownText {
  /// On one line, with everything escaped that Markdown or HTML would take for more than a character.
  ///
  /// `@` is given as a character reference: a name in a report is not to call anybody.
  static func inline(_ text: String) -> String {
    var result = ""
    for scalar in harmless(text).unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "@": result += "&#64;"
      case "\\", "`", "*", "_", "{", "}", "[", "]", "#", "|", "~", "!":
        result += "\\"
        result.unicodeScalars.append(scalar)
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// A line inside of a fence.
  static func code(_ text: String) -> String { harmless(text) }

  /// Without line breaks, controls, and what turns the direction of writing.
  static func harmless(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      let category = scalar.properties.generalCategory
      let isHarmless =
        category != .control && category != .format && category != .lineSeparator
        && category != .paragraphSeparator
      result.unicodeScalars.append(isHarmless ? scalar : " ")
    }
    return result
  }
}
