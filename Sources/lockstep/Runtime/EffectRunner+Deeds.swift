import Canvas
import Dashboard
import Diagnostics
import EventLoop
import MigrationEngine
import MigrationModel
import Postgres
import PostgresModel
import Terminal

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension EffectRunner {
  /// Carries out one effect; whatever takes time goes on beside the rest.
  func perform(_ effect: Effect) {
    switch effect {
    case .reload:
      start { await $0.reload() }
      start { await $0.readChecklist() }
    case .makePlan(let request): start { await $0.makePlan(request) }
    case .run(let plan, let pace): run = start { await $0.run(plan, pace) }
    case .stepAside: stepAside()
    case .decide(let decision): control?.decide(decision)
    case .cancelRun: run?.cancel()
    case .sampleLocks(let sampling): start { await $0.sampleLocks(sampling) }
    case .rename(let renaming): carryOut(renaming)
    case .measureTables(let names): start { await $0.measureTables(names) }
    case .signal(let signal): start { await $0.signal(signal) }
    case .check(let version, let items):
      check = start { await $0.check(version, items: items) }
    case .rehearse(let version): check = start { await $0.rehearse(version) }
    case .cancelCheck: check?.cancel()
    case .keepCheck(let word): start { await $0.keep(word) }
    case .saveChecks(let checked, let form, let name): saveChecks(checked, form, as: name)
    case .saveEvidence(let checked, let files, let folder):
      saveEvidence(checked, files, in: folder)
    case .copy(let text): copy(text)
    case .edit(let path, let line): start { await $0.edit(path, line) }
    case .page(let text): start { await $0.page(text) }
    case .save(let name, let text): save(text, as: name)
    case .repaint: screen.repaint()
    case .suspend: suspend()
    case .quit: finish(.left)
    }
  }

  // MARK: - Folder and history

  /// Shows the files before any server has answered.
  func readFilesFirst() async {
    do {
      let project = try await program.project()
      // Before they are read, so that no change falls between.
      watch = (project.directories, FolderWatch(project.directories))
      let files = try await project.readFiles()
      guard let layout = layout(of: files, project) else { return await tellOpenLayout(of: files) }
      let status = ProjectStatus.joining(
        catalog: layout.catalog(of: files), history: .absent, layout: layout,
        table: project.table(for: layout))
      send(.filesRead(status))
    } catch {
      send(.statusFailed(Diagnostic(explaining: error)))
    }
  }

  /// Says that the files alone leave the layout open, once the server, whose history table may settle
  /// it, has not answered for a while.
  private func tellOpenLayout(of files: [SourceFile]) async {
    do { try await program.loop.sleep(for: .seconds(1)) } catch { return }
    guard loaded == nil, connection == nil else { return }
    switch Layouts.recognise(files: files, tables: []) {
    case .ambiguous(_, let diagnostic), .unknown(let diagnostic): send(.statusFailed(diagnostic))
    case .layout: break
    }
  }

  /// The layout as far as the files alone tell it.
  private func layout(of files: [SourceFile], _ project: Project) -> (any Layout)? {
    if let name = project.layout { return Layouts.named(name) }
    guard case .layout(let found) = Layouts.recognise(files: files, tables: []) else { return nil }
    return found
  }

  /// Reads folder and history and tells the model.
  private func reload() async {
    do {
      let project = try await program.project()
      let files = try await project.readFiles()
      guard let connection else {
        if let layout = layout(of: files, project) {
          send(
            .filesRead(
              ProjectStatus.joining(
                catalog: layout.catalog(of: files), history: .absent, layout: layout,
                table: project.table(for: layout))))
        }
        return send(
          .statusFailed(.error(code: "no_connection", "the history cannot be read: no connection")))
      }
      var loaded = try await project.load(files, from: connection)
      // The mark is taken before the rows are read, so that no change falls between; where the table
      // is only now known, they are read once more.
      let mark = try await connection.rows(HistoryProbe.query(loaded.table)).first
      if historyMark != mark { loaded = try await project.load(files, from: connection) }
      historyMark = mark
      self.loaded = loaded
      send(.statusLoaded(await withRuns(loaded, connection), at: .current))
    } catch {
      send(.statusFailed(Diagnostic(explaining: error)))
      noteLoss(error)
    }
  }

  /// Tells of the runs that were kept, and fills in what only they know.
  private func withRuns(
    _ loaded: LoadedProject, _ connection: Connection
  ) async -> ProjectStatus {
    var status = loaded.status
    guard let journal = program.journal else { return status }
    // The files are read on another thread; keys do not wait for them.
    let (archive, notes) = await journal.archive(
      .all, of: loaded, in: connection, limit: 16 << 20)
    status.fillTimes(from: archive, loaded.layout)
    status.notes += notes
    send(.runsRead(archive))
    return status
  }

  private var planContext: PlanContext {
    PlanContext(
      runBy: loaded.map { program.runBy($0.sessionUser) }, isReadOnly: program.isReadOnly,
      dataLoss: .asked)
  }

  private func makePlan(_ request: PlanRequest) async {
    guard let loaded else {
      return send(
        .planFailed(.error(code: "no_connection", "the history has not been read yet")))
    }
    var context = planContext
    let first = context
    // Thousands of scripts take their time; keys do not wait for them.
    var plan = await BlockingWork.run {
      Plan.make(request, status: loaded.status, layout: loaded.layout, context: first)
    }
    if let keeper = program.keeper, let connection {
      let judgement = await keeper.judge(plan, loaded, in: connection)
      if !judgement.refusals.isEmpty {
        context.gates = judgement.refusals
        let second = context
        plan = await BlockingWork.run {
          Plan.make(request, status: loaded.status, layout: loaded.layout, context: second)
        }
      }
      plan.gates = judgement.gates
      plan.warnings += judgement.notes
    }
    send(.planMade(plan, at: .current))
  }

  // MARK: - Runs

  private func stepAside() {
    guard control?.stepAside() != true else { return }
    send(.done("nothing that can be tried again was under way"))
  }

  private func run(_ plan: Plan, _ pace: RunPace) async {
    let (events, report) = AsyncStream.makeStream(of: (RunEvent, Instant).self)
    let listener = start { runner in
      for await (event, at) in events { runner.send(.runEvent(event, at: at)) }
    }
    var trouble: Diagnostic?
    var pid: Int32?
    var recording: RunRecording?
    var outcome: Runner.Outcome?
    do {
      guard let loaded else { throw Refusal(MigrationRun.stale) }
      let control = RunControl()
      self.control = control
      var options = program.options(loaded.layout)
      options.control = control
      options.pace = pace
      let runner = Runner(
        project: try await program.project(), target: program.connection, options: options,
        loop: loop)
      let session = try await Connection.open(
        program.connection, application: application(for: plan),
        settings: runner.options.sessionSettings, loop: loop)
      pid = session.processID
      ours.insert(session.processID)
      let context = planContext
      let kept = await program.journal?.recording(
        of: plan, by: context.runBy, in: session, asks: program.keeper?.demands.asks ?? [],
        warn: { report.yield((.message($0), .current)) })
      recording = kept
      let guarded =
        program.keeper?.run(runner, timeout: program.timeout, session: session)
        ?? ProtectedRun(runner, EnvironmentDemands(environment: ""), timeout: program.timeout)
      let ended = try await guarded.run(plan, context: context, in: session) { event in
        kept?.take(event)
        report.yield((event, .current))
      }
      outcome = ended.outcome
      trouble = ended.outcome.untold
      if ended.isLate, let timeout = program.timeout {
        trouble = .error(
          code: "timeout",
          "the run took longer than \(DurationText.show(milliseconds: timeout.milliseconds))",
          next: "the log tells what stands")
      }
    } catch {
      trouble = Diagnostic(explaining: error)
    }
    await recording?.end(outcome)
    report.finish()
    await listener.value
    if let pid { ours.remove(pid) }
    run = nil
    control = nil
    try? await monitor?.loadNames()
    send(.runEnded(trouble, at: .current))
  }

  /// As other sessions see it.
  private func application(for plan: Plan) -> String {
    guard let step = plan.steps.first else { return "lockstep" }
    let verb = step.direction == .up ? "apply" : "roll back"
    let what = plan.steps.count == 1 ? step.version.text : "\(plan.steps.count) migrations"
    return "lockstep \(verb) \(what)"
  }

  // MARK: - The server

  /// Opens the sessions, and opens them anew whenever they are lost.
  func keepConnected() async {
    var patience = Duration.seconds(1)
    while !Task.isCancelled {
      do {
        try await connect()
        patience = .seconds(1)
        await untilLost()
        if Task.isCancelled { return }
      } catch {
        if Task.isCancelled { return }
        let rest = Int64(patience.components.seconds) * 1_000_000
        send(
          .connectionChanged(
            .lost(
              Diagnostic(explaining: error),
              retryAt: Instant(microseconds: Instant.current.microseconds + rest))))
      }
      guard (try? await loop.sleep(for: patience)) != nil else { return }
      patience = min(patience * 2, .seconds(30))
      send(.connectionChanged(.connecting))
    }
  }

  private func connect() async throws {
    let session = try await Connection.open(
      program.connection, application: "lockstep dashboard",
      settings: [("default_transaction_read_only", "on")], loop: loop)
    let monitor = try await MigrationEngine.LockMonitor.open(program.connection, loop: loop)
    try await monitor.loadNames()
    let rights = try await monitor.sessionRights()
    let database = DatabaseFacts(of: session)
    connection = session
    self.monitor = monitor
    send(
      .connectionChanged(
        .connected(
          ConnectionState.Server(
            version: database.serverVersion,
            majorVersion: database.serverVersionNumber / 10_000,
            rights: rights))))
  }

  private func noteLoss(_ error: any Error) {
    guard let error = error as? DatabaseError, case .connectionLost = error else { return }
    lose(error.diagnostic)
  }

  private func sampleLocks(_ sampling: LockSampling) async {
    guard let monitor else {
      return send(.locksFailed(.error(code: "no_connection", "no connection"), at: .current))
    }
    do {
      switch sampling {
      case .count:
        let (count, cost) = try await monitor.waiting()
        send(
          .locksSampled(
            LockSample(
              at: .current, costMilliseconds: cost.milliseconds, content: .waiting(count))))
      case .full, .verified:
        let look = try await monitor.look(verifies: sampling == .verified)
        var sample = LockSample(
          at: .current, costMilliseconds: look.cost.milliseconds,
          content: .full(look.snapshot, look.graph, names: look.names, ours: ours))
        if sampling == .verified {
          sample.verification = LockVerification(look.snapshot, server: look.blockers ?? [:])
        }
        sample.builds = Array(look.building.values)
        send(.locksSampled(sample))
      }
    } catch {
      send(.locksFailed(Diagnostic(explaining: error), at: .current))
      noteLoss(error)
    }
  }

  /// Asks how large tables are.
  private func measureTables(_ names: [QualifiedName]) async {
    var sizes: [QualifiedName: TableSize] = [:]
    do {
      sizes = try await monitor?.tableSizes(of: names) ?? [:]
    } catch {
      // What is unknown is shown as such; a lost session is noticed by the next look.
    }
    send(.tablesMeasured(sizes, asked: names, at: .current))
  }

  /// Cancels a statement or ends a session, keeps that it was asked for, and says what came of it.
  private func signal(_ signal: SessionSignal) async {
    var outcome = AuditEvent.Outcome.failed("no connection")
    if let monitor {
      do {
        let isDone = try await monitor.signal(signal.session, ends: signal.action == .end)
        outcome = isDone ? .signalled : .changed
      } catch {
        outcome = .failed(Diagnostic(explaining: error).what)
        noteLoss(error)
      }
    }
    let session = signal.session
    let event = AuditEvent(
      at: .current, by: loaded.map { program.runBy($0.sessionUser) } ?? program.runBy(""),
      action: signal.action, pid: session.pid, user: session.user,
      application: session.application, backendStart: session.backendStart,
      queryStart: session.queryStart, victims: signal.victims.count, outcome: outcome)
    // The session that keeps it may itself be waiting for what was just freed, or was not.
    send(.signalled(signal, outcome, at: .current))
    await keep(event)
  }

  private func keep(_ event: AuditEvent) async {
    guard let journal = program.journal, let connection else { return }
    let (failures, report) = AsyncStream.makeStream(of: Diagnostic.self)
    await journal.keep(event, in: connection, warn: { report.yield($0) })
    report.finish()
    for await failure in failures { send(.failed(failure)) }
  }

  /// Notices within two seconds what other runners write to the history.
  ///
  /// Asks the counters of the statistics, which cost next to nothing, and not the table itself.
  func watchHistory() async {
    while !Task.isCancelled {
      guard (try? await loop.sleep(for: .seconds(2))) != nil else { return }
      guard let connection, let table = loaded?.table, !facts.isRunning, !facts.isFrozen else {
        continue
      }
      do {
        let found = try await connection.rows(HistoryProbe.query(table)).first
        if found != historyMark { send(.historyChanged) }
      } catch {
        noteLoss(error)
      }
    }
  }

  // MARK: - Files

  /// Notices within a second what becomes of the files.
  func watchFiles() async {
    while !Task.isCancelled {
      guard (try? await loop.sleep(for: .milliseconds(700))) != nil else { return }
      guard let folders = try? await program.project().directories else { continue }
      if watch?.folders != folders {
        watch = (folders, FolderWatch(folders))
        send(.filesChanged)
      } else if watch?.watch.hasChanged() ?? false {
        send(.filesChanged)
      }
    }
  }

  private func carryOut(_ renaming: Renaming) {
    do {
      try renaming.carryOut()
      let files = renaming.moves.map(\.to).joined(separator: ", ")
      let notes = renaming.notes.map { "; \($0.what)" }.joined()
      send(.done("\(renaming.version) is now \(files)\(notes)"))
      send(.filesChanged)
    } catch {
      send(.failed(error.diagnostic))
    }
  }

  // MARK: - Taking something out

  private func copy(_ text: String) {
    if screen.copy(text) {
      send(.done("copied \(text.utf8.count) bytes"))
    } else {
      send(
        .failed(
          .warning(
            code: "no_clipboard", "the terminal does not take \(text.utf8.count) bytes",
            next: "| shows them in the pager, where they can be selected")))
    }
  }

  func save(_ text: String, as name: String) {
    let file = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard file >= 0 else {
      return send(
        .failed(.error(code: "cannot_write", "\(name): \(String(cString: strerror(errno)))")))
    }
    defer { close(file) }
    if HandOver.write(text, to: file) {
      send(.done("saved to \(name)"))
    } else {
      send(.failed(.error(code: "cannot_write", "\(name): \(String(cString: strerror(errno)))")))
    }
  }

  private func edit(_ path: String, _ line: Int) async {
    await handOver(HandOver.editor(program.environment, path: path, line: line), input: nil)
    send(.filesChanged)
  }

  private func page(_ text: String) async {
    // A pager would pass on to the terminal what a file tells it.
    let visible = TerminalText.visible(text, lineBreaks: .keep)
    guard let file = HandOver.temporaryFile(holding: visible) else {
      return send(.failed(.error(code: "cannot_write", "no temporary file can be made")))
    }
    defer { close(file) }
    await handOver(HandOver.pager(program.environment), input: file)
  }

  /// Gives the terminal to another program until it ends.
  private func handOver(_ arguments: [String], input: Int32?) async {
    guard !isHandedOver else { return }
    stopListening()
    screen.suspend()
    isHandedOver = true
    var failure: String?
    do throws(ChildProcess.CannotStart) {
      let child = try ChildProcess(arguments, environment: program.environment).spawn(
        input: input ?? STDIN_FILENO, output: STDOUT_FILENO, errorOutput: STDERR_FILENO)
      let status = await BlockingWork.run { HandOver.wait(for: child) }
      if status == 127 { failure = "\(arguments.joined(separator: " ")): not found" }
    } catch {
      failure = "\(error.program): \(error.reason)"
    }
    isHandedOver = false
    comeBack()
    listenToKeys()
    if let failure { send(.failed(.error(code: "cannot_start", failure))) }
  }
}

extension Runner.Outcome {
  /// Why nothing was run, where no event told it.
  fileprivate var untold: Diagnostic? {
    switch self {
    case .refused(let refusals): refusals.first
    case .stale: MigrationRun.stale
    case .busy(let holder): MigrationRun.busy(holder)
    case .finished, .failed, .interrupted, .declined: nil
    }
  }
}

/// Asks whether anybody wrote to a history table.
enum HistoryProbe {
  /// A text that changes when rows are written, or when the table comes or goes.
  static func query(_ table: QualifiedName) -> Query<String> {
    let counters = ["inserted", "updated", "deleted"].map { "pg_stat_get_tuples_\($0)(r)" }
    return Query(
      """
      select coalesce(string_agg(concat_ws(',', r, \(counters.joined(separator: ", "))), ';'), '')
      from unnest(array[to_regclass($1), to_regclass('lockstep.journal')]::oid[]) r
      """, [table.sql]
    ) { (row) throws(ResultRow.Mismatch) in try row.string(0) }
  }
}
