import Dashboard
import Diagnostics
import EventLoop
import MigrationEngine
import MigrationModel
import Postgres

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// `lockstep demo`: a private server with the sample migrations, thrown away afterwards.
struct DemoCommand: Command {
  let name = "demo"
  let summary =
    "a private, throw-away PostgreSQL with the sample migrations, and people at work on it"
  let options = [Options.keep, Options.ascii]
  let hearsSignals = true
  /// As on a protected environment: among the pretended programs somebody is always in the way.
  private static let budget = LockBudget.filled(timeout: LockBudget.protectedTimeout)
  let discussion = [
    "Needs no server: it makes a PostgreSQL of its own in a temporary folder, reached by a unix socket "
      + "only, applies the first half of the sample migrations, fills in rows and lets some pretended "
      + "programs work there. However it ends, nothing of it is left.",
    "--keep DIR keeps the server's files and the migrations in DIR, and goes on with them the next time. "
      + "DIR must be empty, not there yet, or kept before.",
    "On a terminal it opens the dashboard. Elsewhere, and with --json, it tells where the database and the "
      + "copies of the migrations are, and goes on until it is interrupted.",
  ]
  let examples = [
    CommandExample("lockstep demo", "look around, apply, roll back: nothing can break"),
    CommandExample("lockstep demo --keep ~/lockstep-demo", "the same, and go on with it tomorrow"),
  ]

  func run(_ arguments: Arguments, in context: CommandContext) async throws -> ExitCode {
    try await DemoProgram(
      keepIn: arguments.text(Options.keep), loop: context.loop, say: { context.output.say($0) }
    ).run { site in try await serve(site, arguments, in: context) }
  }

  /// Says where everything is and waits for the end.
  private func serve(_ site: DemoSite, _ arguments: Arguments, in context: CommandContext)
    async throws -> ExitCode
  {
    let surroundings = context.surroundings
    if surroundings.inputIsTerminal, surroundings.outputIsTerminal, !context.output.isJSON {
      return try await dashboard(on: site, arguments, in: context)
    }
    if context.output.isJSON {
      context.output.print([
        "url": .string(site.url), "layout": .string("sqlx"),
        "directories": .array(site.project.directories.map { .string($0) }),
      ])
    } else {
      context.output.print(site.url)
      context.output.say("the migrations are in \(site.project.directories[0]); ctrl-c ends it")
    }
    guard let signals = SignalPipe(loop: context.loop) else { return .failed }
    while true {
      let numbers = try await signals.next()
      if numbers.contains(SIGTSTP) { SignalPipe.stopProcess() }
      if numbers.contains(where: SignalPipe.endings.contains) { return .done }
    }
  }

  private func dashboard(on site: DemoSite, _ arguments: Arguments, in context: CommandContext)
    async throws -> ExitCode
  {
    try await DashboardProgram(
      project: { site.project }, connection: site.target,
      target: Dashboard.Target(site.target, environment: "demo", isProtected: false),
      options: { _ in Runner.Options(lockBudget: Self.budget) }, lockBudget: Self.budget,
      runBy: { context.runBy($0) },
      journal: JournalPlace(
        files: site.project.root, of: site.target, environment: "demo", loop: context.loop),
      environment: context.surroundings.variables,
      isASCII: arguments.has(Options.ascii), isPlain: arguments.has(Options.noColour),
      loop: context.loop, say: { context.output.say($0) }
    ).run()
  }
}
