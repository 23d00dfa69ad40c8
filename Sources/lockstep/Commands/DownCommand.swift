import MigrationModel

/// `lockstep down`: roll back.
struct DownCommand: Command {
  let name = "down"
  let aliases = ["rollback", "revert"]
  let summary = "roll back the last applied"
  let options =
    [Options.to.saying("roll back all above it, which itself stays; 0: everything")]
    + MigrationRun.options + [
      Options.resume.saying("go on with the roll back that broke off half-way"), Options.incident,
    ]
  let discussion = [
    "Rolls back the last applied migration; with --count the last N, with --to all above a version, "
      + "which itself stays applied (--to 0: everything). On a terminal it shows what will be done and "
      + "asks. A migration without a way back is refused.",
    "A way back that loses data is confirmed by typing the version; where nobody can be asked it needs "
      + "--yes.",
    "In a protected environment the approval under which a migration was applied holds for its way back; "
      + "any other needs `lockstep approve --down`. In an emergency --break-glass REASON passes over it "
      + "where the environment allows that, and --incident begins the incident document.",
    "With --resume it goes on with a roll back outside a transaction that broke off half-way, and with "
      + "no other.",
  ]
  let examples = [
    CommandExample("lockstep down --dry-run", "the exact SQL of the way back"),
    CommandExample("lockstep down", "the last applied one"),
    CommandExample(
      "lockstep down -e production --incident", "at once, with the document of the incident"),
    CommandExample("lockstep down --to 20260109000003 --yes", "all above it, unasked"),
  ]

  func run(_ arguments: Arguments, in context: CommandContext) async throws -> ExitCode {
    try await MigrationRun(
      arguments: arguments, context: context, asksAlways: true, verb: "roll back"
    ).run { project in
      if arguments.has(Options.resume) {
        for option in [Options.to, Options.count] where arguments.has(option) {
          throw UsageError.contradiction("--resume", "--\(option.name)")
        }
        return .resume(try MigrationRun.brokenOff(.down, in: project.status))
      }
      let to = arguments.text(Options.to).map { Version($0) }
      return .down(to: to, count: to == nil ? arguments.count(Options.count) ?? 1 : nil)
    }
  }
}
