import Canvas
import Diagnostics
import MigrationModel
import PostgresModel
import TestSupport
import Testing

@testable import Dashboard

/// A migration that broke off half-way, and what was kept of runs.
struct ResumptionTests {
  /// 0042 broke off while its index was built.
  static func brokenOff() throws -> ProjectStatus {
    var run = UnfinishedRun(
      version: Version("0042"), direction: .up, statementsDone: 1, statementsTotal: 2,
      startedAt: Scenes.now, runBy: "ada lockstep")
    let layout = try #require(Layouts.named("sqlx"))
    let script = try #require(BrokenOffScript(run, of: Scenes.addOrderChannel, layout))
    let index = IndexFact(
      name: QualifiedName(schema: "public", "orders_channel_idx"),
      table: QualifiedName(schema: "public", "orders"), isValid: false,
      definition: "CREATE INDEX orders_channel_idx ON public.orders USING btree (channel)")
    run.detail = UnfinishedRun.Detail(
      scriptHash: script.units.statementsHash,
      begun: .init(number: 2, hash: "", at: Scenes.now, answer: .indexes([index])))
    var migrations = Scenes.migrations()
    migrations[41].state = .failed
    migrations[41].problems = [.dirty]
    migrations[41].row = HistoryRow(version: Version("0042"), outcome: .broken)
    migrations[41].unfinished = run
    return Scenes.status(migrations)
  }

  @Test func `a on what broke off plans to go on with it`() throws {
    var model = Scenes.ready(120, 40, status: try Self.brokenOff())
    #expect(model.command("resume 42") == [.makePlan(.resume(Version("0042")))])
    #expect(model.command("resume") == [])
    #expect(model.text.contains(":resume V"))
    model.press(.character("g"))
    #expect(
      model.press(.character("a"))
        == [.makePlan(.up(to: nil, count: 1, allowOutOfOrder: false))])
    model.press(.character("/"))
    model.type("0042")
    model.press(.enter)
    #expect(model.press(.character("a")) == [.makePlan(.resume(Version("0042")))])
  }

  @Test func `the plan says what stands, what was begun and what is left`() throws {
    let status = try Self.brokenOff()
    var model = Scenes.ready(120, 40, status: status)
    let layout = try #require(Layouts.named("sqlx"))
    let plan = Plan.make(
      .resume(Version("0042")), status: status, layout: layout, context: PlanContext())
    #expect(plan.refusals.isEmpty)
    model.command("resume 42")
    model.tell(.planMade(plan, at: Scenes.now))
    expectGolden(model.view(), "plan/resume-120x40")
    #expect(model.text.contains("Plan: resume 0042"))
    #expect(model.text.contains("statement 1 of 2 stands and is not run again"))
    #expect(model.text.contains("is dropped and built again"))
    #expect(model.text.contains("goes on behind statement 1"))
  }

  @Test func `History lists the runs that were kept`() {
    var model = Scenes.ready(120, 40)
    let identity = DatabaseIdentity(database: "orders", server: "db1:5432")
    let start = RunStart(
      id: "r", at: Scenes.now, by: "ada@ci", host: "ci", version: "0.1.0", identity: identity,
      user: "ada", environment: "production", layout: "sqlx", table: "public._sqlx_migrations",
      request: "up to 0041")
    let failed = StepRecord(
      run: "r", version: Version("0041"), name: "drop_legacy_flag", direction: .up,
      checksum: nil, startedAt: Scenes.later(-60_000), durationMilliseconds: 2100,
      outcome: .failed,
      error: StepRecord.Failure(
        code: "lock_timeout", message: "migration 0041_drop_legacy_flag failed: lock timeout",
        sqlstate: "55P03", left: .nothing))
    let done = StepRecord(
      run: "r", version: Version("0041"), name: "drop_legacy_flag", direction: .up,
      checksum: nil, startedAt: Scenes.now, durationMilliseconds: 31, outcome: .done,
      locks: [
        .init(mode: "ACCESS EXCLUSIVE", relation: "public.orders", heldMilliseconds: 12.4)
      ])
    let attempt = LockAttemptRecord(
      run: "r", version: Version("0041"), at: Scenes.now, attempt: 1, of: 10,
      waitedMilliseconds: 2000, blockers: [16669], reason: "lock_timeout")
    model.tell(
      .runsRead(
        RunArchive(
          [.started(start), .lockAttempt(attempt), .step(failed), .step(done)], of: identity)))
    model.press(.character("k"), .character("2"), .character("["))
    expectGolden(model.view(), "script/history-runs-120x40")
    #expect(model.text.contains("2 runs"))
    #expect(model.text.contains("applied in 31 ms"))
    #expect(model.text.contains("failed after 2.1 s, nothing left"))
    #expect(model.text.contains("lock: ACCESS EXCLUSIVE on public.orders, at most 12 ms"))
  }
}
