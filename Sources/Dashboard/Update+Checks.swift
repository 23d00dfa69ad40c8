import Canvas
import Diagnostics
import MigrationModel
import PostgresModel

/// What a person is asked about an item of a checklist.
struct CheckQuestion: Sendable, Hashable {
  enum Kind: Sendable, Hashable {
    case sign, waive, note
  }

  var kind: Kind
  var version: Version
  /// Of the content that the person has seen.
  var checksum: String
  var item: ChecklistItem

  /// What stands before the line that is typed; most of a line is left for that.
  func words(columns: Int) -> String {
    let title = TextWidth.clip(item.title, to: columns * 2 / 5 - 8)
    return switch kind {
    case .sign: columns < 60 ? "sign, note: " : "sign \"\(title)\", note if any: "
    case .waive: columns < 60 ? "waive, reason: " : "waive \"\(title)\", reason: "
    case .note: columns < 60 ? "note: " : "note on \"\(title)\": "
    }
  }
}

extension Model {
  // MARK: - Proving

  /// Why nothing can be proven or rehearsed now.
  private var obstacleToChecking: String? {
    if case .readOnly(.commandLine) = facts.access {
      return "started with --read-only: a check makes a scratch copy and keeps what it finds"
    }
    if facts.checks.isRunning { return "a check is under way: ^C cancels it" }
    if facts.isRunning { return "a run is in flight: its locks would keep the copy waiting" }
    if facts.connection.server == nil || !facts.picture.knowsStates {
      return "nothing can be checked without the history: no connection"
    }
    return nil
  }

  /// Proves the selected item.
  mutating func proveSelected() -> [Effect] {
    guard let (checked, item) = selectedCheck() else { return [] }
    guard item.item.proof != nil else {
      say("nothing but a person's word settles \"\(item.item.title)\": Space signs it")
      return []
    }
    return prove(checked.version, items: [item.item.id])
  }

  /// Proves items of a migration.
  ///
  /// - Parameters:
  ///   - version: `nil`: all that are pending.
  ///   - items: None: those that are not settled.
  mutating func prove(_ version: Version?, items: [String] = []) -> [Effect] {
    guard let checklist = checklist() else { return [] }
    if let obstacle = obstacleToChecking {
      say(obstacle, .warning)
      return []
    }
    let migrations = wanted(version)
    guard !migrations.isEmpty else {
      say("nothing is pending: `:check V` proves the checklist of an applied one")
      return []
    }
    let count = (items.isEmpty ? checklist.items.count : items.count) * migrations.count
    begin(.check, version, migrations, wanted: count)
    let what = items.isEmpty ? subject(version) : "1 item of \(subject(version))"
    say("proving \(what): the database is only read; a scratch copy is made and dropped")
    return [.check(version, items: items)]
  }

  /// Runs what is pending up to a version on a scratch copy; one that is applied is rolled back there first.
  mutating func rehearse(_ version: Version?) -> [Effect] {
    if let obstacle = obstacleToChecking {
      say(obstacle, .warning)
      return []
    }
    let migrations = wanted(version)
    guard let first = migrations.first, let project = facts.picture.status else {
      say("nothing is pending: `:rehearse V` rehearses an applied one")
      return []
    }
    let isApplied = first.state == .applied
    if isApplied, let obstacle = RehearsalCourse.obstacle(to: first, in: project) {
      say(obstacle.what, .warning)
      return []
    }
    begin(.rehearsal, version, migrations, wanted: nil)
    let copy = isApplied ? "on a scratch copy it is rolled back first" : "a scratch copy is made"
    say(
      "rehearsing \(subject(version)): the database is only read; \(copy)"
        + (isApplied ? "" : " and dropped"))
    return [.rehearse(version)]
  }

  private func subject(_ version: Version?) -> String { version?.text ?? "all that is pending" }

  private func wanted(_ version: Version?) -> [MigrationStatus] {
    let migrations = facts.picture.status?.migrations ?? []
    guard let version else { return migrations.filter { $0.state == .pending } }
    return migrations.filter { $0.version == version }
  }

  private mutating func begin(
    _ kind: CheckLog.Kind, _ version: Version?, _ migrations: [MigrationStatus], wanted: Int?
  ) {
    var checksums: [Version: String] = [:]
    for status in migrations {
      checksums[status.version] = status.migration?.contentChecksum.hexadecimal
    }
    facts.checks.log = CheckLog(
      kind, of: version, wanted: wanted, checksums: checksums, at: facts.now)
    if let pane = panes.first(where: { $0.slot == .checks })?.number {
      raised.removeAll { $0 == pane }
      raised.insert(pane, at: 0)
    }
  }

  /// Ends what is being proven; nothing of the database has changed.
  mutating func cancelCheck() -> [Effect] {
    facts.checks.log?.isCancelling = true
    say("cancelling: the scratch copy is dropped; nothing of the database has changed", .warning)
    return [.cancelCheck]
  }

  /// Takes in how a check goes on.
  mutating func take(_ step: CheckStep) {
    guard facts.checks.isRunning else { return }
    if case .settled(let version, let item) = step,
      let checksum = facts.checks.log?.checksums[version]
    {
      facts.checks.settle(
        item, of: version, checksum: checksum, environment: facts.target.environment)
    }
    facts.checks.log?.take(step)
  }

  /// Notes that a check has ended, and says what came of it.
  mutating func endCheck(_ word: LastWord, _ report: RehearsalReport? = nil, at: Instant)
    -> [Effect]
  {
    facts.now = max(facts.now, at)
    facts.checks.log?.end(report, at: at)
    lastWord = word
    return []
  }

  // MARK: - What a person says

