import Diagnostics
import MigrationEngine
import Postgres

extension JournalPlace {
  /// Where findings and signatures are kept and read: written in one place, read in both.
  ///
  /// - Parameter session: With the target; nothing else runs in it meanwhile.
  func checkRecords(
    _ session: Connection, warn: @Sendable (Diagnostic) -> Void
  ) async -> JoinedRecords {
    guard kind == .database else {
      return JoinedRecords(FileRecords(root: root), readingAlso: [DatabaseRecords(session)])
    }
    let place = await records(warn)
    let others = place is FileRecords ? [] : [FileRecords(root: root)]
    return JoinedRecords(place, readingAlso: others)
  }
}
