import Diagnostics
import MigrationModel
import PostgresModel
import Testing

/// A run that began at second 10.
func runStart(_ id: String = "r", at second: Int64 = 10, database: String = "app") -> RunStart {
  RunStart(
    id: id, at: Instant(microseconds: second * 1_000_000), by: "me@host", host: "host",
    version: "0.1.0",
    identity: DatabaseIdentity(database: database, server: "db1:5432", system: "7"), user: "me",
    environment: "staging", layout: "dbmate", table: "public.schema_migrations",
    request: "up to 2")
}

private func at(_ second: Int64) -> Instant { Instant(microseconds: second * 1_000_000) }

@Suite struct RunRecorderTests {
  private let plan = planned(
    upAll, DbmateLayout(), [dbmateFile("1_a.sql"), dbmateFile("2_b.sql")])

  @Test func `a run is kept from its first step on, with its statements, attempts and end`() {
    var recorder = RunRecorder(runStart(), plan: plan)
    let one = Version("1")
    var kept: [RunRecord] = []
    let events: [(RunEvent, Int64)] = [
      (.migrationStarted(version: one, name: "a", direction: .up), 11),
      (
        .lockAttempt(
          version: one, attempt: 1, of: 3, waitedMilliseconds: 500, blockers: [4711]), 12
      ),
      (
        .statementFinished(
          version: one, index: 0, line: 2, command: "INSERT", rows: 5, durationMilliseconds: 3),
        13
      ),
      (
        .migrationFinished(version: one, name: "a", direction: .up, durationMilliseconds: 2500), 14
      ),
      (.finished(applied: 1, reverted: 0, failed: 0, durationMilliseconds: 4000), 15),
    ]
    for (event, second) in events { kept += recorder.records(of: event, at: at(second)) }
    kept += recorder.end(.finished, applied: 1, reverted: 0, at: at(15))
    let checksum = plan.steps[0].units[0].script.file.checksum(.sha256).hexadecimal
    #expect(
      kept == [
        .started(runStart()),
        .step(
          StepRecord(
            run: "r", version: one, name: "a", direction: .up, checksum: checksum,
            startedAt: at(11), durationMilliseconds: nil, outcome: .begun)),
        .lockAttempt(
          LockAttemptRecord(
            run: "r", version: one, at: at(12), attempt: 1, of: 3, waitedMilliseconds: 500,
            blockers: [4711], reason: "lock_timeout")),
        .statement(
          StatementRecord(
            run: "r", version: one, index: 0, line: 2, command: "INSERT", rows: 5,
            durationMilliseconds: 3)),
        .step(
          StepRecord(
            run: "r", version: one, name: "a", direction: .up, checksum: checksum,
            startedAt: at(11), durationMilliseconds: 2500, outcome: .done)),
        .ended(RunEnd(run: "r", at: at(15), outcome: .finished, applied: 1, reverted: 0)),
      ])
  }

  @Test func `a run that was cut off is shown as it was kept`() throws {
    var recorder = RunRecorder(runStart(), plan: plan)
    let (one, two) = (Version("1"), Version("2"))
    let events: [(RunEvent, Int64)] = [
      (.migrationStarted(version: one, name: "a", direction: .up), 11),
      (
        .migrationFinished(version: one, name: "a", direction: .up, durationMilliseconds: 9), 12
      ),
      (.migrationStarted(version: two, name: "b", direction: .up), 13),
      (
        .statementFinished(
          version: two, index: 0, line: 2, command: "INSERT", rows: 5, durationMilliseconds: 3),
        14
      ),
    ]
    let kept = events.flatMap { recorder.records(of: $0.0, at: at($0.1)) }
    let archive = RunArchive(kept, of: runStart().identity)
    #expect(archive.runs.count == 1)
    #expect(archive.runs[0].steps.map(\.step.outcome) == [.done, .begun])
    let cut = try #require(archive.runs(of: two, DbmateLayout()).first)
    #expect(
      cut.step.outcome { "\($0)" }
        == "began to be applied; no end was kept: it was cut off, or runs still")
    #expect(cut.step.details { "\($0) ms" } == ["line 2: INSERT, 5 rows in 3.0 ms"])
    #expect(cut.run.circumstances.hasSuffix("; no end of the run was kept"))
  }

  @Test func `a failed step is kept with its error and what it left`() {
    var recorder = RunRecorder(runStart(), plan: plan)
    let two = Version("2")
    _ = recorder.records(
      of: .migrationStarted(version: two, name: "b", direction: .up), at: at(11))
    let diagnostic = Diagnostic(
      .error, code: "sql_error", "migration 2_b failed: no", sqlstate: "42P01")
    let kept = recorder.records(
      of: .migrationFailed(version: two, name: "b", direction: .up, diagnostic, left: .partly),
      at: at(13))
    guard case .step(let step)? = kept.first, kept.count == 1 else {
      Issue.record("not one step: \(kept)")
      return
    }
    #expect(step.outcome == .failed)
    #expect(step.durationMilliseconds == 2000)
    #expect(
      step.error
        == StepRecord.Failure(
          code: "sql_error", message: "migration 2_b failed: no", sqlstate: "42P01", left: .partly))
    #expect(step.locks == nil)
  }

  @Test func `the locks that were held are kept, unknown ones as unknown`() {
    var recorder = RunRecorder(runStart(), plan: plan)
    let locks = [
      HeldLock(
        mode: .accessExclusive, relation: QualifiedName(schema: "s", "t"), milliseconds: 3),
      HeldLock(mode: .share, relation: QualifiedName("u")),
    ]
    let one = Version("1")
    let told = recorder.records(
      of: .migrationFinished(
        version: one, name: "a", direction: .up, durationMilliseconds: 5, locks: locks), at: at(12))
    let untold = recorder.records(
      of: .migrationFinished(version: one, name: "a", direction: .up, durationMilliseconds: 5),
      at: at(13))
    guard case .step(let first)? = told.last, case .step(let second)? = untold.last else {
      Issue.record("no steps")
      return
    }
    #expect(
      first.locks == [
        .init(mode: "ACCESS EXCLUSIVE", relation: "s.t", heldMilliseconds: 3),
        .init(mode: "SHARE", relation: "u", heldMilliseconds: nil),
      ])
    #expect(second.locks == nil)
  }

  @Test func `a migration that was undone while stepping is kept as declined`() {
    var recorder = RunRecorder(runStart(), plan: plan)
    let one = Version("1")
    _ = recorder.records(
      of: .migrationStarted(version: one, name: "a", direction: .up), at: at(11))
    let kept = recorder.records(
      of: .migrationDeclined(version: one, name: "a", direction: .up), at: at(14))
    guard case .step(let step)? = kept.first, kept.count == 1 else {
      Issue.record("not one step: \(kept)")
      return
    }
    #expect(step.outcome == .declined && step.durationMilliseconds == 3000 && step.error == nil)
  }

  @Test func `nothing is kept of a run in which nothing began`() {
    let recorder = RunRecorder(runStart(), plan: plan)
    #expect(recorder.end(.interrupted, applied: 0, reverted: 0, at: at(11)) == [])
  }

  @Test func `a history that was only written is kept as marked`() {
    var recorder = RunRecorder(runStart(), plan: plan)
    let kept = recorder.marked(plan.steps[0], at: at(11))
    #expect(kept.first == .started(runStart()))
    guard case .step(let step)? = kept.last else {
      Issue.record("no step")
      return
    }
    #expect(step.outcome == .marked && step.checksum == nil && step.durationMilliseconds == nil)
  }
}

