import Canvas
import Diagnostics
import EventLoop
import MigrationEngine
import MigrationModel
import Postgres
import PostgresModel
import Synchronization

/// What `up`, `down`, `redo` and `mark` have in common: plan, show or confirm, run, and tell.
struct MigrationRun: Sendable {
  var arguments: Arguments
  var context: CommandContext
  /// Whether a person is asked even though nothing is lost.
  var asksAlways: Bool
  /// As in "nothing to …".
  var verb: String

  /// Options of a run that every one of these commands takes.
  static let options = [
    Options.count, Options.dryRun, Options.step, Options.stepLimit, Options.timeout,
    Options.lockTimeout, Options.lockAttempts, Options.statementTimeout, Options.breakGlass,
    Options.decision,
  ]

  /// Does it.
  ///
  /// - Parameter request: What is asked for, told from the project.
  func run(_ request: (OpenProject) throws -> PlanRequest) async throws -> ExitCode {
    try checkArguments()
    let settings = try context.settings(arguments)
    let isDry = arguments.has(Options.dryRun)
    var opening = settings
    if isDry { opening.isReadOnly = true }
    let project = try await context.open(opening, for: runnerOptions(settings, layout: nil))
    var planContext = PlanContext(
      runBy: context.runBy(project.loaded.sessionUser), isReadOnly: !isDry && settings.isReadOnly,
      dataLoss: isDry || arguments.has(Options.yes)
        ? .accepted : context.canAsk ? .asked : .refused)
    let request = try request(project)
    var plan = Plan.make(
      request, status: project.status, layout: project.loaded.layout, context: planContext)
    let glass = try brokenGlass(settings)
    let keeper = GateKeeper(settings, in: context.surroundings, loop: context.loop)
    let judgement = await keeper.judge(
      plan, project.loaded, in: project.connection, brokenGlass: glass)
    if !isDry, !judgement.refusals.isEmpty {
      planContext.gates = judgement.refusals
      plan = Plan.make(
        request, status: project.status, layout: project.loaded.layout, context: planContext)
    }
    plan.gates = judgement.gates
    for warning in plan.warnings + judgement.notes { context.output.tell(warning) }
    if !isDry, context.output.isJSON, !keeper.asksForNothing, !plan.steps.isEmpty {
      context.output.print(["event": "gates", "gates": GateReport.json(plan.gates)])
    }
    if !plan.refusals.isEmpty { return refuse(plan.refusals) }
    if isDry {
      DryRunReport(plan, of: project, verb: verb).print(to: context.output)
      return .done
    }
    if plan.steps.isEmpty {
      return try await owedHealth(judgement, plan, project, keeper) ?? nothingToDo(project)
    }
    tellGates(plan)
    try await confirm(plan, on: project.loaded.database.inWords)
    if let glass, let facts = judgement.facts {
      try await ApprovalDesk(context: context, settings: settings).recordBrokenGlass(
        glass, facts, plan)
    }
    tellTakingUp(plan)
    return try await run(plan, planContext, in: project, keeper, glass)
  }

  /// Makes the health check that a killed run still owes; `nil` where none does.
  private func owedHealth(
    _ judgement: GateKeeper.Judgement, _ plan: Plan, _ project: OpenProject, _ keeper: GateKeeper
  ) async throws -> ExitCode? {
    guard let owed = judgement.facts?.archive.unheardOf, !project.settings.isReadOnly else {
      return nil
    }
    let runner = Runner(
      project: project.project, target: project.settings.target.value, loop: context.loop)
    return try await OwedHealthCheck(
      context: context, owed: owed,
      run: keeper.run(runner, timeout: nil, session: project.connection)
    ).make(plan, of: project)
  }

  /// What `--break-glass` says.
  ///
  /// - Throws: `Refusal` where the environment does not allow it; `UsageError` without a reason.
  private func brokenGlass(_ settings: ProjectSettings) throws -> GateFacts.BrokenGlass? {
    guard let reason = arguments.text(Options.breakGlass) else { return nil }
    guard reason.contains(where: { !$0.isWhitespace }) else {
      throw UsageError.missingValue(option: "--break-glass", placeholder: "REASON")
    }
    let demands = settings.demands
    guard demands.mayBreakGlass, demands.isProtected else {
      let next =
        demands.isProtected
        ? "`approval: {break_glass: true}` in its rules would allow it; have it approved with"
          + " `lockstep approve`; nothing was done"
        : "run it without --break-glass; nothing was done"
      let what =
        demands.isProtected
        ? "environment \"\(demands.environment)\" does not allow to pass over its approval"
        : "there is no approval to pass over: the environment is not protected"
      throw Refusal(.error(code: "no_glass", what, next: next))
    }
    return GateFacts.BrokenGlass(by: Approver(context).name, reason: reason)
  }

  private func tellGates(_ plan: Plan) {
    guard !context.output.isJSON, context.output.verbosity > .quiet else { return }
    for line in GateReport.lines(plan.gates) { context.output.say(line) }
  }

