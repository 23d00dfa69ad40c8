import TestSupport
import Testing

/// The line to the server breaks at each request there is: afterwards history and schema agree, what was
/// said is true, and running again leads to the end.
@Suite(.timeLimit(.minutes(30))) struct FaultConnectionLossTests {
  /// The same migration as each tool writes it.
  enum Tool: String, CaseIterable {
    case dbmate, sqlx, raw
    case golangMigrate = "golang-migrate"

    func files(_ up: String) -> [String: String] {
      switch self {
      case .dbmate: ["migrations/1_things.sql": "-- migrate:up\n\(up)\n-- migrate:down\n"]
      case .sqlx: ["migrations/1_things.sql": "\(up)\n"]
      case .raw: ["migrations/001_things.sql": "\(up)\n"]
      case .golangMigrate: ["migrations/1_things.up.sql": "\(up)\n"]
      }
    }

    /// Whether the history says that it was applied.
    var isRecorded: String {
      switch self {
      case .dbmate, .raw: "select count(*) > 0 from schema_migrations"
      case .sqlx: "select count(*) > 0 from _sqlx_migrations where success"
      case .golangMigrate: "select count(*) > 0 from schema_migrations where not dirty"
      }
    }

    var table: String { self == .sqlx ? "_sqlx_migrations" : "schema_migrations" }
  }

  struct Case: Sendable, CustomTestStringConvertible {
    var tool: Tool
    var isAfter: Bool
    var afterwards: FaultRelay.Afterwards

    var testDescription: String {
      "\(tool), \(isAfter ? "after" : "before"), \(afterwards)"
    }

    func point(_ number: Int) -> FaultRelay.Break { isAfter ? .after(number) : .before(number) }

    static let all = Tool.allCases.flatMap { tool in
      [true, false].flatMap { isAfter in
        // Away for good costs seconds of trying: one tool is enough.
        (tool == .sqlx ? FaultRelay.Afterwards.allCases : [.serverIsBack]).map {
          Case(tool: tool, isAfter: isAfter, afterwards: $0)
        }
      }
    }
  }

  @Test(arguments: Case.all)
  func `a transactional migration and its record stand or fall together`(of example: Case)
    async throws
  {
    try await breakEverywhere(example, up: "create table things (id int);") {
      database, outcome, point in
      let isThere = try await database.rows("select to_regclass('things') is not null") == ["t"]
      let isRecorded = try await self.isRecorded(in: database, example.tool)
      #expect(isThere == isRecorded, "\(point)")
      #expect(outcome.status != 0 || isRecorded, "\(point)")
      if outcome.errors.contains("was applied before the loss") { #expect(isRecorded, "\(point)") }
      if outcome.errors.contains("was not applied") || outcome.errors.contains("nothing") {
        #expect(!isRecorded, "\(point): \(outcome.errors)")
      }
      let again = try await Self.run(
        example.tool, database.url, "up", in: "create table things (id int);")
      #expect(again.status == 0, "\(point): \(again.errors)")
      #expect(try await self.isRecorded(in: database, example.tool), "\(point)")
    }
  }

  @Test(arguments: Case.all.filter { $0.afterwards == .serverIsBack })
  func `a migration outside a transaction never leaves a trace that is not told`(
    of example: Case
  ) async throws {
    let up = "create index concurrently busy_idx on busy (id);"
    try await breakEverywhere(example, preparing: "create table busy (id int)", up: up) {
      database, outcome, point in
      let isThere = try await database.rows("select to_regclass('busy_idx') is not null") == ["t"]
      let isRecorded = try await self.isRecorded(in: database, example.tool)
      #expect(outcome.status != 0 || isRecorded, "\(point)")
      #expect(!isRecorded || isThere, "\(point)")
      let status = try await Self.run(example.tool, database.url, "status", in: up)
      #expect(status.status == 0, "\(status.errors)")
      if isThere, !isRecorded {
        #expect(status.output.contains("failed 1"), "\(point): \(status.output)")
        let again = try await Self.run(example.tool, database.url, "up", in: up)
        expectTold(again, status: 4, "broke")
      }
    }
  }

  @Test(arguments: [true, false])
  func `looking tells that the connection was lost`(isAfter: Bool) async throws {
    let up = "create table things (id int);"
    for number in 1...100 {
      let database = try await TestServer.shared.makeDatabase()
      let point = isAfter ? FaultRelay.Break.after(number) : .before(number)
      let (outcome, isBroken) = try await FaultRelay(server: .shared, point: point)
        .relay(to: database) { url, record in
          (try await Self.run(.dbmate, url, "status", in: up), record.isBroken)
        }
      guard isBroken else {
        #expect(outcome.status == 0)
        #expect(number > 1)
        return
      }
      expectTold(outcome, status: 5, "the connection to the server was lost")
      #expect(outcome.output.isEmpty)
    }
    Issue.record("it never came to its end")
  }

  // MARK: Steps

  private func breakEverywhere(
    _ example: Case, preparing: String = "select 1", up: String,
    _ check: (TestDatabase, Program.Outcome, FaultRelay.Break) async throws -> Void
  ) async throws {
    for number in 1...100 {
      let database = try await TestServer.shared.makeDatabase()
      try await database.execute(preparing)
      let point = example.point(number)
      let relay = FaultRelay(server: .shared, point: point, afterwards: example.afterwards)
      let (outcome, isBroken) = try await relay.relay(to: database) { url, record in
        (try await Self.run(example.tool, url, "up", in: up), record.isBroken)
      }
      guard isBroken else {
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(number > 4, "few requests were seen")
        return
      }
      if outcome.status != 0 { expectTold(outcome, status: 5, "the connection") }
      // The server may still be at work on what was sent before the line broke.
      try await database.waitUntilUnused()
      try await check(database, outcome, point)
    }
    Issue.record("it never came to its end")
  }

  private static func run(
    _ tool: Tool, _ url: String, _ command: String, in up: String
  ) async throws -> Program.Outcome {
    var program = try Program(tool.files(up), url: url)
    // A machine with much else to do is no server that is gone.
    program.variables["PGCONNECT_TIMEOUT"] = "120"
    return try await program.run(command, "--layout", tool.rawValue)
  }

  private func isRecorded(in database: TestDatabase, _ tool: Tool) async throws -> Bool {
    let isThere = try await database.rows("select to_regclass('\(tool.table)') is not null")
    guard isThere == ["t"] else { return false }
    return try await database.rows(tool.isRecorded) == ["t"]
  }
}
