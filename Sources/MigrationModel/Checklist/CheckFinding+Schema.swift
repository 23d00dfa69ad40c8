import PostgresModel

/// What is concluded from what a migration did to the schema of a copy.
extension CheckFinding {
  /// Where nothing was tried with the indexes, the catalogue says whether each can be used.
  static func indexes(_ scene: CheckScene) -> CheckFinding {
    let tried = tried(.indexes, "index", scene)
    guard scene.trials(of: .indexes).isEmpty, tried.verdict == .notProven,
      let rehearsed = scene.rehearsed, let after = scene.after
    else { return tried }
    let made = rehearsed.changes.filter {
      $0.kind == "index" && ($0.action == .added || $0.property == "definition")
    }
    guard !made.isEmpty else { return tried }
    let broken = Set(
      after.facts.filter {
        $0.kind == "index" && ["valid", "ready", "live"].contains($0.property) && $0.value == "no"
      }.map(\.object))
    return CheckFinding(
      made.map { change in
        let isBroken = broken.contains(change.object)
        return Trial(
          .indexes, "index \(change.object)", isBroken ? .refuted : .proven,
          [.init(isBroken ? "not valid" : "valid and ready", isBroken ? .refutes : .supports)])
      })
  }

  static func rollback(_ scene: CheckScene) -> CheckFinding {
    guard let rehearsed = scene.rehearsed, rehearsed.applies == true else {
      if case .none(let reason, _)? = scene.status.migration?.down {
        return CheckFinding(.failed, [.init("no way back: \(reason)", .refutes)])
      }
      return notRehearsed(scene)
    }
    let back = rehearsed.rollBack
    guard back.hasScript else { return downScript(scene) }
    guard let runs = back.runs else {
      return CheckFinding(.notProven, [.init("rolling back was not tried", .unclear)])
    }
    guard runs else {
      return CheckFinding(
        .failed, [.init("the way back fails", .refutes)] + errorLines(rehearsed))
    }
    var evidence: [Evidence] = []
    let differences = (back.differences ?? []).filter { !$0.isBenign }
    if back.restoresSchema == nil {
      evidence.append(.init("rolled back; the schema was not compared", .unclear))
    } else if differences.isEmpty {
      let isExact = back.differences?.isEmpty == true
      evidence.append(
        .init(
          isExact
            ? "rolled back: the schema is exactly as before"
            : "rolled back: the schema is as before but for the places of columns", .supports))
    } else {
      evidence.append(.init("rolled back: the schema is not as before", .refutes))
      evidence += listed(differences) { .init("  \($0.inWords)", .refutes) }
    }
    if rehearsed.reapplies == true {
      evidence.append(.init("applied again, with the same schema", .supports))
    } else if rehearsed.reapplies == false {
      evidence.append(.init("it cannot be applied again with the same schema", .refutes))
      evidence += errorLines(rehearsed)
    }
    let tried = CheckFinding(scene.trials(of: .rollback))
    evidence += tried.evidence
    let hasFailed = back.hasFailed || rehearsed.reapplies == false || tried.verdict == .failed
    var isUnclear = back.restoresSchema == nil || rehearsed.reapplies == nil
    if scene.hadRows {
      isUnclear = isUnclear || tried.verdict == .notProven
    } else {
      let lost = rehearsed.changes.filter {
        $0.action == .dropped && ["table", "column", "materialized view"].contains($0.kind)
      }
      evidence += listed(lost) {
        .init("whether the way back brings back what was in \($0.object) needs rows", .unclear)
      }
      let writes = rehearsed.writesRows
      if writes {
        evidence.append(.init("whether the rows that it writes come back needs rows", .unclear))
      }
      isUnclear = isUnclear || !lost.isEmpty || writes
      if lost.isEmpty, !writes {
        evidence.append(.init("the copy had no rows, and it neither drops nor writes any"))
      }
    }
    return CheckFinding(hasFailed ? .failed : isUnclear ? .notProven : .passed, evidence)
  }

  /// No more than a screen of it.
  static func listed<Element>(
    _ elements: [Element], _ line: (Element) -> Evidence
  ) -> [Evidence] {
    let most = 12
    let shown = elements.prefix(most).map(line)
    let left = elements.count - shown.count
    return left > 0 ? shown + [Evidence("  and \(left) more")] : shown
  }
}

extension RehearsedMigration {
  /// Whether a statement may change rows that are there, as far as its words tell.
  fileprivate var writesRows: Bool {
    let commands = ["UPDATE", "DELETE", "TRUNCATE", "MERGE", "WITH", "DO", "CALL"]
    return statements.contains { statement in
      SQLScript.statements(in: statement.sql).contains { commands.contains($0.command) }
    }
  }
}

extension SchemaDiff.Change {
  /// In one line: `dropped column public.orders.channel`.
  public var inWords: String {
    guard !property.isEmpty else { return "\(action.rawValue) \(kind) \(object)" }
    return "changed \(kind) \(object), \(property): \(Self.short(before)) -> \(Self.short(after))"
  }

  private static func short(_ value: String?) -> String {
    guard let value else { return "none" }
    let words = value.split { $0.isWhitespace }.joined(separator: " ")
    return words.count > 60 ? "\(words.prefix(59))…" : words
  }
}
