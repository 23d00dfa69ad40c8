import EventLoop
import MigrationModel
import Postgres
import PostgresModel
import TestSupport
import Testing

@testable import MigrationEngine

/// Key queries before and after a change, on a database with rows and on one without.
@Suite(.fewAtOnce) struct QueryProbeTests {
  static let tables = """
    CREATE TABLE orders (id int PRIMARY KEY, customer int NOT NULL, channel text, total numeric);
    CREATE INDEX orders_customer ON orders (customer);
    """
  static let rows = """
    INSERT INTO orders SELECT i, i % 5000, 'web', i FROM generate_series(1, 20000) i;
    ANALYZE orders;
    """

  /// Probes a query around a change of a database of its own.
  private func trials(
    of query: String, around change: String, rows: String = QueryProbeTests.rows,
    targetRows: [String: Double] = ["public.orders": 20_000]
  ) async throws -> [Trial] {
    let database = try await TestServer.shared.makeDatabase()
    try await database.execute(Self.tables + rows)
    let key = try KeyQuery(query, file: "db/key/q.sql")
    return try await database.probed(around: change) { QueryProbe([key], targetRows: targetRows) }
  }

  private func lines(_ trials: [Trial]) -> [String] { trials.flatMap(\.evidence).map(\.text) }

  @Test func `a query that is planned as before passes`() async throws {
    let trials = try await trials(
      of: "-- params: 42\nSELECT total FROM orders WHERE customer = $1",
      around: "ALTER TABLE orders ADD COLUMN note text")
    #expect(trials.map(\.proof) == [.performance] && trials.map(\.outcome) == [.proven])
    #expect(lines(trials).last == "its plan is no worse than before")
    #expect(lines(trials)[0].hasPrefix("before: ") && lines(trials)[0].hasSuffix(" blocks"))
  }

  @Test(arguments: [QueryProbeTests.rows, ""])
  func `a lost index refutes, with rows and without, however fast it is`(rows: String) async throws
  {
    let trials = try await trials(
      of: "SELECT total FROM orders WHERE customer = 42", around: "DROP INDEX orders_customer",
      rows: rows)
    #expect(trials.map(\.outcome) == [.refuted])
    #expect(
      lines(trials).contains("index orders_customer is lost to it: it reads public.orders whole"))
  }

  @Test func `an index in the place of another is told and accepted`() async throws {
    let trials = try await trials(
      of: "SELECT total FROM orders WHERE customer = 42",
      around: "DROP INDEX orders_customer; CREATE INDEX better ON orders (customer, total)")
    #expect(trials.map(\.outcome) == [.proven])
    #expect(
      lines(trials).contains(
        "another index of public.orders serves in place of orders_customer"))
  }

  @Test func `a large table that is read whole now refutes, a small one does not`() async throws {
    // Nothing is lost but the planner's liking for it.
    let change = "UPDATE orders SET customer = 42"
    let query = "SELECT total FROM orders WHERE customer = 42"
    let large = try await trials(of: query, around: change)
    #expect(large.map(\.outcome) == [.refuted])
    #expect(
      lines(large).contains(
        "it reads the whole of public.orders, which is large, and did not before"))
    let small = try await trials(
      of: query
        + " -- twice as many blocks are not judged with a budget\n-- budget_buffers: 1000000",
      around: change, targetRows: ["public.orders": 100])
    #expect(small.map(\.outcome) == [.proven])
  }

  @Test(arguments: [QueryProbeTests.rows, ""])
  func `a query that is understood no more refutes the contract as well`(rows: String) async throws
  {
    let trials = try await trials(
      of: "SELECT channel FROM orders", around: "ALTER TABLE orders DROP COLUMN channel", rows: rows
    )
    #expect(trials.map(\.proof) == [.performance, .contract])
    #expect(trials.map(\.outcome) == [.refuted, .refuted])
    #expect(
      lines(trials)[0]
        == "it was understood before, and is not any more: column \"channel\" does not exist"
        + " (SQLSTATE 42703)")
  }

  @Test func `a query of what the migration makes has nothing to compare with`() async throws {
    let trials = try await trials(
      of: "SELECT note FROM orders", around: "ALTER TABLE orders ADD COLUMN note text")
    #expect(trials.map(\.outcome) == [.proven])
    #expect(lines(trials)[0] == "nothing to compare with: it could not be run before")
  }

  @Test func `a query that was never understood proves nothing`() async throws {
    let trials = try await trials(of: "SELECT nothing FROM orders", around: "SELECT 1")
    #expect(trials.map(\.proof) == [.performance] && trials.map(\.outcome) == [.notProven])
    #expect(
      lines(trials) == [
        "it was not understood before either: column \"nothing\" does not exist (SQLSTATE 42703)"
      ])
  }

  @Test func `without rows neither plan nor time is judged`() async throws {
    let trials = try await trials(
      of: "-- budget: 1min\nSELECT total FROM orders WHERE customer = 42",
      around: "ALTER TABLE orders ADD COLUMN note text", rows: "")
    #expect(trials.map(\.outcome) == [.notProven])
    #expect(
      lines(trials).last == "its tables have no rows on the copy: neither plan nor time is judged")
  }

  @Test func `a budget of blocks is judged, and one that is kept on a part of the rows left open`()
    async throws
  {
    let change = "ALTER TABLE orders ADD COLUMN note text"
    let over = try await trials(of: "-- budget_buffers: 1\nSELECT * FROM orders", around: change)
    #expect(over.map(\.outcome) == [.refuted])
    let kept = try await trials(of: "-- budget_buffers: 5000\nSELECT * FROM orders", around: change)
    #expect(kept.map(\.outcome) == [.proven])
    let part = try await trials(
      of: "-- budget_buffers: 5000\nSELECT * FROM orders", around: change,
      targetRows: ["public.orders": 1_000_000])
    #expect(part.map(\.outcome) == [.notProven])
    #expect(lines(part).contains { $0.hasSuffix(" blocks of 5000 allowed, on a part of the rows") })
  }

  @Test func `what a query writes is not there afterwards`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    try await database.execute(Self.tables + Self.rows)
    let key = try KeyQuery("DELETE FROM orders WHERE customer = 42", file: "q.sql")
    let trials = try await database.probed(around: "SELECT 1") {
      QueryProbe([key], targetRows: ["public.orders": 20_000])
    }
    #expect(trials.map(\.outcome) == [.proven])
    #expect(try await database.rows("SELECT count(*) FROM orders") == ["20000"])
  }
}

