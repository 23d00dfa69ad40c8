/// What has to be known of a table to make rows for it.
public struct TableShape: Sendable, Hashable {
  public var oid: Int64
  /// Qualified and quoted, as a `SchemaFact` names it.
  public var object: String
  /// `r`, `p`, `v`, `f`: as `pg_class.relkind`.
  public var kind: String
  public var columns: [ColumnShape] = []
  /// What every row has to fulfil: its checks, and the bound of a partition.
  public var conditions: [Condition] = []
  public var foreignKeys: [ForeignKeyShape] = []
  /// The columns of each unique index, those in its expressions and condition as well.
  public var uniqueKeys: [[String]] = []

  /// A condition on rows.
  public struct Condition: Sendable, Hashable {
    /// The name of the check; `nil` for the bound of a partition.
    public var name: String?
    public var expression: String

    public init(name: String?, expression: String) {
      self.name = name
      self.expression = expression
    }
  }

  public init(oid: Int64, object: String, kind: String) {
    self.oid = oid
    self.object = object
    self.kind = kind
  }

  public var columnNames: [String] { columns.map(\.name) }

  public func column(_ name: String) -> ColumnShape? { columns.first { $0.name == name } }
}

/// A column of a table for which rows are made.
public struct ColumnShape: Sendable, Hashable {
  public var name: String
  /// As SQL, with its length.
  public var type: String
  /// The type below its domains, as SQL; `type` where it has none.
  public var baseType: String
  /// `pg_type.typname` of the base type.
  public var baseName: String
  /// `pg_type.typtype` and `typcategory` of the base type.
  public var sort: String
  public var category: String
  /// Of an array its elements' type, of a range its bounds' type, with the name of it.
  public var element: (type: String, name: String)? {
    elementType.flatMap { type in elementName.map { (type, $0) } }
  }
  public var elementType: String?
  public var elementName: String?
  public var isNotNull: Bool
  /// The expression of a default; `nil` for a generated column.
  public var defaultValue: String?
  /// The expression of a generated column.
  public var generated: String?
  /// `a`, `d`, or empty.
  public var identity: String
  public var labels: [String]
  /// The checks of its domains.
  public var domainChecks: String?

  public init(
    name: String, type: String, baseType: String? = nil, baseName: String, sort: String = "b",
    category: String, elementType: String? = nil, elementName: String? = nil,
    isNotNull: Bool = false, defaultValue: String? = nil, generated: String? = nil,
    identity: String = "", labels: [String] = [], domainChecks: String? = nil
  ) {
    self.name = name
    self.type = type
    self.baseType = baseType ?? type
    self.baseName = baseName
    self.sort = sort
    self.category = category
    self.elementType = elementType
    self.elementName = elementName
    self.isNotNull = isNotNull
    self.defaultValue = defaultValue
    self.generated = generated
    self.identity = identity
    self.labels = labels
    self.domainChecks = domainChecks
  }

  /// Whether its default gives another value each time.
  public var isFilledAnew: Bool {
    if !identity.isEmpty { return true }
    guard let text = defaultValue else { return false }
    return ["nextval(", "gen_random_uuid(", "uuid_generate", "random()", "clock_timestamp("]
      .contains { text.contains($0) }
  }

  /// Casts a constant to its type, by way of the base type: an explicit cast to a domain checks.
  public func literal(_ text: String) -> String { cast(SQLText.literal(text)) }

  /// Casts an expression to its type.
  public func cast(_ expression: String) -> String {
    type == baseType
      ? "(\(expression))::\(type)" : "((\(expression))::\(baseType))::\(type)"
  }
}

/// A foreign key for which a row has to be there.
public struct ForeignKeyShape: Sendable, Hashable {
  public var name: String
  public var columns: [String]
  public var parent: Int64
  public var parentColumns: [String]
  /// Whether it can wait until the end of the transaction.
  public var isDeferrable: Bool
}

