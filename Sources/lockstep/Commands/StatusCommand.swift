import Diagnostics
import MigrationEngine
import MigrationModel
import PostgresModel

/// `lockstep status`: applied, pending, and what is wrong.
struct StatusCommand: Command {
  let name = "status"
  let aliases = ["info"]
  let summary = "applied, pending, and what is wrong"
  let options = [Options.exitCode.saying("exit with 3 when migrations are pending")]
  let discussion = [
    "Joins the files of the migrations folder with the history table, and changes nothing. A "
      + "migration is applied, pending or failed; what is wrong with one stands below it, with the way "
      + "out. In a protected environment it says whether what is pending is validated and approved."
  ]
  let examples = [
    CommandExample("lockstep status", "a table for people"),
    CommandExample(
      "lockstep status --exit-code --quiet", "exit status 3 when something is pending"),
    CommandExample("lockstep status --json | jq .counts", "for a script"),
  ]

  func run(_ arguments: Arguments, in context: CommandContext) async throws -> ExitCode {
    var settings = try context.settings(arguments)
    // It never writes; the server is told so too.
    settings.isReadOnly = true
    // JSON tells of each migration whether it runs in a transaction, and an approval holds for a text:
    // both need it whole.
    let keeper = GateKeeper(settings, in: context.surroundings, loop: context.loop)
    var project = try await context.open(
      settings, texts: context.output.isJSON || !keeper.asksForNothing ? .kept : .summarised)
    if project.status.failedCount > 0 || !project.status.invalidIndexes.isEmpty {
      // What broke off, and what left an invalid index, is told from the texts as well.
      project.loaded = try await project.project.load(
        try await project.project.readFiles(), from: project.connection)
    }
    if project.status.lacksTimes { await fillTimes(&project, context) }
    var report = StatusReport(project)
    if !keeper.asksForNothing { await judge(&report, project, keeper) }
    if context.output.isJSON {
      context.output.print(report.json)
    } else if context.output.verbosity > .quiet {
      report.print(to: context.output)
    }
    // Freed one by one, ten thousand migrations would take longer than to be shown; the process ends now.
    _ = Unmanaged.passRetained(Remainder(status: project.status, catalog: project.loaded.catalog))
    let isPending = arguments.has(Options.exitCode) && project.status.pendingCount > 0
    return isPending ? .pending : .done
  }

  /// Adds how the gates stand before what is pending.
  private func judge(
    _ report: inout StatusReport, _ project: OpenProject, _ keeper: GateKeeper
  ) async {
    let plan = Plan.make(
      .up(to: nil, count: nil, allowOutOfOrder: true), status: project.status,
      layout: project.loaded.layout, context: PlanContext(dataLoss: .accepted))
    let judgement = await keeper.judge(plan, project.loaded, in: project.connection)
    report.gates = judgement.gates
    report.status.notes += judgement.notes
  }

  /// Adds what the journal knows where the tool's table does not tell when something was applied.
  private func fillTimes(_ project: inout OpenProject, _ context: CommandContext) async {
    let (archive, notes) = await JournalPlace(project.settings, loop: context.loop).archive(
      .steps, of: project.loaded, in: project.connection)
    project.loaded.status.fillTimes(from: archive, project.loaded.layout)
    project.loaded.status.notes += notes
  }
}

/// What is left to the end of the process.
private final class Remainder: Sendable {
  let status: ProjectStatus
  let catalog: Catalog

  init(status: ProjectStatus, catalog: Catalog) {
    self.status = status
    self.catalog = catalog
  }
}

/// The status of a project, ready to be shown.
struct StatusReport {
  var status: ProjectStatus
  var database: DatabaseFacts
  var directories: [String]
  var environment: String?
  var isProtected: Bool
  /// How the environment's gates stand before what is pending; empty where it asks for nothing.
  var gates: [Gate] = []

  init(_ project: OpenProject) {
    status = project.status
    database = project.loaded.database
    directories = project.project.directories
    environment = project.settings.environment?.value
    isProtected = project.settings.rules.isProtected
  }

  // MARK: For people

  func print(to output: Output) {
    var buffer = OutputBuffer(output)
    for line in [databaseLine, projectLine, []] { buffer.addLine(line) }
    addTable(to: &buffer)
    if status.migrations.isEmpty { buffer.addLine([.init("no migrations")]) }
    for diagnostic in status.faults + status.notes {
      buffer.endLine()
      buffer.addLine([.init(diagnostic.description, StatusReport.ink(of: diagnostic.severity))])
    }
    for file in status.unsupported {
      buffer.addLine([.init("ignored  \(file.file.path): \(file.reason)", .faint)])
    }
    buffer.endLine()
    buffer.addLine(countsLine)
    for line in gateLines { buffer.addLine(line) }
    buffer.flush()
  }

  private var databaseLine: [Output.Span] {
    let isSocket = database.host.hasPrefix("/")
    let port = isSocket ? "" : database.port.map { ":\($0)" } ?? ""
    let place = database.host + port
    var line: [Output.Span] = [
      .init(database.name, .strong),
      .init(" on \(place) as \(database.user), PostgreSQL \(database.serverVersion)"),
    ]
    if database.isStandby { line.append(.init(", a standby", .waiting)) }
    if let environment {
      line.append(.init("   environment "))
      line.append(.init(environment, .strong))
      if isProtected { line.append(.init(", protected", .waiting)) }
    }
    return line
  }

