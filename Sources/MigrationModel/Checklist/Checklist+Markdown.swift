import Diagnostics

extension Checklist {
  /// Reads a team's own task list as it is.
  ///
  /// An item is a list entry with a box (`- [ ]`, `* [x]`, `1. [ ]`), or a line that begins with a drawn
  /// one (`□`, `☐`, `☑`, `☒`). A box that is ticked in the file proves nothing: the file is the same for
  /// every migration. Headings are sections. What stands between code fences is an example, unless no item
  /// stands outside of them; what is commented out is left out. `<!-- proof: rollback -->` on the line of
  /// an item or the next one says how Lockstep proves it.
  ///
  /// Source: GitHub Flavored Markdown 0.29, "Task list items", "Fenced code blocks", "HTML blocks".
  ///
  /// - Parameters:
  ///   - text: Whatever the file holds.
  ///   - file: As diagnostics name it.
  /// - Throws: `Refusal` where a proof is named that there is not, or no item is found.
  public init(markdown text: String, file: String = "checklist") throws(Refusal) {
    var reader = TaskListReader(file: file)
    for line in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
      reader.read(line)
    }
    if let fault = reader.fault { throw Refusal(fault) }
    let isFenced = !reader.tasks.contains { !$0.isFenced }
    let tasks = reader.tasks.filter { $0.isFenced == isFenced }
    guard !tasks.isEmpty else {
      throw Refusal(
        .error(
          code: "configuration", "the checklist holds no task", at: SourceLocation(file: file),
          next: "write each as a line of its own: - [ ] Roll it back on a copy"))
    }
    let title = reader.title ?? tasks.compactMap(\.section).first ?? "Checklist"
    var ids: Set<String> = []
    let items = tasks.map { task -> ChecklistItem in
      let section = task.section == title ? nil : task.section
      var item = ChecklistItem(
        id: task.proof?.rawValue ?? Self.slug(task.title), title: task.title, proof: task.proof,
        section: section)
      if task.proof != nil, ids.contains(item.id) { item.id = Self.slug(task.title) }
      let stem = item.id
      var number = 2
      while !ids.insert(item.id).inserted {
        item.id = "\(stem)-\(number)"
        number += 1
      }
      return item
    }
    self.init(title: title, items: items)
  }

  /// Letters and digits of a text in lower case, joined by dashes; never the word of a proof, whose
  /// records would count for it.
  private static func slug(_ title: String) -> String {
    var slug = ""
    for character in title.lowercased() {
      if character.isLetter || character.isNumber {
        slug.append(character)
      } else if !slug.isEmpty, slug.last != "-" {
        slug.append("-")
      }
      if slug.count >= 60 { break }
    }
    while slug.last == "-" { slug.removeLast() }
    if slug.isEmpty { slug = "task" }
    return CheckProof(rawValue: slug) == nil ? slug : "\(slug)-task"
  }
}

/// Reads a Markdown file line by line for its tasks.
private struct TaskListReader {
  struct Task {
    var title: String
    var section: String?
    var proof: CheckProof?
    var isFenced: Bool
  }

  let file: String
  private(set) var tasks: [Task] = []
  /// The first heading of the first level.
  private(set) var title: String?
  private(set) var fault: Diagnostic?

  private var number = 0
  private var section: String?
  /// The mark that ends the fence that is open.
  private var fence: (mark: Character, length: Int)?
  private var isInComment = false
  /// Whether the last line was an item, or went on with one.
  private var isInItem = false
  /// Whether the last line was an item, so that this one may name its proof.
  private var isBehindItem = false
  /// A line of plain text, which a line of `=` or `-` makes a heading.
  private var paragraph: String?

  init(file: String) { self.file = file }

