import Diagnostics

/// What the words on the command line ask for.
enum Invocation {
  case version
  /// The help of a command, or of the whole program.
  case help((any Command)?)
  case command(any Command, Arguments)
  /// No command: the dashboard, or the status where there is no terminal.
  case bare(Arguments)
}

/// Reads the words of the command line against the registry of commands.
///
/// Options may stand before, behind and between operands; `--` ends them. `--name=value` and
/// `--name value` mean the same, `-abc` is `-a -b -c`, and the last letter of such a group may take a
/// value: `-uURL`, `-u URL`.
struct ArgumentParser {
  var commands: [any Command] = Commands.all

  /// Reads all words after the program's name.
  func parse(_ words: [String]) throws(UsageError) -> Invocation {
    let commandIndex = indexOfCommand(in: words)
    let command = try commandIndex.map { (index) throws(UsageError) in try named(words[index]) }
    var rest = words
    if let commandIndex { rest.remove(at: commandIndex) }
    let options = Options.global + (command?.options ?? Options.bare)
    let arguments = try read(rest, options: options, command: command)
    if arguments.has(Options.help) { return .help(command) }
    guard let command else {
      return arguments.has(Options.version) ? .version : .bare(arguments)
    }
    try check(arguments.operands, of: command)
    return .command(command, arguments)
  }

  /// Returns the command with this name or alias.
  ///
  /// - Throws: `unknownCommand` or `commandOfLaterVersion`.
  func named(_ word: String) throws(UsageError) -> any Command {
    if let command = commands.first(where: { $0.name == word || $0.aliases.contains(word) }) {
      return command
    }
    if Commands.later.contains(word) { throw .commandOfLaterVersion(word) }
    let known = commands.map(\.name) + commands.flatMap(\.aliases)
    throw .unknownCommand(word, nearest: nearest(to: word, among: known))
  }

  // The command is the first word that is neither an option nor an option's value; every name of an
  // option means the same in all commands, so that this can be told before the command is known.
  private func indexOfCommand(in words: [String]) -> Int? {
    let options = Options.global + [Options.version] + commands.flatMap(\.options)
    var index = 0
    while index < words.count {
      let word = words[index]
      if word == "--" { return nil }
      guard word.hasPrefix("-"), word != "-" else { return index }
      index += takesNextWord(word, options) ? 2 : 1
    }
    return nil
  }

  private func takesNextWord(_ word: String, _ options: [CommandOption]) -> Bool {
    if word.hasPrefix("--") {
      return options.contains { $0.spelling == word && $0.kind != .flag }
    }
    // In a group of letters only the last one can take the next word.
    for (offset, letter) in word.dropFirst().enumerated() {
      guard let option = options.first(where: { $0.short == letter }) else { return false }
      if option.kind != .flag { return offset == word.count - 2 }
    }
    return false
  }

  private func read(
    _ words: [String], options: [CommandOption], command: (any Command)?
  ) throws(UsageError) -> Arguments {
    var arguments = Arguments()
    var rest = words[...]
    while let word = rest.popFirst() {
      if word == "--" {
        for operand in rest { arguments.add(operand: operand) }
        break
      } else if word.hasPrefix("--") {
        try readLong(word, &rest, options, command, into: &arguments)
      } else if word.hasPrefix("-"), word != "-" {
        try readGroup(word, &rest, options, command, into: &arguments)
      } else {
        arguments.add(operand: word)
      }
    }
    return arguments
  }

  private func readLong(
    _ word: String, _ rest: inout ArraySlice<String>, _ options: [CommandOption],
    _ command: (any Command)?, into arguments: inout Arguments
  ) throws(UsageError) {
    let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let name = String(parts[0])
    guard let option = options.first(where: { $0.spelling == name }) else {
      throw unknown(name, options, command)
    }
    if case .flag = option.kind {
      if parts.count == 2 { throw .unwantedValue(option: name, value: String(parts[1])) }
      return arguments.add(.flag, to: option)
    }
    let text = parts.count == 2 ? String(parts[1]) : takeValue(&rest)
    arguments.add(try value(text, of: option, as: name), to: option)
  }

  private func readGroup(
    _ word: String, _ rest: inout ArraySlice<String>, _ options: [CommandOption],
    _ command: (any Command)?, into arguments: inout Arguments
  ) throws(UsageError) {
    var letters = word.dropFirst()
    while let letter = letters.popFirst() {
      guard let option = options.first(where: { $0.short == letter }) else {
        throw unknown("-\(letter)", options, command)
      }
      if case .flag = option.kind {
        arguments.add(.flag, to: option)
        continue
      }
      if letters.first == "=" { letters.removeFirst() }
      let text = letters.isEmpty ? takeValue(&rest) : String(letters)
      return arguments.add(try value(text, of: option, as: "-\(letter)"), to: option)
    }
  }

  // What looks like an option is not taken for a value: its own value was forgotten.
  private func takeValue(_ rest: inout ArraySlice<String>) -> String? {
    guard let next = rest.first, !next.hasPrefix("--") else { return nil }
    return rest.popFirst()
  }

  private func value(
    _ text: String?, of option: CommandOption, as spelling: String
  ) throws(UsageError) -> OptionValue {
    guard let text, !text.isEmpty else {
      throw .missingValue(option: spelling, placeholder: option.placeholder ?? "")
    }
    switch option.kind {
    case .flag, .text: return .text(text)
    case .count:
      guard let number = Int(text), number >= 1 else {
        throw .notACount(option: spelling, value: text)
      }
      return .count(number)
    case .duration:
      guard let duration = DurationText.parse(text) else {
        throw .notADuration(option: spelling, value: text)
      }
      return .duration(duration)
    case .choice(_, let choices):
      guard choices.contains(text) else {
        throw .notAChoice(
          option: spelling, value: text, choices: choices,
          nearest: nearest(to: text, among: choices))
      }
      return .text(text)
    }
  }

  private func unknown(
    _ spelling: String, _ options: [CommandOption], _ command: (any Command)?
  ) -> UsageError {
    let owners = commands.filter { command in
      command.options.contains { $0.spelling == spelling || "-\($0.short ?? " ")" == spelling }
    }
    let known = options.map(\.spelling)
    return .unknownOption(
      spelling, command: command?.name,
      nearest: spelling.hasPrefix("--") ? nearest(to: spelling, among: known) : nil,
      belongsTo: owners.map(\.name))
  }

  private func check(_ operands: [String], of command: any Command) throws(UsageError) {
    let wanted = command.operands
    if operands.count < wanted.minimum {
      throw .missingOperand(wanted.inWords, command: command.name)
    }
    if let maximum = wanted.maximum, operands.count > maximum {
      // As other tools take a version, or how many.
      let meant = [Options.to, Options.count].map(\.spelling)
      let isCount = Int(operands[maximum]) != nil
      throw .surplusOperand(
        operands[maximum], command: command.name,
        options: command.options.map(\.spelling).filter {
          meant.contains($0) && (isCount || $0 != Options.count.spelling)
        })
    }
  }
}
