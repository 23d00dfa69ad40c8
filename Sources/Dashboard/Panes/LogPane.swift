import Canvas
import Diagnostics
import MigrationModel
import PostgresModel

/// What a run does and did: its steps, notices, attempts and errors.
struct LogPane: Pane {
  let number = 8
  let name = "Log"
  let slot = Slot.progress

  private var document = DocumentView()
  private var basis: Basis?

  private struct Basis: Hashable {
    var entries: Int
    var started: Instant
    var columns: Int
    var isOver: Bool
  }

  init() { document.follows = true }

  var bindings: [Binding] {
    [
      Binding([.letter("f")], .follow, hint: "follow", "keeps the last line in sight"),
      Binding([.letter("y")], .copy, hint: "copy", "copies the log"),
    ]
  }

  var isNarrowed: Bool { !document.search.isEmpty }

  func isInUse(_ facts: Facts) -> Bool { facts.run != nil }

  func heading(_ facts: Facts) -> Heading {
    guard let run = facts.run else { return Heading(name) }
    if run.isRunning {
      let verb = run.isCancelling ? "cancelling" : "running"
      let step = min(run.stepsDone + 1, run.plan.steps.count)
      return Heading(name, note: "\(verb) \(step)/\(run.plan.steps.count)")
    }
    return Heading(name, note: PlanWords.outcome(run).text, shortNote: PlanWords.shortOutcome(run))
  }

  mutating func settle(_ facts: inout Facts, size: Size) {
    guard let run = facts.run, size != .zero else { return }
    let body = Size(
      columns: size.columns, rows: max(0, size.rows - foot(run, facts, size).count))
    document.resize(body)
    let basis = Basis(
      entries: run.entries.count, started: run.startedAt, columns: size.columns,
      isOver: !run.isRunning)
    guard basis != self.basis else { return }
    if self.basis?.started != run.startedAt { document.follows = true }
    self.basis = basis
    document.show(LogDocument(run: run, columns: size.columns - 1).lines())
  }

  mutating func perform(_ action: Action, _ facts: inout Facts) -> [Effect] {
    switch action {
    case .move(let movement): document.move(movement)
    case .scrollRight: document.scroll(8)
    case .scrollLeft: document.scroll(-8)
    case .follow: document.move(.last)
    case .nextMatch: document.nextMatch()
    case .previousMatch: document.previousMatch()
    default: break
    }
    return []
  }

  mutating func find(_ text: String, _ facts: inout Facts) { document.find(text) }
  func finds(_ text: String, _ facts: Facts) -> Bool { document.finds(text) }

  func copyText(_ facts: Facts, more: Bool) -> String? { document.plainText }
  func plainText(_ facts: Facts) -> String { document.plainText }

  func view(_ facts: Facts, size: Size) -> Frame {
    var frame = Frame(size: size)
    guard let run = facts.run else {
      frame.write("no run yet", at: .zero, style: facts.look.palette.dim)
      return frame
    }
    let foot = self.foot(run, facts, size)
    let body = Rectangle(
      column: 0, row: 0, columns: size.columns, rows: max(0, size.rows - foot.count))
    document.draw(on: &frame, in: body, facts.look)
    for (index, line) in foot.enumerated() {
      let row = size.rows - foot.count + index
      frame.write(line.styled(facts.look.palette), at: Point(column: 0, row: row))
    }
    return frame
  }

  /// The lines that stay at the foot while something runs: elapsed time and progress as bars.
  private func foot(_ run: RunLog, _ facts: Facts, _ size: Size) -> [DocumentLine] {
    guard let current = run.current else { return [] }
    let columns = size.columns
    var queue = StopLines(run: run, now: facts.now).lines(columns: columns)
    queue += BudgetLines(run: run, now: facts.now).lines(columns: columns)
    // Where the script pane tells it as well, one line does.
    if facts.selected?.version == current.version,
      facts.placedPanes.contains(ScriptPane.script.number)
    {
      queue = Array(queue.prefix(1))
    } else if queue.isEmpty || size.rows >= 20 {
      // How it stands in a queue is more urgent than what it asks for there.
      queue += RunningLockLines(facts)?.lines(columns: columns) ?? []
    }
    let elapsed = Double(facts.now.microseconds(since: current.startedAt)) / 1000
    let share = elapsed / RunLog.targetMilliseconds
    let isSlow = share > 1
    // That it is slow must not be cut off by the bar.
    let words = "  \(Words.duration(milliseconds: elapsed)) of 30 s" + (isSlow ? "  slow" : "")
    func label(_ text: String) -> String {
      columns < 44 ? " " + TextWidth.pad(text, to: 9) : DocumentLine.label(text, columns)
    }
    let left = label("").count
    let width = max(3, min(24, columns - left - 18, columns - left - words.utf8.count))
    var lines = [
      DocumentLine([
        .init(label("elapsed"), .dim),
        .init(Bars.progress(share, width: width), isSlow ? .warning : .active),
        .init(words, isSlow ? .warning : .text),
      ])
    ]
    if let progress = run.progress {
      lines.append(
        DocumentLine([
          .init(label("rows"), .dim),
          .init(Bars.progress(progress.fraction, width: width), .active),
          .init("  \(progress.done) of \(progress.of)", .text),
        ]))
    }
    if case .progress(let progress) = run.reported, run.stop == nil {
      lines += BudgetLines.progress(progress, columns: columns)
    } else if run.lacksProgress(at: facts.now) {
      lines.append(DocumentLine(label("") + "no progress reported", .dim))
    }
    return queue + lines
  }
}

