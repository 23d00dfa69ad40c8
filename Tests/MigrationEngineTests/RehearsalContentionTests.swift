import MigrationEngine
import MigrationModel
import PostgresModel
import TestSupport
import Testing

/// Others at work on the tables that a migration locks.
@Suite(.fewAtOnce) struct RehearsalContentionTests {
  private func kinds(_ run: ContentionRun) -> [String] {
    run.stalls.map { stall in
      switch stall.writing {
      case .updated(let count): "\(stall.table) updated \(count > 0)"
      case .inserted(let count): "\(stall.table) inserted \(count > 0)"
      case .nothing(let reason): "\(stall.table) nothing: \(reason)"
      }
    }
  }

  @Test func `a writer writes what is there, and else what can be made up`() async throws {
    let found = try await RehearsalScene(
      up: "lock table child, filled, parts, empty, closed in exclusive mode;",
      base: """
        create table filled (id int primary key, n int generated always as (id + 1) stored, note text);
        insert into filled (id) values (1), (2);
        create table parts (id int not null) partition by range (id);
        create table parts_1 partition of parts for values from (0) to (10);
        create table parts_2 partition of parts for values from (10) to (20);
        insert into parts values (15), (5);
        create table empty (id int primary key, name text not null, kind int not null check (kind > 3));
        create table child (id int primary key, filled int not null references filled);
        create table closed (id int check (id < 0 and id > 0) not null)
        """
    ).first { $0.contends = true }
    let runs = try #require(found.contention)
    #expect(runs.count == 2)
    #expect(runs[0].hasApplied)
    for run in runs {
      let kinds = Set(kinds(run))
      let expected = [
        "public.filled updated true", "public.parts updated true", "public.empty inserted true",
        "public.child inserted true",
      ]
      for one in expected { #expect(kinds.contains(one), "\(kinds)") }
      #expect(
        kinds.contains {
          $0.hasPrefix("public.closed nothing: ") && $0.contains("check constraint")
        }, "\(kinds)")
    }
    #expect(found.verdict == .passed)
  }

  @Test func `what was made up does not stay in the way of the migration`() async throws {
    // With a row in it this is refused.
    let found = try await RehearsalScene(
      up: "alter table empty add column must int not null;",
      down: "alter table empty drop column must;", base: "create table empty (id int primary key)"
    ).first { $0.contends = true }
    #expect(found.contention?.first?.hasApplied == true)
    #expect(
      found.contention?.flatMap(kinds) == Array(repeating: "public.empty inserted true", count: 2))
  }

  @Test(arguments: [RehearsalMode.shape, .sampled, .clone])
  func `where nothing leads back it is tried on copies of its own`(
    _ mode: RehearsalMode
  ) async throws {
    let scene = try await RehearsalScene(
      [
        (up: "create table first (id int);", down: "drop table first;"),
        (up: "alter table users add column age int; alter table first add column n int;", down: ""),
      ], base: "create table users (id int primary key); insert into users values (1)")
    let report = try await scene.rehearse {
      $0.contends = true
      $0.mode = mode
    }
    #expect(report.migrations.map(\.verdict) == [.passed, .noWayBack])
    let runs = try #require(report.migrations[1].contention)
    #expect(runs.count == 2 && runs[0].hasApplied)
    let users = mode == .shape ? "public.users inserted true" : "public.users updated true"
    for run in runs { #expect(kinds(run) == ["public.first inserted true", users]) }
    #expect(report.migrations[1].beyondRehearsal == [])
    let left = try await scene.database.rows(
      "select datname from pg_database where shobj_description(oid, 'pg_database')"
        + " = 'scratch database of lockstep, copy of \(scene.database.name)'")
    #expect(left == [])
  }

  @Test func `a private server has room for further copies`() async throws {
    var scene = try await RehearsalScene(
      up: "alter table kept add column a int;", down: "",
      base:
        "do $$ begin if to_regrole('contender') is null then create role contender login; end if;"
        + " end $$; grant create on schema public to contender; create table kept (id int);"
        + " alter table kept owner to contender")
    scene.user = "contender"
    let report = try await scene.rehearse { $0.contends = true }
    #expect(report.scratch.mode == .privateShape)
    let found = report.migrations[0]
    #expect(found.verdict == .noWayBack && found.beyondRehearsal == [])
    #expect(
      found.contention?.flatMap(kinds) == Array(repeating: "public.kept inserted true", count: 2))
  }
}
