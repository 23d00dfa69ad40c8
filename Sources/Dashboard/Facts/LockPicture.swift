import Diagnostics
import PostgresModel

/// One answer of the lock monitor.
public struct LockSample: Sendable, Hashable {
  /// By the dashboard's clock.
  public var at: Instant
  /// How long the server took for it, in milliseconds.
  public var costMilliseconds: Double
  public var content: Content

  public enum Content: Sendable, Hashable {
    /// How many locks are waited for.
    case waiting(Int)
    /// - Parameter ours: The pids of our own sessions, which read YOU.
    case full(LockSnapshot, WaitGraph, names: RelationNames, ours: Set<Int32>)
  }

  public init(at: Instant, costMilliseconds: Double, content: Content) {
    self.at = at
    self.costMilliseconds = costMilliseconds
    self.content = content
  }
}

/// What is known of the locks: the last good answer, and why there is no newer one.
public struct LockPicture: Sendable {
  /// When the last good answer came; `nil` before the first.
  public private(set) var at: Instant?
  public private(set) var costMilliseconds = 0.0
  /// `nil` before the first answer: unknown is never shown as 0.
  public private(set) var waiting: Int?
  public private(set) var scan: Scan?
  /// Why the last attempt failed; `nil` where it did not.
  public private(set) var problem: Diagnostic?
  /// Counts the scans, so that whoever derives something from one can tell whether it is the last.
  public private(set) var number = 0
  public var form = Form.tree
  /// The session that the lock pane has selected.
  public var selected: LockOwner?
  /// How many rows the lock pane would like to have below its first.
  public var rowsWanted = 0

  public enum Form: Sendable, Hashable {
    case tree, table
  }

  public init() {}

  /// Takes over a good answer.
  public mutating func take(_ sample: LockSample) {
    at = sample.at
    costMilliseconds = sample.costMilliseconds
    problem = nil
    switch sample.content {
    case .waiting(let count): waiting = count
    case .full(let snapshot, let graph, let names, let ours):
      waiting = snapshot.waiting
      scan = Scan(snapshot, graph, names: names, ours: ours)
      number += 1
    }
  }

  /// Notes that no answer came; what was seen last stays in sight, with its age.
  public mutating func fail(_ diagnostic: Diagnostic, at: Instant) { problem = diagnostic }

  /// How many sessions keep others waiting without waiting themselves.
  public var roots: Int { scan?.graph.roots.count ?? 0 }
}
