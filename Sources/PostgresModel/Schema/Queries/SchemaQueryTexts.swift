/// The SQL of `SchemaQueries`, for servers of one version.
struct SchemaQueryTexts {
  /// Whether the server is of this major version or a later one.
  let since: (Int) -> Bool
  let left: [QualifiedName]

  var all: [SchemaQuestion] {
    [
      schemas, relations, columns, constraints, indexes, triggers, rules, policies, functions,
      aggregates, types, sequences, statistics, extensions, casts, operators, operatorClasses,
      operatorFamilies, collations, conversions,
    ] + textSearch + [
      languages, transforms, accessMethods, foreignDataWrappers, foreignServers, userMappings,
      publications, subscriptions, eventTriggers, comments, labels, defaultPrivileges, roleSettings,
    ]
  }

  // MARK: Pieces

  /// A row an object, a column a property; the server has less to do, and less to send, than with a
  /// row a fact.
  ///
  /// - Parameters:
  ///   - kind: An SQL expression.
  ///   - object: An SQL expression for its name.
  ///   - parent: An SQL expression for what it belongs to, `''` for nothing; `NULL` where another
  ///     question tells that the object is there.
  ///   - properties: Names, and SQL expressions that are `NULL` where there is nothing to tell.
  ///   - rest: `FROM` and what follows, where `o` is the object.
  func facts(
    _ kind: String, _ object: String, parent: String = "''", _ properties: [(String, String)],
    _ rest: String
  ) -> SchemaQuestion {
    let sorted = properties.sorted { $0.0 < $1.0 }
    let columns = ([kind, object, parent] + sorted.map(\.1)).map { "(\($0))::text" }
    return SchemaQuestion(
      sql: "SELECT \(columns.joined(separator: ",\n  ")) \(rest)", properties: sorted.map(\.0))
  }

  func isOfUser(_ schema: String) -> String {
    "\(schema) !~ '^pg_' AND \(schema) NOT IN ('information_schema', 'lockstep')"
  }

  /// Not made by an extension; what extensions made is found by an index on `refclassid`.
  func isOwn(_ catalog: String, _ oid: String) -> String {
    """
    NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_catalog.\(catalog)'::regclass
      AND e.refclassid = 'pg_catalog.pg_extension'::regclass AND e.objid = \(oid)
      AND e.deptype = 'e')
    """
  }

  /// Not one of the relations that are left out.
  func isKept(_ schema: String, _ name: String) -> String {
    guard !left.isEmpty else { return "true" }
    let pairs = left.map {
      "(\(SQLText.literal($0.schema ?? "public")), \(SQLText.literal($0.name)))"
    }
    return "(\(schema), \(name)) NOT IN (\(pairs.joined(separator: ", ")))"
  }

  /// Who may do what, as `granted.privileges`, found once for all objects of an owner with the same
  /// grants.
  ///
  /// - Parameters:
  ///   - catalog: Where owner and grants stand.
  ///   - columns: The SQL expressions for both, of the alias `o`, and the letter of `acldefault`.
  func joinedPrivileges(
    _ catalog: String, _ columns: (acl: String, kind: String, owner: String)
  ) -> String {
    let acl = "coalesce(\(columns.acl), acldefault((\(columns.kind))::\"char\", \(columns.owner)))"
    return """
      LEFT JOIN (SELECT d.acl, d.owner, (\(privileges("d.acl", "'r'", "d.owner"))) AS privileges
        FROM (SELECT DISTINCT \(acl) AS acl, \(columns.owner) AS owner FROM \(catalog) o
          WHERE o.oid >= 16384) d OFFSET 0)
        granted ON granted.owner = \(columns.owner) AND granted.acl = \(acl)
      """
  }

  /// Who may do what, sorted, the default written out.
  func privileges(_ acl: String, _ kind: String, _ owner: String) -> String {
    """
    SELECT string_agg(g, ';' ORDER BY g) FROM (
      SELECT coalesce(quote_ident(r.rolname), 'PUBLIC') || '=' || string_agg(a.privilege_type
        || CASE WHEN a.is_grantable THEN '*' ELSE '' END, ',' ORDER BY a.privilege_type)
        || '/' || pg_get_userbyid(a.grantor) AS g
      FROM aclexplode(coalesce(\(acl), acldefault((\(kind))::"char", \(owner)))) a
      LEFT JOIN pg_roles r ON r.oid = a.grantee GROUP BY r.rolname, a.grantor) s
    """
  }

  func owner(_ column: String) -> String { "pg_get_userbyid(\(column))" }

  func sorted(_ options: String, where condition: String = "true") -> String {
    let texts = "SELECT string_agg(v, ', ' ORDER BY v) FROM unnest(\(options)) v WHERE \(condition)"
    return when("\(options) IS NOT NULL", "(\(texts))")
  }

  func when(_ condition: String, _ value: String = "'yes'") -> String {
    "CASE WHEN \(condition) THEN \(value) END"
  }

  func name(_ schema: String, _ name: String) -> String {
    "quote_ident(\(schema)) || '.' || quote_ident(\(name))"
  }
}
