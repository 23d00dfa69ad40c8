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
    let order = Self.victimsFirst(nodes)
    // One pass does it, victims before their blockers, unless there are circles.
    while spread(nodes, in: order) {}
  }

  /// Adds to each blocker its waiters and theirs; answers whether another pass is wanted.
  private mutating func spread(_ nodes: [WaitGraph.Node], in order: [Int]) -> Bool {
    var isDone = [Bool](repeating: false, count: nodes.count)
    var wantsMore = false
    let words = words
    bits.withUnsafeMutableBufferPointer { bits in
      for waiter in order {
        isDone[waiter] = true
        for edge in nodes[waiter].blockers {
          let target = edge.blocker * words
          let source = waiter * words
          var gained: UInt64 = 0
          for word in 0..<words {
            let new = bits[source + word] & ~bits[target + word]
            bits[target + word] |= new
            gained |= new
          }
          let mask: UInt64 = 1 << UInt64(waiter % 64)
          gained |= mask & ~bits[target + waiter / 64]
          bits[target + waiter / 64] |= mask
          if gained != 0, isDone[edge.blocker] { wantsMore = true }
        }
      }
    }
    return wantsMore
  }

  /// Orders the nodes so that, circles aside, everyone stands after those who wait for it.
  private static func victimsFirst(_ nodes: [WaitGraph.Node]) -> [Int] {
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
    return order + nodes.indices.filter { !isOrdered[$0] }
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
