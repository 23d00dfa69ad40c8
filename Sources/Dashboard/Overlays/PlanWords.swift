import Diagnostics
import MigrationModel
import PostgresModel

/// What the dashboard says about plans and runs.
enum PlanWords {
  /// `apply 0042`, `roll back 2 migrations`.
  static func title(of plan: Plan) -> String {
    guard let first = plan.steps.first else { return words(for: plan.request) }
    if case .mark(_, let state) = plan.request {
      return "mark \(subject(plan.steps)) as \(state.rawValue)"
    }
    if case .resume = plan.request {
      let rest = plan.steps.dropFirst()
      return "resume \(first.version)"
        + (rest.isEmpty ? "" : ", then apply \(subject(Array(rest)))")
    }
    let ups = plan.steps.filter { $0.direction == .up }
    let downs = plan.steps.filter { $0.direction == .down }
    if !ups.isEmpty, !downs.isEmpty { return "redo \(first.version)" }
    return ups.isEmpty ? "roll back \(subject(downs))" : "apply \(subject(ups))"
  }

  /// What the confirming key does, as in "y …s".
  static func verb(of plan: Plan) -> String {
    if case .mark = plan.request { return "mark" }
    if case .resume = plan.request { return "resume" }
    let hasUps = plan.steps.contains { $0.direction == .up }
    let hasDowns = plan.steps.contains { $0.direction == .down }
    if hasUps, hasDowns { return "redo" }
    return hasDowns ? "roll back" : "apply"
  }

  private static func subject(_ steps: [PlanStep]) -> String {
    steps.count == 1 ? steps[0].version.text : Words.count(steps.count, "migration")
  }

  private static func words(for request: PlanRequest) -> String {
    switch request {
    case .up: "apply"
    case .down: "roll back"
    case .redo: "redo"
    case .only(let version, .up): "apply \(version)"
    case .only(let version, .down): "roll back \(version)"
    case .resume(let version, _): "resume \(version)"
    case .mark: "mark"
    }
  }

  /// Why a plan has no steps.
  static func emptiness(of request: PlanRequest) -> String {
    switch request {
    case .up(let to?, _, _): "\(to) and all before it are applied"
    case .up: "nothing is pending"
    case .down(let to?, _): "nothing above \(to) is applied"
    case .down, .redo: "nothing is applied"
    case .only(let version, .up): "\(version) is applied"
    case .only(let version, .down): "\(version) is not applied"
    case .resume(let version, _): "\(version) did not break off"
    case .mark(_, let state): "already \(state.rawValue)"
    }
  }

  /// How a unit is run, in a few words.
  static func form(of unit: RunUnit) -> String {
    switch unit.form {
    case .transaction: "in one transaction with its history row"
    case .ownTransaction: "in its own transaction, the history row with it"
    case .outside(let reason): "outside a transaction: \(reason)"
    case .statementByStatement(let reason): "outside a transaction, one by one: \(reason)"
    }
  }

  /// What of a run's closing line is worth most, for a narrow title.
  static func shortOutcome(_ run: RunLog) -> String {
    switch run.outcome {
    case .finished(let applied, let reverted, let failed, _):
      if failed > 0 { return "\(failed) failed" }
      let parts = [
        applied > 0 ? "\(applied) applied" : nil, reverted > 0 ? "\(reverted) back" : nil,
      ]
      return parts.compactMap(\.self).first ?? "nothing changed"
    case .brokeOff: return "broke off"
    case nil: return ""
    }
  }

  /// The closing line of a run.
  static func outcome(_ run: RunLog) -> Model.LastWord {
    switch run.outcome {
    case .finished(let applied, let reverted, let failed, let milliseconds):
      var parts: [String] = []
      if applied > 0 { parts.append("\(applied) applied") }
      if reverted > 0 { parts.append("\(reverted) rolled back") }
      if failed > 0 { parts.append("\(failed) failed") }
      if parts.isEmpty { parts.append("nothing changed") }
      let time = Words.duration(milliseconds: milliseconds)
      return Model.LastWord(
        severity: failed > 0 ? .error : .note, text: parts.joined(separator: ", ") + " in \(time)")
    case .brokeOff(let diagnostic?):
      return Model.LastWord(severity: .error, text: "the run broke off: \(diagnostic.what)")
    case .brokeOff(nil), nil:
      return Model.LastWord(
        severity: .warning, text: "the run ended without a word; the list shows what stands")
    }
  }
}
