import Diagnostics
import PostgresModel

extension ProjectStatus {
  /// Joins what the folder holds with what the database says of the past.
  ///
  /// Takes time in proportion to the number of migrations and rows.
  public static func joining(
    catalog: Catalog, history: History, layout: any Layout, table: QualifiedName
  ) -> ProjectStatus {
    var join = StatusJoin(catalog: catalog, history: history, layout: layout)
    let migrations = join.run()
    return ProjectStatus(
      layout: layout.name, table: table, migrations: migrations,
      unsupported: catalog.unsupported + join.orphans,
      notes: catalog.notes + join.notes
        + InvalidIndexes.notes(history.invalidIndexes, migrations),
      faults: catalog.faults, historyTableExists: history.tableExists,
      invalidIndexes: history.invalidIndexes)
  }
}

/// The join of one catalogue with one history.
private struct StatusJoin {
  private let catalog: Catalog
  private let history: History
  private let layout: any Layout
  private(set) var notes: [Diagnostic] = []
  /// Down files of versions that were never applied and have no up file.
  private(set) var orphans: [Catalog.UnsupportedFile] = []

  /// What is known of one version: the place of its row and of the first file with it.
  private struct Place {
    var row: Int?
    var migration: Int?
    var hasTwins = false
  }

  init(catalog: Catalog, history: History, layout: any Layout) {
    self.catalog = catalog
    self.history = history
    self.layout = layout
  }

  mutating func run() -> [MigrationStatus] {
    var statuses =
      layout.rules.history == .currentVersionOnly ? joinPosition() : joinRows()
    addUnfinished(to: &statuses)
    addOutOfOrder(to: &statuses)
    return statuses
  }

  // MARK: A row for each migration

  private mutating func joinRows() -> [MigrationStatus] {
    var places: [String: Place] = [:]
    // Mostly the one are among the other.
    places.reserveCapacity(max(history.rows.count, catalog.migrations.count))
    var extraRows: [Int] = []
    for (index, row) in history.rows.enumerated() {
      let place = places.updateValue(Place(row: index), forKey: layout.identity(of: row.version))
      // A table of text may hold `1` beside `001`; the later one stands alone.
      if let place {
        places[layout.identity(of: row.version)] = place
        extraRows.append(index)
      }
    }
    var isMatched = [Bool](repeating: false, count: history.rows.count)
    var statuses: [MigrationStatus] = []
    statuses.reserveCapacity(catalog.migrations.count)
    var twins: [(identity: String, index: Int)] = []
    for migration in catalog.migrations {
      let identity = layout.identity(of: migration.version)
      let row = note(&places[identity, default: Place()], statuses.count, identity, &twins)
      guard row != nil || !migration.up.isEmpty || !migration.faults.isEmpty else {
        orphans += migration.files.map { file in
          let reason = "a way back without a migration: no up file has its version"
          return Catalog.UnsupportedFile(file: file, reason: reason)
        }
        places[identity]?.migration = nil
        continue
      }
      if let row { isMatched[row] = true }
      statuses.append(status(of: migration, row: row.map { history.rows[$0] }))
    }
    addDuplicates(twins, to: &statuses)
    let missing = history.rows.indices.filter { !isMatched[$0] }.map {
      missingFile(history.rows[$0])
    }
    return missing.isEmpty ? statuses : merged(statuses, missing)
  }

  /// Notes that a migration has this version, and returns the place of its row.
  private func note(
    _ place: inout Place, _ index: Int, _ identity: String,
    _ twins: inout [(identity: String, index: Int)]
  ) -> Int? {
    if let first = place.migration {
      if !place.hasTwins { twins.append((identity, first)) }
      place.hasTwins = true
      twins.append((identity, index))
    } else {
      place.migration = index
    }
    return place.row
  }

  private func status(of migration: Migration, row: HistoryRow?) -> MigrationStatus {
    var state = MigrationStatus.State.pending
    var problems: [MigrationStatus.Problem] = []
    if let row {
      state = row.outcome == .broken ? .failed : .applied
      if row.outcome == .broken {
        problems.append(.dirty)
      } else if let recorded = row.checksum, let found = migration.checksum, recorded != found {
        problems.append(.changed(recorded: recorded, found: found))
      }
    }
    addProblemsOfFile(migration, to: &problems)
    return MigrationStatus(
      version: migration.version, name: migration.name, state: state, problems: problems,
      migration: migration, row: row)
  }

  private func addProblemsOfFile(
    _ migration: Migration, to problems: inout [MigrationStatus.Problem]
  ) {
    for fault in migration.faults { problems.append(.unsupported(fault)) }
    if migration.faults.isEmpty, case .none(_, isMarked: false) = migration.down {
      problems.append(.irreversibleWithoutNote)
    }
  }

  private func missingFile(_ row: HistoryRow) -> MigrationStatus {
    let isBroken = row.outcome == .broken
    return MigrationStatus(
      version: row.version, name: row.name ?? "", state: isBroken ? .failed : .applied,
      problems: isBroken ? [.dirty, .missingFile] : [.missingFile], migration: nil, row: row)
  }

