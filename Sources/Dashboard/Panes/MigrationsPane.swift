import Canvas
import Diagnostics
import MigrationModel

/// The list of migrations: what is applied above, what is pending below.
struct MigrationsPane: Pane {
  let number = 1
  let name = "Migrations"
  let slot = Slot.list

  /// A line of the list.
  enum Row: Sendable, Hashable {
    /// Its index in the picture.
    case migration(Int)
    case divider
    /// Said below the divider where nothing is pending.
    case nothingPending
  }

  private(set) var rows: [Row] = []
  private(set) var position = ListPosition()
  private(set) var skipping = 0
  private(set) var search = TextMatch.all
  private(set) var shown = TextMatch.all
  private var pictureSeen = -1
  private var failuresSeen = false
  /// Whether somebody has chosen a migration; until then the next pending one is selected.
  private var isChosen = false
  private var shownSeen = TextMatch.all
  /// The rows of the list, without the legend below it.
  private(set) var height = 0
  private(set) var versionWidth = 0
  /// Leading digits that all versions share; in a narrow pane they give way to the names.
  private(set) var sharedDigits = 0
  /// How high the pane must be to keep rows for the legend.
  private var legendFrom = 14
  /// The marks that some migration of the picture may have, in the order of the legend.
  private(set) var marks: [Mark] = []

  var bindings: [Binding] {
    [
      Binding([.enter], .open, hint: "open", "opens the migration's SQL"),
      Binding([.letter("y")], .copy, "copies the version"),
      Binding([.letter("Y")], .copyMore, "copies the path of its file"),
    ]
  }

  var isNarrowed: Bool { !shown.isEmpty || !search.isEmpty }

  func heading(_ facts: Facts) -> Heading {
    guard let status = facts.picture.status, !status.migrations.isEmpty else {
      return Heading(name)
    }
    var note = "\(status.migrations.count)"
    if case .migration(let index)? = row(at: position.selected) { note = "\(index + 1)/" + note }
    if !shown.isEmpty { note = "& \(shown.text)  " + note }
    if !search.isEmpty { note = "/ \(search.text)  " + note }
    return Heading(name, note: note)
  }

  private func row(at index: Int) -> Row? { rows.indices.contains(index) ? rows[index] : nil }

  // MARK: - Following the facts

  mutating func settle(_ facts: inout Facts, size: Size) {
    legendFrom = facts.placedPanes.contains(ChecksPane.key) ? 12 : 14
    let isNew =
      pictureSeen != facts.pictureNumber || shownSeen != shown
      || failuresSeen != facts.checks.hasFailures
    if isNew {
      if pictureSeen != facts.pictureNumber { measure(facts) }
      pictureSeen = facts.pictureNumber
      failuresSeen = facts.checks.hasFailures
      shownSeen = shown
      rebuild(facts)
    }
    let height = listHeight(size)
    let isResized = height != self.height
    self.height = height
    let wanted = isNew ? indexOfSelection(facts) : position.selected
    if isResized || (isNew && !isChosen) {
      // What comes next is seen as well, not only the first of it.
      position.select(wanted + height / 2, count: rows.count, height: height)
    }
    position.select(wanted, count: rows.count, height: height)
    select(facts: &facts)
    let top = position.visibleTop(count: rows.count, height: height)
    let seen = rows.dropFirst(top).prefix(max(1, height))
    guard let migrations = facts.picture.status?.migrations else { return }
    // Only a pending one has a mark that depends on its SQL.
    for case .migration(let index) in seen where migrations[index].state == .pending {
      facts.read(migrations[index])
    }
  }

  /// A high pane keeps its last rows for the legend.
  private func listHeight(_ size: Size) -> Int {
    let legend = legendRows(size)
    return legend > 0 && rows.count > size.rows - legend - 1 ? size.rows - legend - 1 : size.rows
  }

