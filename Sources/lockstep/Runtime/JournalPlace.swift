import Diagnostics
import EventLoop
import MigrationEngine
import MigrationModel
import Postgres
import PostgresModel

/// Where a project's runs and audit events are kept: written in one place, read in both.
struct JournalPlace: Sendable {
  /// The folder that holds `.lockstep`.
  var root: String
  var kind: ConfigurationFile.Journal
  var target: ConnectionString
  var environment: String?
  var loop: EventLoop

  init(_ settings: ProjectSettings, loop: EventLoop) {
    root = settings.root
    kind = settings.journal
    target = settings.target.value
    environment = settings.environment?.value
    self.loop = loop
  }

  /// In files below a folder, for a database that belongs to no project.
  init(files root: String, of target: ConnectionString, environment: String?, loop: EventLoop) {
    self.root = root
    kind = .file
    self.target = target
    self.environment = environment
    self.loop = loop
  }

  // MARK: Writing

  /// Where records are added; files where the database cannot be reached a second time.
  func records(_ warn: @Sendable (Diagnostic) -> Void) async -> any RunRecords {
    guard kind == .database else { return FileRecords(root: root) }
    do throws(DatabaseError) {
      return DatabaseRecords(
        try await Connection.open(target, application: "lockstep journal", loop: loop))
    } catch {
      warn(
        .warning(
          code: "journal_not_written",
          "the journal in the database cannot be reached: \(error.diagnostic.what)",
          next: "this run is kept in \(root)/.lockstep instead"))
      return FileRecords(root: root)
    }
  }

  /// Begins to keep a run.
  ///
  /// - Parameters:
  ///   - by: Who is recorded where the layout records it.
  ///   - session: The one in which it runs.
  ///   - asks: What the environment asks a run to see to.
  func recording(
    of plan: Plan, by: String?, in session: Connection, asks: [String] = [],
    warn: @escaping @Sendable (Diagnostic) -> Void
  ) async -> RunRecording {
    let start = RunStart(
      plan, by: by ?? session.user, identity: await .of(session), user: session.user,
      environment: environment, lockstep: ProgramVersion.number,
      asks: plan.steps.contains { !$0.units.isEmpty } ? asks : [])
    return RunRecording(start, of: plan, in: await records(warn), loop: loop, warn: warn)
  }

  /// Keeps what was done to somebody's session.
  func keep(
    _ event: AuditEvent, in session: Connection, warn: @Sendable (Diagnostic) -> Void
  ) async {
    let record = RunRecord.audit(event, await .of(session))
    do throws(RunRecordsFailure) {
      try await records(warn).append([record])
    } catch {
      warn(error.diagnostic)
    }
  }

  /// Keeps an approval, or what takes one back.
  ///
  /// - Throws: `RunRecordsFailure`; what is not kept was not given.
  func keep(
    _ approval: ApprovalRecord, warn: @Sendable (Diagnostic) -> Void
  ) async throws(RunRecordsFailure) {
    let place = await records(warn)
    // Taken back on this machine alone, it would still hold for everybody else.
    if case .revoked = approval, kind == .database, place is FileRecords {
      throw RunRecordsFailure(
        "the journal in the database cannot be reached, and everybody else reads that one", next: ""
      )
    }
    try await place.append([.approval(approval)])
  }

  /// Adds records to a run that was kept before.
  ///
  /// - Throws: `RunRecordsFailure`.
  func append(
    _ kept: [RunRecord], warn: @Sendable (Diagnostic) -> Void
  ) async throws(RunRecordsFailure) {
    try await records(warn).append(kept)
  }

  // MARK: Reading

  /// Reads what was proven and said about migrations on another database, where each keeps its own
  /// journal.
  ///
  /// - Returns: The records, and why there are none.
  func checks(on other: ConnectionString) async -> (checks: [CheckRecord], notes: [Diagnostic]) {
    guard kind == .database else { return ([], []) }
    do {
      let session = try await Connection.open(
        other, application: "lockstep journal",
        settings: [("default_transaction_read_only", "on")], loop: loop)
      let reading = try await DatabaseRecords(session).read(.all)
      let checks = reading.records.compactMap { record -> CheckRecord? in
        if case .check(let check, _) = record { check } else { nil }
      }
      return (checks, reading.notes)
    } catch {
      var note = Diagnostic(explaining: error)
      note.severity = .warning
      return ([], [note])
    }
  }

  /// Reads what was kept of a database's runs, wherever it was kept.
  ///
  /// - Parameters:
  ///   - session: With that database.
  ///   - limit: The most bytes of files that are looked at; `nil` for the usual.
  /// - Returns: The archive, and what could not be read.
  func archive(
    _ wanted: RunRecordSelection, of loaded: LoadedProject, in session: Connection,
    limit: Int? = nil
  ) async -> (archive: RunArchive, notes: [Diagnostic]) {
    var files = FileRecords(root: root)
    if let limit { files.limit = limit }
    var reading = RunRecordReading()
    for place in [files, DatabaseRecords(session)] as [any RunRecords] {
      await reading.add(place, wanted)
    }
    var archive = RunArchive()
    if !reading.records.isEmpty {
      archive = RunArchive(
        reading.records, of: await .of(session), layout: loaded.layout.name,
        table: loaded.table.description)
    }
    archive.gaps = reading.gaps
    return (archive, reading.notes)
  }
}
