import MigrationModel

/// A plan as `--dry-run` shows it: what would be sent, and the way back of each step.
struct DryRunReport {
  private let plan: Plan
  private let project: OpenProject
  /// As in "nothing to …".
  private let verb: String

  init(_ plan: Plan, of project: OpenProject, verb: String) {
    self.plan = plan
    self.project = project
    self.verb = verb
  }

  /// Prints it in the form that the output asks for.
  func print(to output: Output) {
    if output.isJSON {
      output.print(json)
    } else {
      output.printExactly(text)
    }
  }

  private var json: JSONValue {
    [
      "dry_run": true,
      "gates": GateReport.json(plan.gates),
      "steps": .array(
        plan.steps.map { step in
          [
            "version": .string(step.version.text), "name": .string(step.name),
            "direction": .string(step.direction.rawValue),
            "transactional": .bool(step.units.allSatisfy(\.form.isInTransaction)),
            "loses_data": .bool(step.risk == .losesData), "sql": .string(step.dryRunText),
            "opposite_sql": JSONValue(opposite(of: step)?.dryRunText),
          ]
        }),
    ]
  }

  /// Fed to psql, it does what the run would do and no more: the way back of each step follows as comments.
  private var text: String {
    guard !plan.steps.isEmpty else { return "-- nothing to \(verb)\n" }
    let gates = GateReport.lines(plan.gates).map { "-- \($0)\n" }
    var text = gates.joined() + (gates.isEmpty ? "" : "\n") + plan.dryRunText
    for step in plan.steps.reversed() where !step.units.isEmpty {
      // `redo` runs both directions itself.
      let isBoth = plan.steps.contains {
        $0.version == step.version && $0.direction != step.direction
      }
      if isBoth { continue }
      guard let other = opposite(of: step) else {
        text += "\n-- no way back from \(step.label)\n"
        continue
      }
      text += "\n-- the opposite direction, not run:\n"
      for line in other.dryRunText.split(separator: "\n", omittingEmptySubsequences: false)
        .dropLast()
      {
        text += line.isEmpty ? "--\n" : "-- \(line)\n"
      }
    }
    return text
  }

  private func opposite(of step: PlanStep) -> PlanStep? {
    let plan = Plan.make(
      .only(step.version, step.direction == .up ? .down : .up), status: project.status,
      layout: project.loaded.layout, context: PlanContext(dataLoss: .accepted))
    return plan.steps.first.flatMap { $0.units.isEmpty ? nil : $0 }
  }
}
