import EventLoop
import MigrationEngine
import Postgres
import PostgresModel
import Synchronization
import TestSupport
import Testing

/// Numbers that are the same for the same seed (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

/// A session of a scene: does one thing at a time, which may have to wait for a lock.
final class ScenePlayer: Sendable {
  let connection: Connection
  private let state = Mutex(State())

  private struct State {
    var isBusy = false
    var hasFailed = false
  }

  init(_ connection: Connection) { self.connection = connection }

  var isBusy: Bool { state.withLock { $0.isBusy } }
  var hasFailed: Bool { state.withLock { $0.hasFailed } }

  func send(_ sql: String) {
    state.withLock { $0 = State(isBusy: true, hasFailed: false) }
    Task(executorPreference: connection.loop) {
      let hasFailed = await self.fails(sql)
      self.state.withLock { $0 = State(isBusy: false, hasFailed: hasFailed) }
    }
  }

  private func fails(_ sql: String) async -> Bool {
    do {
      try await connection.execute(sql)
      return false
    } catch {
      return true
    }
  }
}

/// What a number of sessions do to each other, at random but the same for the same seed.
struct LockScene {
  private let players: [ScenePlayer]
  /// Looks, and settles things; takes no part.
  private let stage: Connection
  private var random: SeededGenerator
  /// By player.
  private var isInTransaction: [Bool]
  private var prepared = 0
  private var things = 0

  /// Some session neither ended its statement nor waited for a lock.
  struct NobodyMoves: Error, CustomStringConvertible {
    var pids: [Int32]
    var description: String { "sessions \(pids) neither end nor wait" }
  }

  init(_ players: [ScenePlayer], stage: Connection, seed: UInt64) {
    self.players = players
    self.stage = stage
    random = SeededGenerator(seed: seed)
    isInTransaction = Array(repeating: false, count: players.count)
  }

  /// What there is to fight for.
  static let props = """
    drop schema if exists scene cascade;
    create schema scene;
    create table scene.a (id int primary key, n int);
    insert into scene.a select i, 0 from generate_series(1, 3) i;
    create table scene.b (like scene.a including all);
    insert into scene.b table scene.a;
    create table scene.c (like scene.a including all);
    insert into scene.c table scene.a;
    """

  /// Plays until most of the sessions wait, and calls `look` now and then.
  mutating func play(look: () async throws -> Void) async throws {
    try await stage.execute(Self.props)
    for step in 1...(players.count * 9) {
      let idle = players.indices.filter { !players[$0].isBusy }
      guard idle.count > players.count / 5, let chosen = idle.randomElement(using: &random) else {
        break
      }
      try await act(chosen)
      if step % 40 == 0 { try await look() }
    }
    try await look()
  }

  /// Ends everything that the scene began.
  func clear() async throws {
    while true {
      let busy = players.filter(\.isBusy).map(\.connection.processID)
      if busy.isEmpty { break }
      let list = busy.map(String.init).joined(separator: ",")
      try await stage.execute("select pg_cancel_backend(p) from unnest('{\(list)}'::int[]) p")
      try await stage.loop.sleep(for: .milliseconds(2))
    }
    for player in players {
      try await player.connection.execute("rollback; select pg_advisory_unlock_all()")
    }
    let query = Query<String>("select quote_literal(gid) from pg_prepared_xacts") {
      row throws(ResultRow.Mismatch) in try row.string(0)
    }
    for gid in try await stage.rows(query) { try await stage.execute("rollback prepared \(gid)") }
  }

  // MARK: Acting

  private mutating func act(_ player: Int) async throws {
    let waiters = players.indices.filter { players[$0].isBusy }
    if waiters.count > 4, chance(in: 60), let chosen = waiters.randomElement(using: &random) {
      // Leaves a gap in a queue, of which the lock table tells nothing.
      let pid = players[chosen].connection.processID
      try await stage.execute("select pg_cancel_backend(\(pid))")
      while players[chosen].isBusy { try await stage.loop.sleep(for: .milliseconds(1)) }
    } else {
      players[player].send(statement(for: player))
    }
    try await settle()
    for failed in players.indices where !players[failed].isBusy && players[failed].hasFailed {
      isInTransaction[failed] = false
      players[failed].send("rollback")
      try await settle()
    }
  }

