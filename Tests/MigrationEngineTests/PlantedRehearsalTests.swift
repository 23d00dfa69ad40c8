import Diagnostics
import EventLoop
import MigrationModel
import Postgres
import PostgresModel
import TestSupport
import Testing

@testable import MigrationEngine

/// Migrations of which the truth is known beforehand.
@Suite(.fewAtOnce) struct PlantedRehearsalTests {
  static let base = """
    create table users (id int primary key, spare text, name text, email varchar(40) not null check (email like '%@%'));
    create table orders (id int generated always as identity primary key,
      user_id int not null references users, state text not null default 'new');
    insert into users select n, null, 'name ' || n, 'u' || n || '@x.org' from generate_series(1, 40) n;
    insert into orders (user_id) select n from generate_series(1, 40) n
    """

  struct Planted: Sendable, CustomTestStringConvertible {
    var name: String
    var up: String
    var down: String
    var verdict: RollBack.Verdict
    /// What is lost, in words.
    var lost: [String] = []
    var isOutside = false

    var testDescription: String { name }
  }

  static let planted: [Planted] = [
    Planted(
      name: "an index comes and goes", up: "create index on users (name);",
      down: "drop index users_name_idx;", verdict: .exact),
    Planted(
      name: "a column moves to the end", up: "alter table users add column age int;",
      down: "alter table users drop column age, drop column name; alter table users add name text;",
      verdict: .lossy,
      lost: [
        "values of public.users.name (40), there before it, are gone",
        "values of public.users.age (1), written since it was applied, are gone",
        "values of public.users.name (1), written since it was applied, are gone",
      ]),
    Planted(
      name: "a new column goes with its values",
      up: "alter table orders alter column state set default 'open'; alter table users add a int;",
      down: "alter table orders alter column state set default 'new'; alter table users drop a;",
      verdict: .lossy,
      lost: ["values of public.users.a (1), written since it was applied, are gone"]),
    Planted(
      name: "only places differ", up: "alter table users drop column spare;",
      down: "alter table users add column spare text;", verdict: .equivalent),
    Planted(
      name: "a dropped column comes back empty", up: "alter table users drop column name;",
      down: "alter table users add column name text;", verdict: .lossy,
      lost: ["values of public.users.name (40), there before it, are gone"]),
    Planted(
      name: "rows are deleted and do not come back", up: "delete from orders where id <= 10;",
      down: "select 1;", verdict: .lossy,
      lost: ["rows of public.orders (10), there before it, are gone"]),
    Planted(
      name: "values are changed and not changed back",
      up: "update users set name = upper(name);", down: "select 1;", verdict: .lossy,
      lost: ["values of public.users.name (40), there before it, are other ones"]),
    Planted(
      name: "values are changed and changed back",
      up: "update users set name = upper(name);", down: "update users set name = lower(name);",
      verdict: .exact),
    Planted(
      name: "values change places",
      up: "update users set name = 'name ' || (41 - id);", down: "select 1;", verdict: .lossy,
      lost: ["rows of public.users (40), there before it, are other ones"]),
    Planted(
      name: "a new table goes with its rows",
      up:
        "create table notes (id int primary key, user_id int not null references users, t timestamptz);",
      down: "drop table notes;", verdict: .lossy,
      lost: ["rows of public.notes (1), written since it was applied, are gone"]),
    Planted(
      name: "a column that allows only some values",
      up: "alter table orders add column kind text check (kind in ('big', 'small'));",
      down: "alter table orders drop column kind;", verdict: .lossy,
      lost: ["values of public.orders.kind (1), written since it was applied, are gone"]),
    Planted(
      name: "a type that grows and shrinks", up: "alter table users alter id type bigint;",
      down: "alter table users alter id type int;", verdict: .exact),
    Planted(
      name: "a way back that forgets an index",
      up: "alter table users add column age int; create index i on orders (state);",
      down: "alter table users drop column age;", verdict: .incomplete),
    Planted(
      name: "a way back that fails", up: "create table a (id int);", down: "drop table b;",
      verdict: .fails),
    Planted(
      name: "an index beside the work of others",
      up: "create index concurrently i on users (name);", down: "drop index concurrently i;",
      verdict: .exact, isOutside: true),
  ]

