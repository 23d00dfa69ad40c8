import Canvas
import Diagnostics
import MigrationModel
import PostgresModel
import TestSupport
import Testing

@testable import Dashboard

/// Cancelling statements and ending sessions: asked first, by name, with what would come of it.
struct SignalTests {
  static let armed = Access.armed(until: Scenes.later(300_000))

  /// The queue of the mock-up, on a database of development, permitted to write.
  static func model(
    _ columns: Int = 120, _ rows: Int = 40, access: Access = armed,
    target: Target = Scenes.development,
    locks: LockSample = Scenes.queue, rights: SessionRights? = SessionRights()
  ) -> Model {
    var model = Scenes.ready(columns, rows, target: target, access: access, locks: locks)
    model.tell(
      .connectionChanged(
        .connected(
          ConnectionState.Server(version: "17.6", majorVersion: 17, rights: rights))),
      .locksSampled(locks))
    model.press(.character("4"))
    return model
  }

  /// Lets the moment pass in which keys that confirm are not taken.
  static func wait(_ model: inout Model) { model.tell(.tick(Scenes.later(400))) }

  static func effect(_ effects: [Effect]) -> SessionSignal? {
    for case .signal(let signal) in effects { return signal }
    return nil
  }

  @Test func `cancelling an idle transaction is refused, and K leads to ending it`() {
    var model = Self.model()
    model.press(.character("c"))
    Self.wait(&model)
    #expect(model.text.contains("cancelling cannot free an idle transaction; K ends the session"))
    #expect(Self.effect(model.press(.character("y"))) == nil)
    model.press(.character("K"))
    #expect(model.text.contains("type 16669 and Enter to end it on DEV orders_dev@socket:5432"))
  }

  @Test(arguments: [(80, 24), (120, 40), (200, 60)])
  func `ending tells who is freed and what is lost, and wants the pid typed`(
    _ size: (columns: Int, rows: Int)
  ) {
    var model = Self.model(size.columns, size.rows, target: Scenes.production)
    model.press(.character("K"))
    Self.wait(&model)
    model.type("166")
    expectGolden(model.view(), "signal/end-\(size.columns)x\(size.rows)")
    #expect(model.text.contains("1 session at once: YOU (16747)"))
    #expect(model.text.contains("then 3 in turn: web-1 (16804), web-2 (16805), web-3 (16806)"))
    #expect(model.text.contains("open for 4m12s"))
    model.type("69")
    let signal = Self.effect(model.press(.enter))
    #expect(signal?.action == .end)
    #expect(signal?.session.pid == 16669)
    #expect(signal?.victims == [16747, 16804, 16805, 16806])
  }

  @Test func `a wrong pid ends nobody`() {
    var model = Self.model()
    model.press(.character("K"))
    Self.wait(&model)
    model.type("16668")
    #expect(model.press(.enter) == [])
    #expect(model.text.contains("that is not 16669"))
    model.type("16669")
    #expect(Self.effect(model.press(.enter))?.session.pid == 16669)
  }

  @Test func `the finger that opened the sheet cannot confirm it`() {
    var model = Self.model(locks: Scenes.queue)
    model.command("cancel 16804")
    #expect(Self.effect(model.press(.character("y"))) == nil)
    #expect(model.text.contains("too soon"))
    Self.wait(&model)
    #expect(Self.effect(model.press(.character("y")))?.action == .cancel)
  }

  @Test func `a pid pasted is not taken`() {
    var model = Self.model()
    model.press(.character("K"))
    Self.wait(&model)
    model.press(.paste("16669"))
    #expect(model.press(.enter) == [])
    #expect(model.text.contains("type 16669 first"))
  }

  @Test func `a session that is read-only ends nobody and says how to permit it`() {
    var model = Self.model(access: .readOnly(.start))
    #expect(model.view().lines.last?.contains("K end 16669") == true)
    model.press(.character("K"))
    Self.wait(&model)
    expectGolden(model.view(), "signal/read-only-120x40")
    #expect(model.text.contains("read-only: :arm 5m permits it"))
    model.type("16669")
    #expect(Self.effect(model.press(.enter)) == nil)
  }

  @Test func `missing rights are named before anybody is asked`() {
    let cases: [(SessionRights, String)] = [
      (SessionRights(signalsOthers: false), "it belongs to app: grant pg_signal_backend"),
      (SessionRights(superusers: ["app"]), "it belongs to the superuser app"),
    ]
    for (rights, words) in cases {
      var model = Self.model(rights: rights)
      model.press(.character("K"))
      Self.wait(&model)
      #expect(model.text.contains(words))
      model.type("16669")
      #expect(Self.effect(model.press(.enter)) == nil)
    }
    // Sessions of the own role need no grant, and a superuser none at all.
    for rights in [
      SessionRights(signalsOthers: false, ownRoles: ["app"]),
      SessionRights(signalsOthers: false, isSuperuser: true, superusers: ["app"]), nil,
    ] {
      var model = Self.model(rights: rights)
      model.press(.character("K"))
      Self.wait(&model)
      model.type("16669")
      #expect(Self.effect(model.press(.enter))?.session.pid == 16669)
    }
  }

