import Diagnostics
import MigrationModel
import PostgresModel

/// The commands of the `:` line.
enum DashboardCommands {
  static let all: [DashboardCommand] = [
    DashboardCommand(
      ["apply", "up"], "[V|all]",
      "plans to apply the next one, all up to V, or all that is pending",
      arguments: [.wordsOrVersion(["all"])], perform: apply),
    DashboardCommand(
      ["to"], "V", "plans to apply up to V, or to roll back all above it", arguments: [.version],
      perform: moveTo),
    DashboardCommand(
      ["rollback", "down", "revert"], "[N]", "plans to roll back the last N, or the last",
      arguments: [.free], perform: rollBack),
    DashboardCommand(
      ["redo"], "", "plans to roll back the last and to apply it again",
      perform: { model, _ in model.plan(.redo(count: 1)) }),
    DashboardCommand(
      ["resume"], "V", "plans to go on with V, whose run broke off outside a transaction",
      arguments: [.version],
      perform: { model, words in
        guard let text = words.first else { return model.misused("resume") }
        return model.withVersion(text) { $0.plan(.resume($1.version)) }
      }),
    DashboardCommand(
      ["mark"], "V applied|pending", "plans to record V as applied or pending without running it",
      arguments: [.version, .words(["applied", "pending"])], perform: mark),
    DashboardCommand(
      ["rename"], "V|FILE", "gives a pending migration the next free version",
      arguments: [.version], perform: rename),
    DashboardCommand(
      ["arm"], "[DURATION]", "permits writing for a while, 5m when nothing is said",
      arguments: [.words(["5m", "15m", "1h"])], perform: arm),
    DashboardCommand(
      ["budget"], "[DURATION|off]",
      "how long one attempt of a run waits for a lock before it gives its place back",
      arguments: [.words(["2s", "5s", "off"])], perform: budget),
    DashboardCommand(["disarm"], "", "makes the session read-only again", perform: disarm),
    DashboardCommand(
      ["locks"], "[tree|table]", "shows the locks alone", arguments: [.words(["tree", "table"])],
      perform: locks),
    DashboardCommand(
      ["cancel"], "[PID]", "opens what cancelling a session's statement would do",
      arguments: [.session], perform: { model, words in signal(.cancel, &model, words) }),
    DashboardCommand(
      ["end", "kill", "terminate"], "[PID]", "opens what ending a session would do",
      arguments: [.session], perform: { model, words in signal(.end, &model, words) }),
    DashboardCommand(
      ["check"], "[V|all] [ITEM]",
      "proves what is not settled of the checklist of V, or of all that is pending",
      arguments: [.wordsOrVersion(["all"]), .item], perform: check),
    DashboardCommand(
      ["checklist"], "[NAME]",
      "looks at another of Lockstep's checklists, or at the project's own again",
      arguments: [.words(Checklists.all.map(\.name))],
      perform: { model, words in
        guard let name = words.first else {
          model.facts.checks.choose(nil)
          return []
        }
        guard Checklists.named(name) != nil else { return model.misused("checklist") }
        model.facts.checks.choose(name)
        model.focus(on: ChecksPane.key)
        return []
      }),
    DashboardCommand(
      ["rehearse"], "[V|all]", "runs what is pending, up to V, on a scratch copy and tells",
      arguments: [.wordsOrVersion(["all"])],
      perform: { model, words in
        switch words.first {
        case nil: model.rehearse(model.facts.selected?.version)
        case "all": model.rehearse(nil)
        case let text?: model.withVersion(text) { $0.rehearse($1.version) }
        }
      }),
    DashboardCommand(
      ["sign"], "[NOTE]", "signs the selected item of the checklist", arguments: [.free],
      perform: { model, words in model.ask(.sign, saying: words.joined(separator: " ")) }),
    DashboardCommand(
      ["waive"], "REASON", "leaves the selected item of the checklist out", arguments: [.free],
      perform: { model, words in model.ask(.waive, saying: words.joined(separator: " ")) }),
    DashboardCommand(
      ["note"], "TEXT", "adds a note to the selected item of the checklist", arguments: [.free],
      perform: { model, words in model.ask(.note, saying: words.joined(separator: " ")) }),
    DashboardCommand(
      ["undo"], "", "takes the last word on the selected item of the checklist back",
      perform: { model, _ in model.perform(.takeBack) }),
    DashboardCommand(
      ["export"], "[md|html|json]", "saves the selected migration's checklist to a file",
      arguments: [.words(CheckReportForm.allCases.map(\.rawValue))],
      perform: { model, words in
        guard let form = CheckReportForm(rawValue: words.first ?? "md") else {
          return model.misused("export")
        }
        return model.exportChecks(form)
      }),
    DashboardCommand(
      ["evidence"], "", "saves checklist, evidence and the migration's files in a folder",
      perform: { model, _ in model.perform(.saveEvidence) }),
    DashboardCommand(
      ["filter"], "[TEXT]", "shows only what matches in this pane; ! inverts",
      arguments: [.free],
      perform: { model, words in
        model.applyFilter(words.joined(separator: " "))
        return []
      }),
    DashboardCommand(
      ["verify"], "", "asks the server itself who blocks whom",
      perform: { model, _ in model.perform(.verify) }),
    DashboardCommand(
      ["save"], "[txt|csv|json]", "saves what the pane shows to a file",
      arguments: [.words(ExportFormat.allCases.map(\.rawValue))],
      perform: { model, words in
        guard let word = words.first else { return model.save(.text) }
        guard let format = ExportFormat(rawValue: word) else { return model.misused("save") }
        return model.save(format)
      }),
    DashboardCommand(
      ["interval"], "DURATION", "asks the server this often",
      arguments: [.words(["1s", "2s", "5s"])],
      perform: interval),
    DashboardCommand(["reload"], "", "reads folder and history anew") { model, _ in
      model.perform(.reload)
    },
    DashboardCommand(
      ["theme"], "dark|light", "changes the palette", arguments: [.words(["dark", "light"])],
      perform: theme),
    DashboardCommand(
      ["pane"], "N", "goes to a pane by number", arguments: [.free],
      perform: { model, words in
        guard let number = words.first.flatMap({ Int($0) }) else { return model.misused("pane") }
        return model.perform(.focus(number))
      }),
    DashboardCommand(["help"], "", "shows the keys and these commands") { model, _ in
      model.perform(.help)
    },
    DashboardCommand(["quit", "q"], "", "leaves") { model, _ in model.perform(.quit) },
  ]

