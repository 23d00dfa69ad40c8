import Diagnostics

/// Why there is no screen to paint on.
public enum TerminalError: Explainable, Hashable {
  /// Input or output is a file or a pipe.
  case notATerminal
  /// The terminal can only write lines, such as `dumb`; or `TERM` is not set.
  case unsuitable(name: String)
  /// No description of the terminal was found, nor of those tried in its place.
  case unknown(names: [String])
  /// The terminal was closed, or its line broke.
  case vanished

  public var diagnostic: Diagnostic {
    switch self {
    case .notATerminal:
      .error(
        code: "no_terminal", "the dashboard needs a terminal for input and output",
        next: "run it without redirection, or use `lockstep status`")
    case .unsuitable(let name):
      .error(
        code: "unsuitable_terminal",
        name.isEmpty
          ? "TERM is not set, so nothing is known about the terminal"
          : "terminal \"\(name)\" cannot move its cursor, which the dashboard needs",
        next: "use `lockstep status`, or set TERM to what the terminal really is")
    case .unknown(let names):
      .error(
        code: "unknown_terminal",
        "no description of the terminal was found; tried "
          + names.map { "\"\($0)\"" }.joined(separator: ", "),
        next: "install the terminal descriptions (package ncurses-base), or set TERM")
    case .vanished:
      .error(code: "terminal_vanished", "the terminal is gone")
    }
  }
}