  /// How many rows the legend gets at least; 0 where the pane is too low for one.
  func legendRows(_ size: Size) -> Int {
    size.rows >= legendFrom ? min(marks.count, max(5, size.rows / 3)) : 0
  }

  /// Takes from a new picture what holds for all its rows.
  private mutating func measure(_ facts: Facts) {
    let migrations = facts.picture.status?.migrations ?? []
    versionWidth = migrations.reduce(0) { max($0, TextWidth.of($1.version.text)) }
    marks = possibleMarks(migrations, facts)
  }

  private mutating func rebuild(_ facts: Facts) {
    rows = []
    marks = []
    guard let migrations = facts.picture.status?.migrations, !migrations.isEmpty else { return }
    versionWidth = migrations.reduce(0) { max($0, TextWidth.of($1.version.text)) }
    sharedDigits = Self.sharedDigits(of: migrations.map(\.version.text))
    marks = possibleMarks(migrations, facts)
    var below: [Row] = []
    for (index, migration) in migrations.enumerated() {
      guard shown.isEmpty || shown.accepts(migration) else {
        continue
      }
      if migration.state == .pending, facts.picture.knowsStates {
        below.append(.migration(index))
      } else {
        rows.append(.migration(index))
      }
    }
    guard facts.picture.knowsStates else { return }
    // A line that parts nothing from nothing is in the way of the word that nothing matches.
    if !shown.isEmpty, rows.isEmpty, below.isEmpty { return }
    rows.append(.divider)
    rows += facts.counts.pending == 0 ? [.nothingPending] : below
  }

  /// How many digits versions by time have in common at their beginning; 0 for short versions, which
  /// are read whole.
  private static func sharedDigits(of versions: [String]) -> Int {
    guard let first = versions.first?.utf8, versions.count > 1, first.count >= 12 else { return 0 }
    var shared = first.count - 6
    for version in versions.dropFirst() {
      guard version.utf8.count == first.count else { return 0 }
      shared = min(shared, zip(first, version.utf8).prefix { $0 == $1 }.count)
    }
    return shared
  }

  /// Taken from the whole picture, so that the legend does not change while the list is scrolled.
  private func possibleMarks(_ migrations: [MigrationStatus], _ facts: Facts) -> [Mark] {
    var found: Set<Mark> = []
    for migration in migrations {
      found.insert(Mark(migration, reading: nil, knowsStates: facts.picture.knowsStates))
    }
    // Which of these a pending one gets is only known when it is read.
    if found.contains(.ready) { found.formUnion([.strongLock, .losesData]) }
    if facts.checks.hasFailures { found.insert(.failedCheck) }
    return Mark.allCases.filter(found.contains)
  }

  /// The row of the selected migration; the next pending one where there is none yet.
  private func indexOfSelection(_ facts: Facts) -> Int {
    guard let migrations = facts.picture.status?.migrations else { return 0 }
    if isChosen, let selected = facts.selected {
      let index = rows.firstIndex {
        if case .migration(let index) = $0 {
          MigrationKey(migrations[index]) == selected
        } else {
          false
        }
      }
      // A migration that went leaves the selection where it stood.
      return index ?? position.selected
    }
    // Without states the newest file is the best guess of what somebody came for.
    guard let divider = rows.firstIndex(of: .divider) else { return rows.count - 1 }
    if divider + 1 < rows.count, case .migration = rows[divider + 1] { return divider + 1 }
    return max(0, divider - 1)
  }

  /// Tells the other panes what is selected, and keeps the selection off lines that are no migration.
  private mutating func select(facts: inout Facts) {
    guard facts.picture.status != nil, !rows.isEmpty else {
      if facts.picture.status != nil { facts.select(nil) }
      return
    }
    if case .migration = row(at: position.selected) {
    } else if let near = nearestMigration(to: position.selected) {
      position.select(near, count: rows.count, height: height)
    }
    if case .migration(let index)? = row(at: position.selected) { facts.select(index) }
  }

