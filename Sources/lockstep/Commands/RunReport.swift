import Diagnostics
import MigrationModel

/// Tells the events of a run as they happen: lines for people, objects for scripts.
struct RunReport: Sendable {
  var output: Output

  func tell(_ event: RunEvent) {
    if output.isJSON {
      if let json = RunReport.json(event) { output.print(json) }
    } else {
      tellPeople(event)
    }
    // What keeps a person waiting, or went wrong, is told in both cases.
    switch event {
    case .waitingForRunner(let holder):
      output.say("waiting for another runner: pid \(holder.pid) \(holder.application ?? "")")
    case .cancelling: output.say("cancelling")
    case .message(let diagnostic): output.tell(diagnostic)
    default: break
    }
  }

  private func tellPeople(_ event: RunEvent) {
    guard output.verbosity > .quiet else { return }
    switch event {
    case .migrationStarted(let version, let name, let direction):
      output.print("\(direction == .up ? "applying" : "rolling back") \(label(version, name))")
    case .migrationFinished(let version, let name, let direction, let milliseconds):
      let verb = direction == .up ? "applied" : "rolled back"
      let time = DurationText.show(milliseconds: milliseconds)
      output.print([.init(verb, .good), .init(" \(label(version, name)) in \(time)")])
    case .notice(_, let severity, let message): output.say("  \(severity): \(message)")
    case .statementFinished(_, _, let line, let command, let rows, let milliseconds):
      let count = rows.map { ", \(counted(Int($0), "row"))" } ?? ""
      let time = DurationText.show(milliseconds: milliseconds)
      output.print("  line \(line): \(command)\(count) in \(time)")
    case .lockAttempt(_, let attempt, let of, let waited, let blockers, let reason, let rest):
      let time = DurationText.show(milliseconds: waited)
      let who = blockers.isEmpty ? "" : ", held by \(RunReport.pids(blockers))"
      var line = "  attempt \(attempt) of \(of) gave its place back after \(time)"
      line += " (\(reason.words)\(who)); nothing has changed yet"
      if let rest { line += "; again in \(DurationText.show(milliseconds: rest))" }
      output.print(line)
    case .queue(_, let queue): tellPeople(queue)
    case .schemaWritten(let path): output.print("wrote \(path)")
    case .reconnected(let reason): output.say("connected again: \(reason)")
    case .finished, .migrationFailed, .waitingForRunner, .cancelling, .message: break
    }
  }

  private func tellPeople(_ queue: LockQueue) {
    let victims =
      queue.victims == 0 ? "" : "; \(counted(queue.victims, "session")) queued up behind it"
    if let waited = queue.waitedMilliseconds {
      let time = DurationText.show(milliseconds: waited)
      let who = queue.blockers.map(\.words).joined(separator: "; ")
      output.print(
        "  waiting for a lock for \(time)\(who.isEmpty ? "" : ", behind \(who)")\(victims)")
    } else if queue.victims > 0 {
      output.print("  \(counted(queue.victims, "session")) waiting for what it holds")
    }
  }

  private static func pids(_ pids: [Int32]) -> String {
    pids.map { $0 == 0 ? "a prepared transaction" : "pid \($0)" }.joined(separator: ", ")
  }

  /// Tells that the history now says something else of a migration that did not run.
  func tellMarked(_ step: PlanStep) {
    let state = step.direction == .up ? "applied" : "pending"
    if output.isJSON {
      output.print([
        "event": "marked", "version": .string(step.version.text), "name": .string(step.name),
        "state": .string(state),
      ])
    } else if output.verbosity > .quiet {
      output.print("recorded as \(state): \(step.label)")
    }
  }

  private func label(_ version: Version, _ name: String) -> String {
    let words = name.split(separator: " ").joined(separator: "_")
    return words.isEmpty ? version.text : "\(version)_\(words)"
  }

