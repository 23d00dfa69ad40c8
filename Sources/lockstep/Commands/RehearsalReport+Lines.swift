import Canvas
import Diagnostics
import MigrationModel
import PostgresModel

/// Lines of a report are no longer than this, as far as their words allow.
private let width = 80

extension RehearsalReport {
  /// As `rehearse` tells it to people.
  var lines: [[Output.Span]] {
    let version = scratch.serverVersion.prefix { $0 != " " }
    var lines = wrapped("rehearsed on PostgreSQL \(version): \(scratch.mode.words)")
    if let sample = scratch.sample { lines.append([.init(sample, .faint)]) }
    for note in scratch.notes { lines += wrapped(note, .faint) }
    lines.append([])
    for (index, migration) in migrations.enumerated() {
      lines += migration.lines(in: scratch.mode)
      // A row of those whose turn never came is no reason to scroll.
      let next = migrations.dropFirst(index + 1).first
      if migration.verdict != .notRun || next?.verdict != .notRun { lines.append([]) }
    }
    if let batch {
      let words =
        batch.runs == false
        ? "rolling all of them back in reverse fails"
        : batch.restoresSchema == true
          ? "all of them rolled back in reverse: the schema is as before"
          : "all of them rolled back in reverse: the schema is not as before"
      lines.append([.init(words, batch.hasFailed ? .bad : .good)])
      lines += (batch.differences ?? []).lines + [[]]
    }
    lines += wrapped("proves: \(scratch.mode.proves)", .faint)
    for limit in scratch.mode.limits { lines += wrapped("not proven: \(limit)", .faint) }
    if migrations.count > 1 {
      let hasFailed = migrations.contains { $0.verdict == .failed }
      lines += [[], [.init(summary, hasFailed ? .bad : .plain)]]
    }
    return lines
  }

  /// `3 migrations: 1 passed, 1 failed, 1 not run`: the end of what may be many screens.
  private var summary: String {
    let words: [(RehearsedMigration.Verdict, String)] = [
      (.passed, "passed"), (.noWayBack, "without a way back"), (.failed, "failed"),
      (.notRun, "not run"),
    ]
    let parts = words.compactMap { verdict, text in
      let count = migrations.count { $0.verdict == verdict }
      return count == 0 ? nil : "\(count) \(text)"
    }
    return "\(migrations.count) migrations: \(parts.joined(separator: ", "))"
  }
}

extension RehearsedMigration {
  fileprivate func lines(in mode: RehearsalReport.Mode) -> [[Output.Span]] {
    let tone: Output.Ink =
      switch verdict {
      case .passed: losesRows ? .waiting : .good
      case .noWayBack, .notRun: .waiting
      case .failed: .bad
      }
    var lines: [[Output.Span]] = [[.init(version.text, .strong), .init(" \(name)")]]
    if TextWidth.of("\(version.text) \(name)  \(words)") <= width {
      lines[0] += [.init("  "), .init(words, tone)]
    } else {
      lines += wrapped(words, tone, indent: 2)
    }
    if let words = wordsOfRollingBackFirst { lines += wrapped(words, .faint, indent: 2) }
    for statement in statements where statement.evidence != nil {
      lines += statement.lines(in: mode)
    }
    lines += changes.lines
    let back = rollBack.statements.filter { $0.evidence != nil }
    if !back.isEmpty {
      lines.append([.init("  the way back:")])
      lines += back.flatMap { $0.lines(in: mode) }
    }
    if let differences = rollBack.differences, !differences.isEmpty {
      lines.append([.init("  after rolling back it is not as before:")])
      lines += differences.lines
    }
    for loss in rollBack.lostData ?? [] {
      lines += wrapped(
        "rolling back: \(loss.words)", loss.written == .before ? .waiting : .faint, indent: 2)
    }
    lines += tried
    for trial in trials ?? [] where trial.proof == .rollback && trial.outcome != .proven {
      guard trial.outcome == .notProven || rollBack.lostData?.isEmpty != false else { continue }
      let reason = trial.evidence.first.map { ": \($0.text)" } ?? ""
      lines += wrapped(
        "\(trial.subject): \(trial.outcome.words)\(reason)",
        trial.outcome == .refuted ? .bad : .faint, indent: 2)
    }
    lines += (brokenOff ?? []).flatMap(\.lines)
    lines += (contention ?? []).flatMap(\.lines)
    for reason in beyondRehearsal {
      lines += wrapped("not rehearsed: \(reason)", .faint, indent: 2)
    }
    if let error {
      for text in error.description.split(separator: "\n" as Character) {
        lines.append([.init("  \(text)", .bad)])
      }
    }
    return lines
  }
}

