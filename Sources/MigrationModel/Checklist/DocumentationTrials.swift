import PostgresModel

/// Compares what a project keeps of its schema with the schema.
public enum DocumentationTrials {
  /// Compares the committed dump with a dump of the schema as it will be.
  ///
  /// - Parameters:
  ///   - committed: `nil` where there is no such file.
  ///   - dump: As the layout's tool would write the file now; `nil` where it could not be made.
  public static func ofDump(committed: String?, dump: String?, file: String) -> Trial {
    let subject = "schema dump \(file)"
    guard let committed else {
      return Trial(
        .documentation, subject, .refuted,
        [.init("there is no such file: `lockstep dump` after applying writes it", .refutes)])
    }
    guard let dump else {
      return Trial(
        .documentation, subject, .notProven,
        [.init("nothing to compare it with: the schema afterwards was not seen", .unclear)])
    }
    let (old, new) = (significant(committed), significant(dump))
    guard old != new else {
      return Trial(
        .documentation, subject, .proven, [.init("it is that of the schema", .supports)])
    }
    return Trial(
      .documentation, subject, .refuted,
      [
        .init(
          "it is not that of the schema: write it anew with `lockstep dump` where all is applied",
          .refutes)
      ]
        + differences(old, new))
  }

  /// Compares the committed diagram with one of the schema.
  ///
  /// A Markdown file is compared by its first block of `mermaid`.
  public static func ofDiagram(
    committed: String?, snapshot: SchemaSnapshot?, file: String
  ) -> Trial {
    let subject = "diagram \(file)"
    guard let committed else {
      return Trial(
        .documentation, subject, .refuted,
        [.init("there is no such file: `lockstep erd` writes one", .refutes)])
    }
    guard let snapshot else {
      return Trial(
        .documentation, subject, .notProven,
        [.init("nothing to compare it with: the schema afterwards was not seen", .unclear)])
    }
    let format = format(of: file)
    let drawn = ERDiagram(snapshot).written(as: format)
    let kept = file.hasSuffix(".md") ? mermaidBlock(in: committed) : committed
    let (old, new) = (lines(kept), lines(drawn))
    guard old != new else {
      return Trial(
        .documentation, subject, .proven, [.init("it is that of the schema", .supports)])
    }
    let command = "`lockstep erd --format \(format.rawValue)`"
    return Trial(
      .documentation, subject, .refuted,
      [
        .init(
          "it is not that of the schema: write it anew with \(command) where all is applied",
          .refutes)
      ]
        + differences(old, new))
  }

  /// The form of a diagram by its file's ending.
  public static func format(of file: String) -> ERDiagram.Format {
    if file.hasSuffix(".dot") || file.hasSuffix(".gv") { return .dot }
    return file.hasSuffix(".txt") ? .text : .mermaid
  }

  /// How many of the new tables and columns have a comment; told, never judged. `nil` where none is new.
  public static func commentCoverage(
    _ changes: [SchemaDiff.Change], after: SchemaSnapshot
  ) -> CheckFinding.Evidence? {
    let added = changes.filter { $0.action == .added && $0.kind == "table" }.map(\.object)
    let columns =
      changes.filter { $0.action == .added && $0.kind == "column" }.map(\.object)
    guard !added.isEmpty || !columns.isEmpty else { return nil }
    var described: Set<String> = []
    for fact in after.facts where fact.kind == "comment" && fact.property.isEmpty {
      for kind in ["table column ", "table "] where fact.object.hasPrefix(kind) {
        described.insert(String(fact.object.dropFirst(kind.count)))
        break
      }
    }
    let (tablesWith, columnsWith) = (
      added.count { described.contains($0) }, columns.count { described.contains($0) }
    )
    return CheckFinding.Evidence(
      "comments on \(tablesWith) of \(added.count) new tables and \(columnsWith) of \(columns.count)"
        + " new columns")
  }

  // MARK: Comparing

  /// The lines of a dump that say something of the schema: releases of `pg_dump` differ in the rest.
  private static func significant(_ dump: String) -> [Substring] {
    lines(dump).filter { line in
      !line.isEmpty && !line.hasPrefix("--") && !line.hasPrefix("SET ")
        && !line.hasPrefix("SELECT pg_catalog.set_config") && !line.hasPrefix("\\restrict")
        && !line.hasPrefix("\\unrestrict")
    }
  }

  /// Without blanks at the ends of lines and empty lines at the end.
  private static func lines(_ text: String) -> [Substring] {
    var lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).map {
      line -> Substring in
      var line = line
      while line.last?.isWhitespace == true { line.removeLast() }
      return line
    }
    while lines.last?.isEmpty == true { lines.removeLast() }
    return lines
  }

  private static func mermaidBlock(in text: String) -> String {
    var block: [Substring] = []
    var isInside = false
    for line in lines(text) {
      if isInside {
        if line.hasPrefix("```") { break }
        block.append(line)
      } else if line.hasPrefix("```mermaid") {
        isInside = true
      }
    }
    return block.joined(separator: "\n")
  }

  private static func differences(
    _ old: [Substring], _ new: [Substring]
  ) -> [CheckFinding.Evidence] {
    var evidence: [CheckFinding.Evidence] = []
    let most = 12
    let changes = new.difference(from: old)
    for change in changes.prefix(most) {
      switch change {
      case .remove(_, let line, _): evidence.append(.init("  - \(line)", .refutes))
      case .insert(_, let line, _): evidence.append(.init("  + \(line)", .refutes))
      }
    }
    if changes.count > most { evidence.append(.init("  and \(changes.count - most) lines more")) }
    return evidence
  }
}
