import MigrationModel
import PostgresModel

/// What a migration's SQL would do, as far as it can be told without the server.
public struct MigrationReading: Sendable, Hashable {
  public var up: [Part]
  public var down: [Part]
  /// Whether applying destroys something, or rolling back is not possible.
  public var losesData: Bool

  /// A script with its statements and what they would do.
  public struct Part: Sendable, Hashable {
    public var script: Script
    public var sql: String
    public var statements: [Statement]
    /// One for each statement.
    public var effects: [EffectAnalysis]
    /// What each statement destroys, in words.
    public var losses: [[String]]
  }

  /// Reads the scripts of a migration.
  public init(_ migration: Migration) {
    up = migration.up.map(Part.init)
    losesData = up.contains { part in part.losses.contains { !$0.isEmpty } }
    switch migration.down {
    case .scripts(let scripts, _): down = scripts.map(Part.init)
    case .none, .documented:
      down = []
      losesData = true
    }
  }

  /// Whether it wants a lock that keeps writers out of a table that is there already.
  public var wantsStrongLock: Bool { strongestLocks.values.contains { $0.blocksWrites } }

  /// The strongest lock that applying takes on each relation that is there already.
  public var strongestLocks: [QualifiedName: LockMode] {
    var locks: [QualifiedName: LockMode] = [:]
    for lock in up.flatMap(\.effects).compactMap(\.effect).flatMap(\.locks) {
      guard let relation = lock.relation else { continue }
      locks[relation] = max(locks[relation] ?? lock.mode, lock.mode)
    }
    return locks
  }
}

extension MigrationReading.Part {
  init(_ script: Script) {
    let sql = script.text
    let statements = SQLScript.statements(in: sql)
    let effects = StatementLocks().effects(in: sql)
    self.init(
      script: script, sql: sql, statements: statements,
      effects: effects.count == statements.count
        ? effects : statements.map { _ in .notAnalysed("it could not be cut into statements") },
      losses: statements.map { $0.dataLosses(in: sql) })
  }
}

/// The readings made so far; a migration is read again when its files changed.
struct ReadingCache: Sendable {
  private var readings: [MigrationKey: (files: [SourceFile], reading: MigrationReading)] = [:]
  /// Enough for every migration that was looked at in a session, and a bound all the same.
  private static let limit = 2000

  /// Reads a migration unless it is known already.
  mutating func read(_ status: MigrationStatus) {
    guard let migration = status.migration else { return }
    let key = MigrationKey(status)
    if let known = readings[key], known.files == migration.files { return }
    if readings.count >= Self.limit { readings.removeAll(keepingCapacity: true) }
    readings[key] = (migration.files, MigrationReading(migration))
  }

  subscript(status: MigrationStatus) -> MigrationReading? {
    readings[MigrationKey(status)]?.reading
  }
}

extension Facts {
  /// What the SQL of a migration would do; `nil` where nobody has looked at it yet.
  public func reading(of status: MigrationStatus) -> MigrationReading? { readings[status] }

  /// Reads a migration, once.
  mutating func read(_ status: MigrationStatus) { readings.read(status) }
}
