import MigrationModel

/// What a person reads before approving: what would run where, what it does, and on what evidence.
struct ApprovalSheet {
  var plan: Plan
  var facts: GateFacts
  var gates: [Gate]

  var lines: [String] {
    var lines = ["environment \(facts.demands.environment): \(facts.identity.words)", ""]
    for step in plan.steps {
      lines.append("\(RunReport.infinitive(step)) \(step.label)\(risk(of: step))")
      for warning in step.warnings { lines.append("  \(warning)") }
      for file in facts.migration(step.version)?.files ?? [] {
        lines.append("  \(file.path)  SHA-256 \(file.checksum(.sha256).hexadecimal.prefix(12))…")
      }
      if let standing = standing(of: step) { lines.append("  \(standing)") }
    }
    lines.append("")
    lines += GateReport.lines(gates.filter { $0.id != .approval })
    let command = plan.steps.first?.direction == .down ? "down" : "up"
    lines.append("the SQL: lockstep \(command) -e \(facts.demands.environment) --dry-run")
    lines.append("")
    return lines
  }

  private func risk(of step: PlanStep) -> String {
    switch step.risk {
    case .reversible: ""
    case .noWayBack: ": there is no way back"
    case .losesData: ": LOSES DATA"
    }
  }

  private func standing(of step: PlanStep) -> String? {
    guard let migration = facts.migration(step.version) else { return nil }
    let sheet = facts.sheet(migration)
    let progress = sheet.progress
    guard progress.settled > 0 || facts.demands.validatedOn != nil else { return nil }
    return
      "checklist on \(facts.environmentOfEvidence): \(progress.settled) of \(progress.of) settled"
  }
}
