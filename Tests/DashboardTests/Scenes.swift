import Canvas
import Diagnostics
import MigrationModel
import PostgresModel

@testable import Dashboard

/// Builders of the project that the golden screens show: `orders`, 44 migrations, 3 of them pending.
enum Scenes {
  /// 2026-11-20 12:04:31 UTC.
  static let now = Instant(microseconds: 1_795_176_271_000_000)

  static func later(_ milliseconds: Int64) -> Instant {
    Instant(microseconds: now.microseconds + milliseconds * 1000)
  }

  static let production = Target(
    environment: "production", isProtected: true, database: "orders", host: "db1")
  static let development = Target(
    environment: "development", database: "orders_dev", host: nil)

  static let server = ConnectionState.connected(
    ConnectionState.Server(version: "17.6", majorVersion: 17))

  /// A paired migration: `V_name.sql` and `V_name.down.sql`; without `down` there is no way back.
  static func migration(_ version: String, _ name: String, up: String, down: String? = nil)
    -> Migration
  {
    let upFile = SourceFile(
      path: "db/migrations/\(version)_\(name).sql", name: "\(version)_\(name).sql",
      content: .bytes(Array(up.utf8)))
    var files = [upFile]
    var way = Migration.WayBack.none(reason: "no down file", isMarked: false)
    if let down {
      let file = SourceFile(
        path: "db/migrations/\(version)_\(name).down.sql", name: "\(version)_\(name).down.sql",
        content: .bytes(Array(down.utf8)))
      files.append(file)
      way = .scripts([Script(file: file)], warnings: [])
    }
    return Migration(
      version: Version(version), name: name, files: files, up: [Script(file: upFile)], down: way,
      checksum: Checksum(.sha256, of: Array(up.utf8)))
  }

  static func applied(_ migration: Migration, hour: Int64 = 0) -> MigrationStatus {
    MigrationStatus(
      version: migration.version, name: migration.name, state: .applied, problems: [],
      migration: migration,
      row: HistoryRow(
        version: migration.version, name: migration.name,
        appliedAt: Instant(microseconds: now.microseconds - (50 - hour) * 3_600_000_000),
        appliedBy: "ada", checksum: migration.checksum, durationNanoseconds: 12_400_000))
  }

  static func pending(_ migration: Migration, _ problems: [MigrationStatus.Problem] = [])
    -> MigrationStatus
  {
    MigrationStatus(
      version: migration.version, name: migration.name, state: .pending, problems: problems,
      migration: migration, row: nil)
  }

  static let addOrderChannel = migration(
    "0042", "add_order_channel",
    up: """
      ALTER TABLE orders
        ADD COLUMN channel text;

      CREATE INDEX CONCURRENTLY
        orders_channel_idx ON orders (channel);
      """,
    down: """
      DROP INDEX CONCURRENTLY orders_channel_idx;
      ALTER TABLE orders DROP COLUMN channel;
      """)
  static let backfillChannel = migration(
    "0043", "backfill_channel",
    up: "-- in batches of 5,000\nUPDATE orders SET channel = 'web' WHERE channel IS NULL;\n",
    down: "UPDATE orders SET channel = NULL WHERE channel = 'web';\n")
  static let channelNotNull = migration(
    "0044", "channel_not_null",
    up: "ALTER TABLE orders ALTER COLUMN channel SET NOT NULL;\n")

  private static let names = [
    "customer_segments", "segments_backfill", "orders_tax", "tax_backfill", "add_customer_idx",
    "drop_legacy_flag",
  ]

  /// The migrations of the mock-ups.
  static func migrations() -> [MigrationStatus] {
    var list = (1...41).map { number in
      let name = number > 35 ? names[number - 36] : "step_\(number)"
      let version = (number < 10 ? "000" : "00") + "\(number)"
      return applied(
        migration(
          version, name, up: "CREATE TABLE t\(number) (id bigint PRIMARY KEY);\n",
          down: "DROP TABLE t\(number);\n"), hour: Int64(number))
    }
    list += [addOrderChannel, backfillChannel, channelNotNull].map { pending($0) }
    return list
  }

  static func status(
    _ migrations: [MigrationStatus] = migrations(), tableExists: Bool = true,
    unsupported: [Catalog.UnsupportedFile] = [], notes: [Diagnostic] = []
  ) -> ProjectStatus {
    ProjectStatus(
      layout: "sqlx", table: QualifiedName(schema: "public", "_sqlx_migrations"),
      migrations: migrations, unsupported: unsupported, notes: notes,
      historyTableExists: tableExists)
  }

  /// A dashboard that nobody has told anything yet.
  static func model(
    _ columns: Int = 80, _ rows: Int = 24, target: Target = production, look: Look = Look(),
    access: Access = .readOnly(.start)
  ) -> Model {
    Model(
      facts: Facts(now: now, target: target, access: access, look: look),
      size: Size(columns: columns, rows: rows))
  }

  /// A dashboard on a server, with checklist, folder and history read and the locks seen.
  static func ready(
    _ columns: Int = 80, _ rows: Int = 24, target: Target = production, look: Look = Look(),
    access: Access = .readOnly(.start), status: ProjectStatus = status(),
    locks: LockSample? = quiet, checklist: Checklist? = CheckScenes.checklist
  ) -> Model {
    var model = model(columns, rows, target: target, look: look, access: access)
    if let checklist { model.tell(.checksRead(checklist)) }
    model.tell(.connectionChanged(server), .statusLoaded(status, at: now))
    if let locks { model.tell(.locksSampled(locks)) }
    return model
  }

