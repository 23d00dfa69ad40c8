import Canvas
import Diagnostics
import MigrationModel
import PostgresModel

extension ChecksPane {
  func view(_ facts: Facts, size: Size) -> Frame {
    var frame = Frame(size: size)
    let palette = facts.look.palette
    let foot = self.foot(facts, size: size)
    let body = Rectangle(
      column: 0, row: 0, columns: size.columns, rows: max(0, size.rows - foot.count))
    if let checked {
      if opened != nil {
        document.draw(on: &frame, in: body, facts.look)
      } else if rows.isEmpty {
        let words = shown.isEmpty ? "the checklist is empty" : "nothing matches & \(shown.text)"
        frame.write(words, at: .zero, style: palette.dim)
      } else {
        drawList(of: checked, on: &frame, in: body, facts)
      }
    } else {
      drawWithout(on: &frame, facts)
    }
    for (index, line) in foot.enumerated() {
      let place = frame.bounds.row(size.rows - foot.count + index)
      frame.write(line.styled(palette), at: place.origin, within: place)
    }
    return frame
  }

  private func drawWithout(on frame: inout Frame, _ facts: Facts) {
    let palette = facts.look.palette
    if let problem = facts.checks.problem {
      let lines = DiagnosticLines.lines(problem, columns: frame.size.columns, palette: palette)
      for (index, line) in lines.enumerated() {
        frame.write(line, at: Point(column: 0, row: index))
      }
      return
    }
    guard let selected = facts.selectedMigration else {
      if facts.picture.status != nil {
        frame.write("no migration is selected", at: .zero, style: palette.dim)
      }
      return
    }
    let words = selected.migration == nil ? "its file is gone: nothing to check" : ""
    frame.write(words, at: .zero, style: palette.dim)
  }

  // MARK: - The list

  private func drawList(
    of checked: CheckedMigration, on frame: inout Frame, in area: Rectangle, _ facts: Facts
  ) {
    let palette = facts.look.palette
    let hasBar = rows.count > area.size.rows && area.size.columns > 20 && area.size.rows > 1
    let table = Columns(checked, width: area.size.columns - (hasBar ? 1 : 0))
    let top = position.visibleTop(count: rows.count, height: area.size.rows)
    let proving = self.proving(checked, facts)
    for (line, row) in rows.dropFirst(top).prefix(area.size.rows).enumerated() {
      let place = Rectangle(
        column: 0, row: line, columns: area.size.columns - (hasBar ? 1 : 0), rows: 1)
      switch row {
      case .section(let text):
        frame.write(text, at: place.origin, style: palette.dim, within: place)
      case .item(let index):
        let item = checked.items[index]
        draw(item, isProving: proving == item.item.id, table, on: &frame, place, facts)
      case .evidence(let index):
        let item = checked.items[index]
        let tone: Tone = item.status == .failed ? .danger : .dim
        let clip = place.inset(columns: 2, rows: 0)
        frame.write(
          CheckWords.short(item), at: Point(column: 4, row: line), style: tone.style(palette),
          within: Rectangle(
            column: 4, row: line, columns: max(0, clip.right + 2 - 4), rows: 1))
      case .rehearsal: drawRehearsal(on: &frame, place, facts)
      }
      if top + line == position.selected {
        let isFocused = facts.focusedPane == number
        frame.overlay(isFocused ? palette.selection : palette.fadedSelection, on: place)
      }
    }
    if hasBar {
      frame.scrollBar(
        in: Rectangle(
          column: area.right - 1, row: area.top, columns: 1, rows: area.size.rows),
        count: rows.count, top: top, height: area.size.rows, borders: facts.look.borders,
        style: palette.border)
    }
  }

  /// The item of this migration that is being proven.
  private func proving(_ checked: CheckedMigration, _ facts: Facts) -> String? {
    guard let log = facts.checks.log, log.isRunning, log.current == checked.version else {
      return nil
    }
    return log.proving
  }

  /// Where the parts of a row stand.
  struct Columns {
    var title: Int
    /// What was seen, beside the title; 0 where it has no room there.
    var evidence = 0
    /// Who and when; 0 where there is room for the title alone.
    var by = 0
    var at = 0

    /// Titles are read whole where they can be; evidence gets what is left, where that is worth reading.
    init(_ checked: CheckedMigration, width: Int) {
      title = max(0, width - 4)
      guard width >= 50 else { return }
      at = 5
      by = min(10, checked.items.reduce(0) { max($0, TextWidth.of(CheckWords.by($1))) })
      let rest = title - at - 2 - (by > 0 ? by + 1 : 0)
      let longest = checked.items.reduce(0) { max($0, TextWidth.of($1.item.title)) }
      title = min(longest, max(rest - 14, rest / 2))
      evidence = rest - title - 2
      if evidence < 12 || (title < longest && rest < 60) {
        title = rest
        evidence = 0
      }
    }
  }

