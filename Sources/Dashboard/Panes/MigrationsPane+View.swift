import Canvas
import Diagnostics
import MigrationModel

extension MigrationsPane {
  func view(_ facts: Facts, size: Size) -> Frame {
    var frame = Frame(size: size)
    guard let status = facts.picture.status else {
      drawWithoutPicture(on: &frame, facts)
      return frame
    }
    guard !status.migrations.isEmpty else {
      drawEmpty(on: &frame, status, facts)
      return frame
    }
    let top = position.visibleTop(count: rows.count, height: height)
    let seen = rows.dropFirst(top).prefix(height)
    for (line, row) in seen.enumerated() {
      let place = frame.bounds.row(line)
      switch row {
      case .divider: drawDivider(on: &frame, place, facts)
      case .nothingPending:
        frame.write(
          "  nothing is pending", at: place.origin, style: facts.look.palette.dim, within: place)
      case .migration(let index):
        draw(
          status.migrations[index], isSelected: top + line == position.selected, on: &frame, place,
          facts)
      }
    }
    if rows.isEmpty, !shown.isEmpty {
      frame.write("nothing matches & \(shown.text)", at: .zero, style: facts.look.palette.dim)
    }
    drawFoot(on: &frame, below: seen.count, status, facts)
    return frame
  }

  private func drawDivider(on frame: inout Frame, _ place: Rectangle, _ facts: Facts) {
    let isWide = place.size.columns >= 34
    let counts = facts.countsNow
    frame.rule(
      place, leading: StyledText(isWide ? "applied \(counts.applied)" : "applied"),
      trailing: StyledText(isWide ? "pending \(counts.pending)" : "pending"),
      borders: facts.look.borders, palette: facts.look.palette)
  }

  private func draw(
    _ migration: MigrationStatus, isSelected: Bool, on frame: inout Frame, _ place: Rectangle,
    _ facts: Facts
  ) {
    let palette = facts.look.palette
    let mark = Mark(
      migration, reading: facts.reading(of: migration), check: facts.checks.verdict(migration),
      knowsStates: facts.picture.knowsStates)
    let state = stateText(of: migration, mark, facts)
    let stateColumn = max(0, place.right - max(3, TextWidth.of(state.text)))
    frame.write(isSelected ? ">" : " ", at: place.origin, style: palette.strong, within: place)
    let isShortened = sharedDigits > 1 && place.size.columns < versionWidth + 34
    let versionText =
      isShortened
      ? "~" + migration.version.text.dropFirst(sharedDigits) : migration.version.text
    let version = StyledText(
      TextWidth.pad(versionText, to: versionWidth - (isShortened ? sharedDigits - 1 : 0)),
      migration.state == .pending ? palette.text : palette.dim)
    let text = Rectangle(
      column: place.left + 2, row: place.top, columns: stateColumn - place.left - 3, rows: 1)
    let used = frame.write(
      version.marking(search, palette.match), at: text.origin, within: text)
    let nameArea = Rectangle(
      column: text.left + used + 1, row: place.top, columns: text.size.columns - used - 1, rows: 1)
    let details = self.details(of: migration, columns: nameArea.size.columns, facts)
    let names = Rectangle(
      column: nameArea.left, row: place.top,
      columns: nameArea.size.columns - (details.isEmpty ? 0 : TextWidth.of(details) + 2), rows: 1)
    frame.write(
      StyledText(migration.name, palette.text).marking(search, palette.match), at: names.origin,
      within: names, skipping: skipping)
    if !details.isEmpty {
      frame.write(
        details, at: Point(column: names.right + 2, row: place.top), style: palette.dim,
        within: nameArea)
    }
    frame.write(
      state, at: Point(column: stateColumn, row: place.top), within: place)
    if isSelected { frame.overlay(palette.selection, on: place) }
  }

  private func stateText(of migration: MigrationStatus, _ mark: Mark, _ facts: Facts) -> StyledText
  {
    let palette = facts.look.palette
    if let run = facts.run, run.isRunning, let current = run.current,
      current.version == migration.version
    {
      let total = run.plan.steps.count
      let words = total > 1 ? "run \(run.stepsDone + 1)/\(total)" : "run"
      return StyledText(words, palette.active)
    }
    var mark = mark
    switch facts.doneSinceRead(migration.version)?.last {
    case .up: mark = .recorded
    case .down: mark = .ready
    case nil: break
    }
    return StyledText(TextWidth.pad(mark.text, to: 3), mark.tone.style(palette))
  }

