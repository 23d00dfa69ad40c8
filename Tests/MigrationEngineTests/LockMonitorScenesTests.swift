import EventLoop
import MigrationEngine
import Postgres
import PostgresModel
import Synchronization
import TestSupport
import Testing

/// What a database administrator meets, on a real server, as the monitor tells it.
///
/// One after the other on a server of their own: what other tests hold would be seen too.
@Suite(.serialized, .timeLimit(.minutes(20))) struct LockMonitorScenesTests {
  // MARK: Catalogues

  @Test func `with the catalogue locked everything is still told, with names that are known`()
    async throws
  {
    try await LockStage.play(["create table orders (id int)"]) { stage in
      let holder = try await stage.session("holder")
      let waiter = try await stage.session("waiter")
      // Its own catalogue cache is warm, as that of a session that has worked for a while.
      try await waiter.execute("select count(*) from pg_class; select * from orders")
      try await holder.execute("begin; lock table orders; lock table pg_class")
      stage.start(waiter, "begin; lock table orders in access share mode")
      let look = try await stage.look { $0.isWaiting(waiter) }
      #expect(look.blockers(of: waiter) == [holder.processID])
      #expect(look.wants(waiter) == "ACCESS SHARE on orders")
      #expect(look.session(of: holder)?.application == "holder")
      #expect(look.session(of: holder)?.state == "idle in transaction")
    }
  }

  @Test func `a relation whose name cannot be had is told by number, and by name once it can be`()
    async throws
  {
    try await LockStage.play { stage in
      let maker = try await stage.session("maker")
      // Not committed: nobody else can read its name.
      try await maker.execute("begin; create table fresh (id int primary key)")
      let oid = try await stage.text(maker, "select 'fresh'::regclass::oid::text")
      let began = ContinuousClock.now
      let look = try await stage.look { look in
        look.snapshot.locks.contains { $0.pid == maker.processID && $0.tag.relation != nil }
      }
      let held = look.snapshot.locks.filter { $0.pid == maker.processID }.map(\.tag)
      #expect(held.contains { look.names.text($0) == oid })
      try await maker.execute("commit; begin; lock table fresh in share mode")
      let later = try await stage.look { look in
        look.snapshot.locks.contains { $0.pid == maker.processID && $0.mode == .share }
      }
      // It is asked again only after some seconds, which may be over on a busy machine; `loadNames` asks
      // at once.
      if began.duration(to: .now) < .seconds(5) {
        #expect(later.names.names[UInt32(oid) ?? 0] == nil)
      }
      try await stage.monitor.loadNames()
      let named = try await stage.monitor.look()
      #expect(named.names.names[UInt32(oid) ?? 0]?.name == "fresh")
    }
  }

  @Test func `a poll that fails says why, and the next one succeeds`() async throws {
    // Roles are of the whole server: other tests must not stumble over it.
    let server = try await TestServer.started(from: nil, with: [])
    try await LockStage.play(on: server) { stage in
      let holder = try await stage.session("holder")
      try await holder.execute("begin; lock table pg_authid")
      await #expect {
        _ = try await stage.monitor.look()
      } throws: { error in
        (error as? DatabaseError)?.serverError?.sqlstate == "55P03"
      }
      // Counting needs no catalogue.
      #expect(try await stage.monitor.waiting().count == 0)
      try await holder.execute("rollback")
      #expect(try await stage.monitor.look().graph.nodes.isEmpty)
    }
    await BlockingWork.run { server.cluster.stopBlocking() }
  }

  // MARK: Rights

  @Test func `a role without rights sees every wait and is told what is hidden`() async throws {
    try await LockStage.play([
      "create table orders (id int)",
      """
      do $$ begin create role plain_looker login; exception when duplicate_object then end $$
      """,
    ]) { stage in
      let plain = try await stage.monitor(as: "plain_looker")
      let holder = try await stage.session("holder")
      let waiter = try await stage.session("waiter")
      try await holder.execute("begin; lock table orders")
      stage.start(waiter, "select 'secret' from orders")
      let full = try await stage.look { $0.isWaiting(waiter) }
      let look = try await plain.look()
      #expect(try await plain.waiting().count >= 1)
      #expect(look.blockers(of: waiter) == [holder.processID])
      #expect(look.graph.certainty == .certain)
      let session = try #require(look.session(of: waiter))
      #expect(session.isHidden && session.user != nil && session.transactionStart == nil)
      #expect(look.snapshot.openHolders().contains { $0.since == nil })
      // Neither of them counts itself; other tests come and go.
      #expect(look.snapshot.backends >= 3 && full.snapshot.backends >= 3)
      let verified = try await plain.look(verifies: true)
      #expect(verified.blockers(of: waiter) == [holder.processID])
      let rights = try #require(try await plain.sessionRights())
      #expect(!rights.readsAllTexts && !rights.signalsOthers)
      let own = try #require(try await stage.monitor.sessionRights())
      #expect(own.readsAllTexts && own.signalsOthers)
    }
  }

  // MARK: Kinds of waits

  @Test func `an index built concurrently is told with its phase and whom it waits for`()
    async throws
  {
    try await LockStage.play(["create table orders (id int)"]) { stage in
      let old = try await stage.session("report-job")
      let builder = try await stage.session("builder")
      try await old.execute("begin isolation level repeatable read; select count(*) from orders")
      stage.start(builder, "create index concurrently orders_id on orders (id)")
      let look = try await stage.look { look in
        look.isWaiting(builder) && look.building[builder.processID]?.currentLocker != nil
      }
      let progress = try #require(look.building[builder.processID])
      #expect(progress.currentLocker == old.processID)
      #expect(progress.phase.hasPrefix("waiting for "))
      #expect(progress.lockers >= 1)
      #expect(look.blockers(of: builder) == [old.processID])
      #expect(look.wait(of: builder)?.tag.kind == .virtualTransaction)
      #expect(look.roots.contains(old.processID))
    }
  }

  @Test func `who waits for a safe snapshot stands below whoever may still write`() async throws {
    try await LockStage.play(["create table orders (id int)"]) { stage in
      let writer = try await stage.session("writer")
      let reader = try await stage.session("reader")
      try await writer.execute(
        "begin isolation level serializable; insert into orders values (1)")
      stage.start(
        reader,
        "begin isolation level serializable read only deferrable; select * from orders; commit")
      let look = try await stage.look { $0.isWaiting(reader) }
      #expect(look.blockers(of: reader).contains(writer.processID))
      #expect(look.wait(of: reader)?.tag.kind == .safeSnapshot)
      #expect(look.wait(of: reader)?.mode == nil && look.wait(of: reader)?.since != nil)
      let node = try #require(look.graph.node(pid: reader.processID))
      #expect(look.graph.nodes[node].blockers.allSatisfy { $0.strength == .snapshot })
      #expect(look.roots.contains(writer.processID))
      #expect(try await stage.monitor.waiting().count >= 1)
      let verified = try await stage.monitor.look(verifies: true)
      #expect(verified.blockers(of: reader).contains(writer.processID))
      try await writer.execute("commit")
      _ = try await stage.look { !$0.isWaiting(reader) }
    }
  }

  @Test func `an index is known with its table`() async throws {
    try await LockStage.play(["create table orders (id int primary key)"]) { stage in
      try await stage.monitor.loadNames()
      let names = try await stage.monitor.look().names
      let index = try #require(names.names.first { $0.value.name == "orders_pkey" }?.key)
      let tag = LockTag(.relation, database: names.database, relation: index)
      #expect(names.place(tag) == "orders_pkey of orders")
      #expect(names.text(tag) == "orders_pkey")
    }
  }

  @Test func `a prepared transaction is a root of its own name`() async throws {
    try await LockStage.play(["create table orders (id int)", "insert into orders values (1)"]) {
      stage in
      let worker = try await stage.session("worker-2pc")
      let waiter = try await stage.session("waiter")
      let gid = "it's \(worker.processID)"
      try await worker.execute(
        "begin; update orders set id = 2; prepare transaction 'it''s \(worker.processID)'")
      stage.start(waiter, "update orders set id = 3")
      let look = try await stage.look { $0.isWaiting(waiter) }
      #expect(look.blockers(of: waiter) == [0])
      let root = look.graph.roots.map { look.graph.nodes[$0] }.first {
        $0.owner == .prepared(gid: gid)
      }
      #expect(root?.prepared?.gid == gid && root?.session == nil)
      #expect(root?.directVictims == 1)
      #expect(look.graph.nodes[look.graph.node(pid: waiter.processID) ?? 0].wait?.row != nil)
      try await worker.execute("rollback prepared 'it''s \(worker.processID)'")
    }
  }

  @Test func `who asks for more of what it holds goes in front`() async throws {
    try await LockStage.play(["create table orders (id int)"]) { stage in
      let reader = try await stage.session("reader")
      let upgrader = try await stage.session("upgrader")
      let migration = try await stage.session("migration")
      try await reader.execute("begin; lock table orders in access share mode")
      try await upgrader.execute("begin; lock table orders in access share mode")
      stage.start(migration, "begin; lock table orders in access exclusive mode")
      _ = try await stage.look { $0.isWaiting(migration) }
      stage.start(upgrader, "lock table orders in access exclusive mode")
      let look = try await stage.look { $0.isWaiting(upgrader) }
      let checked = try await stage.monitor.look(verifies: true)
      for look in [look, checked] {
        #expect(look.blockers(of: upgrader) == [reader.processID])
        #expect(
          look.blockers(of: migration) == [reader.processID, upgrader.processID].sorted())
        #expect(look.graph.nodes.allSatisfy { !$0.isInCycle })
      }
      #expect(look.graph.certainty == .certain)
      #expect(checked.graph.certainty == .verified)
    }
  }

  @Test func `a gap that nobody sees is told by the server`() async throws {
    try await LockStage.play(["create table orders (id int)"]) { stage in
      let holder = try await stage.session("holder")
      let upgrader = try await stage.session("upgrader")
      let gone = try await stage.session("gone")
      let early = try await stage.session("early")
      try await holder.execute("begin; lock table orders in share mode")
      try await upgrader.execute("begin; lock table orders in access share mode")
      stage.start(gone, "begin; lock table orders in access exclusive mode")
      _ = try await stage.look { $0.isWaiting(gone) }
      stage.start(early, "begin; lock table orders in row exclusive mode")
      _ = try await stage.look { $0.isWaiting(early) }
      // Goes in front of `gone`, and so of `early`, which it would otherwise have to stand behind.
      stage.start(upgrader, "lock table orders in share row exclusive mode")
      _ = try await stage.look { $0.isWaiting(upgrader) }
      await gone.cancel()
      let look = try await stage.look { !$0.isWaiting(gone) && $0.isWaiting(upgrader) }
      #expect(look.blockers(of: upgrader) == [holder.processID])
      #expect(look.blockers(of: early) == [holder.processID, upgrader.processID].sorted())
      #expect(look.graph.certainty == .verified)
      #expect(WaitGraph(look.snapshot).certainty == .orderUnknown)
    }
  }

  @Test func `a deadlock is marked at every session in it, and verified`() async throws {
    try await LockStage.play(["create table a (id int)", "create table b (id int)"]) { stage in
      let settings = [("deadlock_timeout", "1h")]
      let first = try await stage.session("first", settings)
      let second = try await stage.session("second", settings)
      let bystander = try await stage.session("bystander", settings)
      try await first.execute("begin; lock table a")
      try await second.execute("begin; lock table b")
      stage.start(first, "lock table b")
      _ = try await stage.look { $0.isWaiting(first) }
      stage.start(second, "lock table a")
      _ = try await stage.look { $0.isWaiting(second) }
      stage.start(bystander, "begin; lock table a in access share mode")
      let look = try await stage.look { $0.isWaiting(bystander) }
      let circle = look.graph.nodes.filter(\.isInCycle).compactMap(\.owner.pid)
      #expect(Set(circle) == [first.processID, second.processID])
      #expect(look.graph.certainty == .cycle)
      #expect(look.blockers(of: first) == [second.processID])
      #expect(look.blockers(of: second) == [first.processID])
    }
  }

  @Test func `a queue that the deadlock detector put into another order is drawn in that order`()
    async throws
  {
    try await LockStage.play(["create table a (id int)", "create table b (id int)"]) { stage in
      let never = [("deadlock_timeout", "1h")]
      let other = try await stage.session("other", never)
      let first = try await stage.session("first", [("deadlock_timeout", "20ms")])
      let ahead = try await stage.session("ahead", never)
      let behind = try await stage.session("behind", never)
      try await other.execute("begin; lock table a in share mode")
      try await first.execute("begin; lock table a in access share mode")
      try await behind.execute("begin; lock table b in exclusive mode")
      stage.start(ahead, "begin; lock table a in access exclusive mode")
      _ = try await stage.look { $0.isWaiting(ahead) }
      stage.start(behind, "lock table a in row exclusive mode")
      _ = try await stage.look { $0.isWaiting(behind) }
      // first waits for behind, which stands behind ahead, which waits for first: a circle that
      // changing the places of two waiters opens.
      stage.start(first, "lock table b in exclusive mode")
      let look = try await stage.look { look in
        look.isWaiting(first) && look.blockers(of: behind) == [other.processID]
      }
      #expect(look.graph.nodes.allSatisfy { !$0.isInCycle })
      #expect(
        look.blockers(of: ahead)
          == [other.processID, first.processID, behind.processID].sorted())
      #expect(look.graph.certainty == .verified)
      #expect(WaitGraph(look.snapshot).certainty == .cycle)
    }
  }

  @Test func `parallel workers are one session with their leader`() async throws {
    try await LockStage.play([
      "create table orders as select generate_series(1, 1000) id", "analyze orders",
    ]) { stage in
      let leader = try await stage.session(
        "report-job",
        [
          ("parallel_setup_cost", "0"), ("parallel_tuple_cost", "0"),
          ("min_parallel_table_scan_size", "0"), ("max_parallel_workers_per_gather", "2"),
        ])
      let waiter = try await stage.session("waiter")
      stage.start(leader, "select count(*) from orders where pg_sleep(0.5) is not null")
      let running = try await stage.look { look in
        look.snapshot.sessions.values.contains { $0.leader == leader.processID }
      }
      let workers = running.snapshot.sessions.values.filter { $0.leader == leader.processID }
      stage.start(waiter, "begin; lock table orders")
      let look = try await stage.look { $0.isWaiting(waiter) }
      let checked = try await stage.monitor.look(verifies: true)
      for look in [look, checked] {
        #expect(look.blockers(of: waiter) == [leader.processID])
        for worker in workers { #expect(look.graph.node(pid: worker.pid) == nil) }
      }
      #expect(look.snapshot.locks(of: leader.processID).contains { $0.pid != leader.processID })
    }
  }

  @Test func `four hundred readers behind one migration are all told`() async throws {
    let server = try await TestServer.started(from: nil, with: ["max_connections = 430"])
    try await LockStage.play(on: server, ["create table orders (id int)"]) { stage in
      let report = try await stage.session("report-job")
      let migration = try await stage.session("migration")
      try await report.execute("begin; select * from orders")
      stage.start(migration, "alter table orders add column channel text")
      _ = try await stage.look { $0.isWaiting(migration) }
      var readers: [Connection] = []
      for number in 1...400 {
        let reader = try await stage.session("web-\(number)")
        readers.append(reader)
        stage.start(reader, "select count(*) from orders")
      }
      let look = try await stage.look { $0.graph.waiters.count == 401 }
      let root = look.graph.nodes[look.graph.roots[0]]
      #expect(look.graph.roots.count == 1)
      #expect(root.owner == .session(pid: report.processID))
      #expect(root.directVictims == 1 && root.indirectVictims == 400)
      #expect(look.graph.certainty == .certain)
      let checked = try await stage.monitor.look(verifies: true)
      for reader in readers {
        #expect(look.blockers(of: reader) == [migration.processID])
        #expect(checked.blockers(of: reader) == [migration.processID])
      }
    }
    await BlockingWork.run { server.cluster.stopBlocking() }
  }
}

