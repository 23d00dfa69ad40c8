import Diagnostics
import Postgres
import PostgresModel
import Synchronization
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

@Suite struct ConnectionTests {
  @Test func `a parameterised query gives decoded rows`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    let rows = try await database.server.withConnection(to: database.name) { connection in
      try await connection.rows(
        Query("select n, $1::text, null::text from generate_series(1, 2) n", ["it's"]) {
          row throws(ResultRow.Mismatch) in
          "\(try row.integer(0)) \(try row.string(1)) \(row.optionalString(2) ?? "-")"
        })
    }
    #expect(rows == ["1 it's -", "2 it's -"])
  }

  @Test func `notices arrive while the statement runs, results in order`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    let (notices, tags) = try await database.server.withConnection(to: database.name) {
      connection in
      let heard = Mutex<[String]>([])
      let results = try await connection.execute(
        """
        do $$ begin raise notice 'step % of 2', 1; raise warning 'w'; end $$;
        create table t (n int); insert into t select generate_series(1, 3)
        """,
        onNotice: { notice in heard.withLock { $0.append(notice.severity + " " + notice.message) } }
      )
      return (heard.withLock { $0 }, results.map { "\($0.tag) \($0.rows ?? -1)" })
    }
    #expect(notices == ["NOTICE step 1 of 2", "WARNING w"])
    #expect(tags == ["DO -1", "CREATE TABLE -1", "INSERT 0 3 3"])
  }

  @Test func `a server error carries all its fields and leaves the session usable`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    let (error, after) = try await database.server.withConnection(to: database.name) {
      connection -> (ServerError?, Int) in
      var found: ServerError?
      do throws(DatabaseError) {
        try await connection.execute("select 'ü', nothere from pg_class")
      } catch { found = error.serverError }
      let rows = try await connection.rows(Query("select 1") { _ in 1 })
      return (found, rows[0])
    }
    #expect(error?.sqlstate == "42703")
    #expect(error?.position == 13)
    #expect(error?.message == #"column "nothere" does not exist"#)
    #expect(after == 1)
  }

  @Test func `cancelling the task cancels the statement on the server`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    let (sqlstate, stillThere) = try await database.server.withConnection(to: database.name) {
      connection -> (String?, Bool) in
      let running = Task(executorPreference: connection.loop) { () -> String? in
        do throws(DatabaseError) {
          try await connection.execute("select pg_sleep(60)")
          return nil
        } catch { return error.serverError?.sqlstate }
      }
      // A cancellation is meant for a statement that the server has begun.
      try await database.wait(
        until: """
          EXISTS (SELECT FROM pg_stat_activity
            WHERE pid = \(connection.processID) AND wait_event = 'PgSleep')
          """)
      running.cancel()
      let state = await running.value
      let rows = try await connection.rows(Query("select 1") { _ in true })
      return (state, rows == [true])
    }
    #expect(sqlstate == "57014")
    #expect(stillThere)
  }

  @Test(.enabled(if: access("/proc/self/status", R_OK) == 0, "only Linux tells of waiting signals"))
  func `a cancellation that the server hears before the statement is not lost`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    let sqlstate = try await database.server.withConnection(to: database.name) {
      connection -> String? in
      let loop = connection.loop
      kill(connection.processID, SIGSTOP)
      let running = Task(executorPreference: loop) { () -> String? in
        do throws(DatabaseError) {
          try await connection.execute("select pg_sleep(600)")
          return nil
        } catch { return error.serverError?.sqlstate }
      }
      // It has been sent, and the backend cannot read it.
      try await loop.sleep(for: .milliseconds(1))
      running.cancel()
      while !hasPendingInterrupt(connection.processID) {
        try await loop.sleep(for: .milliseconds(5))
      }
      kill(connection.processID, SIGCONT)
      return await running.value
    }
    #expect(sqlstate == "57014")
  }

  @Test func `two tasks on one session are answered one after the other`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    let answers = try await database.server.withConnection(to: database.name) { connection in
      async let first = connection.rows(
        Query("select 'a', pg_sleep(0.05)") { $0.optionalString(0) })
      async let second = connection.rows(Query("select 'b'") { $0.optionalString(0) })
      return try await [first, second]
    }
    #expect(answers == [["a"], ["b"]])
  }

  @Test func `a session that the server ends is told as lost, never as success`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    let error = try await database.server.withConnection(to: database.name) {
      connection -> DatabaseError? in
      do throws(DatabaseError) {
        try await connection.execute("select pg_terminate_backend(pg_backend_pid())")
        return nil
      } catch { return error }
    }
    guard case .connectionLost(let reason) = error else {
      Issue.record("expected a lost connection, got \(String(describing: error))")
      return
    }
    #expect(reason == "terminating connection due to administrator command")
  }

  @Test func `COPY FROM STDIN ends with an error instead of waiting`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    try await database.execute("create table t (n int)")
    let sqlstate = try await database.server.withConnection(to: database.name) {
      connection -> String? in
      do throws(DatabaseError) {
        try await connection.execute("copy t from stdin")
        return nil
      } catch { return error.serverError?.sqlstate }
    }
    #expect(sqlstate == "57014")
  }

  @Test func `a missing database is told with the way out`() async throws {
    let url = TestServer.shared.cluster.url(database: "no_such_database")
    let error = try await onLoop { loop -> DatabaseError? in
      do throws(DatabaseError) {
        _ = try await Connection.open(
          try! ConnectionString(url), application: "t", loop: loop)
        return nil
      } catch { return error }
    }
    let diagnostic = try #require(error?.diagnostic)
    #expect(diagnostic.code == "no_connection")
    #expect(diagnostic.sqlstate == "3D000")
    #expect(diagnostic.what.hasSuffix(#"FATAL:  database "no_such_database" does not exist"#))
    #expect(diagnostic.next == "`lockstep create` with the same URL makes the database")
  }

  @Test(arguments: ["127.0.0.1", "localhost"])
  func `a server that takes the call and says nothing is given up in time`(host: String)
    async throws
  {
    let listener = socket(AF_INET, stream, 0)
    defer { close(listener) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr = in_addr(s_addr: UInt32(INADDR_LOOPBACK).bigEndian)
    var length = socklen_t(MemoryLayout.size(ofValue: address))
    let port = withUnsafeMutablePointer(to: &address) { address in
      address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address -> UInt16? in
        guard bind(listener, address, length) == 0, listen(listener, 4) == 0,
          getsockname(listener, address, &length) == 0
        else { return nil }
        return address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
          UInt16(bigEndian: $0.pointee.sin_port)
        }
      }
    }
    let target = try ConnectionString(
      "postgres://x@\(host):\(try #require(port))/x?connect_timeout=1&gssencmode=disable")
    let error = try await onLoop { loop -> DatabaseError? in
      do throws(DatabaseError) {
        _ = try await Connection.open(target, application: "t", loop: loop)
        return nil
      } catch { return error }
    }
    #expect(error?.diagnostic.what.hasSuffix("timeout expired") == true)
  }
}

