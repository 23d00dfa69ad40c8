import MigrationModel

/// `lockstep up`: apply what is pending.
struct UpCommand: Command {
  let name = "up"
  let aliases = ["migrate", "run"]
  let summary = "apply what is pending"
  let options =
    [Options.to.saying("apply up to and with it")] + MigrationRun.options + [
      Options.allowOutOfOrder,
      Options.resume.saying(
        "go on with the migration that broke off half-way, then with what is pending"),
    ]
  let discussion = [
    "Applies pending migrations in the order of the layout's tool, each with its history row in one "
      + "transaction where PostgreSQL allows it; with --to up to and with a version, with --count only "
      + "so many. Files and history are read again under the lock that keeps runners apart: if they no "
      + "longer give the same plan, nothing is run.",
    "What loses data is asked about first; where nobody can be asked it needs --yes.",
    "With --step it stops within the transaction before each statement and before the commit, tells the "
      + "locks that were gained, what changed and who waits, and asks. --step-limit, or step_limit of the "
      + "environment, rolls back a transaction that has been open for so long: nothing of it stands.",
    "A protected environment asks for its gates first: validated where the environment says, approved by "
      + "`lockstep approve`; --yes stands for neither. Where the environment has a backup, it is taken "
      + "before anything runs; where it has a health check, it is made afterwards, and with auto_rollback "
      + "what was applied is rolled back when it fails. Of a health check in SQL the first value counts: "
      + "false, 0, an empty text, NULL and no row have failed, so write a count as a condition: "
      + "select count(*) = 0 from …. --decision TITLE adds an entry to docs/decisions.md.",
    "With --resume it goes on with a migration outside a transaction that broke off half-way: what "
      + "stands is not run again, and what the catalogue says of the statement that was begun decides "
      + "whether it counts, is cleaned up, or is run again. Then it applies what is still pending, as "
      + "without --resume; with --to only up to and with a version, with --count only so many, the one "
      + "that broke off among them: --count 1 finishes that one alone.",
  ]
  let examples = [
    CommandExample("lockstep up --dry-run", "the exact SQL of what would run, and of the way back"),
    CommandExample("lockstep up", "all that is pending"),
    CommandExample(
      "lockstep up --count 1 --lock-timeout 2s", "the next one, waiting 2 s for locks"),
    CommandExample(
      "lockstep up --resume --dry-run",
      "what is left of one that broke off, and what comes after it"),
    CommandExample("lockstep up --resume --count 1", "the rest of the one that broke off alone"),
    CommandExample("lockstep up -e production --dry-run", "how the gates of production stand"),
    CommandExample("lockstep up --json -e staging", "one JSON object a line as it happens"),
  ]

  func run(_ arguments: Arguments, in context: CommandContext) async throws -> ExitCode {
    try await MigrationRun(
      arguments: arguments, context: context, asksAlways: false, verb: "apply"
    ).run { project in
      if arguments.has(Options.resume) {
        let version = try MigrationRun.brokenOff(.up, in: project.status)
        // Alone it is finished whatever stands against the others.
        if arguments.count(Options.count) == 1 { return .resume(version) }
        return .resume(
          version,
          rest: PlanRequest.Rest(
            to: arguments.text(Options.to).map { Version($0) },
            count: arguments.count(Options.count),
            allowOutOfOrder: arguments.has(Options.allowOutOfOrder)))
      }
      return .up(
        to: arguments.text(Options.to).map { Version($0) }, count: arguments.count(Options.count),
        allowOutOfOrder: arguments.has(Options.allowOutOfOrder))
    }
  }
}
