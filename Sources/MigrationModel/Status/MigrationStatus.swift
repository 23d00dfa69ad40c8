import Diagnostics
import PostgresModel

/// One line of the picture: a migration of the folder, a row of the history, or both.
public struct MigrationStatus: Sendable, Hashable {
  public var version: Version
  public var name: String
  public var state: State
  public var problems: [Problem]
  /// `nil` where the file is gone.
  public var migration: Migration?
  public var row: HistoryRow?
  private var run: Shared<UnfinishedRun>?
  private var kept: Shared<AppliedRecord>?

  public enum State: String, Sendable, Hashable {
    case applied, pending, failed
  }

  /// What is wrong with it; the raw words are those of `status --json`.
  public enum Problem: Sendable, Hashable {
    /// The file is not what was applied.
    case changed(recorded: Checksum, found: Checksum)
    /// Applied, but no file has this version any more.
    case missingFile
    /// Pending, yet older than the newest applied version.
    case outOfOrder(newestApplied: Version)
    /// Other files with the same version, by path.
    case duplicateVersion(paths: [String])
    /// A run broke off half-way.
    case dirty
    /// No way back, and nothing in the file says that this is meant.
    case irreversibleWithoutNote
    /// Cannot be run by Lockstep, and why.
    case unsupported(Diagnostic)
  }

  public init(
    version: Version, name: String, state: State, problems: [Problem], migration: Migration?,
    row: HistoryRow?, unfinished: UnfinishedRun? = nil
  ) {
    self.version = version
    self.name = name
    self.state = state
    self.problems = problems
    self.migration = migration
    self.row = row
    run = unfinished.map { Shared($0) }
  }

  /// What a run of Lockstep outside a transaction left half-way.
  public var unfinished: UnfinishedRun? {
    get { run?.value }
    set { run = newValue.map { Shared($0) } }
  }

  /// What the journal says of it where the tool's table does not; `nil` where it was not asked, or says
  /// nothing.
  public var record: AppliedRecord? {
    get { kept?.value }
    set { kept = newValue.map { Shared($0) } }
  }
}

extension MigrationStatus {
  /// When it was applied, by the tool's table or else by the journal.
  public var appliedAt: Instant? { row?.appliedAt ?? record?.at }
  /// By whom, by the tool's table or else by the journal.
  public var appliedBy: String? { row?.appliedBy ?? record?.by }
  /// How long it took, by the tool's table or else by the journal.
  public var appliedMilliseconds: Double? {
    row?.durationNanoseconds.map { Double($0) / 1_000_000 } ?? record?.durationMilliseconds
  }
}

extension MigrationStatus.Problem {
  /// The stable word of `status --json`.
  public var code: String {
    switch self {
    case .changed: "changed"
    case .missingFile: "missing_file"
    case .outOfOrder: "out_of_order"
    case .duplicateVersion: "duplicate_version"
    case .dirty: "dirty"
    case .irreversibleWithoutNote: "irreversible_without_note"
    case .unsupported: "unsupported"
    }
  }
}

/// The whole picture: folder joined with history.
public struct ProjectStatus: Sendable, Hashable {
  /// `Layout.name`.
  public var layout: String
  public var table: QualifiedName
  /// In the order in which the layout's tool would apply them; rows without a file stand where their
  /// version belongs.
  public var migrations: [MigrationStatus]
  public var unsupported: [Catalog.UnsupportedFile]
  public var notes: [Diagnostic]
  public var faults: [Diagnostic]
  public var historyTableExists: Bool
  /// Indexes of the database that no query may use, whoever left them.
  public var invalidIndexes: [IndexFact]

  public init(
    layout: String, table: QualifiedName, migrations: [MigrationStatus],
    unsupported: [Catalog.UnsupportedFile] = [], notes: [Diagnostic] = [],
    faults: [Diagnostic] = [], historyTableExists: Bool, invalidIndexes: [IndexFact] = []
  ) {
    self.layout = layout
    self.table = table
    self.migrations = migrations
    self.unsupported = unsupported
    self.notes = notes
    self.faults = faults
    self.historyTableExists = historyTableExists
    self.invalidIndexes = invalidIndexes
  }

  public var appliedCount: Int { count(of: .applied) }
  public var pendingCount: Int { count(of: .pending) }
  public var failedCount: Int { count(of: .failed) }

  private func count(of state: MigrationStatus.State) -> Int {
    // By index: an element passed to a closure would be copied whole.
    var count = 0
    for index in migrations.indices where migrations[index].state == state { count += 1 }
    return count
  }

  /// Migrations with at least one problem that is more than a missing note.
  public var problemCount: Int {
    var count = 0
    for index in migrations.indices
    where migrations[index].problems.contains(where: { $0 != .irreversibleWithoutNote }) {
      count += 1
    }
    return count
  }
}
