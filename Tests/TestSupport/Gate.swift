import Postgres
import PostgresModel

/// A lock that a test holds, so that a migration stops at a known statement until the test says.
public struct Gate: Sendable {
  /// The statement at which a migration stops while the gate is closed.
  public static let stop = "SELECT pg_advisory_lock(4711); SELECT pg_advisory_unlock(4711);"

  private let connection: Connection

  /// Nobody came to the gate in two minutes.
  public struct NobodyCame: Error {}

  /// Closes a gate in a database, runs the body, and opens the gate.
  public static func closed<Result: Sendable>(
    in database: TestDatabase, _ body: @escaping @Sendable (Gate) async throws -> Result
  ) async throws -> Result {
    try await database.server.withConnection(to: database.name, application: "gate") { connection in
      try await connection.execute("SELECT pg_advisory_lock(4711)")
      return try await body(Gate(connection: connection))
    }
  }

  /// Waits until a session stands at the gate.
  ///
  /// - Returns: Its process id.
  public func comer() async throws -> Int32 {
    try await session(
      """
      SELECT l.pid FROM pg_locks l JOIN pg_database d ON d.oid = l.database
      WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.objid = 4711
        AND NOT l.granted
      """)
  }

  /// Waits until a query finds a session.
  ///
  /// - Returns: The first process id that it gives.
  public func session(_ query: String) async throws -> Int32 {
    let query = Query<Int32>(query) { row throws(ResultRow.Mismatch) in
      Int32(clamping: try row.integer(0))
    }
    let deadline = ContinuousClock.now + .seconds(120)
    while ContinuousClock.now < deadline {
      if let found = try await connection.rows(query).first { return found }
      try await connection.loop.sleep(for: .milliseconds(5))
    }
    throw NobodyCame()
  }

  /// Runs a statement in the gate's own session.
  public func execute(_ sql: String) async throws { try await connection.execute(sql) }

  public func open() async throws {
    try await connection.execute("SELECT pg_advisory_unlock(4711)")
  }
}
