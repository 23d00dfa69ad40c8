import CNcurses
import Diagnostics

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension Screen {
  /// Chooses a description: the one named, else one that most terminals resemble.
  static func description(
    for name: String, _ output: Int32
  ) throws(TerminalError) -> (name: String, warning: Diagnostic?) {
    guard !name.isEmpty else { throw .unsuitable(name: "") }
    let candidates = [name, "xterm", "vt100"]
    for candidate in candidates {
      switch ls_terminal_kind(candidate, output) {
      case 1 where candidate == name: return (name, nil)
      case 1:
        let warning = Diagnostic.warning(
          code: "unknown_terminal",
          "terminal \"\(name)\" has no description here, so \"\(candidate)\" is used",
          next: "install its description, or set TERM to one that is known")
        return (candidate, warning)
      case 0: throw .unsuitable(name: candidate)
      default: continue
      }
    }
    throw .unknown(names: candidates)
  }

  /// Sets the locale of characters, which ncurses lays out by.
  ///
  /// A UTF-8 locale that is not installed here, as after logging in from elsewhere, is replaced by
  /// the one every system has: what counts is the terminal's encoding.
  static func setLocale(_ environment: [String: String]) {
    let names = ["LC_ALL", "LC_CTYPE", "LANG"].compactMap { environment[$0] }
    guard let name = names.first(where: { !$0.isEmpty }) else {
      setlocale(LC_CTYPE, "C")
      return
    }
    if setlocale(LC_CTYPE, name) != nil { return }
    let ending = name.lowercased()
    let isUTF8 = ending.hasSuffix("utf-8") || ending.hasSuffix("utf8")
    if !isUTF8 || setlocale(LC_CTYPE, "C.UTF-8") == nil { setlocale(LC_CTYPE, "C") }
  }
}
