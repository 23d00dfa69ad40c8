import Diagnostics
import MigrationModel
import PostgresModel
import Testing

@Suite struct GuardsTests {
  private let dbmate = DbmateLayout()
  private let two = [dbmateFile("1_a.sql"), dbmateFile("2_b.sql")]

  private func pair(_ name: String, _ up: String = "SELECT 1;") -> [SourceFile] {
    [file("\(name).up.sql", up), file("\(name).down.sql", "SELECT 2;")]
  }

  private let changed = HistoryRow(version: Version("1"), checksum: Checksum(.sha384, of: [1]))

  @Test func `a plan that may run has no refusal`() {
    #expect(planned(upAll, dbmate, two, rows("1")).refusals.isEmpty)
    #expect(planned(downOne, dbmate, two, rows("1")).refusals.isEmpty)
  }

  @Test func `a read-only session refuses all, and the steps can still be seen`() {
    let plan = planned(upAll, dbmate, two, context: PlanContext(isReadOnly: true))
    #expect(plan.steps.count == 2)
    #expect(
      plan.refusals.map(\.description) == [
        """
        error: nothing may be written: the session is read-only
          next: run it again without `--read-only`, or arm the dashboard
        """
      ])
    let mark = PlanRequest.mark(.versions([Version("1")]), as: .applied)
    let marked = planned(mark, dbmate, two, context: PlanContext(isReadOnly: true))
    #expect(marked.refusals.map(\.code) == ["read_only"])
  }

  @Test func `a closed gate keeps every run out, and what would do nothing needs no gate`() {
    let gate = Diagnostic.error(code: "not_approved", "not approved", next: "have it approved")
    let context = PlanContext(gates: [gate])
    let plan = planned(upAll, dbmate, two, context: context)
    #expect(plan.steps.count == 2)
    #expect(plan.refusals == [gate])
    #expect(planned(downOne, dbmate, two, rows("1"), context: context).refusals == [gate])
    let mark = PlanRequest.mark(.versions([Version("1")]), as: .applied)
    #expect(planned(mark, dbmate, two, context: context).refusals == [gate])
    #expect(planned(upAll, dbmate, two, rows("1", "2"), context: context).refusals.isEmpty)
  }

  @Test func `a fault of the folder refuses every run but a mark`() {
    let files = pair("1_a") + [file("V2_b.sql")]
    #expect(planned(upAll, SqlxLayout(), files).refusals.map(\.code) == ["bad_version"])
    let down = planned(downOne, SqlxLayout(), files, rows("1"))
    #expect(down.refusals.map(\.code) == ["bad_version"])
    let mark = PlanRequest.mark(.versions([Version("1")]), as: .applied)
    #expect(planned(mark, SqlxLayout(), files).refusals.isEmpty)
  }

  @Test func `a half-way state refuses every run`() {
    let broken = [HistoryRow(version: Version("1"), outcome: .broken)]
    for request in [upAll, downOne, .redo(count: 1)] {
      let plan = planned(request, SqlxLayout(), pair("1_a") + pair("2_b"), broken)
      #expect(
        plan.refusals.map(\.description) == [
          """
          error: 1_a broke off half-way
            at:   migrations/1_a.up.sql
            next: see what stands, then `lockstep mark 1 applied` (all of it is there) or `lockstep mark 1 \
          pending` (none of it is)
          """
        ])
    }
  }

  @Test func `a missing file is refused where the tool refuses, and said elsewhere`() {
    for request in [upAll, downOne] {
      let sqlx = planned(request, SqlxLayout(), pair("1_a"), rows("1", "2"))
      #expect(sqlx.refusals.map(\.code).contains("missing_file"))
      let plain = planned(request, dbmate, two, rows("1", "3"))
      #expect(plain.refusals.isEmpty)
      #expect(plain.warnings.map(\.code).contains("missing_file"))
    }
    let golang = planned(upAll, GolangMigrateLayout(), pair("1_a"), rows("7"))
    #expect(
      golang.refusals.map(\.description) == [
        """
        error: 7 was applied, but its file is gone
          next: put the file back; or, if it is gone for good, forget it with `lockstep mark 7 pending`
        """
      ])
  }

  @Test func `a changed file refuses going up, wherever it stands`() {
    let plan = planned(upAll, SqlxLayout(), pair("1_a") + pair("2_b"), [changed])
    #expect(plan.refusals.map(\.code) == ["drift"])
    #expect(plan.refusals[0].what == "1_a has changed since it was applied")
  }

  @Test func `a changed file refuses going down only if it holds the way back`() {
    let apart = planned(downOne, SqlxLayout(), pair("1_a"), [changed])
    #expect(apart.refusals.isEmpty)
    #expect(apart.warnings.map(\.code) == ["drift"])
    let raw = HistoryRow(version: Version("1"), checksum: Checksum(.sha256, of: [1]))
    let together = planned(
      downOne, RawLayout(), [file("1_a.sql", "A;\n-- ROLLBACK\n-- SELECT 1;\n")], [raw])
    #expect(together.refusals.map(\.code) == ["drift"])
  }

  @Test func `a change elsewhere does not keep an emergency from being rolled back`() {
    let plan = planned(
      downOne, SqlxLayout(), pair("1_a") + pair("2_b"),
      [changed, HistoryRow(version: Version("2"))])
    #expect(plan.summary == ["down 2"])
    #expect(plan.refusals.isEmpty)
  }

  @Test func `a late file is applied with a word by the tools that apply it`() {
    let plan = planned(upAll, dbmate, two, rows("2"))
    #expect(plan.summary == ["up 1"])
    #expect(plan.refusals.isEmpty)
    #expect(
      plan.warnings.map(\.description) == [
        """
        warning: 1_a is pending, but older than 2, which is applied
          at:   migrations/1_a.sql
        """
      ])
  }

  @Test func `a late file wants the option where the tool never applies it`() {
    let files = pair("1_a") + pair("2_b")
    let plan = planned(upAll, GolangMigrateLayout(), files, rows("2"), known: [2])
    #expect(
      plan.refusals.map(\.description) == [
        """
        error: 1_a is pending, but older than 2, which is applied
          note: golang-migrate would pass it over without a word
          at:   migrations/1_a.up.sql
          next: put it behind the newest applied one with `lockstep rename 1`; or apply it late: \
        `lockstep up`, with `--allow-out-of-order` where its tool would pass it over
        """
      ])
    let raw = [file("001_a.sql", "A;\n-- ROLLBACK\n-- SELECT 1;"), file("002_b.sql")]
    #expect(planned(upAll, RawLayout(), raw, rows("002")).refusals.map(\.code) == ["out_of_order"])
    let allowed = PlanRequest.up(to: nil, count: nil, allowOutOfOrder: true)
    let late = planned(allowed, RawLayout(), raw, rows("002"))
    #expect(late.summary == ["up 001"])
    #expect(late.refusals.isEmpty)
    #expect(late.warnings.map(\.code) == ["out_of_order"])
  }

  @Test func `two files of one version are refused when one of them would run`() {
    let files = pair("1_a") + [file("01_b.sql")] + pair("2_c")
    let plan = planned(upAll, SqlxLayout(), files)
    #expect(plan.refusals.map(\.code) == ["duplicate_version", "duplicate_version"])
    #expect(planned(downOne, SqlxLayout(), files, rows("1", "2")).refusals.isEmpty)
  }

  @Test func `a file that cannot be run is refused only when it would run`() {
    let files = [file("1_a.sql", "SELECT 1;"), dbmateFile("2_b.sql")]
    #expect(planned(upAll, dbmate, files).refusals.map(\.code) == ["missing_up_marker"])
    #expect(planned(upAll, dbmate, files, rows("1")).refusals.isEmpty)
  }

  @Test func `what has no way back is not rolled back`() {
    let plan = planned(downOne, dbmate, [dbmateFile("1_a.sql", down: "")], rows("1"))
    #expect(plan.steps[0].units.isEmpty)
    #expect(
      plan.refusals.map(\.description) == [
        """
        error: 1_a cannot be rolled back: its down section is empty
          at:   migrations/1_a.sql
          next: write its way back, or fix forward with a new migration; or, if its objects are gone, \
        `lockstep mark 1 pending`
        """
      ])
    let marked = planned(
      downOne, dbmate,
      [dbmateFile("1_a.sql", up: "-- WARNING: Non-reversible\nA;", down: "")], rows("1"))
    #expect(
      marked.refusals.map(\.description) == [
        """
        error: 1_a cannot be rolled back: marked "WARNING: Non-reversible"
          at:   migrations/1_a.sql
          next: fix forward with a new migration; or, if its objects are gone, `lockstep mark 1 pending`
        """
      ])
  }

  @Test func `a documented way back is refused with the place where parsing stopped`() {
    let text = "A;\n-- ROLLBACK\n-- Restore the backup.\n"
    let plan = planned(downOne, RawLayout(), [file("1_a.sql", text)], rows("1"))
    #expect(
      plan.refusals.map(\.description) == [
        """
        error: 1_a cannot be rolled back: the roll back of 1_a.sql is written down, but is no SQL: syntax \
        error at or near "Restore"
          at:   migrations/1_a.sql:3
          next: write it as SQL, or begin the line with NOTE
        """
      ])
  }

  @Test func `only refuses what is there already`() {
    let up = planned(.only(Version("1"), .up), dbmate, two, rows("1"))
    #expect(
      up.refusals.map(\.description) == [
        """
        error: 1_a is applied already
          at:   migrations/1_a.sql
          next: roll it back first; or, if its objects are gone, `lockstep mark 1 pending`
        """
      ])
    let down = planned(.only(Version("2"), .down), dbmate, two, rows("1"))
    #expect(
      down.refusals.map(\.description) == [
        """
        error: 2_b is not applied
          at:   migrations/2_b.sql
          next: there is nothing to roll back; see `lockstep status`
        """
      ])
  }

  @Test func `what loses data is refused where nobody can be asked`() {
    let files = [dbmateFile("1_a.sql", up: "CREATE TABLE a ();", down: "DROP TABLE a;")]
    let refused = planned(
      downOne, dbmate, files, rows("1"), context: PlanContext(dataLoss: .refused))
    #expect(
      refused.refusals.map(\.description) == [
        """
        error: rolling back 1_a loses data: drops the table a
          next: read it with `--dry-run`, then run it again with `--yes`
        """
      ])
    for consent in [PlanContext.DataLoss.asked, .accepted] {
      let plan = planned(
        downOne, dbmate, files, rows("1"), context: PlanContext(dataLoss: consent))
      #expect(plan.refusals.isEmpty)
      #expect(plan.losesData)
    }
  }

  @Test func `a migration cannot be marked as failed`() {
    let plan = planned(.mark(.versions([Version("1")]), as: .failed), dbmate, two)
    #expect(plan.refusals.map(\.code) == ["usage"])
  }
}
