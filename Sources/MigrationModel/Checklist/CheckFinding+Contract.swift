import PostgresModel

/// What others rely on: columns and their types, tables, views, functions, labels, privileges.
extension CheckFinding {
  /// What takes something away fails it; what only may matter is left to a person, who knows whether it
  /// does to anybody.
  static func contract(_ scene: CheckScene) -> CheckFinding {
    guard let rehearsed = scene.rehearsed, rehearsed.applies == true else {
      return notRehearsed(scene)
    }
    let reading = ContractReading(rehearsed, before: scene.before)
    let tried = CheckFinding(scene.trials(of: .contract))
    var evidence = reading.broken.map { change in
      Evidence("\(change.inWords): breaks \(change.victims)\(reading.rename(of: change))", .refutes)
    }
    evidence += reading.cautions.map { Evidence("\($0.change.inWords): \($0.words)", .unclear) }
    evidence += tried.evidence
    let hasFailed = !reading.broken.isEmpty || tried.verdict == .failed
    let isUnclear = !reading.cautions.isEmpty || tried.verdict == .notProven
    if hasFailed || isUnclear {
      evidence.append(note(of: scene.status.migration, isWanted: hasFailed))
    } else {
      evidence.append(.init("nothing was dropped, renamed, retyped or restricted", .supports))
    }
    return CheckFinding(hasFailed ? .failed : isUnclear ? .notProven : .passed, evidence)
  }

  /// That somebody has written down that it breaks something is no proof that nobody minds.
  private static func note(of migration: Migration?, isWanted: Bool) -> Evidence {
    for file in migration?.files ?? [] where file.isKept {
      for (index, line) in file.bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
        .enumerated()
      {
        let text = String(decoding: line, as: UTF8.self)
        guard text.uppercased().contains("BREAKING CHANGE") else { continue }
        let words = text.split { $0.isWhitespace }.drop { $0.allSatisfy { "-*/".contains($0) } }
        return Evidence(
          "\(file.path):\(index + 1) says so: \(words.joined(separator: " ").prefix(120))")
      }
    }
    return Evidence(
      "no BREAKING CHANGE note in the file says so", isWanted ? .refutes : .plain)
  }
}

/// Sorts what a migration did by what it means for others.
private struct ContractReading {
  /// Something that was there for others is no longer there, or is something else.
  var broken: [SchemaDiff.Change] = []
  /// What others may or may not mind, and why.
  var cautions: [(change: SchemaDiff.Change, words: String)] = []
  private var changes: [SchemaDiff.Change]

  init(_ rehearsed: RehearsedMigration, before: SchemaSnapshot?) {
    changes = rehearsed.changes
    let gone = Set(
      changes.filter { $0.action == .dropped && $0.kind != "column" }.map(\.object))
    for change in changes where !change.breaks.isEmpty {
      // With a table goes all that belongs to it; one line says so.
      if change.action == .dropped, let owner = change.before, gone.contains(owner) { continue }
      switch Self.meaning(of: change, before: before) {
      case .breaks: broken.append(change)
      case .caution(let words): cautions.append((change, words))
      case .nothing: break
      }
    }
  }

  private enum Meaning {
    case breaks, nothing
    case caution(String)
  }

  private static func meaning(
    of change: SchemaDiff.Change, before: SchemaSnapshot?
  ) -> Meaning {
    let refuses = Meaning.caution("may refuse what is written today")
    switch (change.kind, change.action, change.property) {
    case ("index", .dropped, _), ("constraint", .dropped, _):
      // Only `ON CONFLICT` names an index or a constraint, and only one that is unique.
      let definition = before?.facts.first {
        $0.kind == change.kind && $0.object == change.object && $0.property == "definition"
      }?.value
      guard let definition else { return .caution("ON CONFLICT may name it") }
      let isUnique = ["CREATE UNIQUE", "UNIQUE", "PRIMARY KEY", "EXCLUDE"].contains {
        definition.hasPrefix($0)
      }
      return isUnique ? .breaks : .nothing
    case ("trigger", .dropped, _), ("rule", .dropped, _), ("policy", .dropped, _):
      return .caution("others may rely on it")
    case ("constraint", _, _), ("index", _, _), ("trigger", _, _), ("rule", _, _),
      ("policy", _, _), ("domain", .changed, _), ("table", .changed, "row security"),
      ("table", .changed, "forced row security"):
      return refuses
    case ("column", .changed, "not null"):
      return change.after == nil ? .caution("readers may get NULL") : refuses
    case (_, .changed, "definition"), (_, .changed, "populated"):
      return .caution("may answer otherwise")
    default: return .breaks
    }
  }

  /// Says what a dropped column, or table, may be called now.
  func rename(of change: SchemaDiff.Change) -> String {
    guard change.action == .dropped else { return "" }
    let added = changes.filter {
      $0.kind == change.kind && $0.action == .added && $0.after == change.before
    }
    let dropped = changes.filter {
      $0.kind == change.kind && $0.action == .dropped && $0.before == change.before
    }
    guard dropped.count == 1, added.count == 1 else { return "" }
    return "; \(added[0].object) is new, and may be its new name"
  }
}

extension SchemaDiff.Change {
  /// Whom it may break, in words.
  fileprivate var victims: String {
    switch (breaks.contains(.readers), breaks.contains(.writers)) {
    case (true, true): "readers and writers"
    case (true, false): "readers"
    default: "writers"
    }
  }
}
