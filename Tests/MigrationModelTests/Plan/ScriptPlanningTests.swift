import Diagnostics
import MigrationModel
import PostgresModel
import Testing

@Suite struct ScriptPlanningTests {
  private func plan(_ up: String, _ layout: any Layout = RawLayout()) -> Plan {
    let name = layout.name == "golang-migrate" ? "1_a.up.sql" : "1_a.sql"
    return planned(upAll, layout, [file(name, up)])
  }

  private func form(_ up: String, _ layout: any Layout = RawLayout()) -> RunUnit.Form? {
    plan(up, layout).steps.first?.units.first?.form
  }

  // MARK: Forms

  @Test(arguments: Layouts.all.map(\.name))
  func `an ordinary script runs in a transaction of ours`(name: String) throws {
    let layout = try #require(Layouts.named(name))
    let text = "-- migrate:up\nCREATE TABLE a ();\nCREATE INDEX ON a (b);\n-- migrate:down\n"
    let script = name == "dbmate" ? text : "CREATE TABLE a ();\nCREATE INDEX ON a (b);\n"
    #expect(form(script, layout) == .transaction)
  }

  @Test func `a script that is one transaction keeps it, and the row goes in before its end`() {
    let text = "-- c\nBEGIN;\nCREATE TABLE a ();\nCOMMIT;\n-- end\n"
    #expect(form(text) == .ownTransaction(commit: 31))
    #expect(form("START TRANSACTION; SELECT 1; END") == .ownTransaction(commit: 29))
    #expect(form("BEGIN; SAVEPOINT s; ROLLBACK TO s; COMMIT;") == .ownTransaction(commit: 35))
  }

