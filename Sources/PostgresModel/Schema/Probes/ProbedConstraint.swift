/// Something that a database promises of its rows, as the catalogue has it.
public struct ProbedConstraint: Sendable, Hashable {
  public var kind: Kind
  /// Of the constraint, or of the index, or 0 where it is a property of a column or table.
  public var oid: Int64
  /// The table or domain that it is on.
  public var ownerOID: Int64
  /// Qualified and quoted, as a `SchemaFact` names it.
  public var owner: String
  /// Of the constraint, the index, the column or the partition; without quotes.
  public var name: String
  public var definition: String
  /// Those that it is about; without those of expressions.
  public var columns: [String]
  public var isValidated: Bool
  public var isDeferrable: Bool
  /// The condition of a check or a partition's bound.
  public var expression: String?
  /// Where it comes from, for a partition or a child.
  public var origin: Origin?
  /// Of the triggers behind it: `O`, `D`, `R`, `A` for each that is there.
  public var triggers: String
  public var reference: Reference?

  /// What sort of promise it is; the raw words are those of the query.
  public enum Kind: String, Sendable, Hashable {
    case notNull = "not null"
    case check
    case unique
    case primaryKey = "primary key"
    case uniqueIndex = "unique index"
    case foreignKey = "foreign key"
    case exclusion
    case domainCheck = "domain check"
    case domainNotNull = "domain not null"
    case partitionBound = "partition bound"
    case generated
    case identity
  }

  /// That of a parent's table which it repeats.
  public struct Origin: Sendable, Hashable {
    /// 0 where there is no constraint or index of the parent's that can be named by oid.
    public var constraint: Int64
    public var tables: [Int64]
  }

  /// What a foreign key refers to.
  public struct Reference: Sendable, Hashable {
    public var table: Int64
    public var object: String
    public var columns: [String]
    public var onDelete: Action
    public var onUpdate: Action
    public var isMatchFull: Bool
  }

  /// What becomes of a row when the one that it refers to goes; raw values of `confdeltype`.
  public enum Action: String, Sendable, Hashable {
    case noAction = "a"
    case restrict = "r"
    case cascade = "c"
    case setNull = "n"
    case setDefault = "d"

    public var words: String {
      switch self {
      case .noAction: "NO ACTION"
      case .restrict: "RESTRICT"
      case .cascade: "CASCADE"
      case .setNull: "SET NULL"
      case .setDefault: "SET DEFAULT"
      }
    }
  }

  /// How evidence names it.
  public var subject: String {
    switch kind {
    case .notNull: "NOT NULL of column \(name) of \(owner)"
    case .generated: "generated column \(name) of \(owner)"
    case .identity: "identity column \(name) of \(owner)"
    case .uniqueIndex: "unique index \(name) of \(owner)"
    case .partitionBound: "bound of partition \(owner)"
    case .domainNotNull: "NOT NULL of domain \(owner)"
    case .domainCheck: "constraint \(name) of domain \(owner)"
    default: "constraint \(name) of \(owner)"
    }
  }

  /// Whether it is about a domain, not about a table.
  public var isOfDomain: Bool { kind == .domainCheck || kind == .domainNotNull }

  /// Whether the other, on another table, is what this one repeats.
  public func repeats(_ other: ProbedConstraint) -> Bool {
    guard let origin, kind == other.kind else { return false }
    if origin.constraint != 0 { return origin.constraint == other.oid }
    return origin.tables.contains(other.ownerOID) && name == other.name
  }

  /// Those that are new or not what they were, oids apart.
  public static func touched(
    from before: [ProbedConstraint], to after: [ProbedConstraint]
  ) -> [ProbedConstraint] {
    struct Identity: Hashable {
      var kind: Kind
      var owner: String
      var name: String
    }
    func identity(_ one: ProbedConstraint) -> Identity {
      Identity(kind: one.kind, owner: one.owner, name: one.name)
    }
    let old = Dictionary(before.map { (identity($0), $0.promise) }) { first, _ in first }
    return after.filter { old[identity($0)] != $0.promise }
  }

  /// What it says, without oids.
  private var promise: [String] {
    [definition, "\(isValidated)", "\(isDeferrable)", triggers, columns.joined(separator: ",")]
  }
}

