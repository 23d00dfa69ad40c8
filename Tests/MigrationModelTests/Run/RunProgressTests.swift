import Diagnostics
import MigrationModel
import PostgresModel
import Testing

@Suite struct RunProgressTests {
  private let plan = planned(upAll, DbmateLayout(), [dbmateFile("1_a.sql"), dbmateFile("2_b.sql")])
  private let one = Version("1")

  private func progress(_ events: RunEvent...) -> RunProgress {
    var progress = RunProgress(plan)
    for (second, event) in events.enumerated() {
      progress.fold(event, at: Instant(microseconds: Int64(second) * 1_000_000))
    }
    return progress
  }

  private var start: RunEvent { .migrationStarted(version: one, name: "a", direction: .up) }

  @Test func `the running migration is known with its place and its start`() {
    let progress = progress(.message(.note(code: "x", "y")), start)
    #expect(progress.total == 2)
    #expect(progress.current?.number == 1)
    #expect(progress.current?.startedAt == Instant(microseconds: 1_000_000))
    #expect(progress.messages.map(\.code) == ["x"])
  }

  @Test func `statements and lock attempts belong to the running migration`() {
    let progress = progress(
      start, .lockAttempt(version: one, attempt: 2, of: 9, waitedMilliseconds: 5, blockers: [7]))
    #expect(progress.current?.lock?.blockers == [7])
    var after = progress
    after.fold(
      .statementFinished(
        version: one, index: 0, line: 4, command: "VACUUM", rows: nil, durationMilliseconds: 3),
      at: Instant(microseconds: 0))
    #expect(after.current?.statementsDone == 1)
    #expect(after.current?.lastStatement?.line == 4)
    #expect(after.current?.lock == nil)
  }

  @Test func `notices are kept, the newest of them, and rows are read from them`() {
    var progress = progress(start)
    for index in 0..<250 {
      progress.fold(
        .notice(version: one, severity: "NOTICE", message: "Processed \(index) of 1000 rows"),
        at: Instant(microseconds: 0))
    }
    #expect(progress.notices.count == RunProgress.noticeLimit)
    #expect(progress.notices.last?.message == "Processed 249 of 1000 rows")
    #expect(progress.current?.rows == RunProgress.Rows(processed: 249, total: 1000))
    progress.fold(
      .notice(version: one, severity: "NOTICE", message: "done"), at: Instant(microseconds: 0))
    #expect(progress.current?.rows?.fraction == 0.249)
  }

  @Test(arguments: [
    ("Processed 1000 of 5000 rows", 1000, 5000), ("batch done: 1,000 of 5,000 rows", 1000, 5000),
    ("12/34", 12, 34), ("12 / 34 rows", 12, 34), ("rows 3 OF 4", 3, 4), ("(5 of 6)", 5, 6),
  ])
  func `rows are read from what scripts say`(notice: String, processed: Int64, total: Int64) {
    #expect(
      RunProgress.Rows(notice: notice) == RunProgress.Rows(processed: processed, total: total))
  }

  @Test(arguments: [
    "relation \"a\" already exists, skipping", "1 of many", "of 5", "", "10 rows", "a/b",
    "part of it",
  ])
  func `other notices are no rows`(notice: String) {
    #expect(RunProgress.Rows(notice: notice) == nil)
  }

  @Test func `a fraction stays within nought and one`() {
    #expect(RunProgress.Rows(processed: 6000, total: 5500).fraction == 1)
    #expect(RunProgress.Rows(processed: 0, total: 0).fraction == 1)
    #expect(RunProgress.Rows(processed: 1, total: 4).fraction == 0.25)
  }

  @Test func `a failure is kept with what it left`() {
    let diagnostic = Diagnostic.error(code: "sql_error", "no")
    let progress = progress(
      start,
      .migrationFailed(version: one, name: "a", direction: .up, diagnostic, left: .partly),
      .cancelling)
    #expect(progress.failure?.left == .partly)
    #expect(progress.failure?.diagnostic == diagnostic)
    #expect(progress.current == nil)
    #expect(progress.ended == 1)
    #expect(progress.isCancelling)
    #expect(!progress.isFinished)
  }

  @Test func `who is waited for is known until it goes on, and the end is an outcome`() {
    let holder = LockHolder(pid: 5, user: "u", application: nil, since: nil, key: "Lockstep")
    #expect(progress(.waitingForRunner(holder)).waitingFor == holder)
    let ended = progress(
      .waitingForRunner(holder), start,
      .migrationFinished(version: one, name: "a", direction: .up, durationMilliseconds: 1),
      .finished(applied: 1, reverted: 0, failed: 0, durationMilliseconds: 2))
    #expect(ended.waitingFor == nil)
    #expect(ended.ended == 1)
    #expect(ended.outcome?.applied == 1)
    #expect(ended.isFinished)
  }
}