  private func draw(
    _ item: CheckedItem, isProving: Bool, _ columns: Columns, on frame: inout Frame,
    _ place: Rectangle, _ facts: Facts
  ) {
    let palette = facts.look.palette
    let mark = isProving ? CheckMark.proving : CheckMark(item.status)
    var column = place.left
    func write(_ text: StyledText, columns: Int, skipping: Int = 0) {
      let cell = Rectangle(column: column, row: place.top, columns: columns, rows: 1)
      let clip = cell.intersection(place)
      guard !clip.isEmpty else { return }
      frame.write(text, at: clip.origin, within: clip, skipping: skipping)
    }
    write(StyledText(mark.text, mark.tone.style(palette)), columns: 3)
    column += 4
    let isOver = item.status == .waived || item.status == .notApplicable
    let title = StyledText(item.item.title, isOver ? palette.dim : palette.text)
      .marking(search, palette.match)
    guard columns.at > 0 else {
      drawNarrow(item, title, isProving, on: &frame, place, facts)
      return
    }
    write(title, columns: columns.title, skipping: skipping)
    column += columns.title + 2
    let words = isProving ? "being proven" : CheckWords.short(item)
    let tone: Tone = isProving ? .active : item.status == .failed ? .danger : .dim
    write(
      StyledText(words, tone.style(palette)).marking(search, palette.match),
      columns: columns.evidence)
    column = place.right - columns.at
    write(StyledText(CheckWords.at(item, now: facts.now), palette.dim), columns: columns.at)
    if columns.by > 0 {
      column -= columns.by + 1
      write(StyledText(CheckWords.by(item), palette.dim), columns: columns.by)
    }
  }

  /// The title with what fits beside it: who answers for it, or what was seen.
  private func drawNarrow(
    _ item: CheckedItem, _ title: StyledText, _ isProving: Bool, on frame: inout Frame,
    _ place: Rectangle, _ facts: Facts
  ) {
    let palette = facts.look.palette
    let left = place.left + 4
    let room = place.right - left
    var word = ""
    switch item.status {
    case .signed, .waived: word = "(\(CheckWords.by(item)))"
    case .passed, .failed: word = CheckWords.short(item)
    case .stale: word = "stale"
    case .notApplicable, .open: break
    }
    if isProving { word = "" }
    let width = TextWidth.of(word)
    let fits = !word.isEmpty && title.width + 2 + width <= room
    let area = Rectangle(
      column: left, row: place.top, columns: fits ? room - width - 2 : room, rows: 1)
    frame.write(title, at: area.origin, within: area, skipping: skipping)
    guard fits else { return }
    frame.write(
      word, at: Point(column: place.right - width, row: place.top), style: palette.dim,
      within: place)
  }

  private func drawRehearsal(on frame: inout Frame, _ place: Rectangle, _ facts: Facts) {
    let palette = facts.look.palette
    guard let log = facts.checks.log, let report = log.report else { return }
    let failed = !report.hasPassed
    let found = checked.flatMap { checked in
      report.migrations.first { $0.version == checked.version }
    }
    var line = StyledText("rehearsed ", palette.dim)
    line.append(CheckWords.moment(log.endedAt ?? log.startedAt, now: facts.now), palette.dim)
    line.append(failed ? "  ! " : "  ", palette.danger)
    if let found {
      let (text, tone) = CheckWords.verdict(found)
      line.append(text, tone.style(palette))
    } else {
      let count = Words.count(report.migrations.count, "migration")
      line.append(
        failed ? "\(count), not all lead there and back" : "\(count) there and back",
        failed ? palette.danger : palette.good)
    }
    frame.write(line, at: place.origin, within: place)
  }

  // MARK: - The foot

  /// What is under way, or what is worth knowing while nothing is, as far as there is room.
  func foot(_ facts: Facts, size: Size) -> [DocumentLine] {
    guard size.rows > 1 else { return [] }
    if let log = facts.checks.log, log.isRunning {
      let lines = progress(log, facts, columns: size.columns)
      return Array(lines.prefix(size.rows < 8 ? 1 : 3))
    }
    guard opened == nil, let selected = facts.selectedMigration,
      let checked = facts.checked(selected)
    else { return [] }
    let room = size.rows - checked.items.count
    if let problem = facts.checks.staleness {
      let lines = DocumentLine.wrapped(
        "! as last read: \(problem.what)", .warning, columns: size.columns, indent: 0)
      return Array(lines.prefix(max(size.rows < 3 ? 0 : 1, room)))
    }
    var lines: [DocumentLine] = []
    for (environment, other) in facts.checks.elsewhere(
      selected, than: facts.target.environment)
    {
      let progress = other.progress
      let verdict = other.verdict == .failed ? ", failed" : ""
      lines.append(
        DocumentLine("on \(environment): \(progress.settled)/\(progress.of)\(verdict)", .dim))
    }
    if checked.items.allSatisfy({ $0.at == nil }), lines.isEmpty {
      lines.append(
        DocumentLine(
          facts.focusedPane == number
            ? "not proven yet: V proves it" : "not proven yet: \(number) V proves it", .dim))
    }
    return Array(lines.prefix(max(0, room - 1)))
  }

  private func progress(_ log: CheckLog, _ facts: Facts, columns: Int) -> [DocumentLine] {
    let version = log.current.map { "\($0) " } ?? ""
    let time = Words.duration(
      milliseconds: Double(facts.now.microseconds(since: log.startedAt)) / 1000)
    var lines = [
      DocumentLine(
        log.isCancelling ? "cancelling: the scratch copy is dropped" : version + log.words, .active)
    ]
    if let detail = log.detail { lines.append(DocumentLine("  " + detail, .dim)) }
    var counts: [String] = []
    if log.kind == .check {
      counts.append(
        log.wanted.map { "\(min(log.settled, $0)) of \($0) items" } ?? "\(log.settled) items")
    }
    counts.append(time)
    if columns >= 60, let scratch = log.scratch { counts.append(scratch.mode.words) }
    lines.append(DocumentLine(counts.joined(separator: "  "), .dim))
    return lines
  }
}
