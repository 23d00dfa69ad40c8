/// The questions of the lock monitor.
///
/// None of them casts to `regclass` or reads `pg_class` while locks are sampled: that would wait where
/// the catalog itself is locked.
public enum LockQueries {
  /// How many locks and safe snapshots are waited for; cheap enough to ask every second.
  ///
  /// - Parameter seesOthers: Whether the role may see what other roles' sessions wait for. Then the
  ///   lock table, all of which the server would have to go through, is left alone; to other roles it
  ///   would seem there that nobody waits.
  public static func waiting(seesOthers: Bool) -> Query<Int> {
    let text =
      seesOthers
      ? "select count(*) from pg_stat_get_activity(null)"
        + " where wait_event_type = 'Lock' or wait_event = 'SafeSnapshot'"
      : "select count(*) from pg_locks where not granted and pid is distinct from pg_backend_pid()"
    return Query(text) { (row) throws(ResultRow.Mismatch) in Int(try row.integer(0)) }
  }

  /// Whether this role may see what other roles' sessions run and wait for.
  public static let seesOthers = Query<Bool>("select pg_has_role('pg_read_all_stats', 'usage')") {
    (row) throws(ResultRow.Mismatch) in try row.bool(0)
  }

  /// A row of `scan`.
  public enum ScanRow: Sendable, Hashable {
    case server(at: Instant, database: UInt32, knowsWaitStart: Bool)
    case lock(LockRow)
    case session(LockSession)
    case prepared(PreparedTransaction)
    /// A lock in a mode that blocks nobody (`SIReadLock` of extensions to come).
    case ignored
  }

  /// Every lock and every session in one scan of each view; the monitor itself is left out.
  ///
  /// They are sent as one message, and `LockSnapshot.init(_:)` puts the rows together. One statement for
  /// all of it, joined or united, costs the server twice as much with some thousands of locks.
  ///
  /// - Parameter serverVersion: As `server_version_num`: 150018.
  public static func scan(serverVersion: Int) -> [Query<ScanRow>] {
    let since14 = serverVersion >= 140000
    // Of thousands of rows each column counts.
    let lock = [
      "locktype", "database", "relation", "page", "tuple", "virtualxid", "transactionid", "classid",
      "objid", "objsubid", "case when pid is null then virtualtransaction end", "pid", "mode",
      "granted", since14 ? Instant.sql("waitstart") : "null::bigint",
    ]
    let session = [
      "pid", "leader_pid", Instant.sql("backend_start"), Instant.sql("xact_start"),
      Instant.sql("query_start"), Instant.sql("state_change"), "state", "wait_event_type",
      "wait_event", "usename", "datname", "application_name", "host(client_addr)", "backend_type",
      since14 ? "query_id" : "null::bigint", "left(query, 4096)", "backend_xmin",
      "datid",
    ]
    let server = [
      Instant.sql("clock_timestamp()"),
      "(select oid from pg_database where datname = current_database())", since14 ? "1" : "0",
    ]
    let prepared = [
      "gid", "transaction", Instant.sql("prepared"), "pg_get_userbyid(ownerid)", "dbid",
    ]
    return [
      Query(
        """
        select \(lock.joined(separator: ", ")) from pg_locks
        where pid is distinct from pg_backend_pid() and mode <> 'SIReadLock'
        """
      ) { (row) throws(ResultRow.Mismatch) in try lockRow(row) },
      Query(
        """
        select \(session.joined(separator: ", ")) from pg_stat_activity
        where pid <> pg_backend_pid()
        """
      ) { (row) throws(ResultRow.Mismatch) in .session(try lockSession(row)) },
      Query("select \(server.joined(separator: ", "))") { (row) throws(ResultRow.Mismatch) in
        .server(
          at: try moment(row, 0), database: try number(row, 1) ?? 0,
          knowsWaitStart: try row.integer(2) == 1)
      },
      Query("select \(prepared.joined(separator: ", ")) from pg_prepared_xact()") {
        (row) throws(ResultRow.Mismatch) in
        .prepared(
          PreparedTransaction(
            gid: try row.string(0), transactionID: try number(row, 1) ?? 0,
            preparedAt: try moment(row, 2), owner: row.optionalString(3),
            database: try number(row, 4)))
      },
    ]
  }

  /// What a relation is called.
  public struct RelationName: Sendable, Hashable {
    /// Oid.
    public var relation: UInt32
    public var name: QualifiedName
    /// Oid of the table where it is an index.
    public var table: UInt32?
  }

  /// The names of all relations of the database.
  public static let relationNames = names(where: "true", [])

