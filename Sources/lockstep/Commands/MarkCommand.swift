import Diagnostics
import MigrationModel

/// `lockstep mark`: write the history without running anything.
struct MarkCommand: Command {
  let name = "mark"
  let summary = "record as applied or pending without running"
  let operands = Operands(
    usage: "[VERSION…] applied|pending", minimum: 1, maximum: nil,
    inWords: "versions and the state to record, applied or pending")
  let options = [
    Options.to.saying("all up to and with it"),
    Options.dryRun.saying("print the SQL and write nothing"), Options.breakGlass,
  ]
  let discussion = [
    "Changes only the history table. For a database that was built by hand, for a run that broke off "
      + "half-way, and for a file that changed after it was applied. Several versions, or with --to all "
      + "up to and with one."
  ]
  let examples = [
    CommandExample("lockstep mark 0007 applied", "0007 stands already, by whatever way"),
    CommandExample("lockstep mark --to 0042 applied", "everything up to and with 0042"),
    CommandExample("lockstep mark 0007 pending --dry-run", "the SQL that would forget 0007"),
  ]

  func run(_ arguments: Arguments, in context: CommandContext) async throws -> ExitCode {
    let state = try state(arguments)
    let versions = arguments.operands.dropLast().map { Version($0) }
    let selection: PlanRequest.MarkSelection
    if let to = arguments.text(Options.to) {
      if let extra = versions.first { throw UsageError.contradiction("--to", extra.text) }
      selection = .upTo(Version(to))
    } else {
      if versions.isEmpty {
        throw UsageError.missingOperand("a version, or --to VERSION", command: name)
      }
      selection = .versions(versions)
    }
    return try await MigrationRun(
      arguments: arguments, context: context, asksAlways: true, verb: "mark"
    ).run { _ in .mark(selection, as: state) }
  }

  private func state(_ arguments: Arguments) throws(UsageError) -> MigrationStatus.State {
    switch arguments.operands.last {
    case "applied": return .applied
    case "pending": return .pending
    case let word:
      throw .badOperand(word ?? "", command: name, expected: "applied or pending at the end")
    }
  }
}
