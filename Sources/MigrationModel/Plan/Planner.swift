import Diagnostics
import PostgresModel

extension Plan {
  /// Plans what was asked for; never fails, since what stands against it is part of the plan.
  ///
  /// The steps are there even where the plan is refused, so that they can be shown.
  ///
  /// - Parameter earlier: A plan whose scripts need not be read again where they are the same; it decides
  ///   nothing.
  public static func make(
    _ request: PlanRequest, status: ProjectStatus, layout: any Layout, context: PlanContext,
    after earlier: Plan? = nil
  ) -> Plan {
    var planner = Planner(
      request, status: status, layout: layout, context: context, after: earlier)
    return planner.plan()
  }
}

/// What a request means for a project: which migrations, in which order and direction.
struct Planner {
  let request: PlanRequest
  let status: ProjectStatus
  let layout: any Layout
  let context: PlanContext
  private let earlier: [PlanStep]
  private var result: Plan
  /// Indices of the selected migrations in `status.migrations`, in the order in which they are run.
  private(set) var selection: [Selected] = []
  /// The current version as it will be before the next step, for tools that keep it alone.
  private var position: Version?
  /// Which migrations are applied before the next step.
  private var isApplied: [Bool]

  struct Selected {
    var index: Int
    var direction: Direction
  }

  init(
    _ request: PlanRequest, status: ProjectStatus, layout: any Layout, context: PlanContext,
    after earlier: Plan?
  ) {
    self.request = request
    self.earlier = earlier?.steps ?? []
    self.status = status
    self.layout = layout
    self.context = context
    let basis = status.migrations.compactMap(\.row)
    result = Plan(
      request: request, layout: layout.name, table: status.table, steps: [], basis: basis)
    isApplied = status.migrations.map { $0.state != .pending }
    position = basis.first?.version
  }

  mutating func plan() -> Plan {
    if case .mark(let marked, let state) = request {
      mark(marked, as: state)
    } else {
      select()
      addSteps()
    }
    let run = GuardedRun(
      request: request, status: status, layout: layout, context: context, selection: selection,
      steps: result.steps)
    for found in Guards.all.flatMap({ $0.check(run) }) {
      if found.severity == .error {
        result.refusals.append(found)
      } else {
        result.warnings.append(found)
      }
    }
    return result
  }

  // MARK: Selecting

  private mutating func select() {
    switch request {
    case .up(let target, let count, _): selectUp(to: target, count: count)
    case .down(let target, let count): selectDown(to: target, count: count)
    case .redo(let count):
      selectNewest(max(0, count))
      selection += selection.reversed().map { Selected(index: $0.index, direction: .up) }
    case .only(let version, let direction): selectOnly(version, direction)
    case .resume(let version, let rest): selectBrokenOff(version, rest)
    case .mark: break
    }
  }

  private mutating func selectUp(to target: Version?, count: Int?) {
    var pending = status.migrations.indices.filter { status.migrations[$0].state == .pending }
    if let target {
      guard let index = find(target) else { return }
      pending = pending.filter { $0 <= index }
      if pending.isEmpty, status.migrations[index].state == .applied {
        note("nothing_to_do", "\(status.migrations[index].label) is applied already")
      }
    }
    selection += pending.prefix(max(0, count ?? .max)).map { Selected(index: $0, direction: .up) }
  }

  private mutating func selectDown(to target: Version?, count: Int?) {
    guard let target else { return selectNewest(max(0, count ?? 1)) }
    var first = 0
    // Zero is before every migration, unless a file has exactly this version in another spelling.
    if target.text != "0" {
      guard let index = find(target) else { return }
      first = index + 1
    }
    let applied = rollbackOrder(status.migrations.indices[first...].reversed())
    selection = applied.prefix(max(0, count ?? .max)).map { Selected(index: $0, direction: .down) }
    if selection.isEmpty { note("nothing_to_do", "nothing above \(target) is applied") }
  }

  private mutating func selectNewest(_ count: Int) {
    let newest = rollbackOrder(status.migrations.indices.reversed(), limit: count)
    selection = newest.map { Selected(index: $0, direction: .down) }
    if selection.isEmpty, count > 0 {
      note("nothing_to_do", "nothing is applied that can be rolled back")
    }
  }

  /// The applied migrations that the tool would roll back, in this order, with a word on those that it
  /// passes over.
  private mutating func rollbackOrder(
    _ indices: some Sequence<Int>, limit: Int = .max
  ) -> [Int] {
    var found: [Int] = []
    for index in indices where found.count < limit && status.migrations[index].state == .applied {
      let migration = status.migrations[index]
      if migration.migration == nil, layout.rules.missingFile == .ignored {
        warn("passed_over", "\(migration.label) stays applied: its file is gone")
      } else if layout.rules.rollbackOrder == .newestReversible, let file = migration.migration,
        !file.isReversible
      {
        warn(
          "passed_over", "\(migration.label) stays applied: \(file.down.reasonAgainst)",
          at: migration.location)
      } else {
        found.append(index)
      }
    }
    return found
  }