  @Test(arguments: planted)
  func `the verdict on the way back is the truth`(_ planted: Planted) async throws {
    let found = try await RehearsalScene(
      up: planted.up, down: planted.down, base: Self.base, transaction: !planted.isOutside
    ).first()
    #expect(found.applies == true)
    #expect(found.rollBack.verdict == planted.verdict)
    let lost = found.rollBack.lostData?.map(\.words) ?? []
    if planted.verdict == .exact || planted.verdict == .lossy { #expect(lost == planted.lost) }
    let isRefuted = found.trials?.contains { $0.outcome == .refuted } ?? false
    #expect(isRefuted == planted.lost.contains { $0.contains("there before it") })
  }

  @Test func `one that fails does not apply, and one that leaves a transaction open is refused`()
    async throws
  {
    let failing = try await RehearsalScene(
      up: "alter table users add check (id < 20);", base: Self.base
    ).first()
    #expect(failing.applies == false)
    #expect(failing.verdict == .failed)
    #expect(failing.error?.sqlstate == "23514")
    let open = try await RehearsalScene(up: "begin; create table a (id int);", base: Self.base)
    let refusal = await #expect(throws: Refusal.self) { _ = try await open.rehearse() }
    #expect(refusal?.diagnostic.what == "1_m leaves the transaction open that it begins")
  }

  @Test func `a way back that new rows keep from being gone is refuted`() async throws {
    let found = try await RehearsalScene(
      up:
        "alter table users add column ref uuid unique; alter table users alter name drop not null;",
      down: """
        alter table users add constraint few check (id <= 40);
        alter table users drop constraint few; alter table users drop column ref;
        """,
      base: Self.base
    ).first()
    #expect(found.rollBack.runs == true)
    let trial = found.trials?.first { $0.subject == "rows written once it is applied" }
    #expect(trial?.outcome == .refuted)
    #expect(
      trial?.evidence.first?.text
        == "with them the way back fails: check constraint \"few\" of relation \"users\" is violated by some row"
    )
  }

  @Test func `where no valid row can be made nothing is proven`() async throws {
    let found = try await RehearsalScene(
      up: "create table odd (id int primary key, code text not null check (md5(code) = 'x'));",
      down: "drop table odd;", base: Self.base
    ).first()
    let trial = found.trials?.first { $0.subject == "rows written once it is applied" }
    #expect(trial?.outcome == .notProven)
    #expect(
      trial?.evidence.map(\.text) == [
        "not written: public.odd: new row for relation \"odd\" violates check constraint \"odd_code_check\""
      ])
    #expect(found.rollBack.verdict == .exact)
  }

  @Test func `nothing that was made up is left on the copy`() async throws {
    let report = try await RehearsalScene(
      [
        ("alter table users add column age int;", "alter table users drop column age;"),
        (
          "do $$ begin raise notice '% users', (select count(*) from users); end $$;", "select 1;"
        ),
      ], base: Self.base
    ).rehearse()
    #expect(report.migrations[1].statements[0].evidence?.notices == ["NOTICE: 40 users"])
  }

  // MARK: Broken off, and with others at work

  @Test func `an index build that is broken off is taken up again`() async throws {
    let found = try await RehearsalScene(
      up: "create index concurrently i on users (name);", down: "drop index concurrently i;",
      base: Self.base, transaction: false
    ).first()
    #expect(found.brokenOff?.map(\.outcome) == [.converges])
    #expect(found.verdict == .passed)
  }

  @Test func `how long others wait is told with and without a lock budget`() async throws {
    let found = try await RehearsalScene(
      up: "alter table users add column age int;", down: "alter table users drop column age;",
      base: Self.base
    ).first { $0.contends = true }
    let runs = try #require(found.contention)
    #expect(runs.count == 2)
    #expect(runs.allSatisfy { $0.stalls.map(\.table.description) == ["public.users"] })
    #expect(runs[0].budget == .off && runs[0].hasApplied && runs[0].steppedAside == 0)
    #expect(runs[1].budget.isOn)
    for run in runs {
      guard case .updated(let count) = run.stalls[0].writing else {
        Issue.record("\(run.stalls)")
        continue
      }
      #expect(count > 0)
    }
    #expect(found.verdict == .passed)
    let quiet = try await RehearsalScene(up: "create table a ();", down: "drop table a;").first {
      $0.contends = true
    }
    #expect(quiet.contention == nil)
  }
}
