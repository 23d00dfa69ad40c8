extension LockSnapshot {
  /// Returns the sessions whose snapshots a concurrent index build that began now would wait for, in the
  /// order of their transactions' starts.
  ///
  /// They are those of this database that have a snapshot, whatever tables they have used. The server
  /// leaves out whoever needs no rows of other tables: lazy `VACUUM`, autovacuum, and since 14 concurrent
  /// index builds without expressions and predicates. What `REINDEX` rebuilds, what `VACUUM (ANALYZE)` is
  /// at, and what a session does whose text is hidden or cut, is not known here: they count as waited for.
  /// Source: PostgreSQL 15, `WaitForOlderSnapshots` and `GetCurrentVirtualXIDs`.
  public func olderSnapshots(parser: any SQLParser = PgQueryParser()) -> [LockSession] {
    // Whoever is left out holds this lock; only then is the text worth its parsing.
    let upkeepers = Set(
      locks.filter {
        $0.isGranted && $0.mode == .shareUpdateExclusive && $0.tag.kind == .relation
      }.compactMap(\.pid))
    var found: [Int32: LockSession] = [:]
    for session in sessions.values {
      guard session.minimumTransactionID != nil, session.databaseID == database,
        // A worker's snapshot is its leader's, who is waited for as long.
        session.leader == nil || session.leader == session.pid,
        session.backendType != "autovacuum worker",
        !upkeepers.contains(session.pid) || !isLeftOut(session, parser)
      else { continue }
      found[session.pid] = session
    }
    return found.values.sorted { a, b in
      a.transactionStart == b.transactionStart
        ? a.pid < b.pid : (a.transactionStart ?? at) < (b.transactionStart ?? at)
    }
  }

  private func isLeftOut(_ session: LockSession, _ parser: any SQLParser) -> Bool {
    let statements = session.query.map { parser.parse($0).statements } ?? []
    guard let statement = statements.first, statements.count == 1 else { return false }
    switch statement.kind {
    case "VacuumStmt":
      let options = statement.tree["options"].items.map { $0["DefElem"]["defname"].string }
      return statement.tree["is_vacuumcmd"].bool && !options.contains("full")
        && !options.contains("analyze")
    case "IndexStmt":
      let hasExpression = statement.tree["indexParams"].items.contains {
        !$0["IndexElem"]["expr"].isNull
      }
      // The server tells when a wait began since the same version, 14.
      return knowsWaitStart && statement.tree["concurrent"].bool && !hasExpression
        && statement.tree["whereClause"].isNull
    default: return false
    }
  }
}
