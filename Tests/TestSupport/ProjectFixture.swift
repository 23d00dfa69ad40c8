import Diagnostics
import EventLoop
import MigrationEngine
import MigrationModel
import Postgres
import PostgresModel
import Synchronization

/// A migration in no tool's terms.
public struct SampleMigration: Sendable {
  public var version: String
  public var name: String
  public var up: String
  /// `nil`: there is no way back.
  public var down: String?
  /// Asks to be run outside a transaction by its layout's own mark, where the layout has one.
  public var isOutsideTransaction: Bool

  public init(
    _ version: String, _ name: String, up: String, down: String? = nil,
    isOutsideTransaction: Bool = false
  ) {
    self.version = version
    self.name = name
    self.up = up
    self.down = down
    self.isOutsideTransaction = isOutsideTransaction
  }

  /// Makes a table of that name, and drops it.
  public static func table(_ version: String, _ table: String) -> SampleMigration {
    SampleMigration(
      version, "create_\(table)", up: "CREATE TABLE \(table) (id bigint PRIMARY KEY);",
      down: "DROP TABLE \(table);")
  }

  /// The files, name and content, in the form of a layout.
  public func files(_ layout: String) -> [(name: String, content: String)] {
    switch layout {
    case "dbmate":
      let option = isOutsideTransaction ? " transaction:false" : ""
      return [
        (
          "\(version)_\(name).sql",
          "-- migrate:up\(option)\n\(up)\n\n-- migrate:down\(option)\n\(down ?? "")\n"
        )
      ]
    case "sqlx", "golang-migrate":
      let mark = isOutsideTransaction && layout == "sqlx" ? "-- no-transaction\n" : ""
      return [("\(version)_\(name).up.sql", mark + up + "\n")]
        + (down.map { [("\(version)_\(name).down.sql", mark + $0 + "\n")] } ?? [])
    case "raw":
      let banner = "\n-- ====\n-- ROLLBACK\n-- ====\n"
      let rollback = down.map { text in
        banner
          + text.split(separator: "\n" as Character, omittingEmptySubsequences: false)
          .map { "-- \($0)\n" }.joined()
      }
      return [("\(version)_\(name).sql", "\(up)\n\(rollback ?? "")")]
    default:
      fatalError("ProjectFixture does not know how \(layout) writes a migration")
    }
  }
}

/// A folder of migrations in the form of one layout, and a database for them.
public struct ProjectFixture: Sendable {
  public let layout: any Layout
  public let database: TestDatabase
  public let folder = TemporaryFolder()
  /// Further folders by name, beside `migrations`.
  public var directories = ["migrations"]
  public var table: QualifiedName?
  /// Added to the database's URL: `&user=…`, `&options=…`.
  public var urlSuffix = ""

  /// - Parameter layout: `Layout.name`.
  public init(
    _ layout: String, _ migrations: [SampleMigration] = [], on server: TestServer = .shared
  ) async throws {
    try self.init(layout, migrations, in: await server.makeDatabase())
  }

  public init(
    _ layout: String, _ migrations: [SampleMigration] = [], in database: TestDatabase
  ) throws {
    guard let found = Layouts.named(layout) else { fatalError("there is no layout \(layout)") }
    self.layout = found
    self.database = database
    folder.makeFolder("migrations")
    for migration in migrations { write(migration) }
  }

  // MARK: Files

  public func write(_ migration: SampleMigration, in directory: String = "migrations") {
    for file in migration.files(layout.name) {
      folder.write("\(directory)/\(file.name)", file.content)
    }
  }

  public func remove(_ migration: SampleMigration) {
    for file in migration.files(layout.name) { folder.remove("migrations/\(file.name)") }
  }

  /// Where the up script of a migration is, as diagnostics name it.
  public func path(_ migration: SampleMigration) -> String {
    "\(folder.path)/migrations/\(migration.files(layout.name)[0].name)"
  }

  public static let context = PlanContext(runBy: "lockstep@lockstep test")

  /// The history table's name, quoted and qualified.
  public var tableSQL: String {
    let table = table ?? QualifiedName(parsing: layout.defaultTable)
    return table.schema == nil ? QualifiedName(schema: "public", table.name).sql : table.sql
  }

  // MARK: Doing

