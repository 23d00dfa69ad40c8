import Canvas
import Diagnostics
import MigrationModel
import PostgresModel

extension Model {
  /// Opens the sheet that tells what cancelling or ending would do.
  ///
  /// - Parameter owner: Whom; the one selected in the lock pane when left out.
  mutating func openSignal(_ action: AuditEvent.Action, on owner: LockOwner? = nil) -> [Effect] {
    guard facts.locks.past == nil else {
      say("this is the past; 7 End leads to the present, where sessions can be ended", .warning)
      return []
    }
    guard let scan = facts.locks.scan else {
      say("the locks have not been seen yet")
      return []
    }
    guard let owner = owner ?? facts.locks.selected else {
      say("no session is selected in the lock pane")
      return []
    }
    switch owner {
    case .session(let pid):
      let leader = scan.snapshot.sessions[pid]?.leader ?? pid
      guard let session = scan.snapshot.sessions[leader] else {
        say("no session \(pid) holds or wants a lock", .warning)
        return []
      }
      overlay = .signal(SignalSheet(action, .session(session), openedAt: facts.now))
    case .prepared(let gid):
      guard let prepared = scan.snapshot.preparedTransactions.first(where: { $0.gid == gid }) else {
        say("\(gid) is not there any more")
        return []
      }
      overlay = .signal(SignalSheet(action, .prepared(prepared), openedAt: facts.now))
    case .unknown: say("a prepared transaction that ended meanwhile")
    }
    return []
  }

  /// Lets the open sheet answer a key.
  mutating func press(_ key: Key, in sheet: SignalSheet) -> [Effect] {
    var sheet = sheet
    switch sheet.handle(key, facts) {
    case .stays:
      overlay = .signal(sheet)
      return []
    case .dropped:
      overlay = nil
      return []
    case .copied(let statement):
      overlay = nil
      return [.copy(statement)]
    case .confirmed(let session):
      overlay = nil
      let ours = facts.locks.scan?.ours.contains(session.pid) ?? false
      let name = SessionWords.name(.session(pid: session.pid), session, isOurs: ours)
      say(sheet.action == .cancel ? "cancelling \(session.pid)" : "ending \(session.pid)")
      return [
        .signal(
          SessionSignal(
            action: sheet.action, session: session, name: name, victims: sheet.victims))
      ]
    }
  }

  /// Why `c` and `K` would do nothing to the session that is selected.
  var obstacleToSignalling: String? {
    guard facts.locks.past == nil else { return "the past cannot be changed" }
    guard let pid = facts.locks.selected?.pid,
      let session = facts.locks.scan?.snapshot.sessions[pid]
    else { return nil }
    return facts.obstacle(toSignalling: session)
  }

  /// Says what the server answered; whether it helped, the next looks tell.
  mutating func signalled(_ signal: SessionSignal, _ outcome: AuditEvent.Outcome) -> [Effect] {
    let pid = signal.session.pid
    let deed = signal.action == .cancel ? "cancel" : "end"
    switch outcome {
    case .signalled:
      let verb = signal.action == .cancel ? "cancelled" : "ended"
      facts.locks.note("\(verb) \(pid) (\(signal.name))", at: facts.now)
      awaitedEffect = AwaitedEffect(signal: signal)
      return watch.ask(.full, at: facts.now)
    case .changed:
      say(
        "\(pid) is no longer the session, or in the transaction, that was seen: nothing was done",
        .warning)
    case .failed(let reason): say("cannot \(deed) \(pid): \(reason); nothing was done", .error)
    }
    return watch.ask(.full, at: facts.now)
  }

  /// Drops what was asked about a session that is not the same any more, and says whether what was
  /// done to one has helped.
  mutating func seen(_ snapshot: LockSnapshot, _ graph: WaitGraph) -> [Effect] {
    if case .signal(let sheet) = overlay, let scan = facts.locks.scan,
      let reason = sheet.isStale(in: scan)
    {
      overlay = nil
      say("\(reason): nothing was done", .warning)
    }
    guard var awaited = awaitedEffect else { return [] }
    awaited.looks += 1
    let verdict = awaited.verdict(snapshot, graph)
    awaitedEffect = verdict == nil ? awaited : nil
    guard let verdict else { return watch.ask(.full, at: facts.now) }
    say(verdict.words, verdict.severity)
    return []
  }
}

extension AwaitedEffect {
  /// What has come of it, as far as a look at the locks tells; `nil` while nothing can be said yet.
  func verdict(_ snapshot: LockSnapshot, _ graph: WaitGraph) -> (
    words: String, severity: Diagnostic.Severity
  )? {
    let seen = signal.session
    let now = snapshot.sessions[seen.pid]
    // A session without any lock is in no scan: it let go of all that it held.
    let isGone = now == nil || now?.backendStart != seen.backendStart
    let hasStopped =
      isGone || now?.transactionStart != seen.transactionStart || now?.queryStart != seen.queryStart
      || now?.state != seen.state
    let isLast = looks >= AwaitedEffect.patience
    let who = "\(seen.pid) (\(signal.name))"
    guard signal.action == .end ? isGone : hasStopped else {
      guard isLast else { return nil }
      return (
        "\(who) is still there: the server has passed the signal on, and it has not reacted yet",
        .warning
      )
    }
    let waiting = Set(
      graph.nodes.filter { $0.wait != nil }.compactMap(\.owner.pid))
    let rest = signal.victims.filter(waiting.contains)
    let freed = signal.victims.count - rest.count
    // Those it kept may need a moment to be woken.
    if !rest.isEmpty, freed == 0, !isLast { return nil }
    var words = "\(signal.action == .cancel ? "cancelled" : "ended") \(who)"
    if signal.victims.isEmpty { return (words + ": nobody had been waiting for it", .note) }
    words += ": freed \(freed) of \(Words.count(signal.victims.count, "session"))"
    guard let still = rest.first else { return (words, .note) }
    words += " so far"
    let keeper = graph.node(pid: still).flatMap { graph.nodes[$0].blockers.first }
      .map { graph.nodes[$0.blocker] }
    if let keeper {
      let name = SessionWords.name(keeper.owner, keeper.session, keeper.prepared)
      let pid = keeper.owner.pid.map { "\($0) (\(name))" } ?? name
      words += "; \(still) now waits for \(pid)"
    }
    return (words, freed > 0 ? .note : .warning)
  }
}
