import Diagnostics
import EventLoop
import MigrationEngine
import MigrationModel
import Postgres
import PostgresModel
import TestSupport
import Testing

@Suite(.serialized) struct RehearsalTests {
  /// Rehearses these dbmate files after `base` was applied to the target.
  private func rehearse(
    _ files: [String: String], base: String = "create table users (id int primary key, name text)",
    setup: String = "", on server: TestServer = .shared
  ) async throws -> (report: RehearsalReport, database: TestDatabase) {
    let folder = TemporaryFolder()
    defer { withExtendedLifetime(folder) {} }
    for (name, text) in files { folder.write("migrations/\(name)", text) }
    let database = try await server.makeDatabase()
    try await database.execute(base)
    if !setup.isEmpty { try await database.execute(setup) }
    let (path, url) = (folder.path, database.url)
    let report = try await onLoop { loop in
      try await Rehearsal(
        project: Project(directories: ["\(path)/migrations"], layout: "dbmate", root: path),
        target: try ConnectionString(url), loop: loop
      ).run { _ in }
    }
    return (report, database)
  }

  private func dbmate(up: String, down: String) -> String {
    "-- migrate:up\n\(up)\n-- migrate:down\n\(down)\n"
  }

  private func verdict(_ up: String, _ down: String) async throws -> RehearsedMigration? {
    try await rehearse(["1_a.sql": dbmate(up: up, down: down)]).report.migrations.first
  }

