import Diagnostics
import MigrationEngine
import MigrationModel
import PostgresModel

/// The health check of a run that was killed before it could make it: made by the next that finds nothing
/// to apply, and kept with the run that owed it.
struct OwedHealthCheck: Sendable {
  var context: CommandContext
  var owed: RunArchive.RecordedRun
  var run: ProtectedRun

  /// Makes it.
  ///
  /// - Returns: How the program ends; `nil` where a runner is at work, and it may be his.
  func make(_ plan: Plan, of project: OpenProject) async throws -> ExitCode? {
    guard let check = try await run.catchUp(plan, in: project.connection) else { return nil }
    let output = context.output
    RunReport(output: output).tell(.healthChecked(check))
    let done = owed.steps.filter { $0.step.outcome == .done }
    let applied = done.count { $0.step.direction == .up }
    let outcome: RunEnd.Outcome = check.outcome == .passed ? .finished : .failed
    let now = Instant.current
    let records: [RunRecord] = [
      .health(run: owed.start.id, at: now, check),
      .ended(
        RunEnd(
          run: owed.start.id, at: now, outcome: outcome, applied: applied,
          reverted: done.count - applied)),
    ]
    do throws(RunRecordsFailure) {
      try await JournalPlace(project.settings, loop: context.loop).append(
        records, warn: { output.tell($0) })
    } catch {
      output.tell(error.diagnostic)
    }
    guard check.outcome == .failed else { return .done }
    output.fail(
      .error(
        code: "health_check_failed", "the health check failed: \(check.answer)",
        details: [.init(check.way, check.question)],
        next: applied == 0
          ? "see what stands with `lockstep status`; nothing was run"
          : "what the run before has applied stands; `lockstep down --count \(applied)"
            + " -e \(run.demands.environment)` rolls it back"))
    return .failed
  }
}
