import Canvas
import Diagnostics
import MigrationModel
import PostgresModel
import TestSupport
import Testing

@testable import Dashboard

struct LocksPaneTests {
  /// A prepared transaction and a chain of row locks, as in the widest mock-up.
  static let chains = Scenes.sample(
    [
      LockRow(
        LockTag(.transactionID, transactionID: 726), pid: nil,
        virtualTransaction: VirtualTransaction("-1/726"), mode: .exclusive, isGranted: true),
      wait(16814, LockTag(.transactionID, transactionID: 726), .share, 42_000),
      LockRow(
        LockTag(.transactionID, transactionID: 728), pid: 16813, mode: .exclusive, isGranted: true),
      wait(16914, LockTag(.transactionID, transactionID: 728), .share, 43_000),
      LockRow(
        LockTag(.tuple, database: 5, relation: 16402, page: 0, tuple: 2), pid: 16914,
        mode: .exclusive, isGranted: true),
      wait(
        17014, LockTag(.tuple, database: 5, relation: 16402, page: 0, tuple: 2), .exclusive, 42_000),
    ],
    [
      Scenes.session(
        16814, "worker-2pc", state: "active", since: 42, query: "update lines set n = 1"),
      Scenes.session(
        16813, "row-holder", state: "idle in transaction", since: 44,
        query: "update lines set n = 2"),
      Scenes.session(
        16914, "row-wait-1", state: "active", since: 43, query: "update lines set n = 3"),
      Scenes.session(
        17014, "row-wait-2", state: "active", since: 42, query: "update lines set n = 4"),
    ],
    prepared: [
      PreparedTransaction(
        gid: "gx1", transactionID: 726,
        preparedAt: Instant(microseconds: Scenes.now.microseconds - 7_800_000_000), database: 5)
    ])

  static func wait(_ pid: Int32, _ tag: LockTag, _ mode: LockMode, _ milliseconds: Int64) -> LockRow
  {
    LockRow(
      tag, pid: pid, mode: mode, isGranted: false,
      waitStart: Instant(microseconds: Scenes.now.microseconds - milliseconds * 1000))
  }

  @Test(arguments: [(80, 24), (120, 40), (200, 60)])
  func `prepared transactions and row locks are nodes of the tree`(
    _ size: (columns: Int, rows: Int)
  ) {
    let model = Scenes.ready(size.columns, size.rows, locks: Self.chains)
    expectGolden(model.view(), "locks/chains-\(size.columns)x\(size.rows)")
    #expect(model.text.contains("prepared gx1"))
    guard size.columns > 120 else { return }
    #expect(model.text.contains("2h10m"))
    #expect(model.text.contains("lines(0,2)"))
  }

  @Test(arguments: [(80, 24), (120, 40), (200, 60)])
  func `a prepared transaction at the root is selected with its remedy`(
    _ size: (columns: Int, rows: Int)
  ) {
    var model = Scenes.ready(size.columns, size.rows, locks: Self.chains)
    model.press(.character("4"))
    for _ in 0..<20 where model.facts.locks.selected != .prepared(gid: "gx1") {
      model.press(.character("j"))
    }
    #expect(model.facts.locks.selected == .prepared(gid: "gx1"))
    expectGolden(model.view(), "locks/prepared-\(size.columns)x\(size.rows)")
  }

  /// Who wants a safe snapshot waits for one that may still write.
  static let snapshot: LockSample = {
    var reader = Scenes.session(
      17100, "pg_dump", state: "active", since: 12, query: "select * from orders")
    reader.waitEventType = "IPC"
    reader.waitEvent = "SafeSnapshot"
    var snapshot = LockSnapshot(
      at: Scenes.now, database: 5, backends: 2,
      locks: [LockRow(Scenes.table(16401), pid: 16669, mode: .rowExclusive, isGranted: true)],
      sessions: [
        reader,
        Scenes.session(
          16669, "writer", state: "idle in transaction", since: 252,
          query: "update orders set note = 'x'"),
      ])
    snapshot.snapshotBlockers = [17100: [16669]]
    return LockSample(
      at: Scenes.now, costMilliseconds: 0.4,
      content: .full(snapshot, WaitGraph(snapshot), names: Scenes.names42, ours: []))
  }()