  /// The names of some relations.
  public static func relationNames(of relations: [UInt32]) -> Query<RelationName> {
    names(where: "c.oid = any ($1::oid[])", [arrayText(relations)])
  }

  private static func names(
    where condition: String, _ parameters: [String?]
  ) -> Query<RelationName> {
    Query(
      """
      select c.oid, n.nspname, c.relname, i.indrelid from pg_catalog.pg_class c
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      left join pg_catalog.pg_index i on i.indexrelid = c.oid where \(condition)
      """, parameters
    ) { (row) throws(ResultRow.Mismatch) in
      RelationName(
        relation: UInt32(truncatingIfNeeded: try row.integer(0)),
        name: QualifiedName(schema: try row.string(1), try row.string(2)),
        table: try number(row, 3))
    }
  }

  /// Who keeps each of these sessions from its lock, by the server's own account.
  ///
  /// Costs the server as much as a scan for each pid: only for the waiters, and when asked for.
  /// Pid 0 is a prepared transaction. Includes what a `SERIALIZABLE DEFERRABLE` transaction waits for.
  public static func blockers(of waiters: [Int32]) -> Query<(waiter: Int32, blocker: Int32)> {
    pairs("pg_blocking_pids(w) || pg_safe_snapshot_blocking_pids(w)", of: waiters)
  }

  /// Which serializable transactions keep each of these sessions from a safe snapshot.
  ///
  /// They stand in no lock table: only for sessions that are seen to wait so.
  public static func snapshotBlockers(
    of waiters: [Int32]
  ) -> Query<(waiter: Int32, blocker: Int32)> {
    pairs("pg_safe_snapshot_blocking_pids(w)", of: waiters)
  }

  private static func pairs(
    _ expression: String, of waiters: [Int32]
  ) -> Query<(waiter: Int32, blocker: Int32)> {
    Query(
      "select distinct w, b from unnest($1::int[]) w, unnest(\(expression)) b",
      [arrayText(waiters)]
    ) { (row) throws(ResultRow.Mismatch) in
      (
        waiter: Int32(truncatingIfNeeded: try row.integer(0)),
        blocker: Int32(truncatingIfNeeded: try row.integer(1))
      )
    }
  }

  /// How far the building of an index has come.
  public struct IndexProgress: Sendable, Hashable {
    public var pid: Int32
    /// Oid of the table.
    public var relation: UInt32
    /// In the server's words: `building index: scanning table`, `waiting for old snapshots`.
    public var phase: String
    /// Sessions that are waited for, those already waited for, and the one at present.
    public var lockers: Int64
    public var lockersDone: Int64
    public var currentLocker: Int32?
    /// Blocks of the table; 0 where the phase has none.
    public var blocks: Int64
    public var blocksDone: Int64

    public init(
      pid: Int32, relation: UInt32, phase: String, lockers: Int64 = 0, lockersDone: Int64 = 0,
      currentLocker: Int32? = nil, blocks: Int64 = 0, blocksDone: Int64 = 0
    ) {
      self.pid = pid
      self.relation = relation
      self.phase = phase
      self.lockers = lockers
      self.lockersDone = lockersDone
      self.currentLocker = currentLocker
      self.blocks = blocks
      self.blocksDone = blocksDone
    }
  }

  /// The indexes being built in this database; names the session that `CREATE INDEX CONCURRENTLY`
  /// waits for, which the lock table gives only as a virtual transaction.
  public static let indexProgress = Query<IndexProgress>(
    """
    select pid, relid, phase, coalesce(lockers_total, 0), coalesce(lockers_done, 0),
      nullif(current_locker_pid, 0), coalesce(blocks_total, 0), coalesce(blocks_done, 0)
    from pg_stat_progress_create_index
    where datid = (select oid from pg_database where datname = current_database())
    """
  ) { (row) throws(ResultRow.Mismatch) in
    IndexProgress(
      pid: Int32(truncatingIfNeeded: try row.integer(0)), relation: try number(row, 1) ?? 0,
      phase: row.optionalString(2) ?? "", lockers: try row.integer(3),
      lockersDone: try row.integer(4),
      currentLocker: try row.optionalInteger(5).map { Int32(truncatingIfNeeded: $0) },
      blocks: try row.integer(6), blocksDone: try row.integer(7))
  }

  /// Cancels what a session runs, if it still is the session that was seen, in the transaction that was
  /// seen; `false`, or no row, means that nothing was done.
  public static func cancel(_ session: LockSession) -> Query<Bool> {
    signal("pg_cancel_backend", session)
  }

  /// Ends a session, if it still is the one that was seen; as `cancel(_:)`.
  public static func terminate(_ session: LockSession) -> Query<Bool> {
    signal("pg_terminate_backend", session)
  }

