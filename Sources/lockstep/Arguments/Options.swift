/// Every option there is. A command lists those it takes; the global ones are taken by all.
///
/// One name means one thing: two commands that share a name share the value.
enum Options {
  static let url = CommandOption(
    "url", short: "u", .text("URL"),
    help: "connection URL or keyword string; else DATABASE_URL, else libpq's own environment "
      + "(PGHOST, PGSERVICE, …)")
  static let environment = CommandOption(
    "env", short: "e", .text("NAME"),
    help: "environment: development, staging, production, preview, or one of the project's own")
  static let directory = CommandOption(
    "dir", short: "d", .text("DIR"), repeats: true,
    help: "migrations folder; may be given more than once")
  static let layout = CommandOption(
    "layout", .text("NAME"),
    help: "the tool whose files and history these are; else recognised from both")
  static let table = CommandOption(
    "table", .text("NAME"), help: "history table, with or without its schema")
  static let json = CommandOption(
    "json", .flag, help: "machine-readable output; messages stay on standard error")
  static let yes = CommandOption(
    "yes", short: "y", .flag,
    help: "answer yes to what would be asked (never to a protected database's approval)")
  static let readOnly = CommandOption(
    "read-only", .flag, help: "write nothing: every session is opened read-only")
  static let noColour = CommandOption(
    "no-color", .flag, help: "no colour; also NO_COLOR, and where the output is no terminal")
  static let quiet = CommandOption("quiet", short: "q", .flag, help: "say only what went wrong")
  static let verbose = CommandOption("verbose", short: "v", .flag, help: "say more")
  static let help = CommandOption("help", short: "h", .flag, help: "show this help")

  /// Taken by every command, in the order of the help.
  static let global = [
    url, environment, directory, layout, table, json, yes, readOnly, noColour, quiet, verbose, help,
  ]

  /// Understood only without a command.
  static let version = CommandOption(
    "version", short: "V", .flag, help: "show the versions of Lockstep and its libraries")

  /// Taken where no command is named.
  static var bare: [CommandOption] { [ascii, version] }

  // MARK: Of single commands

  static let ascii = CommandOption(
    "ascii", .flag, help: "the dashboard's boxes in plain ASCII, whatever the locale")
  static let to = CommandOption(
    "to", .text("VERSION"),
    help: "up: apply up to and with it; down: roll back all above it (0: everything)")
  static let count = CommandOption("count", .count("N"), help: "only N migrations")
  static let dryRun = CommandOption(
    "dry-run", .flag, help: "print the SQL of both directions and run nothing")
  static let lockTimeout = CommandOption(
    "lock-timeout", .duration("DURATION"), help: "how long one attempt waits for a lock")
  static let lockAttempts = CommandOption(
    "lock-attempts", .count("N"), help: "how often a lock is tried for; 10 with a lock time-out")
  static let statementTimeout = CommandOption(
    "statement-timeout", .duration("DURATION"), help: "how long one statement may take")
  static let timeout = CommandOption(
    "timeout", .duration("DURATION"), help: "how long it may take altogether")
  static let step = CommandOption(
    "step", .flag, help: "ask before each statement, with its locks and changes")
  static let runs = CommandOption(
    "runs", .flag, help: "what was kept of its runs, in place of the SQL")
  static let resume = CommandOption(
    "resume", .flag, help: "go on with the migration whose run broke off half-way")
  static let allowOutOfOrder = CommandOption(
    "allow-out-of-order", .flag, help: "apply pending ones older than the newest applied, too")
  static let breakGlass = CommandOption(
    "break-glass", .text("REASON"),
    help: "run without the approval that a protected environment asks for; kept with the reason")
  static let by = CommandOption(
    "by", .text("NAME"), help: "who answers for it; needed where nobody can be asked")
  static let reason = CommandOption("reason", .text("TEXT"), help: "why, for the record")
  static let revoke = CommandOption(
    "revoke", .flag, help: "take back the approvals that stand for this database")
  static let list = CommandOption("list", .flag, help: "the approvals, and which of them hold")
  static let incident = CommandOption(
    "incident", .flag, help: "start the incident document of what was rolled back")
  static let decision = CommandOption(
    "decision", .text("TITLE"), help: "add an entry about it to docs/decisions.md")
  static let down = CommandOption("down", .flag, help: "the way back instead of the way up")
  static let exitCode = CommandOption(
    "exit-code", .flag, help: "exit with 3 when migrations are pending")
  static let template = CommandOption(
    "template", .text("NAME"), help: "which template to start from; else told from the name")
  static let watch = CommandOption("watch", .flag, help: "again every second until interrupted")
  static let mode = CommandOption(
    "mode", .choice("MODE", ["auto", "shape", "sampled", "clone"]),
    help: "what the copy has: the schema, a sample of the rows, or all; auto takes what is cheap")
  static let sample = CommandOption(
    "sample", .text("SIZE"), help: "rows of each table in a sample: 500, or 2%")
  static let contention = CommandOption(
    "contention", .flag, help: "apply each once more while others work on what it locks")
  static let keep = CommandOption(
    "keep", .text("DIR"), help: "keep the cluster in DIR instead of throwing it away")
}