  mutating func read(_ whole: Substring) {
    number += 1
    let wasBehindItem = isBehindItem
    isBehindItem = false
    var (line, comments) = withoutComments(String(whole.prefix(4000)))
    while line.last?.isWhitespace == true { line.removeLast() }
    let indent = line.prefix { $0.isWhitespace }.count
    var rest = line.dropFirst(indent)
    while rest.first == ">" { rest = rest.dropFirst().drop { $0.isWhitespace } }
    if !comments.isEmpty, rest.isEmpty {
      if wasBehindItem { takeProof(comments) }
      return
    }
    if takeFence(rest) { return endItem() }
    if fence == nil, takeHeading(rest) { return endItem() }
    if let text = TaskListReader.task(rest) {
      paragraph = nil
      tasks.append(
        Task(
          title: TaskListReader.plain(text), section: section, proof: nil, isFenced: fence != nil))
      isInItem = true
      isBehindItem = true
      return takeProof(comments)
    }
    let isList = TaskListReader.withoutListMark(rest) != nil
    if isInItem, indent >= 2, !rest.isEmpty, !isList, fence == nil, let last = tasks.indices.last {
      tasks[last].title = TaskListReader.plain("\(tasks[last].title) \(rest)")
      isBehindItem = true
      return takeProof(comments)
    }
    endItem()
    paragraph = rest.isEmpty || isList || fence != nil ? nil : String(rest)
  }

  private mutating func endItem() {
    isInItem = false
    paragraph = nil
  }

  // MARK: Pieces of a line

  /// Takes comments out, which may reach over several lines.
  private mutating func withoutComments(_ line: String) -> (text: String, comments: [Substring]) {
    // What a fence shows is no comment.
    guard fence == nil else { return (line, []) }
    var rest = line[...]
    var text = ""
    var comments: [Substring] = []
    while !rest.isEmpty {
      if isInComment {
        let parts = TaskListReader.divide(rest, at: "-->")
        comments.append(parts.before)
        guard let after = parts.after else { return (text, comments) }
        isInComment = false
        rest = after
      } else {
        let parts = TaskListReader.divide(rest, at: "<!--")
        text += parts.before
        guard let after = parts.after else { break }
        isInComment = true
        rest = after
        if rest.isEmpty { comments.append("") }
      }
    }
    return (text, comments)
  }

  private static func divide(
    _ text: Substring, at mark: String
  ) -> (before: Substring, after: Substring?) {
    var index = text.startIndex
    while index < text.endIndex {
      if text[index...].hasPrefix(mark) {
        return (text[..<index], text[index...].dropFirst(mark.count))
      }
      index = text.index(after: index)
    }
    return (text, nil)
  }

  private mutating func takeProof(_ comments: [Substring]) {
    for comment in comments {
      let words = comment.split(whereSeparator: \.isWhitespace).joined(separator: " ")
      guard words.lowercased().hasPrefix("proof:"), let last = tasks.indices.last else { continue }
      let word = words.dropFirst("proof:".count).drop { $0 == " " }.lowercased()
      if let proof = CheckProof(rawValue: word) {
        tasks[last].proof = proof
      } else if fault == nil {
        let known = CheckProof.allCases.map(\.rawValue)
        fault = .error(
          code: "configuration", "there is no proof \"\(word.prefix(60))\"",
          at: SourceLocation(file: file, line: number),
          next: nearest(to: word, among: known).map { "did you mean <!-- proof: \($0) -->?" }
            ?? "one of \(known.joined(separator: ", "))")
      }
    }
  }

  private mutating func takeFence(_ rest: Substring) -> Bool {
    guard let mark = rest.first, mark == "`" || mark == "~" else { return false }
    let length = rest.prefix { $0 == mark }.count
    if let open = fence {
      // Anything behind the marks makes it a line of the example.
      guard open.mark == mark, length >= open.length, rest.dropFirst(length).isEmpty else {
        return false
      }
      fence = nil
      return true
    }
    guard length >= 3, mark == "~" || !rest.dropFirst(length).contains("`") else { return false }
    fence = (mark, length)
    return true
  }

