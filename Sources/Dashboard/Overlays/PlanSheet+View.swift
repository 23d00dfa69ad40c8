import Canvas
import Diagnostics
import MigrationModel

extension PlanSheet {
  /// The lines of the sheet above its confirmation, wrapped to a width.
  func lines(_ facts: Facts, columns: Int) -> [StyledText] {
    let palette = facts.look.palette
    var lines: [StyledText] = []
    for refusal in plan.refusals { lines += told(refusal, palette, columns) + [.empty] }
    for warning in plan.warnings { lines += told(warning, palette, columns) + [.empty] }
    let gates = gateLines(palette, columns)
    if !gates.isEmpty { lines += gates + [.empty] }
    lines += budgetLines(facts, columns)
    let failures = failedChecks(facts)
    for (index, step) in plan.steps.enumerated() {
      if index > 0 { lines.append(.empty) }
      let locks = expected.indices.contains(index) ? expected[index] : []
      lines += self.lines(
        of: step, number: index + 1, locks, failures[step.version] ?? [], palette, columns)
    }
    return lines
  }

  /// What the environment asks for, each with whether it is there and what was seen.
  private func gateLines(_ palette: Palette, _ columns: Int) -> [StyledText] {
    plan.gates.filter { $0.state != .notAsked }.flatMap { gate -> [StyledText] in
      let isOpen = gate.refusal == nil
      let reason = gate.state.reason.map { ": \($0)" } ?? ""
      let head = "\(isOpen ? "[x]" : "[ ]") \(gate.title)\(reason)"
      return TextWidth.wrap(head, to: columns).map {
        StyledText($0, isOpen ? palette.text : palette.warning)
      }
        + gate.evidence.flatMap { TextWidth.wrap($0, to: max(1, columns - 6)) }
        .map { StyledText("      " + $0, palette.dim) }
    }
  }

  private func told(_ diagnostic: Diagnostic, _ palette: Palette, _ columns: Int) -> [StyledText] {
    DiagnosticLines.lines(diagnostic, columns: columns, palette: palette)
  }

  /// The items of the checklist that were seen to fail, by the migrations of the plan.
  private func failedChecks(_ facts: Facts) -> [Version: [String]] {
    guard facts.checks.hasFailures, let status = facts.picture.status else { return [:] }
    let versions = Set(plan.steps.map(\.version))
    var failures: [Version: [String]] = [:]
    for migration in status.migrations where versions.contains(migration.version) {
      guard facts.checks.verdict(migration) == .failed, let checked = facts.checked(migration)
      else { continue }
      failures[migration.version] = checked.items.filter { $0.status == .failed }.map(\.item.title)
    }
    return failures
  }

  /// How long it would wait for its locks, where it asks for one that others may hold.
  private func budgetLines(_ facts: Facts, _ columns: Int) -> [StyledText] {
    guard plan.refusals.isEmpty, forecasts.contains(where: \.wantsStrongLock) else { return [] }
    let wouldWait = expected.contains { $0.contains(where: \.isGrave) }
    let isOff = !facts.lockBudget.isOn
    let advice =
      isOff && wouldWait
      ? "! \(facts.lockBudget.words), and whoever comes after it waits as well; :budget 2s limits it"
      : facts.lockBudget.words
    let palette = facts.look.palette
    var lines = TextWidth.wrap(advice, to: columns).map {
      StyledText($0, isOff && wouldWait ? palette.warning : palette.dim)
    }
    let waiting = zip(plan.steps, expected).filter { $1.contains(where: \.isGrave) }.map(
      \.0.version)
    if plan.steps.count > 1, !waiting.isEmpty {
      let named = waiting.prefix(3).map(\.text).joined(separator: ", ")
      let rest = waiting.count > 3 ? " and \(waiting.count - 3) more" : ""
      lines += TextWidth.wrap("! would wait now: \(named)\(rest)", to: columns).map {
        StyledText($0, palette.warning)
      }
    }
    return lines + [.empty]
  }

  private func lines(
    of step: PlanStep, number: Int, _ locks: [StepForecast.Line], _ failures: [String],
    _ palette: Palette, _ columns: Int
  ) -> [StyledText] {
    let isMark = step.units.isEmpty
    let arrow = step.direction == .up ? "up" : "down"
    var title = StyledText("\(number). ", palette.dim)
    title.append("\(step.version) ", palette.strong)
    title.append(step.name + "  ", palette.text)
    title.append(isMark ? "history only" : arrow, palette.dim)
    if step.risk == .losesData { title.append("  !! loses data", palette.danger) }
    var lines = [title]
    func remark(_ text: String, _ style: Style) {
      lines += TextWidth.wrap(text, to: max(1, columns - 3)).map { StyledText("   " + $0, style) }
    }
    if !failures.isEmpty {
      remark("! failed in 5 Checks: \(failures.joined(separator: "; "))", palette.danger)
    }
    for warning in step.warnings { remark("! " + warning, palette.warning) }
    if let takenUp = step.takenUpText {
      remark("goes on behind statement \(step.resumption?.done ?? 0)", palette.dim)
      return lines + SQLLines(takenUp).styled(palette).map { StyledText("   ") + $0 }
    }
    for line in locks { remark(line.text, line.isGrave ? palette.warning : palette.dim) }
    return lines + scripts[number - 1]
  }

