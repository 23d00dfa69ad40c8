import PostgresModel

/// What the lock monitor has seen since the start: how many waited and for how long, in ever coarser
/// steps, and the last pictures in full.
///
/// Bounded: 3,060 steps of 16 bytes for 24 hours, 200 events, and pictures of 4 MB in all by
/// `LockSnapshot.footprint`; the oldest give way.
public struct LockHistory: Sendable {
  /// How many waited during a step, and the longest wait, in milliseconds.
  struct Step: Sendable, Hashable {
    /// Counted since 1970 in steps of its level; tells whether the place holds this step or an older.
    var number: Int64
    var waiting: Int32
    /// -1 where only a count was asked for and somebody waited.
    var oldestMilliseconds: Int32
  }

  /// A picture of the past.
  struct Kept: Sendable {
    /// By the dashboard's clock.
    var at: Instant
    var snapshot: LockSnapshot
    var ours: Set<Int32>
    var footprint: Int
  }

  /// Something that happened between two looks.
  struct Event: Sendable, Hashable {
    var at: Instant
    var text: String
  }

  /// 15 minutes in seconds, 2 hours in tens of seconds, 24 hours in minutes.
  private var levels = [
    Level(seconds: 1, count: 900), Level(seconds: 10, count: 720), Level(seconds: 60, count: 1440),
  ]
  private(set) var pictures: [Kept] = []
  private(set) var events: [Event] = []
  private var footprint = 0
  private var fingerprint = 0
  private var last: (at: Instant, waiting: Int32, oldest: Int32)?
  /// How many pictures have been dropped, so that a place in the list can be told from its number.
  private(set) var dropped = 0

  static let mostPictures = 1000
  static let mostBytes = 4_000_000
  static let mostEvents = 200

  private struct Level: Sendable {
    var seconds: Int64
    var steps: [Step]

    init(seconds: Int64, count: Int) {
      self.seconds = seconds
      steps = Array(
        repeating: Step(number: -1, waiting: 0, oldestMilliseconds: 0), count: count)
    }

    mutating func note(_ number: Int64, _ waiting: Int32, _ oldest: Int32) {
      let place = Int(number % Int64(steps.count))
      if steps[place].number == number {
        steps[place].waiting = max(steps[place].waiting, waiting)
        steps[place].oldestMilliseconds = max(steps[place].oldestMilliseconds, oldest)
      } else {
        steps[place] = Step(number: number, waiting: waiting, oldestMilliseconds: oldest)
      }
    }

    func step(_ number: Int64) -> Step? {
      guard number >= 0 else { return nil }
      let step = steps[Int(number % Int64(steps.count))]
      return step.number == number ? step : nil
    }

    var span: Int64 { seconds * Int64(steps.count) }
  }

  /// Notes an answer.
  ///
  /// - Parameters:
  ///   - oldest: The longest wait in milliseconds; `nil` where it was not asked for.
  ///   - interval: How long the last answer may stand for what was not asked in between, in
  ///     microseconds; a longer gap stays unknown.
  mutating func note(at: Instant, waiting: Int, oldest: Double?, interval: Int64) {
    let waiting = Int32(clamping: waiting)
    let oldest = oldest.map { Int32(clamping: Int64($0)) } ?? (waiting == 0 ? 0 : -1)
    if let last, at > last.at, at.microseconds(since: last.at) <= max(interval * 5 / 2, 2_500_000) {
      for index in levels.indices {
        let length = levels[index].seconds * 1_000_000
        var number = last.at.microseconds / length + 1
        while number < at.microseconds / length {
          levels[index].note(number, last.waiting, last.oldest)
          number += 1
        }
      }
    }
    for index in levels.indices {
      levels[index].note(
        at.microseconds / (levels[index].seconds * 1_000_000), waiting, oldest)
    }
    last = (at, waiting, oldest)
  }

  /// Keeps a picture unless it is the one kept last, and what happened since the one before.
  mutating func keep(_ scan: LockPicture.Scan, after before: LockPicture.Scan?, at: Instant) {
    for text in LockEvents.between(before, scan) { note(text, at: at) }
    let found = scan.snapshot.fingerprint
    guard pictures.isEmpty || found != fingerprint else { return }
    fingerprint = found
    let bytes = scan.snapshot.footprint
    guard bytes <= Self.mostBytes else { return }
    pictures.append(Kept(at: at, snapshot: scan.snapshot, ours: scan.ours, footprint: bytes))
    footprint += bytes
    var count = 0
    var freed = 0
    while footprint - freed > Self.mostBytes || pictures.count - count > Self.mostPictures {
      freed += pictures[count].footprint
      count += 1
    }
    // In batches: the front of an array is dear to take away.
    guard count > 0 else { return }
    count = min(pictures.count - 1, max(count, pictures.count / 8))
    footprint -= pictures.prefix(count).reduce(0) { $0 + $1.footprint }
    pictures.removeFirst(count)
    dropped += count
  }

  /// Notes something that happened.
  mutating func note(_ text: String, at: Instant) {
    events.append(Event(at: at, text: text))
    if events.count > Self.mostEvents { events.removeFirst(Self.mostEvents / 4) }
  }

  /// A part of the time that is drawn; `nil` where nothing was asked.
  struct Column: Sendable, Hashable {
    var waiting: Int
    /// Milliseconds; `nil` where it is not known.
    var oldest: Int?
  }

