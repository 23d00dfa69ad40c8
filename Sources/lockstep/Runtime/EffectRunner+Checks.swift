import Dashboard
import Diagnostics
import EventLoop
import JSON
import MigrationEngine
import MigrationModel
import Postgres
import PostgresModel

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension EffectRunner {
  /// Tells the model the checklist, as its file is now.
  func readChecklist() async {
    do {
      let read = program.checks.checklist
      send(.checksRead(try await BlockingWork.run { Result(catching: read) }.get()))
    } catch {
      send(.checklistFailed(Diagnostic(explaining: error)))
    }
  }

  // MARK: - Proving

  /// Goes through the checklist and tells how it goes on.
  func check(_ version: Version?, items: [String]) async {
    await tellSteps { runner, report in
      guard let journal = runner.program.journal, let checklist = runner.facts.checks.checklist
      else { throw Refusal(EffectRunner.nowhereToKeep) }
      let layout = try runner.layout()
      // Its own: the dashboard reads the history in the other one meanwhile.
      let session = try await Connection.open(
        runner.program.connection, application: "lockstep check",
        settings: [("default_transaction_read_only", "on")], loop: runner.loop)
      let (failures, warn) = AsyncStream.makeStream(of: Diagnostic.self)
      let records = await journal.checkRecords(session, warn: { warn.yield($0) })
      warn.finish()
      for await failure in failures { runner.send(.failed(failure)) }
      let run = CheckRun(
        project: try await runner.program.project(), target: runner.program.connection,
        checklist: checklist, sources: runner.program.checks.sources(layout), records: records,
        by: runner.person, environment: journal.environment,
        options: runner.program.options(layout), loop: runner.loop)
      let result = try await run.run(
        version.map { [$0] } ?? [], items: items.isEmpty ? nil : Set(items)
      ) { progress in
        if let step = CheckStep(progress) { report.yield((step, .current)) }
      }
      return .checked(result, at: .current)
    }
    await readJournal()
  }

  /// Runs what is pending on a scratch copy and tells what was seen.
  func rehearse(_ version: Version?) async {
    await tellSteps { runner, report in
      let rehearsal = Rehearsal(
        project: try await runner.program.project(), target: runner.program.connection,
        options: runner.program.options(try runner.layout()), loop: runner.loop)
      let result = try await rehearsal.run(version.map { [$0] } ?? []) { progress in
        if let step = CheckStep(progress) { report.yield((step, .current)) }
      }
      return .rehearsed(result, at: .current)
    }
  }

  private typealias Steps = AsyncStream<(CheckStep, Instant)>.Continuation

  /// Carries out a check or a rehearsal, tells its steps in order, and its end after them.
  private func tellSteps(
    _ body: (isolated EffectRunner, Steps) async throws -> Message
  ) async {
    let (steps, report) = AsyncStream.makeStream(of: (CheckStep, Instant).self)
    let listener = start { runner in
      for await (step, at) in steps { runner.send(.checkProgress(step, at: at)) }
    }
    let end: Message
    do {
      end = try await body(self, report)
    } catch {
      end = .checkFailed(Diagnostic(explaining: error), at: .current)
    }
    report.finish()
    await listener.value
    check = nil
    send(end)
  }

  private func layout() throws(Refusal) -> any Layout {
    guard let loaded else {
      throw Refusal(.error(code: "no_connection", "the history has not been read yet"))
    }
    return loaded.layout
  }

  /// Drops the scratch copy of a check that is still under way when the dashboard is left.
  func endCheck() async {
    guard let check else { return }
    program.say("dropping the scratch copy")
    check.cancel()
    await settle(check)
  }

  // MARK: - What a person says

  /// Who is recorded as having said or run something.
  private var person: String { program.runBy(loaded?.sessionUser ?? "") }

  private static let nowhereToKeep = Diagnostic.error(
    code: "no_journal", "there is no journal in which a finding could be kept")

  /// Keeps what a person says of an item.
  func keep(_ word: CheckWord) async {
    guard let journal = program.journal, let connection else {
      return send(.failed(EffectRunner.nowhereToKeep))
    }
    let record = CheckRecord(
      at: .current, by: person, version: word.version, checksum: word.checksum,
      environment: journal.environment, item: word.item, act: word.act)
    let (failures, report) = AsyncStream.makeStream(of: Diagnostic.self)
    do throws(RunRecordsFailure) {
      let place = await DatabaseIdentity.of(connection)
      try await journal.records({ report.yield($0) }).append([.check(record, place)])
      send(.checkKept(record))
    } catch {
      report.yield(error.diagnostic)
    }
    report.finish()
    for await failure in failures { send(.failed(failure)) }
  }

  /// Reads what a check has kept.
  private func readJournal() async {
    guard let journal = program.journal, let loaded, let connection else { return }
    let (archive, _) = await journal.archive(.all, of: loaded, in: connection, limit: 16 << 20)
    send(.runsRead(archive))
  }

  // MARK: - Taking it out

  /// Writes a checklist in a form for others.
  func saveChecks(_ checked: CheckedMigration, _ form: CheckReportForm, as name: String) {
    save(text(of: report(of: checked), form), as: name)
  }

  /// Writes a checklist in every form, and what it is about, to a new folder.
  func saveEvidence(_ checked: CheckedMigration, _ files: [String: String], in folder: String) {
    let report = report(of: checked)
    var files = files
    for form in CheckReportForm.allCases {
      files["checks.\(form.rawValue)"] = text(of: report, form)
    }
    saveAll(files, in: folder)
  }

  private func report(of checked: CheckedMigration) -> ChecklistReport {
    let status = loaded?.status.migrations.first { $0.version == checked.version }
    let file = status?.migration?.files.first?.path
    return ChecklistReport(
      title: facts.checks.checklist?.title ?? "", migrations: [checked],
      database: place, environment: checked.environment,
      at: .current, by: person, files: file.map { [checked.version: $0] } ?? [:])
  }

  private var place: String {
    let version = facts.connection.server.map { ", PostgreSQL \($0.version)" } ?? ""
    return facts.target.place + version
  }

  private func text(of report: ChecklistReport, _ form: CheckReportForm) -> String {
    switch form {
    case .markdown: report.markdown
    case .html: report.html
    case .json: "\(report.json)\n"
    }
  }

  /// Writes texts to files of a new folder.
  private func saveAll(_ files: [String: String], in folder: String) {
    func fail(_ path: String) {
      send(
        .failed(.error(code: "cannot_write", "\(path): \(String(cString: strerror(errno)))")))
    }
    guard mkdir(folder, 0o755) == 0 else { return fail(folder) }
    for (name, text) in files.sorted(by: { $0.key < $1.key }) {
      // A name with a folder in it would lead elsewhere.
      let path = "\(folder)/\(String(name.map { $0 == "/" ? "_" : $0 }))"
      let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
      guard file >= 0 else { return fail(path) }
      let isWritten = HandOver.write(text, to: file)
      close(file)
      guard isWritten else { return fail(path) }
    }
    send(.done("saved \(files.count) files to \(folder)/"))
  }
}

extension CheckStep {
  /// - Returns: `nil` for what nobody who looks on is told of.
  fileprivate init?(_ progress: CheckRun.Progress) {
    switch progress {
    case .rehearsing(let rehearsal): self.init(rehearsal)
    case .seen(let version, let item): self = .settled(version, item)
    case .proving(let version, let item): self = .proving(version, item)
    case .settled(let version, let item): self = .settled(version, item)
    }
  }

  fileprivate init?(_ progress: Rehearsal.Progress) {
    switch progress {
    case .seen: return nil
    case .copying: self = .copying
    case .copied(let scratch): self = .copied(scratch)
    case .running(let version, let name, let words):
      self = .rehearsing(version, name: name, words)
    case .event(let event): self = .event(event)
    }
  }
}
