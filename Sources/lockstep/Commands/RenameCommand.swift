import Diagnostics
import MigrationEngine
import MigrationModel
import PostgresModel

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// `lockstep rename`: a version of its own for a migration whose version is in the way.
struct RenameCommand: Command {
  let name = "rename"
  let summary = "give a pending migration the next free version"
  let operands = Operands(
    usage: "VERSION|FILE", minimum: 1, maximum: 1, inWords: "a version or a file's name")
  let options = [Options.dryRun.saying("show the new names and rename nothing")]
  let discussion = [
    "For a migration that is older than one that is applied, or that shares its version with another: its "
      + "files are renamed to the next version of the folder, behind everything that is there. Their "
      + "content stays as it is, and what is applied is never renamed, since its name is recorded."
  ]
  let examples = [
    CommandExample("lockstep rename 20260109120000", "put it behind the newest one"),
    CommandExample(
      "lockstep rename 0007_b.sql --dry-run", "one of two with the same version: show"),
  ]

  func run(_ arguments: Arguments, in context: CommandContext) async throws -> ExitCode {
    var settings = try context.settings(arguments)
    let isDry = arguments.has(Options.dryRun)
    if !isDry { try context.requireWritable(settings) }
    settings.isReadOnly = true
    let project = try await context.open(settings)
    let renaming = try Renaming.proposal(
      for: arguments.operands[0], status: project.status, layout: project.loaded.layout,
      now: Instant(microseconds: Int64(time(nil)) * 1_000_000))
    if !isDry { try renaming.carryOut() }
    for note in renaming.notes { context.output.tell(note) }
    if context.output.isJSON {
      context.output.print([
        "version": .string(renaming.version.text), "new_version": .string(renaming.newVersion.text),
        "dry_run": .bool(isDry),
        "files": .array(
          renaming.moves.map { ["from": .string($0.from), "to": .string($0.to)] }),
      ])
    } else {
      for move in renaming.moves {
        context.output.print("\(isDry ? "would rename" : "renamed") \(move.from) to \(move.to)")
      }
    }
    return .done
  }
}