/// Assertions on a target and around a migration.
@Suite(.fewAtOnce) struct AssertionTests {
  private func assertion(_ sql: String) throws -> Assertion {
    try #require(Assertion.all(in: sql, file: "db/assert/a.sql").first)
  }

  @Test func `each statement of a file is one`() {
    let found = Assertion.all(
      in: "-- first\nSELECT 'a' AS issue, 0;\n\nSELECT 'b', 1;", file: "a.sql")
    #expect(found.map(\.subject) == ["assertion a.sql:2", "assertion a.sql:4"])
    #expect(found.map(\.sql) == ["SELECT 'a' AS issue, 0", "SELECT 'b', 1"])
  }

  @Test(arguments: [
    ("SELECT 'a' AS issue, 0 AS count", Trial.Outcome.proven, "nothing found on the target"),
    ("SELECT 'a', 0 UNION ALL SELECT 'bad', 3", .refuted, "on the target: bad: 3"),
    ("SELECT 'a', 1 WHERE false", .proven, "nothing found on the target"),
    (
      "SELECT 1", .notProven,
      "its rows are not a text and a count: SELECT 'what is wrong' AS issue, count(*)"
    ),
    (
      "SELECT 'a', 'many'", .notProven,
      "its rows are not a text and a count: SELECT 'what is wrong' AS issue, count(*)"
    ),
    (
      "SELECT 'a', count(*) FROM nowhere", .refuted,
      "the target cannot answer it: relation \"nowhere\" does not exist (SQLSTATE 42P01)"
    ),
  ])
  func `what the target answers is judged`(
    sql: String, outcome: Trial.Outcome, line: String
  ) async throws {
    let assertion = try assertion(sql)
    let database = try await TestServer.shared.makeDatabase()
    let trial = try await database.server.withConnection(to: database.name) { session in
      assertion.trialOnTarget(try await assertion.ask(session), isPending: false)
    }
    #expect(trial.outcome == outcome && trial.evidence.map(\.text) == [line])
  }

  @Test func `an assertion cannot write`() async throws {
    let assertion = try assertion("DELETE FROM a RETURNING 'x', 0")
    let database = try await TestServer.shared.makeDatabase()
    try await database.execute("CREATE TABLE a (); INSERT INTO a DEFAULT VALUES")
    let answer = try await database.server.withConnection(to: database.name) {
      try await assertion.ask($0)
    }
    #expect(
      answer == .refused("cannot execute DELETE in a read-only transaction (SQLSTATE 25006)"))
    #expect(try await database.rows("SELECT count(*) FROM a") == ["1"])
  }

  @Test func `what the target cannot answer yet is open where the copy answers it`() async throws {
    let assertion = try assertion("SELECT 'a', count(note) FROM t")
    let answer = Assertion.Answer.refused("no column note")
    #expect(assertion.trialOnTarget(answer, isPending: true).outcome == .notProven)
    let database = try await TestServer.shared.makeDatabase()
    try await database.execute("CREATE TABLE t (id int)")
    let trials = try await database.probed(around: "ALTER TABLE t ADD COLUMN note text") {
      AssertionProbe([assertion])
    }
    #expect(trials.isEmpty)
  }

  @Test func `what a migration spoils on the copy refutes`() async throws {
    let assertion = try assertion("SELECT 'without a note', count(*) FROM t WHERE note IS NULL")
    let database = try await TestServer.shared.makeDatabase()
    try await database.execute("CREATE TABLE t (note text); INSERT INTO t VALUES ('x')")
    let spoiled = try await database.probed(around: "UPDATE t SET note = NULL") {
      AssertionProbe([assertion])
    }
    #expect(spoiled.map(\.outcome) == [.refuted])
    #expect(spoiled[0].evidence.map(\.text) == ["after the migration: without a note: 1"])
    let gone = try await database.probed(around: "ALTER TABLE t DROP COLUMN note") {
      AssertionProbe([assertion])
    }
    #expect(gone.map(\.outcome) == [.refuted])
  }
}

