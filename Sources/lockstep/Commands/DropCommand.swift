/// `lockstep drop`: the database itself, with everything in it.
struct DropCommand: Command {
  let name = "drop"
  let summary = "drop the database (asks)"
  let discussion = [
    "Shows what would be lost and asks for the database's name. Without a terminal it needs --yes. A "
      + "protected environment is refused. Sessions that use the database are not ended: the server "
      + "then refuses."
  ]
  let examples = [
    CommandExample("lockstep drop -e test", "asks, then drops the test database"),
    CommandExample("lockstep drop -e test --yes", "in a script"),
  ]

  func run(_ arguments: Arguments, in context: CommandContext) async throws -> ExitCode {
    let settings = try context.settings(arguments)
    try context.requireWritable(settings)
    let database = try DatabaseOfProject(settings, in: context)
    let connection = try await database.connectBeside()
    let exists = try await database.confirmDrop(arguments, connection)
    if exists { try await database.drop(connection) }
    if context.output.isJSON {
      context.output.print(["database": .string(database.name), "dropped": .bool(exists)])
    } else {
      context.output.say(
        exists ? "dropped database \(database.name)" : "there is no database \(database.name)")
    }
    return .done
  }
}