extension TableShape {
  /// Asks for a relation by oid, without its parts.
  public static func query(_ oid: Int64) -> Query<TableShape> {
    Query(
      """
      SELECT c.oid, quote_ident(n.nspname) || '.' || quote_ident(c.relname), c.relkind
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1
      """, [String(oid)]
    ) { (row) throws(ResultRow.Mismatch) in
      TableShape(oid: try row.integer(0), object: try row.string(1), kind: try row.string(2))
    }
  }

  /// Asks for its columns, with what is below their domains.
  public var columnsQuery: Query<ColumnShape> {
    ColumnShape.query(
      """
      SELECT a.attnum, a.attname, a.atttypid AS type, a.atttypmod AS typmod, a.attnotnull AS required,
        pg_get_expr(d.adbin, d.adrelid) AS expression, a.attgenerated <> '' AS generated,
        a.attidentity AS identity
      FROM pg_attribute a
      LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
      WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
      """, oid)
  }

  /// Asks for what its rows have to fulfil; of a partitioned table, that one of its partitions takes them.
  public var conditionsQuery: Query<Condition> {
    Query(
      """
      SELECT k.conname, pg_get_expr(k.conbin, k.conrelid) FROM pg_constraint k
      WHERE k.conrelid = $1 AND k.contype = 'c' AND k.conbin IS NOT NULL
      UNION ALL
      SELECT NULL, pg_get_partition_constraintdef(c.oid) FROM pg_class c
      WHERE c.oid = $1 AND c.relispartition AND pg_get_partition_constraintdef(c.oid) <> ''
      UNION ALL
      SELECT NULL, string_agg('(' || coalesce(nullif(pg_get_partition_constraintdef(t.relid), ''),
        'true') || ')', ' OR ')
      FROM pg_class c CROSS JOIN LATERAL pg_partition_tree(c.oid) t
      WHERE c.oid = $1 AND c.relkind = 'p' AND t.isleaf AND t.relid <> c.oid
      HAVING count(*) > 0
      ORDER BY 1
      """, [String(oid)]
    ) { (row) throws(ResultRow.Mismatch) in
      Condition(name: row.optionalString(0), expression: try row.string(1))
    }
  }

  /// Asks for its foreign keys, those to the partitions of a parent left out.
  public var foreignKeysQuery: Query<ForeignKeyShape> {
    Query(
      """
      SELECT k.conname, \(Self.names("k.conkey", "k.conrelid")), k.confrelid,
        \(Self.names("k.confkey", "k.confrelid")), k.condeferrable
      FROM pg_constraint k WHERE k.conrelid = $1 AND k.contype = 'f'
        AND NOT EXISTS (SELECT FROM pg_constraint p
          WHERE p.oid = k.conparentid AND p.conrelid = k.conrelid)
      ORDER BY 1
      """, [String(oid)]
    ) { (row) throws(ResultRow.Mismatch) in
      ForeignKeyShape(
        name: try row.string(0), columns: parts(try row.string(1)), parent: try row.integer(2),
        parentColumns: parts(try row.string(3)), isDeferrable: try row.bool(4))
    }
  }

  /// Asks for the columns of its unique and excluding indexes.
  public var uniqueKeysQuery: Query<[String]> {
    Query(
      """
      SELECT string_agg(DISTINCT a.attname, chr(31)) FROM pg_index i
      JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum > 0
        AND (a.attnum = ANY (i.indkey) OR EXISTS (SELECT FROM pg_depend d
          WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = i.indexrelid
            AND d.refobjid = i.indrelid AND d.refobjsubid = a.attnum))
      WHERE i.indrelid = $1 AND (i.indisunique OR i.indisexclusion) GROUP BY i.indexrelid
      """, [String(oid)]
    ) { (row) throws(ResultRow.Mismatch) in parts(row.optionalString(0) ?? "") }
  }

