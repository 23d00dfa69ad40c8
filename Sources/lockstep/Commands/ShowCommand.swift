import Diagnostics
import MigrationEngine
import MigrationModel
import PostgresModel

/// `lockstep show`: the SQL of one migration.
struct ShowCommand: Command {
  let name = "show"
  let summary = "the SQL of one migration, as it would be run"
  let operands = Operands(usage: "VERSION", minimum: 1, maximum: 1, inWords: "a version")
  let options = [Options.down, Options.runs]
  let discussion = [
    "Prints the text that would be sent to the server, byte for byte where it goes to a file or a pipe. "
      + "VERSION is a version, a version with its name, or a file's name. No database is needed where "
      + "the files alone tell the layout.",
    "With --runs it tells of the runs in which the migration took part, newest first: when, by whom, how "
      + "long, the locks that were held, the attempts that gave up, and what went wrong, as far as the "
      + "journal has it.",
  ]
  let examples = [
    CommandExample("lockstep show 20260109000003", "the way up"),
    CommandExample("lockstep show 20260109000003 --down", "the way back"),
    CommandExample("lockstep show 20260109000003 --runs", "when and how it ran"),
  ]

  func run(_ arguments: Arguments, in context: CommandContext) async throws -> ExitCode {
    var settings = try context.settings(arguments)
    if arguments.has(Options.runs) {
      if arguments.has(Options.down) { throw UsageError.contradiction("--runs", "--down") }
      settings.isReadOnly = true
      return try await showRuns(Version(arguments.operands[0]), settings, context)
    }
    let direction: Direction = arguments.has(Options.down) ? .down : .up
    let (layout, catalog) = try await context.catalog(settings)
    let status = ProjectStatus.joining(
      catalog: catalog, history: .absent, layout: layout,
      table: QualifiedName(parsing: layout.defaultTable))
    let version = Version(arguments.operands[0])
    let plan = Plan.make(
      .only(version, direction), status: status, layout: layout,
      context: PlanContext(dataLoss: .accepted))
    guard let step = plan.steps.first, !step.units.isEmpty else {
      let refusal = plan.refusals.first { $0.code != "not_applied" }
      throw Refusal(
        refusal ?? .error(code: "unknown_version", "there is nothing to show of \(version)"))
    }
    show(step, in: context.output)
    return .done
  }

  private func showRuns(
    _ typed: Version, _ settings: ProjectSettings, _ context: CommandContext
  ) async throws -> ExitCode {
    let project = try await context.open(settings)
    let plan = Plan.make(
      .only(typed, .up), status: project.status, layout: project.loaded.layout,
      context: PlanContext(dataLoss: .accepted))
    guard let step = plan.steps.first else {
      throw Refusal(
        plan.refusals.first { $0.code == "unknown_version" }
          ?? .error(code: "unknown_version", "there is no migration \"\(typed)\""))
    }
    let (archive, notes) = await JournalPlace(settings, loop: context.loop).archive(
      .all, of: project.loaded, in: project.connection)
    for note in notes { context.output.tell(note) }
    RunsReport(label: step.label, step.version, archive, project.loaded.layout)
      .print(to: context.output)
    return .done
  }

  private func show(_ step: PlanStep, in output: Output) {
    let sql = step.units.map(\.sql).joined(separator: "\n")
    guard output.isJSON else {
      return output.printExactly(sql.hasSuffix("\n") ? sql : sql + "\n")
    }
    output.print([
      "version": .string(step.version.text), "name": .string(step.name),
      "direction": .string(step.direction.rawValue), "sql": .string(sql),
      "transactional": .bool(step.units.allSatisfy(\.form.isInTransaction)),
      "files": JSONValue(step.units.map(\.script.file.path)),
    ])
  }
}

extension CommandContext {
  /// Reads the folders by their layout; the database is asked only where the files leave it open.
  func catalog(_ settings: ProjectSettings) async throws -> (layout: any Layout, catalog: Catalog) {
    let project = try await project(settings)
    let files = try await project.readFiles()
    if let name = settings.layout?.value, let layout = Layouts.named(name) {
      return (layout, layout.catalog(of: files))
    }
    if case .layout(let layout) = Layouts.recognise(files: files, tables: []) {
      return (layout, layout.catalog(of: files))
    }
    let loaded = try await project.load(files, from: try await connect(settings))
    return (loaded.layout, loaded.catalog)
  }
}
