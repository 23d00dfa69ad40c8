import Canvas

/// The line that is typed at the foot of the screen: a command, a search or a filter.
struct Prompt: Sendable {
  enum Kind: Sendable, Hashable {
    case command, search, filter
    /// What is to be said of an item of a checklist.
    case word(CheckQuestion)

    /// What stands before the line on a screen of some columns.
    func mark(columns: Int) -> String {
      switch self {
      case .command: ":"
      case .search: "/"
      case .filter: "&"
      case .word(let question): question.words(columns: columns)
      }
    }
  }

  var kind: Kind
  private(set) var text: [Character] = []
  /// Before which character the cursor stands.
  private(set) var cursor = 0
  /// Earlier lines, the latest last.
  private let history: [String]
  private var historyIndex: Int
  private var typed = ""
  /// What Tab offers at this point, and which of it stands in the line.
  private(set) var offers: [String] = []
  private(set) var offer: Int?
  private var offeredFrom = 0
  /// Why the line was not taken.
  var remark: String?

  init(_ kind: Kind, text: String = "", history: [String] = []) {
    self.kind = kind
    self.text = Array(text)
    cursor = text.count
    self.history = history
    historyIndex = history.count
  }

  var line: String { String(text) }

  /// What a key meant.
  enum Outcome: Sendable, Hashable {
    case editing
    case given(String)
    case dropped
  }

  /// Edits the line.
  ///
  /// - Parameter complete: Gives the words that may stand at the end of a line, and where they begin.
  mutating func handle(_ key: Key, complete: (String) -> (from: Int, words: [String])) -> Outcome {
    switch key {
    case .enter: return .given(line)
    case .escape, .control("g"): return .dropped
    case .tab, .shiftTab:
      completeLine(complete, forwards: key == .tab)
      return .editing
    default: break
    }
    offers = []
    offer = nil
    remark = nil
    switch key {
    case .character(let character): insert([character])
    // A pasted line break would otherwise end the line before it could be read.
    case .paste(let pasted): insert(pasted.map { $0.isNewline ? " " : $0 })
    case .backspace:
      if text.isEmpty { return .dropped }
      delete(from: cursor - 1)
    case .delete: delete(from: cursor)
    case .left: cursor = max(0, cursor - 1)
    case .right: cursor = min(text.count, cursor + 1)
    case .home, .control("a"): cursor = 0
    case .end, .control("e"): cursor = text.count
    case .control("u"):
      text.removeFirst(cursor)
      cursor = 0
    case .control("k"): text.removeLast(text.count - cursor)
    case .control("w"): deleteWord()
    case .up, .control("p"): recall(-1)
    case .down, .control("n"): recall(1)
    default: break
    }
    return .editing
  }

  private mutating func insert(_ characters: [Character]) {
    text.insert(contentsOf: characters, at: cursor)
    cursor += characters.count
  }

  private mutating func delete(from index: Int) {
    guard text.indices.contains(index) else { return }
    text.remove(at: index)
    cursor = index
  }

  private mutating func deleteWord() {
    var start = cursor
    while start > 0, text[start - 1] == " " { start -= 1 }
    while start > 0, text[start - 1] != " " { start -= 1 }
    text.removeSubrange(start..<cursor)
    cursor = start
  }

  private mutating func recall(_ step: Int) {
    guard history.indices.contains(historyIndex + step) || historyIndex + step == history.count
    else { return }
    if historyIndex == history.count { typed = line }
    historyIndex += step
    text = Array(historyIndex == history.count ? typed : history[historyIndex])
    cursor = text.count
  }

  private mutating func completeLine(
    _ complete: (String) -> (from: Int, words: [String]), forwards: Bool
  ) {
    if let offer, !offers.isEmpty {
      let count = offers.count
      take((offer + (forwards ? 1 : count - 1)) % count)
      return
    }
    let (from, words) = complete(line)
    guard !words.isEmpty else { return }
    offers = words
    offeredFrom = from
    take(forwards ? 0 : words.count - 1)
    // Nothing is left to choose from, so the next word may be completed.
    if words.count == 1 {
      text.append(" ")
      cursor = text.count
      offers = []
      offer = nil
    }
  }

  private mutating func take(_ index: Int) {
    offer = index
    text = Array(text.prefix(offeredFrom)) + Array(offers[index])
    cursor = text.count
  }

  /// Draws the line with its cursor, scrolled so that the cursor is seen.
  func view(columns: Int, palette: Palette) -> Frame {
    var frame = Frame(size: Size(columns: columns, rows: 1))
    let mark = frame.write(kind.mark(columns: columns), at: .zero, style: palette.key)
    let before = TextWidth.of(String(text.prefix(cursor)))
    let room = columns - mark
    guard room > 0 else { return frame }
    let skipping = max(0, before - room + 1)
    let rest = Rectangle(column: mark, row: 0, columns: room, rows: 1)
    let used = frame.write(
      line, at: rest.origin, style: palette.text, within: rest, overflow: .cut, skipping: skipping)
    frame.cursor = Point(column: min(columns - 1, mark + before - skipping), row: 0)
    if let remark {
      frame.write(
        remark, at: Point(column: mark + used + 2, row: 0), style: palette.warning)
    }
    guard !offers.isEmpty else { return frame }
    var column = mark + used + 3
    for (index, word) in offers.enumerated() where column < columns {
      let style = index == offer ? palette.selection : palette.dim
      column += frame.write(word, at: Point(column: column, row: 0), style: style) + 2
    }
    return frame
  }
}
