extension WaitGraph {
  /// Draws the graph of a snapshot.
  ///
  /// - Parameters:
  ///   - verified: What the server itself answered to `LockQueries.blockers`, by waiter; it replaces
  ///     what was concluded for the waiters it names. An empty answer is of one that waits no more.
  ///   - building: The indexes being built: they name whom a virtual transaction belongs to where the
  ///     scan does not.
  public init(
    _ snapshot: LockSnapshot, verified: [Int32: [Int32]] = [:],
    building: [LockQueries.IndexProgress] = []
  ) {
    var builder = WaitGraphBuilder(snapshot)
    builder.findEdges()
    builder.findSnapshotWaits()
    builder.apply(building)
    builder.apply(verified)
    builder.orderBlockers()
    let closure = VictimClosure(builder.nodes)
    builder.countVictims(closure)
    builder.placeChildren()
    nodes = builder.nodes
    roots = builder.roots()
    doubtful = builder.doubtful
    if nodes.contains(where: \.isInCycle) {
      certainty = .cycle
    } else if !doubtful.isSubset(of: verified.keys) {
      certainty = .orderUnknown
    } else {
      certainty = verified.isEmpty ? .certain : .verified
    }
  }
}

/// Builds the nodes and edges, step by step as `lock-monitor` numbers them: the whole tag, the group,
/// holders, the queue, prepared transactions, one place for each.
private struct WaitGraphBuilder {
  private let snapshot: LockSnapshot
  private let preparedOwners: [VirtualTransaction?: LockOwner]
  private var indices: [LockOwner: Int] = [:]
  /// For which waiter a node was last named as a blocker.
  private var stamps: [Int] = []
  private var stamp = 0
  private var isNoted: [Bool] = []
  private var waitsTwice: Set<Int> = []
  private(set) var doubtful: Set<Int32> = []
  var nodes: [WaitGraph.Node] = []

  init(_ snapshot: LockSnapshot) {
    self.snapshot = snapshot
    preparedOwners = snapshot.preparedOwners
  }

  /// A lock, held or wanted, of a tag that is waited for.
  private struct Claim {
    var node: Int
    var mode: LockMode
    /// Modes conflicting with `mode`, bit `rawValue` each.
    var conflicts: Int
    var isGranted: Bool
    var since: Instant?
    var pid: Int32
  }

  mutating func findEdges() {
    var queues: [LockTag: Int] = [:]
    var claims: [[Claim]] = []
    var tags: [LockTag] = []
    for row in snapshot.locks where !row.isGranted && queues[row.tag] == nil {
      queues[row.tag] = claims.count
      claims.append([])
      tags.append(row.tag)
    }
    guard !claims.isEmpty else { return }
    for row in snapshot.locks {
      guard let queue = queues[row.tag] else { continue }
      let session = row.pid.flatMap { snapshot.sessions[$0] }
      claims[queue].append(
        Claim(
          node: index(of: owner(of: row, session)), mode: row.mode,
          conflicts: row.mode.conflictMask, isGranted: row.isGranted,
          since: row.isGranted ? nil : waitStart(row, session), pid: row.pid ?? 0))
    }
    for (tag, claims) in zip(tags, claims) { connect(claims, on: tag) }
    nameWaitedForRows()
  }

  /// Hangs those who wait for a safe snapshot under the transactions that keep it from being one.
  ///
  /// Source: PostgreSQL manual, `pg_safe_snapshot_blocking_pids`; `GetSafeSnapshot` in `predicate.c`.
  mutating func findSnapshotWaits() {
    let tag = LockTag(.safeSnapshot)
    for (pid, blockers) in snapshot.snapshotBlockers.sorted(by: { $0.key < $1.key }) {
      let waiter = index(of: .session(pid: pid))
      guard nodes[waiter].wait == nil else { continue }
      // The server does not tell since when; the statement that wants the snapshot waits from its start.
      nodes[waiter].wait = WaitGraph.Wait(
        tag: tag, mode: nil, since: snapshot.sessions[pid]?.queryStart, row: nil)
      for blocker in Set(blockers.map { snapshot.sessions[$0]?.leader ?? $0 }).sorted() {
        let node = index(of: .session(pid: blocker))
        nodes[waiter].blockers.append(
          WaitGraph.Edge(blocker: node, strength: .snapshot, mode: nil))
        if nodes[node].blocksOn == nil { nodes[node].blocksOn = tag }
      }
    }
  }

