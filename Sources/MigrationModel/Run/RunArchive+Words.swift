import PostgresModel

extension RunArchive.RecordedStep {
  /// What became of it, in a few words: `applied in 1.2 s`, `failed after 30 ms, nothing left`.
  ///
  /// - Parameter time: Milliseconds in the words of the place.
  public func outcome(_ time: (Double) -> String) -> String {
    let verb = step.direction == .up ? "applied" : "rolled back"
    let took = step.durationMilliseconds.map(time)
    switch step.outcome {
    case .done: return verb + (took.map { " in \($0)" } ?? "")
    case .marked: return step.direction == .up ? "marked as applied" : "marked as pending"
    case .declined: return "rolled back while stepping" + (took.map { " after \($0)" } ?? "")
    case .failed:
      let left = step.error.map { $0.left == .nothing ? ", nothing left" : ", partly left" } ?? ""
      let way = step.direction == .up ? "failed" : "failed going down"
      return way + (took.map { " after \($0)" } ?? "") + left
    }
  }

  /// What was kept beside it, a line each: error, locks, attempts, statements.
  ///
  /// - Parameter time: Milliseconds in the words of the place.
  public func details(_ time: (Double) -> String) -> [String] {
    var lines: [String] = []
    if let error = step.error {
      lines.append("error: \(error.message)" + (error.sqlstate.map { " (SQLSTATE \($0))" } ?? ""))
    }
    for lock in step.locks ?? [] {
      let held = lock.heldMilliseconds.map { ", at most \(time($0))" } ?? ""
      lines.append("lock: \(lock.mode) on \(lock.relation)\(held)")
    }
    for attempt in attempts {
      let blockers = attempt.blockers.map(String.init).joined(separator: ", ")
      lines.append(
        "attempt \(attempt.attempt) of \(attempt.of) gave up after \(time(attempt.waitedMilliseconds))"
          + (attempt.reason.map { ": \($0)" } ?? "")
          + (blockers.isEmpty ? "" : ", behind pid \(blockers)"))
    }
    for statement in statements {
      let rows = statement.rows.map { ", \($0) \($0 == 1 ? "row" : "rows")" } ?? ""
      lines.append(
        "line \(statement.line): \(statement.command)\(rows) in"
          + " \(time(statement.durationMilliseconds))")
    }
    return lines
  }
}

extension RunArchive.RecordedRun {
  /// Who ran it from where, in one line.
  public var circumstances: String {
    var words = "by \(start.by) on \(start.host), `\(start.request)`"
    if let environment = start.environment { words += ", environment \(environment)" }
    words += ", Lockstep \(start.version)"
    switch end?.outcome {
    case nil: words += "; its end was not kept"
    case .interrupted: words += "; interrupted"
    case .declined: words += "; stopped by a no"
    case .finished, .failed: break
    }
    return words
  }

  /// What it saw to beside its steps, a line each.
  public var safeguards: [String] { backups.map(\.words) + health.map(\.words) }
}
