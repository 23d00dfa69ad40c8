import MigrationModel
import PostgresModel
import Synchronization
import TestSupport
import Testing

@testable import MigrationEngine

extension SampleMigration {
  static let note = SampleMigration(
    "001", "note",
    up: "ALTER TABLE orders ADD COLUMN note text;\nCREATE INDEX notes ON orders (note);",
    down: "DROP INDEX notes;\nALTER TABLE orders DROP COLUMN note;")
  static let dropped = SampleMigration(
    "002", "drop", up: "ALTER TABLE orders DROP COLUMN channel;",
    down: "ALTER TABLE orders ADD COLUMN channel text;")
}

/// What a run of a checklist came to, and what it said on its way.
struct CheckOutcome: Sendable {
  var migrations: [CheckedMigration]
  var rehearsed: Bool

  /// Each item of the migrations: `rollback passed`.
  var lines: [String] {
    migrations.flatMap(\.items).map { "\($0.item.id) \($0.status.rawValue)" }
  }

  func item(_ id: String) throws -> CheckedItem {
    try #require(migrations.first?.items.first { $0.item.id == id })
  }
}

extension ProjectFixture {
  /// Makes a project of dbmate on a database with the table `orders`.
  static func checked(_ migrations: [SampleMigration]) async throws -> ProjectFixture {
    let fixture = try await ProjectFixture("dbmate", migrations)
    try await fixture.database.execute(
      "CREATE TABLE orders (id int PRIMARY KEY, customer int, channel text)")
    return fixture
  }

  /// Goes through a checklist.
  func check(
    _ versions: [String] = [], items: Set<String>? = nil,
    checklist: Checklist = Checklists.staging, sources: CheckSources = CheckSources(),
    environment: String? = "staging", copy: RehearsalCopy? = nil
  ) async throws -> CheckOutcome {
    let versions = versions.map { Version($0) }
    return try await withCheck(checklist, sources, environment) { check in
      let heard = Mutex(false)
      var check = check
      check.copy = copy
      let migrations = try await check.run(versions, items: items) { progress in
        if case .rehearsing(.copying) = progress { heard.withLock { $0 = true } }
      }
      return CheckOutcome(migrations: migrations, rehearsed: heard.withLock { $0 })
    }
  }

  /// Runs a body with what goes through a checklist.
  func withCheck<Result: Sendable>(
    _ checklist: Checklist = Checklists.staging, _ sources: CheckSources = CheckSources(),
    _ environment: String? = "staging",
    _ body: @escaping @Sendable (CheckRun) async throws -> Result
  ) async throws -> Result {
    let (project, target) = (project, try target)
    return try await onLoop { loop in
      try await body(
        CheckRun(
          project: project, target: target, checklist: checklist, sources: sources,
          records: FileRecords(root: project.root), by: "ada", environment: environment,
          options: Runner.Options(), loop: loop))
    }
  }

  /// Keeps a person's word.
  func keep(
    _ act: CheckRecord.Act, on item: String, _ version: String = "001"
  ) async throws {
    _ = try await withCheck { check in
      try await check.keep(
        act, on: item, of: [Version(version)], at: Instant(microseconds: 1_800_000_000_000_000))
    }
  }
}
