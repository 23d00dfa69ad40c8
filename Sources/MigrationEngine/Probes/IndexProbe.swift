import MigrationModel
import Postgres
import PostgresModel

/// Proves that every index that a migration makes or names is there, whole, and of use to the planner.
public struct IndexProbe: ScratchProbe {
  public init() {}

  public func after(_ scene: ScratchScene) async throws -> [Trial] {
    let session = ProbeSession(connection: scene.session)
    let all: [ProbedIndex]
    do {
      all = try await session.facts(ProbedIndex.all)
    } catch {
      try Task.checkCancellation()
      return [.untold(.indexes, "indexes", error)]
    }
    let touched = Set(
      scene.changes.filter { $0.kind == "index" && $0.action != .dropped && !$0.isBenign }
        .map(\.object))
    var trials: [Trial] = []
    for index in all where touched.contains(index.object) {
      trials.append(
        try await trial(.indexes, "index \(index.object)") {
          try await session.undone { try await sight(of: index, in: session).trial }
        })
    }
    let scripts = scene.migration.migration?.up ?? []
    for promised in scripts.flatMap({ PromisedIndex.all(in: $0.text) }) {
      if let trial = promised.trial(among: all, seen: touched) { trials.append(trial) }
    }
    return trials
  }

  private func sight(
    of index: ProbedIndex, in session: ProbeSession
  ) async throws -> IndexSight {
    try await session.connection.execute(
      "SET LOCAL enable_seqscan = off; SET LOCAL enable_tidscan = off; SET LOCAL jit = off")
    let check = try await check(index, in: session)
    if index.isPartitioned {
      return IndexSight(
        index, .notAsked("it has no rows of its own; those of the partitions do"), check: check)
    }
    let operators = try await session.connection.rows(index.keyOperators)
    let selects = index.selects(by: operators)
    guard let first = selects.first else {
      return IndexSight(
        index, .notAsked("nothing can be compared by \(index.method) here"), check: check)
    }
    for select in selects where try await isUsed(index, for: select, in: session) {
      return IndexSight(index, .used(select: select, alone: false), check: check)
    }
    let alone = try await session.undoneInside { () async throws -> String? in
      guard try await removeOthers(than: index, in: session) else { return nil }
      for select in selects where try await isUsed(index, for: select, in: session) {
        return select
      }
      return nil
    }
    if let alone { return IndexSight(index, .used(select: alone, alone: true), check: check) }
    return IndexSight(index, .passedOver(select: first), check: check)
  }

  private func isUsed(
    _ index: ProbedIndex, for select: String, in session: ProbeSession
  ) async throws -> Bool {
    let plan = try await session.texts("EXPLAIN (COSTS OFF) \(select)")
    return plan.value?.contains { index.isUsed(in: $0.first.flatMap { $0 } ?? "") } ?? false
  }

  /// Drops the other indexes of its table.
  ///
  /// - Returns: Whether there were any, and all of them could be dropped.
  private func removeOthers(
    than index: ProbedIndex, in session: ProbeSession
  ) async throws -> Bool {
    let query = Query<String>(
      """
      SELECT coalesce('ALTER TABLE ' || i.indrelid::regclass || ' DROP CONSTRAINT '
          || (SELECT quote_ident(k.conname) FROM pg_constraint k WHERE k.conindid = i.indexrelid
            AND k.conrelid = i.indrelid AND k.contype IN ('p', 'u', 'x')) || ' CASCADE',
        'DROP INDEX ' || i.indexrelid::regclass || ' CASCADE')
      FROM pg_index i
      WHERE i.indrelid = (SELECT indrelid FROM pg_index WHERE indexrelid = $1)
        AND i.indexrelid <> $1
      """, [String(index.oid)]
    ) { (row) throws(ResultRow.Mismatch) in try row.string(0) }
    let statements = try await session.connection.rows(query)
    guard !statements.isEmpty else { return false }
    return try await session.attempt(statements.joined(separator: ";\n")).rejection == nil
  }

  /// Asks `amcheck` where it is installed.
  private func check(
    _ index: ProbedIndex, in session: ProbeSession
  ) async throws -> IndexSight.Check? {
    guard index.method == "btree", !index.isPartitioned, index.flags.isValid else { return nil }
    let schema = Query<String>(
      """
      SELECT quote_ident(n.nspname) FROM pg_extension e
      JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'amcheck'
      """
    ) { (row) throws(ResultRow.Mismatch) in try row.string(0) }
    guard let place = try await session.connection.rows(schema).first else { return nil }
    let answer = try await session.texts("SELECT \(place).bt_index_check(\(index.oid)::regclass)")
    guard let rejection = answer.rejection else { return .sound }
    // Class XX: what the index holds is not what it should.
    return rejection.sqlstate.hasPrefix("XX")
      ? .broken(rejection.words) : .notTold(rejection.words)
  }
}
