import MigrationModel
import Postgres
import PostgresModel

extension ScratchProbe {
  /// Attacks as the tables are; where a trigger stands in the way, once more with the triggers off.
  func bothWays(
    _ session: ProbeSession, _ sight: (TableTriggers) async throws -> ConstraintSight
  ) async throws -> ConstraintSight {
    let first = try await sight(.asTheyAre)
    guard first.outcome == .notProven, first.doubts.isEmpty, first.validation == nil,
      try await hasTriggers(session)
    else { return first }
    var second = try await sight(.off)
    guard second.outcome != .notProven else { return first }
    second.remarks.append(
      "the tables' own triggers were off for this: with them it could not be told")
    return second
  }

  private func hasTriggers(_ session: ProbeSession) async throws -> Bool {
    let query = Query<Bool>(
      "SELECT EXISTS (SELECT FROM pg_trigger WHERE NOT tgisinternal)"
    ) { (row) throws(ResultRow.Mismatch) in try row.bool(0) }
    return try await session.connection.rows(query).first ?? false
  }
}
