import MigrationEngine
import MigrationModel
import PostgresModel

/// What was kept of the runs of one migration, ready to be shown.
struct RunsReport {
  private let label: String
  private let version: Version
  private let runs: [(run: RunArchive.RecordedRun, step: RunArchive.RecordedStep)]

  init(label: String, _ version: Version, _ archive: RunArchive, _ layout: any Layout) {
    self.label = label
    self.version = version
    runs = archive.runs(of: version, layout)
  }

  func print(to output: Output) {
    if output.isJSON { return output.print(json) }
    guard !runs.isEmpty else { return output.print("no run of \(label) was kept") }
    output.print("\(label): \(counted(runs.count, "run")), newest first")
    let time: (Double) -> String = { DurationText.show(milliseconds: $0) }
    for (run, step) in runs {
      output.print("")
      output.print("\(step.step.startedAt.shortText) UTC  \(step.outcome(time))")
      output.print("  \(run.circumstances)")
      for detail in step.details(time) + run.safeguards { output.print("  \(detail)") }
    }
  }

  private var json: JSONValue {
    ["version": .string(version.text), "runs": .array(runs.map { json($0.run, $0.step) })]
  }

  private func json(
    _ run: RunArchive.RecordedRun, _ recorded: RunArchive.RecordedStep
  ) -> JSONValue {
    let step = recorded.step
    return [
      "run": .string(run.start.id), "started_at": .string(step.startedAt.iso8601),
      "direction": .string(step.direction.rawValue), "outcome": .string(step.outcome.rawValue),
      "duration_ms": JSONValue(milliseconds: step.durationMilliseconds),
      "by": .string(run.start.by), "host": .string(run.start.host),
      "lockstep": .string(run.start.version), "environment": JSONValue(run.start.environment),
      "request": .string(run.start.request),
      "run_outcome": JSONValue(run.end?.outcome.rawValue), "checksum": JSONValue(step.checksum),
      "error": step.errorJSON, "locks": step.locksJSON,
      "lock_attempts": .array(recorded.attempts.map { RunRecord.lockAttempt($0).json }),
      "statements": .array(recorded.statements.map { RunRecord.statement($0).json }),
      "backups": .array(run.backups.map { .object($0.members) }),
      "health": .array(run.health.map { .object($0.members) }),
    ]
  }
}
