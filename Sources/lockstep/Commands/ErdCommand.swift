import Diagnostics
import MigrationEngine
import MigrationModel
import PostgresModel

/// `lockstep erd`: the tables, their columns, and where their keys lead.
struct ErdCommand: Command {
  let name = "erd"
  let summary = "ER diagram of the database as it is now"
  let options = [
    Options.format.saying("mermaid, text, dot or svg"), Options.outputFile,
  ]
  let discussion = [
    "Draws every table outside of PostgreSQL's own schemas, the history table and Lockstep's own left "
      + "out. Mermaid is drawn by GitHub, GitLab and most editors; text is for the terminal; svg is an "
      + "image, for which Graphviz must be installed, and dot is what Graphviz reads. A file that is "
      + "kept in the project (docs/erd.mmd, or diagram_file in lockstep.json) is compared with the "
      + "schema by `lockstep check`."
  ]
  let examples = [
    CommandExample("lockstep erd --format text", "in the terminal"),
    CommandExample("lockstep erd --output docs/erd.mmd", "the file that the checklist looks at"),
    CommandExample("lockstep erd --output erd.svg", "an image"),
  ]

  func run(_ arguments: Arguments, in context: CommandContext) async throws -> ExitCode {
    let said = try arguments.word(Options.format, as: Form.self)
    var settings = try context.settings(arguments)
    let path = arguments.text(Options.outputFile)
    if path != nil { try context.requireWritable(settings) }
    settings.isReadOnly = true
    let project = try await context.open(settings, texts: .summarised)
    let snapshot = try await SchemaReader(
      project.connection, leavingOut: [project.loaded.table]
    ).read()
    let form = said ?? path.map { Form(of: $0) } ?? .mermaid
    let diagram = ERDiagram(snapshot)
    let text =
      switch form {
      case .svg: try await DiagramImage.svg(of: diagram.dot)
      case .mermaid: diagram.mermaid
      case .text: diagram.text
      case .dot: diagram.dot
      }
    if let path {
      try ReportFile(path: path).replace(with: text)
      context.output.say("wrote \(path)")
    }
    if context.output.isJSON {
      context.output.print([
        "format": .string(form.rawValue), "tables": JSONValue(diagram.tables.count),
        "relationships": JSONValue(diagram.relationships.count), "diagram": .string(text),
      ])
    } else if path == nil {
      context.output.printExactly(text)
    }
    return .done
  }
}

/// How the diagram is written; Lockstep draws all but the image itself.
private enum Form: String, CaseIterable {
  case mermaid, text, dot, svg

  /// By a file's ending, as the checklist takes it.
  init(of path: String) {
    if path.hasSuffix(".svg") {
      self = .svg
      return
    }
    switch DocumentationTrials.format(of: path) {
    case .mermaid: self = .mermaid
    case .text: self = .text
    case .dot: self = .dot
    }
  }
}
