import EventLoop
import MigrationEngine
import Postgres
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A server that cannot be had, or not as one would like.
@Suite(.mayBlock, .timeLimit(.minutes(10))) struct FaultConnectionTests {
  private static let files = [
    "migrations/1_first.sql":
      "-- migrate:up\ncreate table first ();\n-- migrate:down\ndrop table first;\n"
  ]

  /// Every command that asks the server.
  private static let commands = ["status", "up", "down", "locks"]

  @Test(arguments: commands)
  func `no server at that place`(command: String) async throws {
    let program = try Program(Self.files, url: "postgresql:///x?host=/tmp/no-such-folder&user=me")
    let outcome = try await program.run(command)
    expectTold(outcome, status: 5, "cannot connect to me@/tmp/no-such-folder/x: ")
    #expect(outcome.errors.contains("No such file or directory"))
  }

  @Test func `nobody listens at that port`() async throws {
    let program = try Program(Self.files, url: "postgresql://me:hidden@127.0.0.1:1/x")
    let outcome = try await program.run("status")
    expectTold(outcome, status: 5, "cannot connect to me@127.0.0.1:1/x: ")
    #expect(outcome.errors.contains("Connection refused"))
    #expect(!outcome.errors.contains("hidden"))
  }

  @Test func `a host whose name nobody knows`() async throws {
    let program = try Program(Self.files, url: "postgresql://me@nowhere.invalid/x")
    let outcome = try await program.run("status")
    expectTold(outcome, status: 5, "cannot connect to me@nowhere.invalid:5432/x: ")
  }

  @Test(arguments: commands)
  func `no such database`(command: String) async throws {
    let url = TestServer.shared.cluster.url(database: "never_made")
    let outcome = try await Program(Self.files, url: url).run(command)
    expectTold(outcome, status: 5, #"database "never_made" does not exist"#)
    #expect(
      outcome.errors.contains("\n  next: `lockstep create` with the same URL makes the database\n"))
  }

  @Test(arguments: [
    (
      "sslmode=never", #"invalid sslmode value: "never""#,
      "put it right in the URL, or in the environment that libpq reads (PGSSLMODE and the like)"
    ),
    (
      "sslmode=require", "server does not support SSL, but SSL was required",
      "turn TLS on at the server; sslmode=prefer goes without it"
    ),
    (
      "no_such_setting=1", #"FATAL:  unrecognized configuration parameter "no_such_setting""#,
      "take out of the URL, or put right, what the server does not know"
    ),
  ])
  func `a URL that asks for what cannot be says what, once`(
    parameter: String, what: String, next: String
  ) async throws {
    let (cluster, port) = try clusterWithPasswords()
    defer { cluster.stopBlocking() }
    let program = try Program(
      Self.files, url: "postgresql://lockstep:right@127.0.0.1:\(port)/postgres?\(parameter)")
    let outcome = try await program.run("status")
    expectTold(outcome, status: 5, what)
    #expect(outcome.errors.ranges(of: what).count == 1, "\(outcome.errors)")
    #expect(outcome.errors.contains("\n  next: \(next)\n"), "\(outcome.errors)")
  }

  @Test func `no such role`() async throws {
    let url = TestServer.shared.cluster.url(database: "postgres")
      .replacing("user=lockstep", with: "user=stranger")
    let outcome = try await Program(Self.files, url: url).run("status")
    expectTold(outcome, status: 5, #"role "stranger" does not exist"#)
  }

  @Test(arguments: ["no=such keyword", "postgres://[::1/x"])
  func `a connection string that nobody understands`(url: String) async throws {
    let outcome = try await Program(Self.files, url: url).run("status")
    expectTold(outcome, status: 2, "the connection URL cannot be used")
  }

  @Test func `a wrong password is told without being repeated`() async throws {
    let (cluster, port) = try clusterWithPasswords()
    defer { cluster.stopBlocking() }
    let wrong = try Program(
      Self.files, url: "postgresql://lockstep:hunter2@127.0.0.1:\(port)/postgres")
    for arguments in [["status"], ["up"], ["status", "--json"], ["status", "--verbose"]] {
      let outcome = try await wrong.run(words: arguments)
      expectTold(outcome, status: 5, "password authentication failed for user \"lockstep\"")
      #expect(
        outcome.errors.contains("\n  next: check user and password; libpq also reads PGPASSWORD"))
      #expect(!(outcome.errors + outcome.output).contains("hunter2"))
    }
    let missing = try Program(
      Self.files, url: "postgresql://lockstep@127.0.0.1:\(port)/postgres")
    expectTold(try await missing.run("status"), status: 5, "no password supplied")
    let right = try Program(
      Self.files, url: "postgresql://lockstep:right@127.0.0.1:\(port)/postgres")
    #expect(try await right.run("up", "--layout", "dbmate").status == 0)
  }

  @Test func `a server that refuses for want of room`() async throws {
    let cluster = try PrivateCluster.startBlocking(settings: [
      "max_connections = 4", "superuser_reserved_connections = 3",
    ])
    defer { cluster.stopBlocking() }
    let server = cluster.url(database: "postgres")
    try await onLoop { loop in
      let holder = try await Connection.open(
        try ConnectionString(server), application: "holder", loop: loop)
      try await holder.execute("create role guest login")
    }
    let url = server.replacing("user=lockstep", with: "user=guest")
    let outcome = try await onLoop { loop in
      let first = try await Connection.open(
        try ConnectionString(url), application: "first", loop: loop)
      let outcome = try await Program(Self.files, url: url).run("status")
      _ = first.processID
      return outcome
    }
    expectTold(outcome, status: 5, "remaining connection slots")
  }

  @Test func `a server that goes away and stays away`() async throws {
    let cluster = try PrivateCluster.startBlocking()
    let url = cluster.url(database: "postgres")
    let program = try Program(Self.files, url: url)
    #expect(try await program.run("up", "--layout", "dbmate").status == 0)
    cluster.stopBlocking()
    for command in Self.commands {
      expectTold(try await program.run(command), status: 5, "cannot connect to lockstep@")
    }
  }

  @Test func `without the right to make the history table nothing is begun`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    try await database.execute(
      "create role modest_\(database.name) login; revoke create on schema public from public")
    let url = database.url.replacing("user=lockstep", with: "user=modest_\(database.name)")
    let outcome = try await Program(Self.files, url: url).run("up", "--layout", "dbmate")
    expectTold(outcome, status: 1, "permission denied for schema public")
    #expect(
      outcome.errors.contains("GRANT CREATE ON SCHEMA \"public\" TO \"modest_\(database.name)\""))
    #expect(outcome.errors.contains("nothing was applied"))
    #expect(try await database.rows("select to_regclass('first')::text") == ["<null>"])
  }

  @Test func `without the right to read the history table that is said`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    let own = try Program(Self.files, url: database.url)
    #expect(try await own.run("up", "--layout", "dbmate").status == 0)
    try await database.execute("create role blind_\(database.name) login")
    let url = database.url.replacing("user=lockstep", with: "user=blind_\(database.name)")
    for command in ["status", "up"] {
      let outcome = try await Program(Self.files, url: url).run(command, "--layout", "dbmate")
      expectTold(outcome, status: 1, "permission denied for table schema_migrations")
      #expect(outcome.errors.contains("GRANT SELECT ON "))
    }
  }

  @Test func `a row that cannot be brought up to date after the commit is no failure`() async throws
  {
    let database = try await TestServer.shared.makeDatabase()
    let first = ["migrations/1_first.sql": "create table first ();\n"]
    #expect(
      try await Program(first, url: database.url).run("up", "--layout", "sqlx").status == 0)
    let role = "frugal_\(database.name)"
    try await database.execute(
      "create role \(role) login; grant create on schema public to \(role);"
        + "grant select, insert on _sqlx_migrations to \(role)")
    let both = first.merging(["migrations/2_second.sql": "create table second ();\n"]) { a, _ in a }
    let url = database.url.replacing("user=lockstep", with: "user=\(role)")
    let outcome = try await Program(both, url: url).run("up", "--layout", "sqlx")
    #expect(try await database.rows("select to_regclass('second')::text") == ["second"])
    // It committed: whatever is said, it must not be that nothing was applied.
    #expect(!outcome.errors.contains("nothing"), "\(outcome.errors)")
    #expect(outcome.status == 0, "\(outcome.errors)")
  }

  // MARK: Steps

  private func clusterWithPasswords() throws -> (PrivateCluster, port: Int) {
    let program = try Program([
      "pg_hba.conf": "local all all trust\nhost all all all scram-sha-256\n"
    ])
    // The server's user reads it.
    chmod(program.folder, 0o755)
    let port = try freePort()
    let cluster = try PrivateCluster.startBlocking(settings: [
      "hba_file = '\(program.folder)/pg_hba.conf'", "listen_addresses = '127.0.0.1'",
      "port = \(port)",
    ])
    let url = cluster.url(database: "postgres").replacing("port=5432", with: "port=\(port)")
    let outcome = try ChildProcess([
      "\(cluster.binaries)/psql", "-q", "-d", url, "-c", "alter role lockstep password 'right'",
    ]).runBlocking()
    #expect(outcome.status == 0, "\(outcome.errorText)")
    return (cluster, port)
  }

  private func freePort() throws -> Int {
    #if canImport(Glibc)
      let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    #else
      let descriptor = socket(AF_INET, SOCK_STREAM, 0)
    #endif
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
      }
    }
    try #require(isBound)
    return Int(UInt16(bigEndian: address.sin_port))
  }
}
