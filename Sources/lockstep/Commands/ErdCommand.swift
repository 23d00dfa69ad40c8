import Diagnostics
import MigrationEngine
import MigrationModel
import PostgresModel

/// `lockstep erd`: the tables, their columns, and where their keys lead.
struct ErdCommand: Command {
  let name = "erd"
  let summary = "ER diagram of the database as it is now"
  let options = [Options.format, Options.outputFile]
  let discussion = [
    "Draws every table outside of PostgreSQL's own schemas, the history table and Lockstep's own left "
      + "out. Mermaid is drawn by GitHub, GitLab and most editors; dot is for Graphviz, which makes an "
      + "image of it; text is for the terminal. A file that is kept in the project (docs/erd.mmd, or "
      + "diagram_file in lockstep.json) is compared with the schema by `lockstep check`."
  ]
  let examples = [
    CommandExample("lockstep erd --format text", "in the terminal"),
    CommandExample("lockstep erd --output docs/erd.mmd", "the file that the checklist looks at"),
    CommandExample("lockstep erd --format dot | dot -Tsvg > erd.svg", "an image"),
  ]

  func run(_ arguments: Arguments, in context: CommandContext) async throws -> ExitCode {
    if arguments.text(Options.format) == "svg" {
      throw Refusal(
        .error(
          code: "not_in_this_version", "svg is not drawn in this version of Lockstep",
          next: "lockstep erd --format dot | dot -Tsvg"))
    }
    let said = try arguments.word(Options.format, as: ERDiagram.Format.self)
    var settings = try context.settings(arguments)
    let path = arguments.text(Options.outputFile)
    if path != nil { try context.requireWritable(settings) }
    settings.isReadOnly = true
    let project = try await context.open(settings, texts: .summarised)
    let snapshot = try await SchemaReader(
      project.connection, leavingOut: [project.loaded.table]
    ).read()
    let format =
      said ?? path.map { DocumentationTrials.format(of: $0) } ?? .mermaid
    let diagram = ERDiagram(snapshot)
    let text = diagram.written(as: format)
    if let path {
      try ReportFile(path: path).replace(with: text)
      context.output.say("wrote \(path)")
    }
    if context.output.isJSON {
      context.output.print([
        "format": .string(format.rawValue), "tables": JSONValue(diagram.tables.count),
        "relationships": JSONValue(diagram.relationships.count), "diagram": .string(text),
      ])
    } else if path == nil {
      context.output.printExactly(text)
    }
    return .done
  }
}