  private mutating func takeHeading(_ rest: Substring) -> Bool {
    let level = rest.prefix { $0 == "#" }.count
    if (1...6).contains(level), rest.dropFirst(level).first.map(\.isWhitespace) ?? true {
      var text = rest.dropFirst(level).drop { $0.isWhitespace }
      // A closing row of marks is no part of it.
      let closing = text.reversed().prefix { $0 == "#" }.count
      if closing > 0, text.dropLast(closing).last.map(\.isWhitespace) ?? true {
        text = text.dropLast(closing)
      }
      begin(TaskListReader.plain(String(text)), level: level)
      return true
    }
    guard let paragraph, let mark = rest.first, mark == "=" || mark == "-",
      rest.allSatisfy({ $0 == mark })
    else { return false }
    begin(TaskListReader.plain(paragraph), level: mark == "=" ? 1 : 2)
    return true
  }

  private mutating func begin(_ heading: String, level: Int) {
    section = heading.isEmpty ? nil : heading
    if level == 1, title == nil { title = section }
  }

  /// The text behind the box of an item; `nil` where the line is none.
  private static func task(_ line: Substring) -> String? {
    let inside = withoutListMark(line)
    let rest = inside ?? line
    if let box = rest.first, "□☐☑☒▢✅".contains(box) {
      return String(rest.dropFirst().drop { $0.isWhitespace || $0 == "\u{fe0f}" })
    }
    guard inside != nil, rest.first == "[" else { return nil }
    let mark = rest.dropFirst().first
    guard let mark, mark == "x" || mark == "X" || mark.isWhitespace,
      rest.dropFirst(2).first == "]", rest.dropFirst(3).first?.isWhitespace == true
    else { return nil }
    return String(rest.dropFirst(3).drop { $0.isWhitespace })
  }

  /// The line behind `-`, `*`, `+`, `1.` or `1)`; `nil` where it is no entry of a list.
  private static func withoutListMark(_ line: Substring) -> Substring? {
    var rest = line
    if let first = rest.first, "-*+".contains(first) {
      rest = rest.dropFirst()
    } else {
      let digits = rest.prefix { $0.isASCII && $0.isNumber }
      guard (1...9).contains(digits.count) else { return nil }
      rest = rest.dropFirst(digits.count)
      guard rest.first == "." || rest.first == ")" else { return nil }
      rest = rest.dropFirst()
    }
    guard rest.first?.isWhitespace == true else { return nil }
    return rest.drop { $0.isWhitespace }
  }

  /// The words of a text without emphasis, code marks and the places of links, on one line.
  private static func plain(_ text: String) -> String {
    var result = ""
    var rest = text[...]
    while let character = rest.first {
      if character == "\\", let next = rest.dropFirst().first, next.isPunctuation || next.isSymbol {
        result.append(next)
        rest = rest.dropFirst(2)
      } else if character == "[", let link = link(rest) {
        result += plain(String(link.text))
        rest = link.rest
      } else if character == "`" || rest.hasPrefix("**") || rest.hasPrefix("__")
        || rest.hasPrefix("~~")
      {
        rest = rest.dropFirst(character == "`" ? 1 : 2)
      } else {
        result.append(character)
        rest = rest.dropFirst()
      }
    }
    let isHarmless: (Unicode.Scalar) -> Bool = {
      $0.properties.generalCategory != .control && $0.properties.generalCategory != .format
    }
    var words = ""
    for scalar in result.unicodeScalars {
      words.unicodeScalars.append(isHarmless(scalar) ? scalar : " ")
    }
    let line = words.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    return line.count > 300 ? "\(line.prefix(299))…" : line
  }

  private static func link(_ text: Substring) -> (text: Substring, rest: Substring)? {
    let parts = divide(text.dropFirst(), at: "](")
    guard let after = parts.after, !parts.before.contains("["),
      let end = after.firstIndex(of: ")")
    else { return nil }
    return (parts.before, after[after.index(after: end)...])
  }
}
