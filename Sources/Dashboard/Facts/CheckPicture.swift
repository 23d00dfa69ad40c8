import Diagnostics
import MigrationModel
import PostgresModel

/// How the migrations stand with the checklist, and the check that is under way.
public struct CheckPicture: Sendable {
  /// That of the project; `nil` until it was read.
  private var ownList: Checklist?
  /// One of those that come with Lockstep, looked at in its place, by its name.
  public private(set) var choice: String?
  /// Why the checklist cannot be read; another one may be in sight still.
  public internal(set) var problem: Diagnostic?
  /// What is being proven or rehearsed, or was last.
  public internal(set) var log: CheckLog?
  /// The item that the checklist pane has selected, by its id.
  public internal(set) var selected: String?
  /// Counts the changes, so that whoever derives something can tell whether it is the last.
  public private(set) var number = 0
  /// Whether any migration has failed an item.
  private(set) var hasFailures = false

  /// As the journal had them when it was last read.
  private var archived: [CheckRecord] = []
  /// Kept by this session since.
  private var own: [CheckRecord] = []
  /// Every migration of which something was kept, folded.
  private var folded: [MigrationKey: CheckedMigration] = [:]
  /// What the check under way has told, until the journal that it writes is read.
  private var told: [CheckRecord] = []
  private var basis: Basis?
  private var recordsNumber = 0

  private struct Basis: Hashable {
    var picture: Int
    var records: Int
    var environment: String?
  }

  public init() {}

  /// The one that migrations are held against; `nil` until it was read.
  public var checklist: Checklist? { choice.flatMap(Checklists.named) ?? ownList }

  /// Why the project's own checklist is in sight as it was read before, and not as it is now.
  var staleness: Diagnostic? { choice == nil && ownList != nil ? problem : nil }

  /// Everything that was kept, in the order in which it was.
  public var records: [CheckRecord] {
    own.isEmpty && told.isEmpty ? archived : (archived + own + told).sorted { $0.at < $1.at }
  }

  /// Whether something is being proven or rehearsed.
  public var isRunning: Bool { log?.isRunning ?? false }

  // MARK: - What is told

  /// Takes over a checklist that was read.
  mutating func take(_ checklist: Checklist) {
    problem = nil
    guard checklist != ownList else { return }
    ownList = checklist
    recordsNumber += 1
  }

  /// Looks at one of those that come with Lockstep; `nil`: at the project's own again.
  mutating func choose(_ name: String?) {
    choice = name
    recordsNumber += 1
  }

  /// Takes over what the journal has.
  mutating func take(_ records: [CheckRecord]) {
    let known = Set(records)
    // Read before something of ours was written, it may lack that.
    own.removeAll(where: known.contains)
    if !isRunning { told = [] }
    archived = records
    recordsNumber += 1
  }

  /// Adds what this session has kept.
  mutating func add(_ record: CheckRecord) {
    own.append(record)
    recordsNumber += 1
  }

  /// Takes over how an item stands now, while a check goes on.
  ///
  /// - Parameter checksum: Of the content that is being checked.
  mutating func settle(
    _ item: CheckedItem, of version: Version, checksum: String, environment: String?
  ) {
    guard let at = item.at, let by = item.by, let verdict = CheckFinding.Verdict(item.status),
      !records.contains(where: {
        $0.at == at && $0.version == version && $0.item == item.item.id
      })
    else { return }
    told.append(
      CheckRecord(
        at: at, by: by, version: version, checksum: checksum, environment: environment,
        item: item.item.id, act: .proven(CheckFinding(verdict, item.evidence))))
    recordsNumber += 1
  }

  /// Forgets what a check that broke off has told: only what the journal has is proven.
  mutating func forgetTold() {
    guard !told.isEmpty else { return }
    told = []
    recordsNumber += 1
  }

  // MARK: - How it stands

  /// Folds what was kept into how each migration stands, where something of it is new.
  mutating func follow(_ status: ProjectStatus?, number picture: Int, environment: String?) {
    let basis = Basis(picture: picture, records: recordsNumber, environment: environment)
    guard basis != self.basis else { return }
    self.basis = basis
    number += 1
    folded = [:]
    defer { hasFailures = folded.values.contains { $0.verdict == .failed } }
    guard let status, let checklist else { return }
    let records = Dictionary(grouping: records, by: \.version)
    for migration in status.migrations {
      guard let kept = records[migration.version] else { continue }
      folded[MigrationKey(migration)] = CheckedMigration(
        migration, checklist, kept, environment: environment)
    }
  }

  /// How a migration stands; `nil` without a checklist, or where its file is gone.
  func checked(_ status: MigrationStatus, environment: String?) -> CheckedMigration? {
    guard let checklist, status.migration != nil else { return nil }
    return folded[MigrationKey(status)]
      ?? CheckedMigration(status, checklist, [], environment: environment)
  }

  /// What was found of a migration, as far as anything was.
  ///
  /// Costs nothing, for lists of thousands.
  func verdict(_ status: MigrationStatus) -> CheckedMigration.Verdict? {
    folded[MigrationKey(status)]?.verdict
  }

  /// How a migration stands in the other environments of which something was kept, by their names.
  func elsewhere(
    _ status: MigrationStatus, than environment: String?
  ) -> [(environment: String, checked: CheckedMigration)] {
    guard let checklist else { return [] }
    let kept = records.filter { $0.version == status.version && $0.environment != environment }
    return Set(kept.compactMap(\.environment)).sorted().map { other in
      (other, CheckedMigration(status, checklist, kept, environment: other))
    }
  }

  /// The last rehearsal of the way back for exactly this content, wherever it was; `nil`: none.
  func rollback(of status: MigrationStatus) -> (record: CheckRecord, finding: CheckFinding)? {
    guard let checklist,
      let item = checklist.items.first(where: { $0.proof == .rollback }),
      let checksum = status.migration?.contentChecksum.hexadecimal
    else { return nil }
    for record in records.reversed() {
      guard record.version == status.version, record.item == item.id,
        case .proven(let finding) = record.act
      else { continue }
      // An older one of another content would say nothing of this one.
      return record.checksum == checksum ? (record, finding) : nil
    }
    return nil
  }
}

extension CheckedMigration {
  fileprivate init(
    _ status: MigrationStatus, _ checklist: Checklist, _ records: [CheckRecord],
    environment: String?
  ) {
    self.init(
      version: status.version, name: status.name,
      checksum: status.migration?.contentChecksum.hexadecimal ?? "", environment: environment,
      checklist: checklist, records: records)
  }
}

extension CheckFinding.Verdict {
  /// What a proof has found where an item stands like that; `nil` where a person has said it.
  fileprivate init?(_ status: CheckStatus) {
    switch status {
    case .passed: self = .passed
    case .failed: self = .failed
    case .notApplicable: self = .notApplicable
    case .open: self = .notProven
    case .waived, .signed, .stale: return nil
    }
  }
}

extension Facts {
  /// How a migration stands with the checklist; `nil` without one, or where its file is gone.
  public func checked(_ status: MigrationStatus) -> CheckedMigration? {
    checks.checked(status, environment: target.environment)
  }

  /// Brings the checks in line with picture and journal.
  mutating func followChecks() {
    checks.follow(picture.status, number: pictureNumber, environment: target.environment)
  }
}
