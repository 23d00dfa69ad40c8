import Diagnostics
import PostgresModel

/// Decides how one script is run, and what keeps it from being run at all.
struct ScriptPlanning {
  private(set) var unit: RunUnit
  private(set) var refusals: [Diagnostic] = []
  private(set) var warnings: [Diagnostic] = []
  /// What is destroyed, each thing once.
  private(set) var losses: [String] = []

  private let label: String
  private let rules: LayoutRules

  /// - Parameters:
  ///   - label: The migration as messages name it.
  ///   - known: A unit whose statements serve again where its script is the same.
  init(_ script: Script, label: String, rules: LayoutRules, like known: RunUnit? = nil) {
    self.label = label
    self.rules = rules
    let known = known?.script == script ? known : nil
    var sql = script.text
    unit = RunUnit(script: script, statements: [], form: .transaction)
    sql.withUTF8 { read($0, known?.statements) }
  }

  private mutating func read(_ bytes: UnsafeBufferPointer<UInt8>, _ known: [Statement]?) {
    unit.statements = known ?? SQLScript.statements(in: bytes)
    for statement in unit.statements { refuseUnsupported(statement) }
    let control = TransactionControl(unit.statements, bytes)
    refuse(control)
    unit.form = form(control, bytes)
    for statement in unit.statements {
      for loss in statement.dataLosses(in: bytes) where !losses.contains(loss) {
        losses.append(loss)
      }
    }
  }

  private func location(_ statement: Statement) -> SourceLocation {
    unit.script.location(ofTextByte: statement.range.lowerBound)
  }

  private func line(_ statement: Statement) -> Int {
    unit.script.fileLine(ofTextLine: statement.line)
  }

  // MARK: What cannot be run

  private mutating func refuseUnsupported(_ statement: Statement) {
    switch statement.role {
    case .psqlCommand(let command):
      refusals.append(
        .error(
          code: "unsupported", "\(label) holds \(command), a command of psql that no server knows",
          at: location(statement),
          next: "write what it does as SQL, or run the file with psql; nothing was run"))
    case .copyFromStandardInput:
      refusals.append(
        .error(
          code: "unsupported", "\(label) holds COPY FROM STDIN, whose data a migration cannot send",
          at: location(statement),
          next: "write the rows as INSERT, or COPY them from a file of the server; nothing was run")
      )
    case .twoPhase:
      refusals.append(
        .error(
          code: "unsupported",
          "\(label) holds \(statement.command), which takes its transaction away from the history row",
          at: location(statement), next: "end the transaction with COMMIT; nothing was run"))
    default: break
    }
  }

  private mutating func refuse(_ control: TransactionControl) {
    if let begin = control.leftOpen {
      refusals.append(
        .error(
          code: "transaction_left_open", "\(label) leaves the transaction open that it begins",
          at: location(unit.statements[begin]),
          next:
            "end it with COMMIT, or leave out the \(unit.statements[begin].command): Lockstep opens "
            + "one by itself; nothing was run"))
    }
    for index in control.forbidden {
      guard case .notInTransaction(let words) = unit.statements[index].role else { continue }
      refusals.append(
        .error(
          code: "not_in_transaction",
          "\(label) has \(words) inside a transaction of its own, which PostgreSQL refuses",
          at: location(unit.statements[index]),
          next: "move it behind the COMMIT, or into a migration of its own; nothing was run"))
    }
  }

  // MARK: The form

  private mutating func form(
    _ control: TransactionControl, _ bytes: UnsafeBufferPointer<UInt8>
  ) -> RunUnit.Form {
    if let commit = control.wholeScript {
      return .ownTransaction(commit: unit.statements[commit].range.lowerBound)
    }
    if let first = control.first {
      let statement = unit.statements[first]
      return .statementByStatement(
        reason: "the file has \(statement.command) of its own (line \(line(statement)))")
    }
    let forbidden = unit.statements.first {
      if case .notInTransaction = $0.role { true } else { false }
    }
    if let forbidden, case .notInTransaction(let words) = forbidden.role {
      return formOutside(for: forbidden, words, at: line(forbidden))
    }
    for statement in unit.statements {
      guard let line = statement.lineOfTransactionControlInside(bytes) else { continue }
      return formOutside(
        for: statement, "a DO block that commits", at: unit.script.fileLine(ofTextLine: line))
    }
    if let (added, use) = usedEnumValue(bytes) { return formForEnumValue(added, use) }
    if let asked = unit.script.noTransaction {
      return .outside(reason: "the file asks for it (line \(asked.line ?? 1))")
    }
    return .transaction
  }

