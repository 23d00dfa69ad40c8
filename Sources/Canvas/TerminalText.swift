/// Makes text from elsewhere fit for a terminal.
///
/// Names, comments, messages and statements come from servers and files that anybody may write; an
/// escape sequence in one of them would reach the terminal as a command. Every cell of a frame and
/// every line the command line prints passes through here; only copying and exporting keep the
/// original.
public enum TerminalText {
  /// What becomes of a line break.
  public enum LineBreaks: Hashable, Sendable {
    /// It stays one: `\n`, also where the text had `\r\n`.
    case keep
    /// It is shown as `^J`, in text that must stay on one line.
    case show
  }

  /// The distance of tab stops, in cells.
  public static let tabWidth = 8
  /// The marks kept with one character: as many as ncurses stores in a cell.
  static let markLimit = 4

  /// Returns `text` with everything a terminal could obey, or could not show, as a visible mark.
  ///
  /// - C0 controls and DEL become `^[`, `^G`, `^?`; tabs become spaces up to the next stop.
  /// - C1 controls, the controls of bidirectional text, invisible characters, and what the C
  ///   library cannot print become U+FFFD, as broken UTF-8 already did when it was decoded.
  /// - Combining marks stay with their base, at most four; one without a base gets U+25CC.
  /// - Joiners and selectors that only change how wide a terminal draws an emoji are left out; after
  ///   ASCII, where they change nothing, they become U+FFFD too.
  ///
  /// The result is unchanged when it passes through again.
  public static func visible(_ text: some StringProtocol, lineBreaks: LineBreaks = .show)
    -> String
  {
    if isPlain(text) { return String(text) }
    var result = ""
    result.reserveCapacity(text.utf8.count + 8)
    var glyphs = GlyphIterator(text.unicodeScalars, lineBreaks: lineBreaks)
    while let glyph = glyphs.next() { glyph.append(to: &result) }
    return result
  }

  /// Returns the lines of `text`, broken at `\n`, `\r\n` and nowhere else; not yet made visible.
  ///
  /// A line break at the very end starts no further line.
  public static func lines(_ text: some StringProtocol) -> [String] {
    var lines: [String] = []
    var line = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      if scalar == "\n" {
        if line.last == "\r" { line.removeLast() }
        lines.append(String(line))
        line = String.UnicodeScalarView()
      } else {
        line.append(scalar)
      }
    }
    if !line.isEmpty || lines.isEmpty { lines.append(String(line)) }
    return lines
  }

  /// Tells whether `text` is printable ASCII only, which is true of nearly all text.
  static func isPlain(_ text: some StringProtocol) -> Bool {
    // Nearly every string has its bytes in one place, where a loop over them costs next to nothing;
    // over a generic view it is most of the work of printing a long table.
    text.utf8.withContiguousStorageIfAvailable(isPlain(bytes:))
      ?? text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7f }
  }

  /// Tells whether `text` is printable ASCII only, which is true of nearly all text.
  ///
  /// Beside the generic one, which costs many times its work where it is called from another module.
  public static func isPlain(_ text: String) -> Bool {
    var text = text
    return text.withUTF8 { isPlain(bytes: $0) }
  }

  private static func isPlain(bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    for byte in bytes where byte < 0x20 || byte >= 0x7f { return false }
    return true
  }
}

/// One visible character and its width in cells.
struct Glyph {
  var base: Unicode.Scalar
  var marks: [Unicode.Scalar] = []
  /// 1 or 2; 0 only for a kept line break.
  var width: Int

  func append(to text: inout String) {
    text.unicodeScalars.append(base)
    if !marks.isEmpty { text.unicodeScalars.append(contentsOf: marks) }
  }

  var text: String {
    var text = ""
    append(to: &text)
    return text
  }
}

/// Reads scalars and gives what may be shown of them, one glyph at a time.
///
/// The only place that decides what is fit to be shown; drawing, measuring and printing all use it.
struct GlyphIterator<Scalars: BidirectionalCollection> where Scalars.Element == Unicode.Scalar {
  private var scalars: Scalars.Iterator
  private var ahead: Unicode.Scalar?
  private let lineBreaks: TerminalText.LineBreaks
  /// Spaces of a tab, or the letter after a caret, that are still to be given.
  private var spaces = 0
  private var afterCaret: Unicode.Scalar?
  /// The column the next glyph begins in, for tab stops.
  private var column = 0

  init(_ text: Scalars, lineBreaks: TerminalText.LineBreaks) {
    scalars = text.makeIterator()
    ahead = scalars.next()
    self.lineBreaks = lineBreaks
  }

