import Canvas
import Diagnostics
import MigrationModel
import PostgresModel

extension LocksPane {
  func view(_ facts: Facts, size: Size) -> Frame {
    var frame = Frame(size: size)
    let palette = facts.look.palette
    guard facts.locks.scan != nil else {
      for (row, text) in TextWidth.wrap(reasonForNothing(facts), to: size.columns).enumerated() {
        frame.write(text, at: Point(column: 0, row: row), style: palette.dim)
      }
      return frame
    }
    guard !lines.isEmpty else {
      let words =
        shown.isEmpty
        ? "nobody waits, and no open transaction holds a table" : "nothing matches & \(shown.text)"
      frame.write(words, at: .zero, style: palette.dim)
      draw(notes, on: &frame, from: 1, palette)
      drawTrend(on: &frame, facts, above: 2 + notes.count)
      return frame
    }
    if !hasTitles {
      drawStrip(on: &frame, facts)
      return frame
    }
    let table = LockColumns(for: lines, width: size.columns)
    frame.tableTitles(table.table, in: frame.bounds.row(0), style: palette.columnTitle)
    let top = position.visibleTop(count: lines.count, height: rowCount)
    let seen = lines.dropFirst(top).prefix(rowCount)
    for (row, line) in seen.enumerated() {
      let place = frame.bounds.row(row + 1)
      frame.tableRow(table.table, texts(line, table, facts), in: place)
      let isSelected = top + row == position.selected && facts.locks.selected == line.owner
      if isSelected { frame.overlay(palette.selection, on: place) }
    }
    // A blank line parts them where there is room for one.
    let after = 1 + seen.count
    let gap = after + notes.count < size.rows ? 1 : 0
    draw(notes, on: &frame, from: after + gap, palette)
    drawTrend(on: &frame, facts, above: after + gap + notes.count + 1)
    return frame
  }

  func reasonForNothing(_ facts: Facts) -> String {
    func told(_ problem: Diagnostic) -> String {
      "unknown: \(problem.what)" + (problem.next.map { "; next: \($0)" } ?? "")
    }
    if let problem = facts.locks.problem { return told(problem) }
    switch facts.connection {
    case .unconfigured: return "unknown: no database is named (--url, DATABASE_URL or PGHOST)"
    case .connecting: return "unknown: connecting to \(facts.target.place)\(facts.look.ellipsis)"
    case .lost(let diagnostic, _): return told(diagnostic)
    case .connected: return "unknown: not asked yet"
    }
  }

  /// What is to be known about the picture itself, the gravest first.
  func findNotes(_ facts: Facts) -> [String] {
    var notes: [String] = []
    let locks = facts.locks
    if let past = locks.past {
      let age = Double(facts.now.microseconds(since: past.at)) / 1000
      notes.append(
        "! this was \(Words.duration(milliseconds: age)) ago, at \(Words.clock(past.at)):"
          + " . goes on, 7 End leads to the present")
    }
    if let problem = locks.problem { notes.append("! no newer answer: \(problem.what)") }
    if let circle = circle(facts) { notes.append(circle) }
    if locks.scan?.graph.certainty == .orderUnknown {
      notes.append("the order of the queue is a guess: the server does not tell it")
    }
    if let (found, at, _) = locks.verification, locks.past == nil,
      facts.now.microseconds(since: at) < 30_000_000
    {
      let age = Words.wait(milliseconds: Double(facts.now.microseconds(since: at)) / 1000)
      notes.append("\(found.differing.isEmpty ? "" : "! ")\(found.words), \(age) ago")
    }
    if hasHiddenTexts { notes.append("texts of other roles are hidden: grant pg_read_all_stats") }
    if locks.scan?.graph.nodes.isEmpty == true, lines.contains(where: \.isObstacle),
      let selected = facts.selectedMigration
    {
      notes.append("! \(selected.version) would wait for the marked sessions")
    }
    return notes
  }

  /// What becomes of a circle of waiters, with the time that is left.
  private func circle(_ facts: Facts) -> String? {
    guard let scan = facts.locks.scan, scan.graph.certainty == .cycle else { return nil }
    let start = "! a circle of waiters: the server ends it "
    let unknown = start + "after deadlock_timeout"
    guard facts.locks.past == nil, let at = facts.locks.scannedAt,
      let timeout = facts.connection.server?.rights?.deadlockTimeoutMilliseconds,
      let check = scan.deadlockCheck(timeoutMilliseconds: timeout)
    else { return unknown }
    // By the server's clock at the scan, and by ours since.
    let left =
      check.microseconds(since: scan.snapshot.at) - max(0, facts.now.microseconds(since: at))
    let words = " (deadlock_timeout \(Words.duration(milliseconds: timeout)))"
    return start
      + (left > 0 ? "in \(Words.wait(milliseconds: Double(left) / 1000))" : "now: it is due")
      + words
  }