  private func owner(of row: LockRow, _ session: LockSession?) -> LockOwner {
    if let pid = row.pid { return .session(pid: session?.leader ?? pid) }
    return preparedOwners[row.virtualTransaction] ?? .unknown(row.virtualTransaction)
  }

  /// Before 14 the change to `active` stands in for the start of the wait, which came later.
  private func waitStart(_ row: LockRow, _ session: LockSession?) -> Instant? {
    snapshot.knowsWaitStart ? row.waitStart : session?.stateChange
  }

  private mutating func index(of owner: LockOwner) -> Int {
    if let index = indices[owner] { return index }
    let index = nodes.count
    indices[owner] = index
    var node = WaitGraph.Node(
      owner: owner, session: nil, prepared: nil, wait: nil, blockers: [], blocksWith: nil,
      blocksOn: nil, directVictims: 0, indirectVictims: 0, isInCycle: false, children: [])
    switch owner {
    case .session(let pid): node.session = snapshot.sessions[pid]
    case .prepared(let gid):
      node.prepared = snapshot.preparedTransactions.first { $0.gid == gid }
    case .unknown: break
    }
    nodes.append(node)
    stamps.append(0)
    isNoted.append(false)
    return index
  }

  private mutating func connect(_ claims: [Claim], on tag: LockTag) {
    let holders = claims.filter(\.isGranted)
    // What each group holds on this tag: it decides who jumps the queue.
    var held: [Int: Int] = [:]
    for holder in holders { held[holder.node, default: 0] |= holder.mode.mask }
    let queue = queue(of: claims.filter { !$0.isGranted }, held: held)
    noteDoubts(about: queue, held: held)
    for (place, waiter) in queue.enumerated() {
      var edges = nodes[waiter.node].blockers
      edges.reserveCapacity(holders.count + place)
      collect(holders[...], for: waiter, .hard, on: tag, into: &edges)
      collect(queue[..<place], for: waiter, .soft, on: tag, into: &edges)
      // A group of parallel workers may wait for several tags.
      if nodes[waiter.node].wait != nil { waitsTwice.insert(waiter.node) }
      nodes[waiter.node].blockers = edges
      if nodes[waiter.node].wait == nil || before(waiter.since, nodes[waiter.node].wait?.since) {
        nodes[waiter.node].wait = WaitGraph.Wait(
          tag: tag, mode: waiter.mode, since: waiter.since, row: nil)
      }
    }
  }

  private mutating func collect(
    _ claims: ArraySlice<Claim>, for waiter: Claim, _ strength: WaitGraph.Strength,
    on tag: LockTag, into edges: inout [WaitGraph.Edge]
  ) {
    // Who blocks in two ways is named by the harder, which is collected first.
    if strength == .hard { stamp &+= 1 }
    for claim in claims where waiter.conflicts & claim.mode.mask != 0 {
      guard claim.node != waiter.node, stamps[claim.node] != stamp else { continue }
      stamps[claim.node] = stamp
      edges.append(WaitGraph.Edge(blocker: claim.node, strength: strength, mode: claim.mode))
      if !isNoted[claim.node] || claim.isGranted { noteBlocking(claim, on: tag) }
    }
  }

  /// Puts the waiters in the order in which the server will serve them: as they came, but one that
  /// already holds what an earlier one waits for goes in front of that one (`ProcSleep`).
  private func queue(of waiters: [Claim], held: [Int: Int]) -> [Claim] {
    let arrived = waiters.sorted { a, b in
      a.since == b.since ? a.pid < b.pid : before(a.since, b.since)
    }
    guard arrived.contains(where: { held[$0.node] != nil }) else { return arrived }
    var queue: [Claim] = []
    for waiter in arrived {
      let holds = held[waiter.node] ?? 0
      let place = queue.firstIndex { $0.node != waiter.node && $0.conflicts & holds != 0 }
      queue.insert(waiter, at: place ?? queue.endIndex)
    }
    return queue
  }

