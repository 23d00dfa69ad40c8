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
      "history_table_sql": tableText.isEmpty ? .null : .string(tableText),
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
    var text = gates.joined() + (gates.isEmpty ? "" : "\n")
    if !tableText.isEmpty { text += "-- the history table, which is not there yet\n\(tableText)\n" }
    text += plan.dryRunText
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

  /// What makes the history table where there is none.
  private var tableText: String {
    let loaded = project.loaded
    guard !project.status.historyTableExists, !plan.steps.isEmpty else { return "" }
    return loaded.layout.createTable(loaded.table, for: loaded.catalog).map { "\($0);\n" }.joined()
  }

  /// The other direction of a step, as it would be run where the plan has come as far as that.
  private func opposite(of step: PlanStep) -> PlanStep? {
    var status = project.status
    for done in plan.steps {
      guard let index = status.migrations.firstIndex(where: { $0.version == done.version }) else {
        continue
      }
      status.migrations[index].state = done.direction == .up ? .applied : .pending
      if done == step { break }
    }
    let other = Plan.make(
      .only(step.version, step.direction == .up ? .down : .up), status: status,
      layout: project.loaded.layout, context: PlanContext(dataLoss: .accepted))
    return other.steps.first.flatMap { $0.units.isEmpty ? nil : $0 }
  }
}
