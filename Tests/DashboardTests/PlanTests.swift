import Canvas
import Diagnostics
import MigrationModel
import PostgresModel
import TestSupport
import Testing

@testable import Dashboard

/// Asking for plans, and what the sheet that shows one wants before it is run.
struct PlanTests {
  static let next = PlanRequest.up(to: nil, count: 1, allowOutOfOrder: false)

  static func planned(
    _ model: inout Model, _ plan: Plan = Scenes.plan([Scenes.step(Scenes.addOrderChannel)])
  ) {
    model.press(.character("a"))
    model.tell(.planMade(plan, at: model.facts.now))
  }

  @Test func `a asks for a plan and runs nothing`() {
    var model = Scenes.ready(target: Scenes.development)
    #expect(model.press(.character("a")) == [.makePlan(Self.next)])
    #expect(model.press(.character("r")) == [.makePlan(.down(to: nil, count: 1))])
    #expect(
      model.press(.character("A"))
        == [.makePlan(.up(to: Version("0042"), count: nil, allowOutOfOrder: false))])
  }

  @Test func `a plan waits for the history that is being read`() {
    var model = Scenes.ready(target: Scenes.development)
    model.tell(.historyChanged)
    #expect(model.press(.character("r")) == [], "what was read before may no longer be so")
    #expect(model.lastWord?.text == "files and history are being read; the plan follows")
    model.tell(.filesChanged)
    #expect(model.tell(.statusLoaded(Scenes.status(), at: Scenes.now)) == [.reload])
    #expect(
      model.tell(.statusLoaded(Scenes.status(), at: Scenes.now))
        == [.makePlan(.down(to: nil, count: 1))])
    #expect(model.tell(.statusLoaded(Scenes.status(), at: Scenes.now)) == [], "asked for once")
  }

  @Test func `a plan made from what is being read anew is made again`() {
    var model = Scenes.ready(target: Scenes.development)
    model.press(.character("a"))
    model.tell(.historyChanged)
    let plan = Scenes.plan([Scenes.step(Scenes.addOrderChannel)])
    model.tell(.planMade(plan, at: model.facts.now))
    #expect(model.overlay == nil)
    #expect(
      model.tell(.statusLoaded(Scenes.status(), at: Scenes.now)) == [.makePlan(Self.next)])
    model.tell(.planMade(plan, at: model.facts.now))
    #expect(model.overlay != nil)
  }

  @Test func `no plan comes of a history that cannot be read`() {
    var model = Scenes.ready(target: Scenes.development)
    model.tell(.historyChanged)
    model.press(.character("a"))
    #expect(model.tell(.statusFailed(.error(code: "x", "permission denied"))) == [])
    #expect(model.lastWord?.text == "permission denied")
    model.tell(.historyChanged)
    #expect(model.tell(.statusLoaded(Scenes.status(), at: Scenes.now)) == [])
  }

  @Test(arguments: ScreenTests.sizes)
  func `a plan with a way back wants y`(_ size: (columns: Int, rows: Int)) {
    var model = Scenes.ready(size.columns, size.rows, target: Scenes.development)
    Self.planned(&model)
    expectGolden(model.view(), "plan/reversible-\(size.columns)x\(size.rows)")
    #expect(model.press(.character("y")) == [], "the finger that opened it")
    model.tell(.tick(Scenes.later(299)))
    #expect(model.press(.character("y")) == [])
    model.tell(.tick(Scenes.later(300)))
    #expect(model.press(.character("a"), .enter, .character(" ")) == [])
    let plan = Scenes.plan([Scenes.step(Scenes.addOrderChannel)])
    #expect(model.press(.character("y")) == [.run(plan)])
    #expect(model.facts.access == .armed(until: Scenes.later(300_300)))
  }

  @Test func `a plan that loses data wants its version typed`() {
    var model = Scenes.ready(target: Scenes.development)
    let plan = Scenes.plan([Scenes.step(Scenes.channelNotNull, risk: .losesData)])
    Self.planned(&model, plan)
    model.tell(.tick(Scenes.later(500)))
    expectGolden(model.view(), "plan/loses-data-80x24")
    #expect(model.press(.character("y"), .enter) == [])
    #expect(model.type("0042") + model.press(.enter) == [])
    #expect(model.text.contains("that is not 0044"))
    #expect(model.press(.paste("0044"), .enter) == [], "a paste is not typing")
    #expect(model.type("0044") == [])
    #expect(model.press(.enter) == [.run(plan)])
  }

  @Test func `keys before the plan is readable are not taken for the version`() {
    var model = Scenes.ready(target: Scenes.development)
    let plan = Scenes.plan([Scenes.step(Scenes.channelNotNull, risk: .losesData)])
    Self.planned(&model, plan)
    #expect(model.type("0044") + model.press(.enter) == [])
    model.tell(.tick(Scenes.later(400)))
    #expect(model.press(.enter) == [])
  }

  @Test func `production wants to be armed first and then its version typed`() {
    var model = Scenes.ready()
    Self.planned(&model)
    model.tell(.tick(Scenes.later(500)))
    expectGolden(model.view(), "plan/protected-80x24")
    #expect(model.type("0042y") + model.press(.enter) == [])
    #expect(model.overlay == nil)
    model.press(.escape)
    model.command("arm 5m")
    #expect(model.screen[0].contains("ARMED 05:00"))
    Self.planned(&model)
    model.tell(.tick(Scenes.later(1500)))
    expectGolden(model.view(), "plan/protected-armed-80x24")
    #expect(model.press(.character("y"), .enter) == [])
    #expect(!(model.type("0042") + model.press(.enter)).isEmpty)
  }

  @Test func `a plan tells what it locks, who would keep it waiting and for how long it may`() {
    var model = Scenes.ready(120, 40, target: Scenes.development)
    Self.planned(&model)
    #expect(model.text.contains("   needs ACCESS EXCLUSIVE on orders "))
    #expect(model.text.contains("now: 1 holder, oldest 4m12s  -> would wait"))
    #expect(model.text.contains("! no lock budget: waits for its locks without end, and whoever"))
    model.tell(.locksSampled(Scenes.silent))
    #expect(model.text.contains("needs ACCESS EXCLUSIVE on orders; now: nobody in the way"))
    #expect(!model.text.contains("! no lock budget"), "nobody would wait")
    #expect(model.text.contains("no lock budget: waits for its locks without end"))
    model.press(.escape)
    model.command("budget 2s")
    Self.planned(&model)
    #expect(model.text.contains("lock budget: 2.0 s, 10 attempts, at most 20 waiting behind it"))
    model.tell(.tick(Scenes.later(500)))
    let plan = Scenes.plan([Scenes.step(Scenes.addOrderChannel)])
    #expect(
      model.press(.character("y"))
        == [.run(plan, budget: .filled(timeout: .seconds(2)))], "what was shown is what runs")
  }

  @Test func `the way back tells who would keep it waiting as well`() {
    var model = Scenes.ready(120, 40, target: Scenes.development)
    model.press(.character("r"))
    let request = PlanRequest.down(to: nil, count: 1)
    let plan = Scenes.plan([Scenes.step(Scenes.channelNotNull, .down)], request: request)
    model.tell(.planMade(plan, at: model.facts.now))
    #expect(model.text.contains("now: 1 holder, oldest 4m12s  -> would wait"))
  }

  @Test func `of several the one that loses data and those that would wait are named`() {
    var model = Scenes.ready(120, 40, target: Scenes.development)
    let steps = [
      Scenes.step(Scenes.backfillChannel), Scenes.step(Scenes.channelNotNull, risk: .losesData),
    ]
    Self.planned(&model, Scenes.plan(steps))
    #expect(model.text.contains("0044 loses data that rolling back does not bring back"))
    #expect(model.text.contains("! would wait now: 0044 "))
    model.press(.escape)
    Self.planned(&model, Scenes.plan(steps + steps))
    #expect(model.text.contains("2 of 4, first 0044, lose data that rolling back"))
  }

  @Test func `a plan tells of checks that have failed`() {
    var model = CheckScenes.model(120, 40, CheckScenes.mixed)
    Self.planned(&model)
    #expect(model.text.contains("! failed in 5 Checks: Every constraint refuses invalid data"))
    model.press(.escape)
    Self.planned(&model, Scenes.plan([Scenes.step(Scenes.channelNotNull)]))
    #expect(!model.text.contains("! failed in 5 Checks"))
  }

  @Test func `a way back that loses data is not said to be rolled back`() {
    var model = Scenes.ready(target: Scenes.development)
    model.press(.character("r"))
    let plan = Scenes.plan(
      [Scenes.step(Scenes.addOrderChannel, .down, risk: .losesData)],
      request: .down(to: nil, count: 1))
    model.tell(.planMade(plan, at: model.facts.now))
    #expect(model.text.contains("this loses data that applying again does not bring back"))
  }

  @Test func `a protected database keeps the budget that it has`() {
    var model = Scenes.ready()
    model.facts.lockBudget = .filled(timeout: .seconds(2), attempts: 3)
    for words in ["budget off", "budget 3s"] {
      model.command(words)
      #expect(
        model.lastWord?.text == "PROD is protected: only lockstep.json makes its budget longer")
    }
    model.command("budget 500ms")
    #expect(model.facts.lockBudget.timeout == .milliseconds(500))
    #expect(model.facts.lockBudget.attempts == 3)
    #expect(model.lastWord?.text == "lock budget: 0.5 s, 3 attempts, at most 20 waiting behind it")
  }

  @Test func `where a version is typed no letter is said to scroll`() {
    var model = Scenes.ready(target: Scenes.development)
    Self.planned(&model)
    #expect(model.screen.last?.contains("j k scroll") == true)
    model.press(.escape)
    Self.planned(&model, Scenes.plan([Scenes.step(Scenes.channelNotNull, risk: .losesData)]))
    #expect(model.screen.last?.contains("Up Down scroll") == true)
  }

  @Test func `a plan shows how the gates of its environment stand`() {
    var model = Scenes.ready(target: Scenes.development)
    var plan = Scenes.plan([Scenes.step(Scenes.channelNotNull)])
    plan.gates = [
      Gate(.validated, "validated on staging", .open("every item is settled for this content")),
      Gate(
        .approval, "approved by a person", .open("approved by rita"), evidence: ["0044: by rita"]),
      Gate(.health, "a health check is set", .notAsked),
    ]
    Self.planned(&model, plan)
    #expect(model.text.contains("[x] validated on staging: every item is settled"))
    #expect(model.text.contains("[x] approved by a person: approved by rita"))
    #expect(model.text.contains("      0044: by rita"))
    #expect(!model.text.contains("a health check is set"))
  }

  @Test func `a refused plan shows each way out and cannot be confirmed`() {
    var model = Scenes.ready(target: Scenes.development)
    let refusal = Diagnostic.error(
      code: "drift", "0041_drop_legacy_flag has changed since it was applied",
      at: SourceLocation(file: "db/migrations/0041_drop_legacy_flag.sql"),
      next: "put the file back as it was applied")
    Self.planned(
      &model, Scenes.plan([Scenes.step(Scenes.addOrderChannel)], refusals: [refusal]))
    model.tell(.tick(Scenes.later(500)))
    expectGolden(model.view(), "plan/refused-80x24")
    #expect(model.press(.character("y")) == [])
    #expect(model.type("0042") == [])
    #expect(model.text.contains("put the file back"))
  }

  @Test func `a plan is dropped when the history changes meanwhile`() {
    var model = Scenes.ready(target: Scenes.development)
    Self.planned(&model)
    model.tell(.statusLoaded(Scenes.status(), at: Scenes.later(100)))
    #expect(model.overlay != nil, "the same picture changes nothing")
    var changed = Scenes.migrations()
    changed[41] = Scenes.applied(Scenes.addOrderChannel)
    model.tell(.statusLoaded(Scenes.status(changed), at: Scenes.later(200)))
    #expect(model.overlay == nil)
    #expect(model.lastWord?.text.contains("dropped") == true)
  }

  @Test func `a plan is dropped when a file of it changes meanwhile`() {
    var model = Scenes.ready(target: Scenes.development)
    Self.planned(&model)
    var changed = Scenes.migrations()
    changed[41] = Scenes.pending(
      Scenes.migration("0042", "add_order_channel", up: "DROP TABLE orders;"))
    model.tell(.statusLoaded(Scenes.status(changed), at: Scenes.later(200)))
    #expect(model.overlay == nil)
  }

  @Test func `a plan that nobody waits for is not opened`() {
    var model = Scenes.ready(target: Scenes.development)
    model.tell(.planMade(Scenes.plan([Scenes.step(Scenes.addOrderChannel)]), at: Scenes.now))
    #expect(model.overlay == nil)
  }

  @Test func `no plan is made of a folder that cannot be read, and why is said`() {
    var model = Scenes.model()
    model.tell(
      .connectionChanged(Scenes.server),
      .statusFailed(
        .error(code: "ambiguous", "the files fit sqlx and golang-migrate", next: "`--layout sqlx`")
      ))
    #expect(model.press(.character("a")) == [])
    #expect(
      model.lastWord?.text == "the files fit sqlx and golang-migrate; next: `--layout sqlx`")
  }

  @Test func `a plan tells of locks on tables that its text does not name`() {
    var model = Scenes.ready(120, 40, target: Scenes.development)
    let drop = Scenes.migration("0042", "add_order_channel", up: "DROP TABLE orders;")
    Self.planned(&model, Scenes.plan([Scenes.step(drop, risk: .losesData)]))
    #expect(model.text.contains("   needs ACCESS EXCLUSIVE on orders "))
    #expect(model.text.contains("may need ACCESS EXCLUSIVE on every table that orders references"))
  }
}
