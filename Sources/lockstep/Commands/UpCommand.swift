import MigrationModel

/// `lockstep up`: apply what is pending.
struct UpCommand: Command {
  let name = "up"
  let aliases = ["migrate", "run"]
  let summary = "apply what is pending"
  let options = MigrationRun.options + [Options.allowOutOfOrder, Options.resume]
  let discussion = [
    "Applies pending migrations in the order of the layout's tool, each with its history row in one "
      + "transaction where PostgreSQL allows it; with --to up to and with a version, with --count only "
      + "so many. Files and history are read again under the lock that keeps runners apart: if they no "
      + "longer give the same plan, nothing is run.",
    "What loses data is asked about first; where nobody can be asked it needs --yes.",
    "A protected environment asks for its gates first: validated where the environment says, approved by "
      + "`lockstep approve`; --yes stands for neither. Where the environment has a backup, it is taken "
      + "before anything runs; where it has a health check, it is made afterwards, and with auto_rollback "
      + "what was applied is rolled back when it fails. --decision TITLE adds an entry to "
      + "docs/decisions.md.",
    "With --resume it goes on with a migration outside a transaction that broke off half-way: what "
      + "stands is not run again, and what the catalogue says of the statement that was begun decides "
      + "whether it counts, is cleaned up, or is run again.",
  ]
  let examples = [
    CommandExample("lockstep up --dry-run", "the exact SQL of what would run, and of the way back"),
    CommandExample("lockstep up", "all that is pending"),
    CommandExample(
      "lockstep up --count 1 --lock-timeout 2s", "the next one, waiting 2 s for locks"),
    CommandExample("lockstep up --resume --dry-run", "what is left of one that broke off"),
    CommandExample("lockstep up -e production --dry-run", "how the gates of production stand"),
    CommandExample("lockstep up --json -e staging", "one JSON object a line as it happens"),
  ]

  func run(_ arguments: Arguments, in context: CommandContext) async throws -> ExitCode {
    try await MigrationRun(
      arguments: arguments, context: context, asksAlways: false, verb: "apply"
    ).run { project in
      if arguments.has(Options.resume) {
        return try MigrationRun.brokenOff(.up, arguments, in: project.status)
      }
      return .up(
        to: arguments.text(Options.to).map { Version($0) }, count: arguments.count(Options.count),
        allowOutOfOrder: arguments.has(Options.allowOutOfOrder))
    }
  }
}