  @Test func `a way back that leads back passes, and what it did is told`() async throws {
    let (report, database) = try await rehearse([
      "1_a.sql": dbmate(
        up: "create table orders (id int primary key);", down: "drop table orders;"),
      "2_b.sql": dbmate(
        up: "create index on users (name);", down: "drop index users_name_idx;"),
    ])
    #expect(report.migrations.map(\.verdict) == [.passed, .passed])
    #expect(report.hasPassed)
    #expect(report.batch?.differences == [])
    let changes = report.migrations[0].changes.map { "\($0.action) \($0.kind) \($0.object)" }
    #expect(changes.contains("added table public.orders"))
    #expect(changes.contains("added index public.orders_pkey"))
    #expect(report.migrations[0].rollBack.differences == [])
    #expect(report.migrations[1].statements.map(\.sql) == ["create index on users (name)"])
    #expect(
      try await database.rows("select to_regclass('orders'), to_regclass('schema_migrations')")
        == ["<null>|<null>"])
  }

  @Test func `places of columns make it equivalent, not different`() async throws {
    let found = try await verdict(
      "alter table users drop column name;", "alter table users add column name text;")
    #expect(found?.verdict == .passed)
    #expect(found?.rollBack.restoresSchema == true)
    #expect(
      found?.rollBack.differences?.map(\.property) == ["dropped columns", "place"]
        || found?.rollBack.differences?.map(\.property) == ["dropped columns"])
  }

  @Test(arguments: [
    // The way back forgets something.
    ("create table a (); create table b ();", "drop table a;"),
    ("alter table users alter column name set not null;", "select 1;"),
    (
      "alter table users alter column name set default 'x';",
      "alter table users alter column name set default 'y';"
    ),
    (
      "alter table users rename column name to title;",
      "alter table users drop column title; alter table users add column name varchar(9);"
    ),
    ("create function f() returns int language sql as 'select 1';", "select 1;"),
    ("alter table users add constraint c check (id > 0);", "select 1;"),
    ("revoke all on users from public; grant select on users to public;", "select 1;"),
    ("comment on table users is 'people';", "select 1;"),
  ])
  func `a way back that does not lead back fails`(up: String, down: String) async throws {
    let found = try await verdict(up, down)
    #expect(found?.verdict == .failed)
    #expect(found?.applies == true && found?.rollBack.runs == true)
    #expect(found?.rollBack.restoresSchema == false)
  }

  @Test func `a way back that fails is told with the server's words`() async throws {
    let found = try await verdict("create table a ();", "drop table nowhere;")
    #expect(found?.verdict == .failed)
    #expect(found?.rollBack.runs == false)
    #expect(found?.error?.what.contains("nowhere") == true)
  }

  @Test func `one that does not apply keeps those behind it from being run`() async throws {
    let report = try await rehearse([
      "1_a.sql": dbmate(up: "select 1;", down: "select 1;"),
      "2_b.sql": dbmate(up: "create table users ();", down: "drop table users;"),
      "3_c.sql": dbmate(up: "select 1;", down: "select 1;"),
    ]).report
    #expect(report.migrations.map(\.verdict) == [.passed, .failed, .notRun])
    #expect(report.migrations[1].error?.sqlstate == "42P07")
    #expect(!report.hasPassed)
    #expect(report.batch == nil)
  }

  @Test func `what cannot be rolled back is no failure, and is told`() async throws {
    let report = try await rehearse([
      "1_a.sql": "-- migrate:up\n-- WARNING: Non-reversible migration\ncreate table a ();\n"
        + "-- migrate:down\n"
    ]).report
    #expect(report.migrations.map(\.verdict) == [.noWayBack])
    #expect(report.hasPassed)
    #expect(report.batch == nil)
  }

  @Test func `outside a transaction it is rehearsed as it would be run`() async throws {
    let report = try await rehearse([
      "1_a.sql": "-- migrate:up transaction:false\ncreate index concurrently i on users (name);\n"
        + "-- migrate:down transaction:false\ndrop index concurrently i;\n"
    ]).report
    #expect(report.migrations.map(\.verdict) == [.passed])
    #expect(report.migrations.first?.statements.map(\.isTransactional) == [false])
  }

  @Test func `nothing is left, and what an earlier one left is dropped`() async throws {
    // Others rehearse on the shared one at the same time.
    let server = try await TestServer.started(from: nil, with: [])
    defer { server.cluster.stopBlocking() }
    let database = try await server.makeDatabase()
    // As one that was killed leaves it: marked, and nobody holds its lock.
    try await database.execute("create database lockstep_scratch_left")
    try await database.execute(
      "comment on database lockstep_scratch_left is"
        + " 'scratch database of lockstep, copy of \(database.name)'")
    try await database.execute("create database lockstep_scratch_not_ours")
    let folder = TemporaryFolder()
    defer { withExtendedLifetime(folder) {} }
    folder.write("migrations/1_a.sql", dbmate(up: "select 1;", down: "select 1;"))
    let (path, url) = (folder.path, database.url)
    _ = try await onLoop { loop in
      try await Rehearsal(
        project: Project(directories: ["\(path)/migrations"], layout: "dbmate", root: path),
        target: try ConnectionString(url), loop: loop
      ).run { _ in }
    }
    let left = try await database.rows(
      "select datname from pg_database where datname in ('lockstep_scratch_left',"
        + " 'lockstep_scratch_not_ours') or shobj_description(oid, 'pg_database')"
        + " = 'scratch database of lockstep, copy of \(database.name)'")
    #expect(left == ["lockstep_scratch_not_ours"])
  }

  @Test func `a role that may not make databases rehearses on a private server`() async throws {
    let server = TestServer.shared
    let database = try await server.makeDatabase()
    try await database.execute(
      "do $$ begin if to_regrole('rehearser') is null then create role rehearser login; end if; end $$;"
        + " grant create on schema public to rehearser;"
        + " create table kept (id int); alter table kept owner to rehearser")
    let folder = TemporaryFolder()
    defer { withExtendedLifetime(folder) {} }
    folder.write(
      "migrations/1_a.sql",
      dbmate(up: "alter table kept add column a int;", down: "alter table kept drop column a;"))
    let (path, url) = (folder.path, database.url)
    let report = try await onLoop { loop in
      var target = try ConnectionString(url)
      target["user"] = "rehearser"
      return try await Rehearsal(
        project: Project(directories: ["\(path)/migrations"], layout: "dbmate", root: path),
        target: target, loop: loop
      ).run { _ in }
    }
    #expect(report.scratch.mode == .privateShape)
    #expect(report.migrations.map(\.verdict) == [.passed])
  }
}
