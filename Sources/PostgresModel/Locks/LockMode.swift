/// The eight table lock modes, weakest first.
///
/// Source: PostgreSQL manual, 13.3 "Explicit Locking", table of conflicting lock modes.
public enum LockMode: Int, Sendable, Hashable, CaseIterable, Comparable {
  case accessShare = 1
  case rowShare, rowExclusive, shareUpdateExclusive, share, shareRowExclusive, exclusive
  case accessExclusive

  public static func < (a: LockMode, b: LockMode) -> Bool { a.rawValue < b.rawValue }

  /// As `pg_locks.mode` spells it: `AccessExclusiveLock`.
  public init?(catalogName: some StringProtocol) {
    // No two names are of the same length: a scan of many locks need not compare them all.
    let mode: LockMode
    switch catalogName.utf8.count {
    case 9: mode = .share
    case 12: mode = .rowShare
    case 13: mode = .exclusive
    case 15: mode = .accessShare
    case 16: mode = .rowExclusive
    case 19: mode = .accessExclusive
    case 21: mode = .shareRowExclusive
    case 24: mode = .shareUpdateExclusive
    default: return nil
    }
    guard catalogName == mode.catalogName else { return nil }
    self = mode
  }

  public var catalogName: String {
    switch self {
    case .accessShare: "AccessShareLock"
    case .rowShare: "RowShareLock"
    case .rowExclusive: "RowExclusiveLock"
    case .shareUpdateExclusive: "ShareUpdateExclusiveLock"
    case .share: "ShareLock"
    case .shareRowExclusive: "ShareRowExclusiveLock"
    case .exclusive: "ExclusiveLock"
    case .accessExclusive: "AccessExclusiveLock"
    }
  }

  /// As the manual and `LOCK TABLE` spell it: `ACCESS EXCLUSIVE`.
  public var sqlName: String {
    switch self {
    case .accessShare: "ACCESS SHARE"
    case .rowShare: "ROW SHARE"
    case .rowExclusive: "ROW EXCLUSIVE"
    case .shareUpdateExclusive: "SHARE UPDATE EXCLUSIVE"
    case .share: "SHARE"
    case .shareRowExclusive: "SHARE ROW EXCLUSIVE"
    case .exclusive: "EXCLUSIVE"
    case .accessExclusive: "ACCESS EXCLUSIVE"
    }
  }

  /// Whether a session that holds this mode keeps another from getting `other`; symmetric.
  public func conflicts(with other: LockMode) -> Bool {
    LockMode.conflicts[rawValue] & (1 << other.rawValue) != 0
  }

  /// A bit for each mode, `1 << rawValue`.
  var mask: Int { 1 << rawValue }
  /// The bits of the modes that conflict with this one.
  var conflictMask: Int { LockMode.conflicts[rawValue] }

  /// Whether a plain `SELECT` must wait for a holder of this mode.
  public var blocksReads: Bool { conflicts(with: .accessShare) }
  /// Whether `INSERT`, `UPDATE` and `DELETE` must wait for a holder of this mode.
  public var blocksWrites: Bool { conflicts(with: .rowExclusive) }

  /// Bit `m` of entry `n` is set where modes `n` and `m` conflict.
  private static let conflicts: [Int] = [
    0,
    1 << 8,
    1 << 7 | 1 << 8,
    1 << 5 | 1 << 6 | 1 << 7 | 1 << 8,
    1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8,
    1 << 3 | 1 << 4 | 1 << 6 | 1 << 7 | 1 << 8,
    1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8,
    1 << 2 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8,
    1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8,
  ]
}
