import PostgresModel

/// Who would be freed if one session, or prepared transaction, let go of its locks.
struct Consequences: Sendable, Hashable {
  /// Indices of the nodes that wait for it alone, in the order of their pids.
  var atOnce: [Int] = []
  /// Those that are freed once the others before them in the queue are through.
  var inTurn: [Int] = []
  /// Those that wait for it and would go on waiting, since somebody else keeps them as well.
  var keptByOthers: [Int] = []

  /// All who wait for it, directly or by way of others.
  var victims: [Int] { atOnce + inTurn + keptByOthers }

  /// Follows the graph from a node to everybody behind it.
  init(of node: Int, in graph: WaitGraph) {
    var waiters: [[Int]] = Array(repeating: [], count: graph.nodes.count)
    for index in graph.nodes.indices {
      for edge in graph.nodes[index].blockers { waiters[edge.blocker].append(index) }
    }
    var victims: Set<Int> = []
    var queue = [node]
    while let next = queue.popLast() {
      for waiter in waiters[next] where waiter != node && victims.insert(waiter).inserted {
        queue.append(waiter)
      }
    }
    // Freed are those whose blockers are all gone or freed; a circle among others stays one.
    var remaining = graph.nodes.map(\.blockers.count)
    var freed: Set<Int> = []
    queue = [node]
    while let next = queue.popLast() {
      for waiter in waiters[next] where victims.contains(waiter) {
        remaining[waiter] -= 1
        if remaining[waiter] == 0, freed.insert(waiter).inserted { queue.append(waiter) }
      }
    }
    func sorted(_ nodes: some Sequence<Int>) -> [Int] {
      nodes.sorted { (graph.nodes[$0].owner.pid ?? 0) < (graph.nodes[$1].owner.pid ?? 0) }
    }
    let alone = freed.filter { graph.nodes[$0].blockers.count == 1 && isBehind($0) }
    func isBehind(_ waiter: Int) -> Bool { graph.nodes[waiter].blockers.first?.blocker == node }
    atOnce = sorted(alone)
    inTurn = sorted(freed.subtracting(alone))
    keptByOthers = sorted(victims.subtracting(freed))
  }
}

extension Consequences {
  /// What stands behind `ending it frees`: `3 sessions at once: …; then 2 in turn: …`.
  func words(in scan: LockPicture.Scan) -> [String] {
    var words: [String] = []
    if !atOnce.isEmpty {
      words.append(
        "\(Words.count(atOnce.count, "session")) at once: \(SessionWords.list(atOnce, in: scan))")
    }
    if !inTurn.isEmpty {
      let then = atOnce.isEmpty ? "" : "then "
      words.append(
        "\(then)\(inTurn.count) in turn: \(SessionWords.list(inTurn, in: scan))")
    }
    if !keptByOthers.isEmpty {
      words.append(
        "\(keptByOthers.count) would still wait for others: "
          + SessionWords.list(keptByOthers, in: scan))
    }
    return words
  }
}

extension Facts {
  /// What the selected migration would lock, where it is pending and does not run already.
  var wantedLocks: [QualifiedName: LockMode] {
    guard let selected = selectedMigration, selected.state == .pending else { return [:] }
    if isUnderWay(selected.version) { return [:] }
    return reading(of: selected)?.strongestLocks ?? [:]
  }
}

extension LockPicture.Scan {
  /// The mode in which the relation of a lock is wanted.
  ///
  /// - Parameter wanted: As a script names its relations. One that names no schema means the one that
  ///   `search_path` leads to; which one that is cannot be told here, so that every table of the name
  ///   counts.
  func mode(wanted: [QualifiedName: LockMode], for row: LockRow) -> LockMode? {
    guard row.tag.database == snapshot.database,
      let name = row.tag.relation.flatMap({ names.names[$0] })
    else { return nil }
    return wanted[name] ?? wanted[QualifiedName(name.name)]
  }

  /// Whether a session or prepared transaction holds a lock that would keep somebody from `wanted`.
  func isObstacle(_ owner: LockOwner, to wanted: [QualifiedName: LockMode]) -> Bool {
    guard !wanted.isEmpty else { return false }
    return snapshot.locks.contains { row in
      row.isGranted && row.tag.kind == .relation
        && (mode(wanted: wanted, for: row)?.conflicts(with: row.mode) ?? false)
        && self.owner(of: row) == owner
    }
  }
}
