/// Counts who waits for whom, directly and by way of others: one row of bits for each node.
struct VictimClosure {
  /// How many wait directly for each node.
  private(set) var direct: [Int]
  private let words: Int
  /// Bit `waiter` of row `node` is set where the waiter waits, however indirectly, for the node.
  private var bits: [UInt64]

  /// - Parameter nodes: Their blockers are named once each.
  init(_ nodes: [WaitGraph.Node]) {
    words = (nodes.count + 63) / 64
    direct = Array(repeating: 0, count: nodes.count)
    bits = Array(repeating: 0, count: nodes.count * words)
    for waiter in nodes.indices {
      for edge in nodes[waiter].blockers { direct[edge.blocker] += 1 }
    }
    let (order, hasCircles) = Self.victimsFirst(nodes)
    guard !order.isEmpty else { return }
    // One pass does it, victims before their blockers, unless there are circles.
    var passes = hasCircles ? nodes.count : 1
    while passes > 0, spread(nodes, in: order, looksForGain: hasCircles) { passes -= 1 }
  }

  /// Adds to each blocker its waiters and theirs; answers whether any was new, if it is to look.
  private mutating func spread(_ nodes: [WaitGraph.Node], in order: [Int], looksForGain: Bool)
    -> Bool
  {
    let words = words
    var before = 0
    if looksForGain { before = bits.reduce(0) { $0 + $1.nonzeroBitCount } }
    bits.withUnsafeMutableBufferPointer { buffer in
      guard let bits = buffer.baseAddress else { return }
      for waiter in order {
        let source = bits + waiter * words
        // Most waiters have nobody behind them.
        let hasVictims = direct[waiter] > 0
        for edge in nodes[waiter].blockers {
          let target = bits + edge.blocker * words
          if hasVictims { for word in 0..<words { target[word] |= source[word] } }
          target[waiter / 64] |= 1 << UInt64(waiter % 64)
        }
      }
    }
    return looksForGain && bits.reduce(0) { $0 + $1.nonzeroBitCount } != before
  }

  /// Orders the nodes so that, circles aside, everyone stands after those who wait for it.
  private static func victimsFirst(_ nodes: [WaitGraph.Node]) -> (order: [Int], hasCircles: Bool) {
    var remaining = [Int](repeating: 0, count: nodes.count)
    for node in nodes { for edge in node.blockers { remaining[edge.blocker] += 1 } }
    var order = nodes.indices.filter { remaining[$0] == 0 }
    var isOrdered = [Bool](repeating: false, count: nodes.count)
    var next = 0
    while next < order.count {
      let waiter = order[next]
      next += 1
      isOrdered[waiter] = true
      for edge in nodes[waiter].blockers {
        remaining[edge.blocker] -= 1
        if remaining[edge.blocker] == 0 { order.append(edge.blocker) }
      }
    }
    let circled = nodes.indices.filter { !isOrdered[$0] }
    return (order + circled, !circled.isEmpty)
  }

  /// How many others wait for a node.
  func count(of node: Int) -> Int {
    var count = 0
    for word in 0..<words { count += bits[node * words + word].nonzeroBitCount }
    // In a circle a node waits for itself, and is not its own victim.
    return count - (isInCycle(node) ? 1 : 0)
  }

  func isInCycle(_ node: Int) -> Bool {
    words > 0 && bits[node * words + node / 64] & (1 << UInt64(node % 64)) != 0
  }
}
