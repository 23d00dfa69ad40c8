import Canvas
import Diagnostics
import MigrationModel
import PostgresModel

/// Who waits for whom, and, while nobody waits, whose open transaction would be in the way.
struct LocksPane: Pane {
  let number = 4
  let name = "Locks"
  let slot = Slot.locks

  private(set) var lines: [LockLine] = []
  private(set) var position = ListPosition()
  private(set) var skipping = 0
  private(set) var search = TextMatch.all
  private(set) var shown = TextMatch.all
  private var order = Order.asDrawn
  private var isReversed = false
  /// Sessions whose waiters are not drawn.
  private var folded: Set<LockOwner> = []
  /// The session that the selection stays on, also while it is not in the picture.
  private(set) var followed: LockOwner?
  /// Whether somebody has chosen a session; until then it is the one that keeps ours waiting.
  private var isChosen = false
  private var sawRun = false
  private var basis: Basis?
  private var size = Size.zero
  /// What is to be known about the picture itself, below its rows.
  private(set) var notes: [String] = []
  private(set) var hasHiddenTexts = false

  /// What the rows of the table are sorted by.
  enum Order: String, Sendable, Hashable, CaseIterable {
    case asDrawn = "order of the tree"
    case victims = "sessions blocked"
    case who = "who"
    case lock = "what is locked"
  }

  /// What the lines were made from.
  private struct Basis: Hashable {
    var scan: Int
    var form: LockPicture.Form
    var selected: MigrationKey?
    var picture: Int
    var shown: TextMatch
    var order: Order
    var isReversed: Bool
    var folded: Set<LockOwner>
    var wanted: WantedLocks
  }

  var bindings: [Binding] {
    [
      Binding([.letter("f")], .follow, hint: "follow", "keeps the selection on this session"),
      Binding([.letter("t")], .tree, hint: "tree/table", "shows the locks as a tree or as a table"),
      Binding([.letter("o")], .sort, "sorts the table by the next column"),
      Binding([.letter("O")], .reverseSort, "reverses the order"),
      Binding(
        [.letter("p")], .freeze, hint: "freeze", "freezes the picture, or lets it live again"),
      Binding(
        [.letter("v")], .verify, hint: "verify", "asks the server itself who blocks whom, once"),
      Binding([.letter("h"), .left], .scrollLeft, "folds the waiters below, or scrolls"),
      Binding([.letter("l"), .right], .scrollRight, "unfolds the waiters below, or scrolls"),
      Binding([.letter("y")], .copy, hint: "copy", "copies the session's row"),
      Binding([.letter("Y")], .copyMore, "copies the row with the whole query"),
    ] + SessionPane.signalBindings + TimelinePane.walkBindings
  }

  var isNarrowed: Bool { !shown.isEmpty || !search.isEmpty }

  func heading(_ facts: Facts) -> Heading {
    let locks = facts.locks
    var words: [String] = []
    if let past = locks.past { words.append("PAST \(Words.clock(past.at))") }
    if !shown.isEmpty { words.append("& \(shown.text)") }
    if let followed {
      let name = followed.pid.map(String.init) ?? SessionWords.name(followed, nil)
      words.append(
        lines.isEmpty || selectedLine?.owner != followed ? "\(name) is not here" : "follows \(name)"
      )
    }
    if order != .asDrawn, locks.form == .table { words.append("by \(order.rawValue)") }
    guard let at = locks.at, let waiting = locks.past?.scan.snapshot.waiting ?? locks.waiting else {
      return Heading(name, note: (words + ["waiting ?"]).joined(separator: "  "))
    }
    if waiting == 0, lines.contains(where: \.isObstacle), let version = facts.selected?.version {
      words.append("! \(version) would wait")
    }
    words.append("waiting \(waiting)")
    if waiting > 0, locks.roots > 0 { words.append("roots \(locks.roots)") }
    let sorted = order != .asDrawn && locks.form == .table ? "by \(order.rawValue)" : ""
    var short = [locks.past == nil ? "" : "PAST", sorted, "waiting \(waiting)"]
      .filter { !$0.isEmpty }
    if locks.problem != nil {
      let age = Double(facts.now.microseconds(since: at)) / 1000
      words.append("\(Words.duration(milliseconds: age)) old")
      short.append("\(Words.duration(milliseconds: age)) old")
    } else if let interval = locks.backsOffTo {
      words.append("backing off: every \(Words.interval(milliseconds: interval))")
    }
    if let cost = locks.costMilliseconds {
      words.append("probe \(Words.duration(milliseconds: cost))")
    }
    return Heading(
      name, note: words.joined(separator: "  "), shortNote: short.joined(separator: "  "))
  }

