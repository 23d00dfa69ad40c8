import EventLoop
import MigrationEngine
import Postgres
import PostgresModel
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Random scenes on a real server: for every waiter the graph drawn from one scan names the very
/// sessions that the server's own `pg_blocking_pids` names.
///
/// `LOCKSTEP_SEED` plays one scene again.
@Suite struct LockScenesTests {
  private static let sessions = 34
  private static let waitersWanted = 1_200

  @Test func `for a thousand random waiters the graph names whom the server names`() async throws {
    try await play(binaries: nil)
  }

  @Test(
    .enabled(if: !TestServer.otherBinaries.isEmpty, "LOCKSTEP_TEST_PGBIN names no other server"),
    arguments: TestServer.otherBinaries)
  func `on servers of other versions it names the same as well`(_ binaries: String) async throws {
    try await play(binaries: binaries)
  }

  private func play(binaries: String?) async throws {
    let server = try await TestServer.started(
      from: binaries, with: ["max_connections = 60", "max_prepared_transactions = 10"])
    let url = server.cluster.url(database: "postgres")
    let chosen = getenv("LOCKSTEP_SEED").flatMap { UInt64(String(cString: $0)) }
    let account = try await onLoop { loop in
      let target = try ConnectionString(url)
      // No detector, which would put a queue into another order: that has a test of its own.
      let settings = [("deadlock_timeout", "1h"), ("client_min_messages", "error")]
      let stage = try await Connection.open(
        target, application: "stage", settings: settings, loop: loop)
      var players: [ScenePlayer] = []
      for number in 1...Self.sessions {
        players.append(
          ScenePlayer(
            try await Connection.open(
              target, application: "player \(number)", settings: settings, loop: loop)))
      }
      var account = Account()
      var seed = chosen ?? UInt64.random(in: 0...999_999_999_999)
      while account.waiters < Self.waitersWanted {
        var scene = LockScene(players, stage: stage, seed: seed)
        do {
          try await scene.play {
            try await account.compare(with: stage, seed: seed)
          }
        } catch {
          Issue.record("seed \(seed): \(error)")
        }
        try await scene.clear()
        account.scenes += 1
        if chosen != nil { break }
        seed += 1
      }
      account.server = stage.serverVersionText
      account.lastSeed = seed
      return account
    }
    await BlockingWork.run { server.cluster.stopBlocking() }
    print(account)
    #expect(account.differences == [])
    #expect(account.doubtful < account.waiters / 4)
    if chosen == nil { #expect(account.waiters >= Self.waitersWanted) }
  }
}

/// What was compared, and what decided.
private struct Account: CustomStringConvertible, Sendable {
  var server = ""
  var lastSeed: UInt64 = 0
  var scenes = 0
  var looks = 0
  var waiters = 0
  var hard = 0
  var soft = 0
  var prepared = 0
  /// Earlier waiters in a conflicting mode that do not block, since the later one went in front.
  var jumps = 0
  var cycles = 0
  var doubtful = 0
  /// Of those in doubt, how many stood elsewhere.
  var corrected = 0
  var kinds: [LockTag.Kind: Int] = [:]
  var differences: [String] = []

  /// Holds one picture against the server's account, with no change in between.
  mutating func compare(with stage: Connection, seed: UInt64) async throws {
    let scan = LockQueries.scan(serverVersion: stage.serverVersion)
    for _ in 0..<50 {
      guard let first = LockSnapshot(try await stage.rows(of: scan)) else { continue }
      let pids = first.locks.filter { !$0.isGranted }.compactMap(\.pid)
      let pairs = try await stage.rows(LockQueries.blockers(of: pids))
      guard let second = LockSnapshot(try await stage.rows(of: scan)) else { continue }
      guard Set(first.locks) == Set(second.locks), first.locks.count == second.locks.count else {
        continue
      }
      let truth = Dictionary(grouping: pairs, by: \.waiter).mapValues { Set($0.map(\.blocker)) }
      return take(first, truth, seed: seed)
    }
    Issue.record("seed \(seed): the locks never stood still")
  }

  private mutating func take(_ snapshot: LockSnapshot, _ truth: [Int32: Set<Int32>], seed: UInt64) {
    let graph = WaitGraph(snapshot)
    let told = WaitGraph(snapshot, verified: truth.mapValues(Array.init))
    looks += 1
    if graph.certainty == .cycle { cycles += 1 }
    for node in graph.waiters {
      guard let pid = graph.nodes[node].owner.pid, let wait = graph.nodes[node].wait else {
        continue
      }
      waiters += 1
      kinds[wait.tag.kind, default: 0] += 1
      let found = Set(graph.blockingPids(of: node))
      let isInDoubt = graph.doubtful.contains(pid)
      if isInDoubt { doubtful += 1 }
      let expected = truth[pid] ?? []
      if found != expected, isInDoubt {
        corrected += 1
      } else if found != expected {
        differences.append(
          "seed \(seed): \(pid) wants \(wait.mode?.sqlName ?? "-") on \(wait.tag.kind):"
            + " found \(found.sorted()), the server says \(expected.sorted())\n"
            + Self.text(of: wait.tag, in: snapshot))
      }
      let asked = told.node(pid: pid).map { Set(told.blockingPids(of: $0)) }
      if asked != expected {
        differences.append("seed \(seed): \(pid) is \(asked ?? []) after the server was asked")
      }
      count(graph, node, wait, snapshot)
    }
  }

  private mutating func count(
    _ graph: WaitGraph, _ node: Int, _ wait: WaitGraph.Wait, _ snapshot: LockSnapshot
  ) {
    let edges = graph.nodes[node].blockers
    hard += edges.count { $0.strength == .hard }
    soft += edges.count { $0.strength == .soft }
    prepared += edges.count { graph.nodes[$0.blocker].owner.pid == nil }
    let blockers = Set(edges.map { graph.nodes[$0.blocker].owner })
    jumps += snapshot.locks.count { row in
      guard !row.isGranted, row.tag == wait.tag, wait.mode.map(row.mode.conflicts) == true,
        let start = row.waitStart, let own = wait.since, start < own
      else { return false }
      return !blockers.contains(snapshot.owner(of: row))
    }
  }

  /// The queue as the lock table has it, for whoever looks into a difference.
  private static func text(of tag: LockTag, in snapshot: LockSnapshot) -> String {
    snapshot.locks.filter { $0.tag == tag }.map { row in
      let since = row.waitStart.map { "waits since \($0.microseconds)" } ?? "waits"
      return "  \(row.pid ?? 0) \(row.mode.sqlName) \(row.isGranted ? "holds" : since)"
    }.joined(separator: "\n")
  }

  var description: String {
    let byKind = kinds.sorted { $0.value > $1.value }.map { "\($0.key.catalogName) \($0.value)" }
    return """
      lock scenes on PostgreSQL \(server), to seed \(lastSeed): \(scenes) scenes, \(looks) looks, \
      \(waiters) waiters, \(differences.count) differences; \(hard) hard and \(soft) soft edges, \
      \(prepared) to prepared transactions, \(jumps) queue jumps, \(doubtful) waiters in doubt (\(corrected) stood elsewhere), \
      \(cycles) looks with a circle; waits for \(byKind.joined(separator: ", "))
      """
  }
}
