import Canvas
import Diagnostics
import MigrationModel
import PostgresModel
import TestSupport
import Testing

@testable import Dashboard

/// The whole screen at the sizes of the specification.
struct ScreenTests {
  static let sizes = [(80, 24), (120, 40), (200, 60)]

  @Test(arguments: sizes)
  func `reviewing shows list, SQL and locks together`(_ size: (columns: Int, rows: Int)) {
    let model = Scenes.ready(size.columns, size.rows)
    expectGolden(model.view(), "screen/reviewing-\(size.columns)x\(size.rows)")
  }

  @Test(arguments: sizes)
  func `the first frame names the database before any answer`(_ size: (columns: Int, rows: Int)) {
    let model = Scenes.model(size.columns, size.rows)
    expectGolden(model.view(), "screen/connecting-\(size.columns)x\(size.rows)")
    #expect(model.text.contains("orders@db1:5432"))
    #expect(model.text.contains("connecting"))
  }

  @Test(arguments: sizes)
  func `a queue behind us is drawn as a tree`(_ size: (columns: Int, rows: Int)) {
    let model = Scenes.ready(size.columns, size.rows, locks: Scenes.queue)
    expectGolden(model.view(), "screen/queue-\(size.columns)x\(size.rows)")
  }

  @Test(arguments: sizes)
  func `a run shows its log, its row and the queue`(_ size: (columns: Int, rows: Int)) {
    var model = Scenes.ready(size.columns, size.rows, target: Scenes.development)
    model.start(
      Scenes.plan([Scenes.step(Scenes.addOrderChannel), Scenes.step(Scenes.backfillChannel)]))
    model.tell(
      .runEvent(
        .migrationStarted(version: Version("0042"), name: "add_order_channel", direction: .up),
        at: Scenes.later(1000)),
      .runEvent(
        .lockAttempt(
          version: Version("0042"), attempt: 1, of: 10, waitedMilliseconds: 3000,
          blockers: [16669]), at: Scenes.later(4000)),
      .locksSampled(Scenes.queue), .tick(Scenes.later(5400)))
    expectGolden(model.view(), "screen/running-\(size.columns)x\(size.rows)")
  }

  @Test func `files are shown before the history is known`() {
    var model = Scenes.model()
    model.tell(.filesRead(Scenes.status()))
    expectGolden(model.view(), "screen/files-only-80x24")
    #expect(model.text.contains("44 files"))
    #expect(!model.text.contains("applied 0"))
  }

  @Test func `a lost connection keeps the picture and says its age`() {
    var model = Scenes.ready()
    model.tell(
      .tick(Scenes.later(42_000)),
      .connectionChanged(
        .lost(
          .error(code: "no_connection", "server closed the connection unexpectedly"),
          retryAt: Scenes.later(45_000))))
    expectGolden(model.view(), "screen/lost-80x24")
    #expect(model.screen[0].contains("connection lost, retrying"))
    #expect(model.text.contains("as of 12:04:31"))
    #expect(!model.text.contains("waiting 0  probe"))
  }

  @Test func `without a database the files are shown alone`() {
    var model = Scenes.model(target: Target(database: ""))
    model.tell(
      .connectionChanged(
        .unconfigured(.error(code: "no_url", "no database is named", next: "give --url"))),
      .filesRead(Scenes.status()))
    expectGolden(model.view(), "screen/no-database-80x24")
    #expect(model.screen[0].contains("no database"))
  }

  @Test(arguments: [(79, 24), (60, 20), (40, 8)])
  func `a small screen shows one pane at a time`(_ size: (columns: Int, rows: Int)) {
    var model = Scenes.ready(size.columns, size.rows)
    expectGolden(model.view(), "screen/single-\(size.columns)x\(size.rows)")
    #expect(model.text.contains("1 Migrations"))
    model.press(.character("4"))
    #expect(model.text.contains("4 Locks"))
    #expect(!model.text.contains("1 Migrations"))
    model.press(.character("3"))
    #expect(model.text.contains("3 Down"))
  }

