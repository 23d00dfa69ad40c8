import Canvas
import Diagnostics
import MigrationModel
import PostgresModel
import TestSupport
import Testing

@testable import Dashboard

struct UpdateTests {
  // MARK: - Pictures

  @Test func `connecting asks for the picture and for the locks`() {
    var model = Scenes.model()
    #expect(
      model.tell(.connectionChanged(Scenes.server)) == [.reload, .sampleLocks(.full)])
  }

  @Test func `changed files are read once more when they change while being read`() {
    var model = Scenes.ready()
    #expect(model.tell(.filesChanged) == [.reload])
    #expect(model.tell(.filesChanged) == [], "one reading at a time")
    #expect(model.tell(.statusLoaded(Scenes.status(), at: Scenes.now)) == [.reload])
    #expect(model.tell(.statusLoaded(Scenes.status(), at: Scenes.now)) == [])
  }

  @Test func `files alone never replace a picture with states`() {
    var model = Scenes.ready()
    model.tell(.filesRead(Scenes.status([])))
    #expect(model.facts.counts.applied == 41)
  }

  @Test func `a failed reading keeps what was known`() {
    var model = Scenes.ready()
    model.tell(.statusFailed(.error(code: "x", "permission denied")))
    #expect(model.facts.counts.applied == 41)
    #expect(model.screen[0].contains("as of"))
  }

  @Test func `a frozen screen takes the newest picture when it lives again`() {
    var model = Scenes.ready()
    model.press(.character("p"))
    model.tell(.statusLoaded(Scenes.status([]), at: Scenes.later(1000)))
    #expect(model.facts.counts.applied == 41)
    model.press(.character("p"))
    #expect(model.facts.counts.applied == 0)
  }

  // MARK: - Arming

  @Test func `read-only from the command line cannot be armed`() {
    var model = Scenes.ready(target: Scenes.development, access: .readOnly(.commandLine))
    #expect(model.command("arm") == [])
    #expect(model.facts.access == .readOnly(.commandLine))
    PlanTests.planned(&model)
    model.tell(.tick(Scenes.later(500)))
    #expect(model.press(.character("y")) == [])
  }

  @Test func `arming ends by itself and by disarm`() {
    var model = Scenes.ready()
    model.command("arm 90s")
    #expect(model.screen[0].contains("ARMED 01:30"))
    model.tell(.tick(Scenes.later(89_000)))
    #expect(model.screen[0].contains("ARMED 00:01"))
    model.tell(.tick(Scenes.later(90_000)))
    #expect(model.screen[0].contains("READ-ONLY"))
    model.command("arm")
    #expect(model.facts.access == .armed(until: Scenes.later(390_000)))
    model.command("disarm")
    #expect(model.facts.access == .readOnly(.start))
  }

  // MARK: - Leaving

  @Test func `ctrl-c with nothing running asks before it leaves`() {
    var model = Scenes.ready()
    #expect(model.press(.control("c")) == [])
    model.press(.character("j"))
    #expect(model.press(.control("c")) == [], "another key in between")
    #expect(model.press(.control("c")) == [.quit])
  }

  @Test func `ctrl-c cancels first, then leaves when the server has answered`() {
    var model = LogPaneTests.running(80, 24)
    #expect(model.press(.control("c")) == [.cancelRun])
    #expect(model.text.contains("cancelling"))
    #expect(model.press(.control("c")) == [])
    #expect(model.lastWord?.text.contains("COMMIT") == true)
    #expect(model.tell(.runEnded(nil, at: Scenes.later(50_000))) == [.quit])
  }

  @Test func `ctrl-c a third time leaves at once`() {
    var model = LogPaneTests.running(80, 24)
    model.press(.control("c"), .control("c"))
    #expect(model.press(.control("c")) == [.quit])
  }

  @Test func `q and Q do not leave while something runs`() {
    var model = LogPaneTests.running(80, 24)
    #expect(model.press(.character("q"), .character("Q")) == [])
    #expect(model.command("quit") == [])
    #expect(Scenes.ready().focus == 1)
    var quiet = Scenes.ready()
    #expect(quiet.press(.character("q")) == [.quit])
  }

  @Test func `ctrl-z and ctrl-l work over a sheet`() {
    var model = Scenes.ready()
    model.press(.character("?"))
    #expect(model.press(.control("z")) == [.suspend])
    #expect(model.press(.control("l")) == [.repaint])
  }

  // MARK: - Commands

  @Test(arguments: [
    ("apply", PlanTests.next),
    ("apply all", PlanRequest.up(to: nil, count: nil, allowOutOfOrder: false)),
    ("apply 43", PlanRequest.up(to: Version("0043"), count: nil, allowOutOfOrder: false)),
    ("to 0044", PlanRequest.up(to: Version("0044"), count: nil, allowOutOfOrder: false)),
    ("to 0040", PlanRequest.down(to: Version("0040"), count: nil)),
    ("to 0", PlanRequest.down(to: Version("0"), count: nil)),
    ("rollback", PlanRequest.down(to: nil, count: 1)),
    ("rollback 3", PlanRequest.down(to: nil, count: 3)),
    ("redo", PlanRequest.redo(count: 1)),
    ("mark 0042 applied", PlanRequest.mark(.versions([Version("0042")]), as: .applied)),
    ("mark 0041 pending", PlanRequest.mark(.versions([Version("0041")]), as: .pending)),
  ]) func `commands ask for plans`(_ line: String, _ request: PlanRequest) {
    var model = Scenes.ready()
    #expect(model.command(line) == [.makePlan(request)])
  }

  @Test(arguments: [
    ("aply", "there is no command :aply; did you mean :apply?"),
    ("to 99", "no migration 99"),
    ("mark 0042 done", ":mark V applied|pending"),
    ("arm 5x", ":arm [DURATION]"),
    ("theme blue", ":theme dark|light"),
    ("rollback x", ":rollback [N]"),
  ]) func `a mistyped command is told what would be understood`(_ line: String, _ words: String) {
    var model = Scenes.ready()
    #expect(model.command(line) == [])
    #expect(model.lastWord?.text.hasPrefix(words) == true, "\(model.lastWord?.text ?? "")")
  }

  @Test func `Tab completes commands, words and versions`() {
    var model = Scenes.ready()
    model.type(":ma")
    model.press(.tab)
    model.type("004")
    model.press(.tab)
    expectGolden(model.view(), "screen/completion-80x24")
    #expect(model.screen.last?.hasPrefix(":mark 0042") == true)
    model.press(.tab)
    #expect(model.screen.last?.hasPrefix(":mark 0040") == true)
    model.type(" app")
    model.press(.tab)
    #expect(
      model.press(.enter)
        == [.makePlan(.mark(.versions([Version("0040")]), as: .applied))])
  }

  @Test func `earlier commands come back by the arrow keys`() {
    var model = Scenes.ready()
    model.command("theme light")
    model.command("arm 1m")
    model.type(":")
    model.press(.up, .up)
    #expect(model.screen.last?.contains("theme light") == true)
    model.press(.down, .down)
    #expect(model.screen.last == ":")
  }

  @Test func `a pasted line break does not end a command`() {
    var model = Scenes.ready()
    model.type(":")
    #expect(model.press(.paste("arm 5m\n")) == [])
    #expect(model.facts.access == .readOnly(.start))
  }

  // MARK: - Help and key bar

  @Test func `a key that means nothing here says so, and changes nothing`() {
    var model = Scenes.ready(80, 24)
    #expect(model.press(.character("Z")) == [])
    #expect(model.lastWord?.text == "Z does nothing here; ? shows the keys")
    #expect(model.press(.function(9)) == [])
    #expect(model.lastWord == nil)
  }

  @Test func `help lists the keys of the pane, then all, then the commands`() {
    var model = Scenes.ready(120, 40)
    model.press(.character("4"), .character("?"))
    expectGolden(model.view(), "help/locks-120x40")
    #expect(model.text.contains("In Locks"))
    var seen = model.text
    for _ in 0..<8 {
      model.press(.pageDown)
      seen += model.text
    }
    for binding in Bindings.everywhere { #expect(seen.contains(binding.summary), "\(binding)") }
    for command in DashboardCommands.all { #expect(seen.contains(command.synopsis)) }
    for mark in Mark.allCases { #expect(seen.contains(mark.words)) }
    model.press(.escape)
    #expect(!model.text.contains("In Locks"))
  }

  @Test(arguments: ["Down", "Effect", "History", "Up"])
  func `a click on a tab shows it`(_ tab: String) {
    var model = Scenes.ready()
    let title = model.screen[1]
    guard let range = title.firstRange(of: tab) else {
      Issue.record("the title has no \(tab)")
      return
    }
    let column = title.distance(from: title.startIndex, to: range.lowerBound)
    model.press(.mouse(MouseEvent(.press, at: Point(column: column, row: 1))))
    #expect(model.focus == 2)
    #expect(model.screen[1].contains("[\(tab)]"))
  }

  @Test func `a word that is longer than the screen is read to its end`() {
    var model = Scenes.ready(80, 24)
    let text =
      (1...20).map { "word \($0)" }.joined(separator: ", ")
    model.tell(.failed(.error(code: "x", text)))
    #expect(model.screen.suffix(3).joined().contains("word 20"))
    #expect(model.screen.last?.contains("word 1,") == false)
    model.press(.character("j"))
    #expect(!model.text.contains("word 20"))
  }

  @Test func `a key that is looked up in the help does nothing`() {
    var model = Scenes.ready()
    model.press(.character("?"))
    #expect(model.press(.character("e"), .character("a"), .character("/")) == [])
    #expect(model.text.contains("In Migrations"))
    model.press(.character("q"))
    #expect(!model.text.contains("In Migrations"))
  }

  @Test func `going back gives a shared place back to the SQL before it leaves`() {
    var model = Scenes.ready()
    model.press(.character("7"))
    #expect(model.screen.last?.contains("q back") == true)
    #expect(model.press(.character("q")) == [])
    #expect(model.focus == 2)
    #expect(model.text.contains("2 [Up]"))
    #expect(model.press(.character("q")) == [.quit])
  }

  @Test func `the key bar names keys that act now`() {
    #expect(Scenes.ready().screen.last?.contains("a apply") == true)
    #expect(Scenes.model().screen.last?.contains("a apply") == false)
    #expect(LogPaneTests.running(80, 24).screen.last?.contains("^C cancel") == true)
    let done = Scenes.ready(status: Scenes.status(Array(Scenes.migrations().prefix(41))))
    #expect(done.screen.last?.contains("a apply") == false)
    #expect(done.screen.last?.contains("r roll back") == true)
  }

  @Test func `no two panes share a number and all slots are told apart`() {
    let numbers = Panes.all.map(\.number)
    #expect(Set(numbers).count == numbers.count)
    #expect(numbers == numbers.sorted())
  }

  @Test func `every key leads to one action only`() {
    var seen: Set<Key> = []
    for binding in Bindings.everywhere {
      for key in binding.keys { #expect(seen.insert(key).inserted, "\(key)") }
    }
    for pane in Panes.all {
      var own: Set<Key> = []
      for binding in pane.bindings {
        for key in binding.keys { #expect(own.insert(key).inserted, "\(pane.name): \(key)") }
      }
    }
  }

  @Test(arguments: ["1", "2", "4", "5"])
  func `a search that finds nothing says so`(_ pane: Character) {
    var model = Scenes.ready(120, 40)
    model.press(.character(pane))
    model.type("/nowhere")
    model.press(.enter)
    #expect(model.lastWord?.text == "nothing matches / nowhere")
    let known: [Character: String] = ["1": "drop", "2": "alter", "4": "report", "5": "trigger"]
    model.type("/" + (known[pane] ?? ""))
    model.press(.enter)
    #expect(model.lastWord == nil)
  }
}