  private func nearestMigration(to index: Int) -> Int? {
    func isMigration(_ index: Int) -> Bool {
      if case .migration? = row(at: index) { true } else { false }
    }
    for distance in 1...max(1, rows.count) {
      if isMigration(index - distance) { return index - distance }
      if isMigration(index + distance) { return index + distance }
    }
    return nil
  }

  // MARK: - Keys

  mutating func perform(_ action: Action, _ facts: inout Facts) -> [Effect] {
    switch action {
    case .move(let movement): move(movement)
    case .scrollRight: skipping += 4
    case .scrollLeft: skipping = max(0, skipping - 4)
    case .nextMatch: go(to: search, from: position.selected + 1, step: 1, facts)
    case .previousMatch: go(to: search, from: position.selected - 1, step: -1, facts)
    default: break
    }
    return []
  }

  private mutating func move(_ movement: Action.Movement) {
    isChosen = true
    if let count = movement.rows(height: height) {
      step(count)
    } else {
      position.select(
        movement == .first ? 0 : rows.count - 1, count: rows.count, height: height)
    }
  }

  /// Moves by some rows, and over the divider in the direction of the movement.
  private mutating func step(_ rows: Int) {
    let before = position.selected
    position.move(by: rows, count: self.rows.count, height: height)
    guard case .divider? = row(at: position.selected) else { return }
    position.move(by: rows < 0 ? -1 : 1, count: self.rows.count, height: height)
    if case .migration? = row(at: position.selected) { return }
    position.select(before, count: self.rows.count, height: height)
  }

  mutating func click(_ point: Point, _ facts: inout Facts) -> [Effect] {
    let index = position.visibleTop(count: rows.count, height: height) + point.row
    if case .migration? = row(at: index) {
      isChosen = true
      position.select(index, count: rows.count, height: height)
    }
    return []
  }

  mutating func find(_ text: String, _ facts: inout Facts) {
    search = TextMatch(text)
    go(to: search, from: position.selected, step: 1, facts)
  }

  func finds(_ text: String, _ facts: Facts) -> Bool {
    let match = TextMatch(text)
    let migrations = facts.picture.status?.migrations ?? []
    return rows.contains { row in
      if case .migration(let number) = row { match.accepts(migrations[number]) } else { false }
    }
  }

  mutating func filter(_ text: String, _ facts: inout Facts) { shown = TextMatch(text) }

  /// Goes to the next match in a direction, around the ends.
  private mutating func go(to match: TextMatch, from start: Int, step: Int, _ facts: Facts) {
    guard !match.isEmpty, !rows.isEmpty, let migrations = facts.picture.status?.migrations else {
      return
    }
    for distance in 0..<rows.count {
      let index = ((start + distance * step) % rows.count + rows.count) % rows.count
      guard case .migration(let number) = rows[index] else { continue }
      if match.accepts(migrations[number]) {
        isChosen = true
        return position.select(index, count: rows.count, height: height)
      }
    }
  }

  // MARK: - Taking something out

  func copyText(_ facts: Facts, more: Bool) -> String? {
    guard let selected = facts.selectedMigration else { return nil }
    return more ? selected.migration?.files.first?.path : selected.version.text
  }

  func place(_ facts: Facts) -> SourceLocation? {
    facts.selectedMigration?.migration?.files.first.map { SourceLocation(file: $0.path, line: 1) }
  }

  func plainText(_ facts: Facts) -> String {
    guard let migrations = facts.picture.status?.migrations else { return "" }
    var text = ""
    for row in rows {
      switch row {
      case .divider: text += "-- applied above, pending below\n"
      case .nothingPending: text += "nothing is pending\n"
      case .migration(let index):
        let migration = migrations[index]
        let mark = Mark(
          migration, reading: facts.reading(of: migration), check: facts.checks.verdict(migration),
          knowsStates: facts.picture.knowsStates)
        text +=
          [mark.text, migration.version.text, migration.name, mark.words]
          .joined(separator: "\t") + "\n"
      }
    }
    return text
  }
}
