import EventLoop
import MigrationEngine
import Postgres
import PostgresModel
import TestSupport
import Testing

/// For whom the concurrent forms wait on a real server, against what is concluded from their text.
@Suite(.fewAtOnce) struct ConcurrentWaitTests {
  private static let props = """
    create table orders (id int primary key, a int); create index orders_a on orders (a);
    insert into orders values (1, 1); create table other (id int);
    create table event (id int) partition by range (id);
    create table event_1 partition of event for values from (1) to (10);
    """

  /// A form, and whether it waits for a reader and for a writer of its table.
  struct Form: Sendable, CustomTestStringConvertible {
    var sql: String
    var table = "orders"
    var testDescription: String { sql }
  }

  static let forms = [
    Form(sql: "create index concurrently orders_b on orders (a)"),
    Form(sql: "reindex index concurrently orders_a"),
    Form(sql: "drop index concurrently orders_a"),
    Form(sql: "alter table event detach partition event_1 concurrently", table: "event"),
  ]

  @Test(arguments: forms)
  func `a concurrent form waits for whom its value tells`(_ form: Form) async throws {
    let effect = try #require(StatementLocks().effect(of: form.sql).effect)
    let wait = try #require(effect.concurrentWait)
    let holders = try #require(wait.holders)
    let scenes = [
      ("begin isolation level repeatable read; select from other", wait.isForOlderSnapshots),
      ("begin; insert into other values (1)", false),
      ("begin; select from \(form.table)", holders.conflicts(with: .accessShare)),
      ("begin; insert into \(form.table) values (2)", holders.conflicts(with: .rowExclusive)),
    ]
    // Looked at from elsewhere: a snapshot of whoever looks would be waited for as well.
    let lookout = try await TestServer.shared.makeDatabase()
    for (scene, waits) in scenes {
      let database = try await TestServer.shared.makeDatabase()
      try await database.execute(Self.props)
      let url = database.url
      try await onLoop { loop in
        let target = try ConnectionString(url)
        let holder = try await Connection.open(target, application: "holder", loop: loop)
        try await holder.execute(scene)
        let builder = try await Connection.open(target, application: "builder", loop: loop)
        if waits {
          let build = Task(executorPreference: loop) { try await builder.execute(form.sql) }
          try await lookout.wait(until: Self.waits(builder, for: holder))
          try await holder.execute("rollback")
          _ = try await build.value
        } else {
          // Would never end if it waited: nobody ends the holder's transaction.
          try await builder.execute("set statement_timeout = '60s'; set lock_timeout = 0")
          try await builder.execute(form.sql)
          try await holder.execute("rollback")
        }
      }
    }
  }

  @Test func `the sessions that an index build will wait for are named before it begins`()
    async throws
  {
    let database = try await TestServer.shared.makeDatabase()
    let elsewhere = try await TestServer.shared.makeDatabase()
    try await database.execute(Self.props)
    let (url, otherURL) = (database.url, elsewhere.url)
    let (named, expected) = try await onLoop { loop in
      let target = try ConnectionString(url)
      let monitor = try await LockMonitor.open(target, loop: loop)
      try await monitor.loadNames()
      let report = try await Connection.open(target, application: "report", loop: loop)
      try await report.execute("begin isolation level repeatable read; select from other")
      let between = try await Connection.open(target, application: "web", loop: loop)
      try await between.execute("begin; insert into other values (1)")
      let far = try await Connection.open(
        try ConnectionString(otherURL), application: "far", loop: loop)
      try await far.execute("begin isolation level repeatable read; select 1")
      let named = try await monitor.look().snapshot.olderSnapshots().map(\.pid)
      let builder = try await Connection.open(target, application: "builder", loop: loop)
      let build = Task(executorPreference: loop) {
        try await builder.execute("create index concurrently orders_b on orders (a)")
      }
      try await elsewhere.wait(until: Self.waits(builder, for: report))
      try await report.execute("commit")
      _ = try await build.value
      return (named, [report.processID])
    }
    #expect(named == expected)
  }

  /// Whether a session waits for the end of another's transaction, in SQL.
  private static func waits(_ builder: Connection, for holder: Connection) -> String {
    """
    exists (select from pg_stat_activity where pid = \(builder.processID)
      and wait_event_type = 'Lock' and wait_event = 'virtualxid'
      and pg_blocking_pids(pid) = array[\(holder.processID)])
    """
  }
}