  // MARK: - Locks

  static let names42 = RelationNames(
    database: 5,
    names: [
      16401: QualifiedName(schema: "public", "orders"),
      16402: QualifiedName(schema: "public", "lines"),
      16403: QualifiedName(schema: "audit", "events"),
    ])

  static func session(
    _ pid: Int32, _ application: String, state: String, since seconds: Int64,
    query: String = "select 1"
  ) -> LockSession {
    var session = LockSession(pid: pid)
    let start = Instant(microseconds: now.microseconds - seconds * 1_000_000)
    session.application = application
    session.user = "app"
    session.database = "orders"
    session.clientAddress = "10.0.4.17"
    session.state = state
    session.backendStart = Instant(microseconds: now.microseconds - 7_583_000_000)
    session.transactionStart = start
    session.queryStart = start
    session.stateChange = start
    session.backendType = "client backend"
    session.query = query
    return session
  }

  static func table(_ oid: UInt32) -> LockTag { LockTag(.relation, database: 5, relation: oid) }

  static func sample(
    _ locks: [LockRow], _ sessions: [LockSession], prepared: [PreparedTransaction] = [],
    ours: Set<Int32> = [], at: Instant = now
  ) -> LockSample {
    let snapshot = LockSnapshot(
      at: now, database: 5, backends: sessions.count, locks: locks, sessions: sessions,
      preparedTransactions: prepared)
    return LockSample(
      at: at, costMilliseconds: 0.4,
      content: .full(snapshot, WaitGraph(snapshot), names: names42, ours: ours))
  }

  /// One reader sits idle in a transaction; nobody waits.
  static let quiet = sample(
    [LockRow(table(16401), pid: 16669, mode: .accessShare, isGranted: true)],
    [
      session(
        16669, "report-job", state: "idle in transaction", since: 252,
        query: "select count(*) from orders")
    ])

  /// Nobody holds anything.
  static let silent = sample([], [])

  /// The reader holds us up, and three others queue behind us.
  static let queue = sample(
    [
      LockRow(table(16401), pid: 16669, mode: .accessShare, isGranted: true),
      waiting(16747, .accessExclusive, 1400), waiting(16804, .accessShare, 1100),
      waiting(16805, .accessShare, 900), waiting(16806, .accessShare, 200),
    ],
    [
      session(
        16669, "report-job", state: "idle in transaction", since: 252,
        query: "select count(*) from orders"),
      session(
        16747, "lockstep apply 0042", state: "active", since: 2,
        query: "ALTER TABLE orders ADD COLUMN channel text"),
      session(
        16804, "web-1", state: "active", since: 1, query: "select * from orders where id = $1"),
      session(
        16805, "web-2", state: "active", since: 1, query: "select * from orders where id = $1"),
      session(
        16806, "web-3", state: "active", since: 0, query: "select * from orders where id = $1"),
    ], ours: [16747])

  static func waiting(_ pid: Int32, _ mode: LockMode, _ milliseconds: Int64) -> LockRow {
    LockRow(
      table(16401), pid: pid, mode: mode, isGranted: false,
      waitStart: Instant(microseconds: now.microseconds - milliseconds * 1000))
  }

  // MARK: - Plans

  static func step(
    _ migration: Migration, _ direction: Direction = .up, risk: PlanStep.Risk = .reversible
  ) -> PlanStep {
    let script: Script
    if case .scripts(let scripts, _) = migration.down, direction == .down {
      script = scripts[0]
    } else {
      script = migration.up[0]
    }
    let sql = String(decoding: script.file.bytes, as: UTF8.self)
    return PlanStep(
      version: migration.version, name: migration.name, direction: direction,
      units: [
        RunUnit(
          script: script, statements: SQLScript.statements(in: sql),
          form: sql.contains("CONCURRENTLY")
            ? .statementByStatement(reason: "CREATE INDEX CONCURRENTLY") : .transaction)
      ], write: HistoryWrite(record: ["insert into _sqlx_migrations …"]), risk: risk)
  }

  static func plan(
    _ steps: [PlanStep], request: PlanRequest = .up(to: nil, count: 1, allowOutOfOrder: false),
    status: ProjectStatus = status(), warnings: [Diagnostic] = [], refusals: [Diagnostic] = []
  ) -> Plan {
    Plan(
      request: request, layout: "sqlx", table: status.table, steps: steps,
      basis: status.migrations.compactMap(\.row), warnings: warnings, refusals: refusals)
  }
}

extension Model {
  /// Sends messages in order and gives what the last of them asked for.
  @discardableResult
  mutating func tell(_ messages: Message...) -> [Effect] {
    var effects: [Effect] = []
    for message in messages { effects = update(message) }
    return effects
  }

  /// Presses keys at the present moment of the model and gives all that they asked for.
  @discardableResult
  mutating func press(_ keys: Key...) -> [Effect] {
    keys.flatMap { update(.key($0, at: facts.now)) }
  }

  /// Types a text, a key a character.
  @discardableResult
  mutating func type(_ text: String) -> [Effect] {
    text.flatMap { update(.key(.character($0), at: facts.now)) }
  }

  /// Types a command and gives what it asked for.
  @discardableResult
  mutating func command(_ text: String) -> [Effect] {
    type(":" + text) + press(.enter)
  }

  /// The rows of the screen.
  var screen: [String] { view().lines }
  var text: String { screen.joined(separator: "\n") }
}
