import Canvas
import Diagnostics
import MigrationModel

extension Model {
  /// Opens the line at the foot of the screen.
  mutating func prompt(_ kind: Prompt.Kind, text: String = "") -> [Effect] {
    overlay = .prompt(Prompt(kind, text: text, history: kind == .command ? commandHistory : []))
    return []
  }

  mutating func press(_ key: Key, in prompt: Prompt) -> [Effect] {
    var prompt = prompt
    let isCommand = prompt.kind == .command
    let outcome = prompt.handle(key) { line in
      isCommand ? completion(of: line) : (from: 0, words: [])
    }
    switch outcome {
    case .editing:
      overlay = .prompt(prompt)
      // A search shows where it leads while it is typed; a filter what it leaves.
      if prompt.kind == .search || prompt.kind == .filter { follow(prompt) }
      return []
    case .dropped:
      overlay = nil
      if prompt.kind == .search { applySearch("") }
      if prompt.kind == .filter { applyFilter("") }
      return []
    case .given(let line):
      overlay = nil
      switch prompt.kind {
      case .search:
        applySearch(line)
        let finds = panes.first { $0.number == focus }?.finds(line, facts) ?? true
        if !line.isEmpty, !finds { say("nothing matches / \(line)") }
      case .filter: applyFilter(line)
      case .command: return execute(line)
      case .word(let question): return say(line, to: question, prompt)
      }
      return []
    }
  }

  private mutating func follow(_ prompt: Prompt) {
    if prompt.kind == .search { applySearch(prompt.line) } else { applyFilter(prompt.line) }
  }

  mutating func applySearch(_ text: String) {
    _ = withPane(focus) {
      $0.find(text, &$1)
      return []
    }
  }

  mutating func applyFilter(_ text: String) {
    _ = withPane(focus) {
      $0.filter(text, &$1)
      return []
    }
  }

  // MARK: - Commands

  /// Carries out a line of the `:` prompt, and keeps it for the arrow keys.
  mutating func execute(_ line: String) -> [Effect] {
    let words = line.split(separator: " ").map(String.init)
    guard let name = words.first else { return [] }
    commandHistory.removeAll { $0 == line }
    commandHistory.append(line)
    guard let command = DashboardCommands.named(name) else {
      let names = DashboardCommands.all.flatMap(\.names)
      let hint = nearest(to: name, among: names).map { "; did you mean :\($0)?" } ?? "; ? lists all"
      say("there is no command :\(name)\(hint)", .warning)
      return []
    }
    return command.perform(&self, Array(words.dropFirst()))
  }

  /// Says how a command is written.
  mutating func misused(_ name: String) -> [Effect] {
    guard let command = DashboardCommands.named(name) else { return [] }
    say("\(command.synopsis)  \(command.summary)", .warning)
    return []
  }

  /// Does something with the migration of a version as it was typed.
  mutating func withVersion(
    _ text: String, _ body: (inout Model, MigrationStatus) -> [Effect]
  ) -> [Effect] {
    let migrations = facts.picture.status?.migrations ?? []
    let number = Version(text).number
    // The digits as they stand go before their number: a folder may hold both 1 and 001.
    let found =
      migrations.first { $0.version.text == text }
      ?? migrations.first { $0.version.number != nil && $0.version.number == number }
    guard let found else {
      let near = nearest(to: text, among: migrations.lazy.map(\.version.text))
      say("no migration \(text)" + (near.map { "; did you mean \($0)?" } ?? ""), .warning)
      return []
    }
    return body(&self, found)
  }

  /// What Tab may put at the end of a line, and at which character it begins.
  func completion(of line: String) -> (from: Int, words: [String]) {
    var words = line.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
    let last = words.popLast() ?? ""
    let from = line.count - last.count
    let given = words.filter { !$0.isEmpty }
    guard let name = given.first else {
      return (from, DashboardCommands.all.map { $0.names[0] }.filter { $0.hasPrefix(last) })
    }
    let place = given.count - 1
    guard let command = DashboardCommands.named(name), command.arguments.indices.contains(place)
    else { return (from, []) }
    switch command.arguments[place] {
    case .words(let words): return (from, words.filter { $0.hasPrefix(last) })
    case .version: return (from, versions(beginning: last))
    case .wordsOrVersion(let words):
      return (from, words.filter { $0.hasPrefix(last) } + versions(beginning: last))
    case .item:
      let items = facts.checks.checklist?.items.map(\.id) ?? []
      return (from, items.filter { $0.hasPrefix(last) })
    case .session: return (from, pids(beginning: last))
    case .free: return (from, [])
    }
  }

  /// The selected session first, then those that keep others waiting.
  private func pids(beginning text: String) -> [String] {
    let roots = facts.locks.scan.map { scan in
      scan.graph.roots.compactMap { scan.graph.nodes[$0].owner.pid }
    }
    let offered = [facts.locks.selected?.pid].compactMap { $0 } + (roots ?? [])
    var seen: Set<Int32> = []
    return offered.filter { seen.insert($0).inserted }.map(String.init)
      .filter { $0.hasPrefix(text) }
  }

  /// The nearest to the selection first, since that is most often meant.
  private func versions(beginning text: String) -> [String] {
    guard let migrations = facts.picture.status?.migrations else { return [] }
    let matching = migrations.map(\.version.text).filter { $0.hasPrefix(text) }
    guard let selected = facts.selected?.version.text, selected.hasPrefix(text) else {
      return Array(matching.prefix(50))
    }
    return [selected] + matching.filter { $0 != selected }.prefix(49)
  }
}
