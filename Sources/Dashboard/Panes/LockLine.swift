import Canvas
import PostgresModel

/// One session or prepared transaction as the lock pane shows it.
struct LockLine: Sendable, Hashable {
  var owner: LockOwner
  /// How it is kept: `hold` by a lock that is held, `queue` by one asked for before; empty at a root.
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
  var lock: String
  var on: String
  var blocks: String
  var query: String
  var isDeadlock: Bool
  /// Whether it stands in the way of the selected migration.
  var isObstacle = false

  var pid: String { owner.pid.map(String.init) ?? "" }
}

extension LockLine {
  /// The lines of a scan: the tree, or what waits in a row; without waiters, the open transactions.
  static func lines(
    of scan: LockPicture.Scan, form: LockPicture.Form, obstacles: [QualifiedName: LockMode]
  ) -> [LockLine] {
    let graph = scan.graph
    guard !graph.nodes.isEmpty else { return holders(scan, obstacles) }
    var lines: [LockLine] = []
    switch form {
    case .table:
      let waiters = graph.waiters
      let others = graph.nodes.indices.filter { graph.nodes[$0].wait == nil }
      for index in others + waiters { lines.append(line(of: index, scan, depth: 0, continues: [])) }
    case .tree:
      var seen: Set<Int> = []
      // An own stack: a chain of four hundred waiters is no reason to recurse.
      var stack = graph.roots.reversed().map { (node: $0, continues: [Bool]()) }
      while let (index, continues) = stack.popLast() {
        guard seen.insert(index).inserted else { continue }
        lines.append(line(of: index, scan, depth: continues.count, continues: continues))
        let children = graph.nodes[index].children
        for (place, child) in children.enumerated().reversed() {
          stack.append((child, continues + [place < children.count - 1]))
        }
      }
    }
    return lines
  }

  private static func line(
    of index: Int, _ scan: LockPicture.Scan, depth: Int, continues: [Bool]
  ) -> LockLine {
    let node = scan.graph.nodes[index]
    let now = scan.snapshot.at
    let session = node.session
    let isOurs = node.owner.pid.map(scan.ours.contains) ?? false
    let mode = node.wait?.mode ?? node.blocksWith
    let tag = node.wait?.row ?? node.wait?.tag ?? node.blocksOn
    var blocks = node.directVictims > 0 ? "\(node.directVictims)" : ""
    if node.indirectVictims > 0 { blocks += " + \(node.indirectVictims)" }
    var on = tag.map { scan.names.text($0) } ?? ""
    if node.alsoBehind > 0 { on += " also behind \(node.alsoBehind)" }
    return LockLine(
      owner: node.owner,
      edge: node.blockers.first.map { $0.strength == .hard ? "hold" : "queue" } ?? "",
      depth: depth, continues: continues,
      who: who(node.owner, session, node.prepared, isOurs: isOurs),
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
      mode: mode, lock: mode?.sqlName ?? "", on: on, blocks: blocks,
      query: session.map(query) ?? "", isDeadlock: node.isInCycle)
  }

  /// Open transactions that hold locks on tables, those in the way of `obstacles` first, then oldest
  /// first.
  private static func holders(
    _ scan: LockPicture.Scan, _ obstacles: [QualifiedName: LockMode]
  ) -> [LockLine] {
    let now = scan.snapshot.at
    var found: [LockOwner: (line: LockLine, since: Instant)] = [:]
    for row in scan.snapshot.locks where row.tag.kind == .relation && row.isGranted {
      guard let pid = row.pid, let session = scan.snapshot.sessions[pid],
        let start = session.transactionStart, session.database != nil
      else { continue }
      let isHere = row.tag.database == scan.snapshot.database
      let isObstacle =
        isHere && (wanted(row, scan, obstacles)?.conflicts(with: row.mode) ?? false)
      let owner = LockOwner.session(pid: pid)
      if let old = found[owner]?.line {
        let isWorse = isObstacle && !old.isObstacle
        let isStronger = isObstacle == old.isObstacle && (old.mode ?? .accessShare) < row.mode
        guard isWorse || isStronger else { continue }
      }
      let isOurs = scan.ours.contains(pid)
      var line = LockLine(
        owner: owner, edge: "", depth: 0, continues: [],
        who: who(owner, session, nil, isOurs: isOurs), isOurs: isOurs, state: state(session),
        wait: "-",
        transaction: Words.duration(milliseconds: Double(now.microseconds(since: start)) / 1000),
        mode: row.mode, lock: row.mode.sqlName, on: scan.names.text(row.tag), blocks: "",
        query: query(session), isDeadlock: false)
      line.isObstacle = isObstacle
      found[owner] = (line, start)
    }
    return found.values.sorted { a, b in
      if a.line.isObstacle != b.line.isObstacle { return a.line.isObstacle }
      if a.since != b.since { return a.since < b.since }
      return (a.line.owner.pid ?? 0) < (b.line.owner.pid ?? 0)
    }.map(\.line)
  }

  /// The mode in which the relation of a lock is wanted.
  private static func wanted(
    _ row: LockRow, _ scan: LockPicture.Scan, _ obstacles: [QualifiedName: LockMode]
  ) -> LockMode? {
    guard let name = row.tag.relation.flatMap({ scan.names.names[$0] }) else { return nil }
    // A script that names no schema means the one that search_path leads to; which one that is
    // cannot be told here, so that every table of the name counts.
    return obstacles[name] ?? obstacles[QualifiedName(name.name)]
  }

  private static func who(
    _ owner: LockOwner, _ session: LockSession?, _ prepared: PreparedTransaction?, isOurs: Bool
  ) -> String {
    if isOurs { return "YOU" }
    if let prepared { return "prepared \(prepared.gid)" }
    if let application = session?.application, !application.isEmpty { return application }
    return session?.user ?? session?.backendType ?? "unknown"
  }

  private static func state(_ session: LockSession) -> String {
    switch session.state {
    case "idle in transaction": "idle in txn"
    case "idle in transaction (aborted)": "idle, aborted"
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
