import Canvas
import MigrationModel
import PostgresModel

/// How what runs stands in its lock queue: the budget used up, those it keeps waiting, and what comes
/// next, each as a line.
struct BudgetLines {
  let run: RunLog
  let now: Instant

  /// Nothing while nothing waits.
  func lines(columns: Int) -> [DocumentLine] {
    guard let current = run.current else { return [] }
    if let left = run.restLeft(at: now), let rest = current.rest {
      return resting(current, left, rest, columns)
    }
    guard let queue = run.queue else { return [] }
    var lines: [DocumentLine] = []
    if let waited = queue.waitedMilliseconds(at: now) {
      lines += budget(waited, current, columns)
      if queue.queue.victims == 0 { lines += behind(queue.queue.blockers, columns) }
    }
    if queue.queue.victims > 0 { lines += victims(queue, columns) }
    if queue.queue.waitedMilliseconds != nil { lines += outlook(current, columns) }
    return lines
  }

  /// How far the server says that a statement has come.
  static func progress(_ progress: StatementProgress, columns: Int) -> [DocumentLine] {
    let phase = DocumentLine(" \(progress.phase)", .dim)
    guard progress.total > 0 else { return [phase] }
    let share = Double(progress.done) / Double(progress.total)
    let numbers = "  \(progress.done) of \(progress.total) \(progress.unit)"
    let width = max(6, min(24, columns - numbers.count - 2))
    return [
      phase,
      DocumentLine([
        .init(" " + Bars.progress(share, width: width), .active), .init(numbers, .text),
      ]),
    ]
  }

  private func budget(_ waited: Double, _ current: RunLog.Current, _ columns: Int) -> [DocumentLine]
  {
    guard let timeout = run.budget.timeout.map(milliseconds) else {
      return DocumentLine.labelled(
        "lock wait", Words.wait(milliseconds: waited) + ", no time-out", .warning, columns)
    }
    let width = max(6, min(14, columns - 32))
    let used = "\(Words.tenths(min(waited, timeout) / 1000)) of \(Words.tenths(timeout / 1000)) s"
    let attempt = "attempt \(current.attempt) of \(current.attempts)"
    var pieces: [DocumentLine.Piece] = [
      .init(DocumentLine.label("lock budget", columns), .dim),
      .init(Bars.progress(waited / timeout, width: width), .warning),
    ]
    // Where there is no room for both, the attempt stands in a line of its own.
    let isNarrow =
      columns < DocumentLine.label("", columns).count + width + 2 + used.count + 4 + attempt.count
    pieces.append(.init("  " + used + (isNarrow ? "" : "    " + attempt), .text))
    return [DocumentLine(pieces)]
      + (isNarrow ? DocumentLine.labelled("", attempt, .text, columns) : [])
  }

  private func victims(_ queue: RunLog.SeenQueue, _ columns: Int) -> [DocumentLine] {
    var text = Words.count(queue.queue.victims, "session") + " queued behind you"
    if let oldest = queue.oldestMilliseconds(at: now) {
      text += ", oldest \(Words.wait(milliseconds: oldest))"
    }
    // What has its locks and keeps others waiting is not given up.
    let limits =
      queue.queue.waitedMilliseconds == nil
      ? []
      : [
        run.budget.victims.map(String.init),
        run.budget.oldestVictim.map { Words.wait(milliseconds: milliseconds($0)) },
      ].compactMap { $0 }
    if !limits.isEmpty { text += " (limit \(limits.joined(separator: ", ")))" }
    return DocumentLine.labelled("victims", text, .warning, columns) + who(queue.queue, columns)
  }

  /// The first of those behind, by name.
  private func who(_ queue: LockQueue, _ columns: Int) -> [DocumentLine] {
    guard !queue.waiting.isEmpty else { return [] }
    var names = queue.waiting.prefix(3).map(RunWords.name)
    if queue.victims > names.count { names.append("\(queue.victims - names.count) more") }
    return DocumentLine.labelled("", names.joined(separator: ", "), .text, columns)
  }

  private func behind(_ blockers: [LockBlocker], _ columns: Int) -> [DocumentLine] {
    guard let first = blockers.first else { return [] }
    let more = blockers.count > 1 ? " and \(blockers.count - 1) more" : ""
    return DocumentLine.labelled("behind", RunWords.name(of: first) + more, .text, columns)
  }

  private func outlook(_ current: RunLog.Current, _ columns: Int) -> [DocumentLine] {
    guard run.budget.timeout != nil else {
      return DocumentLine.labelled("x", "steps aside; nothing has changed yet", .text, columns)
    }
    guard current.attempt < current.attempts else {
      return DocumentLine.labelled(
        "on timeout", "give up: this is the last attempt; nothing has changed yet", .text, columns)
    }
    let rest = milliseconds(run.budget.rest(after: current.attempt, random: 0.5))
    return DocumentLine.labelled(
      "on timeout",
      "step aside \(Words.wait(milliseconds: rest)), then try again; nothing has changed yet",
      .text,
      columns)
  }

  private func resting(
    _ current: RunLog.Current, _ left: Double, _ rest: RunLog.Rest, _ columns: Int
  ) -> [DocumentLine] {
    let width = max(6, min(14, columns - 32))
    let time = "\(Words.tenths(left / 1000)) of \(Words.tenths(rest.milliseconds / 1000)) s"
    let hasRoom = DocumentLine.label("", columns).count + width + time.count + 7 <= columns
    let bar = DocumentLine([
      .init(DocumentLine.label("resting", columns), .dim),
      .init(Bars.progress(1 - left / rest.milliseconds, width: width), .active),
      .init("  " + time + (hasRoom ? " left" : ""), .text),
    ])
    return [bar]
      + DocumentLine.labelled(
        "then", "attempt \(current.attempt) of \(current.attempts); nothing has changed yet", .text,
        columns)
  }

