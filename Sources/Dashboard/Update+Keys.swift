import Canvas
import MigrationModel
import PostgresModel

extension Model {
  /// Answers one key, click or paste.
  mutating func answer(_ key: Key) -> [Effect] {
    // These three mean the same wherever they are pressed.
    switch key {
    case .control("c"): return interrupt()
    case .control("z"): return [.suspend]
    case .control("l"): return [.repaint]
    default: break
    }
    if interruption == .asked { interruption = .none }
    if key != .character("D") { mayRollBackRun = false }
    lastWord = nil
    switch overlay {
    case .prompt(let prompt): return press(key, in: prompt)
    case .help(var sheet):
      if sheet.handle(key, height: sheet.height(in: sheetArea)) {
        overlay = .help(sheet)
      } else {
        overlay = nil
      }
      return []
    case .plan(let sheet): return press(key, in: sheet)
    case .signal(let sheet): return press(key, in: sheet)
    case nil: break
    }
    if case .mouse(let event) = key { return mouse(event) }
    guard let action = action(for: key) else {
      // A slip of the finger is told from a key that has not arrived.
      if case .character = key { say("\(key) does nothing here; ? shows the keys") }
      return []
    }
    return perform(action)
  }

  /// The keys of the focused pane go before those of all.
  func action(for key: Key) -> Action? {
    focusedPane.flatMap { Bindings.action(for: key, in: $0.bindings) }
      ?? Bindings.action(for: key, in: Bindings.everywhere)
  }

  // MARK: - Actions

  /// Does what a key or a command asks for.
  mutating func perform(_ action: Action) -> [Effect] {
    switch action {
    case .focus(let number):
      // The number of the pane that has the focus gives it the whole screen.
      if number == focus, !isZoomed { zoom() } else { leaveZoom(to: number) }
      return []
    case .nextPane: return cycle(by: 1)
    case .previousPane: return cycle(by: -1)
    case .openLocks:
      guard let locks = panes.first(where: { $0.slot == .locks })?.number else { return [] }
      if focus != locks { goOn(to: locks) }
      if !isZoomed { zoom() }
      return watch.due(facts, isLookedAt: true).map { watch.ask($0, at: facts.now) } ?? []
    case .open: return open()
    case .back:
      back()
      return []
    case .leave: return canGoBack ? perform(.back) : leave()
    case .quit: return leave()
    case .search: return prompt(.search)
    case .filter: return prompt(.filter)
    case .command: return prompt(.command)
    case .help:
      overlay = .help(HelpSheet(pane: focusedPane, look: facts.look))
      return []
    case .reload:
      say("reading anew")
      return reload()
    case .repaint: return [.repaint]
    case .suspend: return [.suspend]
    case .interrupt: return interrupt()
    case .freeze:
      facts.frozenAt = facts.isFrozen ? nil : facts.now
      return []
    case .slower: return changeInterval { min($0 * 2, 60_000) }
    case .faster: return changeInterval { max($0 / 2, 250) }
    case .applyNext:
      // Nothing else can be applied before it is settled.
      if let selected = facts.selectedMigration, selected.unfinished != nil {
        return plan(.resume(selected.version))
      }
      return plan(.up(to: nil, count: 1, allowOutOfOrder: false))
    case .applyTo: return applyToSelected()
    case .rollBack: return plan(.down(to: nil, count: 1))
    case .verify: return verify()
    case .stepBack: return walk(.back)
    case .stepForward: return walk(.forward)
    case .firstPicture: return walk(.first)
    case .livePicture: return walk(.live)
    case .stepAside: return stepAside()
    case .nextStatement: return decide(.next)
    case .runRest: return decide(.rest)
    case .rollBackRun: return decide(.rollBack)
    case .cancelSession: return openSignal(.cancel)
    case .endSession: return openSignal(.end)
    case .copy: return copy(more: false)
    case .copyMore: return copy(more: true)
    case .page: return focusedPane.map { [.page($0.plainText(facts))] } ?? []
    case .save: return save(.text)
    case .proveItem: return proveSelected()
    case .proveAll: return prove(facts.selected?.version)
    case .rehearse: return rehearse(facts.selected?.version)
    case .sign: return ask(.sign)
    case .waive: return ask(.waive)
    case .note: return ask(.note)
    case .takeBack: return takeBack()
    case .export: return promptExport()
    case .saveEvidence: return saveEvidence()
    case .edit: return edit()
    default: return withPane(focus) { $0.perform(action, &$1) }
    }
  }