  @Test func `transactions in the middle make it run statement by statement`() {
    #expect(
      form("SELECT 1;\nBEGIN;\nSELECT 2;\nCOMMIT;\nSELECT 3;\n")
        == .statementByStatement(reason: "the file has BEGIN of its own (line 2)"))
    #expect(
      form("BEGIN;\nA;\nCOMMIT;\nBEGIN;\nB;\nCOMMIT;\n")
        == .statementByStatement(reason: "the file has BEGIN of its own (line 1)"))
    #expect(
      form("BEGIN;\nA;\nROLLBACK;\n")
        == .statementByStatement(reason: "the file has BEGIN of its own (line 1)"))
    #expect(
      form("SELECT 1;\nCOMMIT;\n")
        == .statementByStatement(reason: "the file has COMMIT of its own (line 2)"))
  }

  @Test func `a statement that cannot be in a transaction runs outside, alone as one message`() {
    #expect(
      form("-- c\nCREATE INDEX CONCURRENTLY i ON t (a);\n")
        == .outside(reason: "CREATE INDEX CONCURRENTLY cannot run in a transaction (line 2)"))
    #expect(
      form("SELECT 1;\nVACUUM t;\n")
        == .statementByStatement(reason: "VACUUM cannot run in a transaction (line 2)"))
  }

  @Test func `a DO block that commits runs outside a transaction`() {
    #expect(
      form("DO $$\nBEGIN\n  UPDATE t SET a = 1;\n  COMMIT;\nEND $$;\n")
        == .outside(reason: "a DO block that commits cannot run in a transaction (line 4)"))
    #expect(form("DO $$\nBEGIN\n  RAISE NOTICE 'commit;';\nEND $$;\n") == .transaction)
  }

  @Test func `a file that asks for no transaction is sent as its tool sends it`() {
    let sqlx = SqlxLayout()
    #expect(
      form("-- no-transaction\nSELECT 1;\nSELECT 2;\n", sqlx)
        == .outside(reason: "the file asks for it (line 1)"))
    #expect(plan("-- no-transaction\nVACUUM t;", sqlx).warnings.isEmpty)
  }

  @Test func `a value of an enum that is used at once is committed first`() {
    let made = plan("ALTER TYPE s ADD VALUE 'new';\nUPDATE t SET s = 'new';\n", SqlxLayout())
    #expect(
      made.steps[0].units[0].form
        == .statementByStatement(reason: "the value that ALTER TYPE adds is used at once (line 2)"))
    #expect(
      made.warnings.map(\.description) == [
        """
        warning: 1_a adds a value to a type and uses it on line 2, which PostgreSQL allows only after a \
        commit; Lockstep runs it statement by statement
          at:   migrations/1_a.sql:1:1
          next: add the value in a migration of its own
        """
      ])
    #expect(form("ALTER TYPE s ADD VALUE 'new';\nUPDATE t SET s = 'old';\n") == .transaction)
    #expect(
      form("ALTER TYPE s ADD VALUE 'a'; ALTER TYPE s ADD VALUE 'b' AFTER 'a';") == .transaction)
    #expect(
      form("CREATE TYPE s AS ENUM (); ALTER TYPE s ADD VALUE 'a'; SELECT 'a'::s;") == .transaction)
  }

  // MARK: What the team's own tool would do

  @Test func `what the tool would fail on is said`() {
    let inTransaction = plan(
      "-- migrate:up\nCREATE INDEX CONCURRENTLY i ON t (a);\n-- migrate:down\n", DbmateLayout())
    #expect(
      inTransaction.warnings.map(\.description) == [
        """
        warning: dbmate runs 1_a in a transaction, in which CREATE INDEX CONCURRENTLY fails; Lockstep runs \
        it outside
          at:   migrations/1_a.sql:2:1
          next: write transaction:false behind the marker, so that dbmate can run it as well
        """
      ])
    let oneMessage = plan("SELECT 1;\nVACUUM t;\n", GolangMigrateLayout())
    #expect(
      oneMessage.warnings.map(\.description) == [
        """
        warning: golang-migrate sends 1_a as one message, in which VACUUM fails beside other statements; \
        Lockstep runs it statement by statement
          at:   migrations/1_a.up.sql:2:1
          next: give VACUUM a migration of its own
        """
      ])
    #expect(plan("VACUUM t;", GolangMigrateLayout()).warnings.isEmpty)
    #expect(plan("SELECT 1; VACUUM t;", RawLayout()).warnings.isEmpty)
  }

  // MARK: Refusals

  private func refusals(_ up: String) -> [String] { plan(up).refusals.map(\.description) }

  @Test func `commands of psql are refused with their place`() {
    #expect(
      refusals("SELECT 1;\n  \\i other.sql\n") == [
        """
        error: 1_a holds \\i, a command of psql that no server knows
          at:   migrations/1_a.sql:2:3
          next: write what it does as SQL, or run the file with psql; nothing was run
        """
      ])
  }

  @Test func `COPY FROM STDIN is refused with its place`() {
    #expect(
      refusals("COPY t FROM STDIN;\n1\t2\n\\.\n") == [
        """
        error: 1_a holds COPY FROM STDIN, whose data a migration cannot send
          at:   migrations/1_a.sql:1:1
          next: write the rows as INSERT, or COPY them from a file of the server; nothing was run
        """
      ])
  }

  @Test func `two-phase transactions are refused`() {
    #expect(
      refusals("BEGIN; SELECT 1; PREPARE TRANSACTION 'x';").first == """
        error: 1_a holds PREPARE TRANSACTION, which takes its transaction away from the history row
          at:   migrations/1_a.sql:1:18
          next: end the transaction with COMMIT; nothing was run
        """)
  }

  @Test func `a transaction left open is refused`() {
    #expect(
      refusals("SELECT 1;\nBEGIN;\nSELECT 2;\n") == [
        """
        error: 1_a leaves the transaction open that it begins
          at:   migrations/1_a.sql:2:1
          next: end it with COMMIT, or leave out the BEGIN: Lockstep opens one by itself; nothing was run
        """
      ])
    let chained = plan("BEGIN;\nSELECT 1;\nCOMMIT AND CHAIN;\n")
    #expect(chained.refusals.map(\.code) == ["transaction_left_open"])
    #expect(plan("BEGIN;\nSELECT 1;\nCOMMIT AND NO CHAIN;\n").refusals.isEmpty)
  }

  @Test func `what cannot be in a transaction is refused inside the file's own`() {
    #expect(
      refusals("BEGIN;\nVACUUM t;\nCOMMIT;\n") == [
        """
        error: 1_a has VACUUM inside a transaction of its own, which PostgreSQL refuses
          at:   migrations/1_a.sql:2:1
          next: move it behind the COMMIT, or into a migration of its own; nothing was run
        """
      ])
  }

  @Test func `places in a commented roll back are lines of the file`() {
    let text = "SELECT 1;\n\n-- ROLLBACK\n-- SELECT 2;\n-- BEGIN;\n"
    let plan = planned(downOne, RawLayout(), [file("1_a.sql", text)], rows("1"))
    #expect(plan.refusals.map(\.at) == ["migrations/1_a.sql:5"])
  }

  // MARK: Dry run

  @Test func `the dry run is the SQL with the history in its place`() {
    let text = "CREATE TABLE a ();\n-- ROLLBACK\n-- DROP TABLE a\n"
    let up = planned(upAll, RawLayout(), [file("001_a.sql", text)])
    let digest = Checksum(.sha256, of: Array(text.utf8)).hexadecimal
    #expect(
      up.dryRunText == """
        -- up 001_a
        -- migrations/001_a.sql, in a transaction
        BEGIN;
        \(text)INSERT INTO "public"."schema_migrations" (version, name, applied_by, checksum) VALUES ('001', \
        'a', NULL, '\(digest)');
        COMMIT;

        """)
    let down = planned(downOne, RawLayout(), [file("001_a.sql", text)], rows("001"))
    #expect(
      down.dryRunText == """
        -- down 001_a
        -- drops the table a
        -- migrations/001_a.sql, in a transaction
        BEGIN;
        DROP TABLE a;
        DELETE FROM "public"."schema_migrations" WHERE version = '001';
        COMMIT;

        """)
  }

  @Test func `the dry run of a file with its own transaction records before its end`() {
    let plan = planned(
      upAll, DbmateLayout(), [dbmateFile("1_a.sql", up: "BEGIN;\nSELECT 1;\nCOMMIT")])
    #expect(
      plan.dryRunText == """
        -- up 1_a
        -- migrations/1_a.sql, in the file's own transaction
        -- migrate:up
        BEGIN;
        SELECT 1;
        INSERT INTO "public"."schema_migrations" (version) VALUES ('1');
        COMMIT;

        """)
  }

  @Test func `the dry run outside a transaction shows the mark before and the row after`() {
    let plan = planned(
      upAll, GolangMigrateLayout(), [file("1_a.up.sql", "VACUUM t"), file("1_a.down.sql")])
    #expect(
      plan.dryRunText == """
        -- up 1_a
        TRUNCATE "public"."schema_migrations";
        INSERT INTO "public"."schema_migrations" (version, dirty) VALUES (1, true);
        -- migrations/1_a.up.sql, outside a transaction: VACUUM cannot run in a transaction (line 1)
        VACUUM t;
        TRUNCATE "public"."schema_migrations";
        INSERT INTO "public"."schema_migrations" (version, dirty) VALUES (1, false);

        """)
  }
}