  /// Returns the past up to `end` cut into equal columns, the newest last.
  ///
  /// - Parameter seconds: How far back the first one begins.
  func columns(_ count: Int, seconds: Int64, until end: Instant) -> [Column?] {
    guard count > 0, seconds > 0 else { return [] }
    let level = levels.first { $0.span >= seconds } ?? levels[levels.count - 1]
    let length = level.seconds * 1_000_000
    let newest = end.microseconds / length
    let steps = max(1, seconds / level.seconds)
    var columns: [Column?] = Array(repeating: nil, count: count)
    for back in 0..<steps {
      guard let step = level.step(newest - back) else { continue }
      // Less steps than columns stand at the right ends of theirs.
      let place = count - 1 - Int(back * Int64(count) / steps)
      let known = columns[place]
      let oldest = step.oldestMilliseconds < 0 ? nil : Int(step.oldestMilliseconds)
      columns[place] = Column(
        waiting: max(known?.waiting ?? 0, Int(step.waiting)),
        oldest: known?.oldest.map { max($0, oldest ?? 0) } ?? oldest)
    }
    if Int64(count) > steps { stretch(&columns) }
    return columns
  }

  /// Lets each step fill the columns up to the next where there are more columns than steps.
  private func stretch(_ columns: inout [Column?]) {
    let known = columns.indices.filter { columns[$0] != nil }
    guard let width = zip(known, known.dropFirst()).map({ $1 - $0 }).min() else { return }
    for index in known {
      for place in max(0, index - width + 1)..<index where columns[place] == nil {
        columns[place] = columns[index]
      }
    }
  }
}

extension LockSnapshot {
  /// About how many bytes it takes, for the bound of what is kept.
  var footprint: Int {
    var bytes = locks.count * MemoryLayout<LockRow>.stride + 400
    for session in sessions.values {
      bytes += MemoryLayout<LockSession>.stride + 100 + (session.query?.utf8.count ?? 0)
    }
    return bytes + preparedTransactions.count * (MemoryLayout<PreparedTransaction>.stride + 40)
  }

  /// A number that changes when locks, waits or states do, and not with time or the order of rows.
  var fingerprint: Int {
    var sum = 0
    for row in locks {
      var hasher = Hasher()
      hasher.combine(row.tag)
      hasher.combine(row.pid)
      hasher.combine(row.virtualTransaction)
      hasher.combine(row.mode)
      hasher.combine(row.isGranted)
      sum &+= hasher.finalize()
    }
    for session in sessions.values {
      var hasher = Hasher()
      hasher.combine(session.pid)
      hasher.combine(session.state)
      hasher.combine(session.transactionStart)
      sum &+= hasher.finalize()
    }
    return sum
  }
}

/// What happened between two looks at the locks, in words.
enum LockEvents {
  /// A session that does nothing in its transaction is worth a word after this long, in microseconds.
  static let idleMicroseconds: Int64 = 5_000_000

  /// Returns what is new, the gravest first; with nothing before, what stands.
  static func between(_ old: LockPicture.Scan?, _ new: LockPicture.Scan) -> [String] {
    var texts: [String] = []
    let before = old.map { scan in
      Dictionary(
        scan.graph.nodes.map { ($0.owner, $0) }, uniquingKeysWith: { first, _ in first })
    }
    if new.graph.nodes.contains(where: \.isInCycle),
      !(old?.graph.nodes.contains(where: \.isInCycle) ?? false)
    {
      let names = new.graph.nodes.filter(\.isInCycle).prefix(3).map { name($0, new) }
      texts.append("a circle of waiters: \(names.joined(separator: ", "))")
    }
    for root in new.graph.roots.prefix(20) {
      let node = new.graph.nodes[root]
      guard node.directVictims > 0, (before?[node.owner]?.directVictims ?? 0) == 0 else { continue }
      let victims = node.children
      var whom = "\(node.victims)"
      if node.directVictims == 1, let victim = victims.first {
        whom = name(new.graph.nodes[victim], new)
        if node.indirectVictims > 0 { whom += " and \(node.indirectVictims) behind it" }
      }
      texts.append("\(name(node, new)) blocks \(whom)")
    }
    if let old {
      let now = Dictionary(
        new.graph.nodes.map { ($0.owner, $0.directVictims) }, uniquingKeysWith: { a, _ in a })
      for root in old.graph.roots.prefix(20) {
        let node = old.graph.nodes[root]
        guard node.directVictims > 0, (now[node.owner] ?? 0) == 0 else { continue }
        texts.append("\(name(node, old)) lets \(node.victims) go")
      }
    }
    return texts + idle(old, new)
  }

  private static func idle(_ old: LockPicture.Scan?, _ new: LockPicture.Scan) -> [String] {
    var candidates = new.snapshot.sessions.values.filter { session in
      guard let state = session.state, state.hasPrefix("idle in transaction"),
        let since = session.stateChange,
        new.snapshot.at.microseconds(since: since) >= idleMicroseconds,
        !new.ours.contains(session.pid)
      else { return false }
      guard let old, let earlier = old.snapshot.sessions[session.pid],
        earlier.stateChange == since
      else { return true }
      return old.snapshot.at.microseconds(since: since) < idleMicroseconds
    }
    guard !candidates.isEmpty else { return [] }
    let holders = Set(
      new.snapshot.locks.lazy.filter { $0.isGranted && $0.tag.kind == .relation }
        .compactMap(\.pid))
    candidates = candidates.filter { holders.contains($0.pid) }.sorted { $0.pid < $1.pid }
    return candidates.prefix(3).map { session in
      let owner = LockOwner.session(pid: session.pid)
      return "\(SessionWords.name(owner, session)) goes idle in transaction"
    }
  }

  private static func name(_ node: WaitGraph.Node, _ scan: LockPicture.Scan) -> String {
    let isOurs = node.owner.pid.map(scan.ours.contains) ?? false
    if case .prepared(let gid) = node.owner { return gid }
    return SessionWords.name(node.owner, node.session, node.prepared, isOurs: isOurs)
  }
}
