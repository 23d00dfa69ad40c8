import Canvas

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Which characters a screen draws with.
public enum Characters: Hashable, Sendable {
  /// All of them where the locale is UTF-8, ASCII elsewhere.
  case ofLocale
  case ascii
}

/// Replaces characters the terminal cannot show by others of the same width.
struct GlyphSet {
  private enum Repertoire {
    case all
    /// The console of Linux: its fonts have light lines and full blocks only.
    case console
    case ascii
  }

  private let repertoire: Repertoire

  /// Chooses by the locale of the process, which must have been set before.
  init(_ characters: Characters, terminal: String) {
    let codeset = nl_langinfo(nl_item(CODESET)).map { String(cString: $0) } ?? ""
    if characters == .ascii || codeset != "UTF-8" {
      repertoire = .ascii
    } else {
      repertoire = terminal == "linux" ? .console : .all
    }
  }

  var isASCII: Bool { repertoire == .ascii }

  /// Changes a character, given as its base and marks, into what can be shown.
  func adapt(_ scalars: inout [Unicode.Scalar]) {
    guard let base = scalars.first, scalars.count > 1 || !base.isASCII else { return }
    switch repertoire {
    case .all: return
    case .console:
      switch base {
      case "━": scalars[0] = "─"
      case "┍": scalars[0] = "┌"
      case "┑": scalars[0] = "┐"
      case "┃": scalars[0] = "█"
      case "▁"..."█": scalars[0] = BorderSet.asciiFallback(for: base)
      default: return
      }
    case .ascii:
      scalars.removeAll(keepingCapacity: true)
      scalars.append(BorderSet.asciiFallback(for: base))
    }
  }
}
