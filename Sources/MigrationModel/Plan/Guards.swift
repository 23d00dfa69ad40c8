import Diagnostics

/// What a guard looks at.
struct GuardedRun {
  var request: PlanRequest
  var status: ProjectStatus
  var layout: any Layout
  var context: PlanContext
  var selection: [Planner.Selected]
  var steps: [PlanStep]

  var isMark: Bool { if case .mark = request { true } else { false } }

  /// The selected migrations of one direction.
  func selected(_ direction: Direction) -> [MigrationStatus] {
    selection.filter { $0.direction == direction }.map { status.migrations[$0.index] }
  }

  /// The selected migrations, each once.
  var touched: [MigrationStatus] {
    var seen: Set<Int> = []
    return selection.compactMap {
      seen.insert($0.index).inserted ? status.migrations[$0.index] : nil
    }
  }
}

/// One reason to refuse a run, or to warn of it; errors refuse.
struct Guard: Sendable {
  var name: String
  var check: @Sendable (GuardedRun) -> [Diagnostic]
}

/// Every guard, in the order in which they speak.
enum Guards {
  static let all: [Guard] = [
    readOnly, gates, catalogFaults, dirty, missingFile, drift, outOfOrder, duplicateVersion, faults,
    alreadyDone, position, irreversible, dataLoss, invalidIndex,
  ]

  /// Nothing is written where nothing may be.
  static let readOnly = Guard(name: "read-only") { run in
    guard run.context.isReadOnly else { return [] }
    return [
      .error(
        code: "read_only", "nothing may be written: the session is read-only",
        next: "run it again without `--read-only`, or arm the dashboard")
    ]
  }

  /// A gate that is closed keeps everything out; a run that would do nothing needs none.
  static let gates = Guard(name: "gates") { run in run.steps.isEmpty ? [] : run.context.gates }

  /// A fault of the whole folder keeps every run from starting, as it does with the tool.
  static let catalogFaults = Guard(name: "folder") { run in
    run.isMark ? [] : run.status.faults
  }

  /// A half-way state is put right by a person, never by running more.
  static let dirty = Guard(name: "dirty") { run in
    guard !run.isMark else { return [] }
    var looked = run.status.migrations
    if case .resume = run.request {
      looked.removeAll { migration in run.touched.contains { $0.version == migration.version } }
      // One that cannot be taken up says why itself.
      if run.touched.isEmpty { return [] }
    }
    return looked.compactMap { migration in
      migration.state == .failed ? migration.diagnostic(of: .dirty) : nil
    }
  }

  /// An applied migration without its file: refused where the tool refuses, else said.
  static let missingFile = Guard(name: "missing file") { run in
    guard !run.isMark else { return [] }
    return run.status.migrations.compactMap { migration in
      guard migration.state == .applied, migration.problems.contains(.missingFile) else {
        return nil
      }
      var diagnostic = migration.diagnostic(of: .missingFile)
      if run.layout.rules.missingFile == .ignored { diagnostic.severity = .warning }
      return diagnostic
    }
  }

  /// A file that changed: going up refuses wherever it is; going down refuses if the changed file is the
  /// one that holds the way back, and warns if another does.
  static let drift = Guard(name: "drift") { run in
    let isUp = run.request.upward != nil
    let looked = isUp ? run.status.migrations : run.isMark ? [] : run.touched
    return looked.compactMap { migration in
      guard let problem = migration.problems.first(where: { $0.isDrift }) else { return nil }
      var diagnostic = migration.diagnostic(of: problem)
      if !isUp, case .scripts(let scripts, _)? = migration.migration?.down,
        let first = migration.migration?.files.first,
        scripts.allSatisfy({ $0.file.path != first.path })
      {
        diagnostic.severity = .warning
      }
      return diagnostic
    }
  }

  /// A pending migration older than an applied one: as the tool does, or when asked for.
  static let outOfOrder = Guard(name: "out of order") { run in
    guard let isAllowed = run.request.upward?.allowOutOfOrder else { return [] }
    return run.selected(.up).compactMap { migration in
      guard let problem = migration.problems.first(where: { $0.isOutOfOrder }) else { return nil }
      var diagnostic = migration.diagnostic(of: problem)
      let rule = run.layout.rules.outOfOrder
      if rule == .applied || isAllowed {
        diagnostic.next = nil
        return diagnostic
      }
      diagnostic.severity = .error
      if rule == .neverApplied, let tool = run.layout.rules.tool {
        diagnostic.details.append(
          Diagnostic.Detail("note", "\(tool) would pass it over without a word"))
      }
      return diagnostic
    }
  }