  /// The names of the columns whose numbers are in an array, in its order, parted by `chr(31)`.
  static func names(_ numbers: String, _ relation: String) -> String {
    """
    (SELECT string_agg(a.attname, chr(31) ORDER BY o.i) FROM unnest(\(numbers))
      WITH ORDINALITY o(number, i)
      JOIN pg_attribute a ON a.attrelid = \(relation) AND a.attnum = o.number)
    """
  }
}

/// What `chr(31)` parts; nothing for the empty text.
func parts(_ text: String) -> [String] {
  text.isEmpty
    ? []
    : text.split(separator: "\u{1F}" as Character, omittingEmptySubsequences: false).map(
      String.init)
}

extension ColumnShape {
  /// Asks for what can be known of values, below domains.
  ///
  /// - Parameters:
  ///   - source: Gives attnum, attname, type, typmod, required, expression, generated, identity.
  ///   - oid: `$1` of it.
  static func query(_ source: String, _ oid: Int64) -> Query<ColumnShape> {
    Query(
      """
      WITH RECURSIVE source AS (\(source)), chain AS (
        SELECT s.attnum, s.type, s.typmod, t.typtype, false AS required, 0 AS depth
        FROM source s JOIN pg_type t ON t.oid = s.type
        UNION ALL
        SELECT c.attnum, d.typbasetype, d.typtypmod, t.typtype, d.typnotnull, c.depth + 1
        FROM chain c JOIN pg_type d ON d.oid = c.type JOIN pg_type t ON t.oid = d.typbasetype
        WHERE c.typtype = 'd')
      SELECT s.attname, format_type(s.type, s.typmod), format_type(b.type, b.typmod), t.typname,
        t.typtype, t.typcategory, format_type(e.oid, NULL), e.typname,
        s.required OR EXISTS (SELECT FROM chain c WHERE c.attnum = s.attnum AND c.required),
        CASE WHEN NOT s.generated THEN s.expression END, CASE WHEN s.generated THEN s.expression END,
        s.identity,
        coalesce((SELECT string_agg(l.enumlabel, chr(31) ORDER BY l.enumsortorder) FROM pg_enum l
          WHERE l.enumtypid = t.oid), ''),
        (SELECT string_agg(pg_get_expr(k.conbin, 0), ' AND ') FROM pg_constraint k
          JOIN chain c ON c.type = k.contypid
          WHERE c.attnum = s.attnum AND k.contype = 'c')
      FROM source s JOIN chain b ON b.attnum = s.attnum AND b.typtype <> 'd'
      JOIN pg_type t ON t.oid = b.type
      LEFT JOIN pg_range r ON r.rngtypid = t.oid
      LEFT JOIN pg_type e ON e.oid = coalesce(r.rngsubtype,
        CASE WHEN t.typcategory = 'A' THEN nullif(t.typelem, 0) END)
      ORDER BY s.attnum
      """, [String(oid)]
    ) { (row) throws(ResultRow.Mismatch) in
      ColumnShape(
        name: try row.string(0), type: try row.string(1), baseType: try row.string(2),
        baseName: try row.string(3), sort: try row.string(4), category: try row.string(5),
        elementType: row.optionalString(6), elementName: row.optionalString(7),
        isNotNull: try row.bool(8), defaultValue: row.optionalString(9),
        generated: row.optionalString(10), identity: row.optionalString(11) ?? "",
        labels: parts(try row.string(12)), domainChecks: row.optionalString(13))
    }
  }

  /// Asks what values a domain has, as if it were a column.
  public static func domain(_ oid: Int64) -> Query<ColumnShape> {
    query(
      """
      SELECT 1 AS attnum, 'value'::name AS attname, t.oid AS type, -1 AS typmod,
        false AS required, NULL::text AS expression, false AS generated, '' AS identity
      FROM pg_type t WHERE t.oid = $1
      """, oid)
  }
}