/// Sessions around one monitor; whatever waits at the end is cancelled.
private final class LockStage: Sendable {
  let monitor: LockMonitor
  private let target: ConnectionString
  private let loop: EventLoop
  private let sessions = SessionsOnStage()

  private static let own = Task {
    try await TestServer.started(from: nil, with: ["max_prepared_transactions = 2"])
  }

  private init(_ target: ConnectionString, loop: EventLoop) async throws {
    self.target = target
    self.loop = loop
    monitor = try await LockMonitor.open(target, loop: loop)
    try await monitor.loadNames()
  }

  static func play(
    on other: TestServer? = nil, _ preparations: [String] = [],
    _ body: @escaping @Sendable (LockStage) async throws -> Void
  ) async throws {
    let server = if let other { other } else { try await own.value }
    let database = try await server.makeDatabase()
    for sql in preparations { try await database.execute(sql) }
    let url = database.url
    try await onLoop { loop in
      let stage = try await LockStage(try ConnectionString(url), loop: loop)
      // The next scene finds the server empty.
      let ended: Result<Void, any Error>
      do {
        ended = .success(try await body(stage))
      } catch {
        ended = .failure(error)
      }
      for session in stage.sessions.all { await session.cancel() }
      for session in stage.sessions.all { _ = try? await session.execute("rollback") }
      try ended.get()
    }
  }