  mutating func next() -> Glyph? {
    if spaces > 0 {
      spaces -= 1
      return give(" ", width: 1)
    }
    if let letter = afterCaret {
      afterCaret = nil
      return give(letter, width: 1)
    }
    while let scalar = take() {
      switch ScalarKind(scalar) {
      case .printable(let width): return give(scalar, width: width)
      case .mark: return orphan(scalar)
      case .omitted, .hidden: return give("\u{fffd}", width: 1)
      case .control: return control(scalar)
      }
    }
    return nil
  }

  private mutating func take() -> Unicode.Scalar? {
    defer { if ahead != nil { ahead = scalars.next() } }
    return ahead
  }

  /// Gives `base` with the marks that follow it.
  private mutating func give(_ base: Unicode.Scalar, width: Int) -> Glyph {
    var glyph = Glyph(base: base, width: width)
    column += width
    // The common case costs one comparison: no mark lies below U+0300.
    while afterCaret == nil, spaces == 0, let scalar = ahead, scalar.value >= 0x300 {
      switch ScalarKind(scalar) {
      case .mark:
        if glyph.marks.count < TerminalText.markLimit { glyph.marks.append(scalar) }
      // After ASCII it joins nothing, and would make two names look alike.
      case .omitted where base.value >= 0x80: break
      default: return glyph
      }
      ahead = scalars.next()
    }
    return glyph
  }

  private mutating func orphan(_ mark: Unicode.Scalar) -> Glyph {
    var glyph = give("\u{25cc}", width: 1)
    glyph.marks.insert(mark, at: 0)
    if glyph.marks.count > TerminalText.markLimit { glyph.marks.removeLast() }
    return glyph
  }

  private mutating func control(_ scalar: Unicode.Scalar) -> Glyph {
    switch scalar {
    case "\t":
      spaces = TerminalText.tabWidth - column % TerminalText.tabWidth - 1
      return give(" ", width: 1)
    case "\n" where lineBreaks == .keep:
      column = 0
      return Glyph(base: "\n", width: 0)
    case "\r" where lineBreaks == .keep && ahead == "\n":
      _ = take()
      column = 0
      return Glyph(base: "\n", width: 0)
    default:
      afterCaret = Unicode.Scalar(UInt8(truncatingIfNeeded: scalar.value) ^ 0x40)
      return give("^", width: 1)
    }
  }
}

/// What may be done with a scalar on a terminal.
enum ScalarKind {
  case printable(width: Int)
  /// Joins the character before it and takes no cell.
  case mark
  /// Changes how its base is drawn and takes no cell; terminals disagree about its effect on widths.
  case omitted
  /// Shown as U+FFFD, since it would be invisible, or would reorder what stands around it.
  case hidden
  /// C0 or DEL.
  case control

  init(_ scalar: Unicode.Scalar) {
    switch scalar.value {
    case 0x20..<0x7f: self = .printable(width: 1)
    case 0..<0x20, 0x7f: self = .control
    case 0x80..<0xa0: self = .hidden
    case 0xad: self = .hidden
    case 0xa0..<0x300: self = .printable(width: 1)
    // Variation selectors and joiners: modern terminals change the width of an emoji by them,
    // ncurses does not.
    case 0xfe00...0xfe0f, 0x200c, 0x200d, 0xe0100...0xe01ef: self = .omitted
    // Bidirectional marks, embeddings, overrides and isolates.
    case 0x61c, 0x200e, 0x200f, 0x202a...0x202e, 0x2066...0x2069: self = .hidden
    // Zero-width and invisible characters, line separators, annotations, tags, and the fillers of
    // Hangul, which are letters that show nothing.
    case 0x180e, 0x200b, 0x2028, 0x2029, 0x2060...0x2065, 0x206a...0x206f, 0xfeff,
      0xfff9...0xfffb, 0xe0000...0xe00ff, 0x115f, 0x1160, 0x3164, 0xffa0:
      self = .hidden
    case 0xfffd: self = .printable(width: 1)
    default:
      switch TextWidth.cells(of: scalar) {
      case 0:
        // A mark is seen on its base; whatever else takes no cell is not seen at all.
        let properties = scalar.properties
        let isInvisible =
          properties.isDefaultIgnorableCodePoint || properties.generalCategory == .format
        self = isInvisible ? .hidden : .mark
      case 1: self = .printable(width: 1)
      case 2: self = .printable(width: 2)
      default: self = .hidden
      }
    }
  }
}