  public var project: Project {
    Project(
      directories: directories.map { "\(folder.path)/\($0)" }, layout: layout.name, table: table,
      root: folder.path)
  }

  public var target: ConnectionString {
    get throws { try ConnectionString(database.url + urlSuffix) }
  }

  /// Everything known about the project now.
  public func load() async throws -> LoadedProject {
    let project = project
    let target = try target
    return try await onLoop { loop in
      let connection = try await Connection.open(target, application: "fixture", loop: loop)
      return try await project.load(try await project.readFiles(), from: connection)
    }
  }

  public func status() async throws -> ProjectStatus { try await load().status }

  /// Each migration in one line: `1 applied`, `2 pending out_of_order`; that a way back is not written
  /// is left out.
  public func statusLines() async throws -> [String] {
    try await status().migrations.map { migration in
      let problems = migration.problems.map(\.code).filter { $0 != "irreversible_without_note" }
      return ([migration.version.text, migration.state.rawValue] + problems).joined(separator: " ")
    }
  }

  public func plan(
    _ request: PlanRequest, _ context: PlanContext = ProjectFixture.context
  ) async throws -> Plan {
    let loaded = try await load()
    return Plan.make(request, status: loaded.status, layout: loaded.layout, context: context)
  }

  /// Makes a plan and runs it.
  public func run(
    _ request: PlanRequest, _ options: Runner.Options = Runner.Options(),
    context: PlanContext = ProjectFixture.context
  ) async throws -> Ran {
    try await run(try await plan(request, context), options, context: context)
  }

  /// Runs a plan that was made before.
  ///
  /// - Parameter onEvent: Called on the loop as the events come.
  public func run(
    _ plan: Plan, _ options: Runner.Options = Runner.Options(),
    context: PlanContext = ProjectFixture.context,
    onEvent: (@Sendable (RunEvent) -> Void)? = nil
  ) async throws -> Ran {
    let project = project
    let target = try target
    return try await onLoop { loop in
      let heard = Mutex<[RunEvent]>([])
      let runner = Runner(project: project, target: target, options: options, loop: loop)
      let outcome = try await runner.run(plan, context: context) { event in
        heard.withLock { $0.append(event) }
        onEvent?(event)
      }
      return Ran(plan: plan, outcome: outcome, events: heard.withLock { $0 })
    }
  }

  /// What a run did.
  public struct Ran: Sendable {
    public var plan: Plan
    public var outcome: Runner.Outcome
    public var events: [RunEvent]

    public init(plan: Plan, outcome: Runner.Outcome, events: [RunEvent]) {
      self.plan = plan
      self.outcome = outcome
      self.events = events
    }

    /// How it ended, without times: `finished +2 -0`.
    public var summary: String { outcome.summary }

    /// What went wrong, where something did.
    public var diagnostic: Diagnostic? {
      switch outcome {
      case .failed(let diagnostic, _, _), .interrupted(let diagnostic, _, _): diagnostic
      case .refused(let refusals): refusals.first
      case .finished, .stale, .busy, .declined: nil
      }
    }

    /// The events without their times.
    public var lines: [String] { events.map(\.summary) }
  }
}

extension PlanRequest {
  public static let upAll = PlanRequest.up(to: nil, count: nil, allowOutOfOrder: false)
  public static func up(to version: String) -> PlanRequest {
    .up(to: Version(version), count: nil, allowOutOfOrder: false)
  }
  public static func down(to version: String) -> PlanRequest {
    .down(to: Version(version), count: nil)
  }
  public static func down(count: Int) -> PlanRequest { .down(to: nil, count: count) }
}

extension Runner.Outcome {
  /// In one line, without times.
  public var summary: String {
    let counts = "+\(counts.applied) -\(counts.reverted)"
    return switch self {
    case .finished: "finished \(counts)"
    case .refused(let refusals): "refused \(refusals.map(\.code).joined(separator: " "))"
    case .stale: "stale"
    case .busy(let holder): "busy \(holder.key)"
    case .failed(let diagnostic, _, _): "failed \(diagnostic.code) \(counts)"
    case .interrupted(let diagnostic, _, _): "interrupted \(diagnostic.code) \(counts)"
    case .declined: "declined \(counts)"
    }
  }
}

