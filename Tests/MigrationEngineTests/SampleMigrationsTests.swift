import Diagnostics
import MigrationEngine
import MigrationModel
import Postgres
import Synchronization
import TestSupport
import Testing

@Suite struct SampleMigrationsTests {
  @Test func `the sample migrations apply one by one, each with its row in sqlx's table`()
    async throws
  {
    let database = try await TestServer.shared.makeDatabase()
    let folder = "\(repositoryRoot)/migrations"
    let (outcome, events) = try await onLoop { loop in
      let target = try ConnectionString(database.url)
      let project = Project(directories: [folder], layout: "sqlx")
      let connection = try await Connection.open(target, application: "test", loop: loop)
      let loaded = try await project.load(try await project.readFiles(), from: connection)
      let context = PlanContext(runBy: "test")
      let plan = Plan.make(
        .up(to: nil, count: 8, allowOutOfOrder: false), status: loaded.status,
        layout: loaded.layout, context: context)
      let events = Mutex<[RunEvent]>([])
      let runner = Runner(project: project, target: target, loop: loop)
      let outcome = try await runner.run(plan, context: context) { event in
        events.withLock { $0.append(event) }
      }
      return (outcome, events.withLock { $0 })
    }
    guard case .finished(let applied, 0) = outcome else {
      Issue.record("\(outcome) \(events.suffix(3))")
      return
    }
    #expect(applied == 8)
    let rows = try await database.rows(
      "select version, success, execution_time > 0 from _sqlx_migrations order by 1 limit 1")
    #expect(rows == ["20260109000000|t|t"])
  }
}

let repositoryRoot: String = {
  let parts = #filePath.split(separator: "/")
  return "/" + parts.dropLast(3).joined(separator: "/")
}()
