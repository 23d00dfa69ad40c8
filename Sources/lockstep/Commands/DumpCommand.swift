import Diagnostics
import MigrationEngine

/// `lockstep dump`: the schema file of the layout's tool.
struct DumpCommand: Command {
  let name = "dump"
  let summary = "write schema.sql"
  let discussion = [
    "Writes db/schema.sql, or the file that schema_file or DBMATE_SCHEMA_FILE names, as dbmate would: "
      + "with pg_dump, and the applied versions at its end. The file is replaced whole or not at all. For "
      + "layouts whose tool keeps such a file; that is dbmate."
  ]
  let examples = [CommandExample("lockstep dump", "db/schema.sql as the database is now")]

  func run(_ arguments: Arguments, in context: CommandContext) async throws -> ExitCode {
    let settings = try context.settings(arguments)
    try context.requireWritable(settings)
    let project = try await context.open(settings)
    let layout = project.loaded.layout
    guard layout.rules.dumpsSchema else {
      throw Refusal(
        .error(
          code: "usage", "\(layout.name) keeps no schema file", next: "use pg_dump --schema-only"))
    }
    let path =
      settings.schemaFile?.value ?? ConfigurationSources.path("db/schema.sql", in: settings.root)
    try await SchemaFile(path: path, target: settings.target.value)
      .write(history: layout, table: project.loaded.table, project.connection)
    if context.output.isJSON {
      context.output.print(["file": .string(path)])
    } else {
      context.output.say("wrote \(path)")
    }
    return .done
  }
}
