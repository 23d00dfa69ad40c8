import MigrationModel
import PostgresModel
import Testing

/// Documents that tell of runs, put together from what was kept.
@Suite struct IncidentDocumentTests {
  private let identity = DatabaseIdentity(database: "app", server: "db1:5432", system: "7")

  private func at(_ second: Int64) -> Instant {
    Instant(microseconds: (1_767_960_000 + second) * 1_000_000)
  }

  private func step(_ run: String, _ direction: Direction, at second: Int64) -> StepRecord {
    StepRecord(
      run: run, version: Version("0042"), name: "orders note", direction: direction,
      checksum: nil, startedAt: at(second), durationMilliseconds: 1200, outcome: .done,
      locks: [.init(mode: "ACCESS EXCLUSIVE", relation: "public.orders", heldMilliseconds: 1200)])
  }

  private var archive: RunArchive {
    var up = runStart("u")
    up.at = at(0)
    up.request = "up"
    var down = runStart("d")
    down.at = at(600)
    down.by = "oncall@host"
    down.request = "down 1"
    return RunArchive(
      [
        .started(up),
        .backup(
          run: "u", at: at(0),
          Backup(
            way: "pg_dump",
            outcome: .taken(
              BackupFile(
                path: "backups/app.dump", bytes: 4711, sha256: String(repeating: "ab", count: 32),
                entries: 12)), durationMilliseconds: 3)),
        .lockAttempt(
          LockAttemptRecord(
            run: "u", version: Version("0042"), at: at(1), attempt: 1, of: 3,
            waitedMilliseconds: 2000, blockers: [99], reason: "lock_timeout")),
        .step(step("u", .up, at: 2)),
        .health(
          run: "u", at: at(3),
          HealthCheck(
            way: "sql", question: "select ok", outcome: .failed, answer: "no row",
            durationMilliseconds: 2)),
        .ended(RunEnd(run: "u", at: at(4), outcome: .failed, applied: 1, reverted: 0)),
        .started(down), .step(step("d", .down, at: 601)),
        .ended(RunEnd(run: "d", at: at(602), outcome: .finished, applied: 0, reverted: 1)),
      ], of: identity)
  }

  @Test func `an incident document holds the facts and leaves the rest to people`() {
    let document = IncidentDocument(
      version: Version("0042"), label: "0042_orders_note", identity: identity,
      environment: "production", downSQL: "alter table orders drop column note;",
      runs: archive.runs(of: Version("0042"), DbmateLayout()), now: at(700))
    #expect(document.fileName == "2026-01-09-0042_orders_note.md")
    #expect(
      document.markdown { "\(Int($0)) ms" } == """
        # Incident: 0042_orders_note rolled back

        - migration: `0042_orders_note`
        - database: "app" on db1:5432 (system 7)
        - environment: production
        - applied: 2026-01-09 12:00:02 UTC by me@host, in 1200 ms
        - rolled back: 2026-01-09 12:10:01 UTC by oncall@host, in 1200 ms
        - review due: 2026-01-12 12:10:01 UTC, 72 h after it was rolled back

        ## What was seen

        What went wrong, who noticed it and when, and who was affected.

        ## What was run

        The way back of `0042_orders_note`:

        ```sql
        alter table orders drop column note;
        ```

        ## Runs

        - 2026-01-09 12:10:01 UTC: rolled back in 1200 ms, by oncall@host on host, `down 1`, environment staging, Lockstep 0.1.0
          - lock: ACCESS EXCLUSIVE on public.orders, at most 1200 ms
        - 2026-01-09 12:00:02 UTC: applied in 1200 ms, by me@host on host, `up`, environment staging, Lockstep 0.1.0
          - backup taken: backups/app.dump, 4711 bytes, 12 entries, SHA-256 abababababab…
          - lock: ACCESS EXCLUSIVE on public.orders, at most 1200 ms
          - attempt 1 of 3 gave up after 2000 ms: lock_timeout, behind pid 99
          - health check failed: sql select ok: no row

        ## Cause

        Why it happened, and why it was not seen before: what the checklist, the rehearsal and staging showed.

        ## What follows

        - [ ] a new migration that mends it; `0042_orders_note` itself is not changed
        - [ ] looked back on together by 2026-01-12 12:10:01 UTC

        """)
  }

  @Test func `nothing that was kept is said to be nothing, and backticks end no block`() {
    let document = IncidentDocument(
      version: Version("1"), label: "1_../x", identity: identity, environment: nil,
      downSQL: "select '```';\n", runs: [], now: at(0))
    #expect(document.fileName == "2026-01-09-1_.._x.md")
    let text = document.markdown { "\($0)" }
    #expect(text.contains("- rolled back: not kept\n- review due: 2026-01-12 12:00:00 UTC"))
    #expect(text.contains("\n````sql\nselect '```';\n````\n"))
    #expect(text.contains("## Runs\n\nNone was kept.\n"))
    // What nobody has rolled back yet is not said to be.
    #expect(text.hasPrefix("# Incident: 1_../x to be rolled back\n"))
    #expect(text.contains(" UTC, 72 h after this was begun\n"))
    #expect(text.contains("The way back of `1_../x`, which no run that was kept has gone:\n"))
  }

  @Test func `an entry of a decision tells of the run`() throws {
    let run = try #require(archive.runs.last)
    let entry = DecisionEntry(
      title: "Orders get a note\n# not a heading", run: run, approval: "approved by Rita Reader")
    #expect(
      entry.markdown { "\(Int($0)) ms" } == """

        ## 2026-01-09: Orders get a note # not a heading

        `up` on "app" on db1:5432 (system 7), environment staging, by me@host, 2026-01-09 12:00:00 UTC: failed.

        - approved by Rita Reader
        - backup taken: backups/app.dump, 4711 bytes, 12 entries, SHA-256 abababababab…
        - 0042_orders_note: applied in 1200 ms
        - health check failed: sql select ok: no row

        """)
  }

  @Test func `a run that was to make a health check and told of no end is remembered`() {
    var start = runStart("u")
    start.asks = ["backup", "health"]
    let records: [RunRecord] = [.started(start), .step(step("u", .up, at: 1))]
    #expect(RunArchive(records, of: start.identity).unheardOf?.start.id == "u")
    let check = HealthCheck(
      way: "sql", question: "", outcome: .passed, answer: "true", durationMilliseconds: 1)
    #expect(
      RunArchive(records + [.health(run: "u", at: at(2), check)], of: start.identity).unheardOf
        == nil)
    var next = runStart("v", at: 1_800_000_000)
    next.asks = []
    #expect(RunArchive(records + [.started(next)], of: start.identity).unheardOf == nil)
  }
}