extension RehearsedStatement {
  /// Its text on a line, and under it what it did.
  fileprivate func lines(in mode: RehearsalReport.Mode) -> [[Output.Span]] {
    guard let evidence else { return [] }
    let number = "\(line)"
    let margin = String(repeating: " ", count: max(0, 5 - number.count)) + number + "  "
    // The time of a small copy would be taken for that of the target.
    let time = mode == .clone ? durationMilliseconds.map { "  \(timeText($0))" } ?? "" : ""
    let text = sql.split { $0.isWhitespace }.joined(separator: " ")
    let room = width - margin.count - time.count
    let shown = TextWidth.of(text) <= room ? text : TextWidth.clip(text, to: room)
    var lines: [[Output.Span]] = [[.init(margin, .faint), .init(shown), .init(time, .faint)]]
    func add(_ words: String, _ ink: Output.Ink) {
      lines += wrapped(words, ink, indent: margin.count)
    }
    let suffix = evidence.source == .sampled ? " (sampled)" : ""
    let locks = evidence.locks.strongest.filter { !$0.isOnIndex && $0.mode > .rowExclusive }
    for mode in Set(locks.map(\.mode)).sorted(by: >) {
      let names = locks.filter { $0.mode == mode }.map(\.relation.description)
      add(
        "\(mode.sqlName) on \(names.joined(separator: ", "))\(suffix)",
        mode.blocksReads ? .waiting : .plain)
    }
    if let names = listed(evidence.rewrites) { add("writes \(names) anew", .waiting) }
    if let names = listed(evidence.scans) { add("reads every row of \(names)", .plain) }
    if mode.hasRows, let buffers = evidence.buffers, buffers.hit + buffers.read > 0 {
      add("blocks: \(buffers.hit) found in memory, \(buffers.read) read\(suffix)", .faint)
    }
    if let bytes = evidence.temporaryBytes, bytes > 0 {
      add("writes \((bytes + 1023) / 1024) kB into temporary files", .plain)
    }
    for object in evidence.dropped ?? [] where object.isCascaded {
      add("drops \(object.kind) \(object.identity) by cascade", .waiting)
    }
    for notice in evidence.notices.prefix(3) { add(notice, .faint) }
    if evidence.notices.count > 3 { add("and \(evidence.notices.count - 3) more notices", .faint) }
    for difference in forecastDiffers { add(difference, .waiting) }
    return lines
  }

  private func listed(_ names: [QualifiedName]?) -> String? {
    guard let names, !names.isEmpty else { return nil }
    return names.map(\.description).joined(separator: ", ")
  }
}

extension BrokenOffTrial {
  fileprivate var lines: [[Output.Span]] {
    let place = "broken off at line \(line)"
    switch outcome {
    case .converges:
      return wrapped(
        "\(place) and taken up again: the same schema, no invalid index", .good, indent: 2)
    case .differs(let words):
      return wrapped("\(place) and taken up again: \(words)", .bad, indent: 2)
    case .stuck(let words):
      return wrapped("\(place), it cannot be taken up again: \(words)", .bad, indent: 2)
    case .notTried(let words): return wrapped("\(place): not tried: \(words)", .faint, indent: 2)
    }
  }
}

extension ContentionRun {
  fileprivate var lines: [[Output.Span]] {
    let how =
      budget.timeout.map { "with \(timeText($0 / .milliseconds(1))) for a lock" }
      ?? "without a lock budget"
    var words = "others at work, \(how): "
    if let worst = stalls.max(by: { $0.longest < $1.longest }) {
      words += "a reader of \(worst.table) waits up to \(timeText(worst.reader)), a writer"
      words += " \(timeText(worst.writer)), an idler \(timeText(worst.idler))"
    }
    if steppedAside > 0 { words += "; stepped aside \(counted(steppedAside, "time"))" }
    if !hasApplied { words += "; not applied" }
    var lines = wrapped(words, hasApplied ? .plain : .bad, indent: 2)
    for stall in stalls {
      guard case .nothing(let reason) = stall.writing else { continue }
      lines += wrapped(
        "no row of \(stall.table) could be written, its writer took the lock alone: \(reason)",
        .faint, indent: 4)
    }
    return lines
  }
}

