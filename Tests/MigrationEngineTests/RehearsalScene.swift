import EventLoop
import MigrationEngine
import MigrationModel
import Postgres
import PostgresModel
import TestSupport

/// dbmate files, a database for them, and their rehearsal.
struct RehearsalScene: Sendable {
  let database: TestDatabase
  let folder = TemporaryFolder()
  var user: String?

  /// - Parameter base: What is there before.
  init(
    _ migrations: [(up: String, down: String)], base: String = "",
    transaction: Bool = true, on server: TestServer = .shared
  ) async throws {
    let mark = transaction ? "" : " transaction:false"
    database = try await server.makeDatabase()
    for (index, migration) in migrations.enumerated() {
      folder.write(
        "migrations/\(index + 1)_m.sql",
        "-- migrate:up\(mark)\n\(migration.up)\n-- migrate:down\(mark)\n\(migration.down)\n")
    }
    if !base.isEmpty { try await database.execute(base) }
  }

  init(
    up: String, down: String = "select 1;", base: String = "", transaction: Bool = true,
    on server: TestServer = .shared
  ) async throws {
    try await self.init([(up, down)], base: base, transaction: transaction, on: server)
  }

  var project: Project {
    Project(
      directories: ["\(folder.path)/migrations"], layout: "dbmate",
      table: QualifiedName(schema: "public", "schema_migrations"), root: folder.path)
  }

  var target: ConnectionString {
    get throws {
      var target = try ConnectionString(database.url)
      if let user { target["user"] = user }
      return target
    }
  }

  /// Rehearses all of them.
  func rehearse(
    _ change: @escaping @Sendable (inout Rehearsal) -> Void = { _ in }
  ) async throws -> RehearsalReport {
    let (project, target) = (project, try target)
    return try await onLoop { loop in
      var rehearsal = Rehearsal(project: project, target: target, loop: loop)
      change(&rehearsal)
      return try await rehearsal.run { _ in }
    }
  }

  /// Rehearses the only one.
  func first(
    _ change: @escaping @Sendable (inout Rehearsal) -> Void = { _ in }
  ) async throws -> RehearsedMigration {
    try await rehearse(change).migrations[0]
  }
}

extension RehearsedStatement {
  /// The strongest lock on each table and view, in words: `SHARE public.t`.
  var lockLines: [String] {
    (evidence?.locks ?? []).strongest.filter { !$0.isOnIndex }
      .map { "\($0.mode.sqlName) \($0.relation)" }
  }
}
