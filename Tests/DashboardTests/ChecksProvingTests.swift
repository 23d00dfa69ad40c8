import Canvas
import Diagnostics
import MigrationModel
import PostgresModel
import TestSupport
import Testing

@testable import Dashboard

/// Checks and rehearsals that are asked for, and what is seen of them while they go on.
struct ChecksProvingTests {
  static let version = Version("0042")

  @Test func `checking needs no arming`() {
    var model = CheckScenes.focused(120, 40, [])
    #expect(model.facts.access == .readOnly(.start))
    #expect(model.press(.character("v")) == [.check(Self.version, items: ["applied"])])
    #expect(
      model.lastWord?.text
        == "proving 1 item of 0042: the database is only read; a scratch copy is made and dropped")
    #expect(model.press(.character("V")) == [], "one at a time")
    #expect(model.lastWord?.text == "a check is under way: ^C cancels it")
    #expect(model.facts.access == .readOnly(.start))
  }

  @Test(arguments: [
    ("check", Effect.check(version, items: [])),
    ("check 43", Effect.check(Version("0043"), items: [])),
    ("check 0041 rollback", Effect.check(Version("0041"), items: ["rollback"])),
    ("check all", Effect.check(nil, items: [])),
    ("rehearse", Effect.rehearse(version)),
    ("rehearse 0044", Effect.rehearse(Version("0044"))),
    ("rehearse all", Effect.rehearse(nil)),
  ]) func `commands ask for checks`(_ line: String, _ effect: Effect) {
    var model = CheckScenes.model()
    #expect(model.command(line) == [effect])
  }

  @Test(arguments: [
    ("check 0042 rolback", "there is no item rolback in the checklist; did you mean rollback?"),
    ("check 99", "no migration 99"),
    ("export pdf", ":export [md|html|json]"),
  ]) func `a mistyped check is told what would be understood`(_ line: String, _ words: String) {
    var model = CheckScenes.model()
    #expect(model.command(line) == [])
    #expect(model.lastWord?.text.hasPrefix(words) == true, "\(model.lastWord?.text ?? "")")
  }

  @Test func `what is applied is rehearsed where it can be rolled back on the copy first`() {
    var migrations = Scenes.migrations()
    migrations.insert(
      Scenes.applied(Scenes.migration("0041b", "one_way", up: "SELECT 1;"), hour: 42), at: 41)
    var model = CheckScenes.model(status: Scenes.status(migrations))
    #expect(model.command("rehearse 0041") == [])
    #expect(
      model.lastWord?.text
        == "0041_drop_legacy_flag is applied and cannot be rehearsed: 0041b_one_way, which comes after"
        + " it, cannot be rolled back on the copy first: no down file")
    migrations.remove(at: 41)
    model = CheckScenes.model(status: Scenes.status(migrations))
    #expect(model.command("rehearse 0041") == [.rehearse(Version("0041"))])
    #expect(
      model.lastWord?.text
        == "rehearsing 0041: the database is only read; on a scratch copy it is rolled back first")
  }

  @Test func `commands say what keys say`() {
    var model = CheckScenes.focused()
    #expect(
      model.command("waive nobody uses it")
        == [ChecksUpdateTests.word("constraints", .waived(reason: "nobody uses it"))])
    #expect(model.command("waive") == [])
    #expect(model.screen.last?.contains("a reason is needed") == true)
    model.press(.escape)
    #expect(model.command("note later") == [ChecksUpdateTests.word("constraints", .noted("later"))])
  }

  /// A check that proves the constraints, on a screen of a size.
  static func running(_ columns: Int, _ rows: Int) -> Model {
    var model = CheckScenes.focused(columns, rows, [])
    model.press(.character("V"))
    let items = CheckScenes.checklist.items
    let scratch = RehearsalReport.Scratch(
      name: "lockstep_scratch_7", mode: .shape, serverVersion: "17.6")
    let found = CheckedItem(
      items[1], .passed, evidence: [.init("index orders_channel_idx: proven", .supports)],
      by: "ada@build-7", at: Scenes.later(2500))
    model.tell(
      .checkProgress(.copying, at: Scenes.later(100)),
      .checkProgress(.copied(scratch), at: Scenes.later(700)),
      .checkProgress(
        .rehearsing(version, name: "add_order_channel", "up"), at: Scenes.later(900)),
      .checkProgress(
        .event(
          .statementFinished(
            version: version, index: 1, line: 4, command: "CREATE INDEX", rows: nil,
            durationMilliseconds: 31)), at: Scenes.later(1200)),
      .checkProgress(.settled(version, found), at: Scenes.later(2500)),
      .checkProgress(.proving(version, items[2]), at: Scenes.later(2600)),
      .tick(Scenes.later(4200)))
    return model
  }

  @Test(arguments: ScreenTests.sizes)
  func `a check says what it is at, and settles item by item`(_ size: (columns: Int, rows: Int)) {
    var model = Self.running(size.columns, size.rows)
    expectGolden(model.view(), "checks/running-\(size.columns)x\(size.rows)")
    #expect(model.text.contains("[>] Every constraint"))
    #expect(model.text.contains("[x] Every index"))
    #expect(model.text.contains(size.columns > 80 ? "proving  1/8" : " 1/8 ┥"))
    model.press(.character("h"))
    #expect(model.screen.last?.contains("^C cancel") == true)
    #expect(model.text.contains("0042 proving: Every const"))
    model.tell(
      .checked([model.facts.checked(model.facts.selectedMigration!)!], at: Scenes.later(5000)))
    #expect(!model.text.contains("[>]"))
    #expect(model.lastWord?.text == "checks 0042: 1 of 8 settled, 7 open")
  }

  @Test(arguments: [(80, 24), (120, 40)])
  func `a rehearsal says which statement is done`(_ size: (columns: Int, rows: Int)) {
    var model = CheckScenes.focused(size.columns, size.rows, [])
    model.press(.character("T"))
    model.tell(
      .checkProgress(
        .rehearsing(Self.version, name: "add_order_channel", "up again"), at: Scenes.later(900)),
      .checkProgress(
        .event(
          .statementFinished(
            version: Self.version, index: 1, line: 4, command: "CREATE INDEX", rows: nil,
            durationMilliseconds: 31)), at: Scenes.later(1200)))
    expectGolden(model.view(), "checks/rehearsing-\(size.columns)x\(size.rows)")
    #expect(model.text.contains("0042 rehearsing: up again"))
  }

  /// What a rehearsal of 0042 has shown.
  static func report(fails: Bool) -> RehearsalReport {
    let before = SchemaSnapshot([SchemaFact("table", "public.orders")])
    let column = SchemaFact("column", "public.orders.channel")
    let left = SchemaFact("index", "public.orders_channel_idx")
    let up = SchemaDiff(from: before, to: SchemaSnapshot(before.facts + [column]))
    let back = SchemaDiff(from: before, to: SchemaSnapshot(before.facts + (fails ? [left] : [])))
    return RehearsalReport(
      scratch: RehearsalReport.Scratch(
        name: "lockstep_scratch_7", mode: .shape, serverVersion: "17.6"),
      migrations: [
        RehearsedMigration(
          version: version, name: "add_order_channel", applies: true, durationMilliseconds: 41,
          changes: up.changes,
          rollBack: RollBack(hasScript: true, runs: true, differences: back.changes),
          reapplies: fails ? nil : true)
      ])
  }

  @Test(arguments: [true, false])
  func `a rehearsal stays in sight as a row that opens`(_ fails: Bool) {
    var model = CheckScenes.focused(120, 40)
    model.press(.character("T"))
    model.tell(.rehearsed(Self.report(fails: fails), at: Scenes.later(3000)))
    #expect(
      model.text.contains(
        fails ? "rehearsed 12:04Z  ! rolling" : "rehearsed 12:04Z  applies, rolls"))
    model.press(.end, .enter)
    expectGolden(model.view(), "checks/rehearsed-\(fails ? "failed" : "passed")-120x40")
    #expect(model.text.contains("+ column public.orders.channel"))
    #expect(model.text.contains("not proven: no rows"))
    #expect(model.text.contains("after rolling back it is not as before:") == fails)
    #expect(model.facts.checks.records.count == CheckScenes.mixed.count, "it keeps nothing")
  }

  @Test func `ctrl-c cancels a check and says what stands`() {
    var model = Self.running(120, 40)
    #expect(model.press(.control("c")) == [.cancelCheck])
    #expect(model.text.contains("cancelling: the scratch copy is dropped"))
    #expect(model.press(.control("c")) == [], "asks before it leaves")
    model.tell(
      .checkFailed(.error(code: "cancelled", "cancelled"), at: Scenes.later(6000)))
    #expect(
      model.lastWord?.text == "cancelled: the scratch copy is gone; what the journal has stands")
    #expect(!model.facts.checks.isRunning)
    #expect(!model.text.contains("[x]"), "nothing of it was kept")
    #expect(model.press(.character("V")) == [.check(Self.version, items: [])])
  }

  @Test func `a check that could not be made says why`() {
    var model = Self.running(120, 40)
    model.tell(
      .checkFailed(
        .error(
          code: "scratch", "no scratch copy can be made: permission denied to create database",
          next: "grant CREATEDB, or name a server for scratch copies"), at: Scenes.later(6000)))
    #expect(
      model.lastWord?.text
        == "no scratch copy can be made: permission denied to create database; next: grant CREATEDB,"
        + " or name a server for scratch copies")
  }

  @Test func `what is proven of a file that changed meanwhile is stale`() {
    var model = Self.running(120, 40)
    var migrations = Scenes.migrations()
    migrations[41] = Scenes.pending(
      Scenes.migration("0042", "add_order_channel", up: "SELECT 1;", down: "SELECT 2;"))
    model.tell(.statusLoaded(Scenes.status(migrations), at: Scenes.later(4300)))
    #expect(model.text.contains("[~] Every index"))
    let items = CheckScenes.checklist.items
    model.tell(
      .checkProgress(
        .settled(
          Self.version,
          CheckedItem(items[5], .passed, by: "ada", at: Scenes.later(4400))),
        at: Scenes.later(4400)))
    #expect(model.text.contains("[~] Rolls back"), "it was proven of what the file was before")
  }

  @Test func `a run is not disturbed by a copy being made`() {
    var model = CheckScenes.model(120, 40, target: Scenes.development)
    model.start(Scenes.plan([Scenes.step(Scenes.addOrderChannel)]))
    #expect(model.text.contains("8 Log"))
    model.press(.character("5"))
    #expect(model.text.contains("5 Checks"))
    #expect(model.press(.character("V")) == [])
    #expect(
      model.lastWord?.text == "a run is in flight: its locks would keep the copy waiting")
    #expect(model.press(.control("c")) == [.cancelRun], "a run goes before a check")
  }

  @Test func `another checklist is looked at with what is known of its items`() {
    var model = CheckScenes.model(120, 40, CheckScenes.mixed)
    #expect(model.command("checklist testing") == [])
    expectGolden(model.view(), "checks/testing-120x40")
    #expect(model.text.contains("5 Checks 0042 testing"))
    #expect(model.text.contains("[x] Roll it back on a copy"), "the same proof")
    model.tell(.checksRead(CheckScenes.checklist))
    #expect(model.text.contains("5 Checks 0042 testing"), "a reading does not end it")
    model.command("checklist")
    #expect(model.text.contains("[x] Rolls back, and was seen to"))
    model.command("checklist none")
    #expect(model.lastWord?.text.hasPrefix(":checklist [NAME]") == true)
  }
}
