import Canvas
import Diagnostics
import MigrationModel
import PostgresModel

/// The SQL of the selected migration, its way back, its effect, and what is known of its past.
struct ScriptPane: Pane {
  let number: Int
  let slot: Slot
  let tabs: [Tab]
  private var tab: Tab
  private var document = DocumentView()
  private var basis: Basis?
  private var shown: MigrationKey?
  private var forecastKey: ForecastKey?
  private var forecastNumber = 0

  enum Tab: String, Sendable, Hashable {
    case up = "Up"
    case down = "Down"
    case effect = "Effect"
    case history = "History"
  }

  /// What the lines were made from.
  private struct Basis: Hashable {
    var migration: MigrationKey?
    var picture: Int
    /// What the forecast says, as far as it changes the lines.
    var forecast: Int
    var isUnderWay: Bool
    var tab: Tab
    var columns: Int
    var showsDown: Bool
    var isConnected: Bool
    var checks: Int
    var live: [DocumentLine]
  }

  /// The pane in the middle, with all tabs.
  static let script = ScriptPane(number: 2, slot: .script, tabs: [.up, .down, .effect, .history])
  /// The way back beside it, where there is room.
  static let wayBack = ScriptPane(number: 3, slot: .wayBack, tabs: [.down])

  private init(number: Int, slot: Slot, tabs: [Tab]) {
    self.number = number
    self.slot = slot
    self.tabs = tabs
    tab = tabs[0]
  }

  var name: String { slot == .wayBack ? "Down" : "SQL" }

  var standIn: (number: Int, action: Action)? {
    slot == .wayBack ? (ScriptPane.script.number, .showTab(1)) : nil
  }

  var bindings: [Binding] {
    var bindings: [Binding] = []
    if tabs.count > 1 {
      bindings += [
        Binding(
          [.letter("]"), .controlArrow(.right)], .nextTab, hint: "tab", "shows the next tab"),
        Binding([.letter("["), .controlArrow(.left)], .previousTab, "shows the tab before"),
      ]
    }
    return bindings + [
      Binding([.letter("y")], .copy, hint: "copy", "copies the SQL of this tab"),
      Binding([.letter("Y")], .copyMore, "copies the SQL with its migration and file"),
      Binding([.letter("e")], .edit, hint: "edit", "opens the file at this line in $EDITOR"),
    ]
  }

  var isNarrowed: Bool { !document.search.isEmpty }

  func heading(_ facts: Facts) -> Heading {
    var parts = tabs.map { Heading.Part($0.rawValue, isChosen: $0 == tab) }
    if tabs.count == 1 { parts = [Heading.Part(tab.rawValue)] }
    guard let selected = facts.selectedMigration else { return Heading(parts) }
    var note = selected.version.text
    var short = selected.version.text
    if let reading = facts.reading(of: selected) {
      let statements = (tab == .down ? reading.down : reading.up).reduce(0) {
        $0 + $1.statements.count
      }
      note += "  " + Words.count(statements, "statement")
    }
    if slot == .wayBack, let (record, finding) = facts.checks.rollback(of: selected),
      finding.verdict == .passed
    {
      note = "\(selected.version)  rehearsed \(CheckWords.moment(record.at, now: facts.now))"
    }
    if let current = facts.run?.current, current.version == selected.version,
      slot == .script || current.direction == .down
    {
      short = facts.run?.stop == nil ? "running" : "stopped"
      let place =
        switch facts.run?.stop?.place.next {
        case nil: ["running", facts.run?.atWorkInWords].compactMap(\.self).joined(separator: " ")
        case .commit: "stopped before COMMIT"
        case .statement(let index, _, _): "stopped before statement \(index + 1)"
        }
      note = "\(selected.version)  \(place)"
    }
    if !document.search.isEmpty { note = "/ \(document.search.text)  " + note }
    return Heading(parts, note: note, shortNote: short)
  }

  // MARK: - Following the facts

