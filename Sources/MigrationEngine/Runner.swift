import Diagnostics
import EventLoop
import MigrationModel
import Postgres
import PostgresModel

/// Runs a plan: locks, reads everything again, refuses if it no longer gives the same plan, then step by
/// step, each with its history row.
public struct Runner: Sendable {
  public var project: Project
  public var target: ConnectionString
  public var options: Options
  public var loop: EventLoop

  public struct Options: Sendable {
    /// How long to wait for another runner; zero leaves at once.
    public var patience: Duration
    /// How long to stand in a lock queue, and how often to come back; its time-out is the session's
    /// `lock_timeout`, and `nil` leaves the server's.
    public var lockBudget: LockBudget
    /// `statement_timeout` of the session; `nil` leaves the server's.
    public var statementTimeout: Duration?
    /// The file that a layout's tool refreshes after each run; `nil` writes none.
    public var schemaFile: String?
    /// Asked before each step; `nil` asks nothing.
    public var confirm: (@Sendable (PlanStep) async -> Bool)?
    /// By which the run is told things while it goes on; `nil` where nobody looks on.
    public var control: RunControl?
    /// Whether it stops before each statement; its `control` then says how to go on.
    public var pace = RunPace.atOnce
    /// Told of a script, or of a statement of it, that is about to be sent in a session where nobody can
    /// stop the run; `nil` where nobody looks on.
    var lookOn: (@Sendable (Connection, RunUnit, _ statement: Int?) async -> Void)?
    /// Whether a run that nobody looks on at tells who keeps it waiting, once it has waited for some time.
    public var tellsLongWaits = false
    /// How long a transaction may stay open while it is stepped through; `nil` for any time.
    public var stepLimit: Duration?
    /// From 0 up to, not including, 1: spreads the rests between attempts.
    public var random: @Sendable () -> Double = { Double.random(in: 0..<1) }

    public init(
      patience: Duration = .seconds(60), lockBudget: LockBudget = .off,
      statementTimeout: Duration? = nil, schemaFile: String? = nil,
      confirm: (@Sendable (PlanStep) async -> Bool)? = nil, control: RunControl? = nil
    ) {
      self.patience = patience
      self.lockBudget = lockBudget
      self.control = control
      self.statementTimeout = statementTimeout
      self.schemaFile = schemaFile
      self.confirm = confirm
    }
  }

  /// How a run ended.
  public enum Outcome: Sendable {
    case finished(applied: Int, reverted: Int)
    /// Nothing was run; each diagnostic names its way out.
    case refused([Diagnostic])
    /// Files or history have changed since the plan was made; nothing was run. The plan as it is now.
    case stale(Plan)
    /// Another runner holds the lock; nothing was run.
    case busy(LockHolder)
    /// A step failed; those before it stand.
    case failed(Diagnostic, applied: Int, reverted: Int)
    /// The run was cancelled: its statement on the server too.
    case interrupted(Diagnostic, applied: Int, reverted: Int)
    /// The user answered no before a step; those before it stand.
    case declined(applied: Int, reverted: Int)
  }

  public init(
    project: Project, target: ConnectionString, options: Options = Options(), loop: EventLoop
  ) {
    self.project = project
    self.target = target
    self.options = options
    self.loop = loop
  }