  @Test(arguments: [(80, 24), (120, 40)])
  func `a wait for a safe snapshot has an edge of its own`(_ size: (columns: Int, rows: Int)) {
    var model = Scenes.ready(size.columns, size.rows, locks: Self.snapshot)
    expectGolden(model.view(), "locks/snapshot-\(size.columns)x\(size.rows)")
    #expect(model.text.contains("serializable safe snapshot"))
    #expect(model.text.contains("waiting 1"))
    guard size.columns > 80 else { return }
    #expect(model.text.contains("snap"))
    model.press(.character("4"), .character("j"), .character("6"))
    #expect(model.text.contains("waits 12 s for a safe snapshot"))
    #expect(model.text.contains("serializable, which may still write"))
  }

  @Test func `a lock on an index is told with its table, and after that on the table`() {
    let tag = LockTag(.relation, database: 5, relation: 16499)
    var names = Scenes.names42
    names.names[16499] = QualifiedName(schema: "public", "orders_pkey")
    names.tables[16499] = 16401
    func model(_ locks: [LockRow]) -> Model {
      let snapshot = LockSnapshot(
        at: Scenes.now, database: 5, backends: 1, locks: locks,
        sessions: [Scenes.session(9, "reader", state: "idle in transaction", since: 5)])
      return Scenes.ready(
        200, 60,
        locks: LockSample(
          at: Scenes.now, costMilliseconds: 0.4,
          content: .full(snapshot, WaitGraph(snapshot), names: names, ours: [])))
    }
    let index = LockRow(tag, pid: 9, mode: .accessShare, isGranted: true)
    let table = LockRow(Scenes.table(16401), pid: 9, mode: .accessShare, isGranted: true)
    #expect(model([index]).text.contains("orders_pkey of orders"))
    for locks in [[index, table], [table, index]] {
      let text = model(locks).text
      #expect(text.contains("ACCESS SHARE  orders "))
      #expect(!text.contains("orders_pkey of orders"))
    }
  }

  @Test func `the locks alone fill the screen`() {
    var model = Scenes.ready(120, 40, locks: Self.chains)
    model.press(.character("L"))
    expectGolden(model.view(), "locks/zoomed-120x40")
    #expect(!model.text.contains("1 Migrations"))
    model.press(.escape)
    #expect(model.text.contains("1 Migrations"))
  }

  @Test func `a table stands in for the tree`() {
    var model = Scenes.ready(120, 40, locks: Scenes.queue)
    model.press(.character("4"), .character("t"))
    expectGolden(model.view(), "locks/table-120x40")
    #expect(!model.text.contains("└ 16747"))
    model.press(.character("o"))
    #expect(model.text.contains("by sessions blocked"))
  }

  @Test func `nobody waiting is said, and unknown is never shown as 0`() {
    var model = Scenes.ready(locks: Scenes.silent)
    expectGolden(model.view(), "locks/empty-80x24")
    #expect(model.text.contains("nobody waits"))
    #expect(model.text.contains("waiting 0"))
    model = Scenes.ready(locks: nil)
    expectGolden(model.view(), "locks/unknown-80x24")
    #expect(model.text.contains("waiting ?"))
    #expect(!model.text.contains("waiting 0"))
    #expect(!model.text.contains("nobody"))
  }

  @Test func `hidden texts name the missing grant once`() {
    let session = Scenes.session(
      9, "secret", state: "active", since: 3, query: "<insufficient privilege>")
    let locks = Scenes.sample(
      [LockRow(Scenes.table(16401), pid: 9, mode: .rowExclusive, isGranted: true)], [session])
    let model = Scenes.ready(120, 40, locks: locks)
    expectGolden(model.view(), "locks/hidden-120x40")
    #expect(model.text.contains("grant pg_read_all_stats"))
    #expect(!model.text.contains("insufficient"))
  }

  @Test func `a circle is marked`() {
    let model = Scenes.ready(120, 40, locks: Self.circle)
    expectGolden(model.view(), "locks/circle-120x40")
    #expect(model.text.contains("deadlock?"))
    #expect(model.text.contains("deadlock_timeout"))
  }

  @Test func `a failed poll keeps the picture and says its age`() {
    var model = Scenes.ready(120, 40, locks: Scenes.queue)
    model.tell(
      .locksFailed(
        .error(code: "timeout", "canceling statement due to statement timeout"),
        at: Scenes.later(7000)), .tick(Scenes.later(7000)))
    expectGolden(model.view(), "locks/failed-poll-120x40")
    #expect(model.text.contains("7.0 s old"))
    #expect(model.text.contains("16747 YOU"))
    #expect(model.text.contains("no newer answer"))
  }

