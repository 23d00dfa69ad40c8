import MigrationEngine
import MigrationModel
import TestSupport
import Testing

/// A migration of which it is known what is true.
struct PlantedConstraint: Sendable, CustomTestStringConvertible {
  var words: String
  var base = "create table users (id int primary key, name text)"
  var up: String
  /// By subject.
  var truth: [String: Trial.Outcome]
  /// A part of some evidence.
  var evidence: String?

  var testDescription: String { words }

  /// Runs it with one probe and expects of each subject what is true of it, and nothing where nothing is to
  /// be found.
  func expectTruth(by probe: any ScratchProbe) async throws {
    let trials = try await ProbeFixture(base: base).trials(up, probes: [probe])
    for (subject, outcome) in truth {
      #expect(trials.outcome(subject) == outcome, "\(subject)\n\(trials.words)")
    }
    if truth.isEmpty { #expect(trials == [], "\(trials.words)") }
    if let evidence {
      #expect(
        trials.flatMap(\.evidence).contains { $0.text.contains(evidence) }, "\(trials.words)")
    }
  }
}

extension PlantedConstraint {
  static let users = "create table users (id int primary key, name text)"
  static let orders =
    users + "; create table orders (id int primary key, user_id int not null)"

  static let enforced: [PlantedConstraint] = [
    .init(
      words: "not null", up: "alter table users alter column name set not null;",
      truth: ["NOT NULL of column name of public.users": .proven]),
    .init(
      words: "primary key", base: "", up: "create table t (id int primary key, b text);",
      truth: [
        "constraint t_pkey of public.t": .proven, "NOT NULL of column id of public.t": .proven,
      ]),
    .init(
      words: "serial and identity keys", base: "",
      up:
        "create table t (id bigserial primary key, n int); create table u (id int generated always"
        + " as identity primary key, n int unique);",
      truth: [
        "constraint t_pkey of public.t": .proven, "constraint u_pkey of public.u": .proven,
        "constraint u_n_key of public.u": .proven,
        "identity column id of public.u": .proven, "NOT NULL of column id of public.u": .proven,
      ]),
    .init(
      words: "a check of a number", up: "alter table users add constraint c check (id > 10);",
      truth: ["constraint c of public.users": .proven],
      evidence: "with the constraint dropped it is accepted"),
    .init(
      words: "a check of a list of words",
      up: "alter table users add role varchar(20) not null default 'user' check (role in ('user',"
        + " 'admin'));",
      truth: [
        "constraint users_role_check of public.users": .proven,
        "NOT NULL of column role of public.users": .proven,
      ]),
    .init(
      words: "a check of a pattern",
      up: "alter table users add code text constraint c check (code ~ '^[A-Z]{3}-[0-9]+$');",
      truth: ["constraint c of public.users": .proven]),
    .init(
      words: "a check of a length",
      up: "alter table users add constraint c check (length(name) between 5 and 8);",
      truth: ["constraint c of public.users": .proven]),
    .init(
      words: "a check of two columns", base: "",
      up: "create table t (a date not null, b date not null, constraint c check (a < b));",
      truth: ["constraint c of public.t": .proven]),
    .init(
      words: "a check of exactly one of two", base: "",
      up: "create table t (a int, b int, constraint c check (num_nonnulls(a, b) = 1));",
      truth: ["constraint c of public.t": .proven]),
    .init(
      words: "a check of a document", base: "",
      up: "create table t (d jsonb not null constraint c check (jsonb_typeof(d) = 'object' and d ?"
        + " 'id'));",
      truth: ["constraint c of public.t": .proven]),
    .init(
      words: "a check that calls a function",
      up: "create function even(int) returns bool language sql immutable as 'select $1 % 2 = 0';"
        + " alter table users add constraint c check (even(id));",
      truth: ["constraint c of public.users": .proven]),
    .init(
      words: "a check that fails for some values", base: "",
      up: "create table t (a int not null constraint c check (100 / a > 3));",
      truth: ["constraint c of public.t": .proven]),
    .init(
      words: "a domain", base: "",
      up: "create domain email as text constraint at check (value like '%@%') not null;"
        + " create table t (e email);",
      truth: [
        "constraint at of domain public.email": .proven, "NOT NULL of domain public.email": .proven,
      ]),
    .init(
      words: "unique", up: "alter table users add constraint u unique (name);",
      truth: ["constraint u of public.users": .proven]),
    .init(
      words: "unique of two with a key to another table", base: orders,
      up: "create table items (order_id int not null references orders, place int not null,"
        + " unique (order_id, place));",
      truth: [
        "constraint items_order_id_place_key of public.items": .proven,
        "constraint items_order_id_fkey of public.items": .proven,
      ]),
    .init(
      words: "a deferred unique",
      up: "alter table users add constraint u unique (name) deferrable initially deferred;",
      truth: ["constraint u of public.users": .proven]),
    .init(
      words: "a partial unique index",
      up: "alter table users add active bool; create unique index u on users (name) where active;",
      truth: ["unique index u of public.users": .proven]),
    .init(
      words: "a unique index of an expression",
      up: "create unique index u on users (lower(name));",
      truth: ["unique index u of public.users": .proven]),
    .init(
      words: "unique with nulls not distinct",
      up: "alter table users add constraint u unique nulls not distinct (name);",
      truth: ["constraint u of public.users": .proven], evidence: "a second row with name NULL"),
    .init(
      words: "an exclusion", base: "",
      up: "create table t (id int, during int4range, constraint x exclude using gist (during with"
        + " &&));",
      truth: ["constraint x of public.t": .proven]),
    .init(
      words: "a foreign key", base: orders,
      up: "alter table orders add constraint f foreign key (user_id) references users;",
      truth: ["constraint f of public.orders": .proven],
      evidence: "(ON DELETE NO ACTION) is refused"),
    .init(
      words: "a foreign key that cascades", base: orders,
      up: "alter table orders add constraint f foreign key (user_id) references users on delete"
        + " cascade on update cascade;",
      truth: ["constraint f of public.orders": .proven],
      evidence: "(ON DELETE CASCADE) has the effect that it promises"),
    .init(
      words: "a foreign key that sets null", base: users,
      up: "alter table users add boss int references users on delete set null;",
      truth: ["constraint users_boss_fkey of public.users": .proven],
      evidence: "(ON DELETE SET NULL) has the effect that it promises"),
    .init(
      words: "two foreign keys to one table", base: users,
      up: "create table t (a int not null references users on delete restrict, b int not null"
        + " references users on delete cascade);",
      truth: [
        "constraint t_a_fkey of public.t": .proven, "constraint t_b_fkey of public.t": .proven,
      ]),
    .init(
      words: "a deferred foreign key", base: orders,
      up: "alter table orders add constraint f foreign key (user_id) references users deferrable"
        + " initially deferred;",
      truth: ["constraint f of public.orders": .proven]),
    .init(
      words: "a foreign key of two columns, match full",
      base: "create table p (a int, b int, primary"
        + " key (a, b))",
      up: "create table t (a int, b int, constraint f foreign key (a, b) references p match full);",
      truth: ["constraint f of public.t": .proven], evidence: "and the rest of the key is refused"),
    .init(
      words: "a generated column",
      up: "alter table users add twice int generated always as (id * 2) stored;",
      truth: ["generated column twice of public.users": .proven]),
    .init(
      words: "partitions", base: "",
      up: "create table t (day date not null, n int check (n > 0)) partition by range (day);"
        + " create table t1 partition of t for values from ('2001-01-01') to ('2002-01-01');"
        + " create table t2 partition of t for values from ('2002-01-01') to ('2003-01-01');",
      truth: [
        "bound of partition public.t1": .proven, "bound of partition public.t2": .proven,
        "constraint t_n_check of public.t": .proven,
      ]),
    .init(
      words: "a table in which a trigger corrects rows",
      base: users
        + "; create function fill() returns trigger language plpgsql as $$ begin new.name ="
        + " coalesce(new.name, 'x'); return new; end $$; create trigger f before insert on users for"
        + " each row execute function fill()",
      up: "alter table users alter column name set not null;",
      truth: ["NOT NULL of column name of public.users": .proven],
      evidence: "the tables' own triggers were off for this"),
    .init(
      words: "a parent that a trigger keeps from being deleted",
      base: orders + "; create function keep() returns trigger language plpgsql as $$ begin return"
        + " null; end $$; create trigger k before delete on users for each row execute function"
        + " keep()",
      up: "alter table orders add constraint f foreign key (user_id) references users;",
      truth: ["constraint f of public.orders": .proven]),
    .init(
      words: "a parent whose trigger deletes its children",
      base: orders + "; create function clear() returns trigger language plpgsql as $$ begin delete"
        + " from orders where user_id = old.id; return old; end $$; create trigger c before delete on"
        + " users for each row execute function clear()",
      up: "alter table orders add constraint f foreign key (user_id) references users;",
      truth: ["constraint f of public.orders": .proven]),
    .init(
      words: "a check that children do not inherit",
      base: "create table t (a int); create table u ()"
        + " inherits (t); insert into u values (-1)",
      up: "insert into u values (-1); alter table t add constraint c check (a > 0) no inherit;",
      truth: ["constraint c of public.t": .proven]),
    .init(
      words: "tenants in two keys",
      base:
        "create table tenants (id int primary key); create table a (tenant int references tenants,"
        + " id int, primary key (tenant, id)); create table b (tenant int references tenants, id int,"
        + " primary key (tenant, id))",
      up:
        "create table t (tenant int not null, a int not null, b int not null, constraint fa foreign"
        + " key (tenant, a) references a, constraint fb foreign key (tenant, b) references b);",
      truth: ["constraint fa of public.t": .proven, "constraint fb of public.t": .proven]),
    .init(
      words: "a foreign key to a partitioned table",
      base: "create table p (id int primary key) partition by range (id); create table p1 partition"
        + " of p for values from (0) to (1000000000)",
      up: "create table t (p int not null references p on delete restrict);",
      truth: ["constraint t_p_fkey of public.t": .proven]),
    .init(
      words: "a foreign key of a partitioned table", base: users,
      up: "create table t (day int not null, u int not null references users on delete cascade)"
        + " partition by list (day); create table t1 partition of t for values in (1, 2); create"
        + " table t2 partition of t default;",
      truth: [
        "constraint t_u_fkey of public.t": .proven, "bound of partition public.t1": .proven,
      ]),
    .init(
      words: "a partition whose foreign key is disabled", base: users,
      up: "create table t (day int not null, u int not null references users) partition by list"
        + " (day); create table t1 partition of t for values in (1, 2); alter table t1 disable"
        + " trigger all;",
      truth: ["constraint t_u_fkey of public.t": .refuted]),
    .init(
      words: "a generated column with a check", base: "",
      up:
        "create table t (a int not null, b int generated always as (a * 2) stored check (b < 100));",
      truth: [
        "generated column b of public.t": .proven, "constraint t_b_check of public.t": .proven,
      ]),
    .init(
      words: "a tree in which nobody is his own parent", base: "",
      up:
        "create table t (id int primary key, parent int references t, constraint c check (parent <>"
        + " id));",
      truth: ["constraint c of public.t": .proven, "constraint t_parent_fkey of public.t": .proven]),
    .init(
      words: "partitions by hash", base: "",
      up:
        "create table t (id int) partition by hash (id); create table t0 partition of t for values"
        + " with (modulus 2, remainder 0); create table t1 partition of t for values with (modulus 2,"
        + " remainder 1);",
      truth: ["bound of partition public.t0": .proven, "bound of partition public.t1": .proven]),
    .init(
      words: "one to one", base: users,
      up: "create table t (user_id int primary key references users on delete cascade, bio text"
        + " unique);",
      truth: [
        "constraint t_pkey of public.t": .proven, "constraint t_user_id_fkey of public.t": .proven,
        "constraint t_bio_key of public.t": .proven,
      ]),
    .init(
      words: "a tree whose every row has a parent", base: "",
      up: "create table t (id int primary key, parent int not null references t);",
      truth: [
        "constraint t_parent_fkey of public.t": .proven,
        "NOT NULL of column parent of public.t": .proven,
      ]),
    .init(
      words: "bookings that do not overlap", base: "create extension btree_gist",
      up: "create table t (room int not null, during tstzrange not null, constraint x exclude using"
        + " gist (room with =, during with &&) where (room > 3));",
      truth: ["constraint x of public.t": .proven]),
    .init(
      words: "types of all sorts", base: "create type mood as enum ('sad', 'ok')",
      up: "create table t (id uuid primary key, m mood not null, tags text[] not null check"
        + " (cardinality(tags) <= 3), n numeric(4, 2) not null check (n between 0 and 9.5), s"
        + " smallint not null, i interval not null, ip inet not null, b bytea not null, d date not"
        + " null check (d >= '2020-01-01'), c char(2) not null check (c = upper(c)), j json not"
        + " null, x xml, p point, bits bit(3) not null, unique (m, s));",
      truth: [
        "constraint t_pkey of public.t": .proven, "constraint t_tags_check of public.t": .proven,
        "constraint t_n_check of public.t": .proven, "constraint t_d_check of public.t": .proven,
        "constraint t_c_check of public.t": .proven, "constraint t_m_s_key of public.t": .proven,
        "NOT NULL of column bits of public.t": .proven, "NOT NULL of column j of public.t": .proven,
      ]),
    .init(
      words: "an email by its form",
      up: "alter table users add email varchar(80) not null unique check (email ~*"
        + " '^[a-z0-9._%+-]+@[a-z0-9.-]+\\.[a-z]{2,}$');",
      truth: [
        "constraint users_email_check of public.users": .proven,
        "constraint users_email_key of public.users": .proven,
        "NOT NULL of column email of public.users": .proven,
      ]),
    .init(
      words: "a table that was there, and what it lacked is dropped again",
      base: "create table t (id int)",
      up:
        "create table if not exists t (id int, n int constraint c check (n > 0)); alter table t drop"
        + " constraint if exists c;", truth: [:]),
  ]
}
