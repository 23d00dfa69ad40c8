import Diagnostics

/// What was typed is not what Lockstep understands; nothing was done.
enum UsageError: Explainable, Hashable {
  case unknownCommand(String, nearest: String?)
  /// Named in the manual, but not in this version.
  case commandOfLaterVersion(String)
  /// `belongsTo`: commands that do take it.
  case unknownOption(String, command: String?, nearest: String?, belongsTo: [String])
  case missingValue(option: String, placeholder: String)
  case unwantedValue(option: String, value: String)
  case notACount(option: String, value: String)
  case notADuration(option: String, value: String)
  case notAChoice(option: String, value: String, choices: [String], nearest: String?)
  case missingOperand(String, command: String)
  /// With the options that could have been meant.
  case surplusOperand(String, command: String, options: [String] = [])
  case contradiction(String, String)
  /// An option that says nothing without another.
  case needsOption(String, String)
  /// An option that asks questions, where nobody can answer.
  case needsTerminal(String)
  /// An operand that is not understood, and what would be.
  case badOperand(String, command: String, expected: String)

  var diagnostic: Diagnostic {
    switch self {
    case .unknownCommand(let word, let nearest):
      usage(
        "there is no command \"\(word)\"",
        nearest.map { "did you mean `lockstep \($0)`? `lockstep help` lists the commands" }
          ?? "`lockstep help` lists the commands")
    case .commandOfLaterVersion(let word):
      usage(
        "the command \"\(word)\" is not in this version of Lockstep",
        "`lockstep help` lists the commands that are")
    case .unknownOption(let option, let command, let nearest, let owners):
      usage(
        (command.map { "`lockstep \($0)` does not take" } ?? "there is no option") + " \(option)",
        nextForUnknownOption(command: command, nearest: nearest, owners: owners))
    case .missingValue(let option, let placeholder):
      usage("\(option) wants a value", "write \(option) \(placeholder)")
    case .unwantedValue(let option, let value):
      usage("\(option) takes no value, but \"\(value)\" was given", "write \(option) alone")
    case .notACount(let option, let value):
      usage("\(option) wants a whole number of at least 1, not \"\(value)\"", "write \(option) 1")
    case .notADuration(let option, let value):
      usage(
        "\(option) wants a time with its unit, not \"\(value)\"",
        "write it like \(DurationText.example)")
    case .notAChoice(let option, let value, let choices, let nearest):
      usage(
        "\(option) does not know \"\(value)\"",
        (nearest.map { "did you mean \($0)? " } ?? "")
          + "it knows \(choices.joined(separator: ", "))"
      )
    case .missingOperand(let operand, let command):
      usage(
        "`lockstep \(command)` wants \(operand)", "`lockstep help \(command)` shows how it is used")
    case .surplusOperand(let operand, let command, let options):
      usage(
        "`lockstep \(command)` does not know what to do with \"\(operand)\"",
        (options.isEmpty
          ? "" : "did you mean \(options.map { "\($0) \(operand)" }.joined(separator: " or "))? ")
          + "`lockstep help \(command)` shows how it is used")
    case .contradiction(let one, let other):
      usage("\(one) and \(other) cannot be used together", "leave one of them out")
    case .needsOption(let option, let other):
      usage("\(option) says nothing without \(other)", "add \(other), or leave \(option) out")
    case .needsTerminal(let option):
      usage("\(option) asks questions, and standard input is no terminal", "leave it out")
    case .badOperand(let operand, let command, let expected):
      usage(
        "`lockstep \(command)` wants \(expected), not \"\(operand)\"",
        "`lockstep help \(command)` shows how it is used")
    }
  }

  private func usage(_ what: String, _ next: String) -> Diagnostic {
    .error(code: "usage", what, next: next)
  }

  private func nextForUnknownOption(command: String?, nearest: String?, owners: [String]) -> String
  {
    if !owners.isEmpty {
      let names = owners.map { "`lockstep \($0)`" }.joined(separator: ", ")
      return "it belongs to \(names)"
    }
    let help = command.map { "`lockstep help \($0)`" } ?? "`lockstep help`"
    return (nearest.map { "did you mean \($0)? " } ?? "") + "\(help) lists the options"
  }
}
