import Diagnostics
import EventLoop
import MigrationModel
import Postgres
import PostgresModel

/// Runs migrations on a scratch copy: up, down and up again, and compares the schema each time.
///
/// What is applied is rolled back on the copy first, with whatever was applied after it.
/// The target is only read.
public struct Rehearsal: Sendable {
  public var project: Project
  public var target: ConnectionString
  public var options: Runner.Options
  public var loop: EventLoop
  /// How much of the target's rows the copy is to have.
  public var mode = RehearsalMode.auto
  public var sample = SampleSize.usual
  /// Whether statements that build or drop beside the work of others are broken off and taken up again.
  public var breaksOff = true
  /// Whether each is applied once more while others are at work on the tables that it locks.
  public var contends = false
  /// What is tried on the copy around each migration.
  public var probes: [any ScratchProbe] = Rehearsal.standardProbes

  /// What is being done, for whoever waits.
  public enum Progress: Sendable, Hashable {
    case copying
    case copied(RehearsalReport.Scratch)
    case running(Version, name: String, String)
    case event(RunEvent)
    /// What a migration has come to so far; told once it was tried, and once all was seen of it.
    case seen(RehearsedMigration, isWhole: Bool)
  }

  /// - Parameter options: Time-outs of the runs; nothing is asked and no file is written.
  public init(
    project: Project, target: ConnectionString, options: Runner.Options = Runner.Options(),
    loop: EventLoop
  ) {
    self.project = project
    self.target = target
    self.options = options
    self.options.schemaFile = nil
    self.options.confirm = nil
    self.loop = loop
  }

  /// Rehearses everything that is pending, up to the last of the versions that are named, or those that are
  /// named and applied, with what stands between them.
  ///
  /// The scratch database is gone afterwards, however this ends.
  ///
  /// - Parameter versions: Those to be told of; none: all.
  /// - Throws: `DatabaseError`, `DirectoryReader.Failure`, `Refusal`; a migration that fails is a part
  ///   of the report and never thrown.
  public func run(
    _ versions: [Version] = [], report: @escaping @Sendable (Progress) -> Void
  ) async throws -> RehearsalReport {
    let loaded = try await load(target)
    let course = try RehearsalCourse.make(
      versions, status: loaded.status, layout: loaded.layout)
    guard !course.rehearsed.isEmpty else { throw Refusal(Rehearsal.nothingPending) }
    report(.copying)
    let request = ScratchDatabase.Request(
      mode: mode, sample: sample, needsOwnServer: needsOwnServer(course))
    let scratch = try await ScratchDatabase.make(
      of: target, history: loaded.history.tableExists ? loaded.table : nil, request, loop: loop)
    do {
      var found = RehearsalReport.Scratch(
        name: scratch.name, mode: scratch.mode, serverVersion: scratch.serverVersion,
        sample: scratch.mode == .clone ? nil : scratch.mode.hasRows ? sample.words : nil,
        notes: scratch.notes)
      report(.copied(found))
      let (run, session) = try await ScratchRun.open(
        self, scratch, loaded, course, report: report)
      if !run.hasTriggers {
        found.notes.append(
          "what is dropped by cascade and temporary files are not told: that takes a superuser")
      }
      let result = try await run.all(scratch: found, in: session)
      await loop.undisturbed { await scratch.drop() }
      return result
    } catch {
      await loop.undisturbed { await scratch.drop() }
      throw error
    }
  }

  /// What of the target's whole server the migrations would change, in either direction; `nil` where
  /// they keep to their database.
  private func needsOwnServer(_ course: RehearsalCourse) -> String? {
    (course.rolledBack + course.rehearsed).lazy
      .compactMap { $0.migration?.allScripts.clusterWide }.first
  }

  /// Says that there is nothing to rehearse.
  public static let nothingPending = Diagnostic.note(
    code: "nothing_pending", "nothing is pending", next: "`lockstep status` shows what is applied")

  private func load(_ place: ConnectionString) async throws -> LoadedProject {
    let session = try await Connection.open(
      place, application: "lockstep rehearse", settings: [("default_transaction_read_only", "on")],
      loop: loop)
    return try await project.load(try await project.readFiles(), from: session)
  }
}

extension Migration {
  /// The scripts of both directions.
  fileprivate var allScripts: [Script] {
    if case .scripts(let scripts, _) = down { return up + scripts }
    return up
  }
}
