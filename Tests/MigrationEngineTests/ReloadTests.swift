import EventLoop
import MigrationEngine
import MigrationModel
import Postgres
import TestSupport
import Testing

/// What a run makes of what was known when its plan was made.
@Suite(.fewAtOnce) struct ReloadTests {
  static let layouts = Layouts.all.map(\.name)

  /// Loads and plans, lets something happen, and runs with what was loaded.
  private func run(
    _ fixture: ProjectFixture, meanwhile: @escaping @Sendable () async throws -> Void
  ) async throws -> (summary: String, isUnchanged: Bool) {
    let (project, target) = (fixture.project, try fixture.target)
    return try await onLoop { loop in
      let connection = try await Connection.open(target, application: "test", loop: loop)
      let loaded = try await project.load(try await project.readFiles(), from: connection)
      let plan = Plan.make(
        .upAll, status: loaded.status, layout: loaded.layout, context: ProjectFixture.context)
      try await meanwhile()
      let isUnchanged = try await project.reload(after: loaded, from: connection) == nil
      let outcome = try await Runner(project: project, target: target, loop: loop).run(
        plan, context: ProjectFixture.context, after: loaded, in: connection
      ) { _ in }
      return (outcome.summary, isUnchanged)
    }
  }

  @Test(arguments: layouts)
  func `where nothing has changed, the plan is run as it is`(_ layout: String) async throws {
    let fixture = try await ProjectFixture(layout, [.table("001", "a"), .table("002", "b")])
    _ = try await fixture.run(.up(to: "001"))
    let ran = try await run(fixture) {}
    #expect(ran == ("finished +1 -0", true))
    #expect(try await fixture.statusLines() == ["001 applied", "002 applied"])
  }

  @Test(arguments: layouts)
  func `a file that was written meanwhile makes the plan stale`(_ layout: String) async throws {
    let fixture = try await ProjectFixture(layout, [.table("001", "a"), .table("002", "b")])
    let other = SampleMigration(
      "002", "create_b", up: "CREATE TABLE other (id int);", down: "DROP TABLE other;")
    let ran = try await run(fixture) { fixture.write(other) }
    #expect(ran == ("stale", false))
    #expect(try await fixture.tables() == [])
  }

  @Test(arguments: layouts)
  func `a file that came meanwhile makes the plan stale`(_ layout: String) async throws {
    let fixture = try await ProjectFixture(layout, [.table("001", "a"), .table("003", "c")])
    let ran = try await run(fixture) { fixture.write(.table("002", "b")) }
    #expect(ran == ("stale", false))
    #expect(try await fixture.tables() == [])
  }

  @Test(arguments: layouts)
  func `what another runner applied meanwhile makes the plan stale`(
    _ layout: String
  ) async throws {
    let fixture = try await ProjectFixture(layout, [.table("001", "a"), .table("002", "b")])
    let ran = try await run(fixture) { _ = try await fixture.run(.up(to: "001")) }
    #expect(ran == ("stale", false))
    #expect(try await fixture.statusLines() == ["001 applied", "002 pending"])
  }

  @Test func `a file of no layout's that came meanwhile changes nothing`() async throws {
    let fixture = try await ProjectFixture("sqlx", [.table("001", "a")])
    let ran = try await run(fixture) { fixture.folder.write("migrations/README", "read me") }
    #expect(ran == ("finished +1 -0", false))
  }
}
