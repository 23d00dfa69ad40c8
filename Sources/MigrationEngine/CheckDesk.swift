import Diagnostics
import EventLoop
import MigrationModel
import Postgres
import PostgresModel

/// What lies before whoever goes through a checklist: the project, a session, and what was kept.
struct CheckDesk {
  let check: CheckRun
  let texts: CheckTexts
  /// A session with the target that cannot write.
  let session: Connection
  let loaded: LoadedProject
  private let identity: DatabaseIdentity
  private let archive: RunArchive
  /// Of this project's environment or database, those that were added since among them.
  private var checks: [CheckRecord]
  private var schemaOfTarget: SchemaSnapshot?

  /// What a rehearsal has left.
  struct Rehearsed {
    var report: RehearsalReport
    var schemas: SeenSchemas
  }

  static func open(_ check: CheckRun, _ texts: CheckTexts) async throws -> CheckDesk {
    let session = try await Connection.open(
      check.target, application: "lockstep check",
      settings: [("default_transaction_read_only", "on")], loop: check.loop)
    let loaded = try await check.project.load(try await check.project.readFiles(), from: session)
    let identity = await DatabaseIdentity.of(session)
    let reading = try await check.records.read(.all)
    reading.notes.forEach(check.tell)
    let archive = RunArchive(
      reading.records, of: identity, layout: loaded.layout.name, table: loaded.table.description)
    return CheckDesk(
      check: check, texts: texts, session: session, loaded: loaded, identity: identity,
      archive: archive, checks: archive.checks)
  }

  private init(
    check: CheckRun, texts: CheckTexts, session: Connection, loaded: LoadedProject,
    identity: DatabaseIdentity, archive: RunArchive, checks: [CheckRecord]
  ) {
    self.check = check
    self.texts = texts
    self.session = session
    self.loaded = loaded
    self.identity = identity
    self.archive = archive
    self.checks = checks
  }

  /// How a migration stands by what was kept.
  func checked(_ status: MigrationStatus) -> CheckedMigration {
    CheckedMigration(
      version: status.version, name: status.name, checksum: status.checkedContent,
      environment: check.environment, checklist: check.checklist, records: checks)
  }

  // MARK: What has to be done

  /// Whether an item is to be proven: one that was named; else one that is not settled, or whose proof
  /// looks at more than the files of the migration.
  private func isDue(
    _ item: CheckedItem, of status: MigrationStatus, _ items: Set<String>?
  ) -> Bool {
    guard let proof = item.item.proof else { return false }
    if let items { return items.contains(item.item.id) }
    switch item.status {
    case .signed, .waived: return false
    case .failed, .open, .stale: return true
    case .passed, .notApplicable:
      return proof.looksElsewhere || texts.configured.contains(proof)
        || (check.copy != nil && wantsRehearsal(proof, of: status) && obstacle(to: status) == nil)
    }
  }

  private func wantsRehearsal(_ proof: CheckProof?, of status: MigrationStatus) -> Bool {
    proof?.wantsRehearsal(of: status, configured: texts.configured) == true
  }

  /// Rehearses where something that is due can be seen on a copy alone.
  func rehearse(
    _ wanted: [MigrationStatus], _ items: Set<String>?,
    _ report: @escaping @Sendable (CheckRun.Progress) -> Void
  ) async throws -> [Rehearsed] {
    let due = wanted.filter { status in
      checked(status).items.contains { item in
        isDue(item, of: status, items) && wantsRehearsal(item.item.proof, of: status)
      }
    }
    var found: [Rehearsed] = []
    let pending = due.filter { $0.state == .pending }
    if !pending.isEmpty {
      // Dump and diagram are of the schema after all that is pending.
      let versions = texts.configured.contains(.documentation) ? [] : pending.map(\.version)
      found.append(try await rehearse(versions, showing: pending, items, report))
    }
    // What is pending is rehearsed on the target as it is: on a copy of its own.
    let applied = due.filter { $0.state == .applied && obstacle(to: $0) == nil }
    if !applied.isEmpty {
      found.append(
        try await rehearse(applied.map(\.version), showing: applied, items, report))
    }
    if !found.isEmpty { try await refuseChangedFiles(of: applied) }
    return found
  }

  /// Why one that is applied cannot be rehearsed; `nil` where it can.
  private func obstacle(to status: MigrationStatus) -> Diagnostic? {
    guard status.state == .applied else { return nil }
    return RehearsalCourse.obstacle(to: status, in: loaded.status)
  }

