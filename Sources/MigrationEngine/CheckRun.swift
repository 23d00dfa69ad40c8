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
  /// The copy that somebody asks for: what is seen on a copy alone is seen on this one, whatever was kept.
  /// `nil`: the strongest that is cheap, for what is not settled.
  public var copy: RehearsalCopy?
  /// What is tried on the copy beside what the project's own files ask for.
  public var probes: [any ScratchProbe] = Rehearsal.standardProbes
  /// What is worth knowing and keeps nothing from being done: a journal that could not be read.
  public var tell: @Sendable (Diagnostic) -> Void = { _ in }

  /// What is being done, for whoever waits.
  public enum Progress: Sendable {
    case rehearsing(Rehearsal.Progress)
    /// How an item will stand once what is seen on the copy is kept, which it is when the copy is gone.
    case seen(Version, CheckedItem)
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
  ///     are not settled for the content that the files have now, and where a copy is asked for those
  ///     that it can prove.
  /// - Returns: Each migration with the whole checklist, in the order of the project.
  /// - Throws: `Refusal`, `DatabaseError`, `DirectoryReader.Failure`, `RunRecordsFailure`; a proof that
  ///   fails is a part of the result and never thrown.
  public func run(
    _ versions: [Version] = [], items: Set<String>? = nil,
    report: @escaping @Sendable (Progress) -> Void
  ) async throws -> [CheckedMigration] {
    let texts = try await sources.read()
    var desk = try await CheckDesk.open(self, texts)
    let wanted = try desk.loaded.wanted(versions)
    let rehearsed = try await desk.rehearse(wanted, items, report)
    var result: [CheckedMigration] = []
    for status in wanted {
      try Task.checkCancellation()
      let checked = try await desk.prove(status, items, rehearsed, report)
      result.append(checked)
    }
    return result
  }

  /// How the migrations stand by what was kept, without proving anything.
  ///
  /// - Throws: As `run`.
  public func standing(_ versions: [Version] = []) async throws -> [CheckedMigration] {
    let desk = try await CheckDesk.open(self, CheckTexts())
    return try desk.loaded.wanted(versions).map {
      desk.checked($0)
    }
  }

  /// Keeps a person's word on one item of each migration.
  ///
  /// - Returns: The migrations as they stand afterwards.
  /// - Throws: As `run`; `Refusal` where the checklist has no such item, or there is nothing that could
  ///   be taken back.
  public func keep(
    _ act: CheckRecord.Act, on item: String, of versions: [Version], at now: Instant
  ) async throws -> [CheckedMigration] {
    guard checklist.items.contains(where: { $0.id == item }) else {
      throw Refusal(checklist.unknownItem(item))
    }
    var desk = try await CheckDesk.open(self, CheckTexts())
    let wanted = try desk.loaded.wanted(versions)
    if act == .undone {
      for status in wanted {
        let standing = desk.checked(status).items.first { $0.item.id == item }?.status
        guard standing != .signed, standing != .waived else { continue }
        throw Refusal(
          .error(
            code: "nothing_to_undo",
            "item \"\(item)\" of \(status.version) is neither signed nor waived",
            next: "`lockstep check --known` shows how each item stands; nothing was recorded"))
      }
    }
    for status in wanted { try await desk.keep([(item, act)], of: status, at: now) }
    return wanted.map { desk.checked($0) }
  }
}

extension Checklist {
  /// Says that there is no such item.
  public func unknownItem(_ id: String) -> Diagnostic {
    .error(
      code: "usage", "the checklist \"\(title)\" has no item \"\(id)\"",
      next: nearest(to: id, among: items.map(\.id)).map { "did you mean \($0)?" }
        ?? "its items: \(items.map(\.id).joined(separator: ", "))")
  }
}

extension LoadedProject {
  /// The migrations that are meant; none named: all that are pending.
  fileprivate func wanted(_ versions: [Version]) throws(Refusal) -> [MigrationStatus] {
    guard !versions.isEmpty else { return status.migrations.filter { $0.state == .pending } }
    return try status.named(versions, layout)
  }
}
