import EventLoop
import MigrationEngine
import Postgres
import PostgresModel
import TestSupport
import Testing

@Suite struct LockMonitorTests {
  @Test func `the monitor names who waits, for what and behind whom`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    try await database.execute("create table orders (id int)")
    let url = database.url
    let (edges, name, waiting) = try await onLoop { loop in
      let target = try ConnectionString(url)
      let monitor = try await LockMonitor.open(target, loop: loop)
      try await monitor.loadNames()
      let holder = try await Connection.open(target, application: "report-job", loop: loop)
      let waiter = try await Connection.open(target, application: "web-1", loop: loop)
      try await holder.execute("begin; select * from orders")
      let blocked = Task(executorPreference: loop) {
        try await waiter.execute("begin; lock table orders in access exclusive mode; commit")
      }
      let look = try await look(monitor, until: waiter)
      let checked = try await monitor.look(verifies: true)
      try await holder.execute("commit")
      _ = try await blocked.value
      // Other tests wait on the same server.
      let rows = look.graph.nodes.compactMap { node -> String? in
        guard let wait = node.wait, node.owner.pid == waiter.processID else { return nil }
        return look.names.text(wait.tag)
      }
      let blockers = look.graph.roots.map { look.graph.nodes[$0].owner.pid == holder.processID }
      let verified = checked.graph.waiters.contains {
        checked.graph.nodes[$0].owner.pid == waiter.processID
      }
      return (blockers, rows, verified)
    }
    #expect(edges.contains(true))
    #expect(name == ["orders"])
    #expect(waiting)
  }

  @Test func `a locked catalogue does not keep the monitor from looking`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    let url = database.url
    let waiters = try await onLoop { loop in
      let target = try ConnectionString(url)
      let monitor = try await LockMonitor.open(target, loop: loop)
      try await monitor.loadNames()
      let holder = try await Connection.open(target, application: "holder", loop: loop)
      let waiter = try await Connection.open(target, application: "waiter", loop: loop)
      try await holder.execute("begin; lock table pg_class in access exclusive mode")
      let blocked = Task(executorPreference: loop) {
        try await waiter.execute("select count(*) from pg_class")
      }
      let look = try await look(monitor, until: waiter)
      try await holder.execute("rollback")
      _ = try await blocked.value
      return look.graph.waiters.compactMap { look.graph.nodes[$0].owner.pid }
        .contains(waiter.processID)
    }
    #expect(waiters)
  }

  /// Other tests wait on the same server too: looks until this one does.
  private func look(
    _ monitor: LockMonitor, until waiter: Connection
  ) async throws -> LockMonitor.Look {
    while true {
      let look = try await monitor.look()
      let waiters = look.graph.waiters.compactMap { look.graph.nodes[$0].owner.pid }
      if waiters.contains(waiter.processID) { return look }
      await Task.yield()
    }
  }
}
