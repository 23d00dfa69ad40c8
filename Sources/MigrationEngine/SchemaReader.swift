import MigrationModel
import Postgres
import PostgresModel

/// Reads what the catalogues of a database say of its schema.
public struct SchemaReader: Sendable {
  private let connection: Connection
  private let left: [QualifiedName]

  /// - Parameters:
  ///   - connection: A session of its own; nobody else may use it meanwhile.
  ///   - left: Relations that are left out with all that belongs to them: the history tables.
  public init(_ connection: Connection, leavingOut left: [QualifiedName] = []) {
    self.connection = connection
    self.left = left
  }

  /// Reads everything as of one moment; what is not committed by others is not there.
  ///
  /// In an open transaction its own changes are seen, and its settings are as before afterwards.
  ///
  /// - Throws: `DatabaseError`; the transaction that was open is still open.
  public func read() async throws(DatabaseError) -> SchemaSnapshot {
    let isOpen = await connection.transactionState == .open
    let begin =
      isOpen
      ? "SAVEPOINT lockstep_schema" : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    let end =
      isOpen
      ? "ROLLBACK TO SAVEPOINT lockstep_schema; RELEASE SAVEPOINT lockstep_schema" : "ROLLBACK"
    try await connection.execute("\(begin); \(SchemaQueries.settings)")
    do throws(DatabaseError) {
      // As one message: the server answers the next question while the last answer is taken up.
      let facts = try await connection.reduce(
        SchemaQueries.all(serverVersion: connection.serverVersion, leavingOut: left), into: []
      ) { (facts: inout [SchemaFact], object) in facts.append(contentsOf: object) }
      try await connection.execute(end)
      return SchemaSnapshot(facts)
    } catch {
      _ = try? await connection.execute(end)
      throw error
    }
  }
}

extension SchemaSnapshot {
  /// SHA-256 over every fact.
  public var checksum: Checksum { Checksum(.sha256, of: digestText) }
}
