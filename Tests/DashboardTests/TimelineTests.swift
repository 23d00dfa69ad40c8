import Canvas
import Diagnostics
import MigrationModel
import PostgresModel
import TestSupport
import Testing

@testable import Dashboard

/// The past: counted, told, and walked through.
struct TimelineTests {
  /// A sample as of some milliseconds after the scenes' moment.
  static func at(_ milliseconds: Int64, _ sample: LockSample) -> LockSample {
    var sample = sample
    sample.at = Scenes.later(milliseconds)
    guard case .full(var snapshot, _, let names, let ours) = sample.content else { return sample }
    snapshot.at = Scenes.later(milliseconds)
    sample.content = .full(snapshot, WaitGraph(snapshot), names: names, ours: ours)
    return sample
  }

  /// A minute of quiet, a queue, quiet again.
  static func model(_ columns: Int, _ rows: Int, look: Look = Look()) -> Model {
    var model = Scenes.ready(columns, rows, look: look)
    for second in 1..<60 { model.tell(.locksSampled(at(Int64(second) * 1000, Scenes.quiet))) }
    for second in 60..<90 { model.tell(.locksSampled(at(Int64(second) * 1000, Scenes.queue))) }
    for second in 90..<100 { model.tell(.locksSampled(at(Int64(second) * 1000, Scenes.silent))) }
    model.tell(.tick(Scenes.later(100_000)))
    return model
  }

  @Test(arguments: [(80, 24), (120, 40), (200, 60)])
  func `the past is drawn with what happened`(_ size: (columns: Int, rows: Int)) {
    var model = Self.model(size.columns, size.rows)
    model.press(.character("7"))
    expectGolden(model.view(), "timeline/past-\(size.columns)x\(size.rows)")
    #expect(model.text.contains("most 4"))
    #expect(model.text.contains("report-job blocks YOU and 3"))
    #expect(model.text.contains("report-job lets 4 go"))
  }

  @Test func `ASCII shows digits`() {
    var model = Self.model(120, 40, look: Look(lines: .ascii))
    model.press(.character("7"))
    expectGolden(model.view(), "timeline/ascii-120x40")
    #expect(model.text.allSatisfy { $0.isASCII })
    #expect(model.text.contains("0099"))
  }

  @Test(arguments: [(80, 24), (120, 40), (200, 60)])
  func `a comma walks back and the lock pane shows that moment, marked`(
    _ size: (columns: Int, rows: Int)
  ) {
    var model = Self.model(size.columns, size.rows)
    #expect(model.text.contains("nobody waits"))
    model.press(.character("7"), .character(","))
    expectGolden(model.view(), "timeline/walk-\(size.columns)x\(size.rows)")
    #expect(model.text.contains("PAST 12:05:31Z"))
    // The strip of a small screen has one line, which is the root's.
    #expect(model.text.contains(size.rows == 24 ? "report-job  idle in txn 5m12s" : "16747 YOU"))
    // The pictures that come meanwhile do not lead away from it.
    model.tell(.locksSampled(Self.at(101_000, Scenes.quiet)))
    #expect(model.text.contains("PAST 12:05:31Z"))
    model.press(.character(","))
    #expect(model.text.contains("PAST 12:04:31Z"))
    model.press(.character(","))
    #expect(model.text.contains("nothing older is kept"))
    model.press(.character("."))
    #expect(model.text.contains("PAST 12:05:31Z"))
    model.press(.end)
    #expect(!model.text.contains("PAST"))
    #expect(model.text.contains("report-job"))
    model.press(.home)
    #expect(model.text.contains("PAST 12:04:31Z"))
  }

  @Test func `nobody is ended in the past`() {
    var model = Self.model(120, 40)
    model.facts.access = SignalTests.armed
    model.press(.character("4"), .character(","))
    #expect(model.facts.locks.selected?.pid == 16669)
    model.press(.character("K"))
    #expect(model.text.contains("this is the past; 7 End leads to the present"))
    #expect(!model.text.contains("type 16669"))
  }

  @Test func `the forecast is of now, whatever is shown`() {
    var model = Self.model(120, 40)
    #expect(model.text.contains("now: nobody in the way"))
    model.press(.character("4"), .character(","))
    #expect(model.text.contains("PAST"))
    #expect(!model.text.contains("-> would wait"))
  }

  @Test func `what nobody saw is no zero`() {
    var history = LockHistory()
    history.note(at: Scenes.later(0), waiting: 3, oldest: 100, interval: 1_000_000)
    history.note(at: Scenes.later(60_000), waiting: 0, oldest: 0, interval: 1_000_000)
    let columns = history.columns(61, seconds: 61, until: Scenes.later(60_000))
    #expect(columns.first??.waiting == 3)
    #expect(columns[1..<60].allSatisfy { $0 == nil })
    #expect(columns.last??.waiting == 0)
  }

