/// `lockstep help`: what there is and how it is used.
struct HelpCommand: Command {
  let name = "help"
  let summary = "what there is, and how a command is used"
  let operands = Operands(
    usage: "[COMMAND]", minimum: 0, maximum: 1, inWords: "at most one command")
  let discussion = ["Shows the list of commands, or all about one of them."]
  let examples = [CommandExample("lockstep help up", "how to apply migrations")]

  func run(_ arguments: Arguments, in context: CommandContext) async throws -> ExitCode {
    let command = try arguments.operands.first.map { (word) throws(UsageError) in
      try ArgumentParser().named(word)
    }
    context.output.print(command.map { HelpText.of($0) } ?? HelpText.overview())
    return .done
  }
}