@Suite struct RunArchiveTests {
  private func step(
    _ version: String, _ direction: Direction, at second: Int64, run: String = "r",
    _ outcome: StepRecord.Outcome = .done
  ) -> RunRecord {
    .step(
      StepRecord(
        run: run, version: Version(version), name: "a", direction: direction, checksum: nil,
        startedAt: at(second), durationMilliseconds: 1500, outcome: outcome))
  }

  private let identity = DatabaseIdentity(database: "app", server: "db1:5432", system: "7")
  private let layout = DbmateLayout()

  @Test func `records of other databases and tables are left out`() {
    var other = runStart("o")
    other.identity.system = "8"
    var table = runStart("t")
    table.table = "public.others"
    let records: [RunRecord] = [
      .started(runStart("r")), .started(other), .started(table), step("1", .up, at: 11),
      step("2", .up, at: 11, run: "o"), step("3", .up, at: 11, run: "unknown"),
    ]
    let archive = RunArchive(
      records, of: identity, layout: "dbmate", table: "public.schema_migrations")
    #expect(archive.runs.map(\.start.id) == ["r"])
    #expect(archive.runs[0].steps.map(\.step.version.text) == ["1"])
    #expect(archive.runs[0].end == nil)
  }

  @Test func `a database is the same under another name of its server`() {
    let elsewhere = DatabaseIdentity(database: "app", server: "/run:5432", system: "7")
    #expect(elsewhere.isSame(as: identity))
    var hidden = identity
    hidden.system = nil
    #expect(hidden.isSame(as: identity))
    #expect(!DatabaseIdentity(database: "app", server: "/run:5432").isSame(as: identity))
    #expect(
      !DatabaseIdentity(database: "b", server: "db1:5432", system: "7").isSame(as: identity))
  }

  @Test func `times that the table does not keep are filled in from the last run that applied it`()
    throws
  {
    var status = joined(
      layout, ["1_a.sql", "2_b.sql", "3_c.sql"].map { dbmateFile($0) }, rows("1", "2"))
    #expect(status.lacksTimes)
    let archive = RunArchive(
      [
        .started(runStart("a", at: 10)), .started(runStart("b", at: 20)),
        step("1", .up, at: 11, run: "a"), step("2", .up, at: 12, run: "a"),
        step("1", .down, at: 21, run: "b"), step("1", .up, at: 22, run: "b"),
        step("2", .down, at: 23, run: "b"), step("3", .up, at: 24, run: "b", .failed),
      ], of: identity)
    status.fillTimes(from: archive, layout)
    #expect(
      status.migrations[0].record
        == AppliedRecord(
          at: Instant(microseconds: 23_500_000), by: "me@host", durationMilliseconds: 1500))
    #expect(status.migrations[0].appliedBy == "me@host")
    // Rolled back by us, and applied again by somebody who kept nothing.
    #expect(status.migrations[1].record == nil)
    #expect(status.migrations[2].record == nil)
  }

  @Test func `a step tells what was kept of it`() throws {
    let archive = RunArchive(
      [
        .started(runStart()),
        .lockAttempt(
          LockAttemptRecord(
            run: "r", version: Version("1"), at: at(12), attempt: 1, of: 3,
            waitedMilliseconds: 500, blockers: [1, 2], reason: "lock_timeout")),
        .statement(
          StatementRecord(
            run: "r", version: Version("1"), index: 0, line: 2, command: "INSERT", rows: 1,
            durationMilliseconds: 3)),
        .step(
          StepRecord(
            run: "r", version: Version("1"), name: "a", direction: .up, checksum: nil,
            startedAt: at(11), durationMilliseconds: 20, outcome: .failed,
            error: StepRecord.Failure(
              code: "sql_error", message: "no", sqlstate: "42P01", left: .nothing),
            locks: [.init(mode: "ACCESS EXCLUSIVE", relation: "public.t", heldMilliseconds: 12)])),
        .ended(RunEnd(run: "r", at: at(15), outcome: .interrupted, applied: 0, reverted: 0)),
      ], of: identity)
    let found = try #require(archive.runs(of: Version("1"), layout).first)
    #expect(found.step.outcome { "\(Int($0)) ms" } == "failed after 20 ms, nothing left")
    #expect(
      found.step.details { "\(Int($0)) ms" } == [
        "error: no (SQLSTATE 42P01)", "lock: ACCESS EXCLUSIVE on public.t, at most 12 ms",
        "attempt 1 of 3 gave up after 500 ms: lock_timeout, behind pid 1, 2",
        "line 2: INSERT, 1 row in 3 ms",
      ])
    #expect(
      found.run.circumstances
        == "by me@host on host, `up to 2`, environment staging, Lockstep 0.1.0; interrupted")
  }
}
