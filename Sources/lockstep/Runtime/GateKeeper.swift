import Diagnostics
import EventLoop
import MigrationEngine
import MigrationModel
import Postgres
import PostgresModel

/// Finds out how the gates of an environment stand: the same for every command and for the dashboard.
struct GateKeeper: Sendable {
  var demands: EnvironmentDemands
  var journal: JournalPlace
  /// By which migrations are validated, or why it cannot be read.
  var checklist: Result<Checklist, Refusal>
  /// Where the environment is in which migrations are validated.
  var validationTarget: ConnectionString?
  var target: ConnectionString
  var loop: EventLoop

  /// - Parameter surroundings: From which the project's own checklist is read.
  init(_ settings: ProjectSettings, in surroundings: Surroundings, loop: EventLoop) {
    demands = settings.demands
    journal = JournalPlace(settings, loop: loop)
    // The very one that `check` goes through where none is named.
    do throws(Refusal) {
      checklist = .success(try settings.checklist(named: nil, in: surroundings))
    } catch {
      checklist = .failure(error)
    }
    validationTarget = settings.validationTarget
    target = settings.target.value
    self.loop = loop
  }

  /// Whether the environment asks for anything.
  var asksForNothing: Bool { !demands.isProtected && demands.asks.isEmpty }

  /// Collects what the gates are judged by.
  ///
  /// - Parameter session: With the database in which the plan would run.
  /// - Returns: The facts, and what could not be read.
  func facts(
    _ loaded: LoadedProject, in session: Connection, brokenGlass: GateFacts.BrokenGlass? = nil
  ) async -> (facts: GateFacts, notes: [Diagnostic]) {
    var (archive, notes) = await journal.archive(.all, of: loaded, in: session)
    if demands.isProtected, let validationTarget {
      let (checks, more) = await journal.checks(on: validationTarget)
      archive.add(checks: checks)
      notes += more
    }
    var facts = GateFacts(
      demands: demands, identity: await .of(session), status: loaded.status, archive: archive,
      checklist: Checklist(title: "", items: []), brokenGlass: brokenGlass)
    switch checklist {
    case .success(let checklist): facts.checklist = checklist
    case .failure(let refusal): facts.checklistProblem = refusal.diagnostic
    }
    if let backup = demands.backup {
      facts.backup = await BackupTaking(backup, target: target, of: session).outlook()
    }
    if let health = demands.health {
      facts.health = HealthAsking(health, target: target, loop: loop).outlook()
    }
    return (facts, notes)
  }

  /// Judges a plan.
  func judge(
    _ plan: Plan, _ loaded: LoadedProject, in session: Connection,
    brokenGlass: GateFacts.BrokenGlass? = nil
  ) async -> Judgement {
    guard !asksForNothing else {
      return Judgement(
        gates: Gates.all(
          for: plan,
          GateFacts(
            demands: demands, identity: DatabaseIdentity(database: "", server: ""),
            status: loaded.status, archive: RunArchive(),
            checklist: Checklist(title: "", items: []))))
    }
    let (facts, notes) = await facts(loaded, in: session, brokenGlass: brokenGlass)
    return Judgement(
      gates: Gates.all(for: plan, facts), facts: facts,
      notes: notes + [facts.archive.unheardOf?.diagnostic].compactMap { $0 })
  }

  /// How the gates stand, and by what they were judged.
  struct Judgement: Sendable {
    var gates: [Gate]
    /// `nil` where nothing is asked for.
    var facts: GateFacts?
    /// Worth knowing before anything runs.
    var notes: [Diagnostic] = []

    var refusals: [Diagnostic] { gates.compactMap(\.refusal) }
  }

  /// Runs migrations with what the environment asks for.
  func run(
    _ runner: Runner, timeout: Duration?, brokenGlass: GateFacts.BrokenGlass? = nil,
    session: Connection
  ) -> ProtectedRun {
    guard demands.isProtected else { return ProtectedRun(runner, demands, timeout: timeout) }
    return ProtectedRun(runner, demands, timeout: timeout) { loaded, plan in
      await judge(plan, loaded, in: session, brokenGlass: brokenGlass).refusals
    }
  }
}

extension RunArchive.RecordedRun {
  /// What is said of a run that was to ask for health and has told nothing of it.
  var diagnostic: Diagnostic {
    let applied = steps.filter { $0.step.outcome == .done }.map {
      "\($0.step.version) \($0.step.direction.rawValue)"
    }
    let what =
      applied.isEmpty
      ? "nothing is known of its steps" : "\(applied.joined(separator: ", ")) was done"
    return .warning(
      code: "health_not_checked",
      "the run that \(start.by) began \(start.at.shortText) UTC has told neither of its end nor of its"
        + " health check: \(what)",
      next:
        "if it does not run any more, it was killed: see what stands with `lockstep status`; `lockstep"
        + " up` makes the health check where nothing is left to apply")
  }
}