  private mutating func chance(in number: Int) -> Bool {
    Int.random(in: 1...number, using: &random) == 1
  }

  private mutating func statement(for player: Int) -> String {
    guard isInTransaction[player] else {
      if chance(in: 12) {
        return "create index concurrently on \(table()) (n)"
      }
      if chance(in: 10) {
        return "select pg_advisory_lock\(chance(in: 2) ? "_shared" : "")(\(advisoryKey()))"
      }
      isInTransaction[player] = true
      // Most begin with a lock that many may hold, and want more of it later.
      guard !chance(in: 3) else { return "begin; \(inside())" }
      let mode = [LockMode.accessShare, .rowShare, .rowExclusive].randomElement(using: &random)
      return "begin; lock table \(table()) in \((mode ?? .rowShare).sqlName) mode"
    }
    switch Int.random(in: 1...40, using: &random) {
    case 1:
      isInTransaction[player] = false
      return chance(in: 2) ? "commit" : "rollback"
    case 2...3 where prepared < 8:
      prepared += 1
      isInTransaction[player] = false
      return "prepare transaction 'it''s \(prepared)'"
    case 4...6: return "savepoint s; \(change()); \(chance(in: 2) ? "release s" : "savepoint t")"
    default: return inside()
    }
  }

  /// Something that takes a lock until the end of the transaction.
  private mutating func inside() -> String {
    switch Int.random(in: 1...20, using: &random) {
    case 1...8:
      let mode = LockMode.allCases.randomElement(using: &random) ?? .share
      return "lock table \(table()) in \(mode.sqlName) mode"
    case 9...12:
      let strength = ["key share", "share", "no key update", "update"].randomElement(using: &random)
      return "select from \(table()) where id = \(row()) for \(strength ?? "update")"
    case 13...16: return change()
    case 17...18:
      return "select pg_advisory_xact_lock\(chance(in: 2) ? "_shared" : "")(\(advisoryKey()))"
    default:
      things += 1
      return chance(in: 2)
        ? "comment on schema scene is '\(things)'" : "create table scene.made_\(things % 3) ()"
    }
  }

  private mutating func change() -> String {
    switch Int.random(in: 1...4, using: &random) {
    case 1: "delete from \(table()) where id = \(row())"
    case 2: "insert into \(table()) values (\(row() + 100), 0) on conflict do nothing"
    case 3: "update \(table()) set id = id + 10 where id = \(row())"
    default: "update \(table()) set n = n + 1 where id = \(row())"
    }
  }

  private mutating func table() -> String {
    "scene." + (["a", "b", "c"].randomElement(using: &random) ?? "a")
  }
  private mutating func row() -> Int { Int.random(in: 1...3, using: &random) }
  private mutating func advisoryKey() -> String {
    chance(in: 2) ? "\(row())" : "0, \(row())"
  }

  /// Waits until every session has ended its statement or waits for a lock.
  private func settle() async throws {
    let query = Query<Int32>(
      "select distinct pid from pg_locks where not granted and waitstart is not null"
    ) { row throws(ResultRow.Mismatch) in Int32(truncatingIfNeeded: try row.integer(0)) }
    let deadline = ContinuousClock.now + .seconds(120)
    while ContinuousClock.now < deadline {
      let busy = Set(players.filter(\.isBusy).map(\.connection.processID))
      if busy.isEmpty { return }
      let waiting = try await stage.rows(query)
      // Whoever was busy and has ended meanwhile is looked at once more.
      let stillBusy = Set(players.filter(\.isBusy).map(\.connection.processID))
      if stillBusy.isSubset(of: waiting), busy == stillBusy { return }
    }
    throw NobodyMoves(pids: players.filter(\.isBusy).map(\.connection.processID))
  }
}