extension ProbedConstraint {
  /// Asks for the names under which it refuses: its own, and those of what repeats it in partitions.
  public var repeatedNames: Query<String> {
    Query(
      """
      WITH RECURSIVE own(oid, name) AS (
        SELECT k.oid, k.conname FROM pg_constraint k WHERE k.oid = $1
        UNION SELECT p.oid, p.conname FROM pg_constraint p JOIN own ON p.conparentid = own.oid)
      SELECT name FROM own
      """, [String(oid)]
    ) { (row) throws(ResultRow.Mismatch) in try row.string(0) }
  }

  /// Everything of the kind that the database promises, what extensions and the server made left out.
  public static func all(serverVersion: Int) -> Query<ProbedConstraint> {
    Query(text(since: { serverVersion >= $0 * 10_000 })) { (row) throws(ResultRow.Mismatch) in
      let parent = try row.optionalInteger(15) ?? 0
      let reference = Reference(
        table: parent, object: row.optionalString(16) ?? "",
        columns: parts(row.optionalString(17) ?? ""),
        onDelete: Action(rawValue: row.optionalString(18) ?? "a") ?? .noAction,
        onUpdate: Action(rawValue: row.optionalString(19) ?? "a") ?? .noAction,
        isMatchFull: row.optionalString(20) == "f")
      let tables = parts(row.optionalString(13) ?? "").compactMap { Int64($0) }
      return ProbedConstraint(
        kind: Kind(rawValue: try row.string(0)) ?? .check, oid: try row.integer(1),
        ownerOID: try row.integer(2), owner: try row.string(3), name: try row.string(4),
        definition: row.optionalString(5) ?? "", columns: parts(row.optionalString(6) ?? ""),
        isValidated: try row.bool(7), isDeferrable: try row.bool(8),
        expression: row.optionalString(9),
        origin: try row.bool(10)
          ? Origin(constraint: try row.optionalInteger(12) ?? 0, tables: tables) : nil,
        triggers: row.optionalString(14) ?? "", reference: parent == 0 ? nil : reference)
    }
  }