  @Test func `four hundred waiters are drawn and scrolled`() {
    let rows =
      [LockRow(Scenes.table(16401), pid: 1, mode: .accessExclusive, isGranted: true)]
      + (2...401).map { Scenes.waiting(Int32($0), .accessShare, Int64($0)) }
    let sessions = (1...401).map {
      Scenes.session(Int32($0), "web-\($0)", state: "active", since: 1)
    }
    var model = Scenes.ready(120, 40, locks: Scenes.sample(rows, sessions))
    #expect(model.text.contains("waiting 400"))
    model.press(.character("4"), .character("G"))
    #expect(model.text.contains("└ 2 web-2"))
    #expect(!model.text.contains("  1 web-1"))
  }

  @Test func `the selection stays with its session`() {
    var model = Scenes.ready(200, 60, locks: Self.chains)
    model.press(.character("4"), .character("j"), .character("j"))
    let selected = model.facts.locks.selected
    var locks = Self.chains
    locks.at = Scenes.later(1000)
    model.tell(.locksSampled(locks))
    #expect(model.facts.locks.selected == selected)
    #expect(model.text.contains("6 Session \(selected?.pid ?? 0)"))
  }

  @Test func `a followed session keeps the selection, and nobody takes its place`() {
    var model = Scenes.ready(120, 40, locks: Scenes.queue)
    model.press(.character("4"), .character("j"), .character("j"), .character("f"))
    #expect(model.facts.locks.selected?.pid == 16804)
    #expect(model.text.contains("follows 16804"))
    model.tell(.locksSampled(Scenes.quiet))
    #expect(model.facts.locks.selected == nil)
    #expect(model.text.contains("16804 is not here"))
    model.press(.character("K"))
    #expect(model.text.contains("no session is selected"))
    model.tell(.locksSampled(Scenes.queue))
    #expect(model.facts.locks.selected?.pid == 16804)
    model.press(.character("f"))
    #expect(!model.text.contains("follows"))
  }

  @Test func `who keeps ours waiting is selected until somebody chooses`() {
    var queue = Scenes.queue
    guard case .full(var snapshot, _, let names, let ours) = queue.content else {
      Issue.record("a whole picture is wanted")
      return
    }
    // Another tree stands above ours and fills the strip.
    snapshot.locks.append(
      LockRow(Scenes.table(16402), pid: 1, mode: .accessExclusive, isGranted: true))
    snapshot.sessions[1] = Scenes.session(1, "other", state: "active", since: 900)
    for pid in Int32(2)...12 {
      snapshot.locks.append(
        LockRow(
          Scenes.table(16402), pid: pid, mode: .accessShare, isGranted: false,
          waitStart: Instant(microseconds: Scenes.now.microseconds - 800_000_000)))
      snapshot.sessions[pid] = Scenes.session(pid, "web-\(pid)", state: "active", since: 800)
    }
    queue.content = .full(snapshot, WaitGraph(snapshot), names: names, ours: ours)
    var model = Scenes.ready(locks: queue)
    #expect(model.facts.locks.selected?.pid == 16669)
    #expect(model.text.contains("16747 YOU"), "ours is in sight as well")
    model.press(.character("4"), .character("g"))
    #expect(model.facts.locks.selected?.pid == 1)
    model.tell(.locksSampled(TimelineTests.at(1000, queue)))
    #expect(model.facts.locks.selected?.pid == 1, "a choice stays")
  }

  @Test(arguments: [(80, 24), (60, 20)])
  func `opening what is zoomed already goes on to the session, and back`(
    _ size: (columns: Int, rows: Int)
  ) {
    var model = Scenes.ready(size.columns, size.rows, locks: Scenes.queue)
    model.press(.character("L"))
    #expect(model.keyHints().contains { $0.action == "session" })
    model.press(.enter)
    #expect(model.text.contains("6 Session 16669"))
    #expect(!model.text.contains("16747 YOU"), "it has the screen for itself")
    model.press(.escape)
    #expect(model.focus == 4)
    #expect(!model.text.contains("6 Session"))
  }

