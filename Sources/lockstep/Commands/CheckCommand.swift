import Diagnostics
import MigrationEngine
import MigrationModel
import PostgresModel

/// `lockstep check`: a checklist, proven as far as it can be, and signed for the rest.
struct CheckCommand: Command {
  let name = "check"
  let summary = "the staging validation checklist, without the screen"
  let operands = Operands(usage: "[VERSION…]", minimum: 0, maximum: nil, inWords: "versions")
  let options = [
    Options.checklist, Options.item, Options.sign, Options.waive, Options.undo, Options.note,
    Options.reason, Options.by.saying("who says it; else the author that git names here"),
    Options.known,
    Options.format.saying("text, json, github, markdown or html"), Options.outputFile,
    Options.decision,
    Options.mode, Options.sample, Options.statementTimeout,
  ]
  // Made when it is asked for: the commands themselves are made at every start.
  var discussion: [String] {
    [
      "Goes through a checklist for what is pending, or for the migrations that are named, applied ones "
        + "too. What can be proven is proven: pending migrations are rehearsed on a scratch copy first, "
        + "unless the last rehearsal was of the same files, and so are applied ones that can be rolled back "
        + "there. Every finding is kept in the journal with the "
        + "checksum of the files, and is stale when they change. For the rest a person signs, or waives "
        + "with a reason. With --mode or --sample they are rehearsed whatever was kept, on the copy "
        + "that is named; the result says on which copy each thing was seen.",
      "Ends with 1 if an item has failed, and also if one is open or stale: what nobody has seen has not "
        + "passed. An item that proves nothing yet, as \"applied\" does while a migration is pending, "
        + "is open. Name items with --item where a pipeline asks for some alone.",
      "Lists of its own: \(Checklists.all.map(\.name).joined(separator: ", ")). A Markdown file is taken as "
        + "it is: each line with a box is an item, headings are sections. <!-- proof: rollback --> on its "
        + "line or the next one lets Lockstep prove it; the proofs are "
        + "\(CheckProof.allCases.map(\.rawValue).joined(separator: ", ")). A box ticked in the file proves "
        + "nothing.",
      "Key queries (key_queries in lockstep.json: a folder, one query a file) are planned and run before "
        + "and after. Their comments may say what they may cost and with what they are run: "
        + "-- budget: 50ms, -- budget_buffers: 1000, -- params: 42, 'open'. Assertions (assertions: a "
        + "folder or a file) are queries that return issue and count; any count above 0 fails.",
    ]
  }
  let examples = [
    CommandExample("lockstep check", "everything that is pending"),
    CommandExample("lockstep check 0042 --item rollback", "prove one item anew"),
    CommandExample("lockstep check --mode clone", "prove all of it with every row"),
    CommandExample(
      "lockstep check 0042 --sign documentation --note 'wiki page 12'", "you have seen to it"),
    CommandExample(
      "lockstep check 0042 --waive contract --reason 'nobody reads it'", "you answer for it"),
    CommandExample("lockstep check --format markdown", "for a pull request"),
    CommandExample(
      "lockstep check 0042 --output validation.html --decision 'Orders get notes'",
      "a report, and an entry"),
  ]

  func run(_ arguments: Arguments, in context: CommandContext) async throws -> ExitCode {
    let word = try PersonsWord(arguments)
    let copy = try arguments.copy(for: name)
    let format = try arguments.word(Options.format, as: CheckFormat.self)
    let settings = try context.settings(arguments)
    let isKnownOnly = arguments.has(Options.known)
    if !isKnownOnly { try context.requireWritable(settings) }
    let checklist = try settings.checklist(
      named: arguments.text(Options.checklist), in: context.surroundings)
    let items = arguments.texts(Options.item)
    for item in items + (word?.items ?? [])
    where !checklist.items.contains(where: { $0.id == item }) {
      throw Refusal(checklist.unknownItem(item))
    }
    let project = try await context.open(settings)
    let output = context.output
    // A proof is run by whoever runs migrations, a word is given by a person.
    let by =
      word == nil
      ? context.runBy(project.loaded.sessionUser)
      : await Approver(context, said: arguments.text(Options.by), root: settings.root).name
    var check = CheckRun(
      project: project.project, target: settings.target.value, checklist: checklist,
      sources: CheckSources(settings, layout: project.loaded.layout, in: context.surroundings),
      records: await JournalPlace(settings, loop: context.loop)
        .checkRecords(project.connection, warn: { output.tell($0) }),
      by: by, environment: settings.environment?.value,
      options: Runner.Options(
        statementTimeout: arguments.duration(Options.statementTimeout)
          ?? settings.rules.statementTimeout),
      loop: context.loop)
    check.tell = { output.tell($0) }
    check.copy = copy
    let versions = arguments.operands.map { Version($0) }
    var migrations: [CheckedMigration] = []
    if let word {
      for item in word.items {
        migrations = try await check.keep(word.act, on: item, of: versions, at: .current)
      }
    } else if isKnownOnly {
      migrations = try await check.standing(versions)
    } else {
      migrations = try await check.run(versions, items: items.isEmpty ? nil : Set(items)) {
        tell($0, output)
      }
    }
    let report = ChecklistReport(
      title: checklist.title, migrations: migrations, database: project.loaded.database.inWords,
      environment: check.environment, at: .current, by: check.by, files: project.files)
    return try finish(
      report, as: format, items: items.isEmpty || word != nil ? nil : Set(items), arguments,
      settings,
      context)
  }

