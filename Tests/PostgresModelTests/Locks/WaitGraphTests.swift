import PostgresModel
import Testing

private func second(_ number: Int) -> Instant {
  Instant(microseconds: 1_700_000_000_000_000 + Int64(number) * 1_000_000)
}

private let orders = LockTag(.relation, database: 5, relation: 16385)
private let lines = LockTag(.relation, database: 5, relation: 16390)

/// A session whose transaction began at `since`.
private func session(_ pid: Int32, since: Int = 0, leader: Int32? = nil) -> LockSession {
  var session = LockSession(pid: pid)
  session.leader = leader
  session.transactionStart = second(since)
  session.stateChange = second(since)
  return session
}

private func holds(_ pid: Int32?, _ mode: LockMode, _ tag: LockTag = orders, vxid: UInt32? = nil)
  -> LockRow
{
  LockRow(
    tag, pid: pid, virtualTransaction: vxid.map { VirtualTransaction(slot: -1, local: $0) },
    mode: mode, isGranted: true)
}

private func waits(_ pid: Int32, _ mode: LockMode, _ tag: LockTag = orders, since: Int?) -> LockRow
{
  LockRow(tag, pid: pid, mode: mode, isGranted: false, waitStart: since.map(second))
}

private func graph(
  _ locks: [LockRow], _ sessions: [LockSession] = [], prepared: [PreparedTransaction] = [],
  knowsWaitStart: Bool = true, verified: [Int32: [Int32]] = [:]
) -> WaitGraph {
  let pids = Set(locks.compactMap(\.pid)).subtracting(sessions.map(\.pid))
  return WaitGraph(
    LockSnapshot(
      at: second(100), database: 5, knowsWaitStart: knowsWaitStart, locks: locks,
      sessions: sessions + pids.map { session($0) }, preparedTransactions: prepared),
    verified: verified)
}

/// The pids that keep `pid` waiting and how, as `1 hard`.
private func blockers(of pid: Int32, in graph: WaitGraph) -> Set<String> {
  guard let node = graph.node(pid: pid) else { return [] }
  return Set(
    graph.nodes[node].blockers.map {
      "\(graph.nodes[$0.blocker].owner.pid.map { "\($0)" } ?? "-") \($0.strength)"
    })
}

/// The tree as text: `1(2(3)4)`.
private func drawn(_ graph: WaitGraph) -> String {
  func text(_ node: Int) -> String {
    let name = graph.nodes[node].owner.pid.map { "\($0)" } ?? graph.nodes[node].prepared?.gid ?? "?"
    let below = graph.nodes[node].children.map(text).joined(separator: " ")
    return below.isEmpty ? name : "\(name)(\(below))"
  }
  return graph.roots.map(text).joined(separator: " ")
}

@Suite struct WaitGraphTests {
  @Test func `nothing waits and nothing is drawn`() {
    let empty = graph([holds(1, .accessExclusive), holds(2, .accessShare, lines)])
    #expect(empty.nodes.isEmpty && empty.roots.isEmpty && empty.certainty == .certain)
  }

  @Test func `a holder of a conflicting mode is a hard blocker and one of another mode is none`() {
    let graph = graph([
      holds(1, .accessShare), holds(2, .rowExclusive), waits(3, .share, since: 1),
    ])
    #expect(blockers(of: 3, in: graph) == ["2 hard"])
    #expect(drawn(graph) == "2(3)")
  }

  @Test func `a waiter ahead in the queue is a soft blocker where the modes conflict`() {
    let graph = graph([
      holds(1, .accessShare), waits(2, .accessExclusive, since: 1),
      waits(3, .accessShare, since: 2),
      waits(4, .accessShare, since: 3),
    ])
    #expect(blockers(of: 2, in: graph) == ["1 hard"])
    #expect(blockers(of: 3, in: graph) == ["2 soft"])
    #expect(blockers(of: 4, in: graph) == ["2 soft"])
    #expect(drawn(graph) == "1(2(3 4))")
    let root = graph.nodes[graph.roots[0]]
    #expect(root.directVictims == 1 && root.indirectVictims == 2)
    #expect(root.blocksWith == .accessShare && root.blocksOn == orders)
  }

