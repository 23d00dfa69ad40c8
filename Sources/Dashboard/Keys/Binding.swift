import Canvas

/// A row of a table of keys: what they do, and the words for key bar and help.
public struct Binding: Sendable, Hashable {
  /// The first is the one that the key bar names.
  public var keys: [Key]
  public var action: Action
  /// One or two words for the key bar; `nil` keeps it out of there.
  public var hint: String?
  /// Completes the sentence "this key …": `applies the next pending migration`.
  public var summary: String

  public init(_ keys: [Key], _ action: Action, hint: String? = nil, _ summary: String) {
    self.keys = keys
    self.action = action
    self.hint = hint
    self.summary = summary
  }

  /// As the help names the keys: `j Down`.
  public var keyNames: String { keys.map(\.description).joined(separator: " ") }
}

extension Key {
  static func letter(_ character: Character) -> Key { .character(character) }
}

/// The keys that work in every pane.
public enum Bindings {
  /// In the order of the key bar and of the help.
  public static let everywhere: [Binding] = [
    Binding([.enter], .open, hint: "open", "opens what is selected, or zooms the pane"),
    Binding([.escape], .back, hint: "back", "goes back"),
    Binding([.letter("a")], .applyNext, hint: "apply", "plans to apply the next pending one"),
    Binding([.letter("A")], .applyTo, "plans to apply all up to the selected one"),
    Binding([.letter("r")], .rollBack, hint: "roll back", "plans to roll back the last applied"),
    Binding(
      [.letter("x")], .stepAside, hint: "step aside",
      "gives our place in a lock queue back"),
    Binding(
      [.letter("s")], .nextStatement, hint: "next statement",
      "runs the next statement where a run stopped"),
    Binding(
      [.letter("C")], .runRest, hint: "rest of it",
      "runs the rest of this migration, then stops again"),
    Binding(
      [.letter("D")], .rollBackRun, hint: "roll back",
      "rolls back where a run stopped"),
    Binding(
      [.letter("c")], .cancelSession, hint: "cancel",
      "tells what cancelling the lock pane's session would do, and asks"),
    Binding(
      [.letter("K")], .endSession, hint: "end",
      "tells what ending the lock pane's session would do, and asks"),
    Binding([.letter("/")], .search, hint: "find", "searches in this pane"),
    Binding([.letter("n")], .nextMatch, "goes to the next match"),
    Binding([.letter("N")], .previousMatch, "goes to the match before"),
    Binding(
      [.letter("&")], .filter, "shows only what matches, also by state as pending; ! inverts"),
    Binding([.letter("L")], .openLocks, hint: "locks", "shows the locks alone"),
    Binding([.tab], .nextPane, hint: "pane", "goes to the next pane"),
    Binding([.shiftTab], .previousPane, "goes to the pane before"),
    Binding(
      (1...8).map { .character(Character("\($0)")) }, .focus(0),
      "goes to the pane of that number; again: zooms it"),
    Binding([.letter("j"), .down], .move(.lineDown), "moves down"),
    Binding([.letter("k"), .up], .move(.lineUp), "moves up"),
    Binding([.control("d")], .move(.halfDown), "moves half a page down"),
    Binding([.control("u")], .move(.halfUp), "moves half a page up"),
    Binding([.pageDown, .control("f")], .move(.pageDown), "moves a page down"),
    Binding([.pageUp, .control("b")], .move(.pageUp), "moves a page up"),
    Binding([.letter("g"), .home], .move(.first), "goes to the beginning"),
    Binding([.letter("G"), .end], .move(.last), "goes to the end"),
    Binding([.letter("h"), .left], .scrollLeft, "scrolls a wide pane to the left"),
    Binding([.letter("l"), .right], .scrollRight, "scrolls a wide pane to the right"),
    Binding([.letter("R")], .reload, "reads folder and history anew"),
    Binding([.control("l")], .repaint, "repaints the screen"),
    Binding([.letter("p")], .freeze, "freezes the picture, or lets it live again"),
    Binding([.letter("+")], .slower, "asks the server less often"),
    Binding([.letter("-")], .faster, "asks the server more often"),
    Binding([.letter("y")], .copy, "copies the selected row"),
    Binding([.letter("Y")], .copyMore, "copies with what belongs to it"),
    Binding([.letter("e")], .edit, "opens the file in $EDITOR"),
    Binding([.letter("|")], .page, "shows the pane's text in $PAGER"),
    Binding([.letter("w")], .save, "saves the pane's text to a file"),
    Binding([.letter(":")], .command, hint: "command", "opens the command line; Tab completes"),
    Binding([.letter("?"), .function(1)], .help, hint: "help", "shows the keys"),
    Binding([.control("c")], .interrupt, "cancels our statement; twice: leaves"),
    Binding([.control("z")], .suspend, "suspends the program"),
    Binding([.letter("q")], .leave, hint: "quit", "goes back; leaves at the top"),
    Binding([.letter("Q")], .quit, "leaves"),
  ]

  /// Returns what `key` does with these bindings, the first that has it.
  static func action(for key: Key, in bindings: [Binding]) -> Action? {
    guard let binding = bindings.first(where: { $0.keys.contains(key) }) else { return nil }
    // One row of the table stands for all the number keys.
    if case .focus = binding.action, case .character(let digit) = key {
      return digit.wholeNumberValue.map(Action.focus)
    }
    return binding.action
  }
}