  /// The checklist; says why there is none.
  private mutating func checklist() -> Checklist? {
    if let checklist = facts.checks.checklist { return checklist }
    if let problem = facts.checks.problem { say(problem) } else { say("no checklist yet") }
    return nil
  }

  /// The migration and the item that are selected; says why there are none.
  private mutating func selectedCheck() -> (CheckedMigration, CheckedItem)? {
    guard checklist() != nil else { return nil }
    guard let status = facts.selectedMigration, let checked = facts.checked(status) else {
      say("no migration with a file is selected")
      return nil
    }
    guard let item = checked.items.first(where: { $0.item.id == facts.checks.selected }) else {
      say("no item of the checklist is selected")
      return nil
    }
    return (checked, item)
  }

  /// Why nothing can be kept now.
  private var obstacleToKeeping: String? {
    if case .readOnly(.commandLine) = facts.access {
      return "started with --read-only: the journal is left alone, too"
    }
    return facts.connection.server == nil
      ? "no connection: the journal keeps of which database something was said" : nil
  }

  /// Asks what is to be said of the selected item.
  mutating func ask(_ kind: CheckQuestion.Kind, saying text: String? = nil) -> [Effect] {
    guard let (checked, item) = selectedCheck() else { return [] }
    if let obstacle = obstacleToKeeping ?? obstacle(to: kind, item) {
      say(obstacle, .warning)
      return []
    }
    let question = CheckQuestion(
      kind: kind, version: checked.version, checksum: checked.checksum, item: item.item)
    if let text { return say(text, to: question, Prompt(.word(question))) }
    return prompt(.word(question))
  }

  /// Why a word would settle nothing, or must be another one.
  private func obstacle(to kind: CheckQuestion.Kind, _ item: CheckedItem) -> String? {
    switch (kind, item.status) {
    case (.note, _): nil
    case (.sign, .failed):
      "\"\(item.item.title)\" has failed: v proves it again, W leaves it out with a reason"
    case (.sign, .passed), (.waive, .passed): "\"\(item.item.title)\" is proven already"
    case (.sign, .notApplicable), (.waive, .notApplicable):
      "\"\(item.item.title)\" does not apply: nothing is left to say"
    case (.sign, .signed), (.waive, .waived):
      "\"\(item.item.title)\" is \(item.status.rawValue) already; u takes it back"
    default: nil
    }
  }

  /// Takes the line that was typed.
  mutating func say(_ line: String, to question: CheckQuestion, _ prompt: Prompt) -> [Effect] {
    let text = String(line.drop(while: \.isWhitespace))
    if text.isEmpty, question.kind != .sign {
      var prompt = prompt
      prompt.remark = question.kind == .waive ? "a reason is needed" : "nothing is written yet"
      overlay = .prompt(prompt)
      return []
    }
    let act: CheckRecord.Act =
      switch question.kind {
      case .sign: .signed(note: text.isEmpty ? nil : text)
      case .waive: .waived(reason: text)
      case .note: .noted(text)
      }
    return [
      .keepCheck(
        CheckWord(
          version: question.version, checksum: question.checksum, item: question.item.id, act: act))
    ]
  }

  /// Takes the last word of a person on the selected item back.
  mutating func takeBack() -> [Effect] {
    guard let (checked, item) = selectedCheck() else { return [] }
    if let obstacle = obstacleToKeeping {
      say(obstacle, .warning)
      return []
    }
    guard item.status == .signed || item.status == .waived else {
      say("nobody has signed or waived \"\(item.item.title)\"")
      return []
    }
    return [
      .keepCheck(
        CheckWord(
          version: checked.version, checksum: checked.checksum, item: item.item.id, act: .undone))
    ]
  }

  /// Takes over what was kept, and says so.
  mutating func kept(_ record: CheckRecord) -> [Effect] {
    facts.checks.add(record)
    let title =
      facts.checks.checklist?.items.first { $0.id == record.item }?.title ?? record.item
    switch record.act {
    case .signed: say("signed \"\(title)\": kept in the journal; u takes it back")
    case .waived: say("waived \"\(title)\": kept in the journal; u takes it back")
    case .noted: say("noted on \"\(title)\"")
    case .undone: say("taken back: \"\(title)\"")
    case .proven: break
    }
    return []
  }

  // MARK: - Taking it out

  /// Opens the command line at `:export`, where Tab offers the forms.
  mutating func promptExport() -> [Effect] { prompt(.command, text: "export ") }

  /// Saves the checklist of the selected migration.
  mutating func exportChecks(_ form: CheckReportForm) -> [Effect] {
    guard let checked = selectedMigrationChecked() else { return [] }
    let name =
      "lockstep-checks-\(fileName(checked.version))-\(facts.now.versionText).\(form.rawValue)"
    return [.saveChecks(checked, form, name: name)]
  }

  /// Saves checklist and evidence in every form, and the files that they are about, in a folder.
  mutating func saveEvidence() -> [Effect] {
    guard let checked = selectedMigrationChecked(), let status = facts.selectedMigration else {
      return []
    }
    var files: [String: String] = [:]
    for file in status.migration?.files ?? [] {
      files[file.name] = String(decoding: file.bytes, as: UTF8.self)
    }
    let folder = "lockstep-evidence-\(fileName(checked.version))-\(facts.now.versionText)"
    return [.saveEvidence(checked, files: files, folder: folder)]
  }

  /// A version as a part of a file's name; a history table may hold any text.
  private func fileName(_ version: Version) -> String {
    String(version.text.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
  }

  private mutating func selectedMigrationChecked() -> CheckedMigration? {
    guard checklist() != nil else { return nil }
    guard let status = facts.selectedMigration, let checked = facts.checked(status) else {
      say("no migration with a file is selected")
      return nil
    }
    return checked
  }
}
