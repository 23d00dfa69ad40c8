import PostgresModel
import Testing

/// For whose snapshots a concurrent index build waits.
struct OlderSnapshotsTests {
  /// A session of database 5 with a snapshot.
  private func session(
    _ pid: Int32, since seconds: Int64 = 900, query: String = "select 1"
  ) -> LockSession {
    var session = LockSession(pid: pid)
    session.databaseID = 5
    session.minimumTransactionID = 700
    session.transactionStart = Instant(microseconds: seconds * 1_000_000)
    session.backendType = "client backend"
    session.query = query
    return session
  }

  private func older(
    _ sessions: [LockSession], upkeep: Bool = false, since14: Bool = true
  ) -> [Int32] {
    let mode: LockMode = upkeep ? .shareUpdateExclusive : .accessShare
    let locks = sessions.map {
      LockRow(
        LockTag(.relation, database: 5, relation: 16401), pid: $0.pid, mode: mode, isGranted: true)
    }
    return LockSnapshot(
      at: Instant(microseconds: 1_000_000_000), database: 5, knowsWaitStart: since14,
      locks: locks, sessions: sessions
    ).olderSnapshots().map(\.pid)
  }

  @Test func `whoever has a snapshot in this database is waited for, the oldest told first`() {
    var between = session(3)
    between.minimumTransactionID = nil
    var elsewhere = session(4)
    elsewhere.databaseID = 6
    var worker = session(5)
    worker.leader = 2
    #expect(older([session(1, since: 950), session(2), between, elsewhere, worker]) == [2, 1])
  }

  @Test(arguments: [
    "VACUUM orders", "vacuum (verbose) orders", "CREATE INDEX CONCURRENTLY i ON orders (a)",
  ])
  func `upkeep that reads no other table is not waited for`(_ query: String) {
    #expect(older([session(1, query: query)], upkeep: true) == [])
    #expect(older([session(1, query: query)]) == [1], "the text is of an earlier statement")
  }

  @Test(arguments: [
    "VACUUM FULL orders", "VACUUM (ANALYZE) orders", "ANALYZE orders",
    "CREATE INDEX CONCURRENTLY i ON orders (lower(a))",
    "CREATE INDEX CONCURRENTLY i ON orders (a) WHERE a > 0", "REINDEX INDEX CONCURRENTLY i",
    "<insufficient privilege>", "CREATE INDEX CONCURRENTLY i ON orders (",
  ])
  func `upkeep that may need more is waited for`(_ query: String) {
    #expect(older([session(1, query: query)], upkeep: true) == [1])
  }

  @Test func `before 14 every concurrent index build is waited for`() {
    let build = session(1, query: "CREATE INDEX CONCURRENTLY i ON orders (a)")
    #expect(older([build], upkeep: true, since14: false) == [1])
  }

  @Test func `autovacuum is not waited for`() {
    var autovacuum = session(1, query: "autovacuum: ANALYZE public.orders")
    autovacuum.backendType = "autovacuum worker"
    #expect(older([autovacuum], upkeep: true) == [])
  }
}
