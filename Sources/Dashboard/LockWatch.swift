import PostgresModel

/// When the server is asked for its locks, and for how much of them.
///
/// While nothing waits only a count is asked for, and a full scan now and then; it is asked more often
/// while something of ours runs, and half as often where an answer cost more than 5 ms.
struct LockWatch: Sendable, Hashable {
  private var askedAt: Instant?
  private var scannedAt: Instant?
  private var isUnderWay = false
  /// Whether the last answer cost so much that half as many are asked for.
  private(set) var isExpensive = false
  private var lastWaiting = 0

  private static let idleScanMicroseconds: Int64 = 5_000_000
  private static let busyMicroseconds: Int64 = 250_000

  /// What is to be asked now; `nil` where nothing is.
  func due(_ facts: Facts, isLookedAt: Bool) -> LockSampling? {
    guard facts.connection.server != nil, !facts.isFrozen, !isUnderWay else { return nil }
    guard let askedAt else { return .full }
    var interval = Int64(facts.intervalMilliseconds) * 1000
    if facts.isRunning, lastWaiting > 0 { interval = min(interval, Self.busyMicroseconds) }
    if isExpensive { interval *= 2 }
    // A tick may come a little early.
    guard facts.now.microseconds(since: askedAt) >= interval - 20_000 else { return nil }
    if lastWaiting > 0 || facts.isRunning || isLookedAt { return .full }
    let age = scannedAt.map { facts.now.microseconds(since: $0) } ?? .max
    return age >= Self.idleScanMicroseconds ? .full : .count
  }

  /// Notes that it is asked, and returns the effect that asks.
  mutating func ask(_ sampling: LockSampling, at now: Instant) -> [Effect] {
    guard !isUnderWay else { return [] }
    isUnderWay = true
    askedAt = now
    if sampling != .count { scannedAt = now }
    return [.sampleLocks(sampling)]
  }

  mutating func answered(_ sample: LockSample) {
    isUnderWay = false
    isExpensive = sample.costMilliseconds > 5
    switch sample.content {
    case .waiting(let count):
      // What the last scan saw waiting has gone, or something new waits: look at once.
      if count != lastWaiting { scannedAt = nil }
      lastWaiting = count
    case .full(let snapshot, _, _, _): lastWaiting = snapshot.waiting
    }
  }

  mutating func failed() { isUnderWay = false }
}