  func session(_ name: String, _ settings: [(String, String)] = []) async throws -> Connection {
    let connection = try await Connection.open(
      target, application: name, settings: settings, loop: loop)
    sessions.add(connection)
    return connection
  }

  func monitor(as role: String) async throws -> LockMonitor {
    var target = target
    target["user"] = role
    return try await LockMonitor.open(target, loop: loop)
  }

  /// Lets a session do what may have to wait.
  func start(_ session: Connection, _ sql: String) {
    Task(executorPreference: loop) { try? await session.execute(sql) }
  }

  func text(_ session: Connection, _ sql: String) async throws -> String {
    let query = Query(sql) { row throws(ResultRow.Mismatch) in try row.string(0) }
    return try await session.rows(query).first ?? ""
  }

  /// Looks until it sees what is meant.
  func look(
    until condition: (LockMonitor.Look) -> Bool
  ) async throws -> LockMonitor.Look {
    let deadline = ContinuousClock.now + .seconds(240)
    while ContinuousClock.now < deadline {
      let look = try await monitor.look()
      if condition(look) { return look }
      try await loop.sleep(for: .milliseconds(5))
    }
    throw NeverSeen()
  }

  struct NeverSeen: Error {}
}

private final class SessionsOnStage: Sendable {
  private let list = Mutex<[Connection]>([])
  var all: [Connection] { list.withLock { $0 } }
  func add(_ connection: Connection) { list.withLock { $0.append(connection) } }
}

extension LockMonitor.Look {
  fileprivate func wait(of session: Connection) -> WaitGraph.Wait? {
    graph.node(pid: session.processID).flatMap { graph.nodes[$0].wait }
  }
  fileprivate func isWaiting(_ session: Connection) -> Bool { wait(of: session) != nil }
  fileprivate func blockers(of session: Connection) -> [Int32] {
    graph.node(pid: session.processID).map { graph.blockingPids(of: $0) } ?? []
  }
  fileprivate func wants(_ session: Connection) -> String {
    wait(of: session).map { "\($0.mode?.sqlName ?? "-") on \(names.text($0.tag))" } ?? ""
  }
  fileprivate func session(of session: Connection) -> LockSession? {
    snapshot.sessions[session.processID]
  }
  fileprivate var roots: [Int32] { graph.roots.compactMap { graph.nodes[$0].owner.pid } }
}
