import MigrationModel
import Postgres
import PostgresModel

/// Something that is tried on the scratch copy around a migration of a rehearsal.
///
/// One value for each migration: what `before` has seen is there in `after`. A probe leaves the copy as it
/// found it: what it writes it rolls back.
public protocol ScratchProbe: Sendable {
  /// Looks at the copy before the migration is applied.
  mutating func before(_ scene: ScratchScene) async throws
  /// Looks at it once it is applied for the first time, and tries what it has to try.
  mutating func after(_ scene: ScratchScene) async throws -> [Trial]
}

extension ScratchProbe {
  public mutating func before(_ scene: ScratchScene) async throws {}
}

/// What a probe is given.
public struct ScratchScene: Sendable {
  /// A session with the scratch database in which no transaction is open.
  public var session: Connection
  public var migration: MigrationStatus
  public var mode: RehearsalReport.Mode
  /// The schema before the migration, and as it is now; the same before it ran.
  public var before: SchemaSnapshot
  public var now: SchemaSnapshot
  /// What the migration did to the schema; empty before it ran.
  public var changes: [SchemaDiff.Change]
}