  /// A pid may be given to another session at any time; with the start of the session it is its own,
  /// and with the start of its transaction what it does is what was seen.
  ///
  /// Asks the function below `pg_stat_activity`, which reads no catalog that might be locked.
  private static func signal(_ function: String, _ session: LockSession) -> Query<Bool> {
    Query(
      """
      select \(function)(pid) from pg_stat_get_activity($1::int)
      where \(Instant.sql("backend_start")) = $2::bigint
        and \(Instant.sql("xact_start")) is not distinct from $3::bigint
      """,
      [
        "\(session.pid)", session.backendStart.map { "\($0.microseconds)" },
        session.transactionStart.map { "\($0.microseconds)" },
      ]
    ) { (row) throws(ResultRow.Mismatch) in try row.bool(0) }
  }

  private static func arrayText(_ numbers: [some BinaryInteger]) -> String {
    "{" + numbers.map { "\($0)" }.joined(separator: ",") + "}"
  }
}

// MARK: Reading the rows

private func number(_ row: ResultRow, _ column: Int) throws(ResultRow.Mismatch) -> UInt32? {
  try row.optionalInteger(column).map { UInt32(truncatingIfNeeded: $0) }
}

private func moment(_ row: ResultRow, _ column: Int) throws(ResultRow.Mismatch) -> Instant {
  guard let moment = try row.optionalInstant(column) else {
    throw ResultRow.Mismatch(column: column, expected: "time", found: nil)
  }
  return moment
}

private func lockRow(_ row: ResultRow) throws(ResultRow.Mismatch) -> LockQueries.ScanRow {
  guard let mode = LockMode(catalogName: try row.string(12)) else { return .ignored }
  let tag = LockTag(
    LockTag.Kind(catalogName: try row.string(0)), database: try number(row, 1),
    relation: try number(row, 2), page: try number(row, 3), tuple: try number(row, 4),
    virtualTransaction: row.optionalString(5).flatMap(VirtualTransaction.init),
    transactionID: try number(row, 6), classID: try number(row, 7), objectID: try number(row, 8),
    objectSubID: try number(row, 9))
  return .lock(
    LockRow(
      tag, pid: try row.optionalInteger(11).map { Int32(truncatingIfNeeded: $0) },
      virtualTransaction: row.optionalString(10).flatMap(VirtualTransaction.init), mode: mode,
      isGranted: try row.bool(13), waitStart: try row.optionalInstant(14)))
}

private func lockSession(_ row: ResultRow) throws(ResultRow.Mismatch) -> LockSession {
  var session = LockSession(pid: Int32(truncatingIfNeeded: try row.integer(0)))
  session.leader = try row.optionalInteger(1).map { Int32(truncatingIfNeeded: $0) }
  session.backendStart = try row.optionalInstant(2)
  session.transactionStart = try row.optionalInstant(3)
  session.queryStart = try row.optionalInstant(4)
  session.stateChange = try row.optionalInstant(5)
  session.state = row.optionalString(6)
  session.waitEventType = row.optionalString(7)
  session.waitEvent = row.optionalString(8)
  session.user = row.optionalString(9)
  session.database = row.optionalString(10)
  session.application = row.optionalString(11)
  session.clientAddress = row.optionalString(12)
  session.backendType = row.optionalString(13)
  session.queryID = try row.optionalInteger(14)
  session.query = row.optionalString(15)
  session.minimumTransactionID = try number(row, 16)
  session.databaseID = try number(row, 17)
  return session
}

extension LockSnapshot {
  /// Puts the rows of `LockQueries.scan` together; `nil` where the row of the server itself is missing.
  public init?(_ rows: [LockQueries.ScanRow]) {
    var locks: [LockRow] = []
    var sessions: [LockSession] = []
    var prepared: [PreparedTransaction] = []
    var snapshot: LockSnapshot?
    for row in rows {
      switch row {
      case .server(let at, let database, let knowsWaitStart):
        snapshot = LockSnapshot(at: at, database: database, knowsWaitStart: knowsWaitStart)
      case .lock(let lock): locks.append(lock)
      case .session(let session): sessions.append(session)
      case .prepared(let transaction): prepared.append(transaction)
      case .ignored: break
      }
    }
    guard let snapshot else { return nil }
    let pids = Set(locks.compactMap(\.pid))
    self.init(
      at: snapshot.at, database: snapshot.database, backends: sessions.count(where: \.isClient),
      knowsWaitStart: snapshot.knowsWaitStart, locks: locks,
      sessions: sessions.filter { pids.contains($0.pid) }, preparedTransactions: prepared)
  }
}
