import EventLoop
import MigrationModel
import Postgres
import PostgresModel
import Synchronization

/// Sessions that work on tables of the scratch copy while a migration runs there, and the longest that each
/// of them waits.
final class Contention: Sendable {
  /// How long one that is idle leaves its transaction open, and how long it then leaves the table alone.
  private static let idleness = Duration.milliseconds(300)
  private static let absence = Duration.milliseconds(150)
  /// Each is worked on by three sessions.
  static let mostTables = 6

  private enum Role: CaseIterable { case reader, writer, idler }

  private struct Key: Hashable {
    var table: QualifiedName
    var role: Role
  }

  private let tables: [QualifiedName]
  private let loop: EventLoop
  private let longest = Mutex<[Key: Double]>([:])
  private let tasks = Mutex<[Task<Void, Never>]>([])
  private let isOver = Mutex(false)

  /// Lets the sessions begin; returns once each has been at work.
  init(
    on tables: [QualifiedName], of place: ConnectionString, loop: EventLoop
  ) async throws(DatabaseError) {
    self.tables = tables
    self.loop = loop
    for table in tables {
      for role in Role.allCases {
        let session = try await Connection.open(
          place, application: "lockstep rehearse", loop: loop)
        try await session.execute(Self.work(role, table))
        if role == .idler { try await session.execute("COMMIT") }
        let task = Task(executorPreference: loop) {
          await self.work(session, Key(table: table, role: role))
        }
        tasks.withLock { $0.append(task) }
      }
    }
    try? await loop.sleep(for: .milliseconds(50))
  }

  /// Lets them finish, and tells how long each has waited at most.
  func end() async -> [ContentionRun.Stall] {
    isOver.withLock { $0 = true }
    for task in tasks.withLock({ $0 }) { await task.value }
    let longest = longest.withLock { $0 }
    return tables.map { table in
      func time(_ role: Role) -> Double { longest[Key(table: table, role: role)] ?? 0 }
      return ContentionRun.Stall(
        table, reader: time(.reader), writer: time(.writer), idler: time(.idler))
    }
  }

  private func work(_ session: Connection, _ key: Key) async {
    while !isOver.withLock({ $0 }) {
      let began = ContinuousClock.now
      // A table that is not there any more, or not yet, is no reason to stop.
      let isThere = (try? await session.execute(Self.work(key.role, key.table))) != nil
      let time = milliseconds(since: began)
      longest.withLock { $0[key] = max($0[key] ?? 0, time) }
      switch key.role {
      case .reader, .writer:
        try? await loop.sleep(for: .milliseconds(5))
      case .idler:
        if isThere { try? await loop.sleep(for: Self.idleness) }
        _ = try? await session.execute("ROLLBACK")
        try? await loop.sleep(for: Self.absence)
      }
      if await session.lost != nil { return }
    }
  }

  /// Takes the lock that such work takes, and changes nothing.
  private static func work(_ role: Role, _ table: QualifiedName) -> String {
    switch role {
    case .reader: "SELECT FROM \(table.sql) LIMIT 1"
    case .writer: "DELETE FROM \(table.sql) WHERE false"
    case .idler: "BEGIN; SELECT FROM \(table.sql) LIMIT 1"
    }
  }
}
