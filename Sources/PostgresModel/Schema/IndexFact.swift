/// An index as the catalogue has it.
public struct IndexFact: Sendable, Hashable {
  /// With its schema.
  public var name: QualifiedName
  /// With its schema.
  public var table: QualifiedName
  /// Whether queries may use it; one that is not valid is kept up by every write all the same.
  public var isValid: Bool
  /// Whether another session seems to be building it at this moment.
  public var isBeingBuilt: Bool
  /// As `pg_get_indexdef` writes it.
  public var definition: String

  public init(
    name: QualifiedName, table: QualifiedName, isValid: Bool, isBeingBuilt: Bool = false,
    definition: String
  ) {
    self.name = name
    self.table = table
    self.isValid = isValid
    self.isBeingBuilt = isBeingBuilt
    self.definition = definition
  }

  /// The statement that takes it away without keeping anybody from writing.
  public var cleanUp: String { "DROP INDEX CONCURRENTLY IF EXISTS \(name.sql)" }

  /// Whether `REINDEX CONCURRENTLY` made it and did not come to its end: `…_ccnew`, `…_ccold`, with or
  /// without a number.
  ///
  /// Source: PostgreSQL manual, REINDEX, "Rebuilding Indexes Concurrently".
  public var isLeftoverOfReindex: Bool {
    let stem = name.name.reversed().drop { $0.isNumber }
    return ["wencc_", "dlocc_"].contains { stem.starts(with: $0) }
  }
}
