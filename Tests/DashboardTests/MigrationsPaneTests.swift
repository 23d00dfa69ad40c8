import Canvas
import Diagnostics
import MigrationModel
import PostgresModel
import TestSupport
import Testing

@testable import Dashboard

struct MigrationsPaneTests {
  /// One migration for each mark.
  static func problems() -> ProjectStatus {
    let other = Checksum(.sha256, of: [1, 2, 3])
    func made(_ version: String, _ name: String) -> Migration {
      Scenes.migration(version, name, up: "SELECT 1;\n", down: "SELECT 2;\n")
    }
    var list = [Scenes.applied(made("0001", "create_orders"))]
    var changed = Scenes.applied(made("0002", "edited_after_it_ran"))
    changed.problems = [.changed(recorded: other, found: Checksum(.sha256, of: [4]))]
    var missing = Scenes.applied(made("0003", "file_is_gone"))
    missing.problems = [.missingFile]
    missing.migration = nil
    var failed = Scenes.applied(made("0004", "broke_off"))
    failed.state = .failed
    failed.problems = [.dirty]
    var plainlyFailed = Scenes.applied(made("0005", "failed"))
    plainlyFailed.state = .failed
    list += [changed, missing, failed, plainlyFailed]
    list.append(
      Scenes.pending(made("0000", "too_late"), [.outOfOrder(newestApplied: Version("0005"))]))
    list.append(
      Scenes.pending(
        made("0006", "one_of_two"), [.duplicateVersion(paths: ["db/migrations/0006_b.sql"])]))
    list.append(
      Scenes.pending(
        made("0007", "uses_psql"),
        [
          .unsupported(
            .error(code: "psql_command", "line 3 is a command of psql", next: "write it in SQL"))
        ]))
    list.append(Scenes.pending(made("0008", "plain")))
    return Scenes.status(list)
  }

  @Test func `each state has its own mark`() {
    let model = Scenes.ready(80, 28, status: Self.problems())
    expectGolden(model.view(), "migrations/problems-80x28")
    let marks = model.screen.filter { $0.dropFirst(3).hasPrefix("000") }.compactMap { line in
      line.dropFirst().prefix(29).split(separator: " ").last.map(String.init)
    }
    #expect(marks == ["ok", "~", "M", "D", "F", "O", "T", "U", "."])
  }

  @Test func `where no checksum is kept, nobody says that the file is as it was applied`() {
    var status = Scenes.applied(Scenes.migration("0001", "a", up: "select 1;", down: "select 2;"))
    #expect(Mark(status, reading: nil, knowsStates: true).words == "applied, as in its file")
    status.row?.checksum = nil
    let mark = Mark(status, reading: nil, knowsStates: true)
    #expect(mark.text == "ok")
    #expect(mark.words == "applied; no checksum")
  }

  @Test func `a zoomed list tells when, how fast and by whom`() {
    var model = Scenes.ready(120, 40)
    model.press(.character("1"))
    expectGolden(model.view(), "migrations/zoomed-120x40")
    #expect(model.text.contains("ada"))
    #expect(model.text.contains("12 ms"))
  }

  @Test func `an empty folder says what to do next`() {
    let file = SourceFile(path: "db/migrations/notes.txt", name: "notes.txt", content: .bytes([]))
    let status = Scenes.status(
      [], unsupported: [Catalog.UnsupportedFile(file: file, reason: "the name has no version")])
    let model = Scenes.ready(status: status)
    expectGolden(model.view(), "migrations/empty-80x24")
    #expect(model.text.contains("lockstep new NAME"))
    #expect(model.text.contains("notes.txt"))
  }

  @Test func `a missing folder is told with its way out`() {
    var model = Scenes.model()
    model.tell(
      .statusFailed(
        .error(
          code: "no_folder", "there is no folder db/migrations",
          next: "name it with --dir, or make one with `lockstep new NAME`")))
    expectGolden(model.view(), "migrations/no-folder-80x24")
    #expect(model.text.contains("error: there is no folder"))
    #expect(model.text.contains("next:"))
  }

  @Test func `a missing history table is said`() {
    let status = Scenes.status(
      [Scenes.pending(Scenes.addOrderChannel)], tableExists: false)
    let model = Scenes.ready(status: status)
    expectGolden(model.view(), "migrations/no-table-80x24")
    #expect(model.text.contains("no history table"))
  }

  @Test(arguments: 1...9)
  func `that there is no history table is never said by half`(_ count: Int) {
    let pending = (1...count).map { Scenes.pending(Scenes.migration("000\($0)", "m\($0)", up: "")) }
    let model = Scenes.ready(status: Scenes.status(pending, tableExists: false))
    if count == 6 { expectGolden(model.view(), "migrations/no-table-full-80x24") }
    let words = model.screen.map { $0.dropFirst().prefix(29) }.joined(separator: " ")
      .split(separator: " ").joined(separator: " ")
    #expect(!words.contains("yet:") || words.contains("yet: the first apply makes it"))
    #expect(!words.contains("no history") || words.contains("yet"))
  }

  @Test func `everything applied is said below the divider`() {
    let status = Scenes.status(Array(Scenes.migrations().prefix(41)))
    var model = Scenes.ready(status: status)
    expectGolden(model.view(), "migrations/all-applied-80x24")
    #expect(model.text.contains("nothing is pending"))
    #expect(model.facts.selected?.version == Version("0041"))
    // The line that is no migration cannot be selected.
    model.press(.character("j"), .character("G"))
    #expect(model.facts.selected?.version == Version("0041"))
  }