  /// The SQL of each step with how it is run: what does not change while the sheet is open.
  func scriptLines(_ palette: Palette, columns: Int) -> [[StyledText]] {
    plan.steps.map { step in
      // What is taken up is told with how far it came.
      guard step.takenUpText == nil else { return [] }
      var lines: [StyledText] = []
      for unit in step.units {
        lines += TextWidth.wrap(PlanWords.form(of: unit), to: max(1, columns - 3)).map {
          StyledText("   " + $0, palette.dim)
        }
        lines += SQLLines(unit.sql).styled(palette).map { StyledText("   ") + $0 }
      }
      guard step.units.isEmpty else { return lines }
      for statement in step.write.record {
        lines += SQLLines(statement).styled(palette).map { StyledText("   ") + $0 }
      }
      return lines
    }
  }

  /// The lines at the foot: what it takes to say yes.
  func confirmation(_ facts: Facts, columns: Int) -> [StyledText] {
    let palette = facts.look.palette
    var lines: [StyledText] = []
    func wrapped(_ text: String, _ style: Style) {
      lines += TextWidth.wrap(text, to: columns).map { StyledText($0, style) }
    }
    let verb = PlanWords.verb(of: plan)
    let place = (facts.target.word.map { $0 + " " } ?? "") + facts.target.place
    switch tier(facts) {
    case .refused:
      wrapped("this plan cannot be run; each refusal names its way out", palette.danger)
      lines.append(hints([("Esc", "back")], palette))
    case .readOnly(let reason):
      wrapped(reason, palette.warning)
      lines.append(hints([("Esc", "back")], palette))
    case .press:
      if arms(facts) {
        wrapped("read-only now: y arms this session for 5 minutes as well", palette.warning)
      }
      let stepping = reasonAgainstStepping == nil ? [("s", "step through it")] : []
      lines.append(
        hints([("y", "\(verb) on \(place)")] + stepping + [("Esc", "back")], palette))
    case .type(let version):
      if plan.losesData {
        let isWayBack = plan.steps.allSatisfy { $0.direction == .down }
        wrapped(
          "\(losers) data that \(isWayBack ? "applying again" : "rolling back") does not bring back",
          palette.danger)
      }
      if arms(facts) {
        wrapped("read-only now: confirming arms this session for 5 minutes", palette.warning)
      }
      var line = StyledText(
        "type \(version) and Enter to \(pace == .stepping ? "step through it" : verb) on \(place): ",
        palette.strong)
      line.append(typed, palette.active)
      lines.append(line)
      if reasonAgainstStepping == nil {
        let words = pace == .stepping ? "run it in one go" : "step through it"
        lines.append(hints([("s", words), ("Esc", "back")], palette))
      } else {
        lines.append(hints([("Esc", "back")], palette))
      }
    }
    if let remark { lines.append(StyledText(remark, palette.warning)) }
    return lines
  }

  /// Who loses data, as the beginning of a sentence: in a long plan it stands far below.
  private var losers: String {
    let losing = plan.steps.filter { $0.risk == .losesData }
    guard plan.steps.count > 1, let first = losing.first else { return "this loses" }
    return losing.count == 1
      ? "\(first.version) loses"
      : "\(losing.count) of \(plan.steps.count), first \(first.version), lose"
  }

  private func hints(_ hints: [(String, String)], _ palette: Palette) -> StyledText {
    var line = StyledText.empty
    for (key, text) in hints {
      if !line.spans.isEmpty { line.append("   ") }
      line.append(key, palette.key)
      line.append(" " + text, palette.text)
    }
    return line
  }

  /// Draws the sheet over the middle of a screen.
  func draw(on frame: inout Frame, in whole: Rectangle, _ facts: Facts) {
    let foot = confirmation(facts, columns: bodyColumns)
    let sheet = self.frame(in: whole, foot: foot.count)
    sheet.draw(
      on: &frame, title: "Plan: \(PlanWords.title(of: plan))", body: body, foot: foot, top: top,
      facts.look)
    if case .type = tier(facts), remark == nil, let row = sheet.lastFootRow(foot.count, offset: 1) {
      let width = foot.dropLast().last?.width ?? 0
      frame.cursor = Point(
        column: min(sheet.inside.right - 1, sheet.inside.left + width), row: row)
    }
  }
}
