import MigrationModel
import PostgresModel
import Synchronization

/// What a rehearsal shows of a checklist while it goes on, item by item.
///
/// It is what will be kept, unless the rehearsal breaks off or the files change meanwhile.
final class EarlyFindings: Sendable {
  private let by: String
  private let environment: String?
  private let configured: Set<CheckProof>
  private let schemas: SeenSchemas
  private let due: [Version: (status: MigrationStatus, items: [ChecklistItem])]
  private let mode = Mutex<RehearsalReport.Mode?>(nil)

  init(
    by: String, environment: String?, configured: Set<CheckProof>, schemas: SeenSchemas,
    due: [(status: MigrationStatus, items: [ChecklistItem])]
  ) {
    self.by = by
    self.environment = environment
    self.configured = configured
    self.schemas = schemas
    self.due = Dictionary(due.map { ($0.status.version, $0) }) { first, _ in first }
  }

  /// The items that are settled by what a rehearsal has just told.
  func items(shownBy progress: Rehearsal.Progress) -> [(Version, CheckedItem)] {
    switch progress {
    case .copied(let scratch):
      mode.withLock { $0 = scratch.mode }
      return []
    case .seen(let migration, let isWhole):
      guard let (status, items) = due[migration.version] else { return [] }
      var scene = CheckScene(status, environment: environment)
      scene.configured = configured
      scene.rehearsed = migration
      scene.mode = mode.withLock { $0 }
      scene.before = schemas[migration.version]?.before
      scene.after = schemas[migration.version]?.after
      let now = Instant.now
      return items.compactMap { item in
        // How long one took that is applied, its run on the target tells.
        guard let proof = item.proof, proof != .duration || status.state == .pending,
          proof.isSeenWhenTried || (isWhole && proof.isSeenThereAndBack)
        else { return nil }
        let finding = CheckFinding(proof, scene)
        return (
          status.version,
          CheckedItem(
            item, CheckStatus(finding.verdict), evidence: finding.evidence, by: by, at: now)
        )
      }
    case .copying, .running, .event: return []
    }
  }
}

extension CheckProof {
  /// Whether nothing that comes after the first run of a migration adds to it.
  fileprivate var isSeenWhenTried: Bool {
    switch self {
    case .indexes, .constraints, .triggers, .performance, .contract, .queryCache: true
    case .applied, .backup, .downScript, .rollback, .documentation, .assertions, .applies,
      .reapplies, .duration:
      false
    }
  }

  /// Whether it is seen of a migration alone once that was rolled back and applied again.
  fileprivate var isSeenThereAndBack: Bool {
    switch self {
    case .rollback, .applies, .reapplies, .duration: true
    // The others look at the target too, or at what all that is pending comes to.
    default: false
    }
  }
}
