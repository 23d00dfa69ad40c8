import Canvas
import PostgresModel

/// One session or prepared transaction as the lock pane shows it.
struct LockLine: Sendable, Hashable {
  var owner: LockOwner
  /// How it is kept: `hold` by a lock that is held, `queue` by one asked for before, `snap` by a
  /// transaction without whose end no snapshot is safe; empty at a root.
  var edge: String
  /// How deep it stands below its root.
  var depth: Int
  /// Whether another stands below at the same depth, for each level.
  var continues: [Bool]
  var who: String
  var isOurs: Bool
  var state: String
  var wait: String
  var transaction: String
  var mode: LockMode?
  /// The mode; where no lock is meant, by what else it keeps others waiting.
  var lock: String
  var on: String
  var blocks: String
  var query: String
  var isDeadlock: Bool
  /// Whether it stands in the way of the selected migration.
  var isObstacle = false
  /// Whether the server gave another account of who keeps it waiting.
  var isDifferent = false
  var hasChildren = false
  /// How many stand below it that are folded away.
  var hidden = 0

  /// The cells that branches, pid and name take.
  var whoWidth: Int {
    let marks = (isObstacle ? 2 : 0) + (hidden > 0 ? 6 : 0)
    let branches = depth == 0 ? 0 : min(depth * 2, 20) + pid.utf8.count + 1
    return TextWidth.of(who) + branches + marks
  }

  var pid: String { owner.pid.map(String.init) ?? "" }
  var isWaiting: Bool { wait != "-" }
  /// How long it has waited; how old its transaction is where it does not wait.
  var time: String { isWaiting ? wait : transaction }
  var shortLock: String { mode?.shortName ?? lock }
}

extension LockLine {
  /// The lines of a scan: the tree, or what waits in a row; without waiters, the open transactions.
  static func lines(
    of scan: LockPicture.Scan, form: LockPicture.Form, wanted: WantedLocks,
    folded: Set<LockOwner> = [], differing: Set<Int32> = []
  ) -> [LockLine] {
    let graph = scan.graph
    guard !graph.nodes.isEmpty else { return holders(scan, wanted) }
    var lines: [LockLine] = []
    switch form {
    case .table:
      let waiters = graph.waiters
      let others = graph.nodes.indices.filter { graph.nodes[$0].wait == nil }
      for index in others + waiters { lines.append(line(of: index, scan, depth: 0, continues: [])) }
      mark(&lines, differing)
    case .tree:
      var seen: Set<Int> = []
      // An own stack: a chain of four hundred waiters is no reason to recurse.
      var stack = scan.rootsHereFirst.reversed().map { (node: $0, continues: [Bool]()) }
      while let (index, continues) = stack.popLast() {
        guard seen.insert(index).inserted else { continue }
        lines.append(line(of: index, scan, depth: continues.count, continues: continues))
        let children = graph.nodes[index].children
        if folded.contains(graph.nodes[index].owner), !children.isEmpty {
          lines[lines.count - 1].hidden = hide(below: index, graph, &seen)
          continue
        }
        for (place, child) in children.enumerated().reversed() {
          stack.append((child, continues + [place < children.count - 1]))
        }
      }
      mark(&lines, differing)
    }
    return lines
  }

  private static func mark(_ lines: inout [LockLine], _ differing: Set<Int32>) {
    guard !differing.isEmpty else { return }
    for index in lines.indices {
      lines[index].isDifferent = lines[index].owner.pid.map(differing.contains) ?? false
    }
  }

  /// Counts what stands below a node and takes it for drawn.
  private static func hide(below node: Int, _ graph: WaitGraph, _ seen: inout Set<Int>) -> Int {
    var count = 0
    var stack = graph.nodes[node].children
    while let next = stack.popLast() {
      guard seen.insert(next).inserted else { continue }
      count += 1
      stack += graph.nodes[next].children
    }
    return count
  }

  private static func line(
    of index: Int, _ scan: LockPicture.Scan, depth: Int, continues: [Bool]
  ) -> LockLine {
    let node = scan.graph.nodes[index]
    let now = scan.snapshot.at
    let session = node.session
    let isOurs = node.owner.pid.map(scan.ours.contains) ?? false
    let mode = node.wait.map(\.mode) ?? node.blocksWith
    let tag = node.wait?.row ?? node.wait?.tag ?? node.blocksOn
    var blocks = node.directVictims > 0 ? "\(node.directVictims)" : ""
    if node.indirectVictims > 0 { blocks += " + \(node.indirectVictims)" }
    var on = tag.map { scan.shortText($0, waiter: node.owner.pid) } ?? ""
    if node.alsoBehind > 0 { on += " also behind \(node.alsoBehind)" }
    var line = LockLine(
      owner: node.owner,
      edge: node.blockers.first.map { edge(of: $0.strength) } ?? "",
      depth: depth, continues: continues,
      who: who(node.owner, session, node.prepared, scan),
      isOurs: isOurs,
      state: node.prepared != nil
        ? "prepared" : node.wait != nil ? "waiting" : session.map(state) ?? "unknown",
      wait: node.wait.map { wait in
        wait.since.map { Words.wait(milliseconds: Double(now.microseconds(since: $0)) / 1000) }
          ?? "?"
      } ?? "-",
      transaction: (session?.transactionStart ?? node.prepared?.preparedAt).map {
        Words.duration(milliseconds: Double(now.microseconds(since: $0)) / 1000)
      } ?? "",
      mode: mode, lock: mode?.sqlName ?? reason(of: node), on: on, blocks: blocks,
      query: session.map(query) ?? "", isDeadlock: node.isInCycle)
    line.hasChildren = !node.children.isEmpty
    return line
  }