  private func milliseconds(_ duration: Duration) -> Double {
    let parts = duration.components
    return Double(parts.seconds) * 1000 + Double(parts.attoseconds) / 1e15
  }
}

extension DocumentLine {
  /// A text behind its label, on as many lines as it needs.
  static func labelled(
    _ label: String, _ text: String, _ tone: Tone, _ columns: Int
  ) -> [DocumentLine] {
    let left = self.label(label, columns)
    let wrapped = TextWidth.wrap(text, to: max(8, columns - left.count))
    return wrapped.enumerated().map { index, part in
      DocumentLine([
        .init(index == 0 ? left : String(repeating: " ", count: left.count), .dim),
        .init(part, tone),
      ])
    }
  }

  /// The labels stand in a column, a narrower one where there is little room.
  static func label(_ text: String, _ columns: Int) -> String {
    " " + TextWidth.pad(text, to: columns < 60 ? 12 : 14)
  }
}

/// Where a run has stopped, for how long its transaction has been open, and how to go on.
struct StopLines {
  let run: RunLog
  let now: Instant

  /// Nothing while it has not stopped.
  func lines(columns: Int) -> [DocumentLine] {
    guard let stop = run.stop else { return [] }
    let age = stop.openMilliseconds(at: now)
    var lines = DocumentLine.wrapped(
      "stopped before \(RunWords.next(stop.place))", .strong, columns: columns, indent: 1)
    lines += DocumentLine.wrapped(
      "open for \(Words.duration(milliseconds: age)); nothing is committed yet",
      .warning,
      columns: columns, indent: 1)
    if let limit = stop.place.limitMilliseconds {
      lines.append(self.limit(limit, age, columns))
    }
    lines += DocumentLine.wrapped(
      "s \(stop.place.next == .commit ? "commit" : "next statement")   C rest of this migration"
        + "   D roll back", .active, columns: columns, indent: 1)
    return lines
  }

  /// The time that is left until it is rolled back.
  private func limit(_ limit: Double, _ age: Double, _ columns: Int) -> DocumentLine {
    let left = max(0, limit - age)
    let words =
      left > 0
      ? "  rolled back in \(Words.duration(milliseconds: left))" : "  is being rolled back"
    let width = max(6, min(14, columns - 14 - words.utf8.count))
    return DocumentLine([
      .init(" step limit  ", .dim), .init(Bars.progress(age / limit, width: width), .warning),
      .init(words, .warning),
    ])
  }
}

/// What the dashboard says about the locks of a run.
enum RunWords {
  /// `ACCESS EXCLUSIVE on orders, at most 1.4 s`: what is known begins before the lock was had.
  static func lock(_ lock: HeldLock) -> String {
    let time = lock.milliseconds.map { ", at most \(Words.duration(milliseconds: $0))" } ?? ""
    return "\(lock.mode.sqlName) on \(name(of: lock.relation))\(time)"
  }

  /// `orders`, `audit.events`.
  static func name(of relation: QualifiedName) -> String {
    relation.schema == "public" ? relation.name : relation.description
  }

  /// `statement 2 of 3: line 4 CREATE INDEX`, `COMMIT`.
  static func next(_ stop: RunStop) -> String {
    switch stop.next {
    case .commit:
      stop.statements == 1
        ? "COMMIT: its statement is done" : "COMMIT: all \(stop.statements) statements done"
    case .statement(let index, let line, let command):
      "statement \(index + 1) of \(stop.statements): line \(line) \(command)"
    }
  }

  /// `attempt 1 of 10 gave up after 3.0 s: held by 16669 (report-job); nothing has changed yet`.
  static func gaveUp(
    _ attempt: Int, of: Int, waited: Double, blockers: [LockBlocker], reason: StepAsideReason,
    rest: Double?
  ) -> String {
    let time = Words.duration(milliseconds: waited)
    var text =
      switch reason {
      case .lockTimeout: "attempt \(attempt) of \(of) gave up after \(time)"
      case .victims: "attempt \(attempt) of \(of) stepped aside after \(time): too many behind it"
      case .oldestVictim:
        "attempt \(attempt) of \(of) stepped aside after \(time): somebody waited too long behind it"
      case .byHand: "attempt \(attempt) of \(of) stepped aside by hand after \(time)"
      }
    if !blockers.isEmpty {
      text += (reason == .lockTimeout || reason == .byHand ? ": " : "; ") + "held by "
      text += blockers.map(name).joined(separator: ", ")
    }
    text += "; nothing has changed yet"
    if let rest { text += "; again in \(Words.duration(milliseconds: rest))" }
    return text
  }

  /// `16804 (web-1)`.
  static func name(of victim: LockVictim) -> String {
    let name = victim.application.flatMap { $0.isEmpty ? nil : $0 } ?? victim.user
    return name.map { "\(victim.pid) (\($0))" } ?? "\(victim.pid)"
  }

  /// `16669 (report-job)`.
  static func name(of blocker: LockBlocker) -> String {
    let name = blocker.application.flatMap { $0.isEmpty ? nil : $0 } ?? blocker.user
    let number = blocker.pid == 0 ? "a prepared transaction" : "\(blocker.pid)"
    return name.map { "\(number) (\($0))" } ?? number
  }
}
