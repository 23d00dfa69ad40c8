/// What a concurrent form waits for beside the locks that it asks for.
///
/// It asks for locks that let others work, and pays for it by waiting in the midst of its work for
/// transactions to end: those that use the table, and those whose snapshots are older than its work.
/// Whoever begins meanwhile need not wait for it, but for `DETACH PARTITION`, which at the end asks for
/// the partition alone. `REFRESH MATERIALIZED VIEW CONCURRENTLY` waits for nothing but its lock.
/// Source: PostgreSQL 15, `DefineIndex`, `ReindexRelationConcurrently`, `index_drop`,
/// `ATExecDetachPartition` and `ATExecDetachPartitionFinalize` with their calls of `WaitForLockers` and
/// `WaitForOlderSnapshots`; held by a test against a server, form by form.
public enum ConcurrentWait: Sendable, Hashable, CaseIterable {
  /// `CREATE INDEX CONCURRENTLY`.
  case indexBuild
  /// `REINDEX … CONCURRENTLY`.
  case indexRebuilding
  /// `DROP INDEX CONCURRENTLY`.
  case indexRemoval
  /// `ALTER TABLE … DETACH PARTITION … CONCURRENTLY`.
  case partitionDetachment
  /// `ALTER TABLE … DETACH PARTITION … FINALIZE`.
  case detachFinalization

  /// Whether it waits for every transaction of the database whose snapshot is older, whatever tables
  /// that has used.
  public var isForOlderSnapshots: Bool {
    switch self {
    case .indexBuild, .indexRebuilding, .detachFinalization: true
    case .indexRemoval, .partitionDetachment: false
    }
  }

  /// The mode that stands for whom it waits for on the table, though it never asks for it: every holder
  /// of a lock that conflicts with this; `nil` where it waits for no holder.
  public var holders: LockMode? {
    switch self {
    // Writers may not see the new index yet.
    case .indexBuild: .share
    // Readers may still use the old one.
    case .indexRebuilding, .indexRemoval, .partitionDetachment: .accessExclusive
    case .detachFinalization: nil
    }
  }

  /// Whether the holders on what has this role to the statement are waited for; those of an index are
  /// those of its table.
  public func isForHolders(of role: ExpectedLock.Role) -> Bool {
    guard holders != nil else { return false }
    switch role {
    case .target, .index: return true
    // A partition that is detached is locked as any other table.
    case .partition: return self != .partitionDetachment
    default: return false
    }
  }

  /// What it waits for, in words.
  public var line: String {
    isForOlderSnapshots
      ? "waits for older transactions to end"
      : "waits for all transactions that use the table to end"
  }
}