private func timeText(_ milliseconds: Double) -> String {
  if milliseconds >= 1000 { return "\((milliseconds / 100).rounded() / 10) s" }
  if milliseconds >= 10 { return "\(Int(milliseconds.rounded())) ms" }
  return "\((milliseconds * 10).rounded() / 10) ms"
}

/// Words on as many lines as they need; those after the first are set in by two more.
private func wrapped(
  _ words: String, _ ink: Output.Ink = .plain, indent: Int = 0
) -> [[Output.Span]] {
  var lines: [[Output.Span]] = []
  var line = String(repeating: " ", count: indent)
  var isEmpty = true
  for word in words.split(whereSeparator: \.isWhitespace) {
    if !isEmpty, TextWidth.of(line) + 1 + TextWidth.of(word) > width {
      lines.append([.init(line, ink)])
      line = String(repeating: " ", count: indent + 2)
      isEmpty = true
    }
    line += (isEmpty ? "" : " ") + word
    isEmpty = false
  }
  return lines + [[.init(line, ink)]]
}

extension RehearsedMigration {
  /// How many of the things that it promises were proven on the copy, and each that was not.
  fileprivate var tried: [[Output.Span]] {
    let trials = (trials ?? []).filter { $0.proof != .rollback }
    guard !trials.isEmpty else { return [] }
    let proven = trials.count { $0.outcome == .proven }
    let isWhole = proven == trials.count
    var lines = [
      [
        Output.Span(
          "  proven on the copy: \(proven) of \(trials.count)", isWhole ? .good : .waiting)
      ]
    ]
    for trial in trials where trial.outcome != .proven {
      let reason = trial.evidence.first { $0.weight == .refutes || $0.weight == .unclear }
      lines += wrapped(
        "\(trial.subject): \(trial.outcome.words)\(reason.map { ": \($0.text)" } ?? "")",
        trial.outcome == .refuted ? .bad : .waiting, indent: 4)
    }
    return lines
  }
}

extension [SchemaDiff.Change] {
  /// What belongs to a table that came or went is counted in the line of the table.
  var lines: [[Output.Span]] {
    let tables = Set(
      filter { $0.kind == "table" && $0.action != .changed }.map { "\($0.action) \($0.object)" })
    func owner(_ change: SchemaDiff.Change) -> String {
      "\(change.action) \(change.after ?? change.before ?? "")"
    }
    var counts: [String: Int] = [:]
    for change in self where change.action != .changed { counts[owner(change), default: 0] += 1 }
    return flatMap { change -> [[Output.Span]] in
      guard change.action != .changed else { return change.lines }
      if tables.contains(owner(change)) { return [] }
      var lines = change.lines
      let count = change.kind == "table" ? counts["\(change.action) \(change.object)"] ?? 0 : 0
      if count > 0 {
        lines[0].insert(.init(" with \(counted(count, "part"))", .faint), at: 1)
      }
      return lines
    }
  }
}

extension SchemaDiff.Change {
  /// On one line, or on more where that would be too long.
  fileprivate var lines: [[Output.Span]] {
    let head = Output.Span("  \(sign) \(kind) \(object)")
    var rest: [Output.Span] = []
    if !property.isEmpty {
      rest.append(.init("  \(property): \(Self.short(before)) -> \(Self.short(after))", .faint))
    }
    if let victims { rest.append(.init("  may break \(victims)", .waiting)) }
    let whole = ([head] + rest).map(\.text).joined()
    guard TextWidth.of(whole) > width else { return [[head] + rest] }
    return [[head]] + rest.flatMap { wrapped($0.text, $0.ink, indent: 4) }
  }

  private var sign: String {
    switch action {
    case .added: "+"
    case .dropped: "-"
    case .changed: "~"
    }
  }

  private var victims: String? {
    switch (breaks.contains(.readers), breaks.contains(.writers)) {
    case (true, true): "readers and writers"
    case (true, false): "readers"
    case (false, true): "writers"
    case (false, false): nil
    }
  }

  /// On one line, and not longer than it.
  private static func short(_ value: String?) -> String {
    guard let value else { return "none" }
    let words = value.split { $0.isWhitespace }.joined(separator: " ")
    return words.count > 60 ? words.prefix(59) + "…" : words
  }
}
