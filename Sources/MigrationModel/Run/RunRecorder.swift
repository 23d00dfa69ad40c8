import Diagnostics
import PostgresModel

/// Folds the events of a run into what is kept of it.
public struct RunRecorder: Sendable {
  private let start: RunStart
  private var files: [Version: SourceFile]
  private var hasStarted = false
  private var current: (version: Version, at: Instant, checksum: String?)?

  public init(_ start: RunStart, plan: Plan) {
    self.start = start
    files = RunRecorder.files(of: plan)
  }

  private static func files(of plan: Plan) -> [Version: SourceFile] {
    Dictionary(
      plan.steps.compactMap { step in step.units.first.map { (step.version, $0.script.file) } },
      uniquingKeysWith: { first, _ in first })
  }

  /// What is to be kept of an event, in order; nothing of a run in which no step begins.
  public mutating func records(of event: RunEvent, at now: Instant) -> [RunRecord] {
    switch event {
    case .migrationStarted(let version, let name, let direction):
      current = (version, now, files[version]?.checksum(.sha256).hexadecimal)
      // One that is cut off tells of no end, and would be known to nobody.
      return begin() + [.step(step(version, name, direction, now, .begun))]
    case .lockAttempt(let version, let attempt, let of, let waited, let blockers, let reason, _):
      return [
        .lockAttempt(
          LockAttemptRecord(
            run: start.id, version: version, at: now, attempt: attempt, of: of,
            waitedMilliseconds: waited, blockers: blockers, reason: reason.rawValue))
      ]
    case .statementFinished(
      let version, let index, let line, let command, let rows, let time, _, _):
      return [
        .statement(
          StatementRecord(
            run: start.id, version: version, index: index, line: line, command: command, rows: rows,
            durationMilliseconds: time))
      ]
    case .migrationFinished(let version, let name, let direction, let time, let locks):
      var step = step(version, name, direction, now, .done)
      step.durationMilliseconds = time
      step.locks = locks?.map { lock in
        StepRecord.KeptLock(
          mode: lock.mode.sqlName, relation: lock.relation.description,
          heldMilliseconds: lock.milliseconds)
      }
      return begin() + [.step(step)]
    case .migrationDeclined(let version, let name, let direction):
      var step = step(version, name, direction, now, .declined)
      step.durationMilliseconds = Double(now.microseconds(since: step.startedAt)) / 1000
      return begin() + [.step(step)]
    case .migrationFailed(let version, let name, let direction, let diagnostic, let left):
      var step = step(version, name, direction, now, .failed)
      step.durationMilliseconds = Double(now.microseconds(since: step.startedAt)) / 1000
      step.error = StepRecord.Failure(
        code: diagnostic.code, message: diagnostic.what, sqlstate: diagnostic.sqlstate, left: left)
      return begin() + [.step(step)]
    // From here on something is under way that a crash would leave without a word.
    case .backupStarted: return begin()
    case .backupEnded(let backup):
      return begin() + [.backup(run: start.id, at: now, backup)]
    case .healthChecked(let check): return begin() + [.health(run: start.id, at: now, check)]
    case .rollingBack(let plan):
      files = RunRecorder.files(of: plan)
      // What was begun was another file.
      current?.checksum = nil
      return []
    default: return []
    }
  }

  /// A step that only wrote the history, of which no event tells.
  public mutating func marked(_ step: PlanStep, at now: Instant) -> [RunRecord] {
    begin() + [.step(self.step(step.version, step.name, step.direction, now, .marked))]
  }

  /// What is to be kept of the end.
  public func end(
    _ outcome: RunEnd.Outcome, applied: Int, reverted: Int, at now: Instant
  ) -> [RunRecord] {
    guard hasStarted else { return [] }
    return [
      .ended(
        RunEnd(run: start.id, at: now, outcome: outcome, applied: applied, reverted: reverted))
    ]
  }

  private mutating func begin() -> [RunRecord] {
    guard !hasStarted else { return [] }
    hasStarted = true
    return [.started(start)]
  }

  private func step(
    _ version: Version, _ name: String, _ direction: Direction, _ now: Instant,
    _ outcome: StepRecord.Outcome
  ) -> StepRecord {
    let begun = current.flatMap { $0.version == version ? $0 : nil }
    let checksum = begun?.checksum ?? files[version]?.checksum(.sha256).hexadecimal
    return StepRecord(
      run: start.id, version: version, name: name, direction: direction,
      checksum: outcome == .marked ? nil : checksum, startedAt: begun?.at ?? now,
      durationMilliseconds: nil, outcome: outcome)
  }
}

extension PlanRequest {
  /// What was asked for, in words: `up to 0042`.
  public var words: String {
    switch self {
    case .up(let to, let count, let allowsOutOfOrder):
      let reach = to.map { " to \($0)" } ?? count.map { " \($0)" } ?? ""
      return "up\(reach)\(allowsOutOfOrder ? ", out of order allowed" : "")"
    case .down(let to?, _): return "down to \(to)"
    case .down(nil, let count): return "down \(count ?? 1)"
    case .redo(let count): return "redo \(count)"
    case .only(let version, let direction): return "\(direction.rawValue) only \(version)"
    case .resume(let version, nil): return "resume \(version)"
    case .resume(let version, let rest?):
      let reach = rest.to.map { " to \($0)" } ?? rest.count.map { " \($0)" } ?? ""
      return "resume \(version), then up\(reach)"
    case .mark(.versions(let versions), let state):
      return "mark \(versions.map(\.text).joined(separator: ", ")) as \(state.rawValue)"
    case .mark(.upTo(let version), let state): return "mark to \(version) as \(state.rawValue)"
    }
  }
}
