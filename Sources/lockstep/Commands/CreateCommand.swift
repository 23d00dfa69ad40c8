/// `lockstep create`: the database itself.
struct CreateCommand: Command {
  let name = "create"
  let summary = "create the database"
  let discussion = [
    "Connects to database postgres of the same server (template1 where postgres itself is meant) and "
      + "creates the database that the connection names. One that exists is left as it is."
  ]
  let examples = [
    CommandExample("lockstep create -u postgres://ada@localhost/shop_dev", "an empty shop_dev"),
    CommandExample("lockstep create -e test", "the database of the test environment"),
  ]

  func run(_ arguments: Arguments, in context: CommandContext) async throws -> ExitCode {
    let settings = try context.settings(arguments)
    try context.requireWritable(settings)
    let database = try DatabaseOfProject(settings, in: context)
    let isNew = try await database.create()
    if context.output.isJSON {
      context.output.print(["database": .string(database.name), "created": .bool(isNew)])
    } else {
      context.output.say(
        isNew ? "created database \(database.name)" : "database \(database.name) exists already")
    }
    return .done
  }
}
