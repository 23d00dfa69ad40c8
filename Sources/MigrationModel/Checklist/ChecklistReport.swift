import PostgresModel

/// What a validation came to, to be kept or shown elsewhere: in a pull request, on a page, in a file.
///
/// Its forms are pure functions; text that comes from files, databases and people is made harmless in
/// each of them.
public struct ChecklistReport: Sendable, Hashable {
  /// Of the checklist.
  public var title: String
  public var migrations: [CheckedMigration]
  /// Where it was checked, in words: `orders on db1:5432, PostgreSQL 15.8`; without any password.
  public var database: String
  public var environment: String?
  public var at: Instant
  public var by: String
  /// The file of a migration, for those that look at one beside the other; as in the project.
  public var files: [Version: String]

  public init(
    title: String, migrations: [CheckedMigration], database: String, environment: String?,
    at: Instant, by: String, files: [Version: String] = [:]
  ) {
    self.title = title
    self.migrations = migrations
    self.database = database
    self.environment = environment
    self.at = at
    self.by = by
    self.files = files
  }

  public var verdict: CheckedMigration.Verdict {
    if migrations.contains(where: { $0.verdict == .failed }) { return .failed }
    return migrations.allSatisfy { $0.verdict == .passed } ? .passed : .incomplete
  }
}

extension CheckStatus {
  /// For people.
  public var words: String {
    switch self {
    case .passed, .failed, .waived, .signed, .open, .stale: rawValue
    case .notApplicable: "not applicable"
    }
  }

  /// One character that says it without a colour.
  public var mark: String {
    switch self {
    case .passed: "✓"
    case .failed: "✗"
    case .waived: "~"
    case .signed: "✎"
    case .open: "·"
    case .notApplicable: "-"
    case .stale: "↻"
    }
  }
}

extension CheckedItem {
  /// Who said or ran what when, and why: `signed by ada, 2026-01-09 12:00 UTC: seen by two`.
  public var attribution: String? {
    guard let by, let at else { return nil }
    let verb =
      switch status {
      case .signed: "signed"
      case .waived: "waived"
      case .stale: "of another content, kept"
      case .passed, .failed, .open, .notApplicable: "proven"
      }
    let why = reason.map { ": \($0)" } ?? ""
    let words = status == .open || status == .notApplicable ? "tried" : verb
    return "\(words) by \(by), \(at.shortText) UTC\(why)"
  }
}

extension CheckedMigration {
  /// `5 of 8 settled`.
  public var progressWords: String {
    let (settled, all) = progress
    return "\(settled) of \(all) settled"
  }

  /// The items below the headings of their checklist, in its order; `nil` where there is no heading.
  public var sections: [(heading: String?, items: [CheckedItem])] {
    var sections: [(heading: String?, items: [CheckedItem])] = []
    for item in items {
      if let last = sections.indices.last, sections[last].heading == item.item.section {
        sections[last].items.append(item)
      } else {
        sections.append((item.item.section, [item]))
      }
    }
    return sections
  }

  /// The copies on which its evidence was seen, a line each; where there are several, with the items.
  public var rehearsalLines: [String] {
    let seen = items.filter { $0.status != .stale && $0.copy != nil }
    var copies: [CheckFinding.Copy] = []
    for copy in seen.compactMap(\.copy) where !copies.contains(copy) { copies.append(copy) }
    return copies.map { copy in
      let ids = seen.filter { $0.copy == copy }.map(\.item.id).joined(separator: ", ")
      return "rehearsed\(copies.count > 1 ? " for \(ids)" : ""): \(copy.words)"
    }
  }
}