  /// Returns the command of that name.
  static func named(_ name: String) -> DashboardCommand? {
    all.first { $0.names.contains(name) }
  }

  // MARK: - What they do

  private static func apply(_ model: inout Model, _ words: [String]) -> [Effect] {
    switch words.first {
    case nil: model.plan(.up(to: nil, count: 1, allowOutOfOrder: false))
    case "all": model.plan(.up(to: nil, count: nil, allowOutOfOrder: false))
    case let text?:
      model.withVersion(text) { $0.plan(.up(to: $1.version, count: nil, allowOutOfOrder: false)) }
    }
  }

  private static func check(_ model: inout Model, _ words: [String]) -> [Effect] {
    let items = Array(words.dropFirst())
    let known = model.facts.checks.checklist?.items.map(\.id) ?? []
    if let unknown = items.first(where: { !known.contains($0) }) {
      let near = nearest(to: unknown, among: known).map { "; did you mean \($0)?" } ?? ""
      model.say("there is no item \(unknown) in the checklist" + near, .warning)
      return []
    }
    switch words.first {
    case nil: return model.prove(model.facts.selected?.version)
    case "all": return model.prove(nil, items: items)
    case let text?: return model.withVersion(text) { $0.prove($1.version, items: items) }
    }
  }

  private static func moveTo(_ model: inout Model, _ words: [String]) -> [Effect] {
    guard let text = words.first else { return model.misused("to") }
    if Version(text).isZero { return model.plan(.down(to: Version(text), count: nil)) }
    return model.withVersion(text) { model, migration in
      model.plan(
        migration.state == .applied
          ? .down(to: migration.version, count: nil)
          : .up(to: migration.version, count: nil, allowOutOfOrder: false))
    }
  }

  private static func rollBack(_ model: inout Model, _ words: [String]) -> [Effect] {
    guard let text = words.first else { return model.plan(.down(to: nil, count: 1)) }
    guard let count = Int(text), count > 0, count < 1000 else { return model.misused("rollback") }
    return model.plan(.down(to: nil, count: count))
  }

  private static func mark(_ model: inout Model, _ words: [String]) -> [Effect] {
    guard words.count == 2 else { return model.misused("mark") }
    let state: MigrationStatus.State
    switch words[1] {
    case "applied": state = .applied
    case "pending": state = .pending
    default: return model.misused("mark")
    }
    return model.withVersion(words[0]) {
      $0.plan(.mark(.versions([$1.version]), as: state))
    }
  }