  @Test func `our own run is left to ctrl-c`() {
    var model = Self.model()
    model.command("end 16747")
    Self.wait(&model)
    #expect(model.text.contains("16747 is our own run: ^C cancels it"))
  }

  @Test func `another transaction of the same session drops the sheet`() throws {
    var model = Self.model()
    model.press(.character("K"))
    Self.wait(&model)
    var sessions = [
      Scenes.session(16669, "report-job", state: "idle in transaction", since: 1)
    ]
    let lock = LockRow(Scenes.table(16401), pid: 16669, mode: .accessShare, isGranted: true)
    model.tell(.locksSampled(Scenes.sample([lock], sessions)))
    #expect(model.text.contains("16669 is in another transaction now: nothing was done"))
    model.type("16669")
    #expect(Self.effect(model.press(.enter)) == nil)
    // So does another session under the same pid.
    model.tell(.locksSampled(Scenes.queue))
    model.command("end 16669")
    sessions = [Scenes.session(16669, "report-job", state: "idle in transaction", since: 252)]
    sessions[0].backendStart = Scenes.later(-1000)
    model.tell(.locksSampled(Scenes.sample([lock], sessions)))
    #expect(model.text.contains("16669 is another session now"))
    model.tell(.locksSampled(Scenes.queue))
    model.command("end 16669")
    model.tell(.locksSampled(Scenes.silent))
    #expect(model.text.contains("16669 holds no lock any more"))
  }

  @Test func `a prepared transaction has a remedy and no key that ends it`() {
    var model = Self.model(200, 60, locks: LocksPaneTests.chains)
    let row = model.screen.firstIndex { $0.contains("prepared gx1") }
    #expect(row != nil)
    while model.facts.locks.selected != .prepared(gid: "gx1"), model.facts.locks.selected != nil {
      let before = model.facts.locks.selected
      model.press(.character("j"))
      if model.facts.locks.selected == before { break }
    }
    #expect(model.facts.locks.selected == .prepared(gid: "gx1"))
    model.press(.character("K"))
    Self.wait(&model)
    expectGolden(model.view(), "signal/prepared-200x60")
    #expect(model.text.contains("ROLLBACK PREPARED 'gx1'"))
    #expect(model.press(.character("y")) == [.copy("ROLLBACK PREPARED 'gx1'")])
  }

  @Test func `a prepared transaction of another database is ended there`() {
    var waiter = Scenes.session(7, "web", state: "active", since: 9)
    waiter.database = "shop"
    let xid = LockTag(.transactionID, transactionID: 726)
    let snapshot = LockSnapshot(
      at: Scenes.now, database: 5,
      locks: [
        LockRow(
          xid, pid: nil, virtualTransaction: VirtualTransaction("-1/726"), mode: .exclusive,
          isGranted: true),
        LockRow(xid, pid: 7, mode: .share, isGranted: false, waitStart: Scenes.now),
        LockRow(
          LockTag(.relation, database: 6, relation: 1), pid: 7, mode: .rowExclusive,
          isGranted: true),
      ], sessions: [waiter],
      preparedTransactions: [
        PreparedTransaction(
          gid: "gx1", transactionID: 726, preparedAt: Scenes.now, database: 6)
      ])
    var names = Scenes.names42
    names.databases = snapshot.otherDatabases
    var model = Self.model(
      120, 40,
      locks: LockSample(
        at: Scenes.now, costMilliseconds: 0.4,
        content: .full(snapshot, WaitGraph(snapshot), names: names, ours: [])))
    model.press(.character("4"), .character("K"))
    #expect(model.text.contains("y copy it, to be run in shop"))
  }

  @Test func `quotes in the name of a prepared transaction are doubled`() {
    let prepared = PreparedTransaction(gid: "it's", transactionID: 1, preparedAt: Scenes.now)
    #expect(SignalSheet.remedy(for: prepared) == "ROLLBACK PREPARED 'it''s'")
  }

  // MARK: - Whether it helped

  static func ended(_ model: inout Model) -> SessionSignal? {
    model.press(.character("K"))
    wait(&model)
    model.type("16669")
    return effect(model.press(.enter))
  }