  /// Rehearses once.
  ///
  /// - Parameter due: Those of which the rehearsal is to show something, told as it is seen.
  private func rehearse(
    _ versions: [Version], showing due: [MigrationStatus], _ items: Set<String>?,
    _ report: @escaping @Sendable (CheckRun.Progress) -> Void
  ) async throws -> Rehearsed {
    var rehearsal = Rehearsal(
      project: check.project, target: check.target, options: check.options, loop: check.loop)
    if let copy = check.copy { (rehearsal.mode, rehearsal.sample) = (copy.mode, copy.sample) }
    var probe = SchemaProbe()
    if texts.schemaFile != nil, loaded.layout.rules.dumpsSchema {
      let (layout, table) = (loaded.layout, loaded.table)
      probe.dump = { session in
        try await SchemaFile(path: "", target: session.target)
          .text(history: layout, table: table, session)
      }
    }
    rehearsal.probes = check.probes + [probe]
    if !texts.keyQueries.isEmpty {
      rehearsal.probes.append(
        QueryProbe(texts.keyQueries, targetRows: try await targetRows()))
    }
    if !texts.assertions.isEmpty { rehearsal.probes.append(AssertionProbe(texts.assertions)) }
    if !texts.cachedQueries.isEmpty {
      rehearsal.probes.append(QueryCacheProbe(texts.cachedQueries))
    }
    let early = EarlyFindings(
      by: check.by, environment: check.environment, configured: texts.configured,
      schemas: probe.seen,
      due: due.map { status in
        let items = checked(status).items.filter {
          isDue($0, of: status, items) && wantsRehearsal($0.item.proof, of: status)
        }
        return (status, items.map(\.item))
      })
    let found = try await rehearsal.run(versions) { progress in
      report(.rehearsing(progress))
      for (version, item) in early.items(shownBy: progress) { report(.seen(version, item)) }
    }
    return Rehearsed(report: found, schemas: probe.seen)
  }

  /// What was seen is kept with the checksums of the files: it has to be of these.
  ///
  /// - Parameter applied: Those that were rehearsed beside what is pending.
  private func refuseChangedFiles(of applied: [MigrationStatus]) async throws {
    let files = try await check.project.readFiles()
    let found = Dictionary(
      loaded.layout.catalog(of: files).migrations.map { ($0.version, $0.contentChecksum) }
    ) { first, _ in first }
    let pending = loaded.status.migrations.filter { $0.state == .pending }
    for status in pending + applied {
      guard let migration = status.migration, found[status.version] != migration.contentChecksum
      else { continue }
      throw Refusal(
        .error(
          code: "stale_plan", "the files of \(status.version) changed while they were checked",
          next: "check them again; nothing was recorded"))
    }
  }

  /// The rows of the target's tables, as far as the server has counted them.
  private func targetRows() async throws(DatabaseError) -> [String: Double] {
    let query = Query<(String, Double)>(
      """
      SELECT n.nspname || '.' || c.relname, c.reltuples FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'm') AND c.reltuples >= 0 AND n.nspname !~ '^pg_'
      """
    ) { (row) throws(ResultRow.Mismatch) in (try row.string(0), try row.optionalDouble(1) ?? 0) }
    return Dictionary(try await session.rows(query)) { first, _ in first }
  }

  // MARK: Proving

  /// Proves what is due of a migration and keeps what was found.
  mutating func prove(
    _ status: MigrationStatus, _ items: Set<String>?, _ all: [Rehearsed],
    _ report: @Sendable (CheckRun.Progress) -> Void
  ) async throws -> CheckedMigration {
    let before = checked(status)
    let due = before.items.filter { isDue($0, of: status, items) }.map(\.item)
    if !due.isEmpty {
      let rehearsed = all.first { one in
        one.report.migrations.contains { $0.version == status.version }
      }
      // Dump and diagram of the schema after all that is pending speak for what is applied, too.
      let scene = try await scene(status, due, rehearsed, documented: all.first)
      let wasRehearsed = scene.rehearsed != nil && scene.rehearsed?.standsInTheWay == nil
      var found: [(String, CheckRecord.Act)] = []
      for item in due {
        guard let proof = item.proof else { continue }
        report(.proving(status.version, item))
        var finding = CheckFinding(proof, scene)
        if proof == .applied, status.state == .pending, scene.mode?.isPrivate == false {
          finding.schema = scene.after?.fingerprint.hexadecimal
        }
        if wasRehearsed, wantsRehearsal(proof, of: status) {
          finding.copy = rehearsed.map { CheckFinding.Copy($0.report.scratch) }
        }
        if isNews(finding, of: item, status, wasRehearsed: wasRehearsed) {
          found.append((item.id, .proven(finding)))
        }
      }
      try await keep(found, of: status, at: .now)
    }
    let after = checked(status)
    for item in after.items { report(.settled(status.version, item)) }
    return after
  }

