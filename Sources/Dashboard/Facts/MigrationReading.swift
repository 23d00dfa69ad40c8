import MigrationModel
import PostgresModel

/// What a migration's SQL would do, as far as it can be told without the server.
public struct MigrationReading: Sendable, Hashable {
  public var up: [Part]
  public var down: [Part]
  /// Whether rolling back loses data, or is not possible.
  public var losesOnRollback: Bool

  /// A script with its statements.
  public struct Part: Sendable, Hashable {
    public var script: Script
    public var sql: String
    public var statements: [Statement]
    /// The line of the file, from 1, on which the SQL begins; without meaning for uncommented text.
    var firstLine = 1
  }

  public init(_ migration: Migration) {
    up = migration.up.map(Part.init)
    switch migration.down {
    case .scripts(let scripts, _):
      down = scripts.map(Part.init)
      losesOnRollback = false
    case .none, .documented:
      down = []
      losesOnRollback = true
    }
  }

  /// Whether it wants a lock that keeps readers out of a table that is there already.
  public var wantsStrongLock: Bool { false }

  /// The strongest lock on each relation that is there already.
  public var strongestLocks: [QualifiedName: LockMode] { [:] }
}

extension MigrationReading.Part {
  init(_ script: Script) {
    self.script = script
    switch script.form {
    case .asWritten:
      let range = script.range.clamped(to: 0..<script.file.bytes.count)
      sql = String(decoding: script.file.bytes[range], as: UTF8.self)
    case .uncommented(let text, _): sql = text
    }
    statements = SQLScript.statements(in: sql)
    let start = min(script.range.lowerBound, script.file.bytes.count)
    firstLine = script.file.bytes[..<start].count { $0 == UInt8(ascii: "\n") } + 1
  }

  /// The line of the file, from 1, on which line `index` of the SQL stands, from 0.
  func fileLine(_ index: Int) -> Int {
    switch script.form {
    case .uncommented(_, let lines): return lines.indices.contains(index) ? lines[index] : index + 1
    case .asWritten: return firstLine + index
    }
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

  /// Reads the migration at an index of the picture, once.
  mutating func read(_ index: Int) {
    guard let migrations = picture.status?.migrations, migrations.indices.contains(index) else {
      return
    }
    readings.read(migrations[index])
  }
}