  @Test func `what was freed is said once it is seen`() throws {
    var model = Self.model()
    let signal = try #require(Self.ended(&model))
    #expect(
      model.tell(.signalled(signal, .signalled, at: Scenes.later(500))) == [.sampleLocks(.full)])
    let rest = Scenes.sample(
      [
        LockRow(Scenes.table(16401), pid: 16747, mode: .accessExclusive, isGranted: true),
        Scenes.waiting(16804, .accessShare, 1100), Scenes.waiting(16805, .accessShare, 900),
      ],
      [
        Scenes.session(16747, "lockstep apply 0042", state: "active", since: 2),
        Scenes.session(16804, "web-1", state: "active", since: 1),
        Scenes.session(16805, "web-2", state: "active", since: 1),
      ], ours: [16747])
    model.tell(.locksSampled(rest))
    #expect(
      model.text.contains(
        "ended 16669 (report-job): freed 2 of 4 sessions so far; 16804 now waits for 16747"))
  }

  @Test func `a session that does not react is said to be still there`() throws {
    var model = Self.model()
    let signal = try #require(Self.ended(&model))
    model.tell(.signalled(signal, .signalled, at: Scenes.later(500)))
    for _ in 0..<3 { model.tell(.locksSampled(Scenes.queue)) }
    #expect(model.text.contains("16669 (report-job) is still there"))
  }

  @Test func `nothing done is said as such`() throws {
    var model = Self.model()
    let signal = try #require(Self.ended(&model))
    model.tell(.signalled(signal, .changed, at: Scenes.later(500)))
    #expect(model.text.contains("that was seen: nothing was done"))
    model.tell(.signalled(signal, .failed("permission denied"), at: Scenes.later(600)))
    #expect(model.text.contains("cannot end 16669: permission denied; nothing was done"))
  }

  // MARK: - Who is freed

  @Test func `those behind somebody else as well are told apart`() throws {
    guard case .full(let snapshot, let graph, let names, _) = LocksPaneTests.chains.content else {
      return
    }
    let scan = LockPicture.Scan(snapshot, graph, names: names, ours: [])
    let holder = try #require(scan.node(of: .session(pid: 16813)))
    let found = Consequences(of: holder, in: graph)
    #expect(found.atOnce.map { graph.nodes[$0].owner.pid } == [16914])
    #expect(found.inTurn.map { graph.nodes[$0].owner.pid } == [17014])
    #expect(found.keptByOthers == [])
    // Two readers in the way of one writer: ending one frees nobody.
    let rows = [
      LockRow(Scenes.table(16401), pid: 1, mode: .accessShare, isGranted: true),
      LockRow(Scenes.table(16401), pid: 2, mode: .accessShare, isGranted: true),
      Scenes.waiting(3, .accessExclusive, 100),
    ]
    let both = WaitGraph(LockSnapshot(at: Scenes.now, database: 5, locks: rows))
    let first = try #require(both.node(pid: 1))
    let kept = Consequences(of: first, in: both)
    #expect(kept.atOnce == [] && kept.inTurn == [])
    #expect(kept.keptByOthers.map { both.nodes[$0].owner.pid } == [3])
  }
}

/// The locks while something of ours runs.
struct LocksDuringRunTests {
  @Test(arguments: [(80, 24), (120, 40), (200, 60)])
  func `a queue behind us can be helped without leaving the run`(
    _ size: (columns: Int, rows: Int)
  ) {
    var model = Scenes.ready(size.columns, size.rows, target: Scenes.development)
    model.start(Scenes.plan([Scenes.step(Scenes.addOrderChannel)]))
    model.tell(
      .runEvent(
        .migrationStarted(version: Version("0042"), name: "add_order_channel", direction: .up),
        at: Scenes.later(1000)),
      .locksSampled(Scenes.queue), .tick(Scenes.later(2000)))
    expectGolden(model.view(), "locks/applying-\(size.columns)x\(size.rows)")
    model.press(.character("K"))
    model.tell(.tick(Scenes.later(2500)))
    #expect(model.text.contains("type 16669 and Enter"))
    model.type("16669")
    let signal = SignalTests.effect(model.press(.enter))
    #expect(signal?.session.pid == 16669)
  }

  @Test func `five thousand locks and four hundred waiters are read and drawn`() {
    var rows = [LockRow(Scenes.table(16401), pid: 1, mode: .accessExclusive, isGranted: true)]
    rows += (2...401).map { Scenes.waiting(Int32($0), .accessShare, Int64($0)) }
    rows += (0..<4600).map {
      LockRow(
        Scenes.table(UInt32(20_000 + $0)), pid: Int32(500 + $0 % 300), mode: .accessShare,
        isGranted: true)
    }
    let sessions = (1...800).map {
      Scenes.session(Int32($0), "web-\($0)", state: "active", since: 1)
    }
    var model = Scenes.ready(200, 60, locks: Scenes.sample(rows, sessions))
    model.press(.character("4"))
    for _ in 0..<50 { model.press(.character("j")) }
    #expect(model.facts.locks.selected?.pid == 352)
    #expect(model.facts.locks.number == 1, "no key asks for anything to be made anew")
    #expect(model.facts.locks.history.pictures.count == 1)
  }
}