  @Test func `one that came later blocks nobody before it`() {
    let graph = graph([
      holds(1, .accessShare), waits(2, .accessExclusive, since: 5), waits(3, .exclusive, since: 9),
    ])
    #expect(blockers(of: 2, in: graph) == ["1 hard"])
    #expect(blockers(of: 3, in: graph) == ["2 soft"])
  }

  @Test func `locks are told apart by their whole tag`() {
    func tuple(_ page: UInt32, _ tuple: UInt32) -> LockTag {
      LockTag(.tuple, database: 5, relation: 16385, page: page, tuple: tuple)
    }
    let graph = graph([
      holds(1, .exclusive, tuple(0, 1)), holds(2, .exclusive, tuple(0, 2)),
      waits(3, .exclusive, tuple(0, 1), since: 1),
      holds(
        4, .exclusive, LockTag(.advisory, database: 5, classID: 0, objectID: 7, objectSubID: 1)),
      waits(
        5, .exclusive, LockTag(.advisory, database: 5, classID: 0, objectID: 7, objectSubID: 2),
        since: 1),
    ])
    #expect(blockers(of: 3, in: graph) == ["1 hard"])
    #expect(blockers(of: 5, in: graph) == [])
    #expect(graph.node(pid: 2) == nil)
    #expect(drawn(graph) == "1(3) 5")
  }

  @Test func `a lock upgrade goes in front of whoever waits for what it holds`() {
    // 1 and 2 read; 3 waits to write; then 2 wants more: the server puts 2 before 3.
    let graph = graph([
      holds(1, .accessShare), holds(2, .accessShare), waits(3, .accessExclusive, since: 1),
      waits(2, .accessExclusive, since: 2),
    ])
    #expect(blockers(of: 2, in: graph) == ["1 hard"])
    #expect(blockers(of: 3, in: graph) == ["1 hard", "2 hard"])
    #expect(graph.nodes.allSatisfy { !$0.isInCycle })
    #expect(graph.certainty == .certain)
  }

  @Test func `who jumps the queue is before all that stand behind`() {
    // 4 does not wait for what 2 holds, but stands behind 3, which does.
    let graph = graph([
      holds(1, .share), holds(2, .rowShare), waits(3, .exclusive, since: 1),
      waits(4, .rowExclusive, since: 2), waits(2, .rowExclusive, since: 3),
      waits(5, .share, since: 4),
    ])
    #expect(blockers(of: 2, in: graph) == ["1 hard"])
    #expect(blockers(of: 3, in: graph) == ["1 hard", "2 hard"])
    #expect(blockers(of: 4, in: graph) == ["1 hard", "3 soft"])
    #expect(blockers(of: 5, in: graph) == ["2 soft", "3 soft", "4 soft"])
  }

  @Test
  func `a prepared transaction is found by its number and then by its name in the lock table`() {
    let xid = LockTag(.transactionID, transactionID: 726)
    let graph = graph(
      [
        holds(nil, .exclusive, xid, vxid: 726), holds(nil, .rowExclusive, orders, vxid: 726),
        waits(2, .share, orders, since: 1), waits(3, .share, xid, since: 2),
      ],
      prepared: [PreparedTransaction(gid: "gx1", transactionID: 726, preparedAt: second(0))])
    #expect(drawn(graph) == "gx1(2 3)")
    #expect(graph.nodes[graph.roots[0]].prepared?.transactionID == 726)
    #expect(graph.blockingPids(of: graph.node(pid: 2) ?? 0) == [0])
  }

  @Test func `parallel workers are their leader and do not block one another`() {
    let graph = graph(
      [
        holds(10, .accessShare), holds(11, .accessShare), holds(12, .accessShare),
        waits(11, .exclusive, lines, since: 4), holds(10, .exclusive, lines),
        waits(20, .accessExclusive, since: 5),
      ], [session(10), session(11, leader: 10), session(12, leader: 10), session(20)])
    #expect(blockers(of: 20, in: graph) == ["10 hard"])
    #expect(graph.node(pid: 11) == nil)
    #expect(blockers(of: 10, in: graph) == [])
    #expect(graph.nodes[graph.node(pid: 10) ?? 0].directVictims == 1)
  }

