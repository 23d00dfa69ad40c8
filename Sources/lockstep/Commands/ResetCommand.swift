/// `lockstep reset`: drop, create, up.
struct ResetCommand: Command {
  let name = "reset"
  let summary = "drop the database, create it, apply everything (asks)"
  let discussion = [
    "Asks as `lockstep drop` does. Everything in the database is lost; a protected environment is "
      + "refused."
  ]
  let examples = [
    CommandExample("lockstep reset -e test --yes", "a fresh test database, in a script")
  ]

  func run(_ arguments: Arguments, in context: CommandContext) async throws -> ExitCode {
    let settings = try context.settings(arguments)
    try context.requireWritable(settings)
    // A folder that cannot be read is told before anything is lost.
    _ = try await context.catalog(settings)
    let database = try DatabaseOfProject(settings, in: context)
    let connection = try await database.connectBeside()
    if try await database.confirmDrop(arguments, connection) {
      try await database.drop(connection)
      context.output.say("dropped database \(database.name)")
    }
    _ = try await database.create()
    context.output.say("created database \(database.name)")
    var rest = arguments
    // Whoever agreed to lose the database has agreed to what its migrations drop.
    rest.add(.flag, to: Options.yes)
    return try await UpCommand().run(rest, in: context)
  }
}
