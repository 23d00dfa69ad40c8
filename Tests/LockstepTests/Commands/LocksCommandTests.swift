import EventLoop
import Postgres
import PostgresModel
import TestSupport
import Testing

@testable import lockstep

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// `lockstep locks`, as a person and as a script reads it.
@Suite(.timeLimit(.minutes(10))) struct LocksCommandTests {
  // MARK: Once

  @Test func `locks shows who waits behind whom`() async throws {
    let scene = try await Scene(["create table orders (id int)"])
    try await scene.session("holder") { holder in
      try await holder.execute("begin; lock table orders in access share mode")
      let waiter = Task(executorPreference: holder.loop) {
        try await scene.session("waiter") {
          try await $0.execute("begin; lock table orders in access exclusive mode")
        }
      }
      let outcome = try await scene.locks { $0.contains(" waiter  active ") }
      #expect(outcome.status == 0)
      #expect(outcome.lines[1].contains(" holder  idle in transaction "))
      #expect(outcome.lines[1].hasSuffix("  holds ACCESS SHARE on orders  blocks 1"))
      #expect(
        outcome.lines.contains {
          $0.hasPrefix("└ ") && $0.hasSuffix(" for ACCESS EXCLUSIVE on orders")
        })
      let json = try await scene.program.run("locks", "--json").output
      #expect(json.contains(#""blocked_by":[\#(holder.processID)],"waiting_ms":"#))
      #expect(
        json.contains(#""mode":"ACCESS EXCLUSIVE","locktype":"relation","relation":"orders""#))
      try await holder.execute("commit")
      _ = try await waiter.value
    }
    await scene.end()
  }

  @Test func `those who wait for the same one hang on one line, the last at its end`() async throws
  {
    let scene = try await Scene(["create table orders (id int)"])
    try await scene.session("holder") { holder in
      try await holder.execute("begin; lock table orders")
      let waiters = ["web-1", "web-2"].map { name in
        Task(executorPreference: holder.loop) {
          try await scene.session(name) { try await $0.execute("select * from orders") }
        }
      }
      let outcome = try await scene.locks { $0.contains("web-1") && $0.contains("web-2") }
      let tree = outcome.lines.filter { $0.contains(" web-") }
      #expect(tree.map { $0.prefix(2) } == ["├ ", "└ "])
      let queries = outcome.lines.filter { $0.hasSuffix("select * from orders") }
      #expect(queries == ["│     select * from orders", "      select * from orders"])
      try await holder.execute("commit")
      for waiter in waiters { _ = try await waiter.value }
    }
    await scene.end()
  }

  @Test func `where nobody waits the open transactions that hold tables are shown`() async throws {
    let scene = try await Scene(["create table orders (id int)"])
    try await scene.session("holder") { holder in
      try await holder.execute("begin; lock table orders in share mode")
      let outcome = try await scene.program.run("locks")
      #expect(outcome.status == 0 && outcome.errors == "")
      #expect(outcome.lines[1] == "nobody waits")
      let line = outcome.lines.first { $0.hasPrefix("\(holder.processID) lockstep holder") }
      #expect(line?.contains("  idle in transaction ") == true)
      #expect(line?.hasSuffix("  holds SHARE on orders") == true)
      let object = try await scene.program.run("locks", "--json").json()
      #expect(object["waiters"] == "[]" && object["trees"] == "[]")
      #expect(object["holders"]?.contains(#""mode":"SHARE","relation":"orders","user""#) == true)
      #expect(object["backends"] != "0")
    }
    await scene.end()
  }

  @Test func `a prepared transaction is shown with what ends it`() async throws {
    let scene = try await Scene(["create table orders (id int)"])
    try await scene.session("worker-2pc") { worker in
      // A name may hold anything: here a line that looks like one of ours, and a colour.
      try await worker.execute(
        #"begin; lock table orders; prepare transaction E'it''s\n└ 1\x1b[31m'"#)
      let waiter = Task(executorPreference: worker.loop) {
        try await scene.session("web-1") { try await $0.execute("select * from orders") }
      }
      let outcome = try await scene.locks { $0.contains("web-1") }
      let name = "it's^J└ 1^[[31m"
      #expect(outcome.lines[1].hasPrefix("prepared transaction \(name)  since "))
      #expect(outcome.lines[1].hasSuffix("  holds ACCESS EXCLUSIVE on orders  blocks 1"))
      let quoted = "'it''s^J└ 1^[[31m'"
      #expect(
        outcome.lines[2] == "    no session to end: COMMIT PREPARED \(quoted) or"
          + " ROLLBACK PREPARED \(quoted), in its database")
      #expect(outcome.lines[3].hasPrefix("└ ") && outcome.lines[3].contains(" web-1  active "))
      let object = try await scene.program.run("locks", "--json").json()
      #expect(
        object["trees"]?.hasPrefix(
          #"[{"pid":null,"gid":"it's\n└ 1\u001b[31m","state":"prepared","transaction_ms":"#) == true
      )
      #expect(object["waiters"]?.contains(#""blocked_by":[0]"#) == true)
      try await worker.execute(#"rollback prepared E'it''s\n└ 1\x1b[31m'"#)
      _ = try await waiter.value
    }
    await scene.end()
  }

  @Test func `what other sessions run cannot reach the terminal, and JSON has every byte of it`()
    async throws
  {
    let scene = try await Scene(["create table \"a\n\u{1b}[31mb\" (id int)"])
    try await scene.session("holder") { holder in
      try await holder.execute("begin; lock table \"a\n\u{1b}[31mb\"")
      let sql = "select '\u{1b}]0;PWNED\u{7}\u{202e}\u{9b}31m' from \"a\n\u{1b}[31mb\""
      let waiter = Task(executorPreference: holder.loop) {
        try await scene.session("web-1") { try await $0.execute(sql) }
      }
      let outcome = try await scene.locks { $0.contains("web-1") }
      for scalar in outcome.output.unicodeScalars {
        #expect(scalar == "\n" || scalar.value >= 0x20 && !(0x7f...0x9f ~= scalar.value))
        #expect(scalar != "\u{202e}")
      }
      #expect(outcome.lines[1].hasSuffix("  holds ACCESS EXCLUSIVE on a^J^[[31mb  blocks 1"))
      #expect(outcome.output.contains("select '^[]0;PWNED^G"))
      let json = try await scene.program.run("locks", "--json").output
      let read = try JSONReader.read(json, file: "output")
      #expect(read.texts.contains(sql))
      #expect(read.texts.contains("a\n\u{1b}[31mb"))
      try await holder.execute("rollback")
      _ = try await waiter.value
    }
    await scene.end()
  }

  @Test func `an index built concurrently is shown with its phase and whom it waits for`()
    async throws
  {
    let scene = try await Scene(["create table orders (id int)"])
    try await scene.session("report-job") { old in
      try await old.execute(
        "begin isolation level repeatable read; select count(*) from orders")
      let builder = Task(executorPreference: old.loop) {
        try await scene.session("builder") {
          try await $0.execute("create index concurrently i on orders (id)")
        }
      }
      let outcome = try await scene.locks { $0.contains("now for pid \(old.processID)") }
      #expect(outcome.lines[1].contains(" report-job  idle in transaction "))
      #expect(outcome.lines.contains { $0.contains("waiting for ") && $0.contains(" of ") })
      try await old.execute("commit")
      _ = try await builder.value
    }
    await scene.end()
  }

  @Test func `a role that may not read statements is told so, and nothing is made up`()
    async throws
  {
    let scene = try await Scene([
      "create table orders (id int)", "create role plain_reader login",
    ])
    try await scene.session("holder") { holder in
      try await holder.execute("begin; lock table orders")
      let waiter = Task(executorPreference: holder.loop) {
        try await scene.session("web-1") { try await $0.execute("select 'secret' from orders") }
      }
      _ = try await scene.locks { $0.contains("web-1") }
      var plain = scene.program
      plain.variables["DATABASE_URL"]?.replace("user=lockstep", with: "user=plain_reader")
      let outcome = try await plain.run("locks")
      #expect(outcome.status == 0 && outcome.errors == "")
      #expect(outcome.lines[0].contains(" waiting 1"))
      #expect(!outcome.lines[0].contains("backends 0"))
      #expect(
        outcome.lines[1]
          == "\(holder.processID) lockstep holder  state unknown  holds ACCESS EXCLUSIVE on orders"
          + "  blocks 1")
      #expect(!outcome.output.contains("insufficient privilege"))
      #expect(
        outcome.lines.last
          == "note: what other roles run is hidden from this one: grant it pg_read_all_stats")
      let object = try await plain.run("locks", "--json").json()
      #expect(object["waiters"]?.hasSuffix(#""query":null}]"#) == true)
      #expect(
        object["trees"]?.contains(#""state":null,"transaction_ms":null,"query":null,"#) == true)
      try await holder.execute("rollback")
      _ = try await waiter.value
    }
    await scene.end()
  }

  // MARK: Watching

  @Test func `a watch says what changes, and is ended by ctrl-c`() async throws {
    let scene = try await Scene(["create table orders (id int)"])
    let watch = try scene.program.start("locks", "--watch")
    try await watch.wait { $0.output.hasSuffix("nobody waits\n") }
    try await scene.session("holder") { holder in
      try await holder.execute("begin; lock table orders")
      let waiter = Task(executorPreference: holder.loop) {
        try await scene.session("web-1") { try await $0.execute("select * from orders") }
      }
      try await watch.wait { $0.output.contains(" web-1 ") }
      try await holder.execute("commit")
      _ = try await waiter.value
    }
    try await watch.wait { $0.output.hasSuffix("nobody waits\n") }
    // Three pictures of the many that were looked at: none, one waiter, none.
    #expect(watch.output.split(separator: "\n").count { $0.contains(" UTC   backends ") } == 3)
    watch.signal(SIGINT)
    #expect(await watch.end() == 130)
    #expect(watch.errors == "")
    await scene.end()
  }

  @Test func `a watch for scripts writes one object a line`() async throws {
    let scene = try await Scene()
    let watch = try scene.program.start("locks", "--watch", "--json")
    try await watch.wait { $0.output.split(separator: "\n").count >= 3 }
    watch.signal(SIGTERM)
    #expect(await watch.end() == 130)
    for line in watch.output.split(separator: "\n") {
      let value = try JSONReader.read(String(line), file: "output")
      #expect(
        value.keys == ["at", "backends", "locks", "waiters", "trees", "holders"])
    }
    #expect(watch.errors == "")
    await scene.end()
  }

  @Test func `a look that fails is told once, and the watch goes on`() async throws {
    let scene = try await Scene()
    let watch = try scene.program.start("locks", "--watch", "--json")
    try await watch.wait { $0.output.contains("\n") }
    try await scene.session("holder") { holder in
      // Every look reads the roles, and gives up after a quarter of a second.
      try await holder.execute("begin; lock table pg_authid")
      try await watch.wait { $0.errors.contains("warning: ") }
      let before = watch.output.split(separator: "\n").count
      try await holder.execute("commit")
      try await watch.wait { $0.output.split(separator: "\n").count > before + 1 }
    }
    #expect(
      watch.errors == """
        warning: no newer picture: canceling statement due to lock timeout (SQLSTATE 55P03)
          next: what was shown last may have changed since; it is tried again

        """)
    watch.signal(SIGINT)
    #expect(await watch.end() == 130)
    await scene.end()
  }

  @Test func `a connection that is lost is opened anew`() async throws {
    let scene = try await Scene()
    let watch = try scene.program.start("locks", "--watch", "--json")
    try await watch.wait { $0.output.contains("\n") }
    try await scene.session("admin") { admin in
      _ = try await admin.execute(
        """
        select pg_terminate_backend(pid) from pg_stat_activity
        where application_name = 'lockstep monitor'
        """)
    }
    try await watch.wait { $0.errors.hasSuffix("connected again\n") }
    let before = watch.output.split(separator: "\n").count
    try await watch.wait { $0.output.split(separator: "\n").count > before }
    #expect(
      watch.errors == """
        warning: no newer picture: the connection to the server was lost: \
        terminating connection due to administrator command
          next: what was shown last may have changed since; it is tried again
        connected again

        """)
    watch.signal(SIGINT)
    #expect(await watch.end() == 130)
    await scene.end()
  }

  @Test func `a server that does not come back ends the watch without a connection`() async throws {
    let scene = try await Scene()
    let watch = try scene.program.start("locks", "--watch")
    try await watch.wait { $0.output.contains("nobody waits\n") }
    await scene.end()
    #expect(await watch.end() == 5)
    #expect(watch.errors.hasPrefix("warning: no newer picture: the connection to the server was"))
    #expect(watch.errors.contains("\nerror: cannot connect to "))
    #expect(watch.errors.contains("\n  next: "))
  }
}

