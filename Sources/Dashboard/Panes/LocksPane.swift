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
  private var position = ListPosition()
  private var skipping = 0
  private var search = TextMatch.all
  private var shown = TextMatch.all
  private var order = Order.asDrawn
  private var isReversed = false
  private var basis: Basis?
  private var size = Size.zero
  private var hasHiddenTexts = false

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
  }

  var bindings: [Binding] {
    [
      Binding([.letter("t")], .tree, hint: "tree/table", "shows the locks as a tree or as a table"),
      Binding([.letter("o")], .sort, "sorts the table by the next column"),
      Binding([.letter("O")], .reverseSort, "reverses the order"),
      Binding(
        [.letter("p")], .freeze, hint: "freeze", "freezes the picture, or lets it live again"),
      Binding([.letter("y")], .copy, hint: "copy", "copies the session's row"),
      Binding([.letter("Y")], .copyMore, "copies the row with the whole query"),
    ] + SessionPane.signalBindings
  }

  var isNarrowed: Bool { !shown.isEmpty || !search.isEmpty }

  func heading(_ facts: Facts) -> Heading {
    let locks = facts.locks
    var words: [String] = []
    if !shown.isEmpty { words.append("& \(shown.text)") }
    if order != .asDrawn, locks.form == .table { words.append("by \(order.rawValue)") }
    guard let at = locks.at, let waiting = locks.waiting else {
      return Heading(name, note: (words + ["waiting ?"]).joined(separator: "  "))
    }
    if waiting == 0, lines.contains(where: \.isObstacle), let version = facts.selected?.version {
      words.append("! \(version) would wait")
    }
    words.append("waiting \(waiting)")
    if waiting > 0, locks.roots > 0 { words.append("roots \(locks.roots)") }
    if locks.problem != nil {
      let age = Double(facts.now.microseconds(since: at)) / 1000
      words.append("\(Words.duration(milliseconds: age)) old")
    } else {
      words.append("probe \(Words.duration(milliseconds: locks.costMilliseconds))")
    }
    return Heading(name, note: words.joined(separator: "  "))
  }

  // MARK: - Following the facts

  mutating func settle(_ facts: inout Facts, size: Size) {
    self.size = size
    let basis = Basis(
      scan: facts.locks.number, form: facts.locks.form, selected: facts.selected,
      picture: facts.pictureNumber, shown: shown, order: order, isReversed: isReversed)
    if basis != self.basis {
      self.basis = basis
      let selected =
        lines.indices.contains(position.selected) ? lines[position.selected].owner : nil
      rebuild(facts)
      let index = lines.firstIndex { $0.owner == selected } ?? position.selected
      position.select(index, count: lines.count, height: rowCount)
      facts.locks.rowsWanted = facts.locks.waiting ?? 0 > 0 ? lines.count + 1 : 0
    }
    facts.locks.selected =
      lines.indices.contains(position.selected) ? lines[position.selected].owner : nil
  }

  private mutating func rebuild(_ facts: Facts) {
    guard let scan = facts.locks.scan else {
      lines = []
      return
    }
    lines = LockLine.lines(of: scan, form: facts.locks.form, obstacles: facts.wantedLocks)
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

  /// Rows for lines: all but the titles and the notes below.
  private var rowCount: Int { max(1, size.rows - (hasTitles ? 1 : 0)) }
  private var hasTitles: Bool { size.rows >= 3 }

  // MARK: - Keys

  mutating func perform(_ action: Action, _ facts: inout Facts) -> [Effect] {
    switch action {
    case .move(let movement): move(movement)
    case .scrollRight: skipping += 8
    case .scrollLeft: skipping = max(0, skipping - 8)
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

  private mutating func move(_ movement: Action.Movement) {
    let page = max(1, rowCount - 1)
    let step: Int
    switch movement {
    case .lineUp: step = -1
    case .lineDown: step = 1
    case .halfUp: step = -max(1, rowCount / 2)
    case .halfDown: step = max(1, rowCount / 2)
    case .pageUp: step = -page
    case .pageDown: step = page
    case .wheelUp: step = -3
    case .wheelDown: step = 3
    case .first: step = -lines.count
    case .last: step = lines.count
    }
    position.move(by: step, count: lines.count, height: rowCount)
  }

  mutating func click(_ point: Point, _ facts: inout Facts) -> [Effect] {
    let row = point.row - (hasTitles ? 1 : 0)
    let index = position.visibleTop(count: lines.count, height: rowCount) + row
    if row >= 0, lines.indices.contains(index) {
      position.select(index, count: lines.count, height: rowCount)
    }
    return []
  }

  mutating func find(_ text: String, _ facts: inout Facts) {
    search = TextMatch(text)
    go(from: position.selected, step: 1)
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

  func plainText(_ facts: Facts) -> String {
    let titles = "pid\twho\tstate\twait\ttransaction\tlock\ton\tblocks\tkept by\tquery\n"
    return titles + lines.map { $0.columns.joined(separator: "\t") + "\n" }.joined()
  }

  // MARK: - Drawing

  func view(_ facts: Facts, size: Size) -> Frame {
    var frame = Frame(size: size)
    let palette = facts.look.palette
    guard facts.locks.scan != nil else {
      for (row, text) in TextWidth.wrap(reasonForNothing(facts), to: size.columns).enumerated() {
        frame.write(text, at: Point(column: 0, row: row), style: palette.dim)
      }
      return frame
    }
    let notes = self.notes(facts)
    guard !lines.isEmpty else {
      let words =
        shown.isEmpty
        ? "nobody waits, and no open transaction holds a table" : "nothing matches & \(shown.text)"
      frame.write(words, at: .zero, style: palette.dim)
      draw(notes, on: &frame, from: 1)
      return frame
    }
    if !hasTitles {
      drawStrip(on: &frame, facts)
      return frame
    }
    let table = self.table(size.columns)
    let isFocusedLook = palette.selection
    frame.tableTitles(table.table, in: frame.bounds.row(0), style: palette.columnTitle)
    let top = position.visibleTop(count: lines.count, height: rowCount)
    let seen = lines.dropFirst(top).prefix(rowCount)
    for (row, line) in seen.enumerated() {
      let place = frame.bounds.row(row + 1)
      frame.tableRow(table.table, texts(line, table, facts), in: place)
      if top + row == position.selected { frame.overlay(isFocusedLook, on: place) }
    }
    draw(notes, on: &frame, from: seen.count + 2)
    return frame
  }

  private func reasonForNothing(_ facts: Facts) -> String {
    if let problem = facts.locks.problem { return "unknown: \(problem.what)" }
    switch facts.connection {
    case .unconfigured: return "unknown: no database is named (--url, DATABASE_URL or PGHOST)"
    case .connecting: return "unknown: connecting to \(facts.target.place)\(facts.look.ellipsis)"
    case .lost(let diagnostic, _): return "unknown: \(diagnostic.what)"
    case .connected: return "unknown: not asked yet"
    }
  }

  /// What is to be known about the picture itself.
  private func notes(_ facts: Facts) -> [String] {
    var notes: [String] = []
    if let problem = facts.locks.problem {
      notes.append("! no newer answer: \(problem.what)")
    }
    switch facts.locks.scan?.graph.certainty {
    case .cycle: notes.append("! a circle of waiters: the server ends it after deadlock_timeout")
    case .orderUnknown:
      notes.append("the order of the queue is a guess: the server does not tell it")
    case .certain, .verified, nil: break
    }
    if hasHiddenTexts { notes.append("texts of other roles are hidden: grant pg_read_all_stats") }
    if facts.locks.scan?.graph.nodes.isEmpty == true, lines.contains(where: \.isObstacle),
      let selected = facts.selectedMigration
    {
      notes.append("! \(selected.version) would wait for the marked sessions")
    }
    return notes
  }

  private func draw(_ notes: [String], on frame: inout Frame, from row: Int) {
    for (index, note) in notes.enumerated() {
      frame.write(note, at: Point(column: 0, row: row + index))
    }
  }

  /// The one or two lines of a strip, without titles.
  private func drawStrip(on frame: inout Frame, _ facts: Facts) {
    let palette = facts.look.palette
    let top = position.visibleTop(count: lines.count, height: rowCount)
    for (row, line) in lines.dropFirst(top).prefix(rowCount).enumerated() {
      var text = StyledText(line.isObstacle ? "!" : " ", palette.warning)
      text.append("\(line.on)  ", palette.strong)
      text.append(line.pid.isEmpty ? "" : "pid \(line.pid) ", palette.text)
      text.append(line.who + "  ", line.isOurs ? palette.active : palette.text)
      let time = line.wait == "-" ? line.transaction : line.wait
      text.append("\(line.state) \(time)  ", palette.text)
      text.append(line.wait == "-" ? "holds \(line.lock)" : "asks \(line.lock)", palette.text)
      if !line.blocks.isEmpty { text.append("  blocks \(line.blocks)", palette.warning) }
      let place = frame.bounds.row(row)
      frame.write(text, at: place.origin, within: place, skipping: skipping)
    }
  }

  /// The columns at a width, and which of a line's texts each shows.
  private struct Columns {
    var table: Table
    var isShort: Bool
    var hasTransaction: Bool
    var hasQuery: Bool
  }

  private func table(_ width: Int) -> Columns {
    let isShort = width < 100
    let hasQuery = width >= 110
    var columns = [
      Table.Column("   PID", .fixed(6)),
      Table.Column("WHO", .share(weight: 3, minimum: 14)),
      Table.Column("STATE", .fixed(13)),
      Table.Column("WAIT", .fixed(6)),
    ]
    if hasQuery { columns.append(Table.Column("XACT", .fixed(6))) }
    columns.append(Table.Column("LOCK", .fixed(isShort ? 14 : 22)))
    columns.append(Table.Column("ON", .share(weight: 2, minimum: 8)))
    columns.append(Table.Column("BLOCKS", .fixed(6)))
    if hasQuery { columns.append(Table.Column("QUERY", .share(weight: 3, minimum: 10))) }
    return Columns(
      table: Table(columns: columns, gap: isShort ? 1 : 2), isShort: isShort,
      hasTransaction: hasQuery, hasQuery: hasQuery
    )
  }

  private func texts(_ line: LockLine, _ columns: Columns, _ facts: Facts) -> [StyledText] {
    let palette = facts.look.palette
    func text(_ text: String, _ style: Style? = nil) -> StyledText {
      StyledText(text, style ?? palette.text).marking(search, palette.match)
    }
    let isChild = line.depth > 0
    let first =
      isChild
      ? text(" \(line.edge)", palette.dim)
      : text(TextWidth.pad(line.pid, to: 6, alignment: .trailing), palette.strong)
    var who = StyledText.empty
    if isChild {
      who.append(branches(line, facts.look.borders), palette.dim)
      who.append(line.pid + " ", palette.text)
    }
    if line.isObstacle { who.append("! ", palette.warning) }
    who.append(line.who, line.isOurs ? palette.active : palette.text)
    if line.isDeadlock { who.append(" deadlock?", palette.danger) }
    let isWaiting = line.wait != "-"
    var texts = [
      first, who.marking(search, palette.match),
      text(line.state, isWaiting ? palette.warning : nil),
      text(line.wait, isWaiting ? palette.warning : palette.dim),
    ]
    if columns.hasTransaction { texts.append(text(line.transaction)) }
    texts.append(text(columns.isShort ? line.mode?.shortName ?? "" : line.lock))
    texts.append(text(line.on))
    texts.append(text(line.blocks, palette.warning))
    if columns.hasQuery {
      texts.append(text(String(TextWidth.clipped(line.query, skipping)), palette.dim))
    }
    return texts
  }

  private func branches(_ line: LockLine, _ borders: BorderSet) -> String {
    var text = String(repeating: "  ", count: line.depth - 1)
    let isLast = !(line.continues.last ?? false)
    text.unicodeScalars.append(isLast ? borders.lastBranch : borders.branch)
    return text + " "
  }
}

extension LockLine {
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
