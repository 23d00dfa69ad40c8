import Diagnostics

/// Options of `check` and `erd`.
extension Options {
  /// Each command knows words of its own.
  static let format = CommandOption(
    "format", .text("FORMAT"),
    help:
      "how the result is written; check: text, json, github, markdown, html; erd: mermaid, text, dot, "
      + "svg"
  )
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
    "sign", .text("ITEM"), repeats: true,
    help: "record that you have seen to an item; may be given more than once")
  static let waive = CommandOption(
    "waive", .text("ITEM"), repeats: true,
    help: "leave an item out, for a --reason that you answer for")
  static let undo = CommandOption(
    "undo", .text("ITEM"), repeats: true, help: "take the last signature or waiver back")
  static let note = CommandOption(
    "note", .text("TEXT"), help: "what you sign, or with --item alone a remark that settles nothing"
  )
  static let known = CommandOption(
    "known", .flag, help: "show how the items stand; run nothing and record nothing")
}

extension Arguments {
  /// The word given for an option that knows a few.
  ///
  /// - Throws: `UsageError.notAChoice`.
  func word<Word: RawRepresentable & CaseIterable>(
    _ option: CommandOption, as: Word.Type
  ) throws(UsageError) -> Word? where Word.RawValue == String {
    guard let text = text(option) else { return nil }
    if let word = Word(rawValue: text) { return word }
    let known = Word.allCases.map(\.rawValue)
    throw .notAChoice(
      option: option.spelling, value: text, choices: known, nearest: nearest(to: text, among: known)
    )
  }
}