  /// One select a kind, each with the same columns.
  private static func text(since: (Int) -> Bool) -> String {
    func select(
      _ kind: String, oid: String = "0", owner: String = "c.oid",
      object: String = "quote_ident(n.nspname) || '.' || quote_ident(c.relname)", _ name: String,
      definition: String = "NULL", columns: String = "NULL", validated: String = "true",
      deferrable: String = "false", expression: String = "NULL", inherited: String = "false",
      origin: String = "NULL", triggers: String = "NULL", reference: [String]? = nil, _ rest: String
    ) -> String {
      let none = ["NULL::oid", "NULL", "NULL", "NULL", "NULL", "NULL"]
      return """
        SELECT \(kind) AS kind, \(oid) AS oid, \(owner) AS owner, \(object) AS object, \(name) AS name,
          \(definition) AS definition, \(columns) AS columns, \(validated) AS validated,
          \(deferrable) AS deferrable, \(expression) AS expression, \(inherited) AS inherited,
          NULL AS nothing, \(origin)::bigint AS origin,
          (SELECT string_agg(i.inhparent::text, chr(31)) FROM pg_inherits i
            WHERE i.inhrelid = \(owner)) AS parents,
          \(triggers) AS triggers, \((reference ?? none).joined(separator: ", "))
        \(rest)
        """
    }
    let tables = """
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      """
    let isOfUser = """
      n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'lockstep')
      """
    let isTable = "c.relkind IN ('r', 'p', 'f') AND \(isOfUser)"
    let states = """
      (WITH RECURSIVE own(oid) AS (SELECT k.oid UNION
          SELECT p.oid FROM pg_constraint p JOIN own ON p.conparentid = own.oid)
        SELECT string_agg(t.tgenabled::text, '' ORDER BY t.tgrelid::regclass::text, t.tgtype)
        FROM pg_trigger t JOIN own ON t.tgconstraint = own.oid)
      """
    let constraints = select(
      """
      CASE k.contype WHEN 'c' THEN 'check' WHEN 'u' THEN 'unique' WHEN 'p' THEN 'primary key'
        WHEN 'f' THEN 'foreign key' ELSE 'exclusion' END
      """, oid: "k.oid", "k.conname", definition: "pg_get_constraintdef(k.oid)",
      columns: TableShape.names("k.conkey", "k.conrelid"), validated: "k.convalidated",
      deferrable: "k.condeferrable",
      expression: "CASE WHEN k.contype = 'c' THEN pg_get_expr(k.conbin, k.conrelid) END",
      inherited: "k.conparentid <> 0 OR k.coninhcount > 0", origin: "k.conparentid",
      triggers: states,
      reference: [
        "nullif(k.confrelid, 0)",
        """
        (SELECT quote_ident(m.nspname) || '.' || quote_ident(f.relname) FROM pg_class f
          JOIN pg_namespace m ON m.oid = f.relnamespace WHERE f.oid = k.confrelid)
        """, TableShape.names("k.confkey", "k.confrelid"), "k.confdeltype::text",
        "k.confupdtype::text", "k.confmatchtype::text",
      ],
      """
      \(tables) JOIN pg_constraint k ON k.conrelid = c.oid
      WHERE k.contype IN ('c', 'u', 'p', 'f', 'x') AND \(isTable)
        AND NOT EXISTS (SELECT FROM pg_constraint p
          WHERE p.oid = k.conparentid AND p.conrelid = k.conrelid)
      """)
    let columns = """
      \(tables) JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      WHERE \(isTable)
      """
    let notNull = select(
      "'not null'", "a.attname", definition: "'NOT NULL'", columns: "a.attname",
      validated: since(18)
        ? """
        coalesce((SELECT k.convalidated FROM pg_constraint k WHERE k.conrelid = c.oid
          AND k.contype = 'n' AND k.conkey = ARRAY[a.attnum]), true)
        """ : "true",
      inherited: "a.attinhcount > 0", "\(columns) AND a.attnotnull")
    let generated = select(
      "'generated'", "a.attname",
      definition: "(SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d "
        + "WHERE d.adrelid = c.oid AND d.adnum = a.attnum)",
      columns: "a.attname", inherited: "a.attinhcount > 0", "\(columns) AND a.attgenerated <> ''")
    let identity = select(
      "'identity'", "a.attname", definition: "'GENERATED ALWAYS AS IDENTITY'", columns: "a.attname",
      inherited: "a.attinhcount > 0", "\(columns) AND a.attidentity = 'a'")
    let bounds = select(
      "'partition bound'", "c.relname", definition: "pg_get_expr(c.relpartbound, c.oid)",
      expression: "pg_get_partition_constraintdef(c.oid)",
      "\(tables) WHERE c.relispartition AND \(isTable)")
    let indexes = select(
      "'unique index'", oid: "i.indexrelid", "x.relname",
      definition: "pg_get_indexdef(i.indexrelid)", columns: TableShape.names("i.indkey", "c.oid"),
      validated: "i.indisvalid", inherited: "x.relispartition",
      origin: "(SELECT h.inhparent FROM pg_inherits h WHERE h.inhrelid = i.indexrelid LIMIT 1)",
      """
      \(tables) JOIN pg_index i ON i.indrelid = c.oid JOIN pg_class x ON x.oid = i.indexrelid
      WHERE i.indisunique AND \(isTable) AND NOT EXISTS (SELECT FROM pg_constraint k
        WHERE k.conindid = i.indexrelid AND k.conrelid = c.oid AND k.contype IN ('p', 'u', 'x'))
      """)
    let domain = """
      FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
      """
    let domainName = "quote_ident(n.nspname) || '.' || quote_ident(t.typname)"
    let domainChecks = select(
      "'domain check'", oid: "k.oid", owner: "t.oid", object: domainName, "k.conname",
      definition: "pg_get_constraintdef(k.oid)", validated: "k.convalidated",
      expression: "pg_get_expr(k.conbin, 0)",
      "\(domain) JOIN pg_constraint k ON k.contypid = t.oid WHERE k.contype = 'c' AND \(isOfUser)")
    let domainNotNull = select(
      "'domain not null'", owner: "t.oid", object: domainName, "t.typname",
      definition: "'NOT NULL'",
      "\(domain) WHERE t.typtype = 'd' AND t.typnotnull AND \(isOfUser)")
    return [
      constraints, notNull, generated, identity, bounds, indexes, domainChecks, domainNotNull,
    ].joined(separator: "\nUNION ALL\n") + "\nORDER BY 4, 1, 5"
  }
}
