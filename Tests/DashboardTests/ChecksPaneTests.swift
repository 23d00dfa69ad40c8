import Canvas
import Diagnostics
import MigrationModel
import PostgresModel
import TestSupport
import Testing

@testable import Dashboard

/// How the checklist is shown.
struct ChecksPaneTests {
  // MARK: - The whole screen

  @Test(arguments: ScreenTests.sizes)
  func `the checklist stands with list, SQL and locks`(_ size: (columns: Int, rows: Int)) {
    let model = CheckScenes.model(size.columns, size.rows, CheckScenes.mixed)
    expectGolden(model.view(), "checks/reviewing-\(size.columns)x\(size.rows)")
    #expect(model.text.contains("5 Checks 0042"))
    #expect(model.text.contains("6/8"))
    #expect(model.text.contains("4 Locks"))
  }

  @Test(arguments: ScreenTests.sizes)
  func `every state has a mark of its own`(_ size: (columns: Int, rows: Int)) {
    let model = CheckScenes.focused(size.columns, size.rows)
    expectGolden(model.view(), "checks/mixed-\(size.columns)x\(size.rows)")
    for mark in ["[x]", "[!]", "[/]", "[ ]", "[-]", "[s]"] {
      #expect(model.text.contains(mark), "\(mark)")
    }
  }

  @Test func `nothing is proven until something was`() {
    let model = CheckScenes.focused(120, 40, [])
    expectGolden(model.view(), "checks/open-120x40")
    #expect(model.text.contains("0/8"))
    #expect(model.text.contains("not proven yet: V proves it"))
  }

  @Test(arguments: [(60, 20), (40, 8), (79, 24)])
  func `a small screen shows the checklist alone`(_ size: (columns: Int, rows: Int)) {
    let model = CheckScenes.focused(size.columns, size.rows)
    expectGolden(model.view(), "checks/single-\(size.columns)x\(size.rows)")
    #expect(!model.text.contains("1 Migrations"))
  }

  @Test func `ASCII borders join as well`() {
    let model = CheckScenes.focused(look: Look(lines: .ascii))
    expectGolden(model.view(), "checks/ascii-80x24")
    #expect(model.text.allSatisfy { $0.isASCII })
  }

  @Test func `without colours the selection is seen`() {
    let model = CheckScenes.focused(look: Look(isColored: false))
    expectGolden(model.view(), "checks/no-color-80x24")
    #expect(!model.view().dump.contains("fg="))
  }

  @Test func `the lock strip stays while many wait and the checklist is looked at`() {
    var model = CheckScenes.model(80, 24, CheckScenes.mixed, locks: Scenes.queue)
    model.press(.character("5"))
    expectGolden(model.view(), "checks/queue-80x24")
    #expect(model.text.contains("4 Locks"))
    #expect(model.text.contains("16669"))
  }

  @Test func `every size from nothing up can be drawn`() {
    for columns in [0, 1, 2, 5, 20, 39, 40, 79, 80, 110, 180, 240] {
      for rows in [0, 1, 3, 7, 8, 9, 23, 24, 34, 50, 70] {
        var model = CheckScenes.model(columns, rows, CheckScenes.mixed, locks: Scenes.queue)
        for key: Key in [.character("5"), .enter, .character("]"), .escape, .character("W")] {
          model.press(key)
          #expect(model.view().size == Size(columns: columns, rows: rows))
        }
      }
    }
  }

  // MARK: - Evidence

  @Test(arguments: [(80, 24), (120, 40)])
  func `Enter opens what was seen and Esc leads back`(_ size: (columns: Int, rows: Int)) {
    var model = CheckScenes.focused(size.columns, size.rows)
    #expect(model.facts.checks.selected == "constraints", "what wants something done")
    model.press(.enter)
    expectGolden(model.view(), "checks/evidence-\(size.columns)x\(size.rows)")
    #expect(model.text.contains("! constraint orders_channel_check of public.orders: refuted"))
    #expect(model.text.contains("+ index orders_channel_idx"))
    #expect(!model.text.contains("1 Migrations"))
    model.press(.escape)
    #expect(model.text.contains("1 Migrations"))
    #expect(model.text.contains("[x] Applied on staging"))
    #expect(model.focus == 5)
  }