  private func draw(_ notes: [String], on frame: inout Frame, from row: Int, _ palette: Palette) {
    for (index, note) in notes.enumerated() {
      let style = note.hasPrefix("!") ? palette.warning : palette.text
      frame.write(note, at: Point(column: 0, row: row + index), style: style)
    }
  }

  /// How many waited in the last minutes, at the foot, where there is room to spare.
  private func drawTrend(on frame: inout Frame, _ facts: Facts, above row: Int) {
    let last = frame.size.rows - 1
    guard last > row, frame.size.columns >= 60, facts.locks.past == nil else { return }
    let width = 30
    let values = facts.locks.history.columns(width, seconds: 30, until: facts.now)
    guard let peak = values.compactMap({ $0?.waiting }).max(), peak > 0 else { return }
    let least = values.compactMap { $0?.waiting }.min() ?? 0
    let bars = Bars.sparkline(
      values.map { $0.map { Double($0.waiting) } }, width: width, borders: facts.look.borders)
    var line = StyledText("waiting ", facts.look.palette.dim)
    line.append(bars, facts.look.palette.warning)
    line.append("  \(least) to \(peak) in the last 30 s", facts.look.palette.dim)
    frame.write(line, at: Point(column: 0, row: last))
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
      text.append("\(line.state) \(line.time)  ", palette.text)
      if !line.lock.isEmpty {
        let verb = line.mode == nil ? "is" : line.isWaiting ? "asks" : "holds"
        text.append("\(verb) \(line.lock)", palette.text)
      }
      if !line.blocks.isEmpty { text.append("  blocks \(line.blocks)", palette.warning) }
      let place = frame.bounds.row(row)
      frame.write(text, at: place.origin, within: place, skipping: skipping)
    }
  }

  private func texts(_ line: LockLine, _ columns: LockColumns, _ facts: Facts) -> [StyledText] {
    columns.columns.map { text(of: line, in: $0, isShort: columns.isShort, facts) }
  }

  private func text(
    of line: LockLine, in column: LockColumns.Column, isShort: Bool, _ facts: Facts
  ) -> StyledText {
    let palette = facts.look.palette
    func text(_ text: String, _ style: Style? = nil) -> StyledText {
      StyledText(text, style ?? palette.text).marking(search, palette.match)
    }
    let waiting = line.isWaiting ? palette.warning : nil
    switch column {
    case .pid:
      return line.depth > 0
        ? text(" \(line.edge)", palette.dim)
        : text(TextWidth.pad(line.pid, to: 6, alignment: .trailing), palette.strong)
    case .who: return who(line, facts).marking(search, palette.match)
    case .state:
      let mark = line.isDifferent ? "differs!" : line.isDeadlock ? "deadlock?" : nil
      return mark.map { text($0, palette.danger) } ?? text(line.state, waiting)
    case .wait: return text(line.wait, waiting ?? palette.dim)
    case .transaction: return text(line.transaction)
    case .time: return text(line.time, waiting)
    case .lock: return text(isShort ? line.shortLock : line.lock)
    case .on: return text(line.on)
    case .blocks: return text(line.blocks, palette.warning)
    case .query: return text(String(TextWidth.clipped(line.query, skipping)), palette.dim)
    }
  }

  /// Branches, pid and name share one column.
  private func who(_ line: LockLine, _ facts: Facts) -> StyledText {
    let palette = facts.look.palette
    var who = StyledText.empty
    if line.depth > 0 {
      who.append(branches(line, facts.look.borders), palette.dim)
      if !line.pid.isEmpty { who.append(line.pid + " ", palette.text) }
    }
    if line.isObstacle { who.append("! ", palette.warning) }
    who.append(line.who, line.isOurs ? palette.active : palette.text)
    if line.hidden > 0 { who.append(" [+\(line.hidden)]", palette.strong) }
    return who
  }

  /// The lines to the left of a waiter, deep ones cut so that its name stays in sight.
  private func branches(_ line: LockLine, _ borders: BorderSet) -> String {
    let depth = line.depth - 1
    var text = depth > 8 ? "\(depth) " : String(repeating: "  ", count: depth)
    let isLast = !(line.continues.last ?? false)
    text.unicodeScalars.append(isLast ? borders.lastBranch : borders.branch)
    return text + " "
  }
}