  /// By what else than a lock a node keeps others waiting: while it may still write, no snapshot beside it
  /// is safe.
  private static func reason(of node: WaitGraph.Node) -> String {
    node.wait == nil && node.blocksOn?.kind == .safeSnapshot ? "serializable" : ""
  }

  private static func edge(of strength: WaitGraph.Strength) -> String {
    switch strength {
    case .hard: "hold"
    case .soft: "queue"
    case .snapshot: "snap"
    }
  }

  /// Open transactions that hold locks on tables, prepared ones too; those in the way of what is
  /// wanted first, then oldest first.
  private static func holders(
    _ scan: LockPicture.Scan, _ wanted: WantedLocks
  ) -> [LockLine] {
    let obstacles = scan.obstacles(to: wanted)
    var found: [LockOwner: Holding] = [:]
    for row in scan.snapshot.locks where row.tag.kind == .relation && row.isGranted {
      let owner = scan.owner(of: row)
      let holding = Holding(
        row: row, isObstacle: obstacles.contains(row), isIndex: scan.names.isIndex(row.tag))
      if let known = found[owner], !known.isLesser(than: holding) { continue }
      found[owner] = holding
    }
    let prepared = Dictionary(
      scan.snapshot.preparedTransactions.map { (LockOwner.prepared(gid: $0.gid), $0) },
      uniquingKeysWith: { first, _ in first })
    let lines = found.compactMap { owner, holding -> (line: LockLine, since: Instant)? in
      let session = owner.pid.flatMap { scan.snapshot.sessions[$0] }
      guard let since = session?.transactionStart ?? prepared[owner]?.preparedAt,
        session == nil || session?.database != nil
      else { return nil }
      return (line(of: owner, session, prepared[owner], holding, since: since, scan), since)
    }
    return lines.sorted { a, b in
      if a.line.isObstacle != b.line.isObstacle { return a.line.isObstacle }
      let (isAway, isOtherAway) = (scan.isElsewhere(a.line.owner), scan.isElsewhere(b.line.owner))
      if isAway != isOtherAway { return isOtherAway }
      if a.since != b.since { return a.since < b.since }
      return (a.line.owner.pid ?? 0) < (b.line.owner.pid ?? 0)
    }.map(\.line)
  }

  /// The lock that an open transaction is shown with.
  private struct Holding {
    var row: LockRow
    var isObstacle: Bool
    var isIndex: Bool

    func isLesser(than other: Holding) -> Bool {
      if isObstacle != other.isObstacle { return other.isObstacle }
      if row.mode != other.row.mode { return row.mode < other.row.mode }
      // The table says more than its index.
      return isIndex && !other.isIndex
    }
  }

  private static func line(
    of owner: LockOwner, _ session: LockSession?, _ prepared: PreparedTransaction?,
    _ holding: Holding, since: Instant, _ scan: LockPicture.Scan
  ) -> LockLine {
    let isOurs = owner.pid.map(scan.ours.contains) ?? false
    var line = LockLine(
      owner: owner, edge: "", depth: 0, continues: [],
      who: who(owner, session, prepared, scan), isOurs: isOurs,
      state: prepared != nil ? "prepared" : session.map(state) ?? "unknown", wait: "-",
      transaction: SessionWords.age(since, at: scan.snapshot.at), mode: holding.row.mode,
      lock: holding.row.mode.sqlName, on: scan.names.place(holding.row.tag), blocks: "",
      query: session.map(query) ?? "", isDeadlock: false)
    line.isObstacle = holding.isObstacle
    return line
  }

  /// The name of a session, with its parallel workers folded in.
  private static func who(
    _ owner: LockOwner, _ session: LockSession?, _ prepared: PreparedTransaction?,
    _ scan: LockPicture.Scan
  ) -> String {
    let name = SessionWords.name(
      owner, session, prepared, isOurs: owner.pid.map(scan.ours.contains) ?? false)
    guard let workers = owner.pid.flatMap({ scan.workers[$0] }) else { return name }
    return name + " +" + Words.count(workers.count, "worker")
  }

  private static func state(_ session: LockSession) -> String {
    switch session.state {
    case "idle in transaction": "idle in txn"
    case "idle in transaction (aborted)": "aborted txn"
    case let state?: state
    case nil: session.backendType ?? "unknown"
    }
  }

  private static func query(_ session: LockSession) -> String {
    guard !session.isHidden, let query = session.query else { return "" }
    // On one line: a statement of many lines would show its line breaks as marks.
    return query.split { $0.isWhitespace || $0.isNewline }.joined(separator: " ")
  }
}
