import EventLoop
import MigrationEngine
import Postgres
import PostgresModel
import TestSupport
import Testing

@Suite struct LockMonitorSignalTests {
  /// Another session in a transaction of its own, as the monitor sees it.
  private func withTransaction<Result: Sendable>(
    _ body: @escaping @Sendable (LockMonitor, Connection, LockSession) async throws -> Result
  ) async throws -> Result {
    let database = try await TestServer.shared.makeDatabase()
    try await database.execute("create table orders (id int)")
    let url = database.url
    return try await onLoop { loop in
      let target = try ConnectionString(url)
      let monitor = try await LockMonitor.open(target, loop: loop)
      let other = try await Connection.open(target, application: "report-job", loop: loop)
      try await other.execute("begin; select * from orders")
      let look = try await monitor.look()
      let seen = try #require(look.snapshot.sessions[other.processID])
      return try await body(monitor, other, seen)
    }
  }

  @Test func `a session is ended as it was seen`() async throws {
    let isGone = try await withTransaction { monitor, other, seen in
      let isDone = try await monitor.signal(seen, ends: true)
      #expect(isDone)
      while try await monitor.look().snapshot.sessions[seen.pid] != nil {}
      do {
        try await other.execute("select 1")
        return false
      } catch {
        return true
      }
    }
    #expect(isGone)
  }

  @Test func `a session in another transaction is left alone`() async throws {
    let answers = try await withTransaction { monitor, other, seen in
      try await other.execute("commit")
      try await other.execute("begin; select * from orders")
      let ends = try await monitor.signal(seen, ends: true)
      let cancels = try await monitor.signal(seen, ends: false)
      try await other.execute("select 1")
      return [ends, cancels]
    }
    #expect(answers == [false, false])
  }

  @Test func `another session of the same pid is left alone`() async throws {
    let isDone = try await withTransaction { monitor, other, seen in
      var earlier = seen
      earlier.backendStart = seen.backendStart.map { Instant(microseconds: $0.microseconds - 1) }
      return try await monitor.signal(earlier, ends: true)
    }
    #expect(!isDone)
  }

  @Test func `what a role may do to whom is what the server does`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    let suffix = database.name
    try await database.execute(
      """
      create role plain_\(suffix) login; create role signaller_\(suffix) login;
      create role other_\(suffix) login; create role boss_\(suffix) login superuser;
      grant pg_signal_backend, pg_read_all_stats to signaller_\(suffix);
      grant pg_read_all_stats to plain_\(suffix);
      """)
    let url = database.url
    /// The rights of a role, and whether it may end a session of each of the others.
    func outcome(of role: String) async throws -> [String] {
      try await onLoop { loop in
        let target = try ConnectionString(url)
        let own = try await Connection.open(
          target, application: "monitor", settings: [("role", "\(role)_\(suffix)")], loop: loop)
        let monitor = LockMonitor(own)
        let rights = try #require(try await monitor.sessionRights())
        var answers: [String] = []
        for name in ["plain", "other", "boss"] {
          // The role of a session is the one that logged in.
          let victim = try await Connection.open(
            try ConnectionString(url.replacingUser(with: "\(name)_\(suffix)")),
            application: "victim", loop: loop)
          try await victim.execute("begin; select txid_current()")
          let look = try await monitor.look()
          let seen = try #require(look.snapshot.sessions[victim.processID])
          let told = rights.obstacle(toSignalling: seen) == nil
          let done = (try? await monitor.signal(seen, ends: true)) ?? false
          #expect(told == done, "\(role) ends a session of \(name)")
          answers.append("\(name) \(done)")
        }
        return answers
      }
    }
    #expect(try await outcome(of: "plain") == ["plain true", "other false", "boss false"])
    #expect(try await outcome(of: "signaller") == ["plain true", "other true", "boss false"])
    #expect(try await outcome(of: "boss") == ["plain true", "other true", "boss true"])
    try await database.execute(
      ["plain", "signaller", "other", "boss"].map { "drop role \($0)_\(suffix)" }
        .joined(separator: ";"))
  }
}

extension String {
  /// The same address for another role.
  fileprivate func replacingUser(with role: String) -> String {
    self + (contains("?") ? "&" : "?") + "user=\(role)"
  }
}