  private mutating func selectOnly(_ version: Version, _ direction: Direction) {
    guard let index = find(version) else { return }
    selection = [Selected(index: index, direction: direction)]
  }

  private mutating func selectBrokenOff(_ version: Version, _ rest: PlanRequest.Rest?) {
    guard let index = find(version) else { return }
    let migration = status.migrations[index]
    if let run = migration.unfinished {
      selection = [Selected(index: index, direction: run.direction)]
      guard let rest, run.direction == .up else { return }
      if let target = rest.to, let last = find(target), last < index {
        result.refusals.append(
          .error(
            code: "not_broken_off",
            "\(migration.label) broke off and comes after \(status.migrations[last].label)",
            at: migration.location,
            next: "go on up to \(migration.version) or a later one; nothing was run"))
        return
      }
      selectUp(to: rest.to, count: rest.count.map { $0 - 1 })
    } else if migration.state == .failed {
      result.refusals.append(
        .error(
          code: "not_resumable",
          "\(migration.label) cannot be taken up: nothing was kept of how far it came",
          at: migration.location,
          next: "\(migration.wayOut(of: .dirty)); nothing was run"))
    } else {
      result.refusals.append(
        .error(
          code: "not_broken_off",
          "\(migration.label) did not break off: it is \(migration.state.rawValue)",
          at: migration.location,
          next: "see `lockstep status`; nothing was run"))
    }
  }

  /// Finds a migration by what a person typed: its version in any spelling, or its version with its
  /// name; says which was meant where there is none.
  private mutating func find(_ version: Version) -> Int? {
    switch VersionSearch(status, layout).find(version) {
    case .success(let index): return index
    case .failure(let refusal):
      result.refusals.append(refusal.diagnostic)
      return nil
    }
  }

  // MARK: Steps

  private mutating func addSteps() {
    result.steps.reserveCapacity(selection.count)
    for selected in selection {
      let migration = status.migrations[selected.index]
      var change = change(migration, selected)
      var step = PlanStep(
        version: migration.version, name: migration.name, direction: selected.direction, units: [],
        write: HistoryWrite(record: []), risk: .reversible)
      let place = result.steps.count
      let like = earlier.indices.contains(place) ? earlier[place] : nil
      addScripts(of: migration, to: &step, like: like)
      // There are thousands of steps, and what is not wanted need not be made.
      change.wantsMark = !step.isOneTransaction
      step.write = layout.record(change, in: status.table)
      if isTakenUp(migration) { takeUp(migration, &step) }
      // Equal steps lie in memory once.
      if let like, like == step { step = like }
      result.steps.append(step)
    }
  }

  /// Whether a migration is the one with which a run goes on.
  private func isTakenUp(_ migration: MigrationStatus) -> Bool {
    guard case .resume = request else { return false }
    return migration.unfinished != nil
  }

  private mutating func takeUp(_ migration: MigrationStatus, _ step: inout PlanStep) {
    guard let run = migration.unfinished else { return }
    let planning = ResumptionPlanning(
      BrokenOffScript(run, units: step.units), of: migration)
    step.resumption = planning.resumption
    result.warnings += planning.remarks
    if let refusal = planning.refusal { result.refusals.append(refusal) }
  }

  /// The change of the history, with the position that the tool would keep.
  private mutating func change(_ migration: MigrationStatus, _ selected: Selected) -> HistoryChange
  {
    let isUp = selected.direction == .up
    isApplied[selected.index] = isUp
    var change = HistoryChange(
      version: isUp ? migration.version : migration.row?.version ?? migration.version,
      name: migration.name, checksum: migration.migration?.checksum,
      kind: isUp ? .applied : .reverted, runBy: context.runBy)
    guard layout.rules.history == .currentVersionOnly else { return change }
    if isUp {
      if let position, layout.isOrderedBefore(migration.version, position) {
        change.newest = position
      } else {
        position = migration.version
      }
    } else {
      change.previous = isApplied[..<selected.index].lastIndex(of: true)
        .map { status.migrations[$0].version }
      position = change.previous
    }
    return change
  }