  /// What `--resume` goes on with.
  ///
  /// - Throws: `Refusal` where nothing broke off, or in the other direction.
  static func brokenOff(
    _ direction: Direction, in status: ProjectStatus
  ) throws(Refusal) -> Version {
    let failed = status.migrations.filter { $0.state == .failed }
    guard let first = failed.first(where: { $0.unfinished?.direction == direction }) ?? failed.first
    else {
      throw Refusal(
        .error(
          code: "not_broken_off", "no migration is broken off",
          next: "without --resume `lockstep \(direction.rawValue)` runs as usual; nothing was done")
      )
    }
    if let other = first.unfinished?.direction, other != direction {
      throw Refusal(
        .error(
          code: "not_broken_off", "\(first.label) broke off going \(other.rawValue)",
          at: first.location,
          next: "go on with `lockstep \(other.rawValue) --resume`; nothing was done"))
    }
    return first.version
  }

  private func checkArguments() throws(UsageError) {
    if arguments.has(Options.to), arguments.has(Options.count) {
      throw .contradiction("--to", "--count")
    }
    guard arguments.has(Options.step) else {
      if arguments.has(Options.stepLimit) { throw .needsOption("--step-limit", "--step") }
      return
    }
    if arguments.has(Options.yes) { throw .contradiction("--step", "--yes") }
    if !context.canAsk { throw .needsTerminal("--step") }
  }

  private func runnerOptions(_ settings: ProjectSettings, layout: (any Layout)?) -> Runner.Options {
    let dumps = settings.dumpsSchema.value && layout?.rules.dumpsSchema == true
    let schemaFile = ConfigurationSources.path("db/schema.sql", in: settings.root)
    var options = Runner.Options(
      lockBudget: settings.rules.lockBudget(
        timeout: arguments.duration(Options.lockTimeout),
        attempts: arguments.count(Options.lockAttempts)),
      statementTimeout: arguments.duration(Options.statementTimeout)
        ?? settings.rules.statementTimeout,
      schemaFile: dumps ? settings.schemaFile?.value ?? schemaFile : nil,
      confirm: arguments.has(Options.step) ? confirmStep : nil)
    options.tellsLongWaits = true
    if arguments.has(Options.step) {
      options.pace = .stepping
      options.control = RunControl()
      options.stepLimit = arguments.duration(Options.stepLimit) ?? settings.rules.stepLimit
    }
    return options
  }

  // MARK: Before

  private func refuse(_ refusals: [Diagnostic]) -> ExitCode {
    for (index, refusal) in refusals.enumerated() {
      if index == 0 { context.output.fail(refusal) } else { context.output.tell(refusal) }
    }
    // Nothing ran, so nothing failed, whatever the reason.
    let code = refusals.first.map { ExitCode(of: $0) } ?? .refused
    return code == .failed ? .refused : code
  }

  private func nothingToDo(_ project: OpenProject) -> ExitCode {
    if context.output.isJSON {
      context.output.print(RunReport.finished(applied: 0, reverted: 0, failed: 0, milliseconds: 0))
    } else {
      context.output.say("nothing to \(verb)")
    }
    return .done
  }

  private func confirm(_ plan: Plan, on database: String) async throws {
    let losing = plan.steps.first { $0.risk == .losesData }
    guard context.canAsk, !arguments.has(Options.yes), asksAlways || losing != nil else { return }
    context.output.say("\(database):")
    for step in plan.steps {
      context.output.say("\(RunReport.infinitive(step)) \(step.label)")
      for warning in step.warnings { context.output.say("  \(warning)") }
      for line in step.strongLocks { context.output.say("  \(line)") }
    }
    if plan.steps.contains(where: { !$0.units.isEmpty }) {
      context.output.say("the SQL: the same with --dry-run")
    }
    let isSure: Bool
    if let losing {
      isSure = try await context.confirm("This loses data.", byTyping: losing.version.text)
    } else {
      isSure = try await context.confirm("Go on?")
    }
    guard isSure else { throw context.declined() }
  }

  /// Says before a run that goes on with another what all of it will be.
  private func tellTakingUp(_ plan: Plan) {
    guard plan.steps.count > 1, let first = plan.steps.first, first.resumption != nil else {
      return
    }
    let rest = plan.steps.dropFirst().map(\.label).joined(separator: ", ")
    context.output.say("going on with \(first.label), then applying \(rest)")
  }

  /// Asks how to go on within a transaction; no answer is a no.
  private func decision(_ stop: RunStop, _ step: PlanStep?) async -> StepDecision {
    let question: String
    switch stop.next {
    case .statement(let index, let line, let command):
      // Seen in any case: whoever asked for steps wants to know what is asked about.
      var text = "statement \(index + 1) of \(stop.statements), line \(line): \(command)\n"
      for line in step?.lines(ofStatement: index) ?? [] { text += "    \(line)\n" }
      context.output.write(TerminalText.visible(text, lineBreaks: .keep), .message)
      question = "run it?"
    case .commit: question = "commit?"
    }
    while true {
      let answer = try? await context.ask(
        "\(question) [y]es, [a]ll the rest of it, [n]o: roll back")
      switch answer?.lowercased().filter({ !$0.isWhitespace }) {
      case "y", "yes": return .next
      case "a", "all": return .rest
      case "n", "no", nil: return .rollBack
      default: continue
      }
    }
  }