  /// Runs a plan. Cancelling the task cancels the running statement on the server.
  ///
  /// - Parameters:
  ///   - plan: As it was previewed; nothing else is run.
  ///   - context: With what it was made.
  ///   - loaded: What the plan was made from, where that was a moment ago: what has not changed is not
  ///     planned again.
  ///   - session: A session to run it in, opened with `sessionSettings`; `nil` opens one.
  ///   - report: Called on the loop with every event, `finished` last.
  /// - Throws: `DatabaseError.cannotConnect`, `DirectoryReader.Failure`, `Refusal`; once a step has begun,
  ///   failures are outcomes and never thrown.
  public func run(
    _ plan: Plan, context: PlanContext, after loaded: LoadedProject? = nil,
    in session: Connection? = nil,
    report: @escaping @Sendable (RunEvent) -> Void
  ) async throws -> Outcome {
    guard plan.refusals.isEmpty else { return .refused(plan.refusals) }
    let began = ContinuousClock.now
    let connection: Connection
    if let session {
      connection = session
    } else {
      connection = try await Connection.open(
        target, application: applicationName(for: plan), settings: options.sessionSettings,
        loop: loop)
    }
    // Opened before anything is locked, beside what else has to be read.
    let observing = Task(executorPreference: loop) { await openMonitor() }
    let lock = AdvisoryLock(connection: connection, keys: keys(for: plan, connection))
    let outcome: Outcome
    do {
      outcome = try await run(
        plan, context: context, loaded, connection, lock, observing: observing, report: report)
      await loop.undisturbed { await lock.release() }
    } catch {
      // A cancelled try may have taken some of the keys.
      await loop.undisturbed { await lock.release() }
      guard Task.isCancelled else { throw error }
      outcome = .interrupted(
        .error(
          code: "interrupted", "the run was interrupted before its first migration",
          next: "run it again when it suits; nothing was run"), applied: 0, reverted: 0)
    }
    switch outcome {
    case .refused, .stale, .busy: return outcome
    case .finished, .failed, .interrupted, .declined: break
    }
    report(
      .finished(
        applied: outcome.counts.applied, reverted: outcome.counts.reverted,
        failed: outcome.isFailure ? 1 : 0,
        durationMilliseconds: milliseconds(since: began)))
    return outcome
  }

  private func run(
    _ plan: Plan, context: PlanContext, _ earlier: LoadedProject?, _ connection: Connection,
    _ lock: AdvisoryLock,
    observing: Task<Result<LockMonitor, any Error>?, Never>,
    report: @escaping @Sendable (RunEvent) -> Void
  ) async throws -> Outcome {
    if let holder = try await lock.acquire(
      patience: options.patience, onHolder: { report(.waitingForRunner($0)) })
    {
      return .busy(holder)
    }
    let loaded: LoadedProject
    let fresh: LoadedProject?
    if let earlier {
      fresh = try await project.reload(after: earlier, from: connection)
      loaded = fresh ?? earlier
    } else {
      loaded = try await project.load(try await project.readFiles(), from: connection)
      fresh = loaded
    }
    if let fresh {
      let again = Plan.make(
        plan.request, status: fresh.status, layout: fresh.layout, context: context, after: plan)
      guard again.refusals.isEmpty else { return .refused(again.refusals) }
      guard again.steps == plan.steps else { return .stale(again) }
    }
    if !plan.steps.isEmpty { try await prepareTable(loaded, connection) }
    let control = options.control ?? RunControl()
    let run = StepRun(
      plan: plan, loaded: loaded, connection: connection, runner: self, control: control,
      observer: await observer(observing, control, report), report: report)
    let late =
      run.observer == nil && options.tellsLongWaits
      ? Task(executorPreference: loop) {
        await LateObserver(target: target, control: control, loop: loop, report: report).watch()
      } : nil
    let outcome = await run.all()
    late?.cancel()
    await loop.undisturbed { await run.finish(outcome) }
    return outcome
  }

  // MARK: Looking on

  /// Opens the session that watches the queue; `nil` where nothing asks for it.
  private func openMonitor() async -> Result<LockMonitor, any Error>? {
    guard options.lockBudget.isOn || options.control != nil else { return nil }
    do {
      return .success(try await LockMonitor.open(target, loop: loop))
    } catch {
      return .failure(error)
    }
  }

  private func observer(
    _ opening: Task<Result<LockMonitor, any Error>?, Never>, _ control: RunControl,
    _ report: @escaping @Sendable (RunEvent) -> Void
  ) async -> RunObserver? {
    switch await opening.value {
    case .success(let monitor):
      return RunObserver(
        monitor: monitor, budget: options.lockBudget, control: control, loop: loop, report: report)
    case .failure(let error):
      let reason = Diagnostic(explaining: error).what
      report(
        .message(
          .warning(
            code: "queue_not_watched",
            "the lock queue cannot be watched: \(reason)",
            next: options.lockBudget.timeout == nil
              ? "nothing bounds how long others wait behind this run"
              : "the lock time-out alone bounds how long others wait behind this run")))
      return nil
    case nil: return nil
    }
  }

