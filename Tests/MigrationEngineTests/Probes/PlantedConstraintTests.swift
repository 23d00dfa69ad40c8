import MigrationEngine
import MigrationModel
import TestSupport
import Testing

@Suite(.fewAtOnce) struct PlantedConstraintTests {
  @Test(
    arguments:
      PlantedConstraint.enforced + PlantedConstraint.notEnforced + PlantedConstraint.circles
      + PlantedConstraint.defaults)
  func `what is found is what is true`(_ planted: PlantedConstraint) async throws {
    try await planted.expectTruth(by: ConstraintProbe())
  }

  @Test func `nothing is left on the copy`() async throws {
    let fixture = ProbeFixture(base: PlantedConstraint.orders)
    let watch = LeftoverProbe()
    let up = """
      create table t (id serial primary key, user_id int not null references users,
        n int check (n > 0), unique (n)); insert into users values (1, 'a');
      """
    let report = try await fixture.report(
      up, down: "drop table t; delete from users;",
      probes: [watch.beginning] + Rehearsal.standardProbes + [watch.end])
    #expect(report.migrations.map(\.verdict) == [.passed], "\(report.migrations)")
    #expect(watch.seen.count == 2)
    #expect(watch.seen.first == watch.seen.last, "\(watch.seen)")
  }

  @Test func `a constraint that is validated later is proven then`() async throws {
    let base =
      PlantedConstraint.users + "; alter table users add constraint c check (id > 10) not valid"
    let trials = try await ProbeFixture(base: base).trials(
      "alter table users validate constraint c;", probes: [ConstraintProbe()])
    #expect(trials.map(\.subject) == ["constraint c of public.users"])
    #expect(trials.map(\.outcome) == [.proven], "\(trials.words)")
  }

  @Test func `what was there before and is as it was is not tried`() async throws {
    let trials = try await ProbeFixture(base: PlantedConstraint.orders).trials(
      "alter table users add column age int;", probes: [ConstraintProbe()])
    #expect(trials == [])
  }
}
