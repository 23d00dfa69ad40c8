import Diagnostics
import JSON
import MigrationEngine
import MigrationModel
import PostgresModel

/// `lockstep rehearse`: what is pending, run on a scratch copy.
struct RehearseCommand: Command {
  let name = "rehearse"
  let summary = "run pending ones on a scratch copy: up, down, up, and compare the schema"
  let operands = Operands(usage: "[VERSION…]", minimum: 0, maximum: nil, inWords: "versions")
  let options = [Options.statementTimeout]
  let discussion = [
    "Makes a database of its own with the schema and the history of yours, runs what is pending there with "
      + "the engine that would run it, rolls each back and applies it again, and compares the whole "
      + "schema after each step. Yours is only read. The scratch database stands on the same server, or "
      + "on a private one where your role may not make databases, and is dropped however this ends.",
    "The copy has no rows: what depends on data is not proven by it, and is said so.",
  ]
  let examples = [
    CommandExample("lockstep rehearse", "everything that is pending"),
    CommandExample(
      "lockstep rehearse --json", "one object, for a pipeline; status 1 if one failed"),
  ]

  func run(_ arguments: Arguments, in context: CommandContext) async throws -> ExitCode {
    let settings = try context.settings(arguments)
    let output = context.output
    let rehearsal = Rehearsal(
      project: try await context.project(settings), target: settings.target.value,
      options: Runner.Options(
        statementTimeout: arguments.duration(Options.statementTimeout)
          ?? settings.rules.statementTimeout),
      loop: context.loop)
    let report: RehearsalReport
    do {
      report = try await rehearsal.run(arguments.operands.map { Version($0) }) { progress in
        guard !output.isJSON else { return }
        switch progress {
        case .copying: output.say("copying the schema")
        case .running(let version, let name, let words): output.say("\(version)_\(name): \(words)")
        case .copied, .event: break
        }
      }
    } catch let refusal as Refusal where refusal.diagnostic == Rehearsal.nothingPending {
      if output.isJSON {
        output.print(["scratch": nil, "mode": nil, "migrations": []])
      } else {
        output.say("nothing to rehearse")
      }
      return .done
    }
    if output.isJSON {
      output.print(report.json)
    } else {
      output.print(lines: report.lines)
    }
    return report.hasPassed ? .done : .failed
  }
}

extension RehearsalReport {
  // MARK: For people

  fileprivate var lines: [[Output.Span]] {
    var lines: [[Output.Span]] = [
      [.init("rehearsed on PostgreSQL \(scratch.serverVersion): \(scratch.mode.words)")], [],
    ]
    for migration in migrations { lines += migration.lines }
    if let batch {
      let words =
        batch.runs == false
        ? "rolling all of them back in reverse fails"
        : batch.restoresSchema == true
          ? "all of them rolled back in reverse: the schema is as before"
          : "all of them rolled back in reverse: the schema is not as before"
      lines += [[], [.init(words, batch.hasFailed ? .bad : .good)]]
      lines += (batch.differences ?? []).lines
    }
    lines.append([])
    lines += scratch.mode.limits.map { [.init("not proven: \($0)", .faint)] }
    return lines
  }
}

extension RehearsedMigration {
  fileprivate var lines: [[Output.Span]] {
    let tone: Output.Ink =
      switch verdict {
      case .passed: .good
      case .noWayBack, .notRun: .waiting
      case .failed: .bad
      }
    var lines: [[Output.Span]] = [
      [.init(version.text, .strong), .init(" \(name)  "), .init(words, tone)]
    ]
    lines += changes.lines
    if let differences = rollBack.differences, !differences.isEmpty {
      lines.append([.init("  after rolling back it is not as before:")])
      lines += differences.lines
    }
    if let error {
      for text in error.description.split(separator: "\n") {
        lines.append([.init("  \(text)", .bad)])
      }
    }
    return lines
  }

  private var words: String {
    switch verdict {
    case .notRun: return "not run: one before it failed"
    case .noWayBack: return "applies; there is no way back"
    case .passed:
      let isExact = rollBack.differences?.isEmpty == true
      return isExact
        ? "applies, rolls back exactly, applies again"
        : "applies, rolls back but for the places of columns, applies again"
    case .failed:
      if applies == false { return "does not apply" }
      if rollBack.runs == false { return "applies, but cannot be rolled back" }
      if rollBack.restoresSchema == false { return "rolling back does not restore the schema" }
      return "cannot be applied again after rolling back"
    }
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
    return compactMap { change in
      guard change.action != .changed else { return change.line }
      if tables.contains(owner(change)) { return nil }
      var line = change.line
      let count = change.kind == "table" ? counts["\(change.action) \(change.object)"] ?? 0 : 0
      if count > 0 {
        line.insert(.init(" with \(counted(count, "part"))", .faint), at: 1)
      }
      return line
    }
  }
}

extension SchemaDiff.Change {
  fileprivate var line: [Output.Span] {
    var spans: [Output.Span] = [.init("  \(sign) \(kind) \(object)")]
    if !property.isEmpty {
      spans.append(
        .init("  \(property): \(Self.short(before)) -> \(Self.short(after))", .faint))
    }
    if let victims { spans.append(.init("  may break \(victims)", .waiting)) }
    return spans
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
