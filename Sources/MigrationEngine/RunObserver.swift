import Diagnostics
import EventLoop
import MigrationModel
import Postgres
import PostgresModel

/// Looks at the lock queue around a run from a session of its own, and steps aside where the budget is
/// used up.
///
/// It looks only while a message has been under way for a while, so that a run whose statements are
/// quick is not looked at.
struct RunObserver: Sendable {
  let monitor: LockMonitor
  let budget: LockBudget
  let control: RunControl
  let loop: EventLoop
  let report: @Sendable (RunEvent) -> Void
  /// An unchanged queue is told again after this many looks.
  var looksBetweenReports = 4

  private static let patience = Duration.milliseconds(100)
  private static let interval = Duration.milliseconds(250)

  /// Watches one message until it has ended or the task is cancelled.
  ///
  /// - Parameters:
  ///   - number: As `RunControl` counts.
  ///   - pid: The session that sent it.
  ///   - mayStepAside: Whether the budget holds for it.
  func watch(_ number: Int, pid: Int32, _ version: Version, mayStepAside: Bool) async {
    // A short time-out is over before the usual first look.
    let first = min(RunObserver.patience, budget.timeout.map { $0 / 2 } ?? RunObserver.patience)
    guard (try? await loop.sleep(for: first)) != nil else { return }
    var told: LockQueue?
    // What has been told, once something has.
    var toldProgress: StatementProgress??
    var looks = 0
    var firstSeen: ContinuousClock.Instant?
    while !Task.isCancelled, control.message?.number == number {
      // A look that fails is no reason to give anything up; the next one may tell.
      if let look = try? await monitor.look(), !Task.isCancelled {
        firstSeen = look.isWaiting(pid) ? firstSeen ?? .now : nil
        let queue = look.queue(
          around: pid, waitedAtLeast: firstSeen.map { milliseconds(since: $0) } ?? 0)
        control.note(queue, of: number)
        if queue.mustBeTold(after: told)
          || (!queue.isEmpty && looks % looksBetweenReports == 0)
        {
          report(.queue(version: version, queue))
          told = queue
        }
        looks += 1
        // Of one that waits to be told how to go on there is nothing to report.
        if look.snapshot.sessions[pid]?.state == "active", let found = await progress(of: pid),
          toldProgress != .some(found), !Task.isCancelled
        {
          toldProgress = found
          report(.progress(version: version, found))
        }
        if mayStepAside { judge(queue, number) }
      }
      guard (try? await loop.sleep(for: RunObserver.interval)) != nil else { return }
    }
  }

  /// What the server reports of a session's statement, if anything; `nil` where it could not be asked.
  private func progress(of pid: Int32) async -> StatementProgress?? {
    let query = StatementProgress.query(of: pid, serverVersion: monitor.serverVersion)
    guard let rows = try? await monitor.rows(query) else { return nil }
    return .some(rows.first)
  }

  /// Gives up only what is seen to wait in this very look.
  private func judge(_ queue: LockQueue, _ number: Int) {
    guard let waited = queue.waitedMilliseconds else { return }
    let verdict = budget.verdict(
      waited: .milliseconds(waited), victims: queue.victims,
      oldest: queue.oldestVictimMilliseconds.map { .milliseconds($0) })
    if case .stepAside(let reason) = verdict { control.stepAside(from: number, reason) }
  }
}

extension LockQueue {
  /// Whether it differs from what was told by more than the time that has passed.
  fileprivate func mustBeTold(after told: LockQueue?) -> Bool {
    guard let told else { return !isEmpty }
    return (told.waitedMilliseconds == nil) != (waitedMilliseconds == nil)
      || told.victims != victims || told.blockers.map(\.pid) != blockers.map(\.pid)
  }
}

extension LockMonitor.Look {
  func isWaiting(_ pid: Int32) -> Bool {
    graph.node(pid: pid).map { graph.nodes[$0].wait != nil } ?? false
  }

  /// The queue in which a session stands, and the one behind it.
  ///
  /// - Parameter waitedAtLeast: The wait in milliseconds where the server does not tell, as before 14.
  func queue(around pid: Int32, waitedAtLeast: Double = 0) -> LockQueue {
    guard let own = graph.node(pid: pid) else { return LockQueue() }
    let node = graph.nodes[own]
    func age(_ since: Instant?) -> Double? {
      since.map { max(0, Double(snapshot.at.microseconds(since: $0)) / 1000) }
    }
    let blockers = node.blockers.map { edge in
      let blocker = graph.nodes[edge.blocker]
      return LockBlocker(
        pid: blocker.owner.pid ?? 0, user: blocker.session?.user ?? blocker.prepared?.owner,
        application: blocker.session?.application ?? blocker.prepared?.gid,
        state: blocker.session?.state,
        since: blocker.session?.transactionStart ?? blocker.prepared?.preparedAt)
    }
    let waiting = graph.victims(of: own).map { victim in
      let waiter = graph.nodes[victim]
      return LockVictim(
        pid: waiter.owner.pid ?? 0, user: waiter.session?.user,
        application: waiter.session?.application, waitedMilliseconds: age(waiter.wait?.since))
    }.sorted { ($0.waitedMilliseconds ?? 0, $1.pid) > ($1.waitedMilliseconds ?? 0, $0.pid) }
    return LockQueue(
      waitedMilliseconds: node.wait.map { age($0.since) ?? waitedAtLeast }, victims: node.victims,
      oldestVictimMilliseconds: waiting.compactMap(\.waitedMilliseconds).max(), blockers: blockers,
      waiting: waiting)
  }
}

extension WaitGraph {
  /// The nodes that wait for one, directly or by way of others.
  fileprivate func victims(of node: Int) -> Set<Int> {
    var found: Set<Int> = []
    var isGrowing = nodes[node].victims > 0
    while isGrowing {
      isGrowing = false
      for waiter in nodes.indices where waiter != node && !found.contains(waiter) {
        let isVictim = nodes[waiter].blockers.contains {
          $0.blocker == node || found.contains($0.blocker)
        }
        if isVictim {
          found.insert(waiter)
          isGrowing = true
        }
      }
    }
    return found
  }
}
