import Dashboard
import Diagnostics
import EventLoop
import MigrationEngine
import MigrationModel

/// `lockstep` without a command: the dashboard, or the status where there is no terminal.
///
/// It has no place in the registry, since nobody types its name.
struct DashboardCommand: Command {
  let name = "dashboard"
  let summary = "the dashboard (a terminal is needed; without one: the status)"
  let hearsSignals = true
  let discussion: [String] = []
  let examples: [CommandExample] = []

  func run(_ arguments: Arguments, in context: CommandContext) async throws -> ExitCode {
    let surroundings = context.surroundings
    guard surroundings.inputIsTerminal, surroundings.outputIsTerminal, !context.output.isJSON else {
      _ = try await StatusCommand().run(arguments, in: context)
      return .done
    }
    let settings = try context.settings(arguments)
    return try await DashboardProgram(
      project: { try await context.project(settings) }, connection: settings.target.value,
      connectionAdvice: settings.connectionAdvice,
      target: Dashboard.Target(
        settings.target.value, environment: settings.environment?.value,
        isProtected: settings.isProduction),
      isReadOnly: settings.isReadOnly,
      keeper: GateKeeper(settings, in: surroundings, loop: context.loop),
      options: { Self.options(settings, $0) }, lockBudget: settings.rules.lockBudget(),
      timeout: settings.rules.timeout,
      runBy: { context.runBy($0) },
      checks: DashboardChecks(
        checklist: { try settings.checklist(named: nil, in: surroundings) },
        sources: { CheckSources(settings, layout: $0, in: surroundings) }),
      journal: JournalPlace(settings, loop: context.loop),
      environment: surroundings.variables,
      isASCII: arguments.has(Options.ascii), isPlain: arguments.has(Options.noColour),
      loop: context.loop, say: { context.output.say($0) }
    ).run()
  }

  private static func options(_ settings: ProjectSettings, _ layout: any Layout) -> Runner.Options {
    let dumps = settings.dumpsSchema.value && layout.rules.dumpsSchema
    let schemaFile = ConfigurationSources.path("db/schema.sql", in: settings.root)
    var options = Runner.Options(
      lockBudget: settings.rules.lockBudget(),
      statementTimeout: settings.rules.statementTimeout,
      schemaFile: dumps ? settings.schemaFile?.value ?? schemaFile : nil)
    options.stepLimit = settings.rules.stepLimit
    return options
  }
}
