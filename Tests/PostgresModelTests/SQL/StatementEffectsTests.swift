import PostgresModel
import Testing

@Suite struct StatementEffectsTests {
  @Test(arguments: [
    ("DROP TABLE a", ["drops the table a"]),
    ("drop table if exists s.\"A b\", c cascade", ["drops the table s.\"A b\", c"]),
    ("DROP SCHEMA s CASCADE", ["drops the schema s with all that is in it"]),
    ("DROP SCHEMA s", []), ("DROP VIEW v CASCADE", []), ("DROP INDEX i", []),
    ("DROP TYPE t CASCADE", ["drops the type t and every column of it"]), ("DROP TYPE t", []),
    ("DROP OWNED BY r", ["drops all that a role owns"]), ("DROP FOREIGN TABLE f", []),
    ("DROP MATERIALIZED VIEW m", []), ("DROP DATABASE d", ["drops the database d"]),
    ("TRUNCATE TABLE ONLY a, b", ["empties the table a, b"]),
    ("TRUNCATE x", ["empties the table x"]),
    ("DELETE FROM ONLY s.t WHERE a", ["deletes rows of s.t"]),
    ("WITH x AS (DELETE FROM t RETURNING *) INSERT INTO u SELECT * FROM x", ["deletes rows of t"]),
    ("WITH x AS (SELECT 1) SELECT 'delete from t'", []),
    ("MERGE INTO t USING s ON a WHEN MATCHED THEN DELETE", ["deletes rows"]),
    ("MERGE INTO t USING s ON a WHEN MATCHED THEN UPDATE SET a = 1", []),
    (
      "ALTER TABLE IF EXISTS ONLY s.t DROP COLUMN IF EXISTS a, ADD b int, DROP c",
      ["drops the column s.t.a", "drops the column s.t.c"]
    ),
    ("ALTER TABLE t DROP CONSTRAINT c", []), ("ALTER TABLE t ALTER a DROP NOT NULL", []),
    ("ALTER TABLE t ALTER COLUMN a SET DATA TYPE int", ["rewrites the column t.a as another type"]),
    (
      "ALTER TABLE t ALTER a TYPE numeric(10, 2), ALTER b SET DEFAULT 1",
      ["rewrites the column t.a as another type"]
    ),
    ("ALTER TABLE t ADD CHECK (a IN (1, 2)), DROP d", ["drops the column t.d"]),
    ("ALTER TABLE t ALTER CONSTRAINT c DEFERRABLE", []),
    ("ALTER TYPE t DROP ATTRIBUTE a", ["drops the attribute t.a"]),
    ("ALTER TYPE t ADD VALUE 'drop'", []), ("UPDATE t SET a = 1", []), ("SELECT 1", []),
    ("CREATE TABLE drops ()", []),
  ])
  func `what a statement destroys is told`(sql: String, expected: [String]) throws {
    let statement = try #require(SQLScript.statements(in: "-- c\n" + sql).first)
    #expect(statement.dataLosses(in: "-- c\n" + sql) == expected)
  }

  private func line(_ sql: String) -> Int? {
    var sql = sql
    return sql.withUTF8 { bytes in
      SQLScript.statements(in: bytes).last?.lineOfTransactionControlInside(bytes)
    }
  }

  @Test func `a DO block that commits or rolls back is found with its line`() {
    #expect(line("SELECT 1;\nDO $$\nBEGIN\n  COMMIT;\nEND $$;") == 4)
    #expect(line("DO LANGUAGE plpgsql $x$ BEGIN rollback and chain; END $x$") == 1)
    #expect(line("DO 'BEGIN COMMIT; END'") == 1)
    #expect(line("DO $$ BEGIN -- COMMIT;\nPERFORM 'commit;'; END $$") == nil)
    #expect(line("DO $$ DECLARE commit int; BEGIN END $$") == nil)
    #expect(
      line("CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$") == nil)
  }

  @Test func `the value that is added to a type is found again where it is used`() {
    var sql =
      "ALTER TYPE s.t ADD VALUE IF NOT EXISTS 'it''s' AFTER 'a'; SELECT 'it''s'; SELECT 'its'"
    sql.withUTF8 { bytes in
      let statements = SQLScript.statements(in: bytes)
      #expect(statements[0].addedEnumValue(in: bytes) == "'it''s'")
      #expect(statements[1].addedEnumValue(in: bytes) == nil)
      #expect(statements[1].mentions(quoted: "'it''s'", in: bytes))
      #expect(!statements[2].mentions(quoted: "'it''s'", in: bytes))
    }
  }

  @Test(arguments: [
    ("users", "users"), ("order", "\"order\""), ("Users", "\"Users\""), ("a-b", "\"a-b\""),
    ("1a", "\"1a\""), ("_a1", "_a1"), ("name", "name"), ("", "\"\""), ("a\"b", "\"a\"\"b\""),
  ])
  func `identifiers are quoted only where they must be`(name: String, expected: String) {
    #expect(SQLText.readableIdentifier(name) == expected)
  }

  @Test func `text that is no SQL is found without its tree`() {
    #expect(PgQueryParser().syntaxError(in: "SELECT 1; -- x") == nil)
    #expect(PgQueryParser().syntaxError(in: "") == nil)
    let error = PgQueryParser().syntaxError(in: "SELECT 'é'; Restore it")
    #expect(error?.message == "syntax error at or near \"Restore\"")
    #expect(error?.offset == 13)
  }
}