/// A server of one's own, so that what others do is not seen, and the program that looks at it.
private struct Scene {
  let server: TestServer
  let database: TestDatabase
  let program: Program

  init(_ preparations: [String] = []) async throws {
    server = try await TestServer.started(from: nil, with: ["max_prepared_transactions = 2"])
    database = try await server.makeDatabase()
    for sql in preparations { try await database.execute(sql) }
    program = try Program(url: database.url)
  }

  func session<Result: Sendable>(
    _ name: String, _ body: @escaping @Sendable (Connection) async throws -> Result
  ) async throws -> Result {
    try await server.withConnection(to: database.name, application: name, body)
  }

  /// Runs `lockstep locks` until it shows what is meant.
  func locks(until condition: (String) -> Bool) async throws -> Program.Outcome {
    for _ in 0..<500 {
      let outcome = try await program.run("locks")
      if condition(outcome.output) { return outcome }
    }
    throw NeverSeen()
  }

  func end() async { await BlockingWork.run { server.cluster.stopBlocking() } }
}

private struct NeverSeen: Error {}

extension Program {
  /// Starts the program, and leaves it running.
  fileprivate func start(_ words: String...) throws -> RunningProgram {
    var environment = ChildProcess.ownEnvironment.filter { !$0.key.hasPrefix("PG") }
    environment["HOME"] = folder
    environment.merge(variables) { _, own in own }
    let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
    let output = open("\(folder)/output", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    let errors = open("\(folder)/errors", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    defer { for file in [null, output, errors] { close(file) } }
    let shell = ["/bin/sh", "-c", #"cd "$0" && exec "$@""#, folder, try Program.path()]
    let pid = try ChildProcess(shell + words, environment: environment).spawn(
      input: null, output: output, errorOutput: errors)
    return RunningProgram(pid: pid, program: self)
  }
}

/// A program that runs until it is told to end.
private struct RunningProgram {
  let pid: pid_t
  let program: Program

  var output: String { (try? program.read("output")) ?? "" }
  var errors: String { (try? program.read("errors")) ?? "" }

  func wait(until condition: (RunningProgram) -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(240)
    while ContinuousClock.now < deadline {
      if condition(self) { return }
      try await Task.sleep(for: .milliseconds(10))
    }
    Issue.record("never seen; it wrote:\n\(output)\(errors)")
    throw NeverSeen()
  }

  func signal(_ number: Int32) { kill(pid, number) }

  /// - Returns: The exit status.
  func end() async -> Int32 { await BlockingWork.run { ChildProcess.waitForExit(pid) } }
}

extension Program.Outcome {
  /// The members of the object that was written, each as it stands there.
  fileprivate func json() throws -> [String: String] {
    var members: [String: String] = [:]
    guard case .object(let found) = try JSONReader.read(output, file: "output").value else {
      return [:]
    }
    for member in found { members[member.key] = JSONValue(member.value).description }
    return members
  }
}

extension JSONValue {
  fileprivate init(_ located: LocatedJSON) {
    switch located.value {
    case .null: self = .null
    case .bool(let value): self = .bool(value)
    case .number(let value): self = JSONValue(milliseconds: value)
    case .string(let value): self = .string(value)
    case .array(let values): self = .array(values.map { JSONValue($0) })
    case .object(let members):
      self = .object(members.map { Member(key: $0.key, value: JSONValue($0.value)) })
    }
  }
}

extension LocatedJSON {
  fileprivate var keys: [String] {
    guard case .object(let members) = value else { return [] }
    return members.map(\.key)
  }

  /// All strings in it, at any depth.
  fileprivate var texts: [String] {
    switch value {
    case .string(let text): [text]
    case .array(let values): values.flatMap(\.texts)
    case .object(let members): members.flatMap(\.value.texts)
    case .null, .bool, .number: []
    }
  }
}
