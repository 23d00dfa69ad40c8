import Diagnostics
import EventLoop
import MigrationModel
import Postgres
import PostgresModel

/// Goes through a checklist for some migrations: rehearses what has no fresh evidence, proves what can be
/// proven, and keeps every finding in the journal.
///
/// The target is only read, but for a journal that is kept in it.
public struct CheckRun: Sendable {
  public var project: Project
  public var target: ConnectionString
  public var checklist: Checklist
  public var sources: CheckSources
  public var records: any RunRecords
  /// Who is recorded as having run the proofs.
  public var by: String
  public var environment: String?
  public var options: Runner.Options
  public var loop: EventLoop

  /// What is being done, for whoever waits.
  public enum Progress: Sendable {
    case rehearsing(Rehearsal.Progress)
    case proving(Version, ChecklistItem)
    /// How an item stands now, whether it was just proven or settled before.
    case settled(Version, CheckedItem)
  }

  public init(
    project: Project, target: ConnectionString, checklist: Checklist, sources: CheckSources,
    records: any RunRecords, by: String, environment: String?, options: Runner.Options,
    loop: EventLoop
  ) {
    self.project = project
    self.target = target
    self.checklist = checklist
    self.sources = sources
    self.records = records
    self.by = by
    self.environment = environment
    self.options = options
    self.loop = loop
  }

  /// Goes through the checklist.
  ///
  /// - Parameters:
  ///   - versions: The migrations, applied or pending; none: all that are pending.
  ///   - items: The ids of the items to be proven, whether they are settled or not; `nil`: those that
  ///     are not settled for the content that the files have now.
  /// - Returns: Each migration with the whole checklist, in the order of the project.
  /// - Throws: `Refusal`, `DatabaseError`, `DirectoryReader.Failure`, `RunRecordsFailure`; a proof that
  ///   fails is a part of the result and never thrown.
  public func run(
    _ versions: [Version] = [], items: Set<String>? = nil,
    report: @escaping @Sendable (Progress) -> Void
  ) async throws -> [CheckedMigration] {
    let session = try await Connection.open(
      target, application: "lockstep check", settings: [("default_transaction_read_only", "on")],
      loop: loop)
    let loaded = try await project.load(try await project.readFiles(), from: session)
    let kept = try await records.read(.all).records.compactMap { record -> CheckRecord? in
      guard case .check(let check, _) = record else { return nil }
      return check
    }
    let wanted = loaded.status.migrations.filter {
      versions.isEmpty ? $0.state == .pending : versions.contains($0.version)
    }
    return wanted.map { status in
      CheckedMigration(
        version: status.version, name: status.name,
        checksum: status.migration?.contentChecksum.hexadecimal ?? "", environment: environment,
        checklist: checklist, records: kept)
    }
  }
}
