import EventLoop
import MigrationModel
import Postgres
import PostgresModel
import Synchronization

/// Sessions that work on tables of the scratch copy while a migration runs there, and the longest that each
/// of them waits.
final class Contention: Sendable {
  /// How long one that is idle leaves its transaction open, and how long it then leaves the table alone.
  private static let idleness = Duration.milliseconds(200)
  private static let absence = Duration.milliseconds(300)
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
  /// What has become of each writer's rows, by table.
  private let written = Mutex<[QualifiedName: ContentionRun.Writing]>([:])
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
        let task: Task<Void, Never>
        if role == .writer {
          let writer = try await ContentionWriter(session, table)
          task = Task(executorPreference: loop) { await self.write(writer) }
        } else {
          try await session.execute(Self.work(role, table))
          if role == .idler { try await session.execute("COMMIT") }
          task = Task(executorPreference: loop) {
            await self.work(session, Key(table: table, role: role))
          }
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
    let written = written.withLock { $0 }
    return tables.map { table in
      func time(_ role: Role) -> Double { longest[Key(table: table, role: role)] ?? 0 }
      return ContentionRun.Stall(
        table, reader: time(.reader), writer: time(.writer), idler: time(.idler),
        writing: written[table] ?? .nothing("its session was lost"))
    }
  }

  private func work(_ session: Connection, _ key: Key) async {
    while !isOver.withLock({ $0 }) {
      let began = ContinuousClock.now
      // A table that is not there any more, or not yet, is no reason to stop.
      let isThere = (try? await session.execute(Self.work(key.role, key.table))) != nil
      let time = milliseconds(since: began)
      note(time, key)
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

  private func write(_ writer: ContentionWriter) async {
    var count = 0
    repeat {
      let began = ContinuousClock.now
      if await writer.write() { count += 1 }
      note(milliseconds(since: began), Key(table: writer.table, role: .writer))
      let now = writer.writing(count)
      written.withLock { $0[writer.table] = now }
      try? await loop.sleep(for: .milliseconds(5))
      if await writer.session.lost != nil { return }
    } while !isOver.withLock { $0 }
  }

  private func note(_ time: Double, _ key: Key) {
    longest.withLock { $0[key] = max($0[key] ?? 0, time) }
  }

  /// Takes the lock that such work takes, and changes nothing.
  private static func work(_ role: Role, _ table: QualifiedName) -> String {
    switch role {
    case .reader, .writer: "SELECT FROM \(table.sql) LIMIT 1"
    case .idler: "BEGIN; SELECT FROM \(table.sql) LIMIT 1"
    }
  }
}
