import MigrationModel

extension PlantedConstraint {
  private static let a = "constraint a_pkey of public.a"
  private static let f = "constraint f of public.a"
  private static let g = "constraint g of public.b"

  /// Tables whose rows need each other.
  ///
  /// - Parameters:
  ///   - first: What stands behind the key of `a`.
  ///   - second: What stands behind that of `b`.
  private static func pair(
    _ first: String, _ second: String, id: String = "int primary key", more: String = ""
  ) -> String {
    "create table a (id \(id), b int not null, n int constraint c check (n > 3)); create table b (id"
      + " \(id), a int not null constraint g references a \(second)); alter table a add constraint f"
      + " foreign key (b) references b \(first); \(more)"
  }

  private static let deferred = "deferrable initially deferred"

  static let circles: [PlantedConstraint] = [
    .init(
      words: "two tables that need each other", base: "", up: pair(deferred, deferred),
      truth: [
        a: .proven, f: .proven, g: .proven, "constraint c of public.a": .proven,
        "NOT NULL of column b of public.a": .proven, "NOT NULL of column a of public.b": .proven,
        "constraint b_pkey of public.b": .proven,
      ], evidence: "(ON DELETE NO ACTION) is refused"),
    .init(
      words: "one of whose keys can wait", base: "", up: pair(deferred, ""),
      truth: [a: .proven, f: .proven, g: .proven, "constraint b_pkey of public.b": .proven]),
    .init(
      words: "the other of whose keys can wait", base: "", up: pair("", "deferrable"),
      truth: [a: .proven, f: .proven, g: .proven, "constraint b_pkey of public.b": .proven]),
    .init(
      words: "whose keys the server gives", base: "",
      up: pair(deferred, deferred, id: "int generated always as identity primary key"),
      truth: [a: .proven, f: .proven, g: .proven, "identity column id of public.a": .proven]),
    .init(
      words: "that cascade to each other", base: "",
      up: pair("on delete cascade \(deferred)", "on delete cascade \(deferred)"),
      truth: [a: .proven, f: .proven, g: .proven]),
    .init(
      words: "one to one, both ways", base: "",
      up: pair(deferred, deferred, more: "alter table a add constraint u unique (b);"),
      truth: [
        a: .proven, f: .proven, g: .proven, "constraint u of public.a": .proven,
      ]),
    .init(
      words: "one to one, and both may have one alone", base: "",
      up: pair(
        deferred, deferred, more: "alter table a add unique (b); alter table b add unique (a);"),
      // What is made to refer to has its only child already, and a second row another one's.
      truth: [a: .notProven, f: .notProven, "constraint a_b_key of public.a": .proven]),
    .init(
      words: "that falls back upon a default, in a circle", base: "",
      up: "create table team (id int primary key, lead int not null); create table person (id int"
        + " primary key, team int not null references team, mentor int references person on delete set"
        + " default); alter table team add constraint l foreign key (lead) references person"
        + " \(deferred);",
      truth: [
        "constraint person_mentor_fkey of public.person": .proven,
        "constraint l of public.team": .proven,
      ]),
    .init(
      words: "three in a ring", base: "",
      up:
        "create table a (id int primary key, b int not null); create table b (id int primary key, c"
        + " int not null); create table c (id int primary key, a int not null constraint h references"
        + " a); alter table a add constraint f foreign key (b) references b \(deferred); alter table b"
        + " add constraint g foreign key (c) references c \(deferred);",
      truth: [a: .proven, f: .proven, g: .proven, "constraint h of public.c": .proven]),
    .init(
      words: "one of whose keys may be missing", base: "",
      up: pair("", "") + "alter table b alter column a drop not null;",
      truth: [a: .proven, f: .proven, g: .proven]),
    .init(
      words: "in a circle that was there before", base: pair(deferred, deferred),
      up: "alter table b add constraint k check (id < 100);",
      truth: ["constraint k of public.b": .proven]),
    // Not enforced, or not to be proven.
    .init(
      words: "none of whose keys can wait", base: "", up: pair("", ""),
      truth: [a: .notProven, f: .notProven, g: .notProven],
      evidence: "no foreign key between them can be deferred: they refer to each other"),
    .init(
      words: "whose triggers are disabled", base: "",
      up: pair(deferred, deferred, more: "alter table a disable trigger all;"),
      truth: [f: .refuted, "constraint b_pkey of public.b": .proven]),
    .init(
      words: "one of whose keys nobody has validated", base: pair(deferred, deferred),
      up:
        "alter table a drop constraint f; alter table a add constraint f foreign key (b) references"
        + " b \(deferred) not valid;",
      truth: [f: .notProven]),
  ]

  private static let byDefault =
    "alter table orders add constraint f foreign key (user_id) references users on delete set default"
    + " on update set default;"
  private static let key = "constraint f of public.orders"

  /// Foreign keys that fall back upon a default.
  static let defaults: [PlantedConstraint] = [
    .init(
      words: "a default that names a parent",
      base: orders + "; insert into users values (0, 'nobody')",
      up: "alter table orders alter user_id set default 0; \(byDefault)", truth: [key: .proven],
      evidence: "(ON DELETE SET DEFAULT) has the effect that it promises"),
    .init(
      words: "a parent for the default that the migration makes", base: orders,
      up: "insert into users values (0, 'nobody'); alter table orders alter user_id set default 0;"
        + " \(byDefault)", truth: [key: .proven]),
    .init(
      words: "a default that is NULL", base: orders,
      up: "alter table orders alter user_id drop not null; \(byDefault)", truth: [key: .proven]),
    .init(
      words: "a default that names none of the parents",
      base: orders + "; insert into users values (7, 'somebody')",
      up: "alter table orders alter user_id set default 0; \(byDefault)", truth: [key: .refuted],
      evidence:
        "no row of public.users has the key that the default names (user_id 0), and without it"
        + " deleting the row of public.users that it refers to (ON DELETE SET DEFAULT) fails:"),
    .init(
      words: "a default for parents that are not there yet", base: orders,
      up: "alter table orders alter user_id set default 0; \(byDefault)", truth: [key: .notProven],
      evidence: "with a row of public.users for the default, has the effect that it promises"),
    .init(
      words: "no default where none may be missing", base: orders, up: byDefault,
      truth: [key: .refuted], evidence: "(ON DELETE SET DEFAULT) fails"),
    .init(
      words: "a default that no parent can have",
      base: "create table users (id int primary key check (id > 0)); create table orders (id int"
        + " primary key, user_id int not null)",
      up: "alter table orders alter user_id set default 0; \(byDefault)", truth: [key: .notProven],
      evidence: "no row of public.users has the key that the default names"),
  ]
}
