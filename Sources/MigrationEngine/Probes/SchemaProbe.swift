import MigrationModel
import Postgres
import PostgresModel
import Synchronization

/// Keeps what each migration of a rehearsal came to, for whoever asks once the copy is gone.
struct SchemaProbe: ScratchProbe {
  let seen = SeenSchemas()
  /// Dumps the schema as the layout's tool would; `nil` where no dump is wanted.
  var dump: (@Sendable (Connection) async throws -> String)?

  mutating func after(_ scene: ScratchScene) async throws -> [Trial] {
    let dump = try await dump?(scene.session)
    seen.add(
      SeenSchemas.Seen(before: scene.before, after: scene.now, dump: dump),
      of: scene.migration.version)
    return []
  }
}

/// What was seen by version; probes are copied for each migration, this is not.
final class SeenSchemas: Sendable {
  struct Seen: Sendable {
    var before: SchemaSnapshot
    var after: SchemaSnapshot
    /// The dump of the schema afterwards.
    var dump: String?
  }

  private let found = Mutex<[Version: Seen]>([:])

  func add(_ seen: Seen, of version: Version) { found.withLock { $0[version] = seen } }
  subscript(version: Version) -> Seen? { found.withLock { $0[version] } }
}

extension SchemaSnapshot {
  /// SHA-256 over what a copy and a database that went the same way have in common.
  ///
  /// Left out is what a copy does not take over, or what depends on who runs the migration: places of
  /// columns and tables, owners, privileges, settings of the database, versions of extensions, and whether
  /// a materialized view is filled.
  public var fingerprint: Checksum {
    let kept = facts.filter { fact in
      !fact.isBenign
        && !["owner", "privileges", "tablespace", "populated", "version"].contains(fact.property)
        && !["setting", "default privileges", "subscription"].contains(fact.kind)
    }
    return SchemaSnapshot(kept).checksum
  }
}
