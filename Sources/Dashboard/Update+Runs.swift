import MigrationModel

extension Model {
  /// Gives our place in a lock queue back, where we stand in one or keep others in one.
  mutating func stepAside() -> [Effect] {
    guard let run = facts.run, run.isRunning else {
      say("nothing runs that could step aside")
      return []
    }
    if run.restLeft(at: facts.now) != nil {
      say("it has stepped aside already and rests")
      return []
    }
    if run.stop != nil {
      say("it has stopped in its transaction: D rolls it back", .warning)
      return []
    }
    guard run.mayStepAside else {
      say("nobody waits: there is no place to give back; ^C cancels")
      return []
    }
    say("stepping aside: what was begun rolls back and is tried again", .warning)
    return [.stepAside]
  }

  /// Tells a run that has stopped how to go on; rolling back is asked twice.
  mutating func decide(_ decision: StepDecision) -> [Effect] {
    guard let run = facts.run, run.isRunning, let stop = run.stop else {
      say("nothing has stopped; a plan can be stepped through with s")
      return []
    }
    if decision == .rollBack, !mayRollBackRun {
      mayRollBackRun = true
      let version = run.current?.version.text ?? "the migration"
      say("D again rolls back all that \(version) has done", .warning)
      return []
    }
    mayRollBackRun = false
    if decision == .next, stop.place.next == .commit { say("committing") }
    return [.decide(decision)]
  }
}
