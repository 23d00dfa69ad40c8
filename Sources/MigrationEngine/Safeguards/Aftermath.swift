import Diagnostics
import MigrationModel
import Postgres
import PostgresModel
import Synchronization

/// What follows when migrations have run: the health check, and the way back where it fails.
struct Aftermath: Sendable {
  var run: ProtectedRun
  var plan: Plan
  var context: PlanContext
  var session: Connection
  var report: @Sendable (RunEvent) -> Void

  /// Asks for health where something has changed, and rolls back where the environment says so.
  func judge(_ outcome: Runner.Outcome) async -> Runner.Outcome {
    let counts = outcome.counts
    guard let demand = run.demands.health, counts.applied + counts.reverted > 0 else {
      return outcome
    }
    if case .interrupted = outcome {
      report(.message(Aftermath.notAsked))
      return outcome
    }
    let asking = HealthAsking(demand, target: run.runner.target, loop: run.runner.loop)
    let check: HealthCheck
    do throws(CancellationError) {
      check = try await asking.run()
    } catch {
      let diagnostic = Diagnostic.error(
        code: "interrupted", "the run was interrupted while its health check was made",
        next: "what was applied stands; ask for its health yourself: \(demand.way.words)")
      report(.safeguardFailed(diagnostic))
      return .interrupted(diagnostic, applied: counts.applied, reverted: counts.reverted)
    }
    report(.healthChecked(check))
    guard check.outcome == .failed else { return outcome }
    return await answer(check, outcome)
  }

  private static let notAsked = Diagnostic.warning(
    code: "health_not_checked", "the health check was not made: the run was interrupted",
    next: "what was applied before stands; ask for its health yourself")

  // MARK: The way back

  private func answer(_ check: HealthCheck, _ outcome: Runner.Outcome) async -> Runner.Outcome {
    let counts = outcome.counts
    let done = plan.steps.prefix(counts.applied + counts.reverted)
    let applied = done.filter { $0.direction == .up && !$0.units.isEmpty }
    var diagnostic = Diagnostic.error(
      code: "health_check_failed", "the health check failed: \(check.answer)",
      details: [.init(check.way, check.question)])
    var reverted = counts.reverted
    if applied.isEmpty || counts.reverted > 0 {
      diagnostic.next = "what was done stands; nothing is applied again by itself"
    } else if !run.demands.rollsBackAutomatically {
      diagnostic.next = wayBack(applied.map(\.label), count: applied.count)
    } else {
      let (words, count) = await rollBack(Array(applied))
      reverted += count
      diagnostic.next = words
    }
    if case .failed(let failure, _, _) = outcome {
      // The migration's own failure was told when it happened, and the run ends with it.
      report(.safeguardFailed(diagnostic))
      return .failed(failure, applied: counts.applied, reverted: reverted)
    }
    report(.safeguardFailed(diagnostic))
    return .failed(diagnostic, applied: counts.applied, reverted: reverted)
  }

  private func wayBack(_ labels: [String], count: Int) -> String {
    "what was applied stands (\(labels.joined(separator: ", "))); `lockstep down --count \(count)"
      + " -e \(run.demands.environment)` rolls it back"
  }

  /// Rolls back exactly what this run has applied, newest first, or nothing where one of it has no way
  /// back.
  ///
  /// - Returns: What came of it, in words, and how many were rolled back.
  private func rollBack(_ applied: [PlanStep]) async -> (words: String, count: Int) {
    let labels = applied.map(\.label)
    let back = run.runner.loop
    do {
      // Nobody who has pressed ctrl-c meant to be left half-way.
      return try await Task(executorPreference: back) { try await carryOut(applied) }.value
    } catch {
      let reason = Diagnostic(explaining: error).what
      return (
        "it could not be rolled back: \(reason); \(wayBack(labels, count: labels.count))", 0
      )
    }
  }

  private func carryOut(_ applied: [PlanStep]) async throws -> (words: String, count: Int) {
    var context = context
    // It was made by this run, and what it holds is in the backup.
    context.dataLoss = .accepted
    context.gates = []
    let versions = applied.map(\.version).reversed()
    let loaded = try await run.runner.project.load(
      try await run.runner.project.readFiles(), from: session)
    for version in versions {
      let state = loaded.status.migrations.first { $0.version == version }
      if let migration = state?.migration, migration.isReversible { continue }
      let label = state?.label ?? version.text
      return (
        "nothing was rolled back: \(label) has no way back; fix forward with a new migration", 0
      )
    }
    let together = Plan.make(
      .down(to: nil, count: versions.count), status: loaded.status, layout: loaded.layout,
      context: context)
    let plans: [PlanRequest] =
      together.steps.map(\.version) == Array(versions)
      ? [together.request] : versions.map { .only($0, .down) }
    var count = 0
    for request in plans {
      let fresh = try await run.runner.project.load(
        try await run.runner.project.readFiles(), from: session)
      let plan = Plan.make(
        request, status: fresh.status, layout: fresh.layout, context: context)
      if let refusal = plan.refusals.first { return (words(refusal, count, applied), count) }
      report(.rollingBack(plan))
      var runner = run.runner
      runner.options.confirm = nil
      runner.options.pace = .atOnce
      let report = report
      let outcome = try await runner.run(plan, context: context, in: session) { event in
        if case .finished = event { return }
        report(event)
      }
      count += outcome.counts.reverted
      switch outcome {
      case .finished: break
      case .refused(let refusals): return (words(refusals.first, count, applied), count)
      case .failed(let failure, _, _), .interrupted(let failure, _, _):
        return (words(failure, count, applied), count)
      case .stale, .busy, .declined: return (words(nil, count, applied), count)
      }
    }
    let list = applied.reversed().map(\.label).joined(separator: ", ")
    return ("what this run applied was rolled back: \(list); mend it and run it again", count)
  }

  private func words(_ failure: Diagnostic?, _ count: Int, _ applied: [PlanStep]) -> String {
    let reason = failure?.what ?? "files or history have changed meanwhile"
    return "rolling back stopped after \(count) of \(applied.count): \(reason);"
      + " `lockstep status -e \(run.demands.environment)` shows what stands"
  }
}