  /// Notes who stands where he stands only because nothing tells otherwise.
  private mutating func noteDoubts(about queue: [Claim], held: [Int: Int]) {
    for (place, waiter) in queue.enumerated().dropFirst() {
      // Who holds nothing here went to the end of the queue. Who does may have gone in front of one that
      // has left the queue since, and so of those that stood behind that one.
      let isAnywhere = held[waiter.node] != nil || !snapshot.knowsWaitStart
      guard isAnywhere || queue[place - 1].since == waiter.since else { continue }
      for other in queue[..<place] where waiter.conflicts & other.mode.mask != 0 {
        guard other.node != waiter.node, isAnywhere || other.since == waiter.since else { continue }
        doubtful.formUnion([waiter, other].compactMap { nodes[$0.node].owner.pid })
      }
    }
  }

  private mutating func noteBlocking(_ claim: Claim, on tag: LockTag) {
    isNoted[claim.node] = true
    guard claim.isGranted || nodes[claim.node].blocksWith == nil else { return }
    if let mode = nodes[claim.node].blocksWith, mode >= claim.mode { return }
    nodes[claim.node].blocksWith = claim.mode
    nodes[claim.node].blocksOn = tag
  }

  /// Who waits for another's row waits for that one's transaction, and holds the row's own lock.
  private mutating func nameWaitedForRows() {
    for row in snapshot.locks where row.tag.kind == .tuple && row.isGranted {
      guard let pid = row.pid,
        let index = indices[.session(pid: snapshot.sessions[pid]?.leader ?? pid)],
        nodes[index].wait?.tag.kind == .transactionID
      else { continue }
      nodes[index].wait?.row = row.tag
    }
  }

  /// Names the session that the building of an index waits for, where the scan has not seen it.
  mutating func apply(_ building: [LockQueries.IndexProgress]) {
    for progress in building {
      guard let locker = progress.currentLocker, let waiter = indices[.session(pid: progress.pid)],
        nodes[waiter].wait?.tag.kind == .virtualTransaction, nodes[waiter].blockers.isEmpty
      else { continue }
      let owner = index(of: .session(pid: snapshot.sessions[locker]?.leader ?? locker))
      guard owner != waiter else { continue }
      nodes[waiter].blockers = [WaitGraph.Edge(blocker: owner, strength: .hard, mode: .exclusive)]
    }
  }

  mutating func apply(_ verified: [Int32: [Int32]]) {
    guard !verified.isEmpty else { return }
    let contended = contendedLocks
    for (pid, blockers) in verified where !blockers.isEmpty {
      guard let waiter = indices[.session(pid: pid)], let wait = nodes[waiter].wait else {
        continue
      }
      let concluded = nodes[waiter].blockers
      let waits = contended[pid]?.filter { !$0.isGranted } ?? []
      var edges = Set<Int32>(blockers).compactMap { blocker -> WaitGraph.Edge? in
        // 0 stands for any prepared transaction: what was concluded about those is kept.
        guard blocker != 0, blocker != pid else { return nil }
        let leader = snapshot.sessions[blocker]?.leader ?? blocker
        let node = index(of: .session(pid: leader))
        if let known = concluded.first(where: { $0.blocker == node }) { return known }
        guard wait.mode != nil else {
          return WaitGraph.Edge(blocker: node, strength: .snapshot, mode: nil)
        }
        // What it holds there, else what it asks for; it came since, where the scan knows neither.
        let rows = contended[leader]?.filter { row in
          waits.contains { $0.tag == row.tag && $0.mode.conflicts(with: row.mode) }
        }
        let row = rows?.first(where: \.isGranted) ?? rows?.first
        return WaitGraph.Edge(
          blocker: node, strength: row?.isGranted == true ? .hard : .soft,
          mode: row?.mode ?? wait.mode)
      }
      if blockers.contains(0) {
        edges += concluded.filter { nodes[$0.blocker].owner.pid == nil }
      }
      nodes[waiter].blockers = edges
      waitsTwice.insert(waiter)
    }
  }

