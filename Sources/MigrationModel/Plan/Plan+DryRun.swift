import PostgresModel

extension Plan {
  /// The exact SQL of all steps in order, as it would be sent, with comments that say what is what.
  ///
  /// -1 stands where a tool records how long the migration took.
  public var dryRunText: String {
    steps.map(\.dryRunText).joined(separator: "\n")
  }
}

extension PlanStep {
  /// The exact SQL of the step, as it would be sent.
  public var dryRunText: String {
    var text = "-- \(direction.rawValue) \(label)\n"
    for warning in warnings { text += "-- \(warning)\n" }
    if units.isEmpty {
      text += "-- only the history is written\n" + lines(write.record)
    }
    if let takenUp = takenUpText {
      return text + takenUp + lines(write.mark.isEmpty ? write.record : write.recordAfterMark)
        + lines(write.afterwards)
    }
    let isMarked = units.contains { !$0.form.isInTransaction }
    if isMarked { text += lines(write.mark) }
    for (index, unit) in units.enumerated() {
      let record = index == units.count - 1 ? isMarked ? write.recordAfterMark : write.record : []
      text += unit.dryRunText(record: lines(record))
    }
    if !units.isEmpty { text += lines(write.afterwards) }
    return text
  }

  /// What is sent of a step that takes up a run that broke off; `nil` for one that begins at the
  /// beginning.
  public var takenUpText: String? {
    guard let resumption else { return nil }
    var left = units.flatMap { unit in
      unit.statements.indices.map { unit.text(of: $0) }
    }.dropFirst(resumption.done)
    if let substitute = resumption.substitute {
      left = left.dropFirst()
      left = [substitute] + left
    }
    return (resumption.cleanUp + resumption.settings + left).map { $0 + ";\n" }.joined()
  }

  private static func replacing(_ mark: String, by text: String, in sql: String) -> String {
    var result: [UInt8] = []
    var rest = Substring(sql).utf8
    while let first = rest.first {
      if rest.starts(with: mark.utf8) {
        result += Array(text.utf8)
        rest = rest.dropFirst(mark.utf8.count)
      } else {
        result.append(first)
        rest = rest.dropFirst()
      }
    }
    return String(decoding: result, as: UTF8.self)
  }

  private func lines(_ statements: [String]) -> String {
    statements.map { Self.replacing("$elapsed", by: "-1", in: $0) + ";\n" }.joined()
  }
}

extension RunUnit {
  fileprivate func dryRunText(record written: String) -> String {
    let head = "-- \(script.file.path)"
    switch form {
    case .transaction: return "\(head), in a transaction\nBEGIN;\n\(endedText)\(written)COMMIT;\n"
    case .ownTransaction(let commit):
      let text = endedText.utf8
      let before = String(decoding: text.prefix(commit), as: UTF8.self)
      let after = String(decoding: text.dropFirst(commit), as: UTF8.self)
      return "\(head), in the file's own transaction\n\(before)\(written)\(after)"
    case .outside(let reason):
      return "\(head), outside a transaction: \(reason)\n\(endedText)\(written)"
    case .statementByStatement(let reason):
      return "\(head), statement by statement: \(reason)\n\(endedText)\(written)"
    }
  }

  /// The text with a semicolon behind its last statement and a line break at its end.
  private var endedText: String {
    guard let last = statements.last else { return Self.withLineBreak(sql) }
    let rest = sql.utf8.dropFirst(last.range.upperBound)
    guard rest.first != UInt8(ascii: ";"), !last.isPsqlCommand else {
      return Self.withLineBreak(sql)
    }
    let before = String(decoding: sql.utf8.prefix(last.range.upperBound), as: UTF8.self)
    return Self.withLineBreak("\(before);\(String(decoding: rest, as: UTF8.self))")
  }

  private static func withLineBreak(_ text: String) -> String {
    text.isEmpty || text.hasSuffix("\n") ? text : text + "\n"
  }
}

extension RunUnit.Form {
  /// Whether the history row is written in the same transaction.
  public var isInTransaction: Bool {
    switch self {
    case .transaction, .ownTransaction: true
    case .outside, .statementByStatement: false
    }
  }
}

extension Statement {
  fileprivate var isPsqlCommand: Bool { if case .psqlCommand = role { true } else { false } }
}
