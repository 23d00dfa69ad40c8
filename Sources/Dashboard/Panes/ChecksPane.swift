import Canvas
import Diagnostics
import MigrationModel
import PostgresModel

/// The checklist of the selected migration: what is proven, what a person answers for, and what is open.
struct ChecksPane: Pane {
  /// The key that leads to it.
  static let key = 5
  let number = ChecksPane.key
  let name = "Checks"
  let slot = Slot.checks

  /// A line of the list.
  enum Row: Sendable, Hashable {
    /// The heading under which the items below stand.
    case section(String)
    /// Its index in the checklist.
    case item(Int)
    /// What speaks against the item above, or leaves it open.
    case evidence(Int)
    /// What the last rehearsal of this session has come to.
    case rehearsal
  }

  /// What is read in place of the list.
  enum Opened: Sendable, Hashable {
    case item(String)
    case rehearsal
  }

  private(set) var checked: CheckedMigration?
  private(set) var rows: [Row] = []
  private(set) var position = ListPosition()
  private(set) var search = TextMatch.all
  private(set) var shown = TextMatch.all
  private(set) var opened: Opened?
  private(set) var document = DocumentView()
  private(set) var skipping = 0
  /// The rows of the list, without what stands at the foot.
  private(set) var height = 0
  /// The item that stays selected when the migration changes.
  private var selected: String?
  private var basis: Basis?
  private var documentBasis: DocumentBasis?

  private struct Basis: Hashable {
    var migration: MigrationKey?
    var picture: Int
    var checks: Int
    var shown: TextMatch
    var size: Size
    var report: Bool
  }

  private struct DocumentBasis: Hashable {
    var opened: Opened
    var item: CheckedItem?
    var migration: Version?
    var report: RehearsalReport?
    var columns: Int
  }

  var bindings: [Binding] {
    [
      Binding([.enter], .open, hint: "evidence", "opens what was seen of the item"),
      Binding(
        [.letter(" ")], .sign, hint: "sign",
        "signs the item, with a note if you like; only the journal is written"),
      Binding(
        [.letter("W")], .waive, hint: "waive",
        "leaves the item out, with a reason; only the journal is written"),
      Binding([.letter("u")], .takeBack, hint: "undo", "takes the last word on the item back"),
      Binding(
        [.letter("v")], .proveItem, hint: "prove",
        "proves the item on a scratch copy; the database is only read"),
      Binding(
        [.letter("V")], .proveAll, hint: "prove all", "proves every item that is not settled"),
      Binding(
        [.letter("T")], .rehearse, hint: "rehearse",
        "runs it on a scratch copy: up, down, up again; keeps nothing"),
      Binding([.letter("e")], .note, hint: "note", "adds a note to the item"),
      Binding([.letter("w")], .export, hint: "export", "saves the checklist as md, html or json"),
      Binding(
        [.letter("E")], .saveEvidence, hint: "bundle",
        "saves checklist, evidence and the migration's files in a folder"),
      Binding([.letter("]")], .nextTab, "goes to the next item while evidence is read"),
      Binding([.letter("[")], .previousTab, "goes to the item before while evidence is read"),
      Binding([.letter("y")], .copy, "copies the item with its evidence"),
      Binding([.letter("Y")], .copyMore, "copies the whole checklist"),
    ]
  }

  var isNarrowed: Bool { !shown.isEmpty || !search.isEmpty || !document.search.isEmpty }

  func isInUse(_ facts: Facts) -> Bool {
    facts.checks.checklist != nil || facts.checks.problem != nil
  }

  func heading(_ facts: Facts) -> Heading {
    guard let checked else { return Heading(name) }
    let progress = checked.progress
    let count = "\(progress.settled)/\(progress.of)"
    var note = count
    if let log = facts.checks.log, log.isRunning {
      let verb = log.kind == .check ? "proving" : "rehearsing"
      note = (log.isCancelling ? "cancelling" : verb) + "  " + count
    }
    if !shown.isEmpty { note = "& \(shown.text)  " + note }
    let search = opened == nil ? search : document.search
    if !search.isEmpty { note = "/ \(search.text)  " + note }
    let choice = facts.checks.choice.map { " \($0)" } ?? ""
    var heading = Heading(
      "\(name) \(checked.version)\(choice)", note: note, shortNote: count)
    // Versions by time begin alike: what tells them apart is at their end.
    let version = checked.version.text
    if version.count >= 12 { heading.shortTitle = "\(name) ~\(version.suffix(8))\(choice)" }
    return heading
  }

  var selectedItem: CheckedItem? {
    guard let checked, rows.indices.contains(position.selected),
      case .item(let index) = rows[position.selected]
    else { return nil }
    return checked.items[index]
  }

