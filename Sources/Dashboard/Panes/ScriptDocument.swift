import Canvas
import Diagnostics
import MigrationModel
import PostgresModel

/// Writes the tabs of the script pane.
struct ScriptDocument {
  let migration: MigrationStatus
  let reading: MigrationReading?
  let facts: Facts
  /// The columns right of the line numbers.
  let columns: Int

  func lines(_ tab: ScriptPane.Tab, showsDown: Bool) -> [DocumentLine] {
    switch tab {
    case .up: up(showsDown: showsDown)
    case .down: down(heading: false)
    case .effect: effect()
    case .history: history()
    }
  }

  private func note(_ text: String, _ tone: Tone = .dim) -> [DocumentLine] {
    DocumentLine.wrapped(text, tone, columns: columns)
  }

  private func told(_ diagnostic: Diagnostic) -> [DocumentLine] {
    let tone: Tone =
      switch diagnostic.severity {
      case .error: .danger
      case .warning: .warning
      case .note: .active
      }
    var lines = note("\(diagnostic.severity.rawValue): \(diagnostic.what)", tone)
    for detail in diagnostic.details { lines += note("\(detail.label): \(detail.text)", .text) }
    if let at = diagnostic.at { lines += note("at: \(at)", .dim) }
    if let next = diagnostic.next { lines += note("next: \(next)", .text) }
    return lines
  }

  // MARK: - Up and down

  private func up(showsDown: Bool) -> [DocumentLine] {
    var lines = problems()
    if !lines.isEmpty { lines.append(.empty) }
    guard let source = migration.migration else {
      return lines + note("its file is gone; the history has it as \(migration.state.rawValue)")
        + note("look for it with: git log --all -- '*\(migration.version)*'")
    }
    for fault in source.faults { lines += told(fault) }
    for remark in source.notes { lines += told(remark) }
    let parts = reading?.up ?? []
    if parts.isEmpty { lines += note("there is no up script") }
    for part in parts { lines += sql(part, isUp: true) }
    guard showsDown else { return lines }
    return lines + [.empty] + down(heading: true)
  }

  private func down(heading: Bool) -> [DocumentLine] {
    var lines: [DocumentLine] = heading ? [.heading("down")] : []
    guard let source = migration.migration else {
      return lines + note("its file is gone, and the way back with it")
    }
    switch source.down {
    case .scripts(_, let warnings):
      for warning in warnings { lines += note("! " + warning, .warning) }
      for part in reading?.down ?? [] { lines += sql(part, isUp: false) }
      lines += rehearsed()
    case .none(let reason, _):
      lines += note("!! no way back: \(reason)", .danger)
      lines += note("to undo it: write a new migration, or restore a backup")
    case .documented(let text, let diagnostic):
      lines += note("written down, but never run by Lockstep:", .warning)
      lines += told(diagnostic)
      lines += SQLLines(text).lines.map { DocumentLine($0) }
    }
    return lines
  }

  /// What was seen of the way back when it was rehearsed, with exactly these files.
  private func rehearsed() -> [DocumentLine] {
    guard let (record, finding) = facts.checks.rollback(of: migration) else { return [] }
    let place = record.environment.map { " on a copy of \($0)" } ?? " on a copy"
    let words = "rehearsed\(place) \(CheckWords.moment(record.at, now: facts.now))"
    switch finding.verdict {
    case .passed: return note("\(words): schema equal before and after", .good)
    case .failed:
      let seen = finding.evidence.first { $0.weight == .refutes }?.text ?? "it does not lead back"
      return note("! \(words): \(seen)", .danger)
    case .notProven: return note("\(words): not proven", .warning)
    case .notApplicable: return []
    }
  }

  /// The lines of a script, each statement followed by what it would do.
  private func sql(_ part: MigrationReading.Part, isUp: Bool) -> [DocumentLine] {
    let file = part.script.file.path
    var lines: [DocumentLine] = []
    var after: [Int: [DocumentLine]] = [:]
    let ends = lineEnds(of: part)
    for (index, end) in ends.enumerated() {
      let notes = StatementNotes(part, index, migration: migration, facts: facts).lines(columns)
      after[end, default: []] += notes
    }
    for (index, pieces) in SQLLines(part.sql).lines.enumerated() {
      lines.append(
        DocumentLine(number: part.script.fileLine(ofTextLine: index + 1), file: file, pieces))
      lines += after[index] ?? []
    }
    while let last = lines.last, last.number != nil,
      last.pieces.allSatisfy({ $0.text.allSatisfy(\.isWhitespace) })
    {
      lines.removeLast()
    }
    return lines
  }

  /// The line of the script, from 0, on which each statement ends.
  private func lineEnds(of part: MigrationReading.Part) -> [Int] {
    var ends: [Int] = []
    var line = 0
    var offset = 0
    var sql = part.sql
    sql.withUTF8 { bytes in
      for statement in part.statements {
        let end = min(statement.range.upperBound, bytes.count)
        while offset < end {
          if bytes[offset] == UInt8(ascii: "\n") { line += 1 }
          offset += 1
        }
        ends.append(line)
      }
    }
    return ends
  }

