import Diagnostics
import EventLoop
import MigrationModel
import Postgres
import PostgresModel

/// The advisory locks that keep runners apart, held by the session that runs the migrations.
///
/// Always tried, never waited for on the server: a session that blocks in `pg_advisory_lock` holds a
/// snapshot, and the holder's `CREATE INDEX CONCURRENTLY` would wait for it forever.
struct AdvisoryLock: Sendable {
  var connection: Connection
  var keys: [AdvisoryLockKey]

  /// Tries until all keys are ours or the time is over.
  ///
  /// - Parameters:
  ///   - patience: How long to try; zero tries once.
  ///   - onHolder: Told who holds a key, once for each holder.
  /// - Returns: The holder when the time is over; `nil` when the locks are ours.
  func acquire(
    patience: Duration, onHolder: (LockHolder) -> Void
  ) async throws -> LockHolder? {
    let deadline = ContinuousClock.now + patience
    var told: Set<LockHolder> = []
    var pause = Duration.milliseconds(20)
    while true {
      guard let missed = try await tryAll() else { return nil }
      let holder =
        try await holder(of: missed)
        ?? LockHolder(pid: 0, user: nil, application: nil, since: nil, key: missed.owner)
      // Pid 0: it let go between our try and our question.
      if holder.pid != 0, told.insert(holder).inserted { onHolder(holder) }
      guard ContinuousClock.now + pause <= deadline else { return holder }
      try await connection.loop.sleep(for: pause)
      pause = min(pause * 2, .milliseconds(500))
    }
  }

  /// Takes all keys or none.
  ///
  /// - Returns: The first key that somebody else holds.
  private func tryAll() async throws(DatabaseError) -> AdvisoryLockKey? {
    let tries = keys.map { "pg_catalog.pg_try_advisory_lock(\($0.key))" }
    let query = Query<[Bool]>("select " + tries.joined(separator: ", "), decode: AdvisoryLock.taken)
    let answers = try await connection.rows(query)
    let taken = answers.first ?? []
    guard let missed = taken.firstIndex(of: false) else { return nil }
    let ours = zip(keys, taken).filter(\.1).map { "pg_catalog.pg_advisory_unlock(\($0.0.key))" }
    if !ours.isEmpty {
      _ = try await connection.rows(Query("select " + ours.joined(separator: ", ")))
    }
    return keys[missed]
  }

  private static func taken(_ row: ResultRow) throws(ResultRow.Mismatch) -> [Bool] {
    var taken: [Bool] = []
    for column in 0..<row.count { taken.append(try row.bool(column)) }
    return taken
  }

  /// Lets go of those keys that are ours; the end of the session does so too, so that a lost session is
  /// no failure.
  func release() async {
    let calls = keys.map { "pg_catalog.pg_advisory_unlock(\($0.key))" }
    _ = try? await connection.rows(Query<Void>("select " + calls.joined(separator: ", ")))
  }

  /// Source: PostgreSQL manual, `pg_locks`: a 64-bit key shows its high half as `classid`, its low half as
  /// `objid`, and `objsubid` 1.
  private func holder(of key: AdvisoryLockKey) async throws(DatabaseError) -> LockHolder? {
    let bits = UInt64(bitPattern: key.key)
    let query = Query<LockHolder>(
      """
      select l.pid, a.usename, a.application_name, \(Instant.sql("a.backend_start"))
      from pg_catalog.pg_locks l left join pg_catalog.pg_stat_activity a on a.pid = l.pid
      where l.locktype = 'advisory' and l.granted and l.objsubid = 1
        and l.classid = \(bits >> 32) and l.objid = \(bits & 0xffff_ffff)
        and l.database = (select oid from pg_catalog.pg_database where datname = current_database())
      """
    ) { row throws(ResultRow.Mismatch) in
      LockHolder(
        pid: Int32(clamping: try row.integer(0)), user: row.optionalString(1),
        application: row.optionalString(2), since: try row.optionalInstant(3), key: key.owner)
    }
    let holders = try await connection.rows(query)
    return holders.first
  }
}
