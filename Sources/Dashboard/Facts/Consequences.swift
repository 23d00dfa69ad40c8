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
      let others = "still waiting for others: " + SessionWords.list(keptByOthers, in: scan)
      words.append(
        words.isEmpty ? "nobody at once; \(others)" : "\(keptByOthers.count) \(others)")
    }
    return words
  }
}