  private mutating func addScripts(
    of migration: MigrationStatus, to step: inout PlanStep, like: PlanStep?
  ) {
    guard let file = migration.migration else { return }
    var scripts = file.up
    step.risk = .reversible
    if step.direction == .down {
      scripts = []
      if case .scripts(let down, let warnings) = file.down {
        scripts = down
        step.warnings += warnings
        if !warnings.isEmpty { step.risk = .losesData }
      }
    } else if case .none(let reason, let isMarked) = file.down {
      step.risk = isMarked ? .losesData : .noWayBack
      step.warnings.append("there is no way back: \(reason)")
    }
    for (index, script) in scripts.enumerated() {
      let known = like.flatMap { $0.units.indices.contains(index) ? $0.units[index] : nil }
      let planned = ScriptPlanning(script, label: step.label, rules: layout.rules, like: known)
      step.units.append(planned.unit)
      result.refusals += planned.refusals
      // How the tool would have begun is of no use to one that goes on.
      if !isTakenUp(migration) { result.warnings += planned.warnings }
      if !planned.losses.isEmpty { step.risk = .losesData }
      step.warnings += planned.losses
    }
  }

  // MARK: Marking

  private mutating func mark(_ marked: PlanRequest.MarkSelection, as state: MigrationStatus.State) {
    var indices: [Int] = []
    switch marked {
    case .versions(let versions): indices = Set(versions.compactMap { find($0) }).sorted()
    case .upTo(let version):
      if let index = find(version) { indices = Array(0...index) }
    }
    // Files that share a version share its row, too.
    var seen: Set<String> = []
    indices = indices.filter {
      seen.insert(layout.identity(of: status.migrations[$0].version)).inserted
    }
    switch state {
    case .applied: for index in indices { markApplied(index) }
    case .pending: for index in indices.reversed() { markPending(index) }
    case .failed:
      result.refusals.append(
        .error(
          code: "usage", "a migration cannot be marked as failed",
          next: "the states are `applied` and `pending`"))
    }
    if result.steps.isEmpty, result.refusals.isEmpty {
      note("nothing_to_do", "the history says so already")
    }
  }

  private mutating func markApplied(_ index: Int) {
    let migration = status.migrations[index]
    let isChanged = migration.problems.contains { if case .changed = $0 { true } else { false } }
    guard migration.state != .applied || isChanged else { return }
    for fault in migration.migration?.faults ?? [] where migration.migration?.checksum == nil {
      result.refusals.append(fault)
    }
    let selected = Selected(index: index, direction: .up)
    if isChanged {
      let change = HistoryChange(
        version: migration.row?.version ?? migration.version, name: migration.name,
        checksum: migration.migration?.checksum, kind: .reaffirmed, runBy: context.runBy)
      addMark(migration, .up, layout.record(change, in: status.table).record)
    } else if migration.state == .failed, migration.row?.outcome == .applied {
      // Going down broke off: the row is there, and stays.
      addMark(migration, .up, [])
    } else {
      let write = layout.record(change(migration, selected), in: status.table)
      let isMarked = migration.row?.outcome == .broken
      addMark(migration, .up, isMarked ? write.recordAfterMark : write.record)
    }
    warnAboutPosition(index, .up)
  }

  private mutating func markPending(_ index: Int) {
    let migration = status.migrations[index]
    guard migration.state != .pending else { return }
    guard migration.row != nil || layout.rules.history == .currentVersionOnly else {
      // Only the journal knows of it.
      return addMark(migration, .down, [])
    }
    let write = layout.record(
      change(migration, Selected(index: index, direction: .down)), in: status.table)
    addMark(migration, .down, write.record)
    warnAboutPosition(index, .down)
  }

  private mutating func addMark(
    _ migration: MigrationStatus, _ direction: Direction, _ record: [String]
  ) {
    result.steps.append(
      PlanStep(
        version: migration.version, name: migration.name, direction: direction, units: [],
        write: HistoryWrite(record: record), risk: .reversible))
  }

  /// A tool that keeps the current version alone takes all before it as applied and all after it as
  /// pending.
  private mutating func warnAboutPosition(_ index: Int, _ direction: Direction) {
    guard layout.rules.history == .currentVersionOnly else { return }
    let others =
      direction == .up
      ? isApplied[..<index].indices.filter { !isApplied[$0] }
      : isApplied[(index + 1)...].indices.filter { isApplied[$0] }
    guard let first = others.first else { return }
    let word = direction == .up ? "applied" : "pending"
    let label = status.migrations[first].label
    let more = others.count > 1 ? " and \(others.count - 1) more count" : " counts"
    warn(
      "assumed",
      "\(layout.name) keeps the current version alone: \(label)\(more) as \(word), too")
  }

  // MARK: Words

  private mutating func warn(_ code: String, _ what: String, at place: SourceLocation? = nil) {
    result.warnings.append(.warning(code: code, what, at: place))
  }

  private mutating func note(_ code: String, _ what: String) {
    result.warnings.append(.note(code: code, what))
  }
}

extension Migration.WayBack {
  /// Why there is no script to run, in words.
  var reasonAgainst: String {
    switch self {
    case .scripts: "it has a way back"
    case .none(let reason, _): reason
    case .documented(_, let diagnostic): diagnostic.what
    }
  }
}
