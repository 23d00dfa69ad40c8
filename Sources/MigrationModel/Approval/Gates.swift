import Diagnostics

/// Decides what keeps a plan out of an environment.
public enum Gates {
  /// Every gate, in the order in which a run passes them; those that are closed refuse the plan.
  public static func all(for plan: Plan, _ facts: GateFacts) -> [Gate] {
    let approvals = ApprovalSearch(plan, facts)
    return [
      validated(plan, facts), approval(plan, facts, approvals), author(facts, approvals),
      backup(plan, facts), health(plan, facts),
    ]
  }

  // MARK: Validated

  private static func validated(_ plan: Plan, _ facts: GateFacts) -> Gate {
    let place = facts.demands.validatedOn
    let title = place.map { "validated on \($0)" } ?? "validated"
    let steps = plan.steps.filter { $0.direction == .up && !$0.units.isEmpty }
    guard facts.demands.isProtected, let place else {
      return Gate(.validated, title, .notAsked)
    }
    guard !steps.isEmpty else {
      return Gate(.validated, title, .notAsked, evidence: ["a way back asks for no validation"])
    }
    if let problem = facts.checklistProblem ?? facts.checklist.emptiness {
      return Gate(.validated, title, .closed(problem))
    }
    var evidence: [String] = []
    var missing: [Diagnostic.Detail] = []
    var open: [String] = []
    for step in steps {
      guard let migration = facts.migration(step.version) else { continue }
      let sheet = facts.sheet(migration)
      let progress = sheet.progress
      let words = "\(step.label): \(progress.settled) of \(progress.of) settled"
      evidence.append(words)
      if sheet.verdict != .passed {
        missing.append(.init("open", words + sheet.openWords))
        open.append(step.version.text)
      }
    }
    if let glass = facts.brokenGlass, facts.demands.mayBreakGlass {
      return Gate(.validated, title, .open(glass.words), evidence: evidence)
    }
    guard !missing.isEmpty else {
      return Gate(
        .validated, title, .open("every item is settled for this content"), evidence: evidence)
    }
    let which = missing.count == 1 ? "a migration is" : "\(missing.count) migrations are"
    return Gate(
      .validated, title,
      .closed(
        .error(
          code: "not_validated", "\(which) not validated on \"\(place)\"", details: missing,
          next:
            // There they are applied already: without their versions nothing would be checked.
            "`lockstep check -e \(place) \(open.joined(separator: " "))` proves what can be proven, and a"
            + " person signs the rest;"
            + " nothing was done")),
      evidence: evidence)
  }

  // MARK: Approved

  private static func approval(
    _ plan: Plan, _ facts: GateFacts, _ found: ApprovalSearch
  ) -> Gate {
    let title = "approved by a person"
    guard facts.demands.isProtected, !plan.steps.isEmpty else {
      return Gate(.approval, title, .notAsked)
    }
    if let glass = facts.brokenGlass, facts.demands.mayBreakGlass {
      return Gate(.approval, title, .open(glass.words), evidence: found.evidence)
    }
    guard found.missing.isEmpty else {
      return Gate(
        .approval, title, .closed(found.refusal(plan, facts)), evidence: found.evidence)
    }
    if let gap = facts.archive.gaps.first {
      return Gate(.approval, title, .closed(gap.asRefusal), evidence: found.evidence)
    }
    let people = found.approvals.map(\.by).reduce(into: [String]()) { names, name in
      if !names.contains(name) { names.append(name) }
    }
    return Gate(
      .approval, title, .open("approved by \(people.joined(separator: ", "))"),
      evidence: found.evidence)
  }

  private static func author(_ facts: GateFacts, _ found: ApprovalSearch) -> Gate {
    let title = "the approver is not the author"
    guard facts.demands.isProtected, facts.demands.approverIsNotAuthor else {
      return Gate(.otherThanAuthor, title, .notAsked)
    }
    if let glass = facts.brokenGlass, facts.demands.mayBreakGlass {
      return Gate(.otherThanAuthor, title, .open(glass.words))
    }
    guard found.missing.isEmpty, !found.approvals.isEmpty else {
      return Gate(.otherThanAuthor, title, .notAsked, evidence: ["nobody has approved it yet"])
    }
    for (approval, migration) in found.pairs {
      if let refusal = approval.refusalOfAuthor(of: migration) {
        return Gate(.otherThanAuthor, title, .closed(refusal))
      }
    }
    return Gate(
      .otherThanAuthor, title, .open("nobody has approved a file of their own"),
      evidence: found.pairs.map { approval, migration in
        let authors = (migration.authors ?? []).joined(separator: ", ")
        return "\(migrationLabel(migration.version, migration.name)): written by \(authors),"
          + " approved by \(approval.by)"
      })
  }

