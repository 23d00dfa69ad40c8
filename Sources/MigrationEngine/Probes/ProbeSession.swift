import MigrationModel
import Postgres
import PostgresModel

/// A session with the scratch copy in which everything that is tried is undone.
struct ProbeSession: Sendable {
  let connection: Connection

  /// Runs the body in a transaction that is always rolled back, with time-outs of its own.
  ///
  /// - Throws: What the body throws, and `DatabaseError` where the session is lost.
  func undone<Result: Sendable>(
    _ body: () async throws -> Result
  ) async throws -> Result {
    try await connection.execute(
      "BEGIN; SET LOCAL statement_timeout = '30s'; SET LOCAL lock_timeout = '10s'")
    return try await ending(with: "ROLLBACK", body)
  }

  /// Reads from the catalogue, with names as `SchemaSnapshot` has them.
  func facts<Fact: Sendable>(_ query: Query<Fact>) async throws -> [Fact] {
    try await undone {
      try await connection.execute(SchemaQueries.settings)
      return try await connection.rows(query)
    }
  }

  /// Runs the body in a savepoint and undoes what it did.
  func undoneInside<Result: Sendable>(
    _ body: () async throws -> Result
  ) async throws -> Result {
    try await connection.execute("SAVEPOINT lockstep_probe")
    return try await ending(
      with: "ROLLBACK TO SAVEPOINT lockstep_probe; RELEASE SAVEPOINT lockstep_probe", body)
  }

  /// Runs the body as another role, in a savepoint which undoes what it did.
  func undoneInside<Result: Sendable>(
    as role: String, _ body: () async throws -> Result
  ) async throws -> Result {
    try await undoneInside {
      try await connection.execute("SET LOCAL ROLE \(SQLText.identifier(role))")
      return try await body()
    }
  }

  /// Runs the body as another role, and keeps what it did.
  func acting<Result: Sendable>(
    as role: String, _ body: () async throws -> Result
  ) async throws -> Result {
    try await connection.execute("SET LOCAL ROLE \(SQLText.identifier(role))")
    return try await ending(with: "RESET ROLE", body)
  }

  private func ending<Result: Sendable>(
    with end: String, _ body: () async throws -> Result
  ) async throws -> Result {
    do {
      let result = try await body()
      try await connection.execute(end)
      return result
    } catch {
      // The first error is the one to tell; a session that is lost has rolled back by itself.
      _ = try? await connection.execute(end)
      throw error
    }
  }

  /// Keeps what the body did where it was accepted, and undoes it where it was not.
  func whole<Value: Sendable>(
    _ body: () async throws -> Answer<Value>
  ) async throws -> Answer<Value> {
    try await connection.execute("SAVEPOINT lockstep_whole")
    let answer = try await body()
    let back = answer.rejection == nil ? "" : "ROLLBACK TO SAVEPOINT lockstep_whole; "
    try await connection.execute(back + "RELEASE SAVEPOINT lockstep_whole")
    return answer
  }

  /// Runs statements and keeps what they did; what the server refuses leaves no trace.
  ///
  /// - Throws: `DatabaseError` for anything but the server's refusal.
  func attempt(_ sql: String) async throws(DatabaseError) -> Answer<[CommandOutcome]> {
    try await guarded { () async throws(DatabaseError) in
      try await connection.execute(sql).map { CommandOutcome(tag: $0.tag, rows: $0.rows) }
    }
  }

  /// Asks, and keeps what the question did; what the server refuses leaves no trace.
  func ask<Row>(_ query: Query<Row>) async throws(DatabaseError) -> Answer<[Row]> {
    try await guarded { () async throws(DatabaseError) in try await connection.rows(query) }
  }

  /// Asks for text; `NULL` is `nil`.
  func texts(_ sql: String) async throws(DatabaseError) -> Answer<[[String?]]> {
    try await ask(
      Query(sql) { (row) throws(ResultRow.Mismatch) in
        (0..<row.count).map { row.optionalString($0) }
      })
  }

  private func guarded<Value: Sendable>(
    _ body: () async throws(DatabaseError) -> Value
  ) async throws(DatabaseError) -> Answer<Value> {
    try await connection.execute("SAVEPOINT lockstep_attempt")
    do throws(DatabaseError) {
      let value = try await body()
      try await connection.execute("RELEASE SAVEPOINT lockstep_attempt")
      return .accepted(value)
    } catch {
      guard let refusal = error.serverError, !Task.isCancelled else { throw error }
      try await connection.execute(
        "ROLLBACK TO SAVEPOINT lockstep_attempt; RELEASE SAVEPOINT lockstep_attempt")
      return .rejected(Rejection(refusal))
    }
  }
}

/// What became of a command, without its time.
struct CommandOutcome: Sendable, Hashable {
  var tag: String
  var rows: Int64?
}

extension Rejection {
  init(_ error: ServerError) {
    self.init(
      sqlstate: error.sqlstate, message: error.message, constraint: error.constraint,
      column: error.column, table: error.table, context: error.context)
  }
}

extension ScratchProbe {
  /// Makes an error of ours a trial that proves nothing, so that no probe ends a rehearsal.
  ///
  /// - Throws: `CancellationError` where the rehearsal was cancelled.
  func trial(
    _ proof: CheckProof, _ subject: String, _ body: () async throws -> Trial
  ) async throws -> Trial {
    do {
      return try await body()
    } catch {
      try Task.checkCancellation()
      return .untold(proof, subject, error)
    }
  }
}

extension Trial {
  /// A trial that could not be made, and why.
  static func untold(_ proof: CheckProof, _ subject: String, _ error: any Error) -> Trial {
    let reason = (error as? DatabaseError)?.diagnostic.what ?? "\(error)"
    return Trial(
      proof, subject, .notProven, [.init("it could not be tried: \(reason)", .unclear)])
  }
}
