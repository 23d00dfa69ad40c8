import Canvas
import Diagnostics
import MigrationModel
import PostgresModel
import TestSupport
import Testing

@testable import Dashboard

/// What a person says of the items of a checklist, and what is taken out of it.
struct ChecksUpdateTests {
  static let version = Version("0042")

  static func word(_ item: String, _ act: CheckRecord.Act) -> Effect {
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
