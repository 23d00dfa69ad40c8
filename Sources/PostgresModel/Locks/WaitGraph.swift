/// Who waits for whom, drawn from one snapshot.
///
/// Follows the server: a waiter is kept from its lock by every holder of a conflicting mode (hard) and
/// by every earlier waiter for one (soft). What the deadlock detector reordered cannot be seen.
/// Source: `lock.c` and `proc.c` of PostgreSQL 15 (`LockCheckConflicts`, `ProcSleep`,
/// `GetBlockerStatusData`).
public struct WaitGraph: Sendable, Hashable {
  /// Why one keeps another waiting.
  public enum Strength: UInt8, Sendable, Hashable, Comparable {
    /// Holds a lock in a conflicting mode.
    case hard
    /// Waits ahead in the queue for a conflicting mode.
    case soft
    /// Is a serializable transaction that must end before a snapshot is known to be safe.
    case snapshot

    public static func < (a: Strength, b: Strength) -> Bool { a.rawValue < b.rawValue }
  }

  /// That one keeps another waiting.
  public struct Edge: Sendable, Hashable {
    /// Index in `nodes` of the one that blocks.
    public var blocker: Int
    public var strength: Strength
    /// What the blocker holds, or asks for; `nil` where no lock is waited for.
    public var mode: LockMode?
  }

  /// The lock a session waits for, or the safe snapshot.
  public struct Wait: Sendable, Hashable {
    public var tag: LockTag
    /// `nil` where no lock is waited for.
    public var mode: LockMode?
    /// `nil` where the server does not say.
    public var since: Instant?
    /// The row it is about, where a transaction is waited for: the tuple lock held meanwhile.
    public var row: LockTag?
  }

  /// A session or prepared transaction that waits or is waited for.
  public struct Node: Sendable, Hashable {
    public var owner: LockOwner
    /// `nil` for a prepared transaction, and for a session that ended meanwhile.
    public var session: LockSession?
    public var prepared: PreparedTransaction?
    /// `nil` for one that is only waited for.
    public var wait: Wait?
    /// Everybody who keeps this one waiting; the one it is drawn under comes first.
    public var blockers: [Edge]
    /// The strongest lock by which it keeps others waiting.
    public var blocksWith: LockMode?
    public var blocksOn: LockTag?
    /// Sessions that wait for this one, and those that wait for them in turn.
    public var directVictims: Int
    public var indirectVictims: Int
    /// Waits, by way of others, for itself: the server will end it after `deadlock_timeout`.
    public var isInCycle: Bool
    /// Indices of the nodes drawn below this one, longest wait first.
    public var children: [Int]

    public var victims: Int { directVictims + indirectVictims }
    /// How many more keep it waiting than the one it is drawn under.
    public var alsoBehind: Int { max(0, blockers.count - 1) }
  }

  /// Whether the account is sure; where it is not, `LockQueries.blockers` asks the server.
  public enum Certainty: Sendable, Hashable {
    case certain
    /// The server itself has told it, where the scan alone did not.
    case verified
    /// Before 14 the server does not say who came first, and never who went in front of whom.
    case orderUnknown
    /// The deadlock detector may have reordered the queue.
    case cycle
  }

  public var nodes: [Node]
  /// Indices of the nodes that are drawn first, the one with most victims before the others.
  public var roots: [Int]
  public var certainty: Certainty
  /// The waiters whose place in a queue the scan does not tell.
  ///
  /// Before 14 all that have to queue; later those who came after one whom they do not let pass, but
  /// already hold a lock there: somebody who has gone since may have let them in front.
  public var doubtful: Set<Int32>

  /// The sessions that the server is to be asked about, so that the picture is sure.
  public var toVerify: [Int32] {
    guard certainty == .cycle else { return doubtful.sorted() }
    return waiters.compactMap { nodes[$0].owner.pid }
  }

  /// Indices of the nodes that wait, longest first.
  public var waiters: [Int] {
    nodes.indices.filter { nodes[$0].wait != nil }.sorted {
      before(nodes[$0].wait?.since, nodes[$1].wait?.since)
    }
  }

  /// The pids of everybody who keeps a session waiting, without repetition; 0 for a prepared
  /// transaction, as `pg_blocking_pids` says it.
  public func blockingPids(of node: Int) -> [Int32] {
    Set(nodes[node].blockers.map { nodes[$0.blocker].owner.pid ?? 0 }).sorted()
  }

  /// The node of a session.
  public func node(pid: Int32) -> Int? {
    nodes.firstIndex { $0.owner == .session(pid: pid) }
  }
}

/// A moment that is not known comes last.
func before(_ a: Instant?, _ b: Instant?) -> Bool {
  (a?.microseconds ?? .max) < (b?.microseconds ?? .max)
}
