import MigrationEngine
import MigrationModel
import PostgresModel
import TestSupport
import Testing

/// What a rehearsal sees is the same on every server that there is.
@Suite(.fewAtOnce) struct RehearsalVersionsTests {
  private static let base = """
    create table users (id int primary key, name text, total numeric(8, 2) default 0);
    insert into users select g, 'n' || g from generate_series(1, 20) g
    """

  private static let servers = [TestServer.shared] + TestServer.others.map(\.server)

  @Test(arguments: servers)
  func `locks, rewrites, proofs and the way back are seen`(on server: TestServer) async throws {
    let report = try await ProbeFixture(base: Self.base, server: server).report(
      """
      create table orders (id bigint generated always as identity primary key,
        customer int not null references users, state text not null check (state <> ''));
      create index orders_customer on orders (customer);
      alter table users alter column total type numeric(9, 4);
      create function stamp() returns trigger language plpgsql as
        $$ begin new.name := upper(new.name); return new; end $$;
      create trigger users_stamp before insert on users for each row execute function stamp();
      """,
      down: """
        drop trigger users_stamp on users; drop function stamp();
        alter table users alter column total type numeric(8, 2); drop table orders;
        """)
    let migration = try #require(report.migrations.first)
    #expect(migration.verdict == .passed, "\(migration)")
    let retyped = try #require(migration.statements.first { $0.sql.hasPrefix("alter table users") })
    let evidence = try #require(retyped.evidence)
    #expect(
      evidence.locks.contains {
        $0.mode == .accessExclusive && $0.relation.description == "public.users"
      }, "\(evidence)")
    #expect(evidence.rewrites?.map(\.description) == ["public.users"], "\(evidence)")
    let trials = (migration.trials ?? []).filter { $0.proof != .rollback }
    #expect(trials.allSatisfy { $0.outcome == .proven }, "\(trials.words)")
    #expect(
      Set(trials.map(\.proof)) == [.indexes, .constraints, .triggers], "\(trials.words)")
  }

  @Test(arguments: servers)
  func `what is not enforced and what is lost is seen`(on server: TestServer) async throws {
    let report = try await ProbeFixture(base: Self.base, server: server).report(
      """
      alter table users add constraint named check (name <> '') not valid;
      alter table users drop column total;
      """,
      down:
        "alter table users drop constraint named; alter table users add column total numeric(8, 2) default 0;"
    )
    let migration = try #require(report.migrations.first)
    let trials = migration.trials ?? []
    #expect(trials.outcome("constraint named of public.users") == .notProven, "\(trials.words)")
    #expect(trials.contains { $0.proof == .constraints && $0.outcome == .proven } == false)
    #expect(report.scratch.mode != .shape, "the rows go with it")
  }

  @Test(arguments: servers)
  func `what runs outside a transaction is seen`(on server: TestServer) async throws {
    let report = try await ProbeFixture(base: Self.base, server: server).report(
      "create index concurrently users_name on users (name);",
      down: "drop index concurrently users_name;", isOutside: true)
    let migration = try #require(report.migrations.first)
    #expect(migration.verdict == .passed, "\(migration)")
    #expect((migration.trials ?? []).outcome("index public.users_name") == .proven)
    #expect(migration.brokenOff?.contains(where: \.hasFailed) != true)
  }

  @Test(arguments: servers)
  func `blocks, temporary files, the way back and who waits are seen`(
    on server: TestServer
  ) async throws {
    let found = try await RehearsalScene(
      up: "alter table users add column age int; set local work_mem = '64kB';"
        + " select count(*) from (select pad from wide order by pad limit 3900) s;",
      down: "alter table users drop column age;",
      base: Self.base + "; create table wide as select repeat('x', 500) || n as pad"
        + " from generate_series(1, 4000) n",
      on: server
    ).first { $0.contends = true }
    #expect(found.verdict == .passed, "\(found)")
    let evidence = try #require(found.statements[2].evidence)
    #expect(evidence.buffers.map { $0.hit + $0.read >= 250 } == true, "\(evidence)")
    #expect((evidence.temporaryBytes ?? 0) > 1_000_000, "\(evidence)")
    #expect(found.statements[0].evidence?.temporaryBytes == 0)
    #expect(found.rollBack.statements.first?.lockLines == ["ACCESS EXCLUSIVE public.users"])
    let stall = try #require(found.contention?.first?.stalls.first)
    guard case .updated(let count) = stall.writing else {
      Issue.record("\(stall)")
      return
    }
    #expect(count > 0)
  }
}
