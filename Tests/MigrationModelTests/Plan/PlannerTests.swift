import Diagnostics
import MigrationModel
import PostgresModel
import Testing

/// The plan for a request on this project.
func planned(
  _ request: PlanRequest, _ layout: any Layout, _ files: [SourceFile], _ rows: [HistoryRow] = [],
  known: Set<UInt64>? = nil, context: PlanContext = PlanContext()
) -> Plan {
  Plan.make(
    request, status: joined(layout, files, rows, known: known), layout: layout, context: context)
}

let upAll = PlanRequest.up(to: nil, count: nil, allowOutOfOrder: false)
let downOne = PlanRequest.down(to: nil, count: nil)

extension Plan {
  /// Direction and version of each step: `up 1`.
  var summary: [String] { steps.map { "\($0.direction.rawValue) \($0.version)" } }
}

@Suite struct PlannerTests {
  private let three = [dbmateFile("1_a.sql"), dbmateFile("2_b.sql"), dbmateFile("3_c.sql")]
  private let dbmate = DbmateLayout()

  // MARK: Up

  @Test func `up applies what is pending in the tool's order`() {
    let plan = planned(upAll, dbmate, three, rows("1"))
    #expect(plan.summary == ["up 2", "up 3"])
    #expect(plan.refusals.isEmpty)
    #expect(plan.warnings.isEmpty)
    #expect(plan.basis == rows("1"))
    #expect(
      plan.steps[0].write.record == [
        "INSERT INTO \"public\".\"schema_migrations\" (version) VALUES ('2')"
      ])
  }

  @Test func `a plan is the same whether an earlier one is at hand or not`() {
    let changed = [three[0], file("2_b.sql", "-- migrate:up\nDROP TABLE b;\n"), three[2]]
    for files in [three, changed, [three[0], three[2]]] {
      for request in [upAll, PlanRequest.down(to: nil, count: 1)] {
        let earlier = planned(upAll, dbmate, three, rows("1"))
        let status = joined(dbmate, files, rows("1"))
        let fresh = Plan.make(request, status: status, layout: dbmate, context: PlanContext())
        let again = Plan.make(
          request, status: status, layout: dbmate, context: PlanContext(), after: earlier)
        #expect(again == fresh)
      }
    }
  }

  @Test func `up takes a number, or a last version that is applied as well`() {
    let count = PlanRequest.up(to: nil, count: 2, allowOutOfOrder: false)
    #expect(planned(count, dbmate, three).summary == ["up 1", "up 2"])
    let to = PlanRequest.up(to: Version("2"), count: nil, allowOutOfOrder: false)
    #expect(planned(to, dbmate, three).summary == ["up 1", "up 2"])
    #expect(
      planned(to, dbmate, three, rows("1", "2")).warnings.map(\.description) == [
        "note: 2_b is applied already"
      ])
  }

  @Test func `a version is found in any spelling that is not ambiguous`() {
    let files = [dbmateFile("0001_a.sql"), dbmateFile("0002_b.sql")]
    for typed in ["0001", "1", "0001_a", "0001_a.sql"] {
      let request = PlanRequest.up(to: Version(typed), count: nil, allowOutOfOrder: false)
      #expect(planned(request, dbmate, files).summary == ["up 0001"], "\(typed)")
    }
  }

  @Test func `an unknown version is refused with the nearest one`() {
    func refusal(_ version: String, _ files: [SourceFile]) -> [String] {
      let request = PlanRequest.up(to: Version(version), count: nil, allowOutOfOrder: false)
      let plan = planned(request, dbmate, files)
      #expect(plan.steps.isEmpty)
      return plan.refusals.map(\.description)
    }
    let files = [dbmateFile("20260109120000_a.sql"), dbmateFile("20250101000000_b.sql")]
    #expect(
      refusal("20260109120010", files) == [
        """
        error: there is no migration with the version "20260109120010"
          next: did you mean 20260109120000? `lockstep status` lists them all
        """
      ])
    // The end of a version, as a narrow list shows it, tells which one is meant.
    #expect(refusal("09120000", files).first?.contains("did you mean 20260109120000?") == true)
    #expect(
      refusal("777", files) == [
        """
        error: there is no migration with the version "777"
          next: `lockstep status` lists them all
        """
      ], "a guess from afar would be a trap")
    #expect(
      refusal("9", []) == [
        """
        error: there is no migration with the version "9"
          next: the folder holds no migrations; see `lockstep doctor`
        """
      ])
  }

  // MARK: Down

  @Test func `down takes the last applied in the tool's order`() {
    #expect(planned(downOne, dbmate, three, rows("3", "1")).summary == ["down 3"])
    let two = planned(.down(to: nil, count: 2), dbmate, three, rows("1", "2", "3"))
    #expect(two.summary == ["down 3", "down 2"])
  }

  @Test func `down to a version leaves that one applied, and to zero nothing`() {
    let all = rows("1", "2", "3")
    let one = planned(.down(to: Version("1"), count: nil), dbmate, three, all)
    #expect(one.summary == ["down 3", "down 2"])
    let zero = planned(.down(to: Version("0"), count: nil), dbmate, three, all)
    #expect(zero.summary == ["down 3", "down 2", "down 1"])
    let nothing = planned(.down(to: Version("3"), count: nil), dbmate, three, all)
    #expect(nothing.warnings.map(\.description) == ["note: nothing above 3 is applied"])
  }

  @Test func `with nothing applied there is nothing to roll back`() {
    let plan = planned(downOne, dbmate, three)
    #expect(plan.steps.isEmpty)
    #expect(
      plan.warnings.map(\.description) == ["note: nothing is applied that can be rolled back"])
  }

  @Test func `sqlx passes over what has no down file, and it is said`() {
    let files = [
      file("1_a.up.sql"), file("1_a.down.sql"), file("2_b.sql"), file("3_c.up.sql"),
      file("3_c.down.sql"), file("4_d.sql"),
    ]
    let all = rows("1", "2", "3", "4")
    let plan = planned(downOne, SqlxLayout(), files, all)
    #expect(plan.summary == ["down 3"])
    #expect(
      plan.warnings.map(\.description) == [
        """
        warning: 4_d stays applied: there is no down file
          at:   migrations/4_d.sql
        """
      ])
    let zero = planned(.down(to: Version("0"), count: nil), SqlxLayout(), files, all)
    #expect(zero.summary == ["down 3", "down 1"])
    #expect(zero.warnings.count == 2)
  }

  @Test func `dbmate never rolls back a version without a file`() {
    let plan = planned(downOne, dbmate, three, rows("3", "9"))
    #expect(plan.summary == ["down 3"])
    #expect(plan.refusals.isEmpty)
    #expect(
      plan.warnings.map(\.what) == [
        "9 stays applied: its file is gone", "9 was applied, but its file is gone",
      ])
  }

  @Test func `a roll back removes the row as the table spells it`() {
    let plan = planned(
      downOne, RawLayout(), [file("001_a.sql", "A;\n-- ROLLBACK\n-- DROP TABLE a;\n")], rows("1"))
    #expect(
      plan.steps[0].write.record == [
        "DELETE FROM \"public\".\"schema_migrations\" WHERE version = '1'"
      ])
    #expect(plan.steps[0].units[0].sql == "DROP TABLE a;")
  }

  // MARK: Redo and only

  @Test func `redo goes down and up again`() {
    #expect(planned(.redo(count: 1), dbmate, three, rows("1", "2")).summary == ["down 2", "up 2"])
    #expect(
      planned(.redo(count: 2), dbmate, three, rows("1", "2")).summary == [
        "down 2", "down 1", "up 1", "up 2",
      ])
  }

  @Test func `only one is applied or rolled back, and the others are said`() {
    let up = planned(.only(Version("3"), .up), dbmate, three, rows("1"))
    #expect(up.summary == ["up 3"])
    #expect(up.refusals.isEmpty)
    #expect(up.warnings.map(\.what) == ["2_b stands before 3_c and is pending"])
    let down = planned(.only(Version("1"), .down), dbmate, three, rows("1", "2"))
    #expect(down.summary == ["down 1"])
    #expect(down.warnings.map(\.what) == ["2_b stands after 1_a and is applied"])
  }

  // MARK: The position of golang-migrate

  private let pairs = ["1_a", "2_b", "3_c"].flatMap {
    [file("\($0).up.sql"), file("\($0).down.sql")]
  }

  private func positions(_ plan: Plan) -> [String] {
    plan.steps.map { step in
      guard let insert = step.write.record.dropFirst().first else { return "none" }
      return String(insert.split(separator: "(").last ?? "")
    }
  }

  @Test func `each step up and down writes the position of golang-migrate`() {
    let golang = GolangMigrateLayout()
    #expect(positions(planned(upAll, golang, pairs)) == ["1, false)", "2, false)", "3, false)"])
    let down = planned(.down(to: Version("0"), count: nil), golang, pairs, rows("3"))
    #expect(down.summary == ["down 3", "down 2", "down 1"])
    #expect(positions(down) == ["2, false)", "1, false)", "none"])
    #expect(down.steps[2].write.mark.last?.hasSuffix("(-1, true)") == true)
    let redo = planned(.redo(count: 1), golang, pairs, rows("2"))
    #expect(positions(redo) == ["1, false)", "2, false)"])
  }

  @Test func `a late migration leaves golang-migrate's position`() {
    let late = PlanRequest.up(to: nil, count: nil, allowOutOfOrder: true)
    let plan = planned(late, GolangMigrateLayout(), pairs, rows("2"), known: [2])
    #expect(plan.summary == ["up 1", "up 3"])
    #expect(positions(plan) == ["2, false)", "3, false)"])
    #expect(plan.refusals.isEmpty)
  }

  @Test func `golang-migrate cannot record one out of its turn`() {
    let plan = planned(.only(Version("3"), .up), GolangMigrateLayout(), pairs, rows("1"))
    #expect(
      plan.refusals.map(\.description) == [
        """
        error: 2_b stands before 3_c and is pending; golang-migrate keeps the current version alone and \
        could not tell
          at:   migrations/2_b.up.sql
          next: apply in order: `lockstep up --to 3`
        """
      ])
  }

  // MARK: Mark

  @Test func `mark writes the history and runs nothing`() {
    let twice = PlanRequest.mark(.versions([Version("2"), Version("2")]), as: .applied)
    let applied = planned(twice, dbmate, three)
    #expect(applied.summary == ["up 2"])
    #expect(applied.steps[0].units.isEmpty)
    #expect(applied.steps[0].write.record.count == 1)
    let upTo = planned(.mark(.upTo(Version("2")), as: .applied), dbmate, three, rows("1"))
    #expect(upTo.summary == ["up 2"])
    let all = rows("1", "2", "3")
    let pending = planned(.mark(.upTo(Version("2")), as: .pending), dbmate, three, all)
    #expect(pending.summary == ["down 2", "down 1"])
    let nothing = planned(
      .mark(.versions([Version("1")]), as: .applied), dbmate, three, rows("1"))
    #expect(nothing.steps.isEmpty)
    #expect(nothing.warnings.map(\.what) == ["the history says so already"])
  }

  @Test func `mark puts a broken row right`() {
    let files = [file("1_a.up.sql"), file("1_a.down.sql")]
    let broken = [HistoryRow(version: Version("1"), outcome: .broken)]
    let one = PlanRequest.MarkSelection.versions([Version("1")])
    let applied = planned(.mark(one, as: .applied), SqlxLayout(), files, broken)
    #expect(applied.refusals.isEmpty)
    #expect(applied.steps[0].write.record[0].hasPrefix("UPDATE "))
    let pending = planned(.mark(one, as: .pending), SqlxLayout(), files, broken)
    #expect(pending.steps[0].write.record[0].hasPrefix("DELETE FROM "))
  }

  @Test func `mark records the checksum of a changed file`() {
    let row = HistoryRow(version: Version("1"), checksum: Checksum(.sha384, of: [1]))
    let plan = planned(
      .mark(.versions([Version("1")]), as: .applied), SqlxLayout(), [file("1_a.sql", "A;")], [row])
    let digest = Checksum(.sha384, of: Array("A;".utf8)).hexadecimal
    #expect(
      plan.steps.map(\.write.record) == [
        [
          "UPDATE \"public\".\"_sqlx_migrations\" SET success = TRUE, "
            + "checksum = decode('\(digest)', 'hex') WHERE version = 1"
        ]
      ])
  }

  @Test func `mark of one position says what else it means`() {
    let golang = GolangMigrateLayout()
    let up = planned(.mark(.versions([Version("3")]), as: .applied), golang, pairs)
    #expect(positions(up) == ["3, false)"])
    #expect(
      up.warnings.map(\.what) == [
        "golang-migrate keeps the current version alone: 1_a and 1 more count as applied, too"
      ])
    let down = planned(.mark(.versions([Version("2")]), as: .pending), golang, pairs, rows("3"))
    #expect(positions(down) == ["1, false)"])
    #expect(
      down.warnings.map(\.what) == [
        "golang-migrate keeps the current version alone: 3_c counts as pending, too"
      ])
  }

  @Test func `a run that only the journal knows is marked without a word to the history`() {
    let run = UnfinishedRun(
      version: Version("1"), direction: .up, statementsDone: 0, statementsTotal: 2)
    let status = joined(dbmate, three, unfinished: [run])
    let plan = Plan.make(
      .mark(.versions([Version("1")]), as: .pending), status: status, layout: dbmate,
      context: PlanContext())
    #expect(plan.summary == ["down 1"])
    #expect(plan.steps[0].write == HistoryWrite(record: []))
  }

  // MARK: Risk

  private func risk(_ up: String, _ down: String, _ request: PlanRequest) -> PlanStep {
    planned(
      request, dbmate, [dbmateFile("1_a.sql", up: up, down: down)],
      request == upAll ? [] : rows("1")
    ).steps[0]
  }

  @Test func `a step that loses data says what`() {
    let down = risk("CREATE TABLE t ();", "DROP TABLE IF EXISTS s.t, u;", downOne)
    #expect(down.risk == .losesData)
    #expect(down.warnings == ["drops the table s.t, u"])
    #expect(risk("CREATE TABLE t ();", "DROP TABLE t;", upAll).risk == .reversible)
  }

  @Test func `a step up without a way back says so`() {
    let unmarked = risk("CREATE TABLE t ();", "", upAll)
    #expect(unmarked.risk == .noWayBack)
    #expect(unmarked.warnings == ["there is no way back: its down section is empty"])
    let marked = risk("-- WARNING: Non-reversible\nSELECT 1;", "", upAll)
    #expect(marked.risk == .losesData)
    #expect(marked.warnings == ["there is no way back: marked \"WARNING: Non-reversible\""])
  }

  @Test func `rolling back what is marked as non-reversible loses data`() {
    let step = risk("-- WARNING: Non-reversible\nSELECT 1;", "SELECT 2;", downOne)
    #expect(step.risk == .losesData)
    #expect(step.warnings == ["marked \"WARNING: Non-reversible\""])
  }
}
