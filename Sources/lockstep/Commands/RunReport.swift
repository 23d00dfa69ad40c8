import Diagnostics
import MigrationModel

/// Tells the events of a run as they happen: lines for people, objects for scripts.
struct RunReport: Sendable {
  var output: Output
  /// Whether a lock budget ends what waits for a lock.
  var isBounded = true

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
    case .migrationFinished(let version, let name, let direction, let milliseconds, _):
      let verb = direction == .up ? "applied" : "rolled back"
      let time = DurationText.show(milliseconds: milliseconds)
      output.print([.init(verb, .good), .init(" \(label(version, name)) in \(time)")])
    case .notice(_, let severity, let message): output.say("  \(severity): \(message)")
    case .statementFinished(
      _, _, let line, let command, let rows, let milliseconds, let locks, let changes):
      let count = rows.map { ", \(counted(Int($0), "row"))" } ?? ""
      let time = DurationText.show(milliseconds: milliseconds)
      output.print("  line \(line): \(command)\(count) in \(time)")
      for lock in locks ?? [] { output.print("    holds \(lock.mode.sqlName) on \(lock.relation)") }
      for change in changes ?? [] { output.print("    \(change.words)") }
    case .progress(_, let progress):
      guard let progress else {
        output.explain("  no progress reported")
        break
      }
      guard progress.total > 0 else { break }
      output.print(
        "  \(progress.phase): \(progress.done) of \(progress.total) \(progress.unit)")
    case .migrationDeclined(let version, let name, _):
      output.print("rolled back \(label(version, name)); nothing of it stands")
    case .stopped(_, let stop):
      guard let limit = stop.limitMilliseconds else { break }
      let open = DurationText.show(milliseconds: stop.openMilliseconds)
      output.print(
        "  open for \(open); rolled back after \(DurationText.show(milliseconds: limit))")
    case .resumed: break
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
    case .backupStarted(let place): output.print("backing up: \(place)")
    case .backupEnded(let backup):
      if case .failed = backup.outcome { break }
      output.print(backup.words)
    case .healthChecked(let check):
      output.print([.init(check.words, check.outcome == .passed ? .good : .bad)])
    case .rollingBack(let plan):
      output.print(
        "rolling back what was applied: \(plan.steps.map(\.label).joined(separator: ", "))")
    case .finished, .migrationFailed, .waitingForRunner, .cancelling, .message, .safeguardFailed:
      break
    }
  }

  private func tellPeople(_ queue: LockQueue) {
    let victims =
      queue.victims == 0 ? "" : "; \(counted(queue.victims, "session")) queued up behind it"
    if let waited = queue.waitedMilliseconds {
      let time = DurationText.show(milliseconds: waited)
      let who = queue.blockers.map(\.words).joined(separator: "; ")
      output.print(
        "  waiting for a lock for \(time)\(who.isEmpty ? "" : ", behind \(who)")\(victims)"
          + (isBounded ? "" : "; no time-out ends that: ^C does, and `--lock-timeout 2s` would"))
    } else if queue.victims > 0 {
      let who = queue.waiting.prefix(5).map(\.words).joined(separator: "; ")
      output.print(
        "  \(counted(queue.victims, "session")) waiting for what it holds"
          + (who.isEmpty ? "" : ": \(who)"))
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
    let words = name.utf8.split(separator: UInt8(ascii: " ")).map { Substring($0) }
    return words.isEmpty ? version.text : version.text + "_" + words.joined(separator: "_")
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
        "waiting": .array(
          queue.waiting.map { waiter in
            [
              "pid": JSONValue(waiter.pid), "user": JSONValue(waiter.user),
              "application": JSONValue(waiter.application),
              "waited_ms": JSONValue(milliseconds: waiter.waitedMilliseconds),
            ]
          }),
      ]
    case .statementFinished(
      let version, let index, let line, let command, let rows, let time, let locks, let changes):
      return [
        "event": "statement_finished", "version": .string(version.text), "index": JSONValue(index),
        "line": JSONValue(line), "command": .string(command), "rows": JSONValue(rows),
        "duration_ms": JSONValue(milliseconds: time), "locks": json(locks),
        "changes": changes.map { .array($0.map(json)) } ?? .null,
      ]
    case .progress(let version, let progress):
      return [
        "event": "progress", "version": .string(version.text), "phase": JSONValue(progress?.phase),
        "done": JSONValue(progress?.done),
        "total": JSONValue(progress.flatMap { $0.total > 0 ? $0.total : nil }),
        "unit": JSONValue(progress?.unit),
      ]
    case .stopped(let version, let stop):
      guard case .statement(let index, let line, let command) = stop.next else {
        return [
          "event": "stopped", "version": .string(version.text), "before": "commit",
          "open_ms": JSONValue(milliseconds: stop.openMilliseconds),
          "limit_ms": JSONValue(milliseconds: stop.limitMilliseconds),
        ]
      }
      return [
        "event": "stopped", "version": .string(version.text), "before": "statement",
        "index": JSONValue(index), "line": JSONValue(line), "command": .string(command),
        "open_ms": JSONValue(milliseconds: stop.openMilliseconds),
        "limit_ms": JSONValue(milliseconds: stop.limitMilliseconds),
      ]
    case .resumed(let version, let decision):
      return [
        "event": "resumed", "version": .string(version.text),
        "decision": .string(decision == .rollBack ? "roll_back" : decision.rawValue),
      ]
    case .migrationDeclined(let version, _, let direction):
      return [
        "event": "migration_declined", "version": .string(version.text),
        "direction": .string(direction.rawValue), "state_left": "nothing",
      ]
    case .migrationFinished(let version, _, let direction, let time, let locks):
      return [
        "event": "migration_finished", "version": .string(version.text),
        "direction": .string(direction.rawValue), "duration_ms": JSONValue(milliseconds: time),
        "locks": json(locks),
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
    case .backupStarted(let place): return ["event": "backup_started", "to": .string(place)]
    case .backupEnded(let backup):
      if case .failed = backup.outcome { return object("backup_failed", backup.members) }
      return object("backup_taken", backup.members)
    case .healthChecked(let check): return object("health_checked", check.members)
    case .rollingBack(let plan):
      return [
        "event": "rolling_back", "versions": JSONValue(plan.steps.map(\.version.text)),
      ]
    case .cancelling: return ["event": "cancelling"]
    case .reconnected(let reason): return ["event": "reconnected", "reason": .string(reason)]
    case .schemaWritten(let path): return ["event": "schema_written", "path": .string(path)]
    case .message(let diagnostic), .safeguardFailed(let diagnostic):
      return [
        "event": "message", "severity": .string(diagnostic.severity.rawValue),
        "error": diagnostic.json,
      ]
    case .finished(let applied, let reverted, let failed, let milliseconds):
      return finished(
        applied: applied, reverted: reverted, failed: failed, milliseconds: milliseconds)
    }
  }

  private static func object(_ word: String, _ members: [JSONValue.Member]) -> JSONValue {
    .object([.init(key: "event", value: .string(word))] + members)
  }

  /// Locks that are not known are `null`, not none.
  private static func json(_ locks: [HeldLock]?) -> JSONValue {
    guard let locks else { return .null }
    return .array(
      locks.map { lock in
        [
          "mode": .string(lock.mode.sqlName), "relation": .string(lock.relation.description),
          "held_ms": JSONValue(milliseconds: lock.milliseconds),
        ]
      })
  }

  private static func json(_ change: CatalogChange) -> JSONValue {
    [
      "kind": .string(change.kind), "object": .string(change.object),
      "action": .string(change.action.rawValue), "detail": JSONValue(change.detail),
    ]
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