extension RunEvent {
  /// In one line, without times.
  public var summary: String {
    switch self {
    case .waitingForRunner(let holder): "waiting for \(holder.application ?? "-")"
    case .migrationStarted(let version, let name, let direction):
      "started \(version) \(name) \(direction.rawValue)"
    case .notice(let version, let severity, let message): "\(severity) \(version) \(message)"
    case .lockAttempt(let version, let attempt, let of, _, _, let reason, let rest):
      "lock attempt \(version) \(attempt)/\(of) \(reason.rawValue)\(rest == nil ? "" : " rests")"
    case .progress(let version, let progress): "progress \(version) \(progress.phase)"
    case .stopped(let version, let stop):
      switch stop.next {
      case .statement(let index, let line, let command):
        "stopped \(version) before \(index) line \(line) \(command)"
      case .commit: "stopped \(version) before commit"
      }
    case .resumed(let version, let decision): "resumed \(version) \(decision.rawValue)"
    case .migrationDeclined(let version, let name, let direction):
      "declined \(version) \(name) \(direction.rawValue)"
    case .queue(let version, let queue):
      "queue \(version) \(queue.waitedMilliseconds == nil ? "runs" : "waits") +\(queue.victims)"
    case .statementFinished(let version, let index, let line, let command, let rows, _, _, _):
      "statement \(version) \(index) line \(line) \(command) \(rows.map(String.init) ?? "-")"
    case .migrationFinished(let version, let name, let direction, _, _):
      "finished \(version) \(name) \(direction.rawValue)"
    case .migrationFailed(let version, let name, let direction, let diagnostic, let left):
      "failed \(version) \(name) \(direction.rawValue) \(diagnostic.code) \(left.rawValue)"
    case .cancelling: "cancelling"
    case .reconnected(let words): "reconnected \(words)"
    case .schemaWritten: "schema written"
    case .backupStarted: "backup started"
    case .backupEnded(let backup):
      switch backup.outcome {
      case .taken: "backup taken"
      case .left(let reference): "backup left \(reference ?? "-")"
      case .failed: "backup failed"
      }
    case .healthChecked(let check): "health \(check.outcome.rawValue) \(check.answer)"
    case .rollingBack(let plan):
      "rolling back \(plan.steps.map(\.version.text).joined(separator: " "))"
    case .safeguardFailed(let diagnostic): "safeguard \(diagnostic.code)"
    case .message(let diagnostic): "message \(diagnostic.code)"
    case .finished(let applied, let reverted, let failed, _):
      "end +\(applied) -\(reverted) !\(failed)"
    }
  }
}

extension ProjectFixture {
  /// Runs a plan and cancels the run when `moment`, which the caller's executor runs, returns.
  public func run(
    _ plan: Plan, _ options: Runner.Options = Runner.Options(),
    onEvent: (@Sendable (RunEvent) -> Void)? = nil, cancelledAt moment: () async throws -> Void
  ) async throws -> Ran {
    let project = project
    let target = try target
    let (stream, continuation) = AsyncStream<Void>.makeStream()
    async let ran = onLoop { loop in
      let heard = Mutex<[RunEvent]>([])
      let runner = Runner(project: project, target: target, options: options, loop: loop)
      let running = Task(executorPreference: loop) {
        try await runner.run(plan, context: ProjectFixture.context) { event in
          heard.withLock { $0.append(event) }
          onEvent?(event)
        }
      }
      for await _ in stream { break }
      running.cancel()
      let outcome = try await running.value
      return Ran(plan: plan, outcome: outcome, events: heard.withLock { $0 })
    }
    do {
      try await moment()
    } catch {
      continuation.yield()
      throw error
    }
    continuation.yield()
    return try await ran
  }

  /// Tables of the database outside of PostgreSQL's own schemas, the history table left out.
  public func tables() async throws -> [String] {
    try await database.rows(
      """
      SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_|^information_schema$'
        AND c.oid <> coalesce(to_regclass(\(SQLText.literal(tableSQL))), 0) ORDER BY 1
      """)
  }

  /// The rows of the history table as one text each; columns of time and duration left out.
  public func historyRows(_ columns: String = "version") async throws -> [String] {
    try await database.rows("SELECT \(columns) FROM \(tableSQL) ORDER BY version")
  }
}