  private mutating func changeInterval(_ change: (Int) -> Int) -> [Effect] {
    facts.intervalMilliseconds = change(facts.intervalMilliseconds)
    say("the server is asked every \(Words.interval(milliseconds: facts.intervalMilliseconds))")
    return []
  }

  private mutating func applyToSelected() -> [Effect] {
    guard let selected = facts.selectedMigration else {
      say("no migration is selected")
      return []
    }
    guard selected.state != .applied else {
      say("\(selected.version) is applied; `:to \(selected.version)` rolls back all above it")
      return []
    }
    return plan(.up(to: selected.version, count: nil, allowOutOfOrder: false))
  }

  // MARK: - Where the focus is

  var canGoBack: Bool {
    isZoomed || !trail.isEmpty || (focusedPane?.isNarrowed ?? false) || covered != nil
  }

  /// The pane whose place the focused one has taken; going back gives it back.
  private var covered: Int? {
    guard !isZoomed, let place = arrangement.panes.first(where: { $0.pane == focus }) else {
      return nil
    }
    if arrangement.panes.count == 1 {
      let list = panes.first { $0.slot == .list }?.number
      return list == focus ? nil : list
    }
    let usual = Arrangement(
      size: size, panes: panes, facts: facts, focus: focus, raised: [], isZoomed: false)
    let owner = usual.panes.first { $0.area == place.area }?.pane
    return owner == focus ? nil : owner
  }

  private mutating func zoom() {
    trail.append(Station(focus: focus, isZoomed: isZoomed))
    isZoomed = true
  }

  private mutating func goOn(to number: Int) {
    trail.append(Station(focus: focus, isZoomed: isZoomed))
    focus(on: number)
  }

  private mutating func leaveZoom(to number: Int) {
    _ = withPane(focus) { pane, _ in
      pane.close()
      return []
    }
    isZoomed = false
    trail = []
    focus(on: number)
  }

  private mutating func open() -> [Effect] {
    guard !opensInPane() else { return [] }
    if focusedPane?.slot == .list, let script = panes.first(where: { $0.slot == .script })?.number {
      goOn(to: script)
      isZoomed = true
    } else if opensSession, let detail = panes.first(where: { $0.slot == .detail })?.number {
      goOn(to: detail)
      isZoomed = true
    } else if isZoomed {
      back()
    } else {
      zoom()
    }
    return []
  }

  /// Whether the locks have the whole screen already, so that opening goes on to the selected session.
  var opensSession: Bool {
    focusedPane?.slot == .locks && facts.locks.selected != nil && arrangement.panes.count == 1
      && panes.contains { $0.slot == .detail && $0.isInUse(facts) }
  }

  /// Lets the focused pane open what it has selected, with the whole screen for it.
  private mutating func opensInPane() -> Bool {
    var isOpen = false
    let facts = facts
    _ = withPane(focus) { pane, _ in
      isOpen = pane.open(facts)
      return []
    }
    if isOpen { zoom() }
    return isOpen
  }

  private mutating func back() {
    _ = withPane(focus) { pane, _ in
      pane.close()
      return []
    }
    if isZoomed || !trail.isEmpty {
      let station = trail.popLast() ?? Station(focus: focus, isZoomed: false)
      isZoomed = station.isZoomed
      focus(on: station.focus)
    } else if focusedPane?.isNarrowed == true {
      _ = withPane(focus) {
        $0.filter("", &$1)
        $0.find("", &$1)
        return []
      }
    } else if let covered {
      focus(on: covered)
    }
  }

  private mutating func cycle(by step: Int) -> [Effect] {
    // One pane at a time shows every pane in turn; otherwise those on the screen.
    let isSingle = arrangement.panes.count <= 1
    let numbers =
      isSingle
      ? panes.filter { $0.isInUse(facts) }.map(\.number) : arrangement.panes.map(\.pane).sorted()
    guard let index = numbers.firstIndex(of: focus), !numbers.isEmpty else { return [] }
    focus(on: numbers[(index + step + numbers.count) % numbers.count])
    return []
  }

