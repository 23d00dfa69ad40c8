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
  /// - Returns: `nil` for a lock that hardly anybody is in the way of, and for a relation that only the
  ///   catalog could name.
  init?(_ lock: ExpectedLock, _ facts: Facts) {
    guard lock.mode > .rowExclusive, let relation = lock.relation, let scan = facts.locks.live
    else {
      return nil
    }
    let obstacles = scan.obstacles(to: lock.mode, on: relation)
    let granted = obstacles.filter(\.isGranted)
    let inTheWay = granted.isEmpty ? obstacles : granted
    wouldWait = !inTheWay.isEmpty
    if wouldWait {
      let owners = Set(inTheWay.map { scan.owner(of: $0) })
      let oldest = owners.compactMap { Forecast.start(of: $0, scan) }.min()
      let who =
        granted.isEmpty
        ? Words.count(owners.count, "session") + " ahead" : Words.count(owners.count, "holder")
      now = "now: \(who), oldest \(SessionWords.age(oldest, at: scan.snapshot.at))  -> would wait"
    } else {
      now = "now: nobody in the way"
    }
    usually = Forecast.usually(relation, facts)
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
      for effect in part.effects {
        for lock in effect.effect?.locks ?? [] { hasher.combine(Forecast(lock, facts)?.now) }
      }
    }
    return hasher.finalize()
  }
}