  @Test func `brackets lead through the evidence of the items`() {
    var model = CheckScenes.focused()
    model.press(.enter, .character("["))
    #expect(model.text.contains("[x] Every index is there and can be used"))
    model.press(.end, .character("]"), .character("]"), .character("]"), .character("]"))
    #expect(model.text.contains("[x] Rolls back, and was seen to"))
    for _ in 0..<9 { model.press(.character("]")) }
    expectGolden(model.view(), "checks/evidence-signed-80x24")
    #expect(model.text.contains("Tuesday 22:00, ticket 4711"))
    #expect(model.text.contains("support asks for a call before"))
    model.press(.character("q"))
    #expect(model.text.contains("1 Migrations"))
    #expect(model.facts.checks.selected == "window")
  }

  @Test func `long evidence scrolls and is searched`() {
    let lines = (0..<200).map { "row \($0) of the evidence" }
    let record = CheckScenes.record(
      "indexes", .proven(CheckFinding(.passed, lines.map { .init($0, .supports) })))
    var model = CheckScenes.focused(80, 24, [record])
    model.press(.character("j"), .enter)
    #expect(model.text.contains("row 0 of"))
    model.press(.character("G"))
    #expect(model.text.contains("row 199 of"))
    model.press(.character("/"))
    model.type("row 120")
    model.press(.enter)
    #expect(model.text.contains("row 120 of"))
    #expect(model.text.contains("/ row 120"))
  }

  // MARK: - Stale

  @Test(arguments: [(80, 24), (200, 60)])
  func `what was settled goes stale in sight when the file changes`(
    _ size: (columns: Int, rows: Int)
  ) {
    var model = CheckScenes.focused(size.columns, size.rows)
    var migrations = Scenes.migrations()
    let edited = Scenes.migration(
      "0042", "add_order_channel", up: "ALTER TABLE orders ADD COLUMN channel text NOT NULL;",
      down: "ALTER TABLE orders DROP COLUMN channel;")
    migrations[41] = Scenes.pending(edited)
    model.tell(.statusLoaded(Scenes.status(migrations), at: Scenes.later(2000)))
    expectGolden(model.view(), "checks/stale-\(size.columns)x\(size.rows)")
    #expect(model.text.contains("0/8"))
    #expect(model.text.contains("[~]"))
    #expect(!model.text.contains("[x]"))
    model.tell(.statusLoaded(Scenes.status(), at: Scenes.later(3000)))
    #expect(model.text.contains("6/8"), "the old content is what was proven")
  }

  // MARK: - Finding

  @Test func `search and filter look at titles and evidence`() {
    var model = CheckScenes.focused(120, 40)
    model.press(.character("/"))
    model.type("rolls")
    model.press(.enter)
    #expect(model.facts.checks.selected == "rollback")
    model.press(.escape)
    model.press(.character("&"))
    model.type("failed")
    model.press(.enter)
    expectGolden(model.view(), "checks/filtered-120x40")
    #expect(model.text.contains("Every constraint"))
    #expect(!model.text.contains("Applied on staging"))
    model.press(.escape)
    #expect(model.text.contains("Applied on staging"))
  }

  @Test func `the checklist follows the migration that is selected`() {
    var model = CheckScenes.model(120, 40, CheckScenes.mixed)
    #expect(model.text.contains("5 Checks 0042"))
    model.press(.character("j"))
    #expect(model.text.contains("5 Checks 0043"))
    #expect(model.text.contains("0/8"))
    model.press(.character("k"), .character("5"), .character("j"), .character("j"))
    let item = model.facts.checks.selected
    model.press(.character("1"), .character("j"), .character("5"))
    #expect(model.facts.checks.selected == item, "the same item of the next migration")
  }

  // MARK: - Texts of others

  @Test(arguments: [(80, 24), (120, 40), (200, 60)])
  func `wide characters are never cut in half`(_ size: (columns: Int, rows: Int)) {
    let list = Checklist(
      title: "確認",
      items: [
        ChecklistItem(id: "a", title: "本番環境のバックアップを取得したことを確認する", section: "準備"),
        ChecklistItem(id: "b", title: "索引がすべて有効である", proof: .indexes, section: "検証"),
        ChecklistItem(id: "c", title: "Zażółć gęślą jaźń – e\u{301}te\u{301}", section: "検証"),
      ])
    let records = [
      CheckScenes.record("a", .signed(note: "担当者が昨夜の二時に取得した"), by: "花子@端末"),
      CheckScenes.record(
        "b",
        .proven(
          CheckFinding(.failed, [.init("索引 注文_経路_idx が無効のまま残っている", .refutes)]))),
    ]
    var model = CheckScenes.model(size.columns, size.rows, records, checklist: list)
    model.press(.character("5"))
    expectGolden(model.view(), "checks/wide-characters-\(size.columns)x\(size.rows)")
    #expect(model.facts.checks.selected == "b")
    model.press(.enter, .character("["))
    #expect(model.text.contains("本番環境"))
  }