  private func confirmStep(_ step: PlanStep) async -> Bool {
    // It is asked about each of its statements.
    if step.stepping == .offered { return true }
    let question = "\(RunReport.infinitive(step)) \(step.label)?"
    return (try? await context.confirm(question)) ?? false
  }

  // MARK: Running

  private func run(
    _ plan: Plan, _ planContext: PlanContext, in project: OpenProject,
    _ keeper: GateKeeper, _ glass: GateFacts.BrokenGlass?
  ) async throws -> ExitCode {
    let options = runnerOptions(project.settings, layout: project.loaded.layout)
    let runner = Runner(
      project: project.project, target: project.settings.target.value, options: options,
      loop: context.loop)
    let report = RunReport(output: context.output, isBounded: options.lockBudget.isOn)
    let timeout = arguments.duration(Options.timeout) ?? project.settings.rules.timeout
    let output = context.output
    let asking = OpenQuestion()
    let recording = await JournalPlace(project.settings, loop: context.loop).recording(
      of: plan, by: planContext.runBy, in: project.connection, asks: keeper.demands.asks,
      warn: { output.tell($0) })
    let guarded = keeper.run(
      runner, timeout: timeout, brokenGlass: glass, session: project.connection)
    let ended = try await guarded.run(
      plan, context: planContext, after: project.loaded, in: project.connection
    ) { event in
      recording.take(event)
      // What comes while a question stands open begins a line of its own.
      if case .migrationFailed = event, asking.isOpen { output.write("\n", .message) }
      report.tell(event)
      if options.pace == .stepping, case .migrationStarted(let version, _, let direction) = event {
        asking.step = plan.steps.first { $0.version == version && $0.direction == direction }
      }
      if case .stopped(_, let stop) = event, let control = options.control {
        asking.isOpen = true
        let step = asking.step
        Task(executorPreference: context.loop) {
          let decision = await decision(stop, step)
          asking.isOpen = false
          control.decide(decision)
        }
      }
    }
    let (outcome, isLate) = (ended.outcome, ended.isLate)
    await recording.end(outcome)
    await document(outcome, plan, project)
    // The runner tells of migrations that ran; a history that was only written is told here.
    for step in plan.steps.prefix(outcome.counts.applied + outcome.counts.reverted)
    where step.units.isEmpty {
      report.tellMarked(step)
    }
    return end(outcome, isLate: isLate, timeout: timeout)
  }

  private func end(_ outcome: Runner.Outcome, isLate: Bool, timeout: Duration?) -> ExitCode {
    let output = context.output
    switch outcome {
    case .finished: return .done
    case .refused(let refusals): return refuse(refusals)
    case .stale: return refuse([MigrationRun.stale])
    case .busy(let holder): return refuse([MigrationRun.busy(holder)])
    case .declined: return .refused
    case .failed(let diagnostic, _, _):
      output.tell(diagnostic)
      return ExitCode(of: diagnostic)
    case .interrupted(var diagnostic, _, _):
      if isLate, let timeout {
        let time = DurationText.show(milliseconds: timeout.milliseconds)
        diagnostic.what = "the run took longer than \(time): \(diagnostic.what)"
        diagnostic.code = "timeout"
      }
      output.tell(diagnostic)
      return isLate ? .failed : .interrupted
    }
  }

  static let stale = Diagnostic.error(
    code: "stale_plan", "files or history changed since the plan was made",
    next: "look at `lockstep status` and run it again; nothing was run")

  static func busy(_ holder: LockHolder) -> Diagnostic {
    let who = [holder.user, holder.application].compactMap { $0 }.filter { !$0.isEmpty }
    let since = holder.since.map { ", connected since \($0.shortText) UTC" } ?? ""
    return Diagnostic(
      .error, code: "busy",
      "another runner is at work: pid \(holder.pid) \(who.joined(separator: " "))\(since)",
      details: [.init("lock", holder.key)],
      next: "wait until it is done and run it again; nothing was run")
  }
}

/// Whether a question stands on the terminal without its answer, and what it is about.
private final class OpenQuestion: Sendable {
  private let state = Mutex((isOpen: false, step: PlanStep?.none))

  var isOpen: Bool {
    get { state.withLock { $0.isOpen } }
    set { state.withLock { $0.isOpen = newValue } }
  }

  /// The migration that is at work.
  var step: PlanStep? {
    get { state.withLock { $0.step } }
    set { state.withLock { $0.step = newValue } }
  }
}
