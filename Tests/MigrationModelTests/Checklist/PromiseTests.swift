import MigrationModel
import PostgresModel
import Testing

@Suite struct PromiseTests {
  @Test func `the indexes of a script are those that it leaves`() {
    let script = """
      CREATE INDEX a ON t (x);
      CREATE UNIQUE INDEX IF NOT EXISTS b ON s.t (y);
      CREATE INDEX c ON u (x);
      CREATE INDEX ON t (z);
      CREATE INDEX d ON v (x);
      DROP INDEX a;
      DROP TABLE u;
      ALTER INDEX d RENAME TO e;
      """
    let found = PromisedIndex.all(in: script)
    #expect(found.map(\.name) == ["b"])
    #expect(found.first?.sql == "CREATE UNIQUE INDEX IF NOT EXISTS b ON s.t (y)")
  }

  private func skipped(_ script: String) -> [String] {
    PromisedConstraint.skipped(
      in: script, tables: ["public.t", "public.\"Odd\""], columns: ["public.t.a"]
    ).map {
      "\($0.owner) \($0.kind.rawValue) \($0.name ?? "-") \($0.columns.joined(separator: ","))"
    }
  }

  @Test func `a table that was there keeps no promise of the statement`() {
    #expect(
      skipped(
        """
        CREATE TABLE IF NOT EXISTS t (a int NOT NULL REFERENCES u, b int CONSTRAINT c CHECK (b > 0),
          PRIMARY KEY (a, b), UNIQUE (b), FOREIGN KEY (a, b) REFERENCES v);
        """) == [
          "public.t not null a a", "public.t foreign key - a", "public.t check c b",
          "public.t primary key - a,b", "public.t unique - b", "public.t foreign key - a,b",
        ])
    #expect(
      skipped("CREATE TABLE IF NOT EXISTS public.\"Odd\" (a int UNIQUE)") == [
        "public.\"Odd\" unique - a"
      ])
    #expect(skipped("CREATE TABLE IF NOT EXISTS new (a int NOT NULL)") == [])
    #expect(skipped("CREATE TABLE t (a int NOT NULL)") == [])
  }

  @Test func `a column that was there keeps none either`() {
    #expect(
      skipped("ALTER TABLE t ADD COLUMN IF NOT EXISTS a int NOT NULL CHECK (a > 0)") == [
        "public.t not null a a", "public.t check - a",
      ])
    #expect(skipped("ALTER TABLE t ADD COLUMN IF NOT EXISTS b int NOT NULL") == [])
  }

  @Test func `what the script takes away again is not missed`() {
    let made = "CREATE TABLE IF NOT EXISTS t (a int NOT NULL CONSTRAINT c CHECK (a > 0)); "
    #expect(skipped(made + "ALTER TABLE t DROP CONSTRAINT c") == ["public.t not null a a"])
    #expect(skipped(made + "ALTER TABLE t ALTER COLUMN a DROP NOT NULL") == ["public.t check c a"])
    #expect(skipped(made + "ALTER TABLE t DROP COLUMN a") == [])
    #expect(skipped(made + "DROP TABLE t") == [])
  }
}