  @Test func `each waiter is drawn once under its hardest and oldest blocker`() {
    let graph = graph(
      [
        holds(1, .accessShare), holds(2, .accessShare), holds(3, .accessShare),
        waits(4, .accessExclusive, since: 20), waits(5, .accessExclusive, since: 21),
      ], [session(1, since: 9), session(2, since: 3), session(3, since: 6)])
    #expect(drawn(graph) == "2(4 5) 3 1")
    let last = graph.nodes[graph.node(pid: 5) ?? 0]
    #expect(last.alsoBehind == 3)
    #expect(last.blockers.map(\.strength) == [.hard, .hard, .hard, .soft])
    #expect(graph.blockingPids(of: graph.node(pid: 5) ?? 0) == [1, 2, 3, 4])
  }

  @Test func `a blocker in two ways is named once by the harder`() {
    let graph = graph([
      holds(1, .accessShare), holds(2, .accessShare), holds(2, .rowShare),
      waits(2, .rowExclusive, since: 1), waits(3, .accessExclusive, since: 2),
    ])
    #expect(blockers(of: 3, in: graph) == ["1 hard", "2 hard"])
    #expect(graph.nodes[graph.node(pid: 3) ?? 0].blockers.count == 2)
  }

  @Test func `a circle is cut at its longest wait and marked`() {
    let graph = graph([
      holds(1, .accessExclusive, orders), waits(1, .accessExclusive, lines, since: 7),
      holds(2, .accessExclusive, lines), waits(2, .accessExclusive, orders, since: 5),
      waits(3, .accessShare, orders, since: 8),
    ])
    #expect(drawn(graph) == "2(1(3))")
    #expect(graph.certainty == .cycle)
    #expect(graph.nodes.filter(\.isInCycle).compactMap(\.owner.pid).sorted() == [1, 2])
    #expect(graph.nodes[graph.node(pid: 2) ?? 0].directVictims == 2)
    #expect(graph.nodes[graph.node(pid: 2) ?? 0].indirectVictims == 0)
  }

  @Test func `a circle of three with tails ends and counts everybody once`() {
    func tag(_ number: UInt32) -> LockTag { LockTag(.relation, database: 5, relation: number) }
    var locks: [LockRow] = []
    for pid in Int32(1)...3 {
      locks.append(holds(pid, .accessExclusive, tag(UInt32(pid))))
      locks.append(waits(pid, .accessExclusive, tag(UInt32(pid % 3 + 1)), since: Int(pid)))
      locks.append(waits(pid + 10, .accessShare, tag(UInt32(pid)), since: 50))
    }
    let graph = graph(locks)
    #expect(graph.nodes.filter(\.isInCycle).count == 3)
    for pid in Int32(1)...3 {
      #expect(graph.nodes[graph.node(pid: pid) ?? 0].victims == 5)
    }
    #expect(graph.roots.count == 1)
    var drawnNodes: Set<Int> = []
    func visit(_ node: Int) {
      #expect(drawnNodes.insert(node).inserted)
      graph.nodes[node].children.forEach(visit)
    }
    graph.roots.forEach(visit)
    #expect(drawnNodes.count == graph.nodes.count)
  }

  @Test func `who frees most is drawn first`() {
    let graph = graph([
      holds(1, .accessExclusive, lines), waits(2, .accessShare, lines, since: 1),
      holds(3, .accessShare, orders), waits(4, .accessExclusive, orders, since: 2),
      waits(5, .accessShare, orders, since: 3),
    ])
    #expect(drawn(graph) == "3(4(5)) 1(2)")
    #expect(graph.waiters.compactMap { graph.nodes[$0].owner.pid } == [2, 4, 5])
  }

