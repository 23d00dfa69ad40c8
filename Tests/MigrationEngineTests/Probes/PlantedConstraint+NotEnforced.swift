import MigrationModel

extension PlantedConstraint {
  /// Not enforced, or not to be proven.
  static let notEnforced: [PlantedConstraint] = [
    .init(
      words: "a check that was validated by nobody",
      up: "alter table users add constraint c check (id > 10) not valid;",
      truth: ["constraint c of public.users": .notProven],
      evidence: "on the copy VALIDATE CONSTRAINT succeeds"),
    .init(
      words: "a check that the rows break", base: users + "; create table t (a int)",
      up: "insert into t values (-1); alter table t add constraint c check (a > 0) not valid;",
      truth: ["constraint c of public.t": .refuted],
      evidence: "VALIDATE CONSTRAINT fails on the copy"),
    .init(
      words: "a foreign key that was validated by nobody", base: orders,
      up: "alter table orders add constraint f foreign key (user_id) references users not valid;",
      truth: ["constraint f of public.orders": .notProven]),
    .init(
      words: "a foreign key whose triggers are disabled", base: orders,
      up: "alter table orders add constraint f foreign key (user_id) references users; alter table"
        + " orders disable trigger all;",
      truth: ["constraint f of public.orders": .refuted],
      evidence: "2 of the 4 triggers that enforce it are disabled"),
    .init(
      words: "a foreign key of before whose triggers are disabled",
      base: orders + "; alter table orders add constraint f foreign key (user_id) references users",
      up: "alter table users disable trigger all;",
      truth: ["constraint f of public.orders": .refuted]),
    .init(
      words: "rows that came in as a replica", base: orders,
      up: "alter table orders add constraint f foreign key (user_id) references users;"
        + " set session_replication_role = replica; insert into orders values (1, 99);"
        + " set session_replication_role = origin;",
      truth: ["constraint f of public.orders": .refuted],
      evidence: "1 row that is on the copy breaks it"),
    .init(
      words: "a database of replicas", base: orders,
      up: "alter table orders add constraint f foreign key (user_id) references users;"
        + " do $$ begin execute format('alter database %I set session_replication_role = replica',"
        + " current_database()); end $$;",
      truth: ["constraint f of public.orders": .refuted],
      evidence: "sessions of this database start with another session_replication_role"),
    .init(
      words: "two checks that cover each other",
      up:
        "alter table users add constraint c1 check (id > 10), add constraint c2 check (id >= 11);",
      truth: [
        "constraint c1 of public.users": .notProven, "constraint c2 of public.users": .notProven,
      ], evidence: "with the constraint dropped something else refuses it"),
    .init(
      words: "a check that covers another",
      up: "alter table users add constraint c1 check (id > 10), add constraint c2 check (id > 20);",
      truth: [
        "constraint c1 of public.users": .notProven, "constraint c2 of public.users": .proven,
      ]),
    .init(
      words: "a check that is always true",
      up: "alter table users add constraint c check (name is not null or true);",
      truth: ["constraint c of public.users": .notProven]),
    .init(
      words: "a check that nothing fulfils", base: "",
      up: "create table t (a int, constraint c check (false));",
      truth: ["constraint c of public.t": .notProven], evidence: "no valid row could be made"),
    .init(
      words: "a check that forbids only NULL, beside not null", base: "",
      up: "create table t (a int not null, constraint c check (a is not null));",
      truth: ["constraint c of public.t": .notProven]),
    .init(
      words: "two unique indexes of one column",
      up: "create unique index a on users (name); create unique index b on users (name);",
      truth: [
        "unique index a of public.users": .notProven, "unique index b of public.users": .notProven,
      ]),
    .init(
      words: "a foreign key that sets null what may not be", base: orders,
      up: "alter table orders add constraint f foreign key (user_id) references users on delete set"
        + " null;",
      truth: ["constraint f of public.orders": .refuted], evidence: "(ON DELETE SET NULL) fails"),
    .init(
      words: "a table that was there already", base: "create table t (id int, n int)",
      up:
        "create table if not exists t (id int primary key, n int not null check (n > 0), constraint"
        + " u unique (n));",
      truth: [
        "primary key of id of public.t": .refuted, "not null n of public.t": .refuted,
        "check of n of public.t": .refuted, "unique u of public.t": .refuted,
      ], evidence: "the statement did nothing"),
    .init(
      words: "a column that was there already",
      up: "alter table users add column if not exists name text not null;",
      truth: ["not null name of public.users": .refuted]),
    .init(
      words: "a deferred unique whose trigger is disabled",
      up: "alter table users add constraint u unique (name) deferrable; alter table users disable"
        + " trigger all;",
      truth: ["constraint u of public.users": .refuted]),
    .init(
      words: "a table into which no trigger lets a row",
      base: users + "; create function no() returns trigger language plpgsql as $$ begin raise"
        + " exception 'no'; end $$; create trigger n before insert on users for each row execute"
        + " function no()",
      up: "alter table users alter column name set not null;",
      truth: ["NOT NULL of column name of public.users": .proven],
      evidence: "the tables' own triggers were off for this"),
    .init(
      words: "a table whose rows a rule drops",
      base: users + "; create rule r as on insert to users do instead nothing",
      up: "alter table users alter column name set not null;",
      truth: ["NOT NULL of column name of public.users": .notProven]),
    .init(
      words: "what no value can be found for", base: "",
      up: "create table t (a text not null constraint c check (md5(a) = 'x'));",
      truth: ["constraint c of public.t": .notProven]),
  ]
}