  // MARK: - Effect

  private func effect() -> [DocumentLine] {
    guard let reading, migration.migration != nil else { return note("its file is gone") }
    var lines = source().map { line in
      var line = line
      line.isHeading = true
      return line
    }
    for (title, parts) in [("up", reading.up), ("down", reading.down)] where !parts.isEmpty {
      if !lines.isEmpty { lines.append(.empty) }
      lines.append(.heading(title))
      for part in parts {
        for (index, statement) in part.statements.enumerated() {
          var line = DocumentLine([
            DocumentLine.Piece(StatementNotes.summary(of: statement, in: part.sql), .strong)
          ])
          line.number = part.script.fileLine(ofTextLine: statement.line)
          line.file = part.script.file.path
          lines.append(line)
          lines += StatementNotes(part, index, migration: migration, facts: facts).details(columns)
        }
      }
    }
    if reading.down.isEmpty { lines += [.empty, .heading("down")] + down(heading: false) }
    return lines
  }

  /// How far the account can be trusted.
  private func source() -> [DocumentLine] {
    var words =
      "told from the text alone, by rules measured on PostgreSQL \(StatementLocks.measuredOn)"
    if let server = facts.connection.server, server.majorVersion != 15 {
      words += "; this server is \(server.version)"
    }
    return DocumentLine.wrapped(words, .dim, columns: columns + 4)
  }

  // MARK: - History

  private func history() -> [DocumentLine] {
    var lines: [DocumentLine] = []
    func field(_ label: String, _ text: String, _ tone: Tone = .text) {
      let wrapped = TextWidth.wrap(text, to: max(8, columns - 12))
      for (index, part) in wrapped.enumerated() {
        let left = TextWidth.pad(index == 0 ? label : "", to: 12)
        lines.append(DocumentLine([.init(left, .dim), .init(part, tone)]))
      }
    }
    field("version", migration.version.text, .strong)
    field("name", migration.name)
    field("state", facts.picture.knowsStates ? migration.state.rawValue : "not known yet")
    if migration.row != nil || migration.record != nil {
      let when = migration.appliedAt.map { $0.shortText + " UTC" }
      field("applied", when ?? "neither the table nor the journal says when")
      if let by = migration.appliedBy { field("by", by) }
      if let took = migration.appliedMilliseconds {
        field("took", Words.duration(milliseconds: took))
      }
    }
    checksums(field)
    if let source = migration.migration {
      for (index, file) in source.files.enumerated() {
        field(
          index == 0 ? "files" : "", file.path + (file.unreadableReason.map { ": \($0)" } ?? ""))
      }
      for header in source.header { field(header.key.lowercased(), header.value) }
    } else {
      field("files", "none", .danger)
    }
    if let status = facts.picture.status {
      field("layout", status.layout)
      field(
        "table", status.table.description + (status.historyTableExists ? "" : " (not there yet)"))
    }
    lines += runs()
    let problems = problems()
    return problems.isEmpty ? lines : lines + [.empty] + problems
  }

  /// The runs in which it took part, newest first, as far as they were kept.
  private func runs() -> [DocumentLine] {
    guard let archive = facts.archive, let status = facts.picture.status,
      let layout = Layouts.named(status.layout)
    else { return [] }
    let runs = archive.runs(of: migration.version, layout)
    guard !runs.isEmpty else { return [] }
    var lines: [DocumentLine] = [.empty, .heading(Words.count(runs.count, "run"))]
    for (run, step) in runs {
      let time: (Double) -> String = { Words.duration(milliseconds: $0) }
      lines += note(
        "\(step.step.startedAt.shortText) UTC  \(step.outcome(time))",
        tone(of: step.step.outcome))
      for detail in [run.circumstances] + step.details(time) {
        lines += DocumentLine.wrapped(detail, .dim, columns: columns, indent: 2)
      }
    }
    return lines
  }

  private func tone(of outcome: StepRecord.Outcome) -> Tone {
    switch outcome {
    case .failed: .danger
    case .begun: .warning
    case .done, .declined, .marked: .text
    }
  }

  private func checksums(_ field: (String, String, Tone) -> Void) {
    let recorded = migration.row?.checksum
    let found = migration.migration?.checksum
    if let recorded, let found, recorded == found {
      field(
        "checksum", "\(recorded.algorithm.rawValue) \(recorded.hexadecimal), as recorded", .good)
      return
    }
    if let recorded {
      field("recorded", "\(recorded.algorithm.rawValue) \(recorded.hexadecimal)", .text)
    }
    if let found { field("found", "\(found.algorithm.rawValue) \(found.hexadecimal)", .text) }
  }

  // MARK: - Problems

  /// What is wrong with it, each with its way out.
  private func problems() -> [DocumentLine] {
    var lines: [DocumentLine] = []
    for problem in migration.problems { lines += told(migration.diagnostic(of: problem)) }
    return lines
  }
}
