import Dashboard
import Diagnostics
import EventLoop
import MigrationEngine
import MigrationModel
import Postgres
import PostgresModel

extension EffectRunner {
  // MARK: - Planning

  private var planContext: PlanContext {
    PlanContext(
      runBy: loaded.map { program.runBy($0.sessionUser) }, isReadOnly: program.isReadOnly,
      dataLoss: .asked)
  }

  /// Plans what is asked for and tells the model, with what the gates say of it.
  func makePlan(_ request: PlanRequest) async {
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

  // MARK: - Running

  /// Gives up the attempt at a lock that is under way.
  func stepAside() {
    guard control?.stepAside() != true else { return }
    send(.done("nothing that can be tried again was under way"))
  }

  /// Carries out a plan, tells what happens in order, and its end after that.
  func run(_ plan: Plan, _ pace: RunPace, _ budget: LockBudget) async {
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
      options.lockBudget = budget
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