  @Test func `no control character of a checklist, a finding or a person reaches a cell`() {
    let hostile = "\u{1b}]0;PWNED\u{7}\u{1b}[31mRED\u{9b}2J\u{202e}evil\r\n"
    let list = Checklist(
      title: hostile,
      items: [
        ChecklistItem(id: "a\(hostile)", title: hostile, proof: .indexes, section: hostile),
        ChecklistItem(id: "b", title: hostile),
      ])
    let records = [
      CheckScenes.record(
        "a\(hostile)", .proven(CheckFinding(.failed, [.init(hostile, .refutes)])), by: hostile),
      CheckScenes.record("b", .waived(reason: hostile), by: hostile),
      CheckScenes.record("b", .noted(hostile), by: hostile),
    ]
    for size in ScreenTests.sizes + [(60, 20)] {
      var model = CheckScenes.model(size.0, size.1, records, checklist: list)
      for keys: [Key] in [
        [.character("5")], [.enter], [.character("]")], [.escape], [.character("e")], [.escape],
        [.character(":"), .paste("check 0042 "), .tab],
      ] {
        for key in keys { model.press(key) }
        for scalar in model.view().lines.joined().unicodeScalars {
          #expect(scalar.value >= 0x20 && !(0x7f..<0xa0).contains(scalar.value))
          #expect(scalar.value != 0x202e)
        }
      }
    }
  }

  @Test func `a checklist that cannot be read says why`() {
    var model = Scenes.ready(120, 40, checklist: nil)
    model.tell(.checklistFailed(Self.unreadable))
    expectGolden(model.view(), "checks/unreadable-120x40")
    #expect(model.text.contains("cannot be read"))
  }

  private static let unreadable = Diagnostic.error(
    code: "configuration", "the checklist docs/checks.md cannot be read: it is not there",
    next: "write it, or take \"checklist\" out of lockstep.json")

  @Test(arguments: [(80, 24), (120, 40)])
  func `a checklist that became unreadable is said to be as it was`(
    _ size: (columns: Int, rows: Int)
  ) {
    var model = Scenes.ready(size.columns, size.rows)
    model.tell(.checklistFailed(Self.unreadable))
    expectGolden(model.view(), "checks/outdated-\(size.columns)x\(size.rows)")
    #expect(model.text.contains("! as last read: the checkl"))
    #expect(model.lastWord?.text.contains("cannot be read: it is not there") == true)
    model.press(.escape)
    let word = model.lastWord
    model.tell(.checklistFailed(Self.unreadable))
    #expect(model.lastWord == word, "said once")
    model.tell(.checksRead(CheckScenes.checklist))
    #expect(!model.text.contains("as last read"))
  }

  // MARK: - Elsewhere on the screen

  @Test func `the way back says when it was rehearsed`() {
    let record = CheckScenes.record(
      "rollback", CheckScenes.passed("up, down: equal"), environment: "staging")
    var model = CheckScenes.model(200, 60, [record])
    #expect(model.text.contains("3 Down"))
    #expect(model.text.contains("0042  rehearsed 11:50Z"))
    #expect(
      model.text.contains("rehearsed on a copy of staging 11:50Z: schema equal before and after"))
    #expect(model.text.contains("on staging: 1/8"), "said where the checklist is of production")
    let failed = CheckScenes.record(
      "rollback",
      .proven(CheckFinding(.failed, [.init("orders.channel is still there", .refutes)])),
      minutesAgo: 2, environment: "staging")
    model.tell(.runsRead(CheckScenes.archive([record, failed])))
    #expect(model.text.contains("! rehearsed on a copy of staging 12:02Z: orders.channel is still"))
    let other = CheckScenes.record(
      "rollback", CheckScenes.passed("up, down: equal"), checksum: "of another content")
    model.tell(.runsRead(CheckScenes.archive([other])))
    #expect(!model.text.contains("schema equal"))
  }

  @Test func `the list marks a migration of which a check has failed`() {
    var model = CheckScenes.model(120, 40, CheckScenes.mixed)
    let row = model.screen.first { $0.contains("0042 add_order") }
    #expect(row?.contains(" C ") == true)
    #expect(model.text.contains("C   a check has failed"))
    model.tell(.runsRead(CheckScenes.archive([])))
    #expect(model.screen.first { $0.contains("0042 add_order") }?.contains(" ! ") == true)
    #expect(!model.text.contains("a check has failed"))
  }
}
