import Diagnostics
import EventLoop
import MigrationModel
import Postgres
import PostgresModel
import Synchronization

/// A run with what its environment asks for around it: the gates looked at once more, a backup, the
/// migrations, a health check, and the way back where that fails.
///
/// All of it happens while the session holds the locks that keep other runners out.
public struct ProtectedRun: Sendable {
  public var runner: Runner
  public var demands: EnvironmentDemands
  /// Of the migrations; backup and health check have their own time.
  public var timeout: Duration?
  /// Judges the plan once more when nobody else can run; what it returns refuses the plan.
  public var gates: (@Sendable (LoadedProject, Plan) async -> [Diagnostic])?

  /// How it ended.
  public struct Ended: Sendable {
    public var outcome: Runner.Outcome
    /// Whether the migrations were given up because their time was over.
    public var isLate: Bool
  }

  public init(
    _ runner: Runner, _ demands: EnvironmentDemands, timeout: Duration? = nil,
    gates: (@Sendable (LoadedProject, Plan) async -> [Diagnostic])? = nil
  ) {
    self.runner = runner
    self.demands = demands
    self.timeout = timeout
    self.gates = gates
  }

  /// Runs a plan as `Runner.run` does, and what the environment asks for with it.
  ///
  /// - Parameter loaded: What the plan was made from, where that was a moment ago.
  /// - Throws: As `Runner.run`.
  public func run(
    _ plan: Plan, context: PlanContext, after loaded: LoadedProject? = nil, in session: Connection,
    report: @escaping @Sendable (RunEvent) -> Void
  ) async throws -> Ended {
    guard plan.refusals.isEmpty else {
      return Ended(outcome: .refused(plan.refusals), isLate: false)
    }
    // Only what runs can harm; and what asks for nothing pays for nothing.
    let isGuarded = plan.steps.contains { !$0.units.isEmpty } && !demands.asks.isEmpty
    guard isGuarded || gates != nil else {
      let (outcome, isLate) = try await limited(plan, context, loaded, session, report)
      return Ended(outcome: outcome, isLate: isLate)
    }
    let lock = AdvisoryLock(connection: session, keys: runner.keys(for: plan, session))
    let loop = runner.loop
    do {
      let ended = try await run(
        plan, context, session, lock, isGuarded: isGuarded, report)
      await loop.undisturbed { await lock.release() }
      return ended
    } catch {
      await loop.undisturbed { await lock.release() }
      guard Task.isCancelled else { throw error }
      return Ended(
        outcome: .interrupted(ProtectedRun.interrupted("before it began"), applied: 0, reverted: 0),
        isLate: false)
    }
  }

  private func run(
    _ plan: Plan, _ context: PlanContext, _ session: Connection,
    _ lock: AdvisoryLock, isGuarded: Bool, _ report: @escaping @Sendable (RunEvent) -> Void
  ) async throws -> Ended {
    func ended(_ outcome: Runner.Outcome) -> Ended { Ended(outcome: outcome, isLate: false) }
    let holder = try await lock.acquire(
      patience: runner.options.patience, onHolder: { report(.waitingForRunner($0)) })
    if let holder { return ended(.busy(holder)) }
    // What goes stale is told before anybody waits for a backup; the runner looks again behind it.
    let project = runner.project
    let loaded = try await project.load(try await project.readFiles(), from: session)
    let fresh = Plan.make(
      plan.request, status: loaded.status, layout: loaded.layout, context: context)
    guard fresh.refusals.isEmpty else { return ended(.refused(fresh.refusals)) }
    guard fresh.steps == plan.steps else { return ended(.stale(fresh)) }
    if let refusals = await gates?(loaded, plan), !refusals.isEmpty {
      return ended(.refused(refusals))
    }
    let began = ContinuousClock.now
    func close(_ outcome: Runner.Outcome, isLate: Bool = false) -> Ended {
      let counts = outcome.counts
      report(
        .finished(
          applied: counts.applied, reverted: counts.reverted, failed: outcome.isFailure ? 1 : 0,
          durationMilliseconds: milliseconds(since: began)))
      return Ended(outcome: outcome, isLate: isLate)
    }
    if isGuarded, let trouble = await backUp(session, report) { return close(trouble) }
    // The last word is ours: what comes behind the migrations belongs to the run.
    let (outcome, isLate) = try await limited(plan, context, loaded, session) { event in
      if case .finished = event { return }
      report(event)
    }
    switch outcome {
    case .refused, .stale, .busy: return Ended(outcome: outcome, isLate: isLate)
    case .finished, .failed, .interrupted, .declined: break
    }
    guard isGuarded else { return close(outcome, isLate: isLate) }
    let aftermath = Aftermath(
      run: self, plan: plan, context: context, session: session, report: report)
    return close(await aftermath.judge(outcome), isLate: isLate)
  }

  private func limited(
    _ plan: Plan, _ context: PlanContext, _ loaded: LoadedProject?, _ session: Connection,
    _ report: @escaping @Sendable (RunEvent) -> Void
  ) async throws -> (Runner.Outcome, isLate: Bool) {
    let runner = runner
    return try await runner.loop.limited(to: timeout) {
      try await runner.run(
        plan, context: context, after: loaded, in: session, report: report)
    }
  }

  // MARK: Backup

  /// Backs up where that is asked for.
  ///
  /// - Returns: How the run ends where there is no backup; `nil` where it goes on.
  private func backUp(
    _ session: Connection, _ report: @escaping @Sendable (RunEvent) -> Void
  ) async -> Runner.Outcome? {
    guard let demand = demands.backup else { return nil }
    let taking = BackupTaking(demand, target: runner.target, of: session)
    report(.backupStarted(taking.words))
    let backup: Backup
    do throws(CancellationError) {
      backup = try await taking.run()
    } catch {
      let diagnostic = ProtectedRun.interrupted("while the backup was taken; no half of it is left")
      report(.safeguardFailed(diagnostic))
      return .interrupted(diagnostic, applied: 0, reverted: 0)
    }
    report(.backupEnded(backup))
    guard case .failed(let reason) = backup.outcome else { return nil }
    let diagnostic = Diagnostic.error(
      code: "backup_failed", "no backup could be taken: \(reason)",
      details: [.init("by", taking.words)],
      next: "see that it can be taken, and run it again; nothing was run")
    report(.safeguardFailed(diagnostic))
    return .failed(diagnostic, applied: 0, reverted: 0)
  }

  private static func interrupted(_ moment: String) -> Diagnostic {
    .error(
      code: "interrupted", "the run was interrupted \(moment)",
      next: "run it again when it suits; nothing was run")
  }
}