  private func tell(_ progress: CheckRun.Progress, _ output: Output) {
    switch progress {
    case .rehearsing(.copying): output.say("copying the schema")
    case .rehearsing(.running(let version, let name, let words)):
      output.say("\(version)_\(name): \(words)")
    case .proving(let version, let item): output.explain("\(version): \(item.title)")
    case .rehearsing, .seen, .settled: break
    }
  }

  private func finish(
    _ report: ChecklistReport, as format: CheckFormat?, items: Set<String>?,
    _ arguments: Arguments,
    _ settings: ProjectSettings, _ context: CommandContext
  ) throws -> ExitCode {
    let output = context.output
    if let path = arguments.text(Options.outputFile) {
      let form = format ?? CheckFormat(ofFile: path)
      try ReportFile(path: path).replace(with: form.written(report, askedFor: items))
      output.say("wrote \(path)")
    }
    if let title = arguments.text(Options.decision) {
      let path = try ProjectDocuments(root: settings.root).add(
        markdown: report.decisionEntry(title))
      output.say("added to \(path)")
    }
    let shown = output.isJSON ? .json : arguments.has(Options.outputFile) ? .text : format ?? .text
    if shown == .text {
      output.print(lines: report.lines(isVerbose: output.verbosity == .verbose))
    } else {
      output.printExactly(shown.written(report, askedFor: items))
    }
    return report.hasPassed(items) ? .done : .failed
  }
}

/// What a person says on the command line of one item, or the same of several.
private struct PersonsWord {
  var items: [String]
  var act: CheckRecord.Act

  /// - Throws: `UsageError` where two things are said at once, or half of one.
  init?(_ arguments: Arguments) throws {
    let said = [Options.sign, Options.waive, Options.undo].filter { arguments.has($0) }
    if said.count > 1 {
      throw UsageError.contradiction(said[0].spelling, said[1].spelling)
    }
    // With these nothing is rehearsed.
    let silent = said.first ?? [Options.note, Options.known].first { arguments.has($0) }
    let copy = [Options.mode, Options.sample].first { arguments.has($0) }
    if let silent, let copy { throw UsageError.contradiction(silent.spelling, copy.spelling) }
    let (note, reason) = (arguments.text(Options.note), arguments.text(Options.reason))
    if let extra = said.first, arguments.has(Options.item) || arguments.has(Options.known) {
      let other = arguments.has(Options.item) ? Options.item : Options.known
      throw UsageError.contradiction(extra.spelling, other.spelling)
    }
    if reason != nil, said.first?.name != Options.waive.name {
      throw Refusal(
        .error(
          code: "usage", "--reason is of --waive alone", next: "write --waive ITEM --reason TEXT"))
    }
    if arguments.has(Options.sign) {
      (items, act) = (arguments.texts(Options.sign), .signed(note: note))
    } else if let item = arguments.text(Options.waive) {
      guard let reason, reason.contains(where: { !$0.isWhitespace }) else {
        throw Refusal(
          .error(
            code: "usage", "--waive wants a reason",
            next: "write --waive \(item) --reason TEXT; nothing was recorded"))
      }
      (items, act) = (arguments.texts(Options.waive), .waived(reason: reason))
    } else if arguments.has(Options.undo) {
      (items, act) = (arguments.texts(Options.undo), .undone)
    } else if let note {
      items = arguments.texts(Options.item)
      guard items.count == 1 else {
        throw Refusal(
          .error(
            code: "usage", "--note wants the one item that it is about",
            next: "write --item ITEM --note TEXT, or --sign ITEM --note TEXT; nothing was recorded")
        )
      }
      act = .noted(note)
    } else {
      return nil
    }
  }
}

extension ChecklistReport {
  /// Whether all is settled, or all of what was asked for.
  fileprivate func hasPassed(_ items: Set<String>?) -> Bool {
    migrations.allSatisfy { migration in
      migration.items.allSatisfy { item in
        items?.contains(item.item.id) == false || item.status.isSettled
      }
    }
  }
}

extension OpenProject {
  /// The file of each migration, the up file where there are two.
  fileprivate var files: [Version: String] {
    Dictionary(
      status.migrations.compactMap { status in
        status.migration?.files.first.map { (status.version, $0.path) }
      }
    ) { first, _ in first }
  }
}

extension DatabaseFacts {
  /// For reports: without any password.
  var inWords: String {
    let port = host.hasPrefix("/") ? "" : port.map { ":\($0)" } ?? ""
    return "\(name) on \(host)\(port) as \(user), PostgreSQL \(serverVersion)"
  }
}
