import Postgres
import PostgresModel

extension LockMonitor {
  /// Cancels the statement of a session, or ends the session, if it still is the one that was seen, in
  /// the transaction that was seen.
  ///
  /// Goes over the monitor's own session, which waits for no table: the one that reads the history may
  /// be waiting for the very lock that is to be freed.
  ///
  /// - Returns: Whether the server passed the signal on; `false` where nothing was done.
  /// - Throws: `DatabaseError`, also where the server refuses.
  public func signal(
    _ session: LockSession, ends: Bool
  ) async throws(DatabaseError) -> Bool {
    let query = ends ? LockQueries.terminate(session) : LockQueries.cancel(session)
    let answers = try await rows(query)
    return answers.first ?? false
  }

  /// What this role may see of other sessions, and do to them; `nil` where the server does not say.
  ///
  /// - Throws: `DatabaseError`.
  public func sessionRights() async throws(DatabaseError) -> SessionRights? {
    let found = try await rows(SessionRights.query)
    return SessionRights(found)
  }

  /// How large tables are, as their files show it; where one cannot be looked at within the session's
  /// time-out, as the catalog remembers all of them.
  ///
  /// - Throws: `DatabaseError`.
  public func tableSizes(of names: [QualifiedName]) async throws(DatabaseError) -> [QualifiedName:
    TableSize]
  {
    let estimates = try await rows(TableSize.estimates(of: names))
    var sizes: [QualifiedName: TableSize] = [:]
    for (place, size) in estimates where names.indices.contains(place) {
      sizes[names[place]] = size
    }
    // A table that somebody has locked keeps all of them from being measured.
    guard let found = try? await rows(TableSize.measurements(of: names)) else {
      return sizes
    }
    for (place, size) in found where names.indices.contains(place) { sizes[names[place]] = size }
    return sizes
  }
}
