import PostgresModel
import Testing

private func targets(_ sql: String) -> StatementTargets? {
  PgQueryParser().parse(sql).statements.first?.targets
}

/// The changes as `action kind name.member`.
private func changes(_ sql: String) -> [String] {
  targets(sql)?.changes.map { change in
    let action =
      switch change.action {
      case .renamed(let name): "renamed to \(name):"
      default: "\(change.action)"
      }
    return "\(action) \(change.kind) \(change.name)" + (change.member.map { " \($0)" } ?? "")
  } ?? []
}

@Suite struct StatementTargetsTests {
  @Test(arguments: [
    (
      "create table s.t (id int, constraint k check (id > 0))",
      ["created table s.t", "created column s.t id", "created constraint s.t k"]
    ),
    ("create unique index concurrently i on s.t (a)", ["created index s.i"]),
    ("create index on t (a)", []),
    ("create or replace view v as select 1", ["replaced view v"]),
    ("create materialized view m as select 1", ["created materialized view m"]),
    ("select 1 into t", ["created table t"]),
    (
      "create or replace function s.f(a int) returns int language sql as 'x'",
      ["replaced function s.f"]
    ),
    ("create procedure p() language sql as 'x'", ["created procedure p"]),
    ("create trigger g after insert on t execute function f()", ["created trigger t g"]),
    ("create type mood as enum ('a')", ["created type mood"]),
    ("create type pair as (a int)", ["created type pair"]),
    ("create domain d as int", ["created domain d"]),
    (
      "create schema s create table x (a int)",
      ["created schema s", "created table x", "created column x a"]
    ),
    ("create aggregate a (int) (sfunc = f, stype = int)", ["created aggregate a"]),
    ("drop table if exists a, s.b cascade", ["dropped table a", "dropped table s.b"]),
    ("drop function s.f(int)", ["dropped function s.f"]), ("drop type mood", ["dropped type mood"]),
    ("drop trigger g on s.t", ["dropped trigger s.t g"]), ("drop schema s", ["dropped schema s"]),
    ("drop materialized view m", ["dropped materialized view m"]),
    (
      "alter table t add column a int, drop column b, alter c type text, drop constraint k, set logged",
      [
        "created column t a", "dropped column t b", "altered column t c", "dropped constraint t k",
        "altered table t",
      ]
    ),
    ("alter table t add constraint k unique (a)", ["created constraint t k"]),
    ("alter table t add unique (a)", ["altered table t"]),
    ("alter table s.t rename to u", ["renamed to s.u: table s.t"]),
    ("alter table t rename column a to b", ["renamed to b: column t a"]),
    ("alter index i rename to j", ["renamed to j: index i"]),
    ("alter table t set schema s", ["renamed to s.t: table t"]),
    ("alter type mood add value 'x'", ["altered type mood"]),
    ("alter type mood rename to m", ["renamed to m: type mood"]),
    ("alter schema a rename to b", ["renamed to b: schema a"]),
    ("alter function f(int) set schema s", ["renamed to s.f: function f"]),
    ("insert into t values (1)", []), ("comment on table t is 'x'", []),
  ])
  func `the objects a statement changes are named`(_ sql: String, _ expected: [String]) {
    #expect(changes(sql) == expected)
  }

  @Test func `relations are told in the part they have`() {
    #expect(
      targets("create table t (a int references s.o) inherits (p)")?.uses == [
        .init(QualifiedName("t"), .created), .init(QualifiedName("p"), .existing(.parent)),
        .init(QualifiedName(schema: "s", "o"), .existing(.referenced)),
      ])
    #expect(
      Set(
        targets("with c as (select * from x) insert into t select * from c join y using (a)")?.uses
          ?? [])
        == [
          .init(QualifiedName("x"), .existing(.source)),
          .init(QualifiedName("y"), .existing(.source)),
          .init(QualifiedName("t"), .existing(.target)),
        ])
    #expect(targets("drop index i")?.uses == [.init(QualifiedName("i"), .existing(.index))])
    #expect(targets("do $$ $$")?.uses == [])
  }
}
