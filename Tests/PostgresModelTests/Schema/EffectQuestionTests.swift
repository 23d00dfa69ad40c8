import PostgresModel
import Testing

@Suite struct EffectQuestionTests {
  private func question(_ sql: String) -> EffectQuestion {
    EffectQuestion(SQLScript.statements(in: sql)[0], sql: sql)
  }

  private func fact(
    _ definition: String, name: String = "i", isValid: Bool = true, isBeingBuilt: Bool = false
  ) -> IndexFact {
    IndexFact(
      name: QualifiedName(schema: "s", name), table: QualifiedName(schema: "s", "t"),
      isValid: isValid, isBeingBuilt: isBeingBuilt, definition: definition)
  }

  private let plain = "CREATE INDEX i ON s.t USING btree (a)"

  @Test func `each statement asks what tells its effect`() {
    #expect(question("VACUUM t") == .repeatable("VACUUM"))
    #expect(question("CLUSTER") == .repeatable("CLUSTER"))
    #expect(question("BEGIN") == .transaction)
    #expect(
      question("DROP INDEX CONCURRENTLY s.i") == .indexDropped(QualifiedName(schema: "s", "i")))
    #expect(question("DROP INDEX a, b") == .untold)
    #expect(
      question("REINDEX INDEX CONCURRENTLY i") == .reindexed(.index(QualifiedName("i"))))
    #expect(
      question("REINDEX TABLE CONCURRENTLY s.t")
        == .reindexed(.table(QualifiedName(schema: "s", "t"))))
    #expect(question("REINDEX SCHEMA CONCURRENTLY s") == .reindexed(.schema("s")))
    #expect(
      question("ALTER TYPE mood ADD VALUE 'happy'")
        == .valueAdded(type: QualifiedName("mood"), value: "happy"))
    #expect(question("ALTER TYPE mood RENAME VALUE 'sad' TO 'x'") == .untold)
    #expect(
      question("ALTER TABLE t DETACH PARTITION p CONCURRENTLY")
        == .partitionDetached(table: QualifiedName("t"), partition: QualifiedName("p")))
    #expect(question("CALL p()") == .untold)
    #expect(question("NOT SQL AT ALL") == .untold)
    guard case .indexBuilt(let shape) = question("CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)")
    else {
      Issue.record("no question about the index")
      return
    }
    #expect(shape.isUnique && shape.isConcurrent && !shape.ifNotExists)
    #expect(shape.name == "i" && shape.table == QualifiedName("t"))
  }

  @Test func `an index that is absent, invalid, there, or another`() {
    let built = question("CREATE INDEX CONCURRENTLY i ON t (a)")
    #expect(
      built.finding(.indexes([])) == .runAgain(cleanUp: [], "its index is not there"))
    #expect(
      built.finding(.indexes([fact(plain, isValid: false)]))
        == .runAgain(
          cleanUp: ["DROP INDEX CONCURRENTLY IF EXISTS \"s\".\"i\""],
          "the index s.i is invalid: it is dropped and built again"))
    #expect(
      built.finding(.indexes([fact(plain)])) == .done("the index s.i is there and valid"))
    for other in [
      "CREATE UNIQUE INDEX i ON s.t USING btree (a)", "CREATE INDEX i ON s.t USING btree (b)",
      "CREATE INDEX i ON s.t USING hash (a)", "CREATE INDEX i ON s.u USING btree (a)",
      "CREATE INDEX i ON s.t USING btree (a DESC)", "CREATE INDEX i ON s.t USING btree (a, b)",
      "CREATE INDEX i ON s.t USING btree (a) INCLUDE (b)",
      "CREATE INDEX i ON s.t USING btree (a) WHERE (b > 0)",
      "CREATE INDEX i ON s.t USING btree (a text_pattern_ops)",
    ] {
      #expect(
        built.finding(.indexes([fact(other)]))
          == .untold("there is an index s.i of another definition: \(other)"))
    }
    #expect(
      built.finding(.indexes([fact(plain, isValid: false, isBeingBuilt: true)]))
        == .stillRunning("the index s.i is being built by another session"))
    #expect(built.finding(.nameNotFound) == .untold("what it names is not there"))
  }

  @Test func `an index as the server writes it is like the one that was asked for`() throws {
    for (asked, written) in [
      ("CREATE INDEX ON t (a DESC)", "CREATE INDEX t_a_idx ON public.t USING btree (a DESC)"),
      (
        "CREATE INDEX x ON t (a ASC NULLS LAST, b DESC NULLS FIRST)",
        "CREATE INDEX x ON public.t USING btree (a, b DESC)"
      ),
      (
        "CREATE INDEX x ON t (lower(a)) WHERE b = 'x'",
        "CREATE INDEX x ON public.t USING btree (lower((a)::text)) WHERE ((b)::text = 'x'::text)"
      ),
    ] {
      #expect(try #require(IndexShape(asked)).isLike(try #require(IndexShape(written))))
    }
  }

  @Test func `an index without a name is only told where nothing is like it`() {
    let built = question("CREATE INDEX CONCURRENTLY ON t (a)")
    #expect(
      built.finding(.indexes([fact("CREATE INDEX j ON s.t USING btree (b)", name: "j")]))
        == .runAgain(cleanUp: [], "its index is not there"))
    #expect(
      built.finding(.indexes([fact(plain)]))
        == .untold("t has an index like it, which may have been there before"))
    #expect(
      built.finding(.indexes([fact(plain, isValid: false)]))
        == .runAgain(
          cleanUp: ["DROP INDEX CONCURRENTLY IF EXISTS \"s\".\"i\""],
          "the index s.i is invalid: it is dropped and built again"))
  }

  @Test func `what is left of the others decides as well`() {
    let drop = question("DROP INDEX CONCURRENTLY i")
    #expect(drop.finding(.indexes([])) == .done("the index i is gone"))
    #expect(
      drop.finding(.indexes([fact(plain, isValid: false)]))
        == .runAgain(cleanUp: [], "the index s.i is still there"))
    let reindex = question("REINDEX TABLE CONCURRENTLY t")
    #expect(
      reindex.finding(.indexes([]))
        == .runAgain(cleanUp: [], "REINDEX may be run again whatever became of it"))
    #expect(
      reindex.finding(.indexes([fact(plain, name: "i_ccnew1", isValid: false)]))
        == .runAgain(
          cleanUp: ["DROP INDEX CONCURRENTLY IF EXISTS \"s\".\"i_ccnew1\""],
          "it left the invalid index s.i_ccnew1, which is dropped first"))
    let value = question("ALTER TYPE mood ADD VALUE 'happy'")
    #expect(value.finding(.valueIsThere(true)) == .done("the type mood has the value 'happy'"))
    #expect(
      value.finding(.valueIsThere(false))
        == .runAgain(cleanUp: [], "the type mood has no value 'happy'"))
    let detach = question("ALTER TABLE t DETACH PARTITION p CONCURRENTLY")
    #expect(detach.finding(.partition(.detached)) == .done("the partition p is detached"))
    #expect(
      detach.finding(.partition(.attached))
        == .runAgain(cleanUp: [], "the partition p is still attached"))
    #expect(
      detach.finding(.partition(.pending))
        == .finishBy(
          "ALTER TABLE \"t\" DETACH PARTITION \"p\" FINALIZE", "the partition p is half detached"))
    #expect(
      question("CALL p()").finding(.nothing)
        == .untold("no look at the catalogue tells whether it took effect"))
  }

  @Test func `leftovers of REINDEX are known by their names`() {
    for name in ["i_ccnew", "i_ccold", "i_ccnew12"] {
      #expect(fact(plain, name: name).isLeftoverOfReindex)
    }
    for name in ["i", "i_ccnewer", "ccnew", "i_cc"] {
      #expect(!fact(plain, name: name).isLeftoverOfReindex, "\(name)")
    }
  }
}

