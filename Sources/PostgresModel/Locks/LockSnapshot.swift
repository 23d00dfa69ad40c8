/// Who held and wanted which locks at one moment, as one scan of `pg_locks` saw it.
public struct LockSnapshot: Sendable, Hashable {
  /// By the server's clock.
  public var at: Instant
  /// Oid of the database that was asked from.
  public var database: UInt32
  /// Client backends of the whole server, the monitor's own left out.
  public var backends: Int
  /// `false` before 14: the order of a wait queue is then only guessed from `state_change`.
  public var knowsWaitStart: Bool
  public var locks: [LockRow]
  /// The sessions that hold or want any lock, by pid.
  public var sessions: [Int32: LockSession]
  public var preparedTransactions: [PreparedTransaction]
  /// Sessions that wait for a safe snapshot (`SERIALIZABLE READ ONLY DEFERRABLE`), each with the
  /// serializable transactions that it waits for.
  public var snapshotBlockers: [Int32: [Int32]] = [:]

  public init(
    at: Instant, database: UInt32 = 0, backends: Int = 0, knowsWaitStart: Bool = true,
    locks: [LockRow] = [], sessions: [LockSession] = [],
    preparedTransactions: [PreparedTransaction] = []
  ) {
    self.at = at
    self.database = database
    self.backends = backends
    self.knowsWaitStart = knowsWaitStart
    self.locks = locks
    self.sessions = Dictionary(sessions.map { ($0.pid, $0) }) { first, _ in first }
    self.preparedTransactions = preparedTransactions
  }

  /// The names of the other databases in which locks are held or wanted, from the sessions that do.
  public var otherDatabases: [UInt32: String] {
    var names: [UInt32: String] = [:]
    for row in locks {
      guard let other = row.tag.database, other != 0, other != database, names[other] == nil,
        let name = row.pid.flatMap({ sessions[$0]?.database })
      else { continue }
      names[other] = name
    }
    return names
  }

  /// How many locks and safe snapshots are waited for.
  public var waiting: Int {
    locks.reduce(snapshotBlockers.count) { $0 + ($1.isGranted ? 0 : 1) }
  }

  /// Returns the locks of a session and of its parallel workers, strongest first.
  public func locks(of pid: Int32) -> [LockRow] {
    locks.filter { row in
      row.pid == pid || row.pid.flatMap { sessions[$0]?.leader } == pid
    }.sorted { $0.mode > $1.mode }
  }

  /// Returns the locks, held or waited for, that would keep a session from getting `mode` on a
  /// relation; those that have been held longest come first.
  ///
  /// - Parameters:
  ///   - relation: Its oid in `database`.
  ///   - pid: A session whose own locks are no obstacle.
  public func obstacles(to mode: LockMode, on relation: UInt32, except pid: Int32? = nil)
    -> [LockRow]
  {
    let found = locks.filter { row in
      row.tag.kind == .relation && row.tag.relation == relation
        && (row.tag.database == database || row.tag.database == 0) && mode.conflicts(with: row.mode)
        && (pid == nil || (row.pid != pid && row.pid.flatMap { sessions[$0]?.leader } != pid))
    }
    return found.sorted { a, b in
      if a.isGranted != b.isGranted { return a.isGranted }
      return transactionStart(of: a) < transactionStart(of: b)
    }
  }

  /// Since when the transaction that holds or wants a lock has been open; now where it is not known.
  public func transactionStart(of row: LockRow) -> Instant {
    switch owner(of: row) {
    case .session(let pid): sessions[pid]?.transactionStart ?? at
    case .prepared(let gid):
      preparedTransactions.first { $0.gid == gid }?.preparedAt ?? at
    case .unknown: at
    }
  }

  /// An open transaction that holds a table.
  public struct Holder: Sendable, Hashable {
    public var owner: LockOwner
    public var prepared: PreparedTransaction?
    /// The strongest lock that it holds on a table.
    public var row: LockRow
    /// `nil` where it is hidden from this role.
    public var since: Instant?
  }

  /// Returns the open transactions that hold locks on relations, prepared ones too, oldest first.
  ///
  /// - Parameter names: Of locks in one mode, that on a table is told before that on its index.
  public func openHolders(_ names: RelationNames = RelationNames()) -> [Holder] {
    var found: [LockOwner: Holder] = [:]
    for row in locks where row.tag.kind == .relation && row.isGranted {
      let owner = owner(of: row)
      if let known = found[owner]?.row {
        guard known.mode < row.mode || (known.mode == row.mode && names.isIndex(known.tag)) else {
          continue
        }
      }
      // Work of the server itself holds tables as well, and is nobody's transaction.
      if let pid = owner.pid, sessions[pid]?.database == nil { continue }
      var holder = Holder(owner: owner, row: row)
      switch owner {
      case .session(let pid): holder.since = sessions[pid]?.transactionStart
      case .prepared(let gid):
        holder.prepared = preparedTransactions.first { $0.gid == gid }
        holder.since = holder.prepared?.preparedAt
      case .unknown: break
      }
      found[owner] = holder
    }
    return found.values.sorted { a, b in
      a.since == b.since ? (a.owner.pid ?? 0) < (b.owner.pid ?? 0) : before(a.since, b.since)
    }
  }

