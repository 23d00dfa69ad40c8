/// What a project has beside its migrations that checks are made with; paths as the process sees them.
public struct CheckSources: Sendable, Hashable {
  /// A folder of the project's key queries, one query a file; `nil` where there is none.
  public var keyQueries: String?
  /// A folder, or a file, of queries that return `issue, count`.
  public var assertions: String?
  /// The committed schema dump.
  public var schemaFile: String?
  /// The committed entity-relationship diagram.
  public var diagramFile: String?
  /// The folder of sqlx's prepared queries.
  public var sqlxFolder: String?

  public init(
    keyQueries: String? = nil, assertions: String? = nil, schemaFile: String? = nil,
    diagramFile: String? = nil, sqlxFolder: String? = nil
  ) {
    self.keyQueries = keyQueries
    self.assertions = assertions
    self.schemaFile = schemaFile
    self.diagramFile = diagramFile
    self.sqlxFolder = sqlxFolder
  }
}
