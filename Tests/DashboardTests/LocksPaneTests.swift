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
        preparedAt: Instant(microseconds: Scenes.now.microseconds - 7_800_000_000))
    ])

  static func wait(_ pid: Int32, _ tag: LockTag, _ mode: LockMode, _ milliseconds: Int64) -> LockRow
  {
    LockRow(
      tag, pid: pid, mode: mode, isGranted: false,
      waitStart: Instant(microseconds: Scenes.now.microseconds - milliseconds * 1000))
  }

  @Test func `prepared transactions and row locks are nodes of the tree`() {
    let model = Scenes.ready(200, 60, locks: Self.chains)
    expectGolden(model.view(), "locks/chains-200x60")
    #expect(model.text.contains("prepared gx1"))
    #expect(model.text.contains("2h10m"))
    #expect(model.text.contains("lines(0,2)"))
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
    let locks = Scenes.sample(
      [
        LockRow(Scenes.table(16401), pid: 1, mode: .exclusive, isGranted: true),
        LockRow(Scenes.table(16402), pid: 2, mode: .exclusive, isGranted: true),
        Self.wait(1, Scenes.table(16402), .exclusive, 500),
        Self.wait(2, Scenes.table(16401), .exclusive, 400),
      ],
      [
        Scenes.session(1, "left", state: "active", since: 2),
        Scenes.session(2, "right", state: "active", since: 2),
      ])
    let model = Scenes.ready(120, 40, locks: locks)
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

  // MARK: - When the server is asked

  @Test func `an idle server is asked for a count each interval`() {
    var model = Scenes.ready(locks: Scenes.silent)
    #expect(model.tell(.tick(Scenes.later(500))) == [])
    #expect(model.tell(.tick(Scenes.later(1000))) == [.sampleLocks(.count)])
    #expect(model.tell(.tick(Scenes.later(2000))) == [], "not while an answer is awaited")
    model.tell(.locksSampled(Self.count(0, at: 2000)))
    #expect(model.tell(.tick(Scenes.later(3000))) == [.sampleLocks(.count)])
  }

  static func count(_ waiting: Int, at milliseconds: Int64, cost: Double = 0.05) -> LockSample {
    LockSample(
      at: Scenes.later(milliseconds), costMilliseconds: cost, content: .waiting(waiting))
  }

  @Test func `somebody waiting brings a full scan`() {
    var model = Scenes.ready(locks: Scenes.silent)
    model.tell(.tick(Scenes.later(1000)), .locksSampled(Self.count(3, at: 1000)))
    #expect(model.tell(.tick(Scenes.later(2000))) == [.sampleLocks(.full)])
  }

  @Test func `a dear answer halves the pace`() {
    var model = Scenes.ready(locks: Scenes.silent)
    model.tell(.tick(Scenes.later(1000)), .locksSampled(Self.count(0, at: 1000, cost: 12)))
    #expect(model.tell(.tick(Scenes.later(2000))) == [])
    #expect(model.tell(.tick(Scenes.later(3000))) == [.sampleLocks(.count)])
  }

  @Test func `a frozen picture asks nothing and takes nothing`() {
    var model = Scenes.ready(locks: Scenes.silent)
    model.press(.character("p"))
    #expect(model.screen[0].contains("FROZEN"))
    #expect(model.tell(.tick(Scenes.later(9000))) == [])
    model.tell(.locksSampled(Scenes.queue))
    #expect(model.text.contains("nobody waits"))
    model.press(.character("p"))
    #expect(model.tell(.tick(Scenes.later(10_000))) != [])
  }
}
