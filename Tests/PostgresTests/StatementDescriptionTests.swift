import EventLoop
import Postgres
import PostgresModel
import TestSupport
import Testing

/// What the server tells of a statement without running it.
@Suite struct StatementDescriptionTests {
  @Test func `parameters, columns and where they come from are told, and nothing runs`()
    async throws
  {
    let database = try await TestServer.shared.makeDatabase()
    try await database.execute("CREATE TABLE a (id int, b text)")
    let (found, table) = try await database.server.withConnection(to: database.name) { session in
      let found = try await session.describe(
        "INSERT INTO a VALUES ($1, $2) RETURNING b, id, id + 1 AS next")
      let oid = try await session.rows(
        Query<Int64>("SELECT 'a'::regclass::oid::bigint") { (row) throws(ResultRow.Mismatch) in
          try row.integer(0)
        })
      return (found, UInt32(oid[0]))
    }
    // The oids of PostgreSQL's own types never change: int4 is 23, text is 25.
    #expect(found.parameters == [23, 25])
    #expect(found.columns.map(\.name) == ["b", "id", "next"])
    #expect(found.columns.map(\.type) == [25, 23, 23])
    #expect(found.columns.map(\.origin?.table) == [table, table, nil])
    #expect(found.columns.map(\.origin?.number) == [2, 1, nil])
    #expect(try await database.rows("SELECT count(*) FROM a") == ["0"])
  }

  @Test func `a statement that cannot be prepared leaves the session usable`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    try await database.server.withConnection(to: database.name) { session in
      let error = await #expect(throws: DatabaseError.self) {
        try await session.describe("SELECT nothing FROM nowhere")
      }
      #expect(error?.serverError?.sqlstate == "42P01")
      let again = try await session.describe("SELECT 1")
      #expect(again.columns.count == 1 && again.parameters.isEmpty)
    }
  }
}