#if canImport(Glibc)
  private let stream = Int32(SOCK_STREAM.rawValue)
#else
  private let stream = SOCK_STREAM
#endif

/// Whether SIGINT waits for a stopped process to go on.
private func hasPendingInterrupt(_ process: pid_t) -> Bool {
  guard let file = fopen("/proc/\(process)/status", "r") else { return false }
  defer { fclose(file) }
  var bytes = [UInt8](repeating: 0, count: 8192)
  let text = String(decoding: bytes[..<fread(&bytes, 1, bytes.count, file)], as: UTF8.self)
  let pending = text.split(separator: "\n").first { $0.hasPrefix("ShdPnd:") }
  let mask = pending.flatMap { UInt64($0.dropFirst(7).filter(\.isHexDigit), radix: 16) } ?? 0
  return mask & (1 << UInt64(SIGINT - 1)) != 0
}

@Suite struct ConnectionStringTests {
  @Test func `a password is never printed`() throws {
    let target = try ConnectionString("postgres://ada:s3cret@db1:5433/orders?sslmode=require")
    #expect(target.summary == "ada@db1:5433/orders")
    #expect("\(target)".contains("password=***"))
    #expect(!"\(target)".contains("s3cret"))
    #expect(!String(reflecting: target).contains("s3cret"))
    #expect(target.environment["PGPASSWORD"] == "s3cret")
  }

  @Test func `text that is no connection string is refused with libpq's reason`() {
    #expect(throws: ConnectionString.Malformed.self) { try ConnectionString("host=a port") }
  }
}