  /// The locks on what is waited for, by the pid of the session or of its leader.
  private var contendedLocks: [Int32: [LockRow]] {
    let tags = Set(snapshot.locks.filter { !$0.isGranted }.map(\.tag))
    var locks: [Int32: [LockRow]] = [:]
    for row in snapshot.locks where tags.contains(row.tag) {
      guard let pid = row.pid else { continue }
      locks[snapshot.sessions[pid]?.leader ?? pid, default: []].append(row)
    }
    return locks
  }

  /// Puts the hardest, oldest blocker first and names each blocker once.
  mutating func orderBlockers() {
    for index in waitsTwice {
      var seen: Set<Int> = []
      let edges = nodes[index].blockers
      let hardFirst = [WaitGraph.Strength.hard, .soft, .snapshot].flatMap { strength in
        edges.filter { $0.strength == strength }
      }
      nodes[index].blockers = hardFirst.filter { seen.insert($0.blocker).inserted }
    }
    let ages = nodes.map { age(of: $0) }
    for index in nodes.indices where nodes[index].blockers.count > 1 {
      let edges = nodes[index].blockers
      var first = 0
      for place in edges.indices.dropFirst() where edges[place].strength <= edges[first].strength {
        let (a, b) = (edges[place], edges[first])
        let isOlder =
          ages[a.blocker] == ages[b.blocker]
          ? a.blocker < b.blocker : ages[a.blocker] < ages[b.blocker]
        if a.strength < b.strength || isOlder { first = place }
      }
      if first != 0 { nodes[index].blockers.swapAt(0, first) }
    }
  }

  /// Since when a node has been in the way, in microseconds.
  private func age(of node: WaitGraph.Node) -> Int64 {
    if let prepared = node.prepared { return prepared.preparedAt.microseconds }
    let known = node.session?.transactionStart ?? node.wait?.since
    return known?.microseconds ?? .max
  }

  mutating func countVictims(_ closure: VictimClosure) {
    for index in nodes.indices {
      nodes[index].directVictims = closure.direct[index]
      nodes[index].indirectVictims = closure.count(of: index) - closure.direct[index]
      nodes[index].isInCycle = closure.isInCycle(index)
    }
  }

  /// Hangs each waiter under its first blocker, except where that would close a circle.
  mutating func placeChildren() {
    var parent = nodes.map { $0.blockers.first?.blocker }
    for start in nodes.indices where nodes[start].isInCycle {
      var members: [Int] = []
      var here: Int? = start
      while let node = here, !members.contains(node) {
        members.append(node)
        here = parent[node]
      }
      // The walk came back to where it began: who has waited longest is drawn first.
      guard here == start else { continue }
      let first = members.min { before(nodes[$0].wait?.since, nodes[$1].wait?.since) }
      if let first { parent[first] = nil }
    }
    for index in nodes.indices {
      if let parent = parent[index] { nodes[parent].children.append(index) }
      isPlaced.append(parent[index] != nil)
    }
    for index in nodes.indices where nodes[index].children.count > 1 {
      let starts = nodes[index].children.map { (nodes[$0].wait?.since?.microseconds ?? .max, $0) }
      nodes[index].children = starts.sorted { $0 < $1 }.map(\.1)
    }
  }

  private var isPlaced: [Bool] = []

  func roots() -> [Int] {
    let ages = nodes.map { age(of: $0) }
    return nodes.indices.filter {
      !isPlaced[$0] && (nodes[$0].victims > 0 || nodes[$0].wait != nil)
    }.sorted { a, b in
      if nodes[a].victims != nodes[b].victims { return nodes[a].victims > nodes[b].victims }
      return (ages[a], a) < (ages[b], b)
    }
  }
}
