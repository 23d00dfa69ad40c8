import PostgresModel
import Testing

/// The texts of the statements of a script.
private func texts(_ sql: String) -> [String] {
  let bytes = Array(sql.utf8)
  return SQLScript.statements(in: sql).map { String(decoding: bytes[$0.range], as: UTF8.self) }
}

private func role(_ sql: String) -> Statement.Role? {
  let statements = SQLScript.statements(in: sql)
  return statements.count == 1 ? statements[0].role : nil
}

@Suite struct StatementSplitterTests {
  @Test func `semicolons part statements and empty statements are left out`() {
    #expect(texts("select 1;; ;select 2 ; ") == ["select 1", "select 2 "])
    #expect(texts("") == [])
    #expect(texts(" -- nothing\n/* here */;") == [])
  }

  @Test func `a statement begins at its first token and ends at the semicolon or its last token`() {
    let sql = "-- head\n\n  select 1 /* in */ ;\n/* before */ select 2 -- after\n"
    #expect(texts(sql) == ["select 1 /* in */ ", "select 2"])
    #expect(SQLScript.statements(in: sql).map(\.line) == [3, 4])
  }

  @Test(arguments: [
    "select ';'", "select 'it''s;'", "select e'\\';'", "select E'a\\\\;'", "select U&'\\0041;'",
    "select U&\"a;\"", "select b';'", "select x';'", "select N'a;'", "select \"a;\"\"b;\"",
    "select $$;$$", "select $a$ ; $$ ; $b$ ; $a$", "select $ä_1$;$ä_1$",
    "select 1 /* ; /* ; */ ; */",
    "select 1 -- ;\n", "select (1;2)", "select a$b$c", "select E'a'\n  'b\\';c'",
    "select E'a' -- x\n 'b\\';c'", "create rule r as on insert to t do also (select 1; select 2;)",
    "select $1::int", "select a[1:2], 'x' :: text", "select 'a\\'",
  ])
  func `a semicolon inside of a larger thing ends nothing`(_ sql: String) {
    #expect(texts(sql + ";select 2").last == "select 2")
    #expect(texts(sql + ";select 2").count == 2)
  }

  @Test func `a dollar inside of a word opens no string`() {
    #expect(texts("select a$x$; select b$x$") == ["select a$x$", "select b$x$"])
    #expect(texts("select $1$; $1$") == ["select $1$", "$1$"])
  }

