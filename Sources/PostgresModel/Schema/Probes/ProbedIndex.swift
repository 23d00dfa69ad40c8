/// An index as the catalogue has it, with what is needed to ask the planner for it.
public struct ProbedIndex: Sendable, Hashable {
  public var oid: Int64
  /// Qualified and quoted, as a `SchemaFact` names it.
  public var object: String
  /// Quoted without schema, as `EXPLAIN` prints it.
  public var shortName: String
  /// Qualified and quoted.
  public var table: String
  public var method: String
  /// As `pg_get_indexdef` writes it.
  public var definition: String
  public var flags: Flags
  /// Of a partitioned table: it has no rows of its own.
  public var isPartitioned: Bool
  /// The condition of a partial index.
  public var predicate: String?

  /// What the catalogue says of its state.
  public struct Flags: Sendable, Hashable {
    public var isValid: Bool
    public var isReady: Bool
    public var isLive: Bool

    public init(isValid: Bool, isReady: Bool, isLive: Bool) {
      self.isValid = isValid
      self.isReady = isReady
      self.isLive = isLive
    }

    /// What keeps it from being used, in words; empty where nothing does.
    public var faults: [String] {
      (isValid ? [] : ["not valid"]) + (isReady ? [] : ["not ready"]) + (isLive ? [] : ["not live"])
    }
  }

  /// One key with an operator that the index can be searched by.
  public struct KeyOperator: Sendable, Hashable {
    /// The key's 1-based place.
    public var key: Int
    /// Column or expression, as SQL.
    public var expression: String
    /// Qualified where it is no built-in one: `=`, `OPERATOR(public.<%)`.
    public var operation: String
    /// The type of the right side.
    public var type: String
    /// Only `ORDER BY` can use it.
    public var isOrdering: Bool
  }

  /// Every index of a user's tables.
  public static let all = Query<ProbedIndex>(
    """
    SELECT i.indexrelid, quote_ident(n.nspname) || '.' || quote_ident(c.relname),
      quote_ident(c.relname), quote_ident(m.nspname) || '.' || quote_ident(t.relname), a.amname,
      pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisready, i.indislive, c.relkind = 'I',
      pg_get_expr(i.indpred, i.indrelid)
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_class t ON t.oid = i.indrelid
    JOIN pg_namespace m ON m.oid = t.relnamespace JOIN pg_am a ON a.oid = c.relam
    WHERE n.nspname !~ '^pg_' ORDER BY 2
    """
  ) { (row) throws(ResultRow.Mismatch) in
    ProbedIndex(
      oid: try row.integer(0), object: try row.string(1), shortName: try row.string(2),
      table: try row.string(3), method: try row.string(4), definition: try row.string(5),
      flags: Flags(
        isValid: try row.bool(6), isReady: try row.bool(7), isLive: try row.bool(8)),
      isPartitioned: try row.bool(9), predicate: row.optionalString(10))
  }

  /// Asks for the operators of its keys, in the order in which they are to be tried.
  ///
  /// A polymorphic operator class takes the type of the column. Source: PostgreSQL manual, `pg_amop`,
  /// `pg_opclass`; strategy 3 of btree and 1 of hash are equality.
  public var keyOperators: Query<KeyOperator> {
    Query(
      """
      SELECT k.n, pg_get_indexdef(i.indexrelid, k.n, false)
          || CASE WHEN i.indcollation[k.n - 1] NOT IN (0, coalesce(a.attcollation, 0))
            THEN ' COLLATE ' || i.indcollation[k.n - 1]::regcollation::text ELSE '' END,
        CASE s.nspname WHEN 'pg_catalog' THEN o.oprname
          ELSE 'OPERATOR(' || quote_ident(s.nspname) || '.' || o.oprname || ')' END,
        format_type(CASE WHEN r.typtype = 'p' THEN coalesce(a.atttypid, x.atttypid) ELSE r.oid END,
          NULL), p.amoppurpose = 'o'
      FROM pg_index i CROSS JOIN generate_series(1, i.indnkeyatts::int) k(n)
      JOIN pg_attribute x ON x.attrelid = i.indexrelid AND x.attnum = k.n
      LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k.n - 1]
        AND a.attnum <> 0
      JOIN pg_opclass c ON c.oid = i.indclass[k.n - 1]
      JOIN pg_amop p ON p.amopfamily = c.opcfamily AND p.amoplefttype = c.opcintype
      JOIN pg_am m ON m.oid = p.amopmethod
      JOIN pg_operator o ON o.oid = p.amopopr JOIN pg_namespace s ON s.oid = o.oprnamespace
      JOIN pg_type r ON r.oid = o.oprright
      WHERE i.indexrelid = $1
      ORDER BY k.n, p.amoppurpose DESC, m.amname <> 'btree' OR p.amopstrategy <> 3,
        p.amoprighttype <> p.amoplefttype, p.amopstrategy
      """, [String(oid)]
    ) { (row) throws(ResultRow.Mismatch) in
      KeyOperator(
        key: Int(try row.integer(0)), expression: try row.string(1), operation: try row.string(2),
        type: try row.string(3), isOrdering: try row.bool(4))
    }
  }

  /// Selects that only want rows of this index, the best first; none where nothing can be made.
  ///
  /// A subselect stands for the value: the planner must not know that it is null, and none has to be found.
  public func selects(by operators: [KeyOperator]) -> [String] {
    let condition = predicate.map { " AND (\($0))" } ?? ""
    func comparison(_ key: KeyOperator) -> String {
      "\(key.expression) \(key.operation) (SELECT NULL::\(key.type))"
    }
    if method == "btree" || method == "hash" {
      let keys = Set(operators.map(\.key)).sorted()
      let firsts = keys.compactMap { key in operators.first { $0.key == key && !$0.isOrdering } }
      guard firsts.count == keys.count, !firsts.isEmpty else { return [] }
      let all = firsts.map(comparison).joined(separator: " AND ")
      return ["SELECT 1 FROM ONLY \(table) WHERE \(all)\(condition)"]
    }
    return operators.filter { $0.key == 1 }.prefix(8).map { key in
      key.isOrdering
        ? "SELECT 1 FROM ONLY \(table) WHERE true\(condition) ORDER BY \(comparison(key)) LIMIT 1"
        : "SELECT 1 FROM ONLY \(table) WHERE \(comparison(key))\(condition)"
    }
  }

  /// Whether a line of `EXPLAIN` says that this index is searched.
  public func isUsed(in line: String) -> Bool {
    line.contains(" using \(shortName) on ") || line.hasSuffix("Index Scan on \(shortName)")
  }
}
