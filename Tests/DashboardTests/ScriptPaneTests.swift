import Canvas
import Diagnostics
import MigrationModel
import PostgresModel
import TestSupport
import Testing

@testable import Dashboard

struct ScriptPaneTests {
  @Test func `Down shows the way back and what it destroys`() {
    var model = Scenes.ready(120, 40)
    model.press(.character("3"))
    expectGolden(model.view(), "script/down-120x40")
    #expect(model.text.contains("[Down]"))
    #expect(model.text.contains("!! drops"))
  }

  @Test func `Effect lists each statement and says where its rules were measured`() {
    var model = Scenes.ready(120, 40)
    model.press(.character("2"), .character("]"), .character("]"))
    expectGolden(model.view(), "script/effect-120x40")
    #expect(model.text.contains("measured on PostgreSQL 15.18"))
    #expect(model.text.contains("this server"))
    #expect(model.text.contains("is 17.6"))
    #expect(model.text.contains("every partition and child"))
  }

  @Test func `History shows when, by whom and the checksum`() {
    var model = Scenes.ready(120, 40)
    model.press(.character("k"), .character("2"), .character("["))
    expectGolden(model.view(), "script/history-120x40")
    #expect(model.text.contains("0041"))
    #expect(model.text.contains("as recorded"))
  }

  @Test func `a changed file shows both checksums`() {
    var model = Scenes.ready(120, 40, status: MigrationsPaneTests.problems())
    model.press(.character("g"), .character("j"), .character("2"), .character("["))
    expectGolden(model.view(), "script/history-changed-120x40")
    let recorded = Checksum(.sha256, of: [1, 2, 3]).hexadecimal
    #expect(model.text.contains("recorded"))
    #expect(model.text.contains(recorded.prefix(40)))
  }

  @Test func `no way back is told with its reason`() {
    var model = Scenes.ready()
    model.press(.character("G"), .character("3"))
    expectGolden(model.view(), "script/irreversible-80x24")
    #expect(model.text.contains("!! no way back: no down file"))
  }

  @Test func `a documented way back is shown and said not to be run`() {
    var migration = Scenes.backfillChannel
    migration.down = .documented(
      text: "UPDATE orders SET channel = NULL;",
      .warning(code: "documented_only", "the ROLLBACK section holds words, not only SQL"))
    var model = Scenes.ready(status: Scenes.status([Scenes.pending(migration)]))
    model.press(.character("3"))
    expectGolden(model.view(), "script/documented-80x24")
    #expect(model.text.contains("never run by Lockstep"))
    #expect(model.text.contains("UPDATE orders SET channel = NULL;"))
  }

  @Test func `a missing file says where to look`() {
    var model = Scenes.ready(status: MigrationsPaneTests.problems())
    model.press(.character("g"), .character("j"), .character("j"))
    #expect(model.facts.selected?.version == Version("0003"))
    expectGolden(model.view(), "script/missing-file-80x24")
    #expect(model.text.contains("its file is gone"))
  }

  @Test func `long lines scroll and the line numbers stand`() {
    let wide = Scenes.migration(
      "0001", "wide", up: "SELECT '" + String(repeating: "0123456789", count: 20) + "', 'end';\n",
      down: "")
    var model = Scenes.ready(status: Scenes.status([Scenes.pending(wide)]))
    model.press(.character("2"))
    #expect(!model.text.contains("'end'"))
    for _ in 0..<25 { model.press(.character("l")) }
    expectGolden(model.view(), "script/scrolled-80x24")
    #expect(model.text.contains("'end'"))
    #expect(model.screen[2].contains("  1  "))
    for _ in 0..<25 { model.press(.character("h")) }
    #expect(model.text.contains("SELECT '0123"))
  }

  @Test func `Enter on a migration opens its SQL alone and Esc returns`() {
    var model = Scenes.ready()
    model.press(.enter)
    expectGolden(model.view(), "script/zoomed-80x24")
    #expect(model.focus == 2)
    #expect(!model.text.contains("1 Migrations"))
    model.press(.escape)
    #expect(model.focus == 1)
    #expect(model.text.contains("1 Migrations"))
  }

  @Test func `a search in the SQL goes to its line`() {
    let lines = (1...80).map { "SELECT \($0);" }.joined(separator: "\n")
    var model = Scenes.ready(
      status: Scenes.status([Scenes.pending(Scenes.migration("0001", "long", up: lines))]))
    model.press(.character("2"))
    model.type("/select 57")
    model.press(.enter)
    #expect(model.text.contains("SELECT 57;"))
    #expect(
      model.press(.character("e")).first.map {
        if case .edit(_, let line) = $0 { line } else { 0 }
      } == 57)
  }

  @Test func `the SQL is copied as it is in the file`() {
    var model = Scenes.ready()
    model.press(.character("2"))
    let sql = String(decoding: Scenes.addOrderChannel.files[0].bytes, as: UTF8.self)
    #expect(model.press(.character("y")) == [.copy(sql)])
  }

  @Test func `a forecast names who would be waited for now`() {
    #expect(Scenes.ready(120, 40).text.contains("now: 1 holder, oldest 4m12s  -> would wait"))
    #expect(
      Scenes.ready(120, 40, locks: Scenes.silent).text.contains("now: nobody in the way"))
    #expect(!Scenes.ready(120, 40, locks: nil).text.contains("now:"), "unknown is not nobody")
  }

  @Test func `the tabs are read whole where a version is long`() {
    let migration = Scenes.migration("20260112090000", "create", up: "SELECT 1;")
    let model = Scenes.ready(80, 24, status: Scenes.status([Scenes.pending(migration)]))
    #expect(model.text.contains("2 [Up]  Down  Effect  History ──"))
  }
}
