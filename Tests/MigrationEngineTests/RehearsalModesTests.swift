import Diagnostics
import EventLoop
import MigrationModel
import Postgres
import PostgresModel
import TestSupport
import Testing

@testable import MigrationEngine

@Suite(.fewAtOnce) struct RehearsalModesTests {
  /// Two tables that refer to each other, and one that refers to itself.
  private let base = """
    create table team (id int primary key, lead int, name text not null);
    create table person (id int primary key, team_id int not null references team, boss int references person);
    alter table team add foreign key (lead) references person deferrable initially deferred;
    create table "odd ""name" ("a\\b" text, "from" int generated always as identity, t timestamptz);
    create table part (id int not null, at int not null, v text) partition by range (at);
    create table part_1 partition of part for values from (0) to (100);
    create table part_2 partition of part default;
    create table generated (a int, b int generated always as (a * 2) stored);
    create materialized view names as select name from team;
    create function boom() returns trigger language plpgsql as 'begin raise exception ''fired''; end';
    begin;
    insert into team select n, n, 'team ' || n from generate_series(1, 300) n;
    insert into person select n, 301 - n, nullif(n, 300) + 1 from generate_series(1, 300) n;
    commit;
    insert into "odd ""name" ("a\\b", t) values (E'tab\\there\\nline', now()), (null, null), ('\\N', 'infinity');
    insert into part select n, n, 'v' from generate_series(1, 200) n;
    insert into generated select n from generate_series(1, 10) n;
    create trigger boom before insert on person for each row execute function boom();
    refresh materialized view names
    """

  private let counting = """
    do $$ begin raise notice 'team %, person %, odd %, part %, generated %, names %',
      (select count(*) from team), (select count(*) from person),
      (select count(*) from "odd ""name"), (select count(*) from part),
      (select count(*) from generated), (select count(*) from names); end $$;
    """

  private func notice(_ report: RehearsalReport) -> String? {
    report.migrations[0].statements[0].evidence?.notices.first
  }