  // MARK: - Following the facts

  mutating func settle(_ facts: inout Facts, size: Size) {
    self.size = size
    let basis = Basis(
      scan: facts.locks.number, form: facts.locks.form, selected: facts.selected,
      picture: facts.pictureNumber, shown: shown, order: order, isReversed: isReversed,
      folded: folded, wanted: facts.wantedLocks)
    if facts.isRunning != sawRun {
      sawRun = facts.isRunning
      // Whoever looks on while something runs looks for what is in its way.
      if sawRun { isChosen = false }
    }
    if basis != self.basis {
      self.basis = basis
      let selected = followed ?? selectedLine?.owner
      rebuild(facts)
      let index = lines.firstIndex { $0.owner == selected } ?? position.selected
      position.select(index, count: lines.count, height: rowCount)
      if followed == nil, !isChosen { showOurs() }
      facts.locks.rowsWanted = facts.locks.waiting ?? 0 > 0 ? lines.count + 1 : 0
    }
    if facts.locks.scan == nil, size.columns > 0 {
      // Why nothing is known is read to its end.
      facts.locks.rowsWanted = max(
        0, TextWidth.wrap(reasonForNothing(facts), to: size.columns).count - 1)
    }
    notes = findNotes(facts)
    facts.locks.selected = selectedOwner
  }

  /// Selects who keeps our session waiting, with ours in sight below.
  private mutating func showOurs() {
    guard let ours = lines.firstIndex(where: { $0.isOurs && $0.isWaiting && $0.depth > 0 }),
      let blocker = lines[..<ours].lastIndex(where: { $0.depth == lines[ours].depth - 1 })
    else { return }
    position.select(ours, count: lines.count, height: rowCount)
    position.select(blocker, count: lines.count, height: rowCount)
  }

  private var selectedLine: LockLine? {
    lines.indices.contains(position.selected) ? lines[position.selected] : nil
  }

  /// While a session is followed that is not in the picture, nobody is selected in its place.
  private var selectedOwner: LockOwner? {
    guard let followed else { return selectedLine?.owner }
    return selectedLine?.owner == followed ? followed : nil
  }

  private mutating func rebuild(_ facts: Facts) {
    guard let scan = facts.locks.scan else {
      lines = []
      return
    }
    lines = LockLine.lines(
      of: scan, form: facts.locks.form, wanted: facts.wantedLocks, folded: folded,
      differing: facts.locks.differing)
    if !shown.isEmpty { lines = lines.filter { shown.accepts($0.searchText) } }
    hasHiddenTexts = scan.snapshot.sessions.values.contains { $0.isHidden }
    guard facts.locks.form == .table else { return }
    switch order {
    case .asDrawn: break
    case .victims:
      let victims = Dictionary(
        scan.graph.nodes.map { ($0.owner, $0.victims) }, uniquingKeysWith: { first, _ in first })
      lines.sort { victims[$0.owner, default: 0] > victims[$1.owner, default: 0] }
    case .who: lines.sort { ($0.who, $0.pid) < ($1.who, $1.pid) }
    case .lock: lines.sort { ($0.on, $0.pid) < ($1.on, $1.pid) }
    }
    if isReversed { lines.reverse() }
  }

  /// Rows for lines: all but the titles, and the notes below where there is room for both.
  var rowCount: Int { max(1, size.rows - (hasTitles ? 1 : 0) - noteCount) }
  var hasTitles: Bool { size.rows >= 3 }
  /// Notes that are kept in sight however many lines there are.
  var noteCount: Int { min(notes.count, max(0, (size.rows - 2) / 3)) }

  // MARK: - Keys

  mutating func perform(_ action: Action, _ facts: inout Facts) -> [Effect] {
    switch action {
    case .move, .scrollRight, .scrollLeft, .follow, .nextMatch, .previousMatch: isChosen = true
    default: break
    }
    switch action {
    case .move(let movement): move(movement)
    case .scrollRight: if !unfold(facts) { skipping += 8 }
    case .scrollLeft: if !fold(facts) { skipping = max(0, skipping - 8) }
    case .follow: followed = followed == nil ? selectedLine?.owner : nil
    case .tree: facts.locks.form = facts.locks.form == .tree ? .table : .tree
    case .sort:
      facts.locks.form = .table
      let next = (Order.allCases.firstIndex(of: order) ?? 0) + 1
      order = Order.allCases[next % Order.allCases.count]
    case .reverseSort:
      facts.locks.form = .table
      isReversed.toggle()
    case .nextMatch: go(from: position.selected + 1, step: 1)
    case .previousMatch: go(from: position.selected - 1, step: -1)
    default: break
    }
    return []
  }

