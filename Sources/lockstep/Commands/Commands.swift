/// The registry of commands, in the order in which the help lists them.
enum Commands {
  static let all: [any Command] = [
    DemoCommand(), StatusCommand(), ShowCommand(), NewCommand(), RenameCommand(), UpCommand(),
    DownCommand(),
    RedoCommand(),
    MarkCommand(), RehearseCommand(), CheckCommand(), ApproveCommand(), IncidentCommand(),
    LocksCommand(), ErdCommand(), CreateCommand(), DropCommand(),
    ResetCommand(), SeedCommand(),
    WaitCommand(), DumpCommand(), DoctorCommand(),
    HelpCommand(),
  ]

  /// Words that the manual names and that this version does not know yet: asked for, they are refused by
  /// name instead of being taken for a slip of the pen.
  static let later = [
    "lint", "schema", "blame", "diff", "changelog", "replay",
  ]
}