  /// Whose lock a row is; that of a parallel worker is its leader's.
  public func owner(of row: LockRow) -> LockOwner {
    if let pid = row.pid { return .session(pid: sessions[pid]?.leader ?? pid) }
    return preparedOwners[row.virtualTransaction] ?? .unknown(row.virtualTransaction)
  }

  /// The prepared transactions by the name their locks bear: the one that also holds the lock on
  /// their transaction's number.
  public var preparedOwners: [VirtualTransaction?: LockOwner] {
    guard !preparedTransactions.isEmpty else { return [:] }
    let gids = Dictionary(preparedTransactions.map { ($0.transactionID, $0.gid) }) { a, _ in a }
    var owners: [VirtualTransaction?: LockOwner] = [:]
    for row in locks where row.pid == nil && row.tag.kind == .transactionID && row.isGranted {
      guard let id = row.tag.transactionID, let gid = gids[id] else { continue }
      owners[row.virtualTransaction] = .prepared(gid: gid)
    }
    return owners
  }
}

/// Who holds or wants a lock.
public enum LockOwner: Sendable, Hashable {
  /// A session with its parallel workers.
  case session(pid: Int32)
  case prepared(gid: String)
  /// A prepared transaction that ended, or began, while the server was being asked.
  case unknown(VirtualTransaction?)

  /// The pid of a session; `nil` for a prepared transaction.
  public var pid: Int32? {
    guard case .session(let pid) = self else { return nil }
    return pid
  }
}

/// One row of `pg_locks`: a lock that is held, or waited for.
public struct LockRow: Sendable, Hashable {
  public var tag: LockTag
  /// Stands for a prepared transaction, which has no pid.
  public var virtualTransaction: VirtualTransaction?
  public var pid: Int32?
  public var mode: LockMode
  public var isGranted: Bool
  /// When the wait began; `nil` for what is granted, before 14, and for an instant after the wait began.
  public var waitStart: Instant?

  public init(
    _ tag: LockTag, pid: Int32?, virtualTransaction: VirtualTransaction? = nil, mode: LockMode,
    isGranted: Bool, waitStart: Instant? = nil
  ) {
    self.tag = tag
    self.pid = pid
    self.virtualTransaction = virtualTransaction
    self.mode = mode
    self.isGranted = isGranted
    self.waitStart = waitStart
  }
}

/// A session as `pg_stat_activity` shows it; what this role may not see is `nil`.
public struct LockSession: Sendable, Hashable {
  public var pid: Int32
  /// The session whose parallel worker this is.
  public var leader: Int32?
  /// Together with the pid, identifies a session.
  public var backendStart: Instant?
  public var transactionStart: Instant?
  public var queryStart: Instant?
  public var stateChange: Instant?
  /// `active`, `idle in transaction`, …
  public var state: String?
  public var waitEventType: String?
  public var waitEvent: String?
  public var user: String?
  public var database: String?
  /// Oid.
  public var databaseID: UInt32?
  public var application: String?
  public var clientAddress: String?
  public var backendType: String?
  /// Since 14, where `compute_query_id` is on.
  public var queryID: Int64?
  /// The statement that runs, or the last one of an idle session; cut by the server.
  public var query: String?
  /// The oldest transaction whose rows the session still needs; `nil` while it has no snapshot, as
  /// between the statements of a `READ COMMITTED` transaction. Seen by every role.
  public var minimumTransactionID: UInt32?

  public init(pid: Int32) { self.pid = pid }

  /// Whether the server hides the text from this role, which `pg_read_all_stats` would mend.
  public var isHidden: Bool { query == "<insufficient privilege>" }

  /// Whether it is somebody's connection, and no work of the server's own. Of other roles' sessions the
  /// type may be hidden, but not whose they are.
  var isClient: Bool {
    guard let backendType else { return user != nil && database != nil }
    return backendType == "client backend"
  }
}

/// A transaction of `PREPARE TRANSACTION`, which holds its locks without a session.
public struct PreparedTransaction: Sendable, Hashable {
  public var gid: String
  public var transactionID: UInt32
  public var preparedAt: Instant
  public var owner: String?
  /// Oid.
  public var database: UInt32?

  public init(
    gid: String, transactionID: UInt32, preparedAt: Instant, owner: String? = nil,
    database: UInt32? = nil
  ) {
    self.gid = gid
    self.transactionID = transactionID
    self.preparedAt = preparedAt
    self.owner = owner
    self.database = database
  }
}
