import Diagnostics
import PostgresModel

/// One answer of the lock monitor.
public struct LockSample: Sendable, Hashable {
  /// By the dashboard's clock.
  public var at: Instant
  /// How long the server took for it, in milliseconds.
  public var costMilliseconds: Double
  public var content: Content
  /// How the graph compares with the server's own account, where that was asked for.
  public var verification: LockVerification?
  /// The indexes being built, where somebody waits for a transaction as a build does.
  public var builds: [LockQueries.IndexProgress]

  public enum Content: Sendable, Hashable {
    /// How many locks are waited for.
    case waiting(Int)
    /// - Parameter ours: The pids of our own sessions, which read YOU.
    case full(LockSnapshot, WaitGraph, names: RelationNames, ours: Set<Int32>)
  }

  public init(
    at: Instant, costMilliseconds: Double, content: Content,
    verification: LockVerification? = nil, builds: [LockQueries.IndexProgress] = []
  ) {
    self.at = at
    self.costMilliseconds = costMilliseconds
    self.content = content
    self.verification = verification
    self.builds = builds
  }
}

/// What is known of the locks: the last good answer, why there is no newer one, and what was seen
/// before.
public struct LockPicture: Sendable {
  /// When the last good answer came; `nil` before the first.
  public private(set) var at: Instant?
  /// What the last answer cost the server; `nil` before the first.
  public private(set) var costMilliseconds: Double?
  /// `nil` before the first answer: unknown is never shown as 0.
  public private(set) var waiting: Int?
  /// The last scan, whatever is shown.
  public private(set) var live: Scan?
  /// When the last scan came.
  private(set) var scannedAt: Instant?
  /// Why the last attempt failed; `nil` where it did not.
  public private(set) var problem: Diagnostic?
  /// Counts the scans and the steps through the past, so that whoever derives something from what is
  /// shown can tell whether it is the last.
  public private(set) var number = 0
  /// Counts the scans alone.
  public private(set) var liveNumber = 0
  private(set) var history = LockHistory()
  private(set) var usage = RelationUsage()
  private(set) var past: Past?
  /// The last comparison with the server's account, and when it was made.
  private(set) var verification: (LockVerification, at: Instant, number: Int)?
  /// How often is asked instead, in milliseconds, where an answer cost too much.
  var backsOffTo: Int?
  public var form = Form.tree
  /// The session that the lock pane has selected.
  public var selected: LockOwner?
  /// How many rows the lock pane would like to have below its first.
  public var rowsWanted = 0

  public enum Form: Sendable, Hashable {
    case tree, table
  }

  /// A moment of the past that is shown instead of the present.
  struct Past: Sendable {
    /// Counted from the first picture of the session, those that were dropped included.
    var place: Int
    var at: Instant
    var scan: Scan
  }

  public init() {}

  /// The scan that is shown: the last, or one of the past.
  public var scan: Scan? { past?.scan ?? live }

  /// Takes over a good answer.
  ///
  /// - Parameter interval: How often answers come, in microseconds.
  public mutating func take(_ sample: LockSample, interval: Int64 = 1_000_000) {
    at = sample.at
    costMilliseconds = sample.costMilliseconds
    problem = nil
    switch sample.content {
    case .waiting(let count):
      waiting = count
      history.note(at: sample.at, waiting: count, oldest: nil, interval: interval)
    case .full(let snapshot, let graph, let names, let ours):
      waiting = snapshot.waiting
      var scan = Scan(snapshot, graph, names: names, ours: ours)
      for build in sample.builds { scan.builds[build.pid] = build }
      history.note(
        at: sample.at, waiting: snapshot.waiting, oldest: scan.oldestWaitMilliseconds,
        interval: interval)
      history.keep(scan, after: live, at: sample.at)
      usage.note(scan, at: sample.at)
      live = scan
      scannedAt = sample.at
      liveNumber += 1
      if past == nil { number += 1 }
      if let found = sample.verification { verification = (found, sample.at, liveNumber) }
    }
  }

  /// Notes that no answer came; what was seen last stays in sight, with its age.
  public mutating func fail(_ diagnostic: Diagnostic, at: Instant) { problem = diagnostic }

  /// Notes a deed of ours among what happened.
  mutating func note(_ event: String, at: Instant) { history.note(event, at: at) }

  /// How many sessions keep others waiting without waiting themselves.
  public var roots: Int { scan?.graph.roots.count ?? 0 }

  /// The waiters whose account differs from the server's, in the scan that is shown.
  var differing: Set<Int32> {
    guard past == nil, let (found, _, number) = verification, number == liveNumber else {
      return []
    }
    return Set(found.differing)
  }

  // MARK: - The past

  enum Walk: Sendable, Hashable {
    case back, forward, first, live
  }

  /// Shows another moment; answers what to say where there is none.
  mutating func walk(_ step: Walk) -> String? {
    let pictures = history.pictures
    // What is live is the last picture kept, unless it has not changed since.
    let last = pictures.count - 1
    let here = past.map { max(-1, $0.place - history.dropped) } ?? last
    let goal: Int
    switch step {
    case .back: goal = min(here, last) - 1
    case .forward: goal = here + 1
    case .first: goal = 0
    case .live: goal = pictures.count
    }
    if step == .live || (step == .forward && goal >= last) {
      guard past != nil else { return step == .live ? nil : "this is the present" }
      past = nil
      number += 1
      return nil
    }
    guard goal >= 0, goal < pictures.count, goal != last || step != .first else {
      return pictures.count < 2 ? "no other picture has been kept yet" : "nothing older is kept"
    }
    let kept = pictures[goal]
    let names = live?.names ?? RelationNames(database: kept.snapshot.database)
    past = Past(
      place: goal + history.dropped, at: kept.at,
      scan: Scan(kept.snapshot, WaitGraph(kept.snapshot), names: names, ours: kept.ours))
    number += 1
    return nil
  }
}

extension LockPicture.Scan {
  /// The longest wait of all, in milliseconds; 0 where nobody waits, `nil` where the server does not
  /// say.
  var oldestWaitMilliseconds: Double? {
    var oldest: Instant?
    var waits = false
    for node in graph.nodes {
      guard let wait = node.wait else { continue }
      waits = true
      guard let since = wait.since else { continue }
      oldest = min(oldest ?? since, since)
    }
    guard waits else { return 0 }
    return oldest.map { max(0, Double(snapshot.at.microseconds(since: $0)) / 1000) }
  }

  /// When the server will look at the circle of waiters, by its clock; `nil` where there is none.
  ///
  /// Each waiter looks once, `deadlock_timeout` after its wait began: the first to do so after the last
  /// has closed the circle ends it. Source: `proc.c`, `CheckDeadLock`.
  func deadlockCheck(timeoutMilliseconds: Double) -> Instant? {
    let starts = graph.nodes.filter(\.isInCycle).compactMap { $0.wait?.since }
    guard let closed = starts.max() else { return nil }
    let timeout = Int64(timeoutMilliseconds * 1000)
    return starts.map { Instant(microseconds: $0.microseconds + timeout) }
      .filter { $0 >= closed }.min()
  }
}