  /// Whether it says more than what was kept last: what is looked at again and again without a rehearsal
  /// is not to fill the journal. What a rehearsal has shown is kept, but for one that was never run.
  private func isNews(
    _ finding: CheckFinding, of item: ChecklistItem, _ status: MigrationStatus, wasRehearsed: Bool
  ) -> Bool {
    let last = checks.last { record in
      guard record.version == status.version, record.item == item.id,
        record.environment == check.environment
      else { return false }
      if case .proven = record.act { return true }
      return false
    }
    guard let last, last.checksum == status.checkedContent, case .proven(let kept) = last.act
    else {
      return true
    }
    if !wasRehearsed, finding.verdict == .notProven, status.state != .pending,
      item.proof?.looksElsewhere == false
    {
      // One that cannot be rehearsed any more: what was shown before stands, and so does why it was left
      // open.
      return false
    }
    if !wasRehearsed, status.state == .pending, item.proof == .applied, finding.evidence.count == 1,
      kept.evidence.first?.text.hasPrefix(finding.evidence[0].text) == true
    {
      // A look without a copy takes back nothing that one has shown.
      return false
    }
    return wasRehearsed || kept != finding
  }

  private mutating func scene(
    _ status: MigrationStatus, _ due: [ChecklistItem], _ rehearsed: Rehearsed?,
    documented: Rehearsed?
  ) async throws -> CheckScene {
    var scene = CheckScene(status, environment: check.environment)
    scene.configured = texts.configured
    scene.rehearsed = rehearsed?.report.migrations.first { $0.version == status.version }
    if scene.rehearsed != nil { scene.mode = rehearsed?.report.scratch.mode }
    scene.obstacle = obstacle(to: status)?.what
    let seen = rehearsed?.schemas[status.version]
    scene.before = seen?.before
    scene.after = seen?.after
    if let last = archive.runs(of: status.version, loaded.layout).first {
      scene.run = (last.step.step, last.run.start.by)
    }
    let proofs = Set(due.compactMap(\.proof))
    if proofs.contains(.backup) { scene.trials += backups(of: status) }
    if proofs.contains(.applied) { scene.schema = try await compareSchema(of: status) }
    if proofs.contains(.assertions) {
      for assertion in texts.assertions {
        let answer = try await assertion.ask(session)
        scene.trials.append(
          assertion.trialOnTarget(answer, isPending: status.state == .pending))
      }
    }
    if proofs.contains(.documentation) {
      scene.trials += try await documentation(of: scene, documented)
    }
    return scene
  }

  /// The backups of the run that applied it: each was taken and read once more before its first step.
  private func backups(of status: MigrationStatus) -> [Trial] {
    guard status.state == .applied else { return [] }
    let run = archive.runs(of: status.version, loaded.layout).first {
      $0.step.step.direction == .up && $0.step.step.outcome == .done
    }
    return (run?.run.backups ?? []).map { backup in
      let outcome: Trial.Outcome
      let weight: CheckFinding.Evidence.Weight
      switch backup.outcome {
      case .taken: (outcome, weight) = (.proven, .supports)
      // What a command of the environment has left was not read by anybody here.
      case .left: (outcome, weight) = (.notProven, .unclear)
      case .failed: (outcome, weight) = (.refuted, .refutes)
      }
      return Trial(.backup, "backup by \(backup.way)", outcome, [.init(backup.words, weight)])
    }
  }

  /// Compares the target with what a rehearsal of this content has come to; only the newest applied
  /// migration can be told by the schema.
  private mutating func compareSchema(
    of status: MigrationStatus
  ) async throws -> CheckScene.SchemaComparison {
    guard status.state == .applied else { return .notCompared("it is not applied") }
    let expected = checks.last { record in
      guard record.version == status.version, record.checksum == status.checkedContent,
        record.environment == check.environment, case .proven(let finding) = record.act
      else { return false }
      return finding.schema != nil
    }
    guard let expected, case .proven(let finding) = expected.act, let schema = finding.schema
    else { return .notCompared("no rehearsal of it was kept") }
    guard loaded.status.migrations.last(where: { $0.state == .applied })?.version == status.version
    else { return .notCompared("later migrations are applied too") }
    let found = try await targetSchema().fingerprint.hexadecimal
    return found == schema ? .equal : .different
  }

  mutating func targetSchema() async throws -> SchemaSnapshot {
    if let schemaOfTarget { return schemaOfTarget }
    let schema = try await SchemaReader(session, leavingOut: [loaded.table]).read()
    schemaOfTarget = schema
    return schema
  }

  // MARK: Keeping

  /// Adds records of one migration to the journal.
  mutating func keep(
    _ acts: [(item: String, act: CheckRecord.Act)], of status: MigrationStatus, at now: Instant
  ) async throws(RunRecordsFailure) {
    let records = acts.map { item, act in
      CheckRecord(
        at: now, by: check.by, version: status.version, checksum: status.checkedContent,
        environment: check.environment, item: item, act: act)
    }
    let identity = identity
    try await check.records.append(records.map { .check($0, identity) })
    checks += records
  }
}

extension MigrationStatus {
  /// What records are bound to; nothing else can be once the file is gone.
  fileprivate var checkedContent: String {
    migration?.contentChecksum.hexadecimal ?? row?.checksum?.hexadecimal ?? ""
  }
}
