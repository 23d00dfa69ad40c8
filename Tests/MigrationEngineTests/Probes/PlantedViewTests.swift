import MigrationEngine
import MigrationModel
import TestSupport
import Testing

@Suite(.fewAtOnce) struct PlantedViewTests {
  @Test(arguments: planted)
  func `what is found is what is true`(_ planted: PlantedConstraint) async throws {
    try await planted.expectTruth(by: ViewCheckProbe())
  }

  private static let tasks =
    "create table tasks (id int primary key, state text not null default 'open', points int)"
  private static let open =
    "create view v as select id, state, points from tasks where state = 'open'"
  private static let subject = "WITH CHECK OPTION of view public.v"

  static let planted: [PlantedConstraint] = [
    // They hold.
    .init(
      words: "one view", base: tasks, up: "\(open) with check option;", truth: [subject: .proven],
      evidence:
        "is refused: new row violates check option for view \"v\" (SQLSTATE 44000)"),
    .init(
      words: "with other names", base: tasks,
      up:
        "create view v (number, worth) as select id, points from tasks where points between 5 and 9"
        + " and id > 0 with local check option;", truth: [subject: .proven],
      evidence: "with the option taken away it is accepted"),
    .init(
      words: "two conditions, cascaded", base: tasks,
      up: "create view w as select id, state, points from tasks where points > 3; create view v as"
        + " select id, state, points from w where state = 'open' with cascaded check option;",
      truth: [subject: .proven], evidence: "which public.w below does not show, through the view"),
    .init(
      words: "with other names on the way", base: tasks,
      up:
        "create view w as select id as number, points as worth from tasks where points > 3; create"
        + " view v as select number, worth from w where number < 100 with cascaded check option;",
      truth: [subject: .proven], evidence: "violates check option for view \"w\""),
    .init(
      words: "two conditions, local", base: tasks,
      up: "create view w as select id, state, points from tasks where points > 3; create view v as"
        + " select id, state, points from w where state = 'open' with local check option;",
      truth: [subject: .proven]),
    .init(
      words: "that a row can only be changed through",
      base: "create table tasks (id int primary key, state text not null, owner text not null)",
      up: "create view v as select id, state from tasks where state = 'open' with check option;",
      truth: [subject: .proven], evidence: "changing a row into a row with"),
    .init(
      words: "the option alone is new", base: "\(tasks); \(open)",
      up: "alter view v set (check_option = local);", truth: [subject: .proven]),
    .init(
      words: "that asks another table",
      base: tasks + "; create table states (name text primary key); insert into states values"
        + " ('open')",
      up: "insert into states values ('open') on conflict do nothing; create view v as select id,"
        + " state from tasks where state in (select name from states) with check option;",
      truth: [subject: .proven]),
    .init(
      words: "behind a trigger that corrects rows",
      base: tasks + "; create function f() returns trigger language plpgsql as $$ begin new.state ="
        + " 'open'; return new; end $$; create trigger t before insert on tasks for each row execute"
        + " function f()",
      up: "\(open) with check option;", truth: [subject: .proven],
      evidence: "the tables' own triggers were off for this"),
    // They do not, or nobody can tell.
    .init(words: "without the option", base: tasks, up: "\(open);", truth: [:]),
    .init(
      words: "that shows everything", base: tasks,
      up: "create view v as select id, state from tasks with check option;",
      truth: [subject: .notProven], evidence: "there is nothing to refuse"),
    .init(
      words: "local above a condition of another view", base: tasks,
      up: "create view w as select id, state, points from tasks where points > 3; create view v as"
        + " select id, state, points from w with local check option;",
      truth: [subject: .notProven]),
    .init(
      words: "that a constraint makes needless",
      base: "create table tasks (id int primary key, points int not null check (points > 3))",
      up: "create view v as select id, points from tasks where points > 3 with check option;",
      truth: [subject: .notProven]),
    .init(
      words: "that no row fits into", base: tasks,
      up: "create view v as select id, state from tasks where false with check option;",
      truth: [subject: .notProven], evidence: "no valid row could be made to begin with"),
    .init(
      words: "what no value can be found for", base: tasks,
      up: "create view v as select id, state from tasks where md5(state) <> 'x' with check option;",
      truth: [subject: .notProven]),
    .init(
      words: "beside one below that refuses the same", base: tasks,
      up: "create view w as select id, state, points from tasks where points > 3 with check option;"
        + " create view v as select id, state, points from w with cascaded check option;",
      truth: [subject: .notProven, "WITH CHECK OPTION of view public.w": .proven],
      evidence: "with the option taken away something else refuses it"),
    .init(
      words: "a rule writes for it", base: tasks,
      up: "\(open) with check option; create rule r as on insert to v do instead insert into tasks"
        + " (id, state) values (new.id, new.state);", truth: [subject: .refuted]),
  ]
}
