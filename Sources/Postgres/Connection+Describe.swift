import CLibpq
import PostgresModel

/// What a statement takes and returns, as the server tells it without running it.
public struct StatementDescription: Sendable, Hashable {
  /// The oids of the parameters' types.
  public var parameters: [UInt32]
  public var columns: [Column]

  public struct Column: Sendable, Hashable {
    public var name: String
    /// The oid of its type.
    public var type: UInt32
    /// The table's oid and the column's number there; `nil` where it is no column as it stands.
    public var origin: Origin?
  }

  /// A column of a table.
  public struct Origin: Sendable, Hashable {
    public var table: UInt32
    public var number: Int
  }
}

extension Connection {
  /// Prepares one statement and tells what it takes and returns; nothing of it stays.
  ///
  /// - Throws: Any `DatabaseError` but `cannotConnect`; the server's where it cannot be prepared.
  public func describe(_ sql: String) async throws(DatabaseError) -> StatementDescription {
    await acquire()
    defer { release() }
    // The statement without a name: the next one takes its place.
    guard PQsendPrepare(handle, "", sql, 0, nil) == 1 else { throw loss() }
    try await collect { _ in }
    guard PQsendDescribePrepared(handle, "") == 1 else { throw loss() }
    var description = StatementDescription(parameters: [], columns: [])
    try await collect { result in
      description.parameters = (0..<PQnparams(result)).map { PQparamtype(result, $0) }
      description.columns = (0..<PQnfields(result)).map { column in
        let table = PQftable(result, column)
        return StatementDescription.Column(
          name: PQfname(result, column).map { String(cString: $0) } ?? "",
          type: PQftype(result, column),
          origin: table == 0
            ? nil
            : StatementDescription.Origin(
              table: table, number: Int(PQftablecol(result, column))))
      }
    }
    return description
  }
}
