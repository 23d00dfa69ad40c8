import MigrationModel

/// `lockstep incident`: begin the document of an emergency rollback.
struct IncidentCommand: Command {
  let name = "incident"
  let summary = "start the incident document of an emergency rollback"
  let operands = Operands(usage: "VERSION", minimum: 1, maximum: 1, inWords: "a version")
  let discussion = [
    "Writes ops/postmortems/DATE-VERSION_NAME.md with what was kept of the migration: when it was applied "
      + "and rolled back and by whom, the SQL of the way back, locks, attempts and times, and when it has "
      + "to be looked back on, 72 h after it was rolled back. What only people know is left to them. A "
      + "document that is there is never written over.",
    "`lockstep down --incident` does both.",
  ]
  let examples = [
    CommandExample("lockstep down -e production --incident", "roll back, and begin the document"),
    CommandExample("lockstep incident 0042 -e production", "the document alone"),
  ]

  func run(_ arguments: Arguments, in context: CommandContext) async throws -> ExitCode {
    var settings = try context.settings(arguments)
    try context.requireWritable(settings)
    // The database is only read.
    settings.isReadOnly = true
    let project = try await context.open(settings)
    let document = try await context.incident(of: Version(arguments.operands[0]), project)
    if !document.isRollBackKept {
      context.output.tell(
        .warning(
          code: "no_roll_back_kept", "no roll back of \(document.label) was kept here",
          next:
            "`lockstep down --incident` rolls back and tells of it; if another tool did, add when"))
    }
    let path = try ProjectDocuments(root: settings.root).write(document)
    if context.output.isJSON {
      context.output.print([
        "file": .string(path), "version": .string(document.version.text),
        "review_due": .string(document.reviewDue.iso8601),
      ])
    } else {
      context.output.say("wrote \(path)")
    }
    return .done
  }
}