  @Test func `wide characters and long names keep the columns`() {
    let status = Scenes.status([
      Scenes.applied(Scenes.migration("0001", "注文テーブルを作成する注文テーブルを作成する", up: "SELECT 1")),
      Scenes.pending(
        Scenes.migration(
          "0002", "a_very_long_name_that_does_not_fit_into_the_list_at_all", up: "SELECT 1",
          down: "SELECT 1")),
      Scenes.pending(Scenes.migration("0003", "e\u{301}te\u{301}_🚀", up: "SELECT 1", down: "")),
    ])
    let model = Scenes.ready(status: status)
    expectGolden(model.view(), "migrations/wide-characters-80x24")
    for row in 1...18 {
      #expect(model.view()[Point(column: 30, row: row)].text != " ", "row \(row) has its border")
    }
  }

  @Test func `a filter shows what matches and an exclamation mark the rest`() {
    var model = Scenes.ready()
    model.type("&chan")
    #expect(model.text.contains("0044 channel_not_null"))
    #expect(!model.text.contains("0041 drop_legacy"))
    model.press(.enter)
    expectGolden(model.view(), "migrations/filtered-80x24")
    model.type("&")
    model.type("!step_")
    model.press(.enter)
    #expect(model.text.contains("0041 drop_legacy_flag"))
    #expect(!model.text.contains(" step_"))
    model.press(.character("q"), .character("g"))
    #expect(model.text.contains(" step_1 "), "going back ends the filter")
  }

  @Test func `a search goes to matches in turn and around the end`() {
    var model = Scenes.ready()
    model.type("/backfill")
    #expect(model.facts.selected?.version == Version("0043"), "found while it is typed")
    model.press(.enter)
    model.press(.character("n"))
    #expect(model.facts.selected?.version == Version("0037"))
    model.press(.character("n"))
    #expect(model.facts.selected?.version == Version("0039"))
    model.press(.character("N"), .character("N"))
    #expect(model.facts.selected?.version == Version("0043"))
  }

  @Test func `the next pending migration is selected at first`() {
    let model = Scenes.ready()
    #expect(model.facts.selected?.version == Version("0042"))
  }

  @Test func `the selection stays with its version when the list changes`() {
    var model = Scenes.ready()
    model.press(.character("k"), .character("k"))
    #expect(model.facts.selected?.version == Version("0040"))
    var changed = Scenes.migrations()
    changed.insert(
      Scenes.applied(Scenes.migration("0000", "earlier", up: "SELECT 1")), at: 0)
    model.tell(.statusLoaded(Scenes.status(changed), at: Scenes.later(1000)))
    #expect(model.facts.selected?.version == Version("0040"))
    changed.removeAll { $0.version == Version("0040") }
    model.tell(.statusLoaded(Scenes.status(changed), at: Scenes.later(2000)))
    #expect(model.facts.selected?.version == Version("0041"), "the one in its place")
  }

  @Test func `moving steps over the divider`() {
    var model = Scenes.ready()
    model.press(.character("k"))
    #expect(model.facts.selected?.version == Version("0041"))
    model.press(.character("j"))
    #expect(model.facts.selected?.version == Version("0042"))
    model.press(.character("g"))
    #expect(model.facts.selected?.version == Version("0001"))
    model.press(.character("G"))
    #expect(model.facts.selected?.version == Version("0044"))
  }

  @Test func `a click selects and a wheel scrolls`() {
    var model = Scenes.ready()
    let row = model.screen.firstIndex { $0.contains("0044") } ?? 0
    model.press(.mouse(MouseEvent(.press, at: Point(column: 5, row: row))))
    #expect(model.facts.selected?.version == Version("0044"))
    model.press(.mouse(MouseEvent(.wheelUp, at: Point(column: 5, row: 5))))
    #expect(
      model.facts.selected?.version == Version("0042")
        || model.facts.selected?.version == Version("0041"))
  }

  @Test func `a filter by state shows those that are in it`() {
    var model = Scenes.ready(status: Scenes.status(Scenes.migrations()))
    model.command("filter pending")
    #expect(model.text.contains("0042") && !model.text.contains("0041"))
    model.command("filter !applied")
    #expect(model.text.contains("0042") && !model.text.contains("0041"))
    model.command("filter pend")
    #expect(model.text.contains("nothing matches & pend"), "a part of a word is none")
    #expect(!model.text.contains("applied ─"), "nothing is parted from nothing")
  }

  @Test func `version and path are copied`() {
    var model = Scenes.ready()
    #expect(model.press(.character("y")) == [.copy("0042")])
    #expect(model.press(.character("Y")) == [.copy("db/migrations/0042_add_order_channel.sql")])
    #expect(
      model.press(.character("e"))
        == [.edit(path: "db/migrations/0042_add_order_channel.sql", line: 1)])
  }

  @Test func `a list of ten thousand draws only what is seen`() {
    let list = (1...10_000).map {
      Scenes.pending(Scenes.migration("\(10_000 + $0)", "m\($0)", up: "SELECT \($0)", down: ""))
    }
    let model = Scenes.ready(200, 60, status: Scenes.status(list))
    let read = list.count { model.facts.reading(of: $0) != nil }
    #expect(read > 0)
    #expect(read <= 60)
    #expect(model.text.contains("1/10000"))
  }
}