@Suite struct StatementOneTransactionTests {
  private func isSame(_ sql: String) -> Bool {
    var copy = sql
    return copy.withUTF8 { SQLScript.statements(in: $0)[0].isSameInTransaction(in: $0) }
  }

  @Test(arguments: [
    "CREATE TABLE t ()", "INSERT INTO t VALUES (1)", "ALTER TYPE e ADD VALUE 'x'", "SET a = 1",
    "SELECT set_config('a', 'b', false)", "DROP TABLE t", "DO $$ BEGIN PERFORM 1; END $$",
    "REFRESH MATERIALIZED VIEW CONCURRENTLY v", "CREATE INDEX i ON t (a)",
    "WITH x AS (SELECT 1) SELECT 1",
  ])
  func `what does the same in a transaction`(_ sql: String) { #expect(isSame(sql)) }

  @Test(arguments: [
    "CREATE INDEX CONCURRENTLY i ON t (a)", "VACUUM t", "BEGIN", "COMMIT", "CALL p()",
    "DO $$ BEGIN COMMIT; END $$", "DO $$ BEGIN CALL p(); END $$", "DO $$ BEGIN EXECUTE x; END $$",
    "LOCK TABLE t", "SAVEPOINT s", "SET LOCAL a = 1", "DECLARE c CURSOR FOR SELECT 1",
    "ANALYZE", "REINDEX TABLE t", "CREATE DATABASE d", "ALTER SYSTEM SET a = 1", "EXECUTE x",
    "DROP SUBSCRIPTION s", "FETCH c", "SET CONSTRAINTS ALL DEFERRED",
  ])
  func `what may not, or is not known to`(_ sql: String) { #expect(!isSame(sql)) }

  @Test func `what lives no longer than its session is known`() {
    func makes(_ sql: String) -> Bool {
      var copy = sql
      return copy.withUTF8 { SQLScript.statements(in: $0)[0].makesSessionObjects(in: $0) }
    }
    for sql in [
      "CREATE TEMP TABLE t ()", "CREATE TEMPORARY VIEW v AS SELECT 1", "PREPARE p AS SELECT 1",
      "SELECT 1 INTO TEMP t", "CREATE TABLE pg_temp.t ()", "SELECT pg_advisory_lock(1)",
      "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
    ] { #expect(makes(sql), "\(sql)") }
    for sql in ["CREATE TABLE t (a int, b int)", "INSERT INTO temp VALUES (1)", "SELECT 1"] {
      #expect(!makes(sql), "\(sql)")
    }
  }
}
