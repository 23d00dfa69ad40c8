import MigrationModel
import PostgresModel

/// What a statement would meet if it asked for a lock now, in words.
struct Forecast: Sendable, Hashable {
  /// `now: 1 holder, oldest 4m12s  -> would wait`.
  var now: String
  var wouldWait: Bool
  /// `usually 12 sessions a minute use it, seen by 37 of 40 looks`; `nil` for a lock that keeps nobody
  /// out.
  var usually: String?

  /// Looks at the last scan, whatever moment is shown.
  ///
  /// - Parameters:
  ///   - wait: What the statement waits for beside its locks.
  ///   - countsSnapshots: Whether the older snapshots that it waits for are told as well: once a
  ///     statement is enough.
  /// - Returns: `nil` for a lock that hardly anybody is in the way of, and for a relation that only the
  ///   catalog could name, as the table of an index that is not there yet.
  init?(
    _ lock: ExpectedLock, _ wait: ConcurrentWait? = nil, countsSnapshots: Bool = false,
    _ facts: Facts
  ) {
    guard lock.mode > .rowExclusive, let relation = lock.relation, let scan = facts.locks.live
    else {
      return nil
    }
    let obstacles = scan.obstacles(to: lock.mode, on: relation)
    let granted =
      obstacles.filter(\.isGranted) + (wait.map { scan.awaited(by: $0, for: lock) } ?? [])
    let owners = Set((granted.isEmpty ? obstacles : granted).map { scan.owner(of: $0) })
    var who: [String] = []
    if !owners.isEmpty {
      who.append(
        granted.isEmpty
          ? Words.count(owners.count, "session") + " ahead" : Words.count(owners.count, "holder"))
    }
    var snapshots: [LockSession] = []
    if countsSnapshots, wait?.isForOlderSnapshots == true {
      snapshots = scan.olderSnapshots.filter { !owners.contains(.session(pid: $0.pid)) }
      if !snapshots.isEmpty { who.append(Self.count(snapshots)) }
    }
    let starts =
      owners.compactMap { Forecast.start(of: $0, scan) } + snapshots.compactMap(\.transactionStart)
    wouldWait = !who.isEmpty
    // Who uses the table of an index that is not there yet is not known: that is not nobody.
    if !wouldWait, lock.role == .index, wait?.isForHolders(of: .index) == true,
      scan.tables(ofIndex: relation).isEmpty
    {
      return nil
    }
    now = Self.words(who, oldest: starts.min(), scan) ?? "now: nobody in the way"
    usually = Forecast.usually(relation, facts)
  }

  /// Tells of the older snapshots alone, where no lock of the statement can be told of.
  ///
  /// - Returns: `nil` where the statement waits for none, and before the first scan.
  init?(olderSnapshotsFor wait: ConcurrentWait?, _ facts: Facts) {
    guard wait?.isForOlderSnapshots == true, let scan = facts.locks.live else { return nil }
    let snapshots = scan.olderSnapshots
    wouldWait = !snapshots.isEmpty
    let who = wouldWait ? [Self.count(snapshots)] : []
    now =
      Self.words(who, oldest: snapshots.compactMap(\.transactionStart).min(), scan)
      ?? "now: no older snapshot"
  }

  private static func count(_ snapshots: [LockSession]) -> String {
    Words.count(snapshots.count, "older snapshot")
  }

  private static func words(_ who: [String], oldest: Instant?, _ scan: LockPicture.Scan)
    -> String?
  {
    guard !who.isEmpty else { return nil }
    let age = SessionWords.age(oldest, at: scan.snapshot.at)
    return "now: \(who.joined(separator: ", ")), oldest \(age)  -> would wait"
  }

  private static func start(of owner: LockOwner, _ scan: LockPicture.Scan) -> Instant? {
    switch owner {
    case .session(let pid): scan.snapshot.sessions[pid]?.transactionStart
    case .prepared(let gid):
      scan.snapshot.preparedTransactions.first { $0.gid == gid }?.preparedAt
    case .unknown: nil
    }
  }

  /// How many usually use a relation; `nil` before enough is seen.
  static func usually(_ relation: QualifiedName, _ facts: Facts) -> String? {
    facts.locks.usage.usage(of: relation).flatMap(words)
  }

  private static func words(_ usage: RelationUsage.Usage) -> String? {
    // A few looks tell nothing about what is usual.
    guard usage.looks >= 3 else { return nil }
    let looks = "seen by \(usage.seen) of \(usage.looks) looks"
    guard usage.seen > 0 else { return "usually: nobody on it, \(looks)" }
    let number = usage.sessionsPerMinute
    let count = number < 10 ? Words.tenths(number) : "\(Int(number.rounded()))"
    return "usually: \(count) sessions a minute on it, \(looks)"
  }

  /// A number that changes when what is said of the selected migration would.
  static func fingerprint(_ facts: Facts) -> Int {
    var hasher = Hasher()
    hasher.combine(facts.tables.number)
    // What is usual changes slowly; telling it anew with each look would write all lines anew.
    hasher.combine(facts.locks.usage.looks / 10)
    hasher.combine(facts.locks.usage.looks < 3)
    guard let selected = facts.selectedMigration, selected.state == .pending,
      !facts.isUnderWay(selected.version), let reading = facts.reading(of: selected)
    else { return hasher.finalize() }
    for part in reading.up + reading.down {
      for effect in part.effects.compactMap(\.effect) {
        let wait = effect.concurrentWait
        for lock in effect.locks { hasher.combine(Forecast(lock, wait, facts)?.now) }
        hasher.combine(Forecast(olderSnapshotsFor: wait, facts)?.now)
      }
    }
    return hasher.finalize()
  }
}
