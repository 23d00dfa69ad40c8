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
    /// What stands in brackets behind the type, as the server counts it; -1 for nothing.
    public var modifier: Int32
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
      description.columns = columns(of: result)
    }
    return description
  }

  private func columns(of result: OpaquePointer) -> [StatementDescription.Column] {
    (0..<PQnfields(result)).map { column in
      let table = PQftable(result, column)
      return StatementDescription.Column(
        name: PQfname(result, column).map { String(cString: $0) } ?? "",
        type: PQftype(result, column), modifier: PQfmod(result, column),
        origin: table == 0
          ? nil
          : StatementDescription.Origin(table: table, number: Int(PQftablecol(result, column))))
    }
  }

  /// Reads the rows of a query together with the columns of another statement, in one message.
  ///
  /// - Parameters:
  ///   - query: Without parameters.
  ///   - statement: Returns no rows; run before the query.
  ///   - check: Given the columns before any row is read; what it throws is thrown in the place of whatever
  ///     becomes of the query.
  /// - Throws: Any `DatabaseError` but `cannotConnect`, and what `check` throws.
  public func rows<Row>(
    _ query: Query<Row>, describing statement: String,
    check: @Sendable ([StatementDescription.Column]) throws -> Void
  ) async throws -> (columns: [StatementDescription.Column], rows: [Row]) {
    await acquire()
    defer { release() }
    guard PQsendQuery(handle, "\(statement);\n\(query.text)") == 1 else { throw loss() }
    var found: [StatementDescription.Column]?
    var rows: [Row] = []
    var mismatch: ResultRow.Mismatch?
    var failure: DatabaseError?
    do throws(DatabaseError) {
      try await collect { result in
        guard PQresultStatus(result) == PGRES_TUPLES_OK, mismatch == nil else { return }
        guard found != nil else {
          found = columns(of: result)
          return
        }
        do throws(ResultRow.Mismatch) {
          try decode(result, query.decode) { rows.append($0) }
        } catch {
          mismatch = error
        }
      }
    } catch {
      failure = error
    }
    if let found { try check(found) }
    if let failure { throw failure }
    if let mismatch { throw DatabaseError.unexpectedAnswer(mismatch, query: query.text) }
    return (found ?? [], rows)
  }
}
