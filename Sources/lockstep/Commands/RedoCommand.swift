import MigrationModel

/// `lockstep redo`: down, then up.
struct RedoCommand: Command {
  let name = "redo"
  let summary = "down, then up, of the last applied"
  let options =
    [Options.to.saying("all above it, which itself stays")] + MigrationRun.options
  let discussion = [
    "Rolls back the last applied migration and applies it again; with --count the last N, with --to all "
      + "above a version. Good for trying a way back while writing it."
  ]
  let examples = [
    CommandExample("lockstep redo", "the last applied one"),
    CommandExample("lockstep redo --count 2 --dry-run", "the SQL of the last two, both ways"),
  ]

  func run(_ arguments: Arguments, in context: CommandContext) async throws -> ExitCode {
    try await MigrationRun(
      arguments: arguments, context: context, asksAlways: true, verb: "redo"
    ).run { project in
      guard let to = arguments.text(Options.to) else {
        return .redo(count: arguments.count(Options.count) ?? 1)
      }
      // As many as `down --to` would roll back.
      let down = Plan.make(
        .down(to: Version(to), count: nil), status: project.status,
        layout: project.loaded.layout, context: PlanContext(dataLoss: .accepted))
      return down.steps.isEmpty
        ? .down(to: Version(to), count: nil) : .redo(count: down.steps.count)
    }
  }
}