  @Test func `an operator ends where a comment begins`() {
    #expect(
      texts("select 1 +-- ;\n2; select 3 */* ; */ 4") == [
        "select 1 +-- ;\n2", "select 3 */* ; */ 4",
      ])
    #expect(texts("select 1 @-- ;") == ["select 1 @"])
  }

  @Test func `the body of a routine in the style of the standard is one statement`() {
    let function = """
      create or replace function f(a int) returns int language sql
      begin atomic
        select case when a > 1 then 2 else 3 end;
        select 1 as end, t.case from t;
        select (case a when 1 then 2 end);
      end
      """
    let procedure = "CREATE PROCEDURE p() BEGIN ATOMIC INSERT INTO t VALUES (1); END"
    #expect(texts("\(function); select 1;\(procedure);") == [function, "select 1", procedure])
  }

  @Test func `only begin atomic opens a body`() {
    #expect(texts("create function begin() returns int as 'x' language sql; select 1").count == 2)
    #expect(texts("begin; create table t (); end; select 1").count == 4)
    #expect(texts("create table atomic (begin int); select 1").count == 2)
  }

  @Test func `what has no end reaches to the end of the script`() {
    for open in ["'", "E'\\", "\"", "$$", "$tag$", "/* /* */", "(", "-- ", "U&'", "b'"] {
      let sql = "select 1; select 2 \(open) ; select 3"
      #expect(texts(sql).count == 2, "\(open)")
    }
  }

  @Test func `any bytes at all are split without a crash`() {
    var generator = SystemRandomNumberGenerator()
    let alphabet = Array("ab1$'\"\\;-/*() \nEeUu&.:begin atomic end\u{0}é".utf8) + [0xFF, 0xC3]
    for _ in 0..<2000 {
      let bytes = (0..<Int.random(in: 0...60, using: &generator)).map { _ in
        alphabet.randomElement(using: &generator) ?? 0
      }
      var previous = 0
      for statement in SQLScript.statements(in: bytes) {
        #expect(statement.range.lowerBound >= previous && !statement.range.isEmpty, "\(bytes)")
        #expect(statement.range.upperBound <= bytes.count, "\(bytes)")
        previous = statement.range.upperBound
      }
    }
  }

  @Test func `a byte order mark belongs to no statement`() {
    #expect(texts("\u{FEFF}begin; select 1") == ["begin", "select 1"])
    #expect(SQLScript.statements(in: "\u{FEFF}begin").first?.role == .begin)
  }

  @Test func `every statement is visited without keeping them`() {
    let bytes = Array("select 1; select 2;".utf8)
    var lines: [Int] = []
    bytes.withUnsafeBufferPointer { buffer in
      SQLScript.forEachStatement(in: buffer) { lines.append($0.range.lowerBound) }
    }
    #expect(lines == [0, 10])
  }

  @Test(arguments: [
    ("create unique index concurrently on t (a)", "CREATE INDEX"),
    ("Create Or Replace View v as select 1", "CREATE VIEW"),
    ("create temp table t ()", "CREATE TABLE"),
    ("alter table only public.t add a int", "ALTER TABLE"),
    ("refresh materialized view v", "REFRESH MATERIALIZED VIEW"),
    ("create text search configuration c (parser = p)", "CREATE TEXT SEARCH CONFIGURATION"),
    ("create foreign data wrapper w", "CREATE FOREIGN DATA WRAPPER"),
    ("alter default privileges grant select on tables to u", "ALTER DEFAULT PRIVILEGES"),
    ("insert into t values (1)", "INSERT"), ("(select 1)", "SELECT"),
    ("/* x */ drop materialized view v", "DROP MATERIALIZED VIEW"),
    ("comment on table t is 'x'", "COMMENT"), ("do $$ begin end $$", "DO"),
    ("rollback to savepoint s", "ROLLBACK TO"),
    ("start transaction read only", "START TRANSACTION"),
    ("create constraint trigger t after insert on x execute function f()", "CREATE TRIGGER"),
  ])
  func `the command is named by its leading words`(_ sql: String, _ command: String) {
    #expect(SQLScript.statements(in: sql).map(\.command) == [command])
  }

  @Test func `what begins and ends a transaction is told from what only looks like it`() {
    for sql in ["begin", "BEGIN WORK", "start transaction isolation level serializable"] {
      #expect(role(sql) == .begin, "\(sql)")
    }
    for sql in ["commit", "end", "END TRANSACTION", "commit and chain"] {
      #expect(role(sql) == .commit, "\(sql)")
    }
    for sql in ["rollback", "abort", "rollback work", "rollback and no chain"] {
      #expect(role(sql) == .rollback, "\(sql)")
    }
    for sql in ["prepare transaction 'x'", "commit prepared 'x'", "rollback prepared 'x'"] {
      #expect(role(sql) == .twoPhase, "\(sql)")
    }
    for sql in [
      "rollback to s", "rollback transaction to savepoint s", "savepoint s", "release s",
      "prepare p as select 1", "prepare transaction as select 1", "select 'begin'",
    ] { #expect(role(sql) == .ordinary, "\(sql)") }
  }

  @Test(arguments: [
    ("create index concurrently i on t (a)", "CREATE INDEX CONCURRENTLY"),
    ("CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)", "CREATE INDEX CONCURRENTLY"),
    ("drop index concurrently if exists i", "DROP INDEX CONCURRENTLY"),
    ("reindex index concurrently i", "REINDEX CONCURRENTLY"),
    ("reindex (verbose, concurrently) table t", "REINDEX CONCURRENTLY"),
    ("reindex (concurrently true) index i", "REINDEX CONCURRENTLY"),
    ("reindex (verbose) table concurrently t", "REINDEX CONCURRENTLY"),
    ("reindex schema concurrently s", "REINDEX CONCURRENTLY"),
    ("reindex schema s", "REINDEX SCHEMA"), ("reindex database d", "REINDEX DATABASE"),
    ("reindex (verbose) system", "REINDEX SYSTEM"), ("vacuum", "VACUUM"),
    ("vacuum (analyze, full) t", "VACUUM"), ("vacuum analyze t", "VACUUM"), ("cluster", "CLUSTER"),
    ("cluster (verbose)", "CLUSTER"), ("cluster verbose", "CLUSTER"),
    ("create database d", "CREATE DATABASE"), ("drop database if exists d", "DROP DATABASE"),
    ("create tablespace t location '/x'", "CREATE TABLESPACE"),
    ("drop tablespace t", "DROP TABLESPACE"),
    ("alter system set work_mem = '1GB'", "ALTER SYSTEM"),
    ("alter system reset all", "ALTER SYSTEM"),
    ("alter database d set tablespace t", "ALTER DATABASE SET TABLESPACE"),
    ("discard all", "DISCARD ALL"),
    (
      "alter table if exists only s.t detach partition \"p q\" concurrently",
      "ALTER TABLE DETACH PARTITION CONCURRENTLY"
    ),
    (
      "create subscription s connection 'c' publication p",
      "CREATE SUBSCRIPTION WITH (create_slot = true)"
    ),
    (
      "create subscription s connection 'c' publication p with (connect = false, create_slot)",
      "CREATE SUBSCRIPTION WITH (create_slot = true)"
    ),
    ("drop subscription s", "DROP SUBSCRIPTION"),
    ("alter subscription s refresh publication", "ALTER SUBSCRIPTION REFRESH PUBLICATION"),
    ("alter subscription s set publication p, q", "ALTER SUBSCRIPTION with refresh"),
    (
      "alter subscription s add publication p with (copy_data = false)",
      "ALTER SUBSCRIPTION with refresh"
    ),
    ("alter subscription s set (failover = true)", "ALTER SUBSCRIPTION SET (failover)"),
  ])
  func `what the server refuses in a transaction is known`(_ sql: String, _ words: String) {
    #expect(role(sql) == .notInTransaction(words))
  }

  @Test(arguments: [
    "create index i on t (a)", "drop index i", "reindex table t", "reindex (verbose) index i",
    "reindex (concurrently false) table t", "reindex (concurrently off) table t", "analyze",
    "analyze verbose t", "cluster t using i", "cluster verbose t", "cluster (verbose) t",
    "refresh materialized view concurrently v", "alter database d set work_mem = '1GB'",
    "alter table t detach partition p", "alter table t detach partition p finalize",
    "create subscription s connection 'c' publication p with (create_slot = false)",
    "create subscription s connection 'c' publication p with (slot_name = NONE, connect = off)",
    "alter subscription s disable", "alter subscription s set (synchronous_commit = off)",
    "alter subscription s set publication p with (refresh = false)",
    "create table concurrently_t ()", "checkpoint", "alter type t rename value 'a' to 'b'",
    "alter type t add attribute a int", "create schema s create table t ()",
  ])
  func `what may run in a transaction is ordinary`(_ sql: String) {
    #expect(role(sql) == .ordinary)
  }

  @Test func `a new value of an enumeration is seen only after the commit`() {
    #expect(
      role("alter type s.mood add value if not exists 'glad' after 'sad'") == .visibleAfterCommit)
  }

  @Test func `settings that outlive the statement are told from those that do not`() {
    for sql in [
      "set search_path to a", "set session work_mem = '1MB'", "set time zone 'UTC'", "set role r",
      "set session authorization u", "reset all", "reset work_mem", "discard plans",
      "discard temp", "set local.x = 1", "SET \"local\" TO 1",
      "set session characteristics as transaction read only",
      "select set_config('search_path', '', false)",
      "SELECT pg_catalog.set_config('search_path', '', false)",
      "select pg_catalog.\"set_config\"('a', 'b', 'f')",
      "select set_config('a', 'b', true), set_config('c', 'd', false)",
      "with x as (select set_config('a', (select 'b,c'), not true)) select * from x",
    ] { #expect(role(sql) == .sessionSetting, "\(sql)") }
    for sql in [
      "set local work_mem = '1MB'", "set transaction read only", "set constraints all deferred",
      "select set_config('a', 'b', true)", "select set_config('a', f('b', 'c'), 't')",
      "select current_setting('a')", "select 'set_config(a, b, false)'",
      "create function f() returns text begin atomic select set_config('a', 'b', false); end",
      "set local role r",
    ] { #expect(role(sql) == .ordinary, "\(sql)") }
  }

  @Test func `copying from the client is told from copying from a file`() {
    for sql in [
      "copy t from stdin", "COPY public.\"from\" (a, \"from (\") FROM STDIN WITH (format csv)",
      "copy binary t from stdin", "copy t (a) from Stdin delimiter ','", "copy t from stdout",
    ] { #expect(role(sql) == .copyFromStandardInput, "\(sql)") }
    for sql in [
      "copy t from '/tmp/stdin'", "copy t from program 'stdin'", "copy t to stdout",
      "copy (select 1 from stdin) to stdout", "select 'copy t from stdin'",
    ] { #expect(role(sql) == .ordinary, "\(sql)") }
  }

  @Test func `the data of a copy is no statement`() {
    let sql = "copy t from stdin; -- rest\n1\tit's\n(\n\\.x\n\\.\nselect 2;"
    #expect(texts(sql) == ["copy t from stdin", "select 2"])
    #expect(SQLScript.statements(in: sql).map(\.line) == [1, 6])
    #expect(
      texts("copy t from stdin;\r\n1;\r\n\\.\r\nselect 2") == ["copy t from stdin", "select 2"])
    #expect(texts("copy t from stdin;\n1; select 2\n") == ["copy t from stdin"])
    #expect(texts("copy t from '/x';\nselect 2;") == ["copy t from '/x'", "select 2"])
  }

  @Test func `commands of psql are found wherever they stand`() {
    let sql =
      "\\set x 1 ; select\nselect 1\n\\gexec\n  \\i other.sql  \r\nselect '\\i' ;\\copy t from 'x'"
    #expect(
      texts(sql) == [
        "\\set x 1 ; select", "select 1", "\\gexec", "\\i other.sql", "select '\\i' ",
        "\\copy t from 'x'",
      ])
    #expect(
      SQLScript.statements(in: sql).map(\.role) == [
        .psqlCommand("\\set"), .ordinary, .psqlCommand("\\gexec"), .psqlCommand("\\i"), .ordinary,
        .psqlCommand("\\copy"),
      ])
    #expect(texts("select 1\\;select 2;") == ["select 1", "\\;", "select 2"])
    #expect(role("\\connect -") == .psqlCommand("\\connect"))
    #expect(role("\\.") == .psqlCommand("\\."))
  }

  @Test(arguments: [
    "select '\\i'", "select E'\\\\i'", "select $$ \\i $$", "select 1 -- \\i", "/* \\i */ select 1",
  ])
  func `a backslash in a string or a comment is no command of psql`(_ sql: String) {
    #expect(role(sql) == .ordinary)
  }
}