  // MARK: Safeguards

  private static func backup(_ plan: Plan, _ facts: GateFacts) -> Gate {
    let title = "a backup can be taken"
    let isRun = plan.steps.contains { !$0.units.isEmpty }
    guard facts.demands.backup != nil, isRun else {
      var evidence: [String] = []
      if isRun, facts.demands.isProtected, plan.losesData {
        evidence = ["this plan loses data, and no backup is asked for"]
      }
      return Gate(.backup, title, .notAsked, evidence: evidence)
    }
    return Gate(.backup, title, facts.backup, isWhat: "it is taken before anything runs")
  }

  private static func health(_ plan: Plan, _ facts: GateFacts) -> Gate {
    let title = "a health check is set"
    guard let health = facts.demands.health, plan.steps.contains(where: { !$0.units.isEmpty })
    else { return Gate(.health, title, .notAsked) }
    var gate = Gate(.health, title, facts.health, isWhat: "it is asked after everything has run")
    gate.evidence.insert("\(health.way.word): \(health.way.words)", at: 0)
    if facts.demands.rollsBackAutomatically {
      gate.evidence.append("where it fails, what was applied is rolled back")
    }
    return gate
  }
}

extension Gate {
  fileprivate init(_ id: ID, _ title: String, _ outlook: GateFacts.Outlook, isWhat: String) {
    switch outlook {
    case .notLookedAt: self.init(id, title, .open(isWhat))
    case .possible(let evidence): self.init(id, title, .open(isWhat), evidence: evidence)
    case .impossible(let diagnostic): self.init(id, title, .closed(diagnostic))
    }
  }
}

extension Checklist {
  /// Why nothing can be validated by it; `nil` where it has items.
  fileprivate var emptiness: Diagnostic? {
    guard items.isEmpty else { return nil }
    return .error(
      code: "not_validated",
      "the checklist \"\(title)\" has no items, so nothing is validated by it",
      next: "write some, or take `checklist` out of lockstep.json; nothing was done")
  }
}

extension Diagnostic {
  /// Nobody can tell whether what could not be read takes back what could.
  fileprivate var asRefusal: Diagnostic {
    .error(
      code: "not_approved", "whether the approval was taken back cannot be told: \(what)",
      next: "\(next ?? "see that all of the journal can be read"); nothing was done")
  }
}

extension GateFacts.BrokenGlass {
  /// As a gate says it.
  public var words: String { "passed over by \(by): \(reason)" }
}

extension CheckedMigration {
  /// What is not settled, behind a colon; empty where everything is.
  fileprivate var openWords: String {
    let words = items.filter { !$0.status.isSettled }.map { item in
      item.status == .open ? item.item.title : "\(item.item.title) (\(item.status.rawValue))"
    }
    return words.isEmpty ? "" : "; left: " + words.joined(separator: ", ")
  }
}

extension Approval {
  /// Why this approver cannot speak for a migration, where nobody may approve a file of their own.
  public func refusalOfAuthor(of migration: ApprovedMigration) -> Diagnostic? {
    let label = migrationLabel(migration.version, migration.name)
    guard let authors = migration.authors, !authors.isEmpty else {
      return .error(
        code: "author_unknown",
        "who wrote \(label) is not known, and nobody may approve a file of their own",
        next:
          "commit its files, and fetch all of the history where the clone is shallow; outside of"
          + " git name the person in its header (`-- Author: …`), then have it approved; nothing was done"
      )
    }
    let approvers = ([by] + alsoKnownAs).map { Person($0) }
    guard
      let author = authors.first(where: { author in
        approvers.contains { $0.mayBe(Person(author)) }
      })
    else { return nil }
    return .error(
      code: "not_approved", "\(label) was written by \(author), who cannot approve it",
      next: "have it approved by somebody else; nothing was done")
  }
}