  mutating func settle(_ facts: inout Facts, size: Size) {
    guard size != .zero else { return }
    document.resize(size)
    let basis = Basis(
      migration: facts.selected, picture: facts.pictureNumber, forecast: forecast(facts),
      isUnderWay: facts.selected.map { facts.isUnderWay($0.version) } ?? false, tab: tab,
      columns: size.columns, showsDown: !facts.placedPanes.contains(ScriptPane.wayBack.number),
      isConnected: facts.connection.server != nil, checks: facts.checks.number, live: live(facts))
    guard basis != self.basis else { return }
    self.basis = basis
    guard let selected = facts.selectedMigration else {
      document.show([])
      return
    }
    facts.read(selected)
    let lines = ScriptDocument(
      migration: selected, reading: facts.reading(of: selected), facts: facts,
      columns: document.textColumns
    ).lines(tab, showsDown: basis.showsDown)
    document.show(basis.live + (basis.live.isEmpty ? [] : [.empty]) + lines)
    if shown != facts.selected {
      shown = facts.selected
      document.rewind()
    }
  }

  /// A number that changes when what is said of locks, tables and their users does.
  private mutating func forecast(_ facts: Facts) -> Int {
    let key = ForecastKey(
      scan: facts.locks.liveNumber, migration: facts.selected, picture: facts.pictureNumber,
      sizes: facts.tables.number,
      isUnderWay: facts.selected.map { facts.isUnderWay($0.version) } ?? false)
    if key != forecastKey {
      forecastKey = key
      forecastNumber = Forecast.fingerprint(facts)
    }
    return forecastNumber
  }

  /// What the forecast was looked up for.
  private struct ForecastKey: Hashable {
    var scan: Int
    var migration: MigrationKey?
    var picture: Int
    var sizes: Int
    var isUnderWay: Bool
  }

  /// How the selected migration stands in its lock queue, while it runs and this pane shows it.
  private func live(_ facts: Facts) -> [DocumentLine] {
    guard let run = facts.run, let current = run.current, slot == .script,
      tab == (current.direction == .up ? .up : .down),
      current.version == facts.selected?.version
    else { return [] }
    let columns = document.textColumns + document.gutter
    let lines =
      StopLines(run: run, now: facts.now).lines(columns: columns)
      + BudgetLines(run: run, now: facts.now).lines(columns: columns)
      + (RunningLockLines(facts)?.lines(columns: columns) ?? [])
    return lines.map { line in
      var line = line
      line.isHeading = true
      return line
    }
  }

  // MARK: - Keys

  mutating func perform(_ action: Action, _ facts: inout Facts) -> [Effect] {
    switch action {
    case .move(let movement): document.move(movement)
    case .scrollRight: document.scroll(8)
    case .scrollLeft: document.scroll(-8)
    case .nextTab: turn(1)
    case .previousTab: turn(-1)
    case .showTab(let index): if tabs.indices.contains(index) { show(tabs[index]) }
    case .nextMatch: document.nextMatch()
    case .previousMatch: document.previousMatch()
    default: break
    }
    return []
  }

  private mutating func turn(_ step: Int) {
    guard let index = tabs.firstIndex(of: tab) else { return }
    show(tabs[(index + step + tabs.count) % tabs.count])
  }

  private mutating func show(_ tab: Tab) {
    guard tab != self.tab else { return }
    self.tab = tab
    document.rewind()
  }

  mutating func find(_ text: String, _ facts: inout Facts) { document.find(text) }
  func finds(_ text: String, _ facts: Facts) -> Bool { document.finds(text) }

  // MARK: - Taking something out

  func copyText(_ facts: Facts, more: Bool) -> String? {
    guard let selected = facts.selectedMigration, let reading = facts.reading(of: selected) else {
      return nil
    }
    let parts = tab == .down ? reading.down : reading.up
    let sql = parts.map(\.sql).joined(separator: "\n")
    guard more else { return sql }
    let files = parts.map(\.script.file.path).joined(separator: ", ")
    let direction = tab == .down ? "down" : "up"
    return "-- \(selected.version) \(selected.name) (\(direction)): \(files)\n" + sql
  }

  func plainText(_ facts: Facts) -> String { document.plainText }

  func place(_ facts: Facts) -> SourceLocation? {
    if let line = document.lineInSight, let file = line.file {
      return SourceLocation(file: file, line: line.number)
    }
    return facts.selectedMigration?.migration?.files.first.map {
      SourceLocation(file: $0.path, line: 1)
    }
  }

  // MARK: - Drawing

  func view(_ facts: Facts, size: Size) -> Frame {
    var frame = Frame(size: size)
    let palette = facts.look.palette
    guard facts.selectedMigration != nil else {
      if facts.picture.status != nil {
        frame.write("no migration is selected", at: .zero, style: palette.dim)
      }
      return frame
    }
    document.draw(on: &frame, in: frame.bounds, facts.look)
    return frame
  }
}
