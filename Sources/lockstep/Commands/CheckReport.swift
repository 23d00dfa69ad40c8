import Canvas
import MigrationEngine
import MigrationModel
import PostgresModel

/// The forms in which `check` writes its result.
enum CheckFormat: String, Sendable, Hashable, CaseIterable {
  case text, json, github, markdown, html

  /// The form that a file's ending asks for; Markdown where it asks for none.
  init(ofFile path: String) {
    switch path.split(separator: ".").last?.lowercased() {
    case "html", "htm": self = .html
    case "json", "jsonl": self = .json
    case "txt": self = .text
    default: self = .markdown
    }
  }

  /// The whole result as a text that ends with a line break, unless it is empty; annotations are of the
  /// items that were asked for alone.
  func written(_ report: ChecklistReport, askedFor items: Set<String>?) -> String {
    switch self {
    case .text:
      report.lines(isVerbose: true).map { line in
        TerminalText.visible(line.map(\.text).joined(), lineBreaks: .show) + "\n"
      }.joined()
    case .json: report.migrations.map { "\($0.json)\n" }.joined()
    case .github: report.annotations(of: items)
    case .markdown: report.markdown
    case .html: report.html
    }
  }
}

extension ChecklistReport {
  /// For people: each migration with its items, and what was seen of those that are not settled.
  ///
  /// - Parameter isVerbose: Whether what was seen of the others is told too.
  func lines(isVerbose: Bool) -> [[Output.Span]] {
    var heading: [Output.Span] = [.init(title, .strong)]
    if let environment { heading.append(.init("  on \(environment)", .strong)) }
    heading.append(.init("  \(database)", .faint))
    var lines = [heading]
    if migrations.isEmpty {
      return lines + [[], [.init("nothing is pending: name an applied migration to check it")]]
    }
    for migration in migrations { lines += [[]] + migration.lines(isVerbose: isVerbose) }
    return lines + [[], summary]
  }

  private var summary: [Output.Span] {
    let items = migrations.flatMap(\.items)
    let counts = CheckStatus.allCases.compactMap { status -> Output.Span? in
      let count = items.count { $0.status == status }
      return count == 0 ? nil : Output.Span("   \(status.words) \(count)", status.ink)
    }
    return [.init(verdict.rawValue, verdict.ink)] + counts
  }
}

extension CheckedMigration {
  fileprivate func lines(isVerbose: Bool) -> [[Output.Span]] {
    var lines: [[Output.Span]] = [
      [
        .init(version.text, .strong), .init(" \(name)  "), .init(verdict.rawValue, verdict.ink),
        .init("  \(progressWords)", .faint),
      ]
    ]
    lines += rehearsalLines.map { [.init("  \($0)", .faint)] }
    let width = items.map(\.item.id.count).max() ?? 0
    for (heading, items) in sections {
      if let heading { lines.append([.init("  \(heading)", .strong)]) }
      for item in items { lines += item.lines(idWidth: width, isVerbose: isVerbose) }
    }
    return lines
  }
}

extension CheckedItem {
  fileprivate func lines(idWidth: Int, isVerbose: Bool) -> [[Output.Span]] {
    let id = item.id + String(repeating: " ", count: max(0, idWidth - item.id.count))
    var first: [Output.Span] = [
      .init("  \(status.mark) ", status.ink), .init("\(id)  ", .faint), .init(item.title),
    ]
    if status != .passed { first.append(.init("  \(status.words)", status.ink)) }
    var lines = [first]
    let indent = String(repeating: " ", count: idWidth + 6)
    if let attribution, isVerbose || reason != nil || status == .signed || status == .stale {
      lines.append([.init("\(indent)\(attribution)", .faint)])
    }
    for note in notes { lines.append([.init("\(indent)note: \(note)", .faint)]) }
    let isTold = isVerbose || [.failed, .open, .stale].contains(status)
    for evidence in isTold ? isVerbose ? self.evidence : self.evidence.folded : [] {
      lines.append([.init("\(indent)\(evidence.weight.mark) \(evidence.text)", evidence.weight.ink)]
      )
    }
    return lines
  }
}

extension [CheckFinding.Evidence] {
  /// Without what was seen of each thing that is proven, and where those are many, with their number
  /// alone; what stands against it or leaves it open is whole.
  fileprivate var folded: Self {
    var parts: [Self] = []
    for line in self {
      // What was seen of a thing stands indented below it.
      if line.text.first == " ", !parts.isEmpty {
        parts[parts.count - 1].append(line)
      } else {
        parts.append([line])
      }
    }
    func isProven(_ part: Self) -> Bool {
      part[0].weight == .supports
        && part.allSatisfy { $0.weight == .supports || $0.weight == .plain }
    }
    let proven = parts.filter(isProven)
    guard proven.count > 3 else { return parts.flatMap { isProven($0) ? [$0[0]] : $0 } }
    return parts.filter { !isProven($0) }.flatMap(\.self)
      + [.init("\(proven.count) proven, which -v shows", .supports)]
  }
}

extension CheckFinding.Evidence.Weight {
  fileprivate var ink: Output.Ink {
    switch self {
    case .plain, .supports: .faint
    case .refutes: .bad
    case .unclear: .waiting
    }
  }
}

extension CheckStatus {
  fileprivate var ink: Output.Ink {
    switch self {
    case .passed, .signed: .good
    case .failed: .bad
    case .waived, .open, .stale: .waiting
    case .notApplicable: .faint
    }
  }
}

extension CheckedMigration.Verdict {
  fileprivate var ink: Output.Ink {
    switch self {
    case .passed: .good
    case .failed: .bad
    case .incomplete: .waiting
    }
  }
}