  @Test func `the trees of this database stand before those of others`() {
    func tree(_ database: UInt32, _ name: String, _ first: Int32) -> ([LockRow], [LockSession]) {
      let tag = LockTag(.relation, database: database, relation: 16401)
      let pids = [first, first + 1]
      let sessions = pids.map { pid in
        var session = Scenes.session(pid, "\(name)-\(pid)", state: "active", since: 500)
        session.database = name
        return session
      }
      return (
        [
          LockRow(tag, pid: first, mode: .accessExclusive, isGranted: true),
          LockRow(
            tag, pid: first + 1, mode: .accessShare, isGranted: false,
            waitStart: Instant(microseconds: Scenes.now.microseconds - Int64(first) * 1_000_000)),
        ], sessions
      )
    }
    let (away, strangers) = tree(6, "shop", 900)
    let (here, colleagues) = tree(5, "orders", 100)
    let snapshot = LockSnapshot(
      at: Scenes.now, database: 5, locks: away + here, sessions: strangers + colleagues)
    var names = Scenes.names42
    names.databases = snapshot.otherDatabases
    let graph = WaitGraph(snapshot)
    #expect(graph.nodes[graph.roots[0]].owner.pid == 900, "who waits longest stands first")
    let model = Scenes.ready(
      120, 40,
      locks: LockSample(
        at: Scenes.now, costMilliseconds: 0.4,
        content: .full(snapshot, graph, names: names, ours: [])))
    let order = ["  100 orders-100", "  900 shop-900"].map { name in
      model.screen.firstIndex { $0.contains(name) }
    }
    #expect(order[0] ?? 99 < order[1] ?? 0)
    #expect(model.text.contains("shop:16401"))
  }

  @Test func `waiters fold below the one they wait for`() {
    var model = Scenes.ready(120, 40, locks: Scenes.queue)
    model.press(.character("4"), .character("j"))
    #expect(model.text.contains("web-3"))
    model.press(.character("h"))
    expectGolden(model.view(), "locks/folded-120x40")
    #expect(!model.text.contains("web-3"))
    #expect(model.text.contains("YOU [+3]"))
    // A poll does not unfold it, and the one above is reached by the same key.
    model.tell(.locksSampled(TimelineTests.at(1000, Scenes.queue)))
    #expect(!model.text.contains("web-3"))
    model.press(.left)
    #expect(model.facts.locks.selected?.pid == 16669)
    model.press(.character("j"), .right)
    #expect(model.text.contains("web-3"))
  }

  @Test func `the tree is held against the server's own account`() {
    var model = Scenes.ready(120, 40, locks: Scenes.queue)
    model.press(.character("4"))
    #expect(model.press(.character("v")) == [.sampleLocks(.verified)])
    guard case .full(let snapshot, _, _, _) = Scenes.queue.content else { return }
    var sample = Scenes.queue
    let account: [Int32: [Int32]] = [
      16747: [16669], 16804: [16747], 16805: [16747, 16747], 16806: [16747],
    ]
    sample.verification = LockVerification(snapshot, server: account)
    model.tell(.locksSampled(sample))
    #expect(model.text.contains("verified with pg_blocking_pids: 4 of 4 equal"))
    sample.verification = LockVerification(
      snapshot, server: account.merging([16806: [16669]]) { $1 })
    model.tell(.locksSampled(sample))
    expectGolden(model.view(), "locks/differs-120x40")
    #expect(model.text.contains("3 of 4 equal"))
    #expect(model.text.contains("differs!"))
    // Who has got its lock meanwhile is not counted at all.
    #expect(LockVerification(snapshot, server: [16747: [16669]]).waiters == 1)
    #expect(LockVerification(snapshot, server: [:]).words == "verified: nobody waits any more")
  }

  @Test func `the time to the deadlock check is counted down`() {
    var model = SignalTests.model(rights: SessionRights(deadlockTimeoutMilliseconds: 1000))
    model.tell(.locksSampled(Self.circle))
    // It closed 400 ms ago by the waiter whose own check comes last; the other's is sooner.
    #expect(model.text.contains("ends it in 0.5 s (deadlock_timeout 1.0 s)"))
    model.tell(.tick(Scenes.later(250)))
    #expect(model.text.contains("in 0.2 s"))
    model.tell(.tick(Scenes.later(2000)))
    #expect(model.text.contains("ends it now: it is due"))
  }