  private func applicationName(for plan: Plan) -> String {
    guard let step = plan.steps.first else { return "lockstep" }
    let verb = step.direction == .up ? "apply" : "roll back"
    return plan.steps.count == 1
      ? "lockstep \(verb) \(step.version)" : "lockstep \(verb) \(plan.steps.count) migrations"
  }

  func keys(for plan: Plan, _ connection: Connection) -> [AdvisoryLockKey] {
    let own = AdvisoryLockKey.lockstep(database: connection.database, table: plan.table)
    let foreign = Layouts.named(plan.layout)?.advisoryLocks(
      database: connection.database, table: plan.table)
    return [own] + (foreign ?? [])
  }

  /// Creates the history table, or makes an existing one fit for these migrations.
  private func prepareTable(_ loaded: LoadedProject, _ connection: Connection) async throws {
    let statements: [String]
    if loaded.history.tableExists {
      statements = loaded.layout.adjustTable(
        loaded.table, columns: loaded.history.tableColumns, for: loaded.catalog)
    } else {
      statements = loaded.layout.createTable(loaded.table, for: loaded.catalog)
    }
    guard !statements.isEmpty else { return }
    do throws(DatabaseError) {
      try await connection.execute(statements.joined(separator: ";\n"))
    } catch {
      guard let server = error.serverError else { throw error }
      throw Refusal(
        Diagnostic(
          .error, code: "no_history_table",
          "the history table \"\(loaded.table)\" cannot be created: \(server.message)",
          details: server.details,
          next: server.isInsufficientPrivilege
            ? "as its owner: GRANT CREATE ON SCHEMA"
              + " \(SQLText.identifier(loaded.table.schema ?? "public")) TO"
              + " \(SQLText.identifier(connection.user)); nothing was applied"
            : "nothing was applied",
          sqlstate: server.sqlstate))
    }
  }
}

extension EventLoop {
  /// Runs to its end what a cancelled task still has to do.
  func undisturbed<Result: Sendable>(
    _ body: @escaping @Sendable () async -> Result
  ) async -> Result {
    await Task(executorPreference: self) { await body() }.value
  }
}

extension Runner.Options {
  /// The time-outs as defaults of the session rather than by `SET`: they cost no round trip and survive
  /// `RESET ALL`.
  public var sessionSettings: [(name: String, value: String)] {
    var settings: [(name: String, value: String)] = []
    if let lockTimeout = lockBudget.timeout {
      settings.append(("lock_timeout", "\(wholeMilliseconds(lockTimeout))"))
    }
    if let statementTimeout {
      settings.append(("statement_timeout", "\(wholeMilliseconds(statementTimeout))"))
    }
    return settings
  }
}

extension Runner.Outcome {
  /// Migrations that were applied and rolled back, whatever came after.
  public var counts: (applied: Int, reverted: Int) {
    switch self {
    case .finished(let applied, let reverted), .failed(_, let applied, let reverted),
      .interrupted(_, let applied, let reverted), .declined(let applied, let reverted):
      (applied, reverted)
    case .refused, .stale, .busy: (0, 0)
    }
  }

  var isFailure: Bool {
    switch self {
    case .failed, .interrupted: true
    case .finished, .refused, .stale, .busy, .declined: false
    }
  }
}

func milliseconds(since instant: ContinuousClock.Instant) -> Double {
  let parts = instant.duration(to: .now).components
  return Double(parts.seconds) * 1000 + Double(parts.attoseconds / 1_000_000_000_000) / 1000
}

private func wholeMilliseconds(_ duration: Duration) -> Int64 {
  let parts = duration.components
  // At least one: zero would mean "no limit".
  return max(1, parts.seconds * 1000 + parts.attoseconds / 1_000_000_000_000_000)
}