  /// As in a list of what will be done.
  static func infinitive(_ step: PlanStep) -> String {
    switch (step.units.isEmpty, step.direction) {
    case (true, .up): "record as applied:"
    case (true, .down): "record as pending:"
    case (false, .up): "apply"
    case (false, .down): "roll back"
    }
  }

  // MARK: For scripts

  /// The object of an event, as the contract has it.
  static func json(_ event: RunEvent) -> JSONValue? {
    switch event {
    case .migrationStarted(let version, let name, let direction):
      return [
        "event": "migration_started", "version": .string(version.text), "name": .string(name),
        "direction": .string(direction.rawValue),
      ]
    case .notice(let version, let severity, let message):
      return [
        "event": "notice", "version": .string(version.text), "severity": .string(severity),
        "message": .string(message),
      ]
    case .lockAttempt(
      let version, let attempt, let of, let waited, let blockers, let reason, let rest):
      return [
        "event": "lock_attempt", "version": .string(version.text), "attempt": JSONValue(attempt),
        "of": JSONValue(of), "waited_ms": JSONValue(milliseconds: waited),
        "blockers": .array(blockers.map { JSONValue($0) }), "reason": .string(reason.rawValue),
        "rest_ms": JSONValue(milliseconds: rest),
      ]
    case .queue(let version, let queue):
      return [
        "event": "lock_queue", "version": .string(version.text),
        "waited_ms": JSONValue(milliseconds: queue.waitedMilliseconds),
        "victims": JSONValue(queue.victims),
        "oldest_victim_ms": JSONValue(milliseconds: queue.oldestVictimMilliseconds),
        "blockers": .array(queue.blockers.map { JSONValue($0.pid) }),
      ]
    case .statementFinished(let version, let index, let line, let command, let rows, let time):
      return [
        "event": "statement_finished", "version": .string(version.text), "index": JSONValue(index),
        "line": JSONValue(line), "command": .string(command), "rows": JSONValue(rows),
        "duration_ms": JSONValue(milliseconds: time),
      ]
    case .migrationFinished(let version, _, let direction, let time):
      // Which locks were held is not recorded yet: unknown, not none.
      return [
        "event": "migration_finished", "version": .string(version.text),
        "direction": .string(direction.rawValue), "duration_ms": JSONValue(milliseconds: time),
        "locks": nil,
      ]
    case .migrationFailed(let version, _, let direction, let diagnostic, let left):
      return [
        "event": "migration_failed", "version": .string(version.text),
        "direction": .string(direction.rawValue), "error": diagnostic.json,
        "state_left": .string(left.rawValue),
      ]
    case .waitingForRunner(let holder):
      return [
        "event": "waiting_for_runner", "pid": JSONValue(holder.pid), "user": JSONValue(holder.user),
        "application": JSONValue(holder.application), "lock": .string(holder.key),
      ]
    case .cancelling: return ["event": "cancelling"]
    case .reconnected(let reason): return ["event": "reconnected", "reason": .string(reason)]
    case .schemaWritten(let path): return ["event": "schema_written", "path": .string(path)]
    case .message(let diagnostic):
      return [
        "event": "message", "severity": .string(diagnostic.severity.rawValue),
        "error": diagnostic.json,
      ]
    case .finished(let applied, let reverted, let failed, let milliseconds):
      return finished(
        applied: applied, reverted: reverted, failed: failed, milliseconds: milliseconds)
    }
  }

  static func finished(
    applied: Int, reverted: Int, failed: Int, milliseconds: Double
  ) -> JSONValue {
    [
      "event": "finished", "applied": JSONValue(applied), "reverted": JSONValue(reverted),
      "failed": JSONValue(failed), "duration_ms": JSONValue(milliseconds: milliseconds),
    ]
  }
}

extension StepAsideReason {
  /// For people, in a few words.
  var words: String {
    switch self {
    case .lockTimeout: "lock time-out"
    case .victims: "too many sessions behind it"
    case .oldestVictim: "a session behind it had waited too long"
    case .byHand: "told to"
    }
  }
}