  /// Folds what stands below the selected session, or else goes to the one above it.
  private mutating func fold(_ facts: Facts) -> Bool {
    guard facts.locks.form == .tree, skipping == 0, let line = selectedLine else { return false }
    if line.hasChildren, !folded.contains(line.owner) {
      folded.insert(line.owner)
      return true
    }
    guard line.depth > 0,
      let parent = lines[..<position.selected].lastIndex(where: { $0.depth == line.depth - 1 })
    else { return false }
    position.select(parent, count: lines.count, height: rowCount)
    return true
  }

  private mutating func unfold(_ facts: Facts) -> Bool {
    guard facts.locks.form == .tree, let line = selectedLine else { return false }
    return folded.remove(line.owner) != nil
  }

  private mutating func move(_ movement: Action.Movement) {
    // Whoever moves on does not follow any more.
    followed = nil
    let step =
      movement.rows(height: rowCount) ?? (movement == .first ? -lines.count : lines.count)
    position.move(by: step, count: lines.count, height: rowCount)
  }

  mutating func click(_ point: Point, _ facts: inout Facts) -> [Effect] {
    let row = point.row - (hasTitles ? 1 : 0)
    let index = position.visibleTop(count: lines.count, height: rowCount) + row
    if row >= 0, lines.indices.contains(index) {
      isChosen = true
      position.select(index, count: lines.count, height: rowCount)
    }
    return []
  }

  mutating func find(_ text: String, _ facts: inout Facts) {
    search = TextMatch(text)
    isChosen = true
    go(from: position.selected, step: 1)
  }

  func finds(_ text: String, _ facts: Facts) -> Bool {
    let match = TextMatch(text)
    return lines.contains { match.accepts($0.searchText) }
  }

  mutating func filter(_ text: String, _ facts: inout Facts) { shown = TextMatch(text) }

  private mutating func go(from start: Int, step: Int) {
    guard !search.isEmpty, !lines.isEmpty else { return }
    for distance in 0..<lines.count {
      let index = ((start + distance * step) % lines.count + lines.count) % lines.count
      if search.accepts(lines[index].searchText) {
        return position.select(index, count: lines.count, height: rowCount)
      }
    }
  }

  // MARK: - Taking something out

  func copyText(_ facts: Facts, more: Bool) -> String? {
    guard lines.indices.contains(position.selected) else { return nil }
    let line = lines[position.selected]
    guard more, let pid = line.owner.pid,
      let query = facts.locks.scan?.snapshot.sessions[pid]?.query
    else { return line.columns.joined(separator: "\t") }
    return line.columns.joined(separator: "\t") + "\n" + query
  }

  func plainText(_ facts: Facts) -> String { export(.text, facts) ?? "" }

  func export(_ format: ExportFormat, _ facts: Facts) -> String? {
    guard format != .text, let scan = facts.locks.scan else {
      return format.text(titles: LockLine.columnTitles, rows: lines.map(\.columns))
    }
    return format.table(titles: LockRecords.titles, rows: LockRecords.rows(lines, scan))
  }
}

extension LockLine {
  static let columnTitles = [
    "pid", "who", "state", "wait", "transaction", "lock", "on", "blocks", "kept by", "query",
  ]

  /// What a search or a filter looks in.
  var searchText: String { "\(pid) \(who) \(state) \(lock) \(on) \(query)" }

  /// The columns of a text file or of the clipboard.
  var columns: [String] { [pid, who, state, wait, transaction, lock, on, blocks, edge, query] }
}

extension LockMode {
  /// For columns too narrow for the manual's spelling; still unmistakable.
  var shortName: String {
    switch self {
    case .shareUpdateExclusive: "SHARE UPD EXCL"
    case .shareRowExclusive: "SHARE ROW EXCL"
    case .accessExclusive: "ACCESS EXCL"
    case .rowExclusive: "ROW EXCL"
    default: sqlName
    }
  }
}

extension TextWidth {
  /// A text without its first cells, for a column that is scrolled.
  static func clipped(_ text: String, _ skipping: Int) -> Substring { text.dropFirst(skipping) }
}