  @Test func `an answer stands for the seconds up to the next`() {
    var history = LockHistory()
    for second in stride(from: 0, through: 20, by: 2) {
      history.note(
        at: Scenes.later(Int64(second) * 1000), waiting: 2, oldest: 10, interval: 2_000_000)
    }
    let columns = history.columns(20, seconds: 20, until: Scenes.later(20_000))
    #expect(columns.allSatisfy { $0?.waiting == 2 })
  }

  @Test func `a day and more stays in the same memory`() {
    var history = LockHistory()
    for minute in 0..<3000 {
      history.note(
        at: Scenes.later(Int64(minute) * 60_000), waiting: minute == 100 ? 9 : 1, oldest: 5,
        interval: 60_000_000)
    }
    let end = Scenes.later(2999 * 60_000)
    let day = history.columns(1440, seconds: 86_400, until: end)
    #expect(day.allSatisfy { $0?.waiting == 1 })
    #expect(!day.contains { $0?.waiting == 9 })
  }

  @Test func `pictures are kept when something changes, within their bound`() throws {
    var locks = LockPicture()
    for second in 0..<20 { locks.take(Self.at(Int64(second) * 1000, Scenes.queue)) }
    #expect(locks.history.pictures.count == 1)
    for round in 0..<3000 {
      let rows = (0..<100).map {
        LockRow(
          Scenes.table(16401), pid: Int32($0 + 1 + round % 2), mode: .accessShare, isGranted: true)
      }
      locks.take(Self.at(20_000 + Int64(round) * 1000, Scenes.sample(rows, [])))
    }
    let bytes = locks.history.pictures.reduce(0) { $0 + $1.footprint }
    #expect(bytes <= LockHistory.mostBytes)
    #expect(locks.history.pictures.count > 50)
    #expect(locks.history.dropped > 0)
    #expect(locks.walk(.first) == nil)
    #expect(locks.past?.at == locks.history.pictures.first?.at)
  }

  @Test func `a session that stays idle in its transaction is worth a word once`() {
    var model = Scenes.ready(200, 60, locks: Scenes.silent)
    for second in 0..<20 {
      var session = Scenes.session(77, "sleeper", state: "idle in transaction", since: 0)
      session.stateChange = Scenes.now
      let lock = LockRow(Scenes.table(16401), pid: 77, mode: .rowExclusive, isGranted: true)
      model.tell(.locksSampled(Self.at(Int64(second) * 1000, Scenes.sample([lock], [session]))))
    }
    let told = model.facts.locks.history.events.filter { $0.text.contains("sleeper") }
    #expect(told.map { $0.text } == ["sleeper goes idle in transaction"])
    #expect(told.first?.at == Scenes.later(5000))
  }

  // MARK: - Files

  @Test func `the locks are saved as a table for programs`() throws {
    var model = Scenes.ready(120, 40, locks: Scenes.queue)
    model.press(.character("4"))
    func saved(_ format: String) -> (name: String, text: String)? {
      for case .save(let name, let text) in model.command("save \(format)") { return (name, text) }
      return nil
    }
    let json = try #require(saved("json"))
    #expect(json.name == "lockstep-locks-20261120120431.json")
    #expect(
      json.text.contains(
        #"{"pid": 16669, "gid": null, "user": "app", "application": "report-job""#))
    #expect(json.text.contains(#""waiting_ms": 1400, "#))
    #expect(json.text.contains(#""blocked_by": [16747]"#))
    let csv = try #require(saved("csv"))
    #expect(csv.text.hasPrefix("pid,gid,user,application,database,client,state,waiting_ms,"))
    #expect(csv.text.split(separator: "\r\n").count == 6)
    let text = try #require(saved("txt"))
    #expect(text.text.hasPrefix("pid\twho\t"))
    model.press(.character("1"))
    #expect(saved("csv") == nil)
    #expect(model.text.contains("Migrations is saved as txt only"))
  }

  @Test func `texts from others are quoted in files`() {
    let rows: [[ExportFormat.Value]] = [[.text("a \"b\",\nc\u{1b}"), .unknown]]
    #expect(
      ExportFormat.csv.table(titles: ["x", "y"], rows: rows)
        == "x,y\r\n\"a \"\"b\"\",\nc\u{1b}\",\r\n")
    #expect(
      ExportFormat.json.table(titles: ["x", "y"], rows: rows)
        == "[\n  {\"x\": \"a \\\"b\\\",\\nc\\u001b\", \"y\": null}\n]\n")
    #expect(ExportFormat.json.table(titles: ["x"], rows: []) == "[]\n")
    #expect(
      ExportFormat.csv.table(titles: ["n"], rows: [[.number(1.25)], [.number(-0.5)], [.number(3)]])
        == "n\r\n1.25\r\n-0.5\r\n3\r\n")
  }
}