  private mutating func mouse(_ event: MouseEvent) -> [Effect] {
    // Where two share a line it is the heading of the lower one.
    guard let place = arrangement.panes.last(where: { $0.area.contains(event.point) }) else {
      return []
    }
    let inside = arrangement.inside(place)
    switch event.kind {
    case .wheelUp: return withPane(place.pane) { $0.perform(.move(.wheelUp), &$1) }
    case .wheelDown: return withPane(place.pane) { $0.perform(.move(.wheelDown), &$1) }
    case .release: return []
    case .press, .doublePress:
      if focus != place.pane { focus(on: place.pane) }
      var effects: [Effect] = []
      if let tab = tab(at: event.point, in: place) {
        return withPane(place.pane) { $0.perform(.showTab(tab), &$1) }
      }
      if inside.contains(event.point) {
        let point = Point(
          column: event.point.column - inside.left, row: event.point.row - inside.top)
        effects = withPane(place.pane) { $0.click(point, &$1) }
      }
      if event.kind == .doublePress { effects += open() }
      return effects
    }
  }

  /// Which tab of a pane's title stands at a point, counted from 0.
  private func tab(at point: Point, in place: Arrangement.Place) -> Int? {
    guard arrangement.hasBorders, point.row == place.area.top,
      let pane = panes.first(where: { $0.number == place.pane })
    else { return nil }
    let parts = pane.heading(facts).parts
    guard parts.count > 1 else { return nil }
    // Corner, line and blank, then the number and a blank; brackets stand around the chosen one.
    var column = place.area.left + 3 + "\(pane.number) ".count
    for (index, part) in parts.enumerated() {
      let width = TextWidth.of(part.text) + (part.isChosen ? 2 : 0)
      if (column..<(column + width)).contains(point.column) { return index }
      column += width + 2
    }
    return nil
  }

  // MARK: - The locks

  private mutating func walk(_ step: LockPicture.Walk) -> [Effect] {
    if let reason = facts.locks.walk(step) { say(reason) }
    return []
  }

  private mutating func verify() -> [Effect] {
    guard facts.locks.past == nil else {
      say("this is the past; 7 End leads to the present")
      return []
    }
    guard facts.connection.server != nil, !facts.isFrozen else {
      say(facts.isFrozen ? "the picture is frozen; p lets it live" : "no connection")
      return []
    }
    say("asking pg_blocking_pids for every waiter")
    return watch.ask(.verified, at: facts.now)
  }

  // MARK: - Taking something out

  private mutating func copy(more: Bool) -> [Effect] {
    guard let text = focusedPane?.copyText(facts, more: more), !text.isEmpty else {
      say("nothing here to copy")
      return []
    }
    return [.copy(text)]
  }

  mutating func save(_ format: ExportFormat) -> [Effect] {
    guard let pane = focusedPane else { return [] }
    guard let text = pane.export(format, facts) else {
      say("\(pane.name) is saved as txt only", .warning)
      return []
    }
    let name = "lockstep-\(pane.name.lowercased())-\(facts.now.versionText).\(format.rawValue)"
    return [.save(name: name, text: text)]
  }

  private mutating func edit() -> [Effect] {
    guard let place = focusedPane?.place(facts) else {
      say("no file here to edit")
      return []
    }
    return [.edit(path: place.file, line: place.line ?? 1)]
  }

  // MARK: - Leaving

  private mutating func leave() -> [Effect] {
    guard facts.isRunning else { return [.quit] }
    say("a run is in flight: ^C cancels it; ^C again leaves when the server has answered", .warning)
    return []
  }

  /// Once cancels our statement, twice leaves when the server has answered, thrice leaves at once.
  private mutating func interrupt() -> [Effect] {
    guard facts.isRunning else {
      if facts.checks.isRunning, facts.checks.log?.isCancelling == false { return cancelCheck() }
      if overlay != nil, interruption == .none {
        overlay = nil
        interruption = .asked
        say("^C again leaves")
        return []
      }
      if interruption == .asked { return [.quit] }
      interruption = .asked
      say("nothing runs; ^C again leaves")
      return []
    }
    let version = facts.run?.current?.version
    switch interruption {
    case .none, .asked:
      interruption = .cancelling
      facts.run?.cancel(at: facts.now)
      let what =
        version.map { "cancelling \($0): its transaction rolls back" }
        ?? "cancelling the run: no migration is at work at this moment"
      say("\(what); ^C again leaves after that", .warning)
      return [.cancelRun]
    case .cancelling:
      interruption = .leaving
      guard let version else {
        say("leaving as soon as the run has ended", .warning)
        return []
      }
      say(
        "leaving as soon as the server has answered for \(version); ^C once more leaves at once,"
          + " and nobody knows then whether a COMMIT on its way was done", .warning)
      return []
    case .leaving: return [.quit]
    }
  }
}
