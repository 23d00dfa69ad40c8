import Diagnostics
import PostgresModel

/// What was concluded from a scan, held against the server's own account of who blocks whom.
public struct LockVerification: Sendable, Hashable {
  /// Waiters that the server gave an account of; who got the lock meanwhile is left out.
  public var waiters: Int
  /// The pids of those whose blockers differ.
  public var differing: [Int32]

  public var equal: Int { waiters - differing.count }

  /// Compares, waiter by waiter, as sets; parallel workers count as their leader.
  ///
  /// - Parameter server: The answers to `LockQueries.blockers`, by waiter.
  public init(_ snapshot: LockSnapshot, server: [Int32: [Int32]]) {
    let graph = WaitGraph(snapshot)
    var waiters = 0
    var differing: [Int32] = []
    for index in graph.waiters {
      guard let pid = graph.nodes[index].owner.pid, let answers = server[pid], !answers.isEmpty
      else { continue }
      waiters += 1
      let told = Set(answers.map { snapshot.sessions[$0]?.leader ?? $0 })
      if told != Set(graph.blockingPids(of: index)) { differing.append(pid) }
    }
    self.waiters = waiters
    self.differing = differing
  }

  var severity: Diagnostic.Severity { differing.isEmpty ? .note : .warning }

  /// `verified: 4 of 4 equal`.
  var words: String {
    guard waiters > 0 else { return "verified: nobody waits any more" }
    let rest = differing.isEmpty ? "" : "; the server's account is shown for the others"
    return "verified with pg_blocking_pids: \(equal) of \(waiters) equal\(rest)"
  }
}