  /// When, by whom and how fast, where the pane is wide enough for it.
  private func details(of migration: MigrationStatus, columns: Int, _ facts: Facts) -> String {
    guard columns >= 70, facts.picture.knowsStates else { return "" }
    let when = migration.appliedAt.map(\.shortText) ?? ""
    let took = migration.appliedMilliseconds.map { Words.duration(milliseconds: $0) } ?? ""
    return TextWidth.pad(when, to: 19) + "  "
      + TextWidth.pad(took, to: 7, alignment: .trailing) + "  "
      + TextWidth.pad(migration.appliedBy ?? "", to: 14)
  }

  /// The legend, and what is to be said of the folder, where the list leaves room.
  private func drawFoot(
    on frame: inout Frame, below used: Int, _ status: ProjectStatus, _ facts: Facts
  ) {
    let palette = facts.look.palette
    let columns = frame.size.columns
    let room = frame.size.rows - used - 1
    guard room > 0 else { return }
    let legend = self.legend(facts, room: min(room, max(legendRows(frame.size), room / 2)))
    let free = room - legend.count - 1
    var notes: [StyledText] = []
    let hasRun = facts.run?.done.keys.contains { facts.doneSinceRead($0) != nil } ?? false
    if facts.picture.knowsStates, !status.historyTableExists, !hasRun {
      // Rather fewer words than half a sentence.
      notes +=
        [
          "no history table \(status.table) yet: the first apply makes it",
          "no history table yet: the first apply makes it", "no history table yet",
        ].map { told($0, columns, palette) }.first { $0.count <= free } ?? []
    }
    for diagnostic in status.faults + status.notes {
      notes += DiagnosticLines.lines(diagnostic, columns: max(8, columns - 1), palette: palette)
        .map { StyledText(" ") + $0 }
    }
    if !status.unsupported.isEmpty {
      let words = Words.count(status.unsupported.count, "file")
      notes += told("\(words) left out: not of this layout", columns, palette)
    }
    for (index, line) in notes.prefix(max(0, free)).enumerated() {
      let place = frame.bounds.row(used + 1 + index)
      frame.write(line, at: place.origin, within: place)
    }
    for (index, line) in legend.enumerated() {
      let place = frame.bounds.row(frame.size.rows - legend.count + index)
      frame.write(line, at: place.origin, within: place)
    }
  }

  private func told(_ text: String, _ columns: Int, _ palette: Palette) -> [StyledText] {
    TextWidth.wrap(text, to: max(8, columns - 2)).map { StyledText("  " + $0, palette.dim) }
  }

  private func legend(_ facts: Facts, room: Int) -> [StyledText] {
    let palette = facts.look.palette
    // The rare ones are those that nobody knows by heart.
    let common: [Mark] = [.applied, .recorded, .ready, .strongLock, .losesData]
    let rare = marks.filter { !common.contains($0) }
    let chosen = Set((rare + common.filter(marks.contains)).prefix(room))
    return marks.filter(chosen.contains).map { mark in
      StyledText("  " + TextWidth.pad(mark.text, to: 4), mark.tone.style(palette))
        + StyledText(mark.words, palette.dim)
    }
  }

  private func drawWithoutPicture(on frame: inout Frame, _ facts: Facts) {
    let palette = facts.look.palette
    guard case .unreadable(let diagnostic) = facts.picture else {
      frame.write("reading migrations\(facts.look.ellipsis)", at: .zero, style: palette.dim)
      return
    }
    let lines = DiagnosticLines.lines(diagnostic, columns: frame.size.columns, palette: palette)
    for (index, line) in lines.enumerated() {
      frame.write(line, at: Point(column: 0, row: index))
    }
  }

  private func drawEmpty(on frame: inout Frame, _ status: ProjectStatus, _ facts: Facts) {
    let palette = facts.look.palette
    var lines = [
      StyledText("no migrations yet", palette.strong), .empty,
      StyledText("lockstep new NAME", palette.key),
      StyledText("writes the first one", palette.dim),
      StyledText("(layout: \(status.layout))", palette.dim),
    ]
    for diagnostic in status.faults + status.notes {
      lines += [.empty]
      lines += DiagnosticLines.lines(diagnostic, columns: frame.size.columns, palette: palette)
    }
    if !status.unsupported.isEmpty {
      lines += [.empty, StyledText("left out:", palette.strong)]
      for file in status.unsupported {
        lines += TextWidth.wrap("\(file.file.name): \(file.reason)", to: frame.size.columns)
          .map { StyledText($0, palette.dim) }
      }
    }
    for (index, line) in lines.prefix(frame.size.rows).enumerated() {
      frame.write(line, at: Point(column: 0, row: index))
    }
  }
}
