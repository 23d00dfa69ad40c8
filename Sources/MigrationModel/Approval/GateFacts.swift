import Diagnostics
import PostgresModel

/// Everything that the gates of an environment are judged by.
public struct GateFacts: Sendable {
  public var demands: EnvironmentDemands
  /// Of the database in which the plan would run.
  public var identity: DatabaseIdentity
  public var status: ProjectStatus
  /// What was kept, of this database and of the one on which migrations are validated.
  public var archive: RunArchive
  public var checklist: Checklist
  /// Why the checklist cannot be read: then nothing is validated by it.
  public var checklistProblem: Diagnostic?
  public var backup: Outlook
  public var health: Outlook
  /// Given in place of all approvals, for this run.
  public var brokenGlass: BrokenGlass?

  /// Whether something can be done when its time comes, as far as can be told before.
  public enum Outlook: Sendable, Hashable {
    case notLookedAt
    /// With what was seen.
    case possible([String])
    case impossible(Diagnostic)
  }

  /// Why all approvals are passed over, and who answers for it.
  public struct BrokenGlass: Sendable, Hashable {
    public var by: String
    public var reason: String

    public init(by: String, reason: String) {
      self.by = by
      self.reason = reason
    }
  }

  public init(
    demands: EnvironmentDemands, identity: DatabaseIdentity, status: ProjectStatus,
    archive: RunArchive, checklist: Checklist,
    backup: Outlook = .notLookedAt, health: Outlook = .notLookedAt,
    brokenGlass: BrokenGlass? = nil
  ) {
    self.demands = demands
    self.identity = identity
    self.status = status
    self.archive = archive
    self.checklist = checklist
    self.backup = backup
    self.health = health
    self.brokenGlass = brokenGlass
  }
}

extension GateFacts {
  /// The files of a version; `nil` where they are gone.
  public func migration(_ version: Version) -> Migration? {
    status.migrations.first { $0.version == version }?.migration
  }

  /// Where the evidence of a migration is: where it was validated, else here.
  public var environmentOfEvidence: String { demands.validatedOn ?? demands.environment }

  /// The checklist of a migration with its content as it is now.
  public func sheet(_ migration: Migration) -> CheckedMigration {
    CheckedMigration(
      version: migration.version, name: migration.name,
      checksum: migration.contentChecksum.hexadecimal, environment: environmentOfEvidence,
      checklist: checklist, records: archive.checks)
  }

  /// What an approval of a migration leans on now.
  public func evidence(_ migration: Migration) -> String {
    EvidenceDigest.of(sheet(migration))
  }

  /// The migrations of a plan as an approval names them.
  ///
  /// - Parameter authors: Who wrote a migration's files; `nil` where nothing tells.
  public func subject(
    of plan: Plan, authors: (Migration) -> [String]?
  ) -> [ApprovedMigration] {
    plan.steps.compactMap { step in
      guard let migration = migration(step.version) else { return nil }
      return ApprovedMigration(
        version: step.version, name: step.name,
        checksum: migration.contentChecksum.hexadecimal, evidence: evidence(migration),
        authors: authors(migration))
    }
  }
}