/// Prepared queries of a sqlx project against a schema that changes.
@Suite(.fewAtOnce) struct QueryCacheProbeTests {
  static func cached(
    _ sql: String, columns: String, parameters: String = "[]", nullable: String
  ) -> String {
    """
    {"db_name": "PostgreSQL", "query": "\(sql)", "describe": {"columns": [\(columns)],
      "parameters": {"Left": \(parameters)}, "nullable": \(nullable)}, "hash": "ab"}
    """
  }
  private static let orders = cached(
    "SELECT id, note, state FROM orders WHERE id = $1",
    columns: """
      {"ordinal": 0, "name": "id", "type_info": "Int4"},
      {"ordinal": 1, "name": "note", "type_info": "Text"},
      {"ordinal": 2, "name": "state", "type_info": {"Custom": {"name": "state", "kind": {"Enum": ["a"]}}}}
      """, parameters: "[\"Int4\"]", nullable: "[false, true, false]")

  private func reasons(
    _ change: String, json: String = QueryCacheProbeTests.orders
  ) async throws -> [String] {
    let database = try await TestServer.shared.makeDatabase()
    try await database.execute(
      """
      CREATE TYPE state AS ENUM ('a');
      CREATE TABLE orders (id int PRIMARY KEY, note text, state state NOT NULL)
      """)
    let query = try #require(CachedQuery(json: json, file: ".sqlx/query-ab.json"))
    let trials = try await database.probed(around: change) { QueryCacheProbe([query]) }
    #expect(trials.allSatisfy { $0.proof == .queryCache })
    return trials.flatMap { trial in
      trial.outcome == .proven
        ? ["fresh"] : trial.evidence.filter { $0.weight == .refutes }.map(\.text)
    }
  }

  @Test func `what touches no query leaves them fresh`() async throws {
    #expect(try await reasons("ALTER TABLE orders ADD COLUMN more text") == ["fresh"])
    #expect(try await reasons("CREATE INDEX ON orders (note)") == ["fresh"])
  }

  @Test func `a query that cannot be prepared is stale`() async throws {
    #expect(
      try await reasons("ALTER TABLE orders DROP COLUMN note") == [
        "it cannot be prepared: column \"note\" does not exist (SQLSTATE 42703)"
      ])
  }

  @Test func `another type, of a column or a parameter, is stale`() async throws {
    #expect(
      try await reasons("ALTER TABLE orders ALTER COLUMN id TYPE bigint") == [
        "column id is int8, and int4 is kept", "it takes int8, and int4 is kept",
      ])
    #expect(
      try await reasons("ALTER TYPE state RENAME TO status") == [
        "column state is status, and state is kept"
      ])
  }

  @Test func `nullability that changes either way is stale`() async throws {
    #expect(
      try await reasons("ALTER TABLE orders ALTER COLUMN state DROP NOT NULL") == [
        "column state may be NULL now"
      ])
    #expect(
      try await reasons("ALTER TABLE orders ALTER COLUMN note SET NOT NULL") == [
        "column note is NOT NULL now"
      ])
  }

  @Test func `columns that come and go behind a star are stale`() async throws {
    let star = Self.cached(
      "SELECT * FROM orders",
      columns: "{\"ordinal\": 0, \"name\": \"id\", \"type_info\": \"Int4\"}",
      nullable: "[false]")
    #expect(
      try await reasons("SELECT 1", json: star) == [
        "it returns id, note, state, and id is kept"
      ])
  }

  @Test func `what is kept of another database, or is no query, is no concern`() {
    #expect(CachedQuery(json: "{}", file: "a") == nil)
    #expect(CachedQuery(json: "nonsense", file: "a") == nil)
    let other = Self.orders.split(separator: "PostgreSQL").joined(separator: "MySQL")
    #expect(CachedQuery(json: other, file: "a") == nil)
  }
}

extension TestDatabase {
  /// Runs a probe around a change of this database.
  func probed(
    around change: String, _ make: @escaping @Sendable () -> some ScratchProbe
  ) async throws -> [Trial] {
    let url = url
    return try await onLoop { loop in
      let session = try await Connection.open(
        try ConnectionString(url), application: "probe", loop: loop)
      let reader = SchemaReader(session)
      let before = try await reader.read()
      var scene = ScratchScene(
        session: session,
        migration: MigrationStatus(
          version: Version("1"), name: "a", state: .pending, problems: [], migration: nil, row: nil),
        mode: .shape, before: before, now: before, changes: [])
      var probe = make()
      try await probe.before(scene)
      try await session.execute(change)
      scene.now = try await reader.read()
      scene.changes = SchemaDiff(from: before, to: scene.now).changes
      let trials = try await probe.after(scene)
      // A probe leaves the copy as it found it.
      let end = try await reader.read()
      #expect(end == scene.now)
      #expect(await session.transactionState == .idle)
      return trials
    }
  }
}
