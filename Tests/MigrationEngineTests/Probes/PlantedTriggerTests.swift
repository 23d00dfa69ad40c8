import MigrationEngine
import MigrationModel
import TestSupport
import Testing

@Suite(.fewAtOnce) struct PlantedTriggerTests {
  @Test(arguments: planted)
  func `what is found is what is true`(_ planted: Planted) async throws {
    let trials = try await ProbeFixture(base: planted.base).trials(
      planted.up, probes: [TriggerProbe()])
    #expect(trials.outcome(planted.subject) == planted.truth, "\(trials.words)")
    if let evidence = planted.evidence {
      #expect(
        trials.flatMap(\.evidence).contains { $0.text.contains(evidence) }, "\(trials.words)")
    }
  }

  /// A migration that makes a trigger, and what is true of it.
  struct Planted: Sendable, CustomTestStringConvertible {
    var words: String
    var base = PlantedTriggerTests.users
    var up: String
    var subject = "trigger g of public.users"
    var truth: Trial.Outcome
    var evidence: String?

    var testDescription: String { words }

    init(
      _ words: String, base: String = PlantedTriggerTests.users, _ up: String,
      subject: String = "trigger g of public.users", _ truth: Trial.Outcome,
      _ evidence: String? = nil
    ) {
      self.words = words
      self.base = base
      self.up = up
      self.subject = subject
      self.truth = truth
      self.evidence = evidence
    }
  }

  private static let users = """
    create table users (id int primary key, name text, age int default 3, changed timestamptz);
    create table log (id serial primary key, what text not null)
    """

  private static func function(_ body: String, _ name: String = "f") -> String {
    "create function \(name)() returns trigger language plpgsql as $f$ begin \(body) end $f$; "
  }

  private static func row(_ when: String, _ rest: String = "for each row execute function f()")
    -> String
  {
    "create trigger g \(when) on users \(rest); "
  }

  private static let pass = function("return new;")
  private static let writes = function(
    "insert into log (what) values (tg_op); return coalesce(new, old);")

  static let planted: [Planted] = [
    // They fire.
    .init("before insert", pass + row("before insert"), .proven, "INSERT: it is called once"),
    .init("after insert", writes + row("after insert"), .proven),
    .init(
      "before update that changes the row",
      function("new.changed = '2001-02-03 00:00+00'; return new;") + row("before update"), .proven,
      "becomes 2001-02-03"),
    .init("after delete", writes + row("after delete"), .proven),
    .init(
      "all of three", writes + row("after insert or update or delete"), .proven, "DELETE: it is"),
    .init(
      "before insert that changes the row",
      function("new.name = upper(coalesce(new.name, 'x')); return new;") + row("before insert"),
      .proven, "name: p1 becomes P1"),
    .init(
      "for each statement",
      writes + row("after insert or update or delete", "execute function f()"), .proven),
    .init(
      "truncate",
      function("insert into log (what) values ('all'); return null;")
        + row("after truncate", "execute function f()"), .proven, "TRUNCATE: it is called once"),
    .init("update of a column", writes + row("after update of age"), .proven, "whose age is set"),
    .init(
      "when of new",
      writes + row("after insert", "for each row when (new.age > 40) execute function f()"),
      .proven),
    .init(
      "when something changed",
      writes
        + row(
          "after update",
          "for each row when (old.name is distinct from new.name) execute function f()"),
      .proven, "whose name is set"),
    .init(
      "when anything changed",
      writes
        + row(
          "after update", "for each row when (old.* is distinct from new.*) execute function f()"),
      .proven),
    .init(
      "when old and new are told apart",
      writes
        + row(
          "after update",
          "for each row when (old.name = 'open' and new.name = 'closed') execute function f()"),
      .proven),
    .init(
      "when of old",
      writes + row("before delete", "for each row when (old.age = 17) execute function f()"),
      .proven),
    .init(
      "a constraint trigger that waits",
      writes + "create constraint trigger g after insert on users deferrable initially deferred for"
        + " each row execute function f();", .proven),
    .init(
      "always", pass + row("before insert") + "alter table users enable always trigger g;",
      .proven),
    .init(
      "instead of on a view",
      function("insert into users (id, name) values (new.id, new.name); return new;")
        + "create view v as select id, name from users; create trigger g instead of insert on v for"
        + " each row execute function f();", subject: "trigger g of public.v", .proven),
    .init(
      "instead of update on a view",
      function("update users set name = new.name where id = old.id; return new;")
        + "create view v as select id, name from users; create trigger g instead of update or delete"
        + " on v for each row execute function f();", subject: "trigger g of public.v", .proven),
    .init(
      "on a partitioned table",
      base: "create table users (id int, name text) partition by range (id);"
        + " create table users1 partition of users for values from (0) to (10000000)",
      pass + row("before insert"), .proven),
    .init(
      "one that refuses some rows",
      function("if new.age < 0 then raise 'too young'; end if; return new;") + row("before insert"),
      .proven),
    .init(
      "its function alone is changed",
      base: users + "; " + pass + row("before insert"),
      "create or replace function f() returns trigger language plpgsql as $$ begin new.name = 'y';"
        + " return new; end $$;", .proven, "becomes y"),
    .init(
      "one that notifies",
      function("perform pg_notify('c', 'x'); return new;") + row("after insert"), .proven),
    // They do not, or nobody can tell.
    .init(
      "disabled", pass + row("before insert") + "alter table users disable trigger g;", .refuted,
      "it is disabled"),
    .init(
      "all are disabled", pass + row("before insert") + "alter table users disable trigger all;",
      .refuted),
    .init(
      "for replicas only",
      pass + row("before insert") + "alter table users enable replica trigger g;", .refuted,
      "it fires only where session_replication_role is replica"),
    .init(
      "an old one is disabled", base: users + "; " + pass + row("before insert"),
      "alter table users disable trigger g;", .refuted),
    .init(
      "a database of replicas",
      pass + row("before insert")
        + "do $$ begin execute format('alter database %I set session_replication_role = replica',"
        + " current_database()); end $$;", .refuted),
    .init(
      "one that lets nothing in", function("raise exception 'never';") + row("before insert"),
      .refuted, "it raises for"),
    .init(
      "one that names a table that is not there",
      function("insert into nowhere values (1); return new;") + row("after insert"), .refuted,
      "SQLSTATE 42P01"),
    .init(
      "one that names a column that is not there",
      function("new.nothing = 1; return new;") + row("before update"), .refuted, "SQLSTATE 42703"),
    .init(
      "one without an end", function("perform 1;") + row("before insert"), .refuted,
      "SQLSTATE 2F005"),
    .init(
      "a guard of what must not be deleted",
      function("raise exception 'append only';") + row("before delete"), .notProven,
      "which may be what it is for"),
    .init(
      "one that refuses every row of ours",
      function("if new.name not like 'secret-%' then raise 'no'; end if; return new;")
        + row("before insert"), .notProven),
    .init(
      "when never true",
      writes + row("after insert", "for each row when (false) execute function f()"), .notProven),
    .init(
      "when no row can be",
      writes
        + row(
          "after insert", "for each row when (new.age < 5 and new.age > 8) execute function f()"),
      .notProven, "it could not be made to fire"),
    .init(
      "one that calls another server",
      function("perform dblink_exec('x', 'y'); return new;") + row("after insert"), .notProven,
      "no rollback takes its effects back: it calls dblink_exec"),
    .init(
      "a table that takes no row", base: users + "; alter table users add check (false)",
      pass + row("before insert"), .notProven),
  ]
}