  // MARK: - Following the facts

  mutating func settle(_ facts: inout Facts, size: Size) {
    let hasReport = facts.checks.log?.report != nil
    let basis = Basis(
      migration: facts.selected, picture: facts.pictureNumber, checks: facts.checks.number,
      shown: shown, size: size, report: hasReport)
    let height = max(0, size.rows - foot(facts, size: size).count)
    if basis != self.basis || height != self.height {
      self.basis = basis
      self.height = height
      checked = facts.selectedMigration.flatMap { facts.checked($0) }
      rebuild(hasReport: hasReport)
      select(indexOfSelection)
    }
    // Who looks at the list has chosen: what is selected stays so when it is settled.
    if facts.focusedPane == number, let item = selectedItem { selected = item.item.id }
    facts.checks.selected = selectedItem?.item.id
    settleDocument(facts, size: size)
  }

  private mutating func rebuild(hasReport: Bool) {
    rows = []
    guard let checked else { return }
    let items = checked.items.indices.filter { shown.isEmpty || accepts(checked.items[$0]) }
    rows = items.map { .item($0) }
    if hasReport, shown.isEmpty { rows.append(.rehearsal) }
    // Where there is room, what is to be said at once, and the headings of the checklist.
    let told = rows.flatMap { row -> [Row] in
      guard case .item(let index) = row, Self.isTelling(checked.items[index]) else { return [row] }
      return [row, .evidence(index)]
    }
    let width = basis?.size.columns ?? 0
    if told.count <= height, Columns(checked, width: width).evidence == 0 { rows = told }
    let sections = withSections(rows, checked)
    if sections.count <= height { rows = sections }
  }

  /// Whether the list says on a line of its own what is in the way.
  private static func isTelling(_ item: CheckedItem) -> Bool {
    guard item.status == .failed || item.status == .open || item.status == .waived else {
      return false
    }
    return item.at != nil && !CheckWords.short(item).isEmpty
  }

  private func withSections(_ rows: [Row], _ checked: CheckedMigration) -> [Row] {
    var result: [Row] = []
    var section: String?
    for row in rows {
      if case .item(let index) = row, let found = checked.items[index].item.section,
        found != section
      {
        section = found
        result.append(.section(found))
      }
      result.append(row)
    }
    return result
  }

  private func accepts(_ item: CheckedItem) -> Bool {
    let texts = [item.item.title, item.item.id, CheckWords.short(item), item.status.rawValue]
    return shown.accepts(texts.joined(separator: "\n"))
  }

  private var indexOfSelection: Int {
    guard let checked else { return 0 }
    let index = rows.firstIndex {
      if case .item(let index) = $0 { checked.items[index].item.id == selected } else { false }
    }
    // Until somebody chooses, what wants something done is selected.
    return index ?? (selected == nil ? firstUnsettled(checked) : position.selected)
  }

  private func firstUnsettled(_ checked: CheckedMigration) -> Int {
    rows.firstIndex {
      if case .item(let index) = $0 { !checked.items[index].status.isSettled } else { false }
    } ?? 0
  }

  private func isSelectable(_ index: Int) -> Bool {
    guard rows.indices.contains(index) else { return false }
    switch rows[index] {
    case .item, .rehearsal: return true
    case .section, .evidence: return false
    }
  }

  /// Selects a row, or the nearest that can be.
  private mutating func select(_ index: Int) {
    guard !rows.isEmpty else { return position.select(0, count: 0, height: height) }
    let index = max(0, min(index, rows.count - 1))
    let near = (0...rows.count).lazy.flatMap { [index + $0, index - $0] }
    let found = near.first(where: isSelectable) ?? index
    position.select(found, count: rows.count, height: height)
    // The heading above the first item is seen with it.
    if found == 1, !isSelectable(0), height > 1 {
      position = ListPosition(selected: found, top: 0)
    }
  }

  private mutating func settleDocument(_ facts: Facts, size: Size) {
    guard let opened, size != .zero else { return }
    document.resize(Size(columns: size.columns, rows: height))
    let item = checked?.items.first { opened == .item($0.item.id) }
    let basis = DocumentBasis(
      opened: opened, item: item, migration: checked?.version, report: facts.checks.log?.report,
      columns: size.columns)
    guard basis != documentBasis else { return }
    if basis.opened != documentBasis?.opened { document.rewind() }
    documentBasis = basis
    if let item, let checked {
      document.show(CheckDocument(item, of: checked, columns: size.columns - 1).lines)
    } else if opened == .rehearsal, let report = basis.report {
      document.show(CheckDocument(report, columns: size.columns - 1).lines)
    } else {
      close()
    }
  }

