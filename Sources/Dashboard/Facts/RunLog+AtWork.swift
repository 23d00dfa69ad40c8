import MigrationModel
import PostgresModel

extension RunLog {
  /// What of a migration is at work on the server, as far as anybody can tell.
  enum AtWork: Sendable, Hashable {
    /// One statement of the only script, from 0.
    case statement(Int)
    /// All statements, of which nobody hears until the last is done.
    case all(Int)
  }

  /// The step of the plan that runs.
  var currentStep: PlanStep? {
    guard let current else { return nil }
    return plan.steps.first {
      $0.version == current.version && $0.direction == current.direction
    }
  }

  /// What is at work, or comes next where it has stopped; `nil` between and after statements.
  var atWork: AtWork? {
    guard isRunning, let current, let units = currentStep?.units, !units.isEmpty else { return nil }
    let count = units.reduce(0) { $0 + $1.statements.count }
    if case .statement(let index, _, _)? = stop?.place.next { return .statement(index) }
    guard count > 0, stop == nil else { return nil }
    if count == 1 { return current.statementsDone == 0 ? .statement(0) : nil }
    var isOneByOne = current.isStepped || current.statementsDone > 0
    if case .statementByStatement = units[0].form { isOneByOne = true }
    guard units.count == 1, isOneByOne else { return .all(count) }
    return current.statementsDone < count ? .statement(current.statementsDone) : nil
  }

  /// What is at work, in words: `statement 2`, `3 statements as one`.
  var atWorkInWords: String? {
    switch atWork {
    case .statement(let index): "statement \(index + 1)"
    case .all(let count): "\(count) statements as one"
    case nil: nil
    }
  }
}

extension RunUnit {
  /// Longer ones would keep keys waiting while they are read.
  private static let mostBytes = 1 << 20

  /// What its statements would do; none where it is longer than is worth waiting for.
  var effects: [EffectAnalysis] {
    guard sql.utf8.count <= Self.mostBytes else { return [] }
    let effects = StatementLocks().effects(in: sql)
    return effects.count == statements.count ? effects : []
  }
}
