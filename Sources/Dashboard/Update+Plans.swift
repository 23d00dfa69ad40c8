import Canvas
import Diagnostics
import MigrationModel
import PostgresModel

extension Model {
  // MARK: - Asking

  /// Asks for a plan; it opens when it comes.
  ///
  /// While files and history are being read it waits for that: what was read before may be from before a
  /// run that has just ended, and a plan made from it would say what is no longer so.
  mutating func plan(_ request: PlanRequest) -> [Effect] {
    if facts.isRunning {
      say("a run is in flight: ^C cancels it", .warning)
      return []
    }
    if case .unreadable(let diagnostic) = facts.picture {
      say(diagnostic)
      return []
    }
    guard facts.connection.server != nil, facts.picture.knowsStates else {
      say("no plan without the history: \(connectionWords)", .warning)
      return []
    }
    if case .readOnly(.commandLine) = facts.access {
      // A plan is still worth reading; the sheet says why it cannot be run.
      say("started with --read-only: the plan can be read, not run")
    }
    awaitedPlan = request
    guard isReloading else { return [.makePlan(request)] }
    waitToPlan()
    return []
  }

  private var connectionWords: String {
    switch facts.connection {
    case .connecting: "still connecting to \(facts.target.place)"
    case .unconfigured: "no database is named; start with --url or DATABASE_URL"
    case .lost(let diagnostic, _): diagnostic.what
    case .connected: "it has not been read yet"
    }
  }

  private mutating func waitToPlan() {
    plansAfterReading = true
    say("files and history are being read; the plan follows")
  }

  /// Asks for the plan that waited for files and history.
  ///
  /// - Parameter failure: Why they could not be read: what a plan would be made from is not known then.
  mutating func planAfterReading(_ failure: Diagnostic?) -> [Effect] {
    guard plansAfterReading, let request = awaitedPlan else { return [] }
    plansAfterReading = false
    if let failure {
      awaitedPlan = nil
      say(failure)
      return []
    }
    guard overlay == nil, !facts.isRunning else {
      awaitedPlan = nil
      return []
    }
    return [.makePlan(request)]
  }

  /// No plan is waited for any more.
  mutating func forgetAwaitedPlan() {
    awaitedPlan = nil
    plansAfterReading = false
  }

  // MARK: - The sheet

  /// Opens the plan that was asked for.
  mutating func open(_ plan: Plan) -> [Effect] {
    guard awaitedPlan == plan.request else { return [] }
    guard overlay == nil, !facts.isRunning else {
      forgetAwaitedPlan()
      return []
    }
    // It was made from what is being read anew.
    guard !isReloading else {
      waitToPlan()
      return []
    }
    forgetAwaitedPlan()
    if plan.steps.isEmpty, plan.refusals.isEmpty {
      say("nothing to do: \(plan.warnings.first?.what ?? PlanWords.emptiness(of: plan.request))")
      return []
    }
    lastWord = nil
    overlay = .plan(PlanSheet(plan: plan, openedAt: facts.now))
    return []
  }

  /// Lets the open plan answer a key.
  mutating func press(_ key: Key, in sheet: PlanSheet) -> [Effect] {
    var sheet = sheet
    switch sheet.handle(key, facts) {
    case .stays:
      overlay = .plan(sheet)
      return []
    case .dropped:
      overlay = nil
      return []
    case .confirmed:
      if sheet.arms(facts) {
        facts.access = .armed(
          until: Instant(
            microseconds: facts.now.microseconds + PlanSheet.armingMicroseconds))
      }
      return run(sheet.plan, pace: sheet.pace)
    }
  }
}