  @Test(arguments: [(39, 8), (80, 7), (12, 4)])
  func `a tiny screen is a list and one line`(_ size: (columns: Int, rows: Int)) {
    let model = Scenes.ready(size.columns, size.rows)
    expectGolden(model.view(), "screen/tiny-\(size.columns)x\(size.rows)")
    #expect(model.screen.last?.hasPrefix("PROD") == true)
  }

  @Test func `every size from nothing up can be drawn`() {
    for columns in [0, 1, 2, 3, 5, 9, 20, 39, 40, 41, 79, 80, 109, 110, 180, 300] {
      for rows in [0, 1, 2, 3, 4, 7, 8, 9, 23, 24, 34, 50, 90] {
        var model = Scenes.ready(columns, rows, locks: Scenes.queue)
        #expect(model.view().size == Size(columns: columns, rows: rows))
        for keys: [Key] in [
          [.enter], [.character("?")], [.escape], [.character("4"), .character("4")],
        ] {
          for key in keys { model.press(key) }
          #expect(model.view().size == Size(columns: columns, rows: rows))
        }
      }
    }
  }

  @Test func `a storm of sizes ends as the last size alone`() {
    var model = Scenes.ready()
    for step in 0..<200 {
      model.tell(.resized(Size(columns: (step * 37) % 220, rows: (step * 13) % 70)))
    }
    model.tell(.resized(Size(columns: 120, rows: 40)))
    #expect(model.view().dump == Scenes.ready(120, 40).view().dump)
  }

  @Test func `ASCII borders hold no other character`() {
    let model = Scenes.ready(120, 40, look: Look(lines: .ascii), locks: Scenes.queue)
    expectGolden(model.view(), "screen/ascii-120x40")
    #expect(model.text.allSatisfy { $0.isASCII })
  }

  @Test func `without colours attributes remain`() {
    let model = Scenes.ready(look: Look(isColored: false))
    let frame = model.view()
    expectGolden(frame, "screen/no-color-80x24")
    #expect(!frame.dump.contains("fg="))
    #expect(!frame.dump.contains("bg="))
    #expect(frame.dump.contains("reverse"))
  }

  @Test func `the light palette is another one`() {
    var model = Scenes.ready()
    let dark = model.view()
    #expect(model.command("theme light") == [.repaint])
    let light = model.view()
    expectGolden(light, "screen/light-80x24")
    #expect(dark.lines == light.lines)
    #expect(dark.dump != light.dump)
  }

  @Test func `no control character of a name, a file or a session reaches a cell`() {
    let hostile = "\u{1b}]0;PWNED\u{7}\u{1b}[31mRED\u{9b}2J\u{202e}evil\r\n"
    let migration = Scenes.migration(
      "0042", "a\(hostile)", up: "-- \(hostile)\nSELECT '\(hostile)';", down: hostile)
    var status = Scenes.status([Scenes.pending(migration)])
    status.notes = [.warning(code: "x", hostile, next: hostile)]
    let session = Scenes.session(7, hostile, state: hostile, since: 10, query: hostile)
    let locks = Scenes.sample(
      [LockRow(Scenes.table(16401), pid: 7, mode: .accessShare, isGranted: true)], [session])
    for size in Self.sizes {
      var model = Scenes.ready(
        size.0, size.1,
        target: Target(environment: hostile, database: hostile, host: hostile), status: status,
        locks: locks)
      for keys: [Key] in [
        [], [.character("2"), .character("]"), .character("]")], [.character("4")],
        [.character("?")], [.escape], [.character(":"), .paste(hostile)],
      ] {
        for key in keys { model.press(key) }
        for scalar in model.view().lines.joined().unicodeScalars {
          #expect(scalar.value >= 0x20 && !(0x7f..<0xa0).contains(scalar.value))
          #expect(scalar.value != 0x202e)
        }
      }
    }
  }
}

extension Model {
  /// Opens a plan as an answer to `a` and confirms it, after the moment in which keys are not taken.
  mutating func start(_ plan: Plan) {
    press(.character("a"))
    tell(
      .planMade(plan, at: facts.now), .tick(Instant(microseconds: facts.now.microseconds + 400_000))
    )
    press(.character("y"))
  }
}
