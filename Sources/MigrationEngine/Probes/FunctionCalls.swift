import MigrationModel
import Postgres
import PostgresModel

/// How often a function was called in the transaction, as the server counts it.
struct FunctionCalls: Sendable {
  let session: ProbeSession
  let function: Int64

  /// Has the server count from here on.
  ///
  /// - Returns: Why it does not; `nil` where it does.
  func begin() async throws -> String? {
    try await session.attempt("SET LOCAL track_functions = 'all'").rejection.map {
      "calls are not counted: \($0.words)"
    }
  }

  func count() async throws -> Int {
    let sql = """
      SELECT coalesce(sum(calls), 0) FROM pg_stat_xact_user_functions WHERE funcid = \(function)
      """
    return try await session.texts(sql).value?.first?.first.flatMap { $0 }.flatMap { Int($0) } ?? 0
  }
}
