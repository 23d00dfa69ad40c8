import MigrationModel
import PostgresModel

/// For whom a migration would wait: the locks that it asks for, and what its concurrent forms wait for.
struct WantedLocks: Sendable, Hashable {
  /// By relation as the script names it: the mode asked for, and those that stand for whom is waited for.
  private(set) var modes: [QualifiedName: Set<LockMode>] = [:]
  /// By index: the mode that stands for whom is waited for on its table.
  private(set) var modesByIndex: [QualifiedName: LockMode] = [:]
  private(set) var isForOlderSnapshots = false

  /// Wants nothing.
  init() {}

  /// What applying a migration wants.
  init(_ reading: MigrationReading) {
    modes = reading.strongestLocks.mapValues { [$0] }
    for effect in reading.up.flatMap(\.effects).compactMap(\.effect) {
      guard let wait = effect.concurrentWait else { continue }
      if wait.isForOlderSnapshots { isForOlderSnapshots = true }
      for lock in effect.locks where wait.isForHolders(of: lock.role) {
        guard let name = lock.relation, let mode = wait.holders else { continue }
        if lock.role == .index {
          modesByIndex[name] = max(modesByIndex[name] ?? mode, mode)
        } else {
          modes[name, default: []].insert(mode)
        }
      }
    }
  }
}

extension Facts {
  /// For whom the selected migration would wait, where it is pending and does not run already.
  var wantedLocks: WantedLocks {
    guard let selected = selectedMigration, selected.state == .pending,
      !isUnderWay(selected.version), let reading = reading(of: selected)
    else { return WantedLocks() }
    return WantedLocks(reading)
  }
}

extension LockPicture.Scan {
  /// Who of this scan would keep a migration waiting.
  struct Obstacles {
    fileprivate let scan: LockPicture.Scan
    fileprivate let wanted: WantedLocks
    fileprivate let modesByTable: [UInt32: LockMode]
    fileprivate let snapshots: Set<Int32>

    /// Whether its owner would be waited for: for this lock, or for a snapshot.
    ///
    /// A name without a schema means the one that `search_path` leads to; which one that is cannot be
    /// told here, so that every table of the name counts.
    func contains(_ row: LockRow) -> Bool {
      if let pid = scan.owner(of: row).pid, snapshots.contains(pid) { return true }
      guard row.tag.kind == .relation, row.tag.database == scan.snapshot.database,
        let oid = row.tag.relation
      else { return false }
      if let mode = modesByTable[oid], mode.conflicts(with: row.mode) { return true }
      guard let name = scan.names.names[oid] else { return false }
      let modes = wanted.modes[name] ?? wanted.modes[QualifiedName(name.name)] ?? []
      return modes.contains { $0.conflicts(with: row.mode) }
    }
  }

  /// Who would keep a migration waiting.
  func obstacles(to wanted: WantedLocks) -> Obstacles {
    var modes: [UInt32: LockMode] = [:]
    for (index, mode) in wanted.modesByIndex {
      for table in tables(ofIndex: index) { modes[table] = max(modes[table] ?? mode, mode) }
    }
    return Obstacles(
      scan: self, wanted: wanted, modesByTable: modes,
      snapshots: wanted.isForOlderSnapshots ? Set(olderSnapshots.map(\.pid)) : [])
  }

  /// Whether a session or prepared transaction would keep a migration waiting.
  func isObstacle(_ owner: LockOwner, to wanted: WantedLocks) -> Bool {
    let obstacles = obstacles(to: wanted)
    return snapshot.locks.contains { row in
      row.isGranted && self.owner(of: row) == owner && obstacles.contains(row)
    }
  }
}