  private mutating func formOutside(
    for statement: Statement, _ words: String, at line: Int
  ) -> RunUnit.Form {
    let reason = "\(words) cannot run in a transaction (line \(line))"
    let isAlone = unit.statements.count == 1
    if let tool = rules.tool {
      if !isAlone {
        warnings.append(
          .warning(
            code: "tool_would_fail",
            "\(tool) sends \(label) as one message, in which \(words) fails beside other statements; "
              + "Lockstep runs it statement by statement",
            at: location(statement), next: "give \(words) a migration of its own"))
      } else if rules.transaction == .perScript, unit.script.noTransaction == nil {
        warnings.append(
          .warning(
            code: "tool_would_fail",
            "\(tool) runs \(label) in a transaction, in which \(words) fails; Lockstep runs it outside",
            at: location(statement),
            next: rules.noTransactionMark.map { "write \($0), so that \(tool) can run it as well" })
        )
      }
    }
    return isAlone ? .outside(reason: reason) : .statementByStatement(reason: reason)
  }

  /// The first `ALTER TYPE … ADD VALUE` whose value a later statement of the script names; a type that
  /// the script itself made before may be used at once.
  private func usedEnumValue(
    _ bytes: UnsafeBufferPointer<UInt8>
  ) -> (added: Statement, use: Statement)? {
    for (index, statement) in unit.statements.enumerated() {
      guard let value = statement.addedEnumValue(in: bytes),
        !unit.statements[..<index].contains(where: { $0.command == "CREATE TYPE" })
      else { continue }
      let use = unit.statements[(index + 1)...].first {
        $0.role != .visibleAfterCommit && $0.mentions(quoted: value, in: bytes)
      }
      if let use { return (statement, use) }
    }
    return nil
  }

  private mutating func formForEnumValue(_ added: Statement, _ use: Statement) -> RunUnit.Form {
    warnings.append(
      .warning(
        code: "enum_value_used",
        "\(label) adds a value to a type and uses it on line \(line(use)), which PostgreSQL allows only "
          + "after a commit; Lockstep runs it statement by statement",
        at: location(added), next: "add the value in a migration of its own"))
    return .statementByStatement(
      reason: "the value that ALTER TYPE adds is used at once (line \(line(use)))")
  }
}

/// What the statements of a script do to transactions, followed from the first to the last.
private struct TransactionControl {
  /// The first statement that begins or ends a transaction.
  private(set) var first: Int?
  /// The last statement, where the script is one transaction from its first statement to it.
  private(set) var wholeScript: Int?
  /// The statement that begins what the script does not end.
  private(set) var leftOpen: Int?
  /// Statements inside a transaction that may not be in one.
  private(set) var forbidden: [Int] = []

  init(_ statements: [Statement], _ bytes: UnsafeBufferPointer<UInt8>) {
    var controls = 0
    for (index, statement) in statements.enumerated() {
      switch statement.role {
      case .begin:
        controls += 1
        leftOpen = leftOpen ?? index
      case .commit, .rollback:
        controls += 1
        leftOpen = Self.chains(statement, bytes) ? index : nil
      case .notInTransaction where leftOpen != nil: forbidden.append(index)
      default: continue
      }
      if first == nil, statement.role.isTransactionControl { first = index }
    }
    if controls == 2, let last = statements.indices.last, leftOpen == nil,
      statements[0].role == .begin, statements[last].role == .commit
    {
      wholeScript = last
    }
  }

  /// Whether `COMMIT AND CHAIN` begins the next transaction at once.
  private static func chains(
    _ statement: Statement, _ bytes: UnsafeBufferPointer<UInt8>
  ) -> Bool {
    let words = String(decoding: bytes[statement.range], as: UTF8.self).lowercased()
      .split(whereSeparator: \.isWhitespace)
    return words.last == "chain" && !words.contains("no")
  }
}

extension Statement.Role {
  fileprivate var isTransactionControl: Bool {
    switch self {
    case .begin, .commit, .rollback: true
    default: false
    }
  }
}
