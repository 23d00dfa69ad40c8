import PostgresModel

/// Options of `check` and `erd`.
extension Options {
  static let checkFormat = CommandOption(
    "format", .choice("FORMAT", ["text", "json", "github", "markdown", "html"]),
    help: "how the result is written; text without it")
  static let diagramFormat = CommandOption(
    "format", .choice("FORMAT", ERDiagram.Format.allCases.map(\.rawValue) + ["svg"]),
    help: "how the diagram is written; mermaid without it")
  static let outputFile = CommandOption(
    "output", .text("FILE"),
    help: "write it to a file as well, in the form of --format, else of the file's ending")
  static let checklist = CommandOption(
    "checklist", .text("NAME|FILE"),
    help: "which list: one of Lockstep's own, or a Markdown file with tasks")
  static let item = CommandOption(
    "item", .text("ID"), repeats: true,
    help: "prove only this item, settled or not; may be given more than once")
  static let sign = CommandOption(
    "sign", .text("ITEM"), help: "record that you have seen to an item")
  static let waive = CommandOption(
    "waive", .text("ITEM"), help: "leave an item out, for a --reason that you answer for")
  static let undo = CommandOption(
    "undo", .text("ITEM"), help: "take the last signature or waiver back")
  static let note = CommandOption(
    "note", .text("TEXT"), help: "what you sign, or with --item alone a remark that settles nothing"
  )
  static let known = CommandOption(
    "known", .flag, help: "show how the items stand; run nothing and record nothing")
}