  /// Two files of one version cannot both be recorded.
  static let duplicateVersion = Guard(name: "duplicate version") { run in
    run.touched.compactMap { migration in
      migration.problems.first { $0.isDuplicate }.map { migration.diagnostic(of: $0) }
    }
  }

  /// A migration that cannot be read or run.
  static let faults = Guard(name: "faults") { run in
    run.touched.flatMap { $0.migration?.faults ?? [] }
  }

  /// `only` asks for a state that is there already.
  static let alreadyDone = Guard(name: "already done") { run in
    guard case .only(_, let direction) = run.request, let migration = run.touched.first else {
      return []
    }
    switch (direction, migration.state) {
    case (.up, .applied):
      return [
        .error(
          code: "already_applied", "\(migration.label) is applied already", at: migration.location,
          next:
            "roll it back first; or, if its objects are gone, `lockstep mark \(migration.version) "
            + "pending`")
      ]
    case (.down, .pending):
      return [
        .error(
          code: "not_applied", "\(migration.label) is not applied", at: migration.location,
          next: "there is nothing to roll back; see `lockstep status`")
      ]
    default: return []
    }
  }

  /// A single migration out of its turn cannot be recorded by a tool that keeps one position; other
  /// tools can, and it is said.
  static let position = Guard(name: "position") { run in
    guard case .only(_, let direction) = run.request, let index = run.selection.first?.index else {
      return []
    }
    let migrations = run.status.migrations
    let migration = migrations[index]
    let skipped =
      direction == .up
      ? migrations[..<index].last { $0.state == .pending }
      : migrations[(index + 1)...].first { $0.state == .applied }
    guard let skipped else { return [] }
    let words =
      direction == .up
      ? "\(skipped.label) stands before \(migration.label) and is pending"
      : "\(skipped.label) stands after \(migration.label) and is applied"
    guard run.layout.rules.history == .currentVersionOnly else {
      return [.warning(code: "out_of_order", words, at: skipped.location)]
    }
    return [
      .error(
        code: "out_of_order",
        "\(words); \(run.layout.name) keeps the current version alone and could not tell",
        at: skipped.location,
        next: direction == .up
          ? "apply in order: `lockstep up --to \(migration.version)`"
          : "roll back in order: `lockstep down`")
    ]
  }

  /// What has no script for going down is never rolled back in silence.
  static let irreversible = Guard(name: "irreversible") { run in
    run.selected(.down).compactMap { migration in
      guard let file = migration.migration, !file.isReversible else { return nil }
      let forget =
        "if its objects are gone, `lockstep mark \(migration.version) pending`"
      switch file.down {
      case .scripts: return nil
      case .none(let reason, let isMarked):
        return .error(
          code: "irreversible", "\(migration.label) cannot be rolled back: \(reason)",
          at: migration.location,
          next: isMarked
            ? "fix forward with a new migration; or, \(forget)"
            : "write its way back, or fix forward with a new migration; or, \(forget)")
      case .documented(_, let diagnostic):
        var refusal = diagnostic
        refusal.severity = .error
        refusal.code = "irreversible"
        refusal.what = "\(migration.label) cannot be rolled back: \(diagnostic.what)"
        return refusal
      }
    }
  }

  /// What loses data is not done where nobody was asked.
  static let dataLoss = Guard(name: "data loss") { run in
    guard run.context.dataLoss == .refused else { return [] }
    return run.steps.compactMap { step in
      guard step.risk == .losesData else { return nil }
      let words =
        step.warnings.isEmpty ? "it cannot be undone" : step.warnings.joined(separator: "; ")
      let direction = step.direction == .up ? "applying" : "rolling back"
      return .error(
        code: "loses_data", "\(direction) \(step.label) loses data: \(words)",
        next: "read it with `--dry-run`, then run it again with `--yes`")
    }
  }
}

extension Guards {
  /// `CREATE INDEX … IF NOT EXISTS` passes over an invalid index of that name in silence, and the
  /// migration would count as applied without the index.
  static let invalidIndex = Guard(name: "invalid index") { run in
    guard !run.status.invalidIndexes.isEmpty else { return [] }
    return run.steps.flatMap { step in InvalidIndexes.passedOver(by: step, run.status) }
  }
}

extension MigrationStatus.Problem {
  fileprivate var isDrift: Bool { if case .changed = self { true } else { false } }
  fileprivate var isOutOfOrder: Bool { if case .outOfOrder = self { true } else { false } }
  fileprivate var isDuplicate: Bool { if case .duplicateVersion = self { true } else { false } }
}
