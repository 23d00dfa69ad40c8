/// The help, made from the registries of commands and options; no line is longer than 80 columns.
enum HelpText {
  static let width = 80

  /// All commands with one line each, and the global options.
  static func overview(_ commands: [any Command] = Commands.all) -> String {
    var lines = ["Lockstep steps through PostgreSQL migrations with the locks in view.", ""]
    lines += ["Usage:", "    lockstep [COMMAND] [OPTION]…", ""]
    lines += paragraph(
      "Without a command it opens the dashboard; where there is no terminal, it shows the status.",
      indent: 0)
    lines += ["", "Commands:"]
    lines += entries(
      commands.map { (([$0.name] + $0.aliases).joined(separator: ", "), $0.summary) })
    lines += ["", "Options of every command:"] + options(Options.global)
    lines += ["", "Without a command:"] + options(Options.bare)
    lines += ["", "Exit status:"] + entries(ExitCode.meanings.map { ("\($0.0.rawValue)", $0.1) })
    lines +=
      [""]
      + examples([
        CommandExample("lockstep", "browse, apply and roll back on a screen"),
        CommandExample("lockstep status", "what is applied and what is pending"),
        CommandExample("lockstep up --dry-run", "the SQL that `lockstep up` would run"),
      ])
    return lines.joined(separator: "\n")
  }

  /// Everything about one command.
  static func of(_ command: any Command) -> String {
    var lines = paragraph("lockstep \(command.name): \(command.summary)", indent: 0)
    let operands = command.operands.usage.isEmpty ? "" : " \(command.operands.usage)"
    lines += ["", "Usage:", "    lockstep \(command.name)\(operands) [OPTION]…"]
    if !command.aliases.isEmpty {
      lines += ["", "Also: \(command.aliases.map { "lockstep \($0)" }.joined(separator: ", "))"]
    }
    for text in command.discussion { lines += [""] + paragraph(text, indent: 0) }
    if !command.options.isEmpty { lines += ["", "Options:"] + options(command.options) }
    lines += ["", "Options of every command:"] + options(Options.global)
    if !command.examples.isEmpty { lines += [""] + examples(command.examples) }
    return lines.joined(separator: "\n")
  }

  private static func options(_ options: [CommandOption]) -> [String] {
    entries(
      options.map { option in
        let short = option.short.map { "-\($0), " } ?? "    "
        let placeholder = option.placeholder.map { " \($0)" } ?? ""
        return (short + option.spelling + placeholder, option.help)
      })
  }

  private static func examples(_ examples: [CommandExample]) -> [String] {
    ["Examples:"]
      + examples.flatMap { ["    \($0.line)"] + paragraph($0.meaning, indent: 8) }
  }

  /// Two columns; a left side that is too wide stands on a line of its own.
  private static func entries(_ entries: [(String, String)]) -> [String] {
    let left = min(26, entries.map(\.0.count).max() ?? 0)
    return entries.flatMap { (name, text) in
      var wrapped = paragraph(text, indent: 4 + left + 2)
      if name.count <= left {
        let padding = String(repeating: " ", count: left - name.count + 2)
        wrapped[0] = "    \(name)\(padding)" + wrapped[0].drop { $0 == " " }
      } else {
        wrapped.insert("    \(name)", at: 0)
      }
      return wrapped
    }
  }

  /// Breaks a text at blanks; a word that is longer than the line stands alone.
  static func paragraph(_ text: String, indent: Int, width: Int = width) -> [String] {
    let margin = String(repeating: " ", count: indent)
    var lines: [String] = []
    var line = ""
    for word in text.split(separator: " ") {
      if !line.isEmpty, indent + line.count + 1 + word.count > width {
        lines.append(margin + line)
        line = ""
      }
      line += line.isEmpty ? String(word) : " \(word)"
    }
    return lines + [margin + line]
  }
}