  private var projectLine: [Output.Span] {
    let history = status.historyTableExists ? "history in" : "no history yet: no table"
    return [
      .init(
        "\(status.layout) in \(directories.joined(separator: ", ")), \(history) \(status.table)")
    ]
  }

  private func addTable(to buffer: inout OutputBuffer) {
    var table = OutputTable(["VERSION", "NAME", "STATE", "APPLIED (UTC)", "BY"])
    for index in status.migrations.indices {
      table.measure { cell($0, of: status.migrations[index]) }
    }
    table.writeHeading(to: &buffer)
    for index in status.migrations.indices {
      table.write(to: &buffer) { cell($0, of: status.migrations[index]) }
      for problem in status.migrations[index].problems where problem != .irreversibleWithoutNote {
        buffer.addLine([below(problem, of: status.migrations[index])])
      }
    }
  }

  private func cell(_ column: Int, of migration: MigrationStatus) -> OutputTable.Cell {
    switch column {
    case 0: .text(migration.version.text)
    case 1: .text(migration.name)
    case 2: .text(migration.state.rawValue, StatusReport.ink(of: migration.state))
    case 3: .instant(migration.appliedAt)
    default: .text(migration.appliedBy ?? "")
    }
  }

  private func below(
    _ problem: MigrationStatus.Problem, of migration: MigrationStatus
  ) -> Output.Span {
    let next = migration.diagnostic(of: problem).next.map { "\n      next: \($0)" } ?? ""
    let text = "    \(problem.explanation)\(next)"
    return .init(text, StatusReport.ink(of: problem.severity))
  }

  private var countsLine: [Output.Span] {
    [
      .init("applied \(status.appliedCount)   "), .init("pending \(status.pendingCount)   "),
      .init("failed \(status.failedCount)   ", status.failedCount > 0 ? .bad : .plain),
      .init("problems \(status.problemCount)", status.problemCount > 0 ? .bad : .plain),
    ]
  }

  /// Whether what is pending may be applied here: what a second person wants to know.
  private var gateLines: [[Output.Span]] {
    gates.filter { $0.state != .notAsked }.map { gate in
      let isOpen = gate.refusal == nil
      let reason = gate.state.reason ?? ""
      return [
        .init("\(isOpen ? "[x]" : "[ ]") \(gate.title): "),
        .init(reason, isOpen ? .good : .waiting),
      ]
    }
  }

  private static func ink(of state: MigrationStatus.State) -> Output.Ink {
    switch state {
    case .applied: .good
    case .pending: .waiting
    case .failed: .bad
    }
  }

  private static func ink(of severity: Diagnostic.Severity) -> Output.Ink {
    switch severity {
    case .note: .faint
    case .warning: .waiting
    case .error: .bad
    }
  }

  // MARK: For scripts

  var json: JSONValue {
    [
      "database": [
        "name": .string(database.name), "host": .string(database.host),
        "port": JSONValue(database.port), "user": .string(database.user),
        "server_version": .string(database.serverVersion), "environment": JSONValue(environment),
        "protected": .bool(isProtected),
      ],
      "layout": .string(status.layout), "directories": JSONValue(directories),
      "history_table": .string(status.table.description),
      "counts": [
        "applied": JSONValue(status.appliedCount), "pending": JSONValue(status.pendingCount),
        "failed": JSONValue(status.failedCount), "problems": JSONValue(status.problemCount),
      ],
      "migrations": .array(status.migrations.map(json)), "gates": GateReport.json(gates),
    ]
  }

  private func json(_ migration: MigrationStatus) -> JSONValue {
    let row = migration.row
    return [
      "version": .string(migration.version.text), "name": .string(migration.name),
      "state": .string(migration.state.rawValue),
      "problems": JSONValue(migration.problems.map(\.code)),
      "applied_at": JSONValue(migration.appliedAt?.iso8601),
      "applied_by": JSONValue(migration.appliedBy),
      "duration_ms": JSONValue(milliseconds: migration.appliedMilliseconds),
      "checksum": JSONValue((migration.migration?.checksum ?? row?.checksum)?.hexadecimal),
      "reversible": migration.migration.map { .bool($0.isReversible) } ?? .null,
      "transactional": isTransactional(migration).map { .bool($0) } ?? .null,
      "files": JSONValue(migration.migration?.files.map(\.path) ?? []),
    ]
  }

  /// Whether the way up runs in transactions; `nil` where there is no file, or it cannot be run.
  private func isTransactional(_ migration: MigrationStatus) -> Bool? {
    guard migration.migration != nil, let layout = Layouts.named(status.layout) else { return nil }
    let plan = Plan.make(
      .only(migration.version, .up), status: status, layout: layout,
      context: PlanContext(dataLoss: .accepted))
    guard let step = plan.steps.first, !step.units.isEmpty else { return nil }
    return step.units.allSatisfy(\.form.isInTransaction)
  }
}
