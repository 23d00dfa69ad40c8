import Canvas
import Diagnostics
import MigrationModel
import PostgresModel
import TestSupport
import Testing

@testable import Dashboard

/// What the checklist asks for, and what is seen of it while it goes on.
struct ChecksUpdateTests {
  static let version = Version("0042")

  private static func word(_ item: String, _ act: CheckRecord.Act) -> Effect {
    .keepCheck(
      CheckWord(version: version, checksum: CheckScenes.checksum, item: item, act: act))
  }

  private static func select(_ item: String, in model: inout Model) {
    model.press(.home)
    for _ in 0..<CheckScenes.checklist.items.count where model.facts.checks.selected != item {
      model.press(.character("j"))
    }
  }

  // MARK: - A person's word

  @Test(arguments: [(80, 24), (120, 40)])
  func `Space asks for a note and signs`(_ size: (columns: Int, rows: Int)) {
    var model = CheckScenes.focused(size.columns, size.rows, [])
    Self.select("window", in: &model)
    #expect(model.press(.character(" ")) == [])
    model.type("Tuesday 22:00")
    expectGolden(model.view(), "checks/signing-\(size.columns)x\(size.rows)")
    #expect(model.press(.enter) == [Self.word("window", .signed(note: "Tuesday 22:00"))])
    model.press(.character(" "))
    #expect(model.press(.enter) == [Self.word("window", .signed(note: nil))], "no note needed")
    model.press(.character(" "))
    model.type("no")
    #expect(model.press(.escape) == [])
  }

