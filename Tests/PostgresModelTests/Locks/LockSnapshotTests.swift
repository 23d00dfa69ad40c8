import PostgresModel
import Testing

/// Decodes a row of text as the server would send it.
private func decoded<Row>(_ query: Query<Row>, _ cells: [String?]) throws -> Row {
  let buffers = cells.map { cell in
    cell.map { text -> UnsafeRawBufferPointer in
      let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: text.utf8.count, alignment: 1)
      copy.copyBytes(from: text.utf8)
      return UnsafeRawBufferPointer(copy)
    }
  }
  defer { for buffer in buffers { buffer?.deallocate() } }
  return try query.decode(ResultRow(buffers))
}

@Suite struct LockSnapshotTests {
  @Test func `the rows of a scan are put together`() throws {
    let queries = LockQueries.scan(serverVersion: 150018)
    let locks = try [
      [
        "relation", "16384", "16385", nil, nil, nil, nil, nil, nil, nil, nil, "100",
        "AccessExclusiveLock", "f", "1699999999000000",
      ],
      [
        "transactionid", nil, nil, nil, nil, nil, "726", nil, nil, nil, "-1/726", nil,
        "ExclusiveLock", "t", nil,
      ],
    ].map { try decoded(queries[0], $0) }
    let unknown: [String?] = Array(repeating: nil, count: 8)
    let sessions = try [
      [
        "100", nil, "1699999990000000", "1699999991000000", "1699999992000000",
        "1699999993000000", "active", "Lock", "relation", "app", "orders", "web-1", "10.0.0.1",
        "client backend", "-12", "select 1", "80231", "16384",
      ],
      // One that holds nothing, one whose type is hidden, and one that is nobody's.
      ["101"] + unknown + ["app", "orders", "", nil, "client backend", nil, "", nil, nil],
      ["102"] + unknown + [
        "app", "orders", "", nil, nil, nil, "<insufficient privilege>", nil, nil,
      ],
      ["103"] + unknown + [nil, nil, "", nil, nil, nil, "<insufficient privilege>", nil, nil],
    ].map { try decoded(queries[1], $0) }
    let server = try decoded(queries[2], ["1700000000000000", "16384", "1"])
    let prepared = try decoded(queries[3], ["gx1", "726", "1699999000000000", "owner", "16384"])
    let rows = locks + sessions + [server, prepared]
    let snapshot = try #require(LockSnapshot(rows))
    #expect(
      snapshot.backends == 3 && snapshot.sessions.count == 1 && snapshot.database == 16384
        && snapshot.knowsWaitStart)
    #expect(snapshot.waiting == 1)
    #expect(snapshot.locks[0].tag == LockTag(.relation, database: 16384, relation: 16385))
    #expect(snapshot.locks[0].waitStart == Instant(microseconds: 1_699_999_999_000_000))
    #expect(
      snapshot.sessions[100]?.queryID == -12
        && snapshot.sessions[100]?.minimumTransactionID == 80231
        && snapshot.sessions[100]?.databaseID == 16384)
    #expect(snapshot.owner(of: snapshot.locks[1]) == .prepared(gid: "gx1"))
  }

  @Test func `a mode of no table lock is passed over and a scan without the server's row is none`()
    throws
  {
    let query = LockQueries.scan(serverVersion: 150018)[0]
    let row = try decoded(
      query,
      ["relation", "1", "2", nil, nil, nil, nil, nil, nil, nil, nil, "9", "SomeLock", "t", nil])
    #expect(row == .ignored)
    #expect(LockSnapshot([row]) == nil)
  }

  @Test func `columns that a server does not have yet are not asked for`() {
    let old = LockQueries.scan(serverVersion: 130020).map(\.text).joined()
    let new = LockQueries.scan(serverVersion: 140000).map(\.text).joined()
    #expect(!old.contains("waitstart") && !old.contains("query_id"))
    #expect(new.contains("waitstart") && new.contains("query_id"))
    #expect(!new.contains("regclass") && !new.contains("pg_class"))
  }

  @Test func `every lock mode is read from the name the catalog gives it`() {
    for mode in LockMode.allCases { #expect(LockMode(catalogName: mode.catalogName) == mode) }
    #expect(LockMode(catalogName: "SIReadLock") == nil)
    #expect(LockMode(catalogName: "AccessShareLocks") == nil)
    #expect(LockMode(catalogName: "AccessFooooLock") == nil)
  }

  @Test func `advisory keys are read in both forms`() {
    let single = LockTag(
      .advisory, database: 1, classID: 0xFFFF_FFFF, objectID: 0xFFFF_FFFE, objectSubID: 1)
    let pair = LockTag(.advisory, database: 1, classID: 0xFFFF_FFFF, objectID: 7, objectSubID: 2)
    #expect(single.advisoryKey == .single(-2))
    #expect(pair.advisoryKey == .pair(-1, 7))
    #expect(RelationNames().text(pair) == "advisory -1,7")
  }

  @Test func `names are given for this database and numbers for others`() {
    let names = RelationNames(
      database: 5,
      names: [1: QualifiedName(schema: "public", "t"), 2: QualifiedName(schema: "s", "u")])
    #expect(names.text(1, in: 5) == "t")
    #expect(names.text(2, in: 5) == "s.u")
    #expect(names.text(1, in: 6) == "6:1")
    #expect(names.text(3, in: 5) == "3")
    #expect(names.text(1, in: 0) == "t")
  }

  @Test func `another database is named by those who are seen in it`() {
    var session = LockSession(pid: 7)
    session.database = "shop"
    let snapshot = LockSnapshot(
      at: Instant(microseconds: 0), database: 5,
      locks: [
        LockRow(
          LockTag(.relation, database: 6, relation: 1), pid: 7, mode: .share, isGranted: true),
        LockRow(
          LockTag(.relation, database: 8, relation: 1), pid: 9, mode: .share, isGranted: true),
        LockRow(
          LockTag(.relation, database: 0, relation: 1262), pid: 7, mode: .share, isGranted: true),
      ], sessions: [session])
    #expect(snapshot.otherDatabases == [6: "shop"])
    var names = RelationNames(database: 5)
    names.databases = snapshot.otherDatabases
    #expect(names.text(1, in: 6) == "shop:1")
    #expect(names.text(1, in: 8) == "8:1")
  }

  @Test func `what stands in the way of a lock is listed with the oldest holder first`() {
    let table = LockTag(.relation, database: 5, relation: 1)
    let sessions = [(10, 30), (11, 20), (12, 10), (13, 5)].map { pid, start in
      var session = LockSession(pid: Int32(pid))
      session.transactionStart = Instant(microseconds: Int64(start))
      return session
    }
    let snapshot = LockSnapshot(
      at: Instant(microseconds: 99), database: 5,
      locks: [
        LockRow(table, pid: 10, mode: .accessShare, isGranted: true),
        LockRow(table, pid: 11, mode: .rowExclusive, isGranted: true),
        LockRow(table, pid: 12, mode: .share, isGranted: false),
        LockRow(table, pid: 13, mode: .accessShare, isGranted: true),
        LockRow(
          LockTag(.relation, database: 6, relation: 1), pid: 14, mode: .share, isGranted: true),
      ], sessions: sessions)
    #expect(snapshot.obstacles(to: .accessExclusive, on: 1).map(\.pid) == [13, 11, 10, 12])
    #expect(snapshot.obstacles(to: .accessExclusive, on: 1, except: 13).map(\.pid) == [11, 10, 12])
    #expect(snapshot.obstacles(to: .share, on: 1).map(\.pid) == [11])
    #expect(snapshot.locks(of: 11).map(\.mode) == [.rowExclusive])
  }
}