  private static func rename(_ model: inout Model, _ words: [String]) -> [Effect] {
    guard let text = words.first else { return model.misused("rename") }
    if case .readOnly(.commandLine) = model.facts.access {
      model.say("started with --read-only: files are left alone, too", .warning)
      return []
    }
    guard let status = model.facts.picture.status, model.facts.picture.knowsStates,
      let layout = Layouts.named(status.layout)
    else {
      model.say("the history has not been read yet", .warning)
      return []
    }
    do {
      return [
        .rename(
          try Renaming.proposal(for: text, status: status, layout: layout, now: model.facts.now))
      ]
    } catch {
      model.say(error.diagnostic)
      return []
    }
  }

  private static func arm(_ model: inout Model, _ words: [String]) -> [Effect] {
    if case .readOnly(.commandLine) = model.facts.access {
      model.say("started with --read-only: start without it to write", .warning)
      return []
    }
    let text = words.first ?? "5m"
    guard let milliseconds = DurationText.milliseconds(text), milliseconds >= 1000,
      milliseconds <= 86_400_000
    else { return model.misused("arm") }
    model.facts.access = .armed(
      until: Instant(microseconds: model.facts.now.microseconds + Int64(milliseconds) * 1000))
    model.say("armed: this session may write to \(model.facts.target.place)", .warning)
    return []
  }

  private static func budget(_ model: inout Model, _ words: [String]) -> [Effect] {
    let current = model.facts.lockBudget
    var wanted = current
    switch words.first {
    case nil: break
    case "off": wanted = .off
    case let text?:
      guard let milliseconds = DurationText.milliseconds(text),
        (10...3_600_000).contains(milliseconds)
      else { return model.misused("budget") }
      wanted = .filled(
        timeout: .milliseconds(milliseconds), attempts: current.isOn ? current.attempts : nil,
        victims: current.isOn ? current.victims : nil)
    }
    if model.facts.target.isProtected, let limit = current.timeout,
      wanted.timeout.map({ $0 > limit }) ?? true
    {
      let word = model.facts.target.word ?? "this database"
      model.say("\(word) is protected: only lockstep.json makes its budget longer", .warning)
      return []
    }
    model.facts.lockBudget = wanted
    let isLater = model.facts.isRunning && wanted != current
    model.say(wanted.words + (isLater ? "; the run at work keeps its own" : ""))
    return []
  }

  private static func disarm(_ model: inout Model, _ words: [String]) -> [Effect] {
    if case .armed = model.facts.access { model.facts.access = .readOnly(.start) }
    model.say("read-only")
    return []
  }

  private static func locks(_ model: inout Model, _ words: [String]) -> [Effect] {
    switch words.first {
    case nil: break
    case "tree": model.facts.locks.form = .tree
    case "table": model.facts.locks.form = .table
    default: return model.misused("locks")
    }
    return model.perform(.openLocks)
  }

  private static func signal(
    _ action: AuditEvent.Action, _ model: inout Model, _ words: [String]
  ) -> [Effect] {
    guard let text = words.first else { return model.openSignal(action) }
    guard words.count == 1, let pid = Int32(text) else {
      return model.misused(action == .cancel ? "cancel" : "end")
    }
    return model.openSignal(action, on: .session(pid: pid))
  }

  private static func interval(_ model: inout Model, _ words: [String]) -> [Effect] {
    guard let milliseconds = words.first.flatMap(DurationText.milliseconds),
      (250...60_000).contains(milliseconds)
    else {
      model.say("an interval lies between 0.25s and 60s", .warning)
      return []
    }
    model.facts.intervalMilliseconds = milliseconds
    return []
  }

  private static func theme(_ model: inout Model, _ words: [String]) -> [Effect] {
    guard let theme = words.first.flatMap(Look.Theme.init(rawValue:)) else {
      return model.misused("theme")
    }
    model.facts.look.theme = theme
    return [.repaint]
  }
}

/// Durations as they are typed: `200ms`, `5s`, `2min`, `5m`, `1h`; a bare number is seconds.
enum DurationText {
  /// Returns `nil` for anything else, and for what would not fit.
  static func milliseconds(_ text: String) -> Int? {
    let number = text.prefix { $0.isNumber || $0 == "." }
    guard let value = Double(number), value.isFinite, value < 1_000_000_000 else { return nil }
    let factor: Double
    switch text.dropFirst(number.count).lowercased() {
    case "ms": factor = 1
    case "", "s", "sec": factor = 1000
    case "m", "min": factor = 60_000
    case "h": factor = 3_600_000
    default: return nil
    }
    return Int(value * factor)
  }
}
