/// What `CREATE INDEX` says of an index, as far as two texts can be compared.
public struct IndexShape: Sendable, Hashable {
  /// Without schema: an index is always in the schema of its table; `nil` where the server chooses.
  public var name: String?
  public var table: QualifiedName
  public var isUnique: Bool
  public var isConcurrent: Bool
  public var ifNotExists: Bool
  /// `btree` where nothing is said.
  public var method: String
  public var keys: [Key]
  /// Columns of `INCLUDE`.
  public var included: [String]
  /// Whether there is a `WHERE`; the server writes conditions in words of its own.
  public var hasCondition: Bool

  /// One key of an index.
  public struct Key: Sendable, Hashable {
    /// `nil` for an expression, which the server writes in words of its own.
    public var column: String?
    public var isDescending: Bool
    public var nullsFirst: Bool
    /// The operator class where one is named, without schema.
    public var operatorClass: String?
  }

  /// Reads a parsed statement; `nil` for everything but `CREATE INDEX`.
  public init?(_ statement: ParsedStatement) {
    let tree = statement.tree
    guard statement.kind == "IndexStmt", let table = tree["relation"].relationName else {
      return nil
    }
    name = tree["idxname"].string
    self.table = table
    isUnique = tree["unique"].bool
    isConcurrent = tree["concurrent"].bool
    ifNotExists = tree["if_not_exists"].bool
    method = tree["accessMethod"].string ?? "btree"
    keys = tree["indexParams"].items.map { IndexShape.key($0["IndexElem"]) }
    included = tree["indexIncludingParams"].items.compactMap { $0["IndexElem"]["name"].string }
    hasCondition = !tree["whereClause"].isNull
  }

  /// Reads one statement; `nil` where it is no `CREATE INDEX`, or the grammar does not know it.
  public init?(_ sql: String, _ parser: some SQLParser = PgQueryParser()) {
    guard let statement = parser.parse(sql).statements.first, let shape = IndexShape(statement)
    else { return nil }
    self = shape
  }

  private static func key(_ element: ParseTree) -> Key {
    let isDescending = element["ordering"].string == "SORTBY_DESC"
    let nulls = element["nulls_ordering"].string
    return Key(
      column: element["name"].string, isDescending: isDescending,
      nullsFirst: nulls == "SORTBY_NULLS_FIRST"
        || (isDescending && nulls != "SORTBY_NULLS_LAST"),
      operatorClass: element["opclass"].nameParts.last)
  }

  /// Whether an index of this shape does what one of the other would, as far as can be told; names are
  /// left out, and so is the schema of the table where one text does not say it.
  public func isLike(_ other: IndexShape) -> Bool {
    table.name == other.table.name
      && (table.schema == nil || other.table.schema == nil || table.schema == other.table.schema)
      && isUnique == other.isUnique && method == other.method && keys == other.keys
      && included == other.included && hasCondition == other.hasCondition
  }
}
