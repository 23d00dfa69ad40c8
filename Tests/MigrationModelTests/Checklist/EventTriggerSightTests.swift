import MigrationModel
import Testing

@testable import PostgresModel

@Suite struct EventTriggerSightTests {
  private let raise = Rejection(
    sqlstate: "P0001", message: "never", context: "PL/pgSQL function e() line 1 at RAISE")

  private func sight(
    _ tags: [String], source: String = "begin end", event: String = "ddl_command_start",
    _ firings: EventTriggerSight.Firing...
  ) -> EventTriggerSight {
    let function = ProbedTrigger.Function(oid: 1, name: "e", definition: "", source: source)
    var sight = EventTriggerSight(
      ProbedEventTrigger(
        name: "g", event: event, tags: tags, enabled: "O", function: function, sharers: []))
    sight.firings = firings
    return sight
  }

  @Test func `each of its commands has to call it`() {
    let trial = sight(
      ["CREATE VIEW", "DROP VIEW"], .init("CREATE VIEW", .fired(calls: 2)),
      .init("DROP VIEW", .notTried("why"))
    ).trial
    #expect(trial.outcome == .notProven)
    #expect(trial.subject == "event trigger g")
    #expect(
      trial.evidence == [
        .init("it is there and enabled, and so is its function", .supports),
        .init("ddl_command_start: it is called 2 times for CREATE VIEW", .supports),
        .init("ddl_command_start: DROP VIEW could not be brought about: why", .unclear),
      ])
    #expect(sight(["DROP VIEW"], .init("DROP VIEW", .fired(calls: 1))).trial.outcome == .proven)
    #expect(sight(["DROP VIEW"]).trial.outcome == .notProven)
  }

  @Test func `a command that works without a call speaks against it`() {
    let trial = sight(["DROP VIEW"], .init("DROP VIEW", .silent)).trial
    #expect(trial.outcome == .refuted)
    #expect(
      trial.evidence.last
        == .init(
          "ddl_command_start: DROP VIEW is done, and its function is not called for it", .refutes))
  }

  @Test func `what it raises on purpose may be what it is for`() {
    let trial = sight(["DROP VIEW"], .init("DROP VIEW", .raised(raise))).trial
    #expect(trial.outcome == .notProven)
    #expect(
      trial.evidence.last
        == .init(
          "ddl_command_start: it raises for DROP VIEW, which may be what it is for: never"
            + " (SQLSTATE P0001)", .unclear))
  }

  @Test func `one that lets no command at all pass is broken`() {
    #expect(sight([], .init("CREATE TABLE", .raised(raise))).trial.outcome == .refuted)
    let asking = sight([], source: "if x then raise", .init("CREATE TABLE", .raised(raise)))
    #expect(asking.trial.outcome == .notProven)
    let drops = sight([], event: "sql_drop", .init("DROP TABLE", .raised(raise)))
    #expect(drops.trial.outcome == .notProven)
  }

  @Test func `of one for every command those that it lets pass show that it works`() {
    let source = "if x then raise"
    let fired = EventTriggerSight.Firing("CREATE TABLE", .fired(calls: 1))
    let some = sight([], source: source, fired, .init("DROP TABLE", .raised(raise)))
    #expect(some.trial.outcome == .proven)
    let broken = Rejection(sqlstate: "42P01", message: "no table")
    let wrong = sight([], source: source, fired, .init("DROP TABLE", .raised(broken)))
    #expect(wrong.trial.outcome == .refuted)
    let unseen = sight([], source: source, fired, .init("DROP TABLE", .notTried("why")))
    #expect(unseen.trial.outcome == .notProven)
  }
}