  // MARK: - Keys

  mutating func perform(_ action: Action, _ facts: inout Facts) -> [Effect] {
    switch action {
    case .nextTab: step(1)
    case .previousTab: step(-1)
    case _ where opened != nil: read(action)
    case .scrollRight: skipping += 4
    case .scrollLeft: skipping = max(0, skipping - 4)
    case .move(let movement): move(movement)
    case .nextMatch: go(from: position.selected + 1, by: 1)
    case .previousMatch: go(from: position.selected - 1, by: -1)
    default: break
    }
    return []
  }

  /// The keys in the evidence that is open.
  private mutating func read(_ action: Action) {
    switch action {
    case .scrollRight: document.scroll(8)
    case .scrollLeft: document.scroll(-8)
    case .move(let movement): document.move(movement)
    case .nextMatch: document.nextMatch()
    case .previousMatch: document.previousMatch()
    default: break
    }
  }

  private mutating func move(_ movement: Action.Movement) {
    if let count = movement.rows(height: height) {
      step(count)
    } else {
      choose(movement == .first ? 0 : rows.count - 1)
    }
  }

  /// Moves by some rows that can be selected.
  private mutating func step(_ count: Int) {
    let selectable = rows.indices.filter(isSelectable)
    guard let here = selectable.firstIndex(of: position.selected) else { return }
    choose(selectable[max(0, min(here + count, selectable.count - 1))])
  }

  private mutating func choose(_ index: Int) {
    select(index)
    selected = selectedItem?.item.id ?? selected
    guard opened != nil else { return }
    if let item = selectedItem { opened = .item(item.item.id) }
    if rows.indices.contains(position.selected), rows[position.selected] == .rehearsal {
      opened = .rehearsal
    }
  }

  mutating func click(_ point: Point, _ facts: inout Facts) -> [Effect] {
    guard opened == nil, point.row < height else { return [] }
    let index = position.visibleTop(count: rows.count, height: height) + point.row
    if isSelectable(index) { choose(index) }
    return []
  }

  mutating func open(_ facts: Facts) -> Bool {
    guard opened == nil, rows.indices.contains(position.selected) else { return false }
    switch rows[position.selected] {
    case .item: opened = selectedItem.map { .item($0.item.id) }
    case .rehearsal: opened = .rehearsal
    case .section, .evidence: return false
    }
    return opened != nil
  }

  mutating func close() {
    opened = nil
    documentBasis = nil
    document.find("")
  }

  mutating func find(_ text: String, _ facts: inout Facts) {
    if opened != nil { return document.find(text) }
    search = TextMatch(text)
    go(from: position.selected, by: 1)
  }

  func finds(_ text: String, _ facts: Facts) -> Bool {
    if opened != nil { return document.finds(text) }
    let match = TextMatch(text)
    return checked?.items.contains {
      match.accepts($0.item.title + "\n" + CheckWords.short($0))
    } ?? false
  }

  mutating func filter(_ text: String, _ facts: inout Facts) {
    if opened == nil { shown = TextMatch(text) }
  }

  private mutating func go(from start: Int, by step: Int) {
    guard !search.isEmpty, !rows.isEmpty, let checked else { return }
    for distance in 0..<rows.count {
      let index = ((start + distance * step) % rows.count + rows.count) % rows.count
      guard case .item(let number) = rows[index] else { continue }
      let item = checked.items[number]
      if search.accepts(item.item.title + "\n" + CheckWords.short(item)) { return choose(index) }
    }
  }

  // MARK: - Taking something out

  func copyText(_ facts: Facts, more: Bool) -> String? {
    if more || checked == nil { return checked.map { _ in plainText(facts) } }
    if opened != nil { return document.plainText }
    guard let checked, let item = selectedItem else { return nil }
    return CheckDocument(item, of: checked, columns: 100).lines.map { $0.text + "\n" }.joined()
  }

  func plainText(_ facts: Facts) -> String {
    if opened != nil { return document.plainText }
    guard let checked else { return "" }
    let progress = checked.progress
    let title =
      "checks \(checked.version) \(checked.name)  \(progress.settled)/\(progress.of)"
      + (checked.environment.map { "  on \($0)" } ?? "") + "\n"
    return title
      + checked.items.map { item in
        [
          CheckMark(item.status).text + " " + item.item.title, CheckWords.short(item),
          item.by ?? "", item.at?.iso8601 ?? "",
        ].joined(separator: "\t") + "\n"
      }.joined()
  }

  func place(_ facts: Facts) -> SourceLocation? {
    facts.selectedMigration?.migration?.files.first.map { SourceLocation(file: $0.path, line: 1) }
  }
}
