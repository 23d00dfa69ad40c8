import Diagnostics
import EventLoop
import MigrationEngine
import MigrationModel
import Postgres
import PostgresModel
import TestSupport
import Testing

/// Migrations that are applied already, rehearsed after they were rolled back on the copy.
@Suite(.fewAtOnce) struct RehearsalAppliedTests {
  private static let migrations = [
    SampleMigration.table("001", "one"),
    SampleMigration(
      "002", "two", up: "ALTER TABLE one ADD COLUMN note text; CREATE INDEX notes ON one (note);",
      down: "DROP INDEX notes; ALTER TABLE one DROP COLUMN note;"),
    SampleMigration(
      "003", "three", up: "CREATE VIEW seen AS SELECT note FROM one;", down: "DROP VIEW seen;"),
  ]

  private func rehearse(
    _ fixture: ProjectFixture, _ versions: [String],
    _ change: @escaping @Sendable (inout Rehearsal) -> Void = { _ in }
  ) async throws -> RehearsalReport {
    let (project, target) = (fixture.project, try fixture.target)
    let versions = versions.map { Version($0) }
    return try await onLoop { loop in
      var rehearsal = Rehearsal(project: project, target: target, loop: loop)
      change(&rehearsal)
      return try await rehearsal.run(versions) { _ in }
    }
  }

  private func applied(
    _ migrations: [SampleMigration] = migrations, layout: String = "dbmate"
  ) async throws -> ProjectFixture {
    let fixture = try await ProjectFixture(layout, migrations)
    #expect(try await fixture.run(.upAll).summary == "finished +\(migrations.count) -0")
    return fixture
  }

  @Test(arguments: ["dbmate", "sqlx", "golang-migrate"])
  func `one that is applied is rolled back with those after it, and rehearsed alone`(
    _ layout: String
  ) async throws {
    let migrations =
      layout == "dbmate"
      ? Self.migrations
      : Self.migrations.map {
        SampleMigration(String(Int($0.version) ?? 0), $0.name, up: $0.up, down: $0.down)
      }
    let fixture = try await applied(migrations, layout: layout)
    try await fixture.database.execute("INSERT INTO one VALUES (1, 'a'), (2, 'b')")
    let report = try await rehearse(fixture, [migrations[1].version])
    #expect(report.migrations.map(\.version.text) == [migrations[1].version])
    let found = report.migrations[0]
    #expect(found.verdict == .passed, "\(found)")
    #expect(found.rolledBackFirst.map(\.text) == [migrations[2].version, migrations[1].version])
    #expect(
      found.wordsOfRollingBackFirst
        == "rehearsed after rolling back on the copy: \(migrations[2].version), \(migrations[1].version)"
    )
    #expect(found.statements[1].lockLines == ["SHARE public.one"])
    // The target is as it was.
    #expect(try await fixture.database.rows("SELECT note FROM seen ORDER BY 1") == ["a", "b"])
    let status = try await fixture.load().status
    #expect(status.migrations.allSatisfy { $0.state == .applied })
  }

  @Test func `what stands between two that are named is rehearsed, and pending ones after them`()
    async throws
  {
    let fixture = try await applied()
    fixture.write(SampleMigration.table("004", "four"))
    let between = try await rehearse(fixture, ["001", "003"])
    #expect(between.migrations.map(\.version.text) == ["001", "002", "003"])
    #expect(between.hasPassed && between.batch?.verdict == .exact)
    let onwards = try await rehearse(fixture, ["003", "004"])
    #expect(onwards.migrations.map(\.version.text) == ["003", "004"])
    #expect(onwards.migrations.map { $0.rolledBackFirst.count } == [1, 0])
    #expect(onwards.hasPassed)
    // Who names none means what is pending.
    let pending = try await rehearse(fixture, [])
    #expect(pending.migrations.map(\.version.text) == ["004"])
    #expect(pending.migrations[0].rolledBackFirst == [])
  }

  @Test func `an older one that is pending stays out of it`() async throws {
    let fixture = try await applied(
      [Self.migrations[0], Self.migrations[2]].map {
        var migration = $0
        migration.up = $0.version == "003" ? "CREATE TABLE three ();" : $0.up
        migration.down = $0.version == "003" ? "DROP TABLE three;" : $0.down
        return migration
      })
    fixture.write(SampleMigration("002", "two", up: "SELECT * FROM nowhere;", down: "SELECT 1;"))
    let report = try await rehearse(fixture, ["003"])
    #expect(report.migrations.map(\.version.text) == ["003"])
    #expect(report.hasPassed)
  }

  @Test func `where a later one has no way back it cannot be rehearsed, and that is said`()
    async throws
  {
    var last = Self.migrations[2]
    last.down = nil
    let fixture = try await applied([Self.migrations[0], Self.migrations[1], last])
    let refusal = await #expect(throws: Refusal.self) {
      _ = try await rehearse(fixture, ["002"])
    }
    let what = try #require(refusal?.diagnostic.what)
    #expect(
      what.hasPrefix(
        "002_two is applied and cannot be rehearsed: 003_three, which comes after it, cannot be"
          + " rolled back on the copy first: "), "\(what)")
    #expect(refusal?.diagnostic.code == "irreversible")
    let own = await #expect(throws: Refusal.self) { _ = try await rehearse(fixture, ["003"]) }
    #expect(
      own?.diagnostic.what.hasPrefix(
        "003_three is applied and cannot be rehearsed: it cannot be rolled back on the copy first: "
      )
        == true)
  }

  @Test func `one whose later ones fail on their way back is not proven, and never passed`()
    async throws
  {
    var last = Self.migrations[2]
    last.down = "DROP VIEW nowhere;"
    let fixture = try await applied([Self.migrations[0], Self.migrations[1], last])
    let report = try await rehearse(fixture, ["002"])
    #expect(!report.hasPassed)
    let found = try #require(report.migrations.first)
    #expect(found.verdict == .notRun && found.applies == nil)
    #expect(found.standsInTheWay?.text == "003")
    #expect(found.error?.sqlstate == "42P01")
    #expect(
      found.words
        == "not run: it is applied, and 003, which comes after it, could not be rolled back on the"
        + " copy first")
    #expect(found.wordsOfRollingBackFirst == nil)
  }

  @Test func `one whose file was edited is rehearsed as it is written now`() async throws {
    let tables = [SampleMigration.table("1", "one"), SampleMigration.table("2", "two")]
    let fixture = try await applied(tables, layout: "sqlx")
    var edited = tables[1]
    edited.up += " SELECT 1;"
    fixture.write(edited)
    // The way back is a file of its own, and is what it was.
    let report = try await rehearse(fixture, ["2"])
    #expect(report.hasPassed)
    #expect(report.migrations[0].statements.count == 2)
  }
}