  /// Names to each file of a version the others.
  private func addDuplicates(
    _ twins: [(identity: String, index: Int)], to statuses: inout [MigrationStatus]
  ) {
    guard !twins.isEmpty else { return }
    let groups = Dictionary(grouping: twins, by: \.identity)
    for group in groups.values {
      let paths = group.map { statuses[$0.index].migration?.files.first?.path ?? "" }
      for (position, twin) in group.enumerated() {
        var others = paths
        others.remove(at: position)
        statuses[twin.index].problems.append(.duplicateVersion(paths: others))
      }
    }
  }

  /// Puts rows without a file where their versions belong, keeping the order of the files.
  private func merged(
    _ statuses: [MigrationStatus], _ missing: [MigrationStatus]
  ) -> [MigrationStatus] {
    let missing = missing.sorted { layout.isOrderedBefore($0.version, $1.version) }
    var result: [MigrationStatus] = []
    result.reserveCapacity(statuses.count + missing.count)
    var next = missing.startIndex
    for status in statuses {
      while next < missing.endIndex,
        layout.isOrderedBefore(missing[next].version, status.version)
      {
        result.append(missing[next])
        next += 1
      }
      result.append(status)
    }
    result.append(contentsOf: missing[next...])
    return result
  }

  // MARK: The current version alone

  private mutating func joinPosition() -> [MigrationStatus] {
    let row = history.rows.first
    let current = row?.version.number
    var statuses: [MigrationStatus] = []
    statuses.reserveCapacity(catalog.migrations.count)
    var isFound = false
    var assumed = 0
    var twins: [(identity: String, index: Int)] = []
    for migration in catalog.migrations {
      let number = migration.version.number
      if let previous = statuses.last, number != nil, previous.version.number == number {
        let identity = layout.identity(of: migration.version)
        if twins.last?.identity != identity { twins.append((identity, statuses.count - 1)) }
        twins.append((identity, statuses.count))
      }
      guard let row, let current, let number, number <= current else {
        statuses.append(status(of: migration, row: nil))
        continue
      }
      if number == current {
        isFound = true
        statuses.append(status(of: migration, row: row))
        continue
      }
      var status = status(of: migration, row: nil)
      if history.knownVersions?.contains(number) ?? true {
        status.state = .applied
        assumed += 1
      }
      statuses.append(status)
    }
    addDuplicates(twins, to: &statuses)
    if assumed > 0, history.knownVersions == nil, let row {
      let files = assumed == 1 ? "the older file is" : "the \(assumed) older files are"
      notes.append(
        .note(
          code: "assumed_applied",
          "\(layout.name) records the current version alone, \(row.version): \(files) taken as applied"
        ))
    }
    guard let row, !isFound else { return statuses }
    var lost = missingFile(row)
    // A run of the tool that broke off before the first version leaves -1, which has no file.
    if current == nil { lost.problems = row.outcome == .broken ? [.dirty] : [] }
    return merged(statuses, [lost])
  }

  // MARK: Both

  /// Marks what a run of Lockstep outside a transaction left half-way.
  ///
  /// The journal's row goes with the history's, so that a row that contradicts it is the later truth.
  private func addUnfinished(to statuses: inout [MigrationStatus]) {
    for run in history.unfinished {
      let identity = layout.identity(of: run.version)
      guard takePosition(of: run, identity, &statuses) else { continue }
      let index = statuses.firstIndex { layout.identity(of: $0.version) == identity }
      guard let index else {
        let status = MigrationStatus(
          version: run.version, name: "", state: .failed, problems: [.dirty, .missingFile],
          migration: nil, row: nil, unfinished: run)
        statuses = merged(statuses, [status])
        continue
      }
      let row = statuses[index].row
      let isBroken = row?.outcome == .broken
      let hasRow = row != nil && statuses[index].state != .pending
      switch layout.rules.dirtyMark {
      case .none:
        guard run.direction == .up ? !hasRow : hasRow || statuses[index].state == .failed else {
          continue
        }
      // Without its mark the history says that somebody has settled it.
      case .inHistory:
        guard isBroken || layout.rules.history == .currentVersionOnly else { continue }
      }
      statuses[index].state = .failed
      statuses[index].unfinished = run
      if !statuses[index].problems.contains(.dirty) {
        statuses[index].problems.insert(.dirty, at: 0)
      }
    }
  }

  /// Lets the journal say which migration a dirty position is about: going down, it stands at the one
  /// before.
  ///
  /// - Returns: Whether the journal's row is to be believed.
  private func takePosition(
    of run: UnfinishedRun, _ identity: String, _ statuses: inout [MigrationStatus]
  ) -> Bool {
    guard layout.rules.history == .currentVersionOnly, layout.rules.dirtyMark == .inHistory else {
      return true
    }
    guard history.rows.first?.outcome == .broken else { return false }
    for index in statuses.indices
    where statuses[index].state == .failed
      && layout.identity(of: statuses[index].version) != identity
    {
      statuses[index].state = .applied
      statuses[index].problems.removeAll { $0 == .dirty }
    }
    // Below the first version there is no migration that the position could be about.
    statuses.removeAll { $0.migration == nil && $0.version.number == nil && $0.state == .applied }
    return true
  }

  private func addOutOfOrder(to statuses: inout [MigrationStatus]) {
    guard let last = statuses.lastIndex(where: { $0.state == .applied }) else { return }
    let newest = statuses[last].version
    for index in 0..<last where statuses[index].state == .pending {
      statuses[index].problems.append(.outOfOrder(newestApplied: newest))
    }
  }
}