  @Test(arguments: [(80, 24), (120, 40)])
  func `a waiver without a reason is not taken`(_ size: (columns: Int, rows: Int)) {
    var model = CheckScenes.focused(size.columns, size.rows)
    #expect(model.press(.character("W"), .enter) == [])
    #expect(model.screen.last?.contains("a reason is needed") == true)
    model.type("  ")
    #expect(model.press(.enter) == [])
    expectGolden(model.view(), "checks/waiving-\(size.columns)x\(size.rows)")
    model.type("legacy client is gone")
    #expect(model.screen.last?.contains("a reason is needed") == false)
    #expect(
      model.press(.enter) == [Self.word("constraints", .waived(reason: "legacy client is gone"))])
  }

  @Test func `what was kept is seen at once and u takes it back`() {
    var model = CheckScenes.focused(120, 40)
    let waived = CheckScenes.record(
      "constraints", .waived(reason: "checked by hand"), minutesAgo: 0, by: "ada@build-7")
    model.tell(.checkKept(waived))
    #expect(model.text.contains("[-] Every constraint"))
    #expect(model.text.contains("7/8"))
    #expect(
      model.lastWord?.text
        == "waived \"Every constraint refuses invalid data\": kept in the journal; u takes it back")
    #expect(model.press(.character("u")) == [Self.word("constraints", .undone)])
    model.tell(.checkKept(CheckScenes.record("constraints", .undone, minutesAgo: -1)))
    #expect(model.text.contains("[!] Every constraint"))
    #expect(model.press(.character("u")) == [])
    #expect(
      model.lastWord?.text
        == "nobody has signed or waived \"Every constraint refuses invalid data\"")
  }

  @Test func `a journal that was read before something was kept does not hide it`() {
    var model = CheckScenes.focused(120, 40)
    let signed = CheckScenes.record("performance", .signed(note: nil), minutesAgo: 0)
    model.tell(.checkKept(signed), .runsRead(CheckScenes.archive(CheckScenes.mixed)))
    #expect(model.text.contains("[s] Key queries"))
    model.tell(.runsRead(CheckScenes.archive(CheckScenes.mixed + [signed])))
    #expect(model.text.contains("[s] Key queries"))
    #expect(model.facts.checks.records.count == CheckScenes.mixed.count + 1)
  }

  @Test(arguments: [
    ("applied", Key.character(" "), "\"Applied on staging\" is proven already"),
    ("applied", Key.character("W"), "\"Applied on staging\" is proven already"),
    (
      "constraints", Key.character(" "),
      "\"Every constraint refuses invalid data\" has failed: v proves it again, W leaves it out with"
        + " a reason"
    ),
    (
      "triggers", Key.character(" "),
      "\"Every trigger fires\" does not apply: nothing is left to say"
    ),
    (
      "window", Key.character(" "),
      "\"A window was agreed with support\" is signed already; u takes it back"
    ),
    (
      "contract", Key.character("W"),
      "\"Nothing that others rely on has changed\" is waived already; u takes it back"
    ),
    (
      "window", Key.character("v"),
      "nothing but a person's word settles \"A window was agreed with support\": Space signs it"
    ),
  ]) func `a word that would settle nothing is not asked for`(
    _ item: String, _ key: Key, _ words: String
  ) {
    var model = CheckScenes.focused(200, 60)
    Self.select(item, in: &model)
    #expect(model.press(key) == [])
    #expect(model.lastWord?.text == words)
  }

  @Test func `e notes something, which settles nothing`() {
    var model = CheckScenes.focused()
    #expect(model.press(.character("e"), .enter) == [])
    #expect(model.screen.last?.contains("nothing is written yet") == true)
    model.type("see #12")
    #expect(model.press(.enter) == [Self.word("constraints", .noted("see #12"))])
  }

  @Test func `a read-only session keeps and proves nothing`() {
    var model = CheckScenes.model(access: .readOnly(.commandLine))
    model.press(.character("5"))
    #expect(model.press(.character(" "), .character("V"), .character("T")) == [])
    #expect(model.press(.character("W")) == [])
    #expect(model.lastWord?.text == "started with --read-only: the journal is left alone, too")
  }

  @Test func `without a connection nothing is kept or proven`() {
    var model = CheckScenes.focused(120, 40, [])
    model.tell(
      .connectionChanged(.lost(.error(code: "no_connection", "gone"), retryAt: nil)))
    #expect(model.press(.character(" "), .character("V")) == [])
    #expect(model.lastWord?.text == "nothing can be checked without the history: no connection")
  }

  // MARK: - Proving

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
    ("rehearse 0041", "0041 is applied: what is pending can be rehearsed"),
    ("export pdf", ":export [md|html|json]"),
  ]) func `a mistyped check is told what would be understood`(_ line: String, _ words: String) {
    var model = CheckScenes.model()
    #expect(model.command(line) == [])
    #expect(model.lastWord?.text.hasPrefix(words) == true, "\(model.lastWord?.text ?? "")")
  }

  @Test func `commands say what keys say`() {
    var model = CheckScenes.focused()
    #expect(
      model.command("waive nobody uses it")
        == [Self.word("constraints", .waived(reason: "nobody uses it"))])
    #expect(model.command("waive") == [])
    #expect(model.screen.last?.contains("a reason is needed") == true)
    model.press(.escape)
    #expect(model.command("note later") == [Self.word("constraints", .noted("later"))])
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
      model.lastWord?.text == "cancelled: the scratch copy is gone; what was proven is kept")
    #expect(!model.facts.checks.isRunning)
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

  // MARK: - Taking it out

  @Test func `w offers the forms of an export`() {
    var model = CheckScenes.focused()
    model.press(.character("w"), .tab, .tab)
    #expect(model.screen.last?.hasPrefix(":export html") == true)
    let checked = model.facts.checked(model.facts.selectedMigration!)!
    #expect(
      model.press(.enter)
        == [.saveChecks(checked, .html, name: "lockstep-checks-0042-20261120120431.html")])
    #expect(
      model.command("export")
        == [.saveChecks(checked, .markdown, name: "lockstep-checks-0042-20261120120431.md")])
  }

  @Test func `the evidence bundle holds the checklist in every form and the files`() {
    var model = CheckScenes.focused()
    guard
      case .saveEvidence(let checked, let files, let folder)? =
        model.press(.character("E")).first
    else {
      Issue.record("nothing is saved")
      return
    }
    #expect(checked.checksum == CheckScenes.checksum)
    #expect(folder == "lockstep-evidence-0042-20261120120431")
    #expect(
      files.keys.sorted() == ["0042_add_order_channel.down.sql", "0042_add_order_channel.sql"])
    #expect(files["0042_add_order_channel.sql"]?.contains("CREATE INDEX CONCURRENTLY") == true)
  }

  @Test func `copying takes the item with its evidence`() {
    var model = CheckScenes.focused()
    guard case .copy(let text)? = model.press(.character("y")).first else {
      Issue.record("nothing is copied")
      return
    }
    #expect(text.contains("[!] Every constraint refuses invalid data"))
    #expect(text.contains("! constraint orders_channel_check of public.orders: refuted"))
    guard case .copy(let all)? = model.press(.character("Y")).first else {
      Issue.record("nothing is copied")
      return
    }
    #expect(all.hasPrefix("checks 0042 add_order_channel  6/8  on production\n"))
    #expect(all.split(separator: "\n").count == 9)
  }

  @Test func `help names the keys and marks of the checklist`() {
    var model = CheckScenes.focused(120, 40)
    model.press(.character("?"))
    expectGolden(model.view(), "checks/help-120x40")
    var seen = model.text
    for _ in 0..<8 {
      model.press(.pageDown)
      seen += model.text
    }
    for mark in CheckMark.allCases { #expect(seen.contains(mark.words)) }
    for binding in ChecksPane().bindings { #expect(seen.contains(binding.summary)) }
  }
}
