import Canvas
import Diagnostics
import MigrationModel
import PostgresModel

extension Model {
  /// Takes in what happened and returns the deeds that are wanted now, in order.
  public mutating func update(_ message: Message) -> [Effect] {
    var effects = take(message)
    settle()
    effects += facts.measureTables()
    if facts.isFrozen == false, let picture = heldPicture {
      heldPicture = nil
      effects += show(picture)
      settle()
    }
    return effects
  }

  private mutating func take(_ message: Message) -> [Effect] {
    switch message {
    case .key(let key, let now):
      facts.now = max(facts.now, now)
      return answer(key)
    case .resized(let size):
      self.size = size
      return []
    case .tick(let now): return tick(now)
    case .filesRead(let status):
      // A picture with states is worth more than files alone, even when it is older.
      guard !facts.picture.knowsStates else { return [] }
      return show(.filesOnly(status))
    case .statusLoaded(let status, let at):
      facts.now = max(facts.now, at)
      var effects = show(.joined(status, at: at))
      effects += reloaded()
      return effects
    case .runsRead(let archive):
      facts.archive = archive
      facts.checks.take(archive.checks)
      return []
    case .statusFailed(let diagnostic):
      if facts.picture.status == nil {
        facts.show(.unreadable(diagnostic))
      } else {
        facts.pictureProblem = diagnostic
      }
      return reloaded(diagnostic)
    case .filesChanged, .historyChanged: return reload()
    case .connectionChanged(let state): return connection(state)
    case .planMade(let plan, let at):
      facts.now = max(facts.now, at)
      return open(plan)
    case .planFailed(let diagnostic):
      forgetAwaitedPlan()
      say(diagnostic)
      return []
    case .runEvent(let event, let at):
      facts.now = max(facts.now, at)
      facts.run?.append(event, at: at)
      return []
    case .runEnded(let failure, let at): return runEnded(failure, at)
    case .locksSampled(let sample):
      watch.answered(sample)
      if !facts.isFrozen {
        let interval = facts.intervalMilliseconds * (watch.isExpensive ? 2 : 1)
        facts.locks.take(sample, interval: Int64(interval) * 1000)
        facts.locks.backsOffTo = watch.isExpensive ? interval : nil
        if let found = sample.verification { say(found.words, found.severity) }
      }
      if case .full(let snapshot, let graph, _, _) = sample.content {
        return seen(snapshot, graph)
      }
      return []
    case .locksFailed(let diagnostic, let at):
      watch.failed()
      if !facts.isFrozen { facts.locks.fail(diagnostic, at: at) }
      return []
    case .tablesMeasured(let sizes, let asked, let at):
      facts.now = max(facts.now, at)
      facts.tables.take(sizes, asked: asked, at: at)
      return []
    case .signalled(let signal, let outcome, let at):
      facts.now = max(facts.now, at)
      return signalled(signal, outcome)
    case .checksRead(let checklist):
      facts.checks.take(checklist)
      return []
    case .checklistFailed(let diagnostic):
      let isNews = facts.checks.problem != diagnostic
      facts.checks.problem = diagnostic
      if isNews, facts.checks.staleness != nil { say(diagnostic) }
      return []
    case .checkProgress(let step, let at):
      facts.now = max(facts.now, at)
      take(step)
      return []
    case .checked(let migrations, let at):
      return endCheck(CheckWords.outcome(migrations), at: at)
    case .rehearsed(let report, let at):
      return endCheck(CheckWords.outcome(report), report, at: at)
    case .checkFailed(let diagnostic, let at):
      let wasCancelled = facts.checks.log?.isCancelling ?? false
      facts.checks.forgetTold()
      return endCheck(CheckWords.failure(diagnostic, wasCancelled: wasCancelled), at: at)
    case .checkKept(let record): return kept(record)
    case .done(let text):
      say(text)
      return []
    case .failed(let diagnostic):
      say(diagnostic)
      return []
    }
  }

  // MARK: - Time

  private mutating func tick(_ now: Instant) -> [Effect] {
    facts.now = max(facts.now, now)
    if case .armed(let until) = facts.access, until <= facts.now {
      facts.access = .readOnly(.expired)
      say("read-only again: the time that :arm gave is over", .warning)
    }
    return watch.due(facts, isLookedAt: focusedPane?.slot == .locks || awaitedEffect != nil)
      .map { watch.ask($0, at: facts.now) } ?? []
  }

  // MARK: - The picture

  mutating func reload() -> [Effect] {
    guard !isReloading else {
      mustReloadAgain = true
      return []
    }
    isReloading = true
    return [.reload]
  }

  private mutating func reloaded(_ failure: Diagnostic? = nil) -> [Effect] {
    isReloading = false
    if mustReloadAgain {
      mustReloadAgain = false
      return reload()
    }
    return planAfterReading(failure)
  }

  private mutating func show(_ picture: Picture) -> [Effect] {
    if facts.isFrozen {
      heldPicture = picture
      return []
    }
    facts.show(picture)
    if case .plan(let sheet) = overlay, let status = picture.status, picture.knowsStates,
      sheet.isStale(against: status)
    {
      overlay = nil
      say("the plan was dropped: files or history changed meanwhile; ask for a new one", .warning)
    }
    return []
  }

  // MARK: - The server

  private mutating func connection(_ state: ConnectionState) -> [Effect] {
    let wasConnected = facts.connection.server != nil
    facts.connection = state
    switch state {
    case .connected:
      watch = LockWatch()
      facts.tables.forget()
      return reload() + watch.ask(.full, at: facts.now)
    case .lost(let diagnostic, _):
      watch = LockWatch()
      facts.locks.fail(diagnostic, at: facts.now)
      if wasConnected { say(diagnostic) }
      return []
    case .unconfigured, .connecting: return []
    }
  }

  // MARK: - Runs

  /// Starts the plan that was confirmed.
  mutating func run(_ plan: Plan, pace: RunPace = .atOnce) -> [Effect] {
    overlay = nil
    facts.frozenAt = nil
    facts.run = RunLog(plan: plan, startedAt: facts.now, budget: facts.lockBudget)
    interruption = .none
    if let log = panes.first(where: { $0.slot == .progress })?.number {
      raised.removeAll { $0 == log }
      raised.insert(log, at: 0)
    }
    return [.run(plan, pace: pace, budget: facts.lockBudget)]
  }

  private mutating func runEnded(_ failure: Diagnostic?, _ at: Instant) -> [Effect] {
    facts.now = max(facts.now, at)
    facts.run?.end(failure, at: at)
    let isLeaving = interruption == .leaving
    interruption = .none
    if isLeaving { return [.quit] }
    if let words = facts.run.map(PlanWords.outcome) { lastWord = words }
    return reload() + watch.ask(.full, at: facts.now)
  }
}
