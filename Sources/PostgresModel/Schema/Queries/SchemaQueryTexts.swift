/// The SQL of `SchemaQueries`, for servers of one version.
struct SchemaQueryTexts {
  /// Whether the server is of this major version or a later one.
  let since: (Int) -> Bool
  let left: [QualifiedName]

  var all: [String] {
    [
      schemas, relations, columns, constraints, indexes, triggers, rules, policies, functions,
      aggregates, types, sequences, statistics, extensions, casts, operators, operatorClasses,
      collations, textSearch, languages, foreignServers, publications, subscriptions,
      eventTriggers, comments, labels, defaultPrivileges, roleSettings,
    ]
  }

  // MARK: Pieces

  /// One fact that the object is there, and one for each property that has a value.
  ///
  /// - Parameters:
  ///   - kind: An SQL expression.
  ///   - object: An SQL expression for its name.
  ///   - parent: An SQL expression for what it belongs to, `''` for nothing.
  ///   - rest: `FROM` and what follows.
  func facts(
    _ kind: String, _ object: String, parent: String = "''", _ properties: [(String, String)],
    _ rest: String
  ) -> String {
    let rows = [("", parent)] + properties
    let values = rows.map { "('\($0.0)', (\($0.1))::text)" }.joined(separator: ",\n    ")
    return """
      SELECT \(kind), o.name, p.name, p.value FROM (SELECT \(object) AS name, x.* \(rest)) o,
      LATERAL (VALUES \(values)) p(name, value) WHERE p.value IS NOT NULL
      """
  }

  func isOfUser(_ schema: String) -> String {
    "\(schema) !~ '^pg_' AND \(schema) NOT IN ('information_schema', 'lockstep')"
  }

  /// Not made by an extension.
  func isOwn(_ catalog: String, _ oid: String) -> String {
    """
    NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_catalog.\(catalog)'::regclass
      AND e.objid = \(oid) AND e.deptype = 'e')
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

  func sorted(_ options: String) -> String {
    "SELECT string_agg(v, ', ' ORDER BY v) FROM unnest(\(options)) v"
  }

  func when(_ condition: String, _ value: String = "'yes'") -> String {
    "CASE WHEN \(condition) THEN \(value) END"
  }

  func name(_ schema: String, _ name: String) -> String {
    "quote_ident(\(schema)) || '.' || quote_ident(\(name))"
  }
}