/// Writes the lines of a run.
struct LogDocument {
  let run: RunLog
  let columns: Int

  func lines() -> [DocumentLine] {
    var lines: [DocumentLine] = []
    if run.plan.steps.count > 1 {
      lines.append(
        .heading("\(Words.timeOfDay(run.startedAt)) \(PlanWords.title(of: run.plan))"))
    }
    for entry in run.entries { lines += self.lines(of: entry) }
    return lines
  }

  private func lines(of entry: RunLog.Entry) -> [DocumentLine] {
    let time = Words.timeOfDay(entry.at) + " "
    func told(_ text: String, _ tone: Tone, indent: Int = 0) -> [DocumentLine] {
      let left = TextWidth.of(time) + indent
      let wrapped = TextWidth.wrap(text, to: max(8, columns - left))
      return wrapped.enumerated().map { index, part in
        let padding = String(repeating: " ", count: index == 0 ? indent : left)
        var line = DocumentLine([.init(index == 0 ? time : "", .dim), .init(padding + part, tone)])
        line.isHeading = true
        return line
      }
    }
    switch entry.kind {
    case .started(let version, let name, let direction):
      return told("\(direction == .up ? "apply" : "roll back") \(version) \(name)", .strong)
    case .notice(let severity, let message):
      let isNotice = severity == "NOTICE" || severity == "INFO"
      return told(
        isNotice ? message : "\(severity.lowercased()): \(message)", isNotice ? .text : .warning,
        indent: 2)
    case .lockAttempt(let attempt, let of, let waited, let blockers, let reason, let rest):
      let words = RunWords.gaveUp(
        attempt, of: of, waited: waited, blockers: blockers, reason: reason, rest: rest)
      return told("! \(words)", .warning, indent: 2)
    case .statement(_, let line, let command, let rows, let milliseconds, let locks, let changes):
      let count = rows.map { ", " + Words.count(Int($0), "row") } ?? ""
      let done = told(
        "line \(line) \(command)\(count), \(Words.duration(milliseconds: milliseconds))", .text,
        indent: 2)
      let gained = locks.flatMap { told("holds \(RunWords.lock($0))", .warning, indent: 4) }
      return done + gained + changes.flatMap { told($0.words, .active, indent: 4) }
    case .finished(let version, _, let direction, let milliseconds, let locks):
      let done = direction == .up ? "applied" : "rolled back"
      let time = Words.duration(milliseconds: milliseconds)
      let isSlow = milliseconds > RunLog.targetMilliseconds
      return told(
        "ok \(version) \(done) in \(time)" + (isSlow ? ", slow: the target is 30 s" : ""),
        isSlow ? .warning : .good)
        + locks.filter { $0.mode.blocksWrites }.flatMap {
          told("held \(RunWords.lock($0))", .text, indent: 2)
        }
    case .failed(let version, _, let diagnostic, let left):
      let words =
        left == .nothing
        ? "nothing of \(version) was kept" : "!! a part of \(version) was done and stands"
      return told("F \(version) failed", .danger) + self.diagnostic(diagnostic)
        + told(words, left == .nothing ? .text : .danger, indent: 2)
    case .diagnostic(let diagnostic): return self.diagnostic(diagnostic)
    case .remark(let text): return told(text, .active)
    }
  }

  private func diagnostic(_ diagnostic: Diagnostic) -> [DocumentLine] {
    let tone: Tone =
      switch diagnostic.severity {
      case .error: .danger
      case .warning: .warning
      case .note: .active
      }
    var what = diagnostic.what
    if let sqlstate = diagnostic.sqlstate { what += " (SQLSTATE \(sqlstate))" }
    var details = diagnostic.details
    if let at = diagnostic.at { details.append(.init("at", at)) }
    if let next = diagnostic.next { details.append(.init("next", next)) }
    var lines = DocumentLine.wrapped(
      "\(diagnostic.severity.rawValue): \(what)", tone, columns: columns, indent: 2)
    for detail in details {
      lines += DocumentLine.wrapped(
        "\(detail.label): \(detail.text)", .text, columns: columns, indent: 4)
    }
    return lines.map { line in
      var line = line
      line.isHeading = true
      return line
    }
  }
}