  /// Two that wait for each other, since 500 and 400 ms.
  static let circle = Scenes.sample(
    [
      LockRow(Scenes.table(16401), pid: 1, mode: .exclusive, isGranted: true),
      LockRow(Scenes.table(16402), pid: 2, mode: .exclusive, isGranted: true),
      wait(1, Scenes.table(16402), .exclusive, 500),
      wait(2, Scenes.table(16401), .exclusive, 400),
    ],
    [
      Scenes.session(1, "left", state: "active", since: 2),
      Scenes.session(2, "right", state: "active", since: 2),
    ])

  @Test func `a wait for a whole transaction names its session`() {
    let transaction = LockTag(
      .virtualTransaction, virtualTransaction: VirtualTransaction(slot: 4, local: 127))
    var sample = Scenes.sample(
      [
        LockRow(transaction, pid: 16669, mode: .exclusive, isGranted: true),
        Self.wait(16900, transaction, .share, 3000),
      ],
      [
        Scenes.session(16669, "report-job", state: "idle in transaction", since: 252),
        Scenes.session(
          16900, "builder", state: "active", since: 60,
          query: "CREATE INDEX CONCURRENTLY i ON t (a)"),
      ])
    var model = Scenes.ready(200, 60, locks: sample)
    #expect(model.text.contains("xact 16669"))
    sample.builds = [
      LockQueries.IndexProgress(
        pid: 16900, relation: 16401, phase: "waiting for old snapshots", lockers: 3,
        lockersDone: 1, currentLocker: 16669)
    ]
    model.tell(.locksSampled(sample))
    model.press(.character("4"), .character("j"))
    expectGolden(model.view(), "locks/build-200x60")
    #expect(model.text.contains("builds an index on orders: waiting for old snapshots; 1 of 3"))
    #expect(model.text.contains("waits 3.0 s for SHARE on transaction of 16669 report-job"))
  }

  @Test func `parallel workers are one with their leader`() {
    var worker = Scenes.session(16670, "report-job", state: "active", since: 10)
    worker.leader = 16669
    worker.backendType = "parallel worker"
    let sample = Scenes.sample(
      [
        LockRow(Scenes.table(16401), pid: 16669, mode: .accessShare, isGranted: true),
        LockRow(Scenes.table(16401), pid: 16670, mode: .accessShare, isGranted: true),
        Scenes.waiting(16747, .accessExclusive, 400),
      ],
      [
        Scenes.session(16669, "report-job", state: "active", since: 10), worker,
        Scenes.session(16747, "psql", state: "active", since: 1),
      ])
    let model = Scenes.ready(120, 40, locks: sample)
    #expect(model.text.contains("report-job +1 worker"))
    #expect(!model.text.contains("16670"))
  }

  @Test func `a prepared transaction that nobody waits for is shown, with its remedy`() {
    let id = LockTag(.transactionID, transactionID: 726)
    let sample = Scenes.sample(
      [
        LockRow(
          id, pid: nil, virtualTransaction: VirtualTransaction("-1/726"), mode: .exclusive,
          isGranted: true),
        LockRow(
          Scenes.table(16401), pid: nil, virtualTransaction: VirtualTransaction("-1/726"),
          mode: .rowExclusive, isGranted: true),
      ], [],
      prepared: [
        PreparedTransaction(gid: "gx1", transactionID: 726, preparedAt: Scenes.later(-7_800_000))
      ])
    let model = Scenes.ready(200, 60, locks: sample)
    #expect(model.text.contains("prepared gx1"))
    #expect(model.text.contains("ROLLBACK PREPARED 'gx1'"))
    #expect(model.screen[0].contains("prepared transactions 1"))
    #expect(model.text.contains("rolling it back frees: nothing now; would free 0042"))
  }

  @Test func `another database's relations are shown by number`() {
    let tag = LockTag(.relation, database: 9, relation: 16401)
    let sample = Scenes.sample(
      [
        LockRow(tag, pid: 1, mode: .accessExclusive, isGranted: true),
        Self.wait(2, tag, .accessShare, 900),
      ],
      [
        Scenes.session(1, "left", state: "active", since: 2),
        Scenes.session(2, "right", state: "active", since: 2),
      ])
    let model = Scenes.ready(120, 40, locks: sample)
    #expect(model.text.contains("9:16401"))
  }

  @Test func `a dear answer is told with the pace it brings`() {
    var sample = Scenes.queue
    sample.costMilliseconds = 12
    let model = Scenes.ready(120, 40, locks: sample)
    #expect(model.text.contains("backing off: every 2s  probe 12 ms"))
  }
}
