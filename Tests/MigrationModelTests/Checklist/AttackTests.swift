import MigrationModel
import PostgresModel
import Testing

@Suite struct AttackTests {
  private let refusal = Rejection(sqlstate: "23514", message: "no", constraint: "c")

  @Test func `only a refusal that goes with the constraint proves it`() {
    #expect(Attack("a", .refused(refusal), withoutIt: .accepted).outcome == .proven)
    #expect(Attack("a", .followed).outcome == .proven)
    #expect(Attack("a", .accepted).outcome == .refuted)
    for attack in [
      Attack("a", .refused(refusal)),
      Attack("a", .refused(refusal), withoutIt: .stillRefused(refusal)),
      Attack("a", .refused(refusal), withoutIt: .notRemovable(refusal)),
      Attack("a", .refusedOtherwise(refusal)), Attack("a", .repaired), Attack("a", .withoutEffect),
    ] {
      #expect(attack.outcome == .notProven, "\(attack)")
    }
  }

  @Test func `what is hidden has to be found without what hides it`() {
    let hidden = Attack(
      "asking for a row", .hidden, withoutIt: .accepted, removal: "row security disabled")
    #expect(hidden.outcome == .proven)
    #expect(
      hidden.evidence == [
        .init("asking for a row finds nothing", .supports),
        .init("with row security disabled the row is found", .supports),
      ])
    var never = hidden
    never.withoutIt = .stillHidden
    #expect(never.outcome == .notProven)
    #expect(
      never.evidence.last == .init("with row security disabled it finds nothing either", .unclear))
    #expect(Attack("a", .hidden).outcome == .notProven)
    let unmade = Attack("asking for a row", .notMade("why"))
    #expect(unmade.outcome == .notProven)
    #expect(unmade.evidence == [.init("asking for a row could not be tried: why", .unclear)])
  }

  private func sight(_ attacks: [Attack]) -> ConstraintSight {
    var sight = ConstraintSight("constraint c of t", control: .accepted("a row"))
    sight.attacks = attacks
    return sight
  }

  private var proof: Attack { Attack("b", .refused(refusal), withoutIt: .accepted) }

  @Test func `every attack has to prove its part`() {
    #expect(sight([proof]).outcome == .proven)
    #expect(sight([]).outcome == .notProven)
    #expect(sight([proof, Attack("a", .repaired)]).outcome == .notProven)
    #expect(sight([proof, Attack("a", .accepted)]).outcome == .refuted)
  }

  @Test func `without a row that is accepted nothing is proven`() {
    var sight = sight([proof])
    sight.control = .notPossible("why")
    #expect(sight.outcome == .notProven)
    #expect(
      sight.trial.evidence.first
        == .init("no valid row could be made to begin with: why", .unclear))
  }

  @Test func `what is not valid is never proven`() {
    var sight = sight([proof])
    sight.validation = .passed
    #expect(sight.outcome == .notProven)
    sight.validation = .failed(refusal)
    #expect(sight.outcome == .refuted)
  }

  @Test func `rows that break it, faults and doubts speak against it`() {
    var broken = sight([proof])
    broken.violations = 2
    #expect(broken.outcome == .refuted)
    #expect(broken.trial.evidence.last?.text == "2 rows that are on the copy break it")
    var faulty = sight([proof])
    faulty.faults = ["it is off"]
    #expect(faulty.outcome == .refuted)
    var doubtful = sight([proof])
    doubtful.doubts = ["who knows"]
    #expect(doubtful.outcome == .notProven)
  }

  @Test func `a refusal counts under the constraint's own name alone`() {
    let expected = ExpectedRejection(["23514"], .constraint(["c", "c_1"]))
    #expect(expected.isMet(by: refusal))
    #expect(!expected.isMet(by: Rejection(sqlstate: "23514", message: "no", constraint: "d")))
    #expect(!expected.isMet(by: Rejection(sqlstate: "23514", message: "no")))
    #expect(!expected.isMet(by: Rejection(sqlstate: "23505", message: "no", constraint: "c")))
    #expect(
      ExpectedRejection(["23502"], .column("a"))
        .isMet(by: Rejection(sqlstate: "23502", message: "no", column: "a")))
  }
}