  @Test func `whoever waits for a transaction is shown with the row it is about`() {
    let row = LockTag(.tuple, database: 5, relation: 16390, page: 0, tuple: 2)
    let xid = LockTag(.transactionID, transactionID: 728)
    let graph = graph([
      holds(1, .exclusive, xid), waits(2, .share, xid, since: 1), holds(2, .exclusive, row),
      waits(3, .exclusive, row, since: 2),
    ])
    #expect(drawn(graph) == "1(2(3))")
    #expect(graph.nodes[graph.node(pid: 2) ?? 0].wait?.row == row)
    let names = RelationNames(database: 5, names: [16390: QualifiedName(schema: "public", "lines")])
    #expect(graph.nodes[graph.node(pid: 2) ?? 0].wait.map { names.text($0.tag) } == "xid 728")
    #expect(names.text(row) == "lines(0,2)")
  }

  @Test func `before 14 the order of the queue is guessed and said to be so`() {
    let graph = graph(
      [
        holds(1, .accessShare), waits(2, .accessExclusive, since: nil),
        waits(3, .accessShare, since: nil),
      ], [session(2, since: 5), session(3, since: 9)], knowsWaitStart: false)
    #expect(graph.certainty == .orderUnknown)
    #expect(blockers(of: 3, in: graph) == ["2 soft"])
  }

  @Test func `a wait that has only just begun stands behind those that are known`() {
    let graph = graph([
      holds(1, .accessShare), waits(3, .accessExclusive, since: nil),
      waits(2, .accessExclusive, since: 4),
    ])
    #expect(blockers(of: 2, in: graph) == ["1 hard"])
    #expect(blockers(of: 3, in: graph) == ["1 hard", "2 soft"])
  }

  @Test func `the server's own account replaces what was concluded`() {
    let locks = [
      holds(1, .accessShare), holds(9, .accessShare), waits(2, .accessExclusive, since: 1),
      waits(3, .accessExclusive, since: 2),
    ]
    let graph = graph(locks, verified: [2: [1, 1, 9, 3], 3: [1, 9], 77: [1]])
    #expect(blockers(of: 2, in: graph) == ["1 hard", "9 hard", "3 soft"])
    #expect(blockers(of: 3, in: graph) == ["1 hard", "9 hard"])
  }

  @Test func `a blocker that only the server names is drawn with what it asks for`() {
    let locks = [
      holds(1, .share), waits(2, .rowExclusive, since: 1), waits(3, .exclusive, since: 2),
    ]
    #expect(blockers(of: 2, in: graph(locks)) == ["1 hard"])
    let told = graph(locks, verified: [2: [1, 3], 3: [1]])
    let node = told.nodes[told.node(pid: 2) ?? 0]
    #expect(node.blockers.map(\.strength) == [.hard, .soft])
    #expect(node.blockers.map(\.mode) == [.share, .exclusive])
    #expect(blockers(of: 3, in: told) == ["1 hard"])
    #expect(told.certainty == .verified)
  }

  @Test func `an empty answer of the server leaves what was concluded`() {
    let locks = [holds(1, .share), waits(2, .rowExclusive, since: 1)]
    #expect(blockers(of: 2, in: graph(locks, verified: [2: []])) == ["1 hard"])
  }

  @Test func `whoever holds something and asks for more may stand before one that came earlier`() {
    // 4 asked first; had a fifth stood before it that has given up since, 2 would be in front of both.
    let locks = [
      holds(1, .share), holds(2, .rowShare), waits(4, .rowExclusive, since: 1),
      waits(2, .shareRowExclusive, since: 2), waits(6, .accessShare, since: 3),
    ]
    let concluded = graph(locks)
    #expect(blockers(of: 2, in: concluded) == ["1 hard", "4 soft"])
    #expect(concluded.certainty == .orderUnknown)
    #expect(concluded.toVerify == [2, 4])
    let told = graph(locks, verified: [2: [1], 4: [1, 2]])
    #expect(blockers(of: 2, in: told) == ["1 hard"])
    #expect(blockers(of: 4, in: told) == ["1 hard", "2 soft"])
    #expect(told.certainty == .verified)
  }

  @Test func `waits that began in the same instant have no order yet`() {
    let locks = [
      holds(1, .share), waits(2, .exclusive, since: nil), waits(3, .exclusive, since: nil),
      waits(4, .rowShare, since: 5),
    ]
    #expect(graph(locks).toVerify == [2, 3])
    #expect(graph([holds(1, .share), waits(2, .exclusive, since: nil)]).certainty == .certain)
  }

