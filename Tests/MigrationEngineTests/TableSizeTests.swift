import EventLoop
import MigrationEngine
import Postgres
import PostgresModel
import TestSupport
import Testing

@Suite struct TableSizeTests {
  private func sizes(
    _ sql: String, of names: [QualifiedName], locking table: String? = nil
  ) async throws -> [QualifiedName: TableSize] {
    let database = try await TestServer.shared.makeDatabase()
    try await database.execute(sql)
    // Fills in the pages of the indexes, which ANALYZE inside of a transaction leaves at 0.
    try await database.execute("vacuum big")
    let url = database.url
    return try await onLoop { loop in
      let target = try ConnectionString(url)
      let monitor = try await LockMonitor.open(target, loop: loop)
      let other = try await Connection.open(target, application: "other", loop: loop)
      if let table {
        try await other.execute("begin; lock table \(table) in access exclusive mode")
      }
      return try await monitor.tableSizes(of: names)
    }
  }

  @Test func `rows and bytes are those of the server`() async throws {
    let odd = QualifiedName(schema: "public", #"odd "name", {x}"#)
    let found = try await sizes(
      """
      create table big as select generate_series(1, 10000) n;
      create index on big (n); analyze big;
      create table never (n int);
      create table "odd ""name"", {x}" as select 1 n; analyze "odd ""name"", {x}";
      create table parts (n int) partition by range (n);
      create table parts_1 partition of parts for values from (0) to (1000);
      create table parts_2 partition of parts for values from (1000) to (2000);
      insert into parts select generate_series(0, 1999); analyze parts_1; analyze parts_2;
      """,
      of: [
        QualifiedName("big"), QualifiedName("never"), odd, QualifiedName("parts"),
        QualifiedName("not_there"),
      ])
    #expect(found[QualifiedName("big")]?.rows == 10_000)
    #expect((found[QualifiedName("big")]?.bytes ?? 0) > 400_000)
    #expect(found[QualifiedName("big")]?.isMeasured == true)
    #expect(found[QualifiedName("never")]?.bytes == 0)
    #expect(found[QualifiedName("never")]?.rows == nil, "never analysed is unknown")
    #expect(found[odd]?.rows == 1)
    #expect(found[QualifiedName("parts")]?.rows == 2000)
    #expect(found[QualifiedName("not_there")] == nil)
  }

  @Test func `a locked table is told from what was last analysed`() async throws {
    let found = try await sizes(
      "create table big as select generate_series(1, 10000) n; create index on big (n); analyze big",
      of: [QualifiedName("big")], locking: "big")
    #expect(found[QualifiedName("big")]?.rows == 10_000)
    #expect((found[QualifiedName("big")]?.bytes ?? 0) > 400_000)
    #expect(found[QualifiedName("big")]?.isMeasured == false)
  }
}
