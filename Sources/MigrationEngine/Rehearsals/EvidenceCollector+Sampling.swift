import MigrationModel
import Postgres
import PostgresModel

/// Statements outside a transaction that cannot be run in one: looked on at from outside while they run.
extension EvidenceCollector {
  /// A statement that is looked on at, and how things stood before it.
  struct Sampling {
    var key: Key
    var sampler: LockSampler
    var position: Int64?
    var counts: [String: Counts]?
  }

  /// Begins to look on at a statement that is about to be sent.
  func sample(_ session: Connection, _ key: Key) async {
    let counts = await counts(after: session)
    let position = await walPosition()
    let obstacle = await obstacle(to: key)
    guard
      let sampler = try? await LockSampler.begin(
        of: session.processID, from: scratch.elsewhere, obstacle: obstacle, loop: session.loop)
    else { return }
    state.withLock {
      $0.sampling = Sampling(key: key, sampler: sampler, position: position, counts: counts)
    }
  }

  /// What is in the statement's way for a moment, so that its locks are seen.
  private func obstacle(to key: Key) async -> (session: Connection, sql: String)? {
    let forecast = forecasts[key.unit]
    guard forecast.indices.contains(key.statement), let effect = forecast[key.statement].effect,
      let session = try? await Connection.open(
        scratch.target, application: "lockstep rehearse",
        settings: [("lock_timeout", "200"), ("idle_in_transaction_session_timeout", "6000")],
        loop: onlooker.loop)
    else { return nil }
    let isWaiting = units[key.unit].statements[key.statement].isConcurrent
    var sql = isWaiting ? "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1" : "BEGIN"
    for lock in effect.locks {
      guard let name = lock.relation, isTable(name) else { continue }
      // The weakest that is in the way: what the statement asks for before goes through.
      let mode = LockMode.allCases.first { $0.conflicts(with: lock.mode) } ?? .accessExclusive
      let held = isWaiting ? LockMode.accessShare : mode
      sql += "; LOCK TABLE ONLY \(name.sql) IN \(held.sqlName) MODE"
    }
    return (session, sql)
  }

  private func isTable(_ name: QualifiedName) -> Bool {
    standing.relations.values.contains {
      $0.name == name && ($0.kind == .table || $0.kind == .partitionedTable)
    }
  }

  /// Ends the looking on at the statement that was sent last, and keeps what was seen.
  func endSampling(_ session: Connection) async {
    let sampling = state.withLock { state in
      defer { state.sampling = nil }
      return state.sampling
    }
    guard let sampling else { return }
    let seen = await sampling.sampler.end()
    var evidence = StatementEvidence(.sampled)
    var locks: Set<ObservedLock> = []
    for one in seen {
      guard let oid = one.relation, let mode = one.mode, let relation = standing.relations[oid]
      else { continue }
      locks.insert(ObservedLock(mode, relation.name, relation.kind))
    }
    evidence.locks = locks.sorted()
    let command = units[sampling.key.unit].statements[sampling.key.statement].command
    if let now = await files() {
      var rewrites: [QualifiedName] = []
      state.withLock { state in
        for (oid, file) in now where isRewritten(oid, file, command, &state.files) {
          if let relation = standing.relations[oid] { rewrites.append(relation.name) }
        }
      }
      evidence.rewrites = rewrites.sorted()
    }
    if let before = sampling.counts, let after = await counts(after: session) {
      var differences: [String: Counts] = [:]
      for (oid, count) in after {
        let old = before[oid]
        differences[oid] = Counts(
          scans: count.scans - (old?.scans ?? 0), rowsRead: count.rowsRead - (old?.rowsRead ?? 0),
          blocks: count.blocks - (old?.blocks ?? 0),
          blocksHit: count.blocksHit - (old?.blocksHit ?? 0))
      }
      // Others hand in what they have read before; what it has not locked it has not read. A lock that was
      // too short to be seen leaves open who has read a table.
      let own = Set(seen.compactMap(\.relation))
      let isOpen = differences.contains { oid, count in
        !own.contains(oid) && before[oid] != nil && count.scans > 0
          && standing.relations[oid].map { isTable($0.name) } == true
      }
      differences = differences.filter { own.contains($0.key) || before[$0.key] == nil }
      // The rows that maintenance reads are not counted, its blocks are.
      if !isOpen, !["VACUUM", "ANALYZE", "CLUSTER"].contains(command) {
        evidence.scans = scans(differences.filter { own.contains($0.key) }, command)
      }
      if !own.isEmpty {
        var buffers = BufferUse(hit: 0, read: 0)
        for count in differences.values { buffers.add(count) }
        evidence.buffers = buffers
      }
    }
    if await tellsFiles(session) { evidence.temporaryBytes = 0 }
    if let from = sampling.position, let to = await walPosition() { evidence.walBytes = to - from }
    let found = evidence
    state.withLock { $0.found[sampling.key] = found }
  }

  /// The numbers of the files as they are now; `nil` where nobody answers.
  func files() async -> [String: Int64]? {
    guard let now = try? await StandingRelations.read(onlooker, leavingOut: []) else { return nil }
    return now.relations.mapValues(\.file)
  }

  private func walPosition() async -> Int64? {
    let query = Query<Int64>(
      "SELECT pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), '0/0')::bigint"
    ) { row throws(ResultRow.Mismatch) in try row.integer(0) }
    return (try? await onlooker.rows(query))?.first
  }

  /// Whether the session is still told of each temporary file: scripts may choose what they are told.
  private func tellsFiles(_ session: Connection) async -> Bool {
    let query = Query<Bool>(
      """
      SELECT pg_catalog.current_setting('client_min_messages') = 'log'
        AND pg_catalog.current_setting('log_temp_files') = '0'
      """
    ) { row throws(ResultRow.Mismatch) in try row.bool(0) }
    return (try? await session.rows(query))?.first == true
  }

  /// The counters of all relations once the session's own are in them; `nil` before 15, where a session
  /// cannot be made to hand them over, and where the server does not count.
  private func counts(after session: Connection) async -> [String: Counts]? {
    guard session.serverVersion >= 150000 else { return nil }
    let query = Query<(String, Counts)>(
      """
      SELECT oid::text, pg_catalog.pg_stat_get_numscans(oid),
        pg_catalog.pg_stat_get_tuples_returned(oid), pg_catalog.pg_stat_get_blocks_fetched(oid),
        pg_catalog.pg_stat_get_blocks_hit(oid)
      FROM pg_catalog.pg_class
      WHERE oid >= 16384 AND relkind IN ('r', 'm', 'i', 't')
        AND pg_catalog.current_setting('track_counts')::bool
      """
    ) { row throws(ResultRow.Mismatch) in
      (
        try row.string(0),
        Counts(
          scans: try row.integer(1), rowsRead: try row.integer(2), blocks: try row.integer(3),
          blocksHit: try row.integer(4))
      )
    }
    do throws(DatabaseError) {
      try await session.execute("SELECT pg_catalog.pg_stat_force_next_flush()")
      try await session.execute("SELECT 1")
      try await onlooker.execute("SELECT pg_catalog.pg_stat_force_next_flush()")
      let rows = try await onlooker.rows(query)
      return rows.isEmpty ? nil : Dictionary(rows) { first, _ in first }
    } catch {
      return nil
    }
  }
}