  @Test func `before 14 a queue of one is certain`() {
    let graph = graph(
      [holds(1, .accessShare), waits(2, .accessExclusive, since: nil)], knowsWaitStart: false)
    #expect(graph.certainty == .certain && graph.toVerify.isEmpty)
  }

  @Test func `the building of an index names whom it waits for where the scan does not`() {
    let transaction = VirtualTransaction(slot: 4, local: 7)
    let vxid = LockTag(.virtualTransaction, virtualTransaction: transaction)
    let progress = LockQueries.IndexProgress(
      pid: 2, relation: 16385, phase: "waiting for old snapshots", lockers: 2, lockersDone: 1,
      currentLocker: 9, blocks: 0, blocksDone: 0)
    func graph(_ locks: [LockRow]) -> WaitGraph {
      WaitGraph(LockSnapshot(at: second(9), locks: locks), building: [progress])
    }
    let waiting = waits(2, .share, vxid, since: 1)
    #expect(drawn(graph([waiting])) == "9(2)")
    // What the scan saw is of one moment; the progress was read a little later.
    #expect(drawn(graph([waiting, holds(5, .exclusive, vxid)])) == "5(2)")
    // Another wait is not the index's.
    #expect(drawn(graph([waits(2, .share, orders, since: 1)])) == "2")
  }

  @Test func `a holder whose session is gone is still drawn`() {
    let snapshot = LockSnapshot(
      at: second(9), locks: [holds(1, .accessExclusive), waits(2, .accessShare, since: 1)])
    let graph = WaitGraph(snapshot)
    #expect(drawn(graph) == "1(2)")
    #expect(graph.nodes[graph.roots[0]].session == nil)
  }

  @Test func `four hundred readers behind one are all direct victims`() {
    var locks = [holds(1, .accessExclusive)]
    for pid in Int32(2)...401 { locks.append(waits(pid, .accessShare, since: Int(pid))) }
    let graph = graph(locks)
    #expect(graph.nodes[graph.roots[0]].directVictims == 400)
    #expect(graph.nodes[graph.roots[0]].indirectVictims == 0)
    #expect(graph.nodes[graph.roots[0]].children.count == 400)
  }

  @Test func `random lock tables agree with a plain reading of the rules`() {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<200 {
      var locks: [LockRow] = []
      for pid in Int32(1)...12 {
        for tag in [orders, lines] where Bool.random(using: &generator) {
          locks.append(
            holds(pid, LockMode.allCases.randomElement(using: &generator) ?? .share, tag))
        }
        guard Bool.random(using: &generator) else { continue }
        let mode = LockMode.allCases.randomElement(using: &generator) ?? .share
        let tag = Bool.random(using: &generator) ? orders : lines
        locks.append(waits(pid, mode, tag, since: Int(pid) * 7 % 13))
      }
      let graph = graph(locks)
      for waiter in locks where !waiter.isGranted {
        let pid = waiter.pid ?? 0
        let hard = locks.filter {
          $0.isGranted && $0.tag == waiter.tag && $0.pid != pid
            && $0.mode.conflicts(with: waiter.mode)
        }
        let node = graph.nodes[graph.node(pid: pid) ?? 0]
        let found = node.blockers.filter { $0.strength == .hard }.map {
          graph.nodes[$0.blocker].owner.pid
        }
        #expect(Set(found) == Set(hard.map(\.pid)))
        // A soft blocker waits on the same tag, conflicts, and has nothing that this one holds against it.
        for edge in node.blockers where edge.strength == .soft {
          let ahead = locks.first { !$0.isGranted && $0.pid == graph.nodes[edge.blocker].owner.pid }
          #expect(ahead?.tag == waiter.tag && ahead?.mode.conflicts(with: waiter.mode) == true)
          let mine = locks.filter { $0.isGranted && $0.pid == pid && $0.tag == waiter.tag }
          let jumped = mine.contains { held in
            ahead.map { held.mode.conflicts(with: $0.mode) } ?? false
          }
          let came = (ahead?.waitStart ?? second(0)) < (waiter.waitStart ?? second(0))
          #expect(!(jumped && came))
        }
      }
    }
  }
}
