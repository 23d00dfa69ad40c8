import EventLoop
import MigrationEngine
import Postgres
import PostgresModel
import TestSupport
import Testing

@Suite(.serialized) struct SchemaReaderTests {
  /// One of everything that a snapshot tells of.
  private static let schema = #"""
    do $$ begin
      if to_regrole('lockstep_reader') is null then
        create role lockstep_reader; create role lockstep_writer;
      end if;
    end $$;
    create schema app; comment on schema app is 'the shop';
    create type app.mood as enum ('sad', 'ok', 'glad');
    create domain app.email as text check (value like '%@%');
    create type app.pair as (a int, b text);
    create type app.span as range (subtype = float8, subtype_diff = float8mi);
    create sequence app.numbers increment 5;
    create table app.users (
      id bigint generated always as identity primary key, email app.email not null unique,
      name varchar(40) default 'nobody', mood app.mood, born date, score numeric(10, 2),
      twice numeric generated always as (score * 2) stored, note text,
      constraint score_positive check (score > 0));
    create table app.orders (
      id bigint primary key default nextval('app.numbers'), user_id bigint not null
        constraint orders_user references app.users (id) on delete cascade,
      total numeric, placed timestamptz default now(), during tstzrange,
      constraint no_overlap exclude using gist (during with &&));
    create index orders_total on app.orders (total) where total > 10;
    create statistics app.users_stats (dependencies) on name, mood from app.users;
    create table app.events (id int, at date) partition by range (at);
    create table app.events_2026 partition of app.events for values from ('2026-01-01') to ('2027-01-01');
    create table app.base (a int); create table app.derived (b int) inherits (app.base);
    create view app.names as select id, name from app.users;
    create materialized view app.totals as select user_id, sum(total) from app.orders group by 1;
    create function app.touch() returns trigger language plpgsql as $$ begin return new; end $$;
    create trigger users_touch before update on app.users for each row execute function app.touch();
    create procedure app.tidy() language sql as $$ delete from app.orders $$;
    create aggregate app.total (numeric) (sfunc = numeric_add, stype = numeric, initcond = '0');
    create rule no_delete as on delete to app.base do instead nothing;
    alter table app.users enable row level security;
    create policy own on app.users for select to lockstep_reader using (name = current_user);
    grant select on app.users to lockstep_reader;
    create collation app.german (provider = libc, locale = 'C');
    create function app.as_int(app.mood) returns int language sql immutable as $$ select 1 $$;
    create cast (app.mood as int) with function app.as_int(app.mood);
    create function app.same(app.pair, app.pair) returns boolean language sql immutable as $$ select true $$;
    create operator app.=== (leftarg = app.pair, rightarg = app.pair, function = app.same);
    create text search configuration app.words (copy = pg_catalog.simple);
    create foreign data wrapper nowhere; create server far foreign data wrapper nowhere options (host 'a');
    create foreign table app.remote (a int) server far options (t 'x');
    create user mapping for lockstep_reader server far options (password 'secret');
    create publication changes for table app.orders;
    create function app.on_ddl() returns event_trigger language plpgsql as $$ begin end $$;
    create event trigger watch on ddl_command_end execute function app.on_ddl(); alter event trigger watch disable;
    alter default privileges in schema app grant select on tables to lockstep_reader;
    comment on column app.users.name is 'as it is spoken';
    """#

  /// A change, and the object in whose account it has to show.
  private static let planted: [(sql: String, object: String)] = [
    ("create schema more", "more"),
    ("alter schema app owner to lockstep_writer", "app"),
    ("grant usage on schema app to lockstep_writer", "app"),
    ("create table app.fresh (a int)", "app.fresh"),
    ("drop table app.derived", "app.derived"),
    ("alter table app.base set unlogged", "app.base"),
    ("alter table app.users force row level security", "app.users"),
    ("alter table app.base enable row level security", "app.base"),
    ("alter table app.users replica identity full", "app.users"),
    ("alter table app.users set (fillfactor = 70)", "app.users"),
    ("alter table app.users set (toast.autovacuum_enabled = off)", "app.users"),
    ("alter table app.users owner to lockstep_writer", "app.users"),
    ("grant insert on app.users to lockstep_writer", "app.users"),
    ("revoke select on app.users from lockstep_reader", "app.users"),
    ("alter table app.derived no inherit app.base", "app.derived"),
    ("alter table app.events detach partition app.events_2026", "app.events_2026"),
    ("alter table app.users add column phone text", "app.users.phone"),
    ("alter table app.users drop column note", "app.users.note"),
    ("alter table app.users rename column note to remark", "app.users.remark"),
    ("alter table app.users alter column born type timestamptz", "app.users.born"),
    ("alter table app.users alter column note set not null", "app.users.note"),
    ("alter table app.users alter column name drop default", "app.users.name"),
    ("alter table app.users alter column name set default 'x'", "app.users.name"),
    ("alter table app.users alter column id set generated by default", "app.users.id"),
    ("alter table app.users alter column twice drop expression", "app.users.twice"),
    (#"alter table app.users alter column note type text collate "C""#, "app.users.note"),
    ("alter table app.users alter column note set storage external", "app.users.note"),
    ("alter table app.users alter column note set compression pglz", "app.users.note"),
    ("alter table app.users alter column note set statistics 500", "app.users.note"),
    ("alter table app.users alter column note set (n_distinct = 5)", "app.users.note"),
    ("grant update (note) on app.users to lockstep_writer", "app.users.note"),
    ("alter table app.users drop constraint score_positive", "app.users.score_positive"),
    (
      "alter table app.users add constraint adult check (born < '2010-01-01') not valid",
      "app.users.adult"
    ),
    (
      "alter table app.orders drop constraint orders_user, add constraint orders_user"
        + " foreign key (user_id) references app.users (id)", "app.orders.orders_user"
    ),
    (
      "alter table app.orders alter constraint orders_user deferrable initially deferred",
      "app.orders.orders_user"
    ),
    ("create index users_born on app.users (born)", "app.users_born"),
    ("drop index app.orders_total", "app.orders_total"),
    ("alter index app.orders_total rename to by_total", "app.by_total"),
    (
      "update pg_index set indisvalid = false where indexrelid = 'app.orders_total'::regclass",
      "app.orders_total"
    ),
    ("alter table app.orders cluster on orders_pkey", "app.orders_pkey"),
    ("alter table app.users disable trigger users_touch", "app.users.users_touch"),
    ("alter table app.users enable always trigger users_touch", "app.users.users_touch"),
    ("drop trigger users_touch on app.users", "app.users.users_touch"),
    ("alter table app.base disable rule no_delete", "app.base.no_delete"),
    ("alter policy own on app.users using (true)", "app.users.own"),
    ("alter policy own on app.users to lockstep_writer", "app.users.own"),
    (
      "create or replace view app.names as select id, lower(name)::varchar(40) as name from app.users",
      "app.names"
    ),
    ("refresh materialized view app.totals with no data", "app.totals"),
    ("alter function app.touch() stable", "app.touch()"),
    ("alter function app.touch() security definer", "app.touch()"),
    ("alter function app.touch() set work_mem = '1MB'", "app.touch()"),
    ("alter function app.touch() owner to lockstep_writer", "app.touch()"),
    ("revoke execute on function app.touch() from public", "app.touch()"),
    (
      "create or replace function app.touch() returns trigger language plpgsql as"
        + " $$ begin new.note = 'x'; return new; end $$", "app.touch()"
    ),
    ("drop procedure app.tidy()", "app.tidy()"),
    (
      "create or replace aggregate app.total (numeric) (sfunc = numeric_add, stype = numeric,"
        + " initcond = '1')", "app.total(numeric)"
    ),
    ("alter type app.mood rename value 'ok' to 'fine'", "app.mood"),
    ("alter domain app.email set default 'a@b'", "app.email"),
    ("alter domain app.email set not null", "app.email"),
    ("alter domain app.email add constraint short check (length(value) < 9)", "app.email.short"),
    ("alter type app.pair add attribute c int", "app.pair.c"),
    ("drop type app.span", "app.span"),
    ("alter sequence app.numbers increment 7", "app.numbers"),
    ("alter sequence app.numbers owned by app.orders.id", "app.numbers"),
    ("alter statistics app.users_stats set statistics 5", "app.users_stats"),
    ("drop statistics app.users_stats", "app.users_stats"),
    ("create extension pg_trgm schema app", "pg_trgm"),
    ("drop cast (app.mood as int)", "app.mood as integer"),
    ("drop operator app.=== (app.pair, app.pair)", "app.===(app.pair, app.pair)"),
    ("drop collation app.german", "app.german"),
    ("alter text search configuration app.words drop mapping for word", "app.words"),
    ("alter server far options (set host 'b')", "far"),
    ("alter foreign table app.remote options (set t 'y')", "app.remote"),
    (
      "alter user mapping for lockstep_reader server far options (add sslkey 'k')",
      "lockstep_reader on far"
    ),
    ("alter publication changes add table app.users", "changes"),
    ("alter publication changes set (publish = 'insert')", "changes"),
    ("alter event trigger watch enable always", "watch"),
    ("comment on table app.users is 'people'", "table app.users"),
    ("comment on column app.users.name is null", "table column app.users.name"),
    (
      "alter default privileges in schema app grant insert on tables to lockstep_writer",
      "lockstep app r"
    ),
  ]

  @Test func `every planted difference is seen, and what is left alone is identical`() async throws
  {
    let server = TestServer.shared
    let database = try await server.makeDatabase()
    try await database.execute(Self.schema)
    let url = database.url
    let unseen = try await onLoop { loop in
      let connection = try await Connection.open(
        try ConnectionString(url), application: "lockstep", loop: loop)
      let reader = SchemaReader(connection)
      let before = try await reader.read()
      var unseen: [String] = []
      for (sql, object) in Self.planted {
        try await connection.execute("begin; set local allow_system_table_mods = on; \(sql)")
        let after = try await reader.read()
        try await connection.execute("rollback")
        let diff = SchemaDiff(from: before, to: after)
        if !diff.changes.contains(where: { $0.object == object }) {
          unseen.append("\(sql): \(diff.changes.map { "\($0.kind) \($0.object) \($0.property)" })")
        }
      }
      let again = try await reader.read()
      #expect(SchemaDiff(from: before, to: again).verdict == .identical)
      #expect(before.checksum == again.checksum)
      return unseen
    }
    #expect(unseen.isEmpty, "\(unseen.joined(separator: "\n"))")
    #expect(Self.planted.count >= 50)
  }

  @Test(arguments: [TestServer.shared] + TestServer.others.map(\.server))
  func `a dump that was restored is identical`(server: TestServer) async throws {
    let database = try await server.makeDatabase()
    try await database.execute(Self.schema)
    let copy = try await server.makeDatabase()
    let restoring =
      "\"\(server.binaries)/pg_dump\" -d '\(database.url)'"
      + " | \"\(server.binaries)/psql\" -X -q -v ON_ERROR_STOP=1 -d '\(copy.url)'"
    let outcome = try await ChildProcess(["/bin/sh", "-c", restoring]).run()
    #expect(outcome.status == 0, "\(outcome)")
    let urls = [database.url, copy.url]
    let diff = try await onLoop { loop in
      var found: [SchemaSnapshot] = []
      for url in urls {
        let connection = try await Connection.open(
          try ConnectionString(url), application: "lockstep", loop: loop)
        found.append(try await SchemaReader(connection).read())
      }
      return SchemaDiff(from: found[0], to: found[1])
    }
    #expect(
      diff.verdict == .identical,
      "\(diff.changes.map { "\($0.kind) \($0.object) \($0.property): \($0.before ?? "-") -> \($0.after ?? "-")" })"
    )
  }

  @Test func `history tables, the schema lockstep and passwords are left out`() async throws {
    let server = TestServer.shared
    let database = try await server.makeDatabase()
    let url = database.url
    try await database.execute(
      "create foreign data wrapper nowhere; create server far foreign data wrapper nowhere;"
        + " create user mapping for public server far options (password 'hunter2')")
    let (before, after) = try await onLoop { loop in
      let connection = try await Connection.open(
        try ConnectionString(url), application: "lockstep", loop: loop)
      let reader = SchemaReader(
        connection, leavingOut: [QualifiedName(schema: "public", "schema_migrations")])
      let before = try await reader.read()
      try await connection.execute(
        "create schema lockstep; create table lockstep.journal (a int primary key);"
          + " create table schema_migrations (version text primary key);"
          + " comment on table schema_migrations is 'x'")
      return (before, try await reader.read())
    }
    #expect(SchemaDiff(from: before, to: after).verdict == .identical)
    #expect(!before.facts.contains { $0.value.contains("hunter2") })
  }

  /// Indexes of every sort, most of which say more than the names of their columns.
  private static let indexes = #"""
    create table "Odd Table" (a int primary key, b varchar(9), c text collate "C", "D d" text, e name,
      f int[], gone int, h int unique, g char(3), i timestamptz, j numeric, k "char", l oid,
      constraint several unique (a, b, c), constraint covering unique (h) include (b));
    alter table "Odd Table" drop column gone;
    create domain word as text; create type mood as enum ('low', 'high');
    alter table "Odd Table" add column m word, add column n mood, add column o bit(3), add column p box;
    create index one on "Odd Table" (b); create index "Two Words" on "Odd Table" ("D d", b);
    create index down on "Odd Table" (a desc); create index first on "Odd Table" (a nulls first);
    create index second on "Odd Table" (a, b desc); create index three on "Odd Table" (a, b, c);
    create index collated on "Odd Table" ("D d" collate "C"); create index plain on "Odd Table" (c);
    create index pattern on "Odd Table" (b varchar_pattern_ops);
    create index patterns on "Odd Table" (b, c text_pattern_ops);
    create index padded on "Odd Table" (b bpchar_ops); create index hashed on "Odd Table" using hash (b);
    create index filled on "Odd Table" (a) with (fillfactor = 50);
    create index partial on "Odd Table" (a) where b is not null;
    create index expressed on "Odd Table" (lower(b), a); create index tail on "Odd Table" (a, lower(b));
    create index including on "Odd Table" (a) include (b); create unique index sole on "Odd Table" (l, k);
    create index names on "Odd Table" (e); create index arrays on "Odd Table" (f);
    create index chars on "Odd Table" (g, i); create index domains on "Odd Table" (m);
    create index enums on "Odd Table" (n, o); create index boxes on "Odd Table" using gist (p);
    create index blocks on "Odd Table" using brin (a); create index inverse on "Odd Table" using gin (f);
    create operator class backwards for type int4 using btree as operator 1 >, operator 2 >=,
      operator 3 =, operator 4 <=, operator 5 <, function 1 btint4cmp(int4, int4);
    create index own on "Odd Table" (a backwards); create table parted (a int, b int) partition by range (a);
    create table part partition of parted for values from (0) to (9);
    create index below on parted (a); create index above on only parted (b);
    """#

  @Test(arguments: [TestServer.shared] + TestServer.others.map(\.server))
  func `an index is told in the server's own words`(server: TestServer) async throws {
    let database = try await server.makeDatabase()
    try await database.execute(Self.indexes)
    let url = database.url
    let (snapshot, definitions) = try await onLoop { loop in
      let connection = try await Connection.open(
        try ConnectionString(url), application: "lockstep", loop: loop)
      let snapshot = try await SchemaReader(connection).read()
      try await connection.execute("set search_path = ''")
      let definitions = Query(
        "select indexrelid::regclass::text, pg_get_indexdef(indexrelid) from pg_index where indexrelid >= 16384"
          + " and indrelid not in (select reltoastrelid from pg_class)"
      ) { (row) throws(ResultRow.Mismatch) in
        SchemaFact("index", try row.string(0), "definition", try row.string(1))
      }
      return (snapshot, try await connection.rows(definitions))
    }
    let told = snapshot.facts.filter { $0.kind == "index" && $0.property == "definition" }
    #expect(told == definitions.sorted())
    #expect(told.count > 30)
  }

  @Test func `columns are counted without those that were dropped`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    try await database.execute(
      "create table t (a int, b int, c int, d int, e int); alter table t drop column b, drop column d;"
        + " create table u (a int, b int)")
    let url = database.url
    let snapshot = try await onLoop { loop in
      let connection = try await Connection.open(
        try ConnectionString(url), application: "lockstep", loop: loop)
      return try await SchemaReader(connection).read()
    }
    let places = snapshot.facts.filter { $0.property == "place" }.map { "\($0.object) \($0.value)" }
    #expect(
      places == ["public.t.a 1", "public.t.c 2", "public.t.e 3", "public.u.a 1", "public.u.b 2"])
  }
}