  @Test func `a small database that nobody uses is cloned`() async throws {
    let scene = try await RehearsalScene(up: counting, base: base)
    let report = try await scene.rehearse()
    #expect(report.scratch.mode == .clone)
    #expect(
      notice(report) == "NOTICE: team 300, person 300, odd 3, part 200, generated 10, names 300")
    #expect(report.hasPassed)
  }

  @Test func `one that others use is sampled, and the rows that the sample refers to come along`()
    async throws
  {
    let scene = try await RehearsalScene(
      up: counting
        + "do $$ begin raise notice 'row %', (select \"a\\b\" from \"odd \"\"name\" where \"from\" = 1); end $$;",
      base: base)
    let (project, target) = (scene.project, try scene.target)
    let report = try await scene.database.server.withConnection(to: scene.database.name) { _ in
      try await onLoop { loop in
        var rehearsal = Rehearsal(project: project, target: target, loop: loop)
        rehearsal.sample = .rows(20)
        return try await rehearsal.run { _ in }
      }
    }
    #expect(report.scratch.mode == .sampled)
    #expect(report.scratch.sample == "at most 20 rows a table")
    #expect(report.scratch.notes.first?.hasPrefix("no clone: 1 other sessions use") == true)
    let words = notice(report)?.split(separator: ",") ?? []
    // Twenty of each, whoever they refer to, and so on: the chain of bosses leads to all of them.
    let teams = words.first?.split(separator: " ").last.flatMap { Int($0) } ?? 0
    #expect(teams == 300)
    #expect(words.contains(" person 300"))
    #expect(report.scratch.notes.count == 1)
    #expect(words.contains(" part 40"))
    #expect(words.contains(" generated 10"))
    #expect(words.last == " names \(teams)")
    #expect(
      report.migrations[0].statements[1].evidence?.notices == ["NOTICE: row tab\there\nline"])
    #expect(report.hasPassed)
  }

  @Test func `a chain of references that is cut is told`() async throws {
    // Each row leads to one of the other table: link by link.
    let scene = try await RehearsalScene(
      up: "select 1;",
      base: """
        create table a (id int primary key, b int); create table b (id int primary key, a int not null);
        insert into a select n, n + 1 from generate_series(1, 200) n;
        insert into b select n + 1, n + 1 from generate_series(1, 200) n;
        insert into a values (201, null);
        alter table a add constraint f foreign key (b) references b deferrable initially deferred;
        alter table b add constraint g foreign key (a) references a;
        """)
    let report = try await scene.rehearse {
      $0.mode = .sampled
      $0.sample = .rows(1)
    }
    #expect(report.hasPassed)
    #expect(
      report.scratch.notes == [
        "references lead further than the sample: 1 row of public.a is without what it refers to",
        "references lead further than the sample: 1 row of public.b is left out",
      ])
  }

  @Test func `a share of the rows can be asked for`() async throws {
    let scene = try await RehearsalScene(
      up: "create index on big (id);", down: "drop index big_id_idx;",
      base: "create table big as select n as id from generate_series(1, 50000) n; analyze big")
    let report = try await scene.rehearse {
      $0.mode = .sampled
      $0.sample = .percent(10)
    }
    #expect(report.scratch.mode == .sampled)
    let scanned = report.migrations[0].statements[0].evidence
    #expect(scanned?.scans?.map(\.description) == ["public.big"])
  }

  @Test func `a database that is in use is not cloned, and what to do is said`() async throws {
    let scene = try await RehearsalScene(up: "select 1;", base: base)
    let (project, target, name) = (scene.project, try scene.target, scene.database.name)
    try await scene.database.server.withConnection(to: name) { _ in
      try await onLoop { loop in
        var rehearsal = Rehearsal(project: project, target: target, loop: loop)
        rehearsal.mode = .clone
        let refusal = await #expect(throws: Refusal.self) {
          _ = try await rehearsal.run { _ in }
        }
        #expect(refusal?.diagnostic.code == "cannot_clone")
        #expect(
          refusal?.diagnostic.what
            == "database \"\(name)\" cannot be cloned: source database \"\(name)\" is being accessed"
            + " by other users")
      }
    }
  }

  @Test func `the schema alone can be asked for, and no row is there`() async throws {
    let report = try await RehearsalScene(up: counting, base: base).rehearse { $0.mode = .shape }
    #expect(report.scratch.mode == .shape)
    #expect(report.scratch.sample == nil)
  }

  @Test func `without any rows there is nothing to copy`() async throws {
    let report = try await RehearsalScene(up: "select 1;", base: "create table t (id int)")
      .rehearse()
    #expect(report.scratch.mode == .shape)
  }

  @Test func `what fails on the rows fails in the rehearsal`() async throws {
    let found = try await RehearsalScene(
      up: "alter table team add unique (name);",
      base: base + ";update team set name = 'same' where id < 3"
    ).first()
    #expect(found.applies == false)
    #expect(found.error?.sqlstate == "23505")
  }

  @Test func `a rehearsal refuses an address that leads elsewhere`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    let url = database.url
    try await onLoop { loop in
      let session = try await Connection.open(
        try ConnectionString(url), application: "tests", loop: loop)
      let refusal = await #expect(throws: Refusal.self) {
        try await ScratchDatabase.refuse(session, unlessIt: "lockstep_scratch_x")
      }
      #expect(refusal?.diagnostic.code == "scratch_is_target")
    }
  }

  @Test func `what changes the whole server is rehearsed on one of its own`() async throws {
    let scene = try await RehearsalScene(
      up: """
        create role rehearsed_only;
        alter system set work_mem = '5MB';
        grant select on team to rehearsed_only;
        """,
      down: "drop owned by rehearsed_only; drop role rehearsed_only;", base: base,
      transaction: false)
    let report = try await scene.rehearse()
    #expect(report.scratch.mode == .privateShape)
    #expect(
      report.scratch.notes == [
        "not on the target's server: it changes roles of the whole server"
      ])
    #expect(
      report.migrations[0].beyondRehearsal == [
        "CREATE ROLE (line 2): roles of the whole server",
        "ALTER SYSTEM (line 3): settings of the whole server",
      ])
    #expect(
      try await scene.database.rows(
        "select to_regrole('rehearsed_only'), (select count(*) from pg_file_settings where name = 'work_mem')"
      ) == ["<null>|0"])
  }
}
