/// The questions whose answers make a `SchemaSnapshot`, one for each sort of object.
///
/// Each returns kind, object, property and value. They are to be asked in one transaction whose
/// `search_path` is empty, so that the server itself qualifies every name in its definitions. What an
/// extension made belongs to the extension, and the schema `lockstep` to Lockstep: both are left out.
public enum SchemaQueries {
  /// Makes the answers of one transaction independent of the session's settings.
  public static let settings = """
    SET LOCAL search_path = ''; SET LOCAL datestyle = 'ISO, YMD'; \
    SET LOCAL intervalstyle = 'postgres'; SET LOCAL extra_float_digits = 1; \
    SET LOCAL quote_all_identifiers = off; SET LOCAL jit = off
    """

  /// - Parameters:
  ///   - serverVersion: As `server_version_num`: 150018.
  ///   - left: Relations that are left out with all that belongs to them: the history tables.
  public static func all(serverVersion: Int, leavingOut left: [QualifiedName] = [])
    -> [Query<SchemaFact>]
  {
    let texts = SchemaQueryTexts(since: { serverVersion >= $0 * 10_000 }, left: left)
    return texts.all.map { text in
      Query(text) { (row) throws(ResultRow.Mismatch) in
        SchemaFact(
          try row.string(0), try row.string(1), try row.string(2), row.optionalString(3) ?? "")
      }
    }
  }
}

/// The SQL of `SchemaQueries`, for servers of one version.
private struct SchemaQueryTexts {
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
  private func facts(
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

  private func isOfUser(_ schema: String) -> String {
    "\(schema) !~ '^pg_' AND \(schema) NOT IN ('information_schema', 'lockstep')"
  }

  /// Not made by an extension.
  private func isOwn(_ catalog: String, _ oid: String) -> String {
    """
    NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_catalog.\(catalog)'::regclass
      AND e.objid = \(oid) AND e.deptype = 'e')
    """
  }

  /// Not one of the relations that are left out.
  private func isKept(_ schema: String, _ name: String) -> String {
    guard !left.isEmpty else { return "true" }
    let pairs = left.map {
      "(\(SQLText.literal($0.schema ?? "public")), \(SQLText.literal($0.name)))"
    }
    return "(\(schema), \(name)) NOT IN (\(pairs.joined(separator: ", ")))"
  }

  /// Who may do what, sorted, the default written out.
  private func privileges(_ acl: String, _ kind: String, _ owner: String) -> String {
    """
    SELECT string_agg(g, ';' ORDER BY g) FROM (
      SELECT coalesce(quote_ident(r.rolname), 'PUBLIC') || '=' || string_agg(a.privilege_type
        || CASE WHEN a.is_grantable THEN '*' ELSE '' END, ',' ORDER BY a.privilege_type)
        || '/' || pg_get_userbyid(a.grantor) AS g
      FROM aclexplode(coalesce(\(acl), acldefault((\(kind))::"char", \(owner)))) a
      LEFT JOIN pg_roles r ON r.oid = a.grantee GROUP BY r.rolname, a.grantor) s
    """
  }

  private func owner(_ column: String) -> String { "pg_get_userbyid(\(column))" }

  private func sorted(_ options: String) -> String {
    "SELECT string_agg(v, ', ' ORDER BY v) FROM unnest(\(options)) v"
  }

  private func when(_ condition: String, _ value: String = "'yes'") -> String {
    "CASE WHEN \(condition) THEN \(value) END"
  }

  private func name(_ schema: String, _ name: String) -> String {
    "quote_ident(\(schema)) || '.' || quote_ident(\(name))"
  }

  // MARK: Schemas and relations

  private var schemas: String {
    facts(
      "'schema'", "quote_ident(x.nspname)",
      [
        ("owner", owner("o.nspowner")), ("privileges", privileges("o.nspacl", "'n'", "o.nspowner")),
      ],
      "FROM pg_namespace x WHERE \(isOfUser("x.nspname")) AND \(isOwn("pg_namespace", "x.oid"))")
  }

  private static let relationKinds = """
    CASE o.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence'
      WHEN 'f' THEN 'foreign table' WHEN 'c' THEN 'composite type' ELSE 'table' END
    """

  private var relations: String {
    facts(
      Self.relationKinds, name("x.nspname", "x.relname"),
      [
        ("owner", owner("o.relowner")),
        (
          "privileges",
          when(
            "o.relkind <> 'c'",
            "(\(privileges("o.relacl", "CASE o.relkind WHEN 'S' THEN 's' ELSE 'r' END", "o.relowner")))"
          )
        ),
        ("persistence", when("o.relpersistence <> 'p'", "o.relpersistence")),
        ("row security", when("o.relrowsecurity")),
        ("forced row security", when("o.relforcerowsecurity")),
        ("replica identity", when("o.relreplident NOT IN ('d', 'n')", "o.relreplident")),
        (
          "replica identity",
          when("o.relreplident = 'n' AND o.relkind IN ('r', 'p')", "o.relreplident")
        ),
        ("options", sorted("o.reloptions")),
        (
          "toast options",
          when(
            "o.reltoastrelid <> 0",
            "(SELECT string_agg(v, ', ' ORDER BY v) FROM pg_class t, unnest(t.reloptions) v "
              + "WHERE t.oid = o.reltoastrelid)")
        ),
        (
          "access method",
          when(
            "o.relam <> 0 AND o.relkind <> 'S'",
            "(SELECT amname FROM pg_am WHERE oid = o.relam)")
        ),
        (
          "tablespace",
          when(
            "o.reltablespace <> 0",
            "(SELECT spcname FROM pg_tablespace WHERE oid = o.reltablespace)")
        ),
        ("populated", when("o.relkind = 'm'", "o.relispopulated")),
        ("partition key", when("o.relkind = 'p'", "pg_get_partkeydef(o.oid)")),
        ("partition of", when("o.relispartition", "pg_get_expr(o.relpartbound, o.oid)")),
        (
          "of type",
          when("o.reloftype <> 0", "format_type(o.reloftype, NULL)")
        ),
        (
          "inherits",
          "SELECT string_agg(i.inhparent::regclass::text, ', ' ORDER BY i.inhseqno) "
            + "FROM pg_inherits i WHERE i.inhrelid = o.oid"
        ),
        (
          "definition", when("o.relkind IN ('v', 'm')", "pg_get_viewdef(o.oid)")
        ),
        (
          "foreign server",
          when(
            "o.relkind = 'f'",
            "(SELECT s.srvname || coalesce(' ' || (SELECT string_agg(v, ', ' ORDER BY v) "
              + "FROM unnest(f.ftoptions) v), '') FROM pg_foreign_table f "
              + "JOIN pg_foreign_server s ON s.oid = f.ftserver WHERE f.ftrelid = o.oid)")
        ),
        (
          "dropped columns",
          when(
            "o.relkind IN ('r', 'p', 'f', 'm')",
            "(SELECT nullif(count(*), 0) FROM pg_attribute a "
              + "WHERE a.attrelid = o.oid AND a.attisdropped)")
        ),
      ],
      """
      FROM (SELECT n.nspname, c.* FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace) x
      WHERE x.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c') AND \(isOfUser("x.nspname"))
        AND \(isKept("x.nspname", "x.relname")) AND \(isOwn("pg_class", "x.oid"))
      """)
  }

  /// The server's own mark `pg_attver` (seen on 15.20) is nobody's option, and no dump has it.
  private var columns: String {
    facts(
      "'column'", "\(name("x.nspname", "x.relname")) || '.' || quote_ident(x.attname)",
      parent: name("o.nspname", "o.relname"),
      [
        ("type", "format_type(o.atttypid, o.atttypmod)"),
        ("place", "o.rank"),
        ("not null", when("o.attnotnull")),
        ("default", when("o.attgenerated = ''", "o.expression")),
        ("generated", when("o.attgenerated <> ''", "concat(o.attgenerated, ' ', o.expression)")),
        ("identity", when("o.attidentity <> ''", "o.attidentity")),
        (
          "collation",
          when(
            "o.attcollation <> o.typcollation", "o.attcollation::regcollation::text")
        ),
        ("storage", when("o.attstorage <> o.typstorage", "o.attstorage")),
        since(14)
          ? ("compression", when("o.attcompression <> ''", "o.attcompression"))
          : ("compression", "NULL"),
        (
          "statistics target",
          when("coalesce(o.attstattarget, -1) <> -1", "o.attstattarget")
        ),
        ("options", sorted("o.attoptions") + " WHERE v NOT LIKE 'pg\\_attver=%'"),
        ("foreign options", sorted("o.attfdwoptions")),
        (
          "privileges",
          when("o.attacl IS NOT NULL", "(\(privileges("o.attacl", "'c'", "o.relowner")))")
        ),
        ("inherited", when("o.attinhcount > 0", "o.attinhcount || ' ' || o.attislocal")),
      ],
      """
      FROM (SELECT n.nspname, c.relname, c.relowner, t.typcollation, t.typstorage, a.*,
          pg_get_expr(d.adbin, d.adrelid) AS expression,
          rank() OVER (PARTITION BY a.attrelid ORDER BY a.attnum) AS rank
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_type t ON t.oid = a.atttypid
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
          AND \(isOfUser("n.nspname")) AND \(isKept("n.nspname", "c.relname"))
          AND \(isOwn("pg_class", "c.oid"))) x
      """)
  }

  private var constraints: String {
    facts(
      "'constraint'",
      "coalesce(\(name("x.nspname", "x.relname")), x.domain) || '.' || quote_ident(x.conname)",
      parent: "coalesce(\(name("o.nspname", "o.relname")), o.domain)",
      [
        ("definition", "pg_get_constraintdef(o.oid)"),
        (
          "deferrable",
          when("o.condeferrable", "CASE WHEN o.condeferred THEN 'deferred' ELSE 'immediate' END")
        ),
        ("validated", when("NOT o.convalidated", "'no'")),
        ("inherited", when("o.coninhcount > 0", "o.coninhcount || ' ' || o.conislocal")),
        ("no inherit", when("o.connoinherit AND o.contype = 'c'")),
      ],
      """
      FROM (SELECT n.nspname, c.relname, d.domain, k.* FROM pg_constraint k
        LEFT JOIN pg_class c ON c.oid = k.conrelid LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN (SELECT t.oid, \(name("m.nspname", "t.typname")) AS domain, m.nspname AS schema
          FROM pg_type t JOIN pg_namespace m ON m.oid = t.typnamespace) d ON d.oid = k.contypid
        WHERE k.contype <> 't' AND \(isOfUser("coalesce(n.nspname, d.schema)"))
          AND \(isKept("n.nspname", "coalesce(c.relname, '')"))
          AND \(isOwn("pg_class", "coalesce(c.oid, 0)"))
          AND \(isOwn("pg_type", "k.contypid"))) x
      """)
  }

  private var indexes: String {
    facts(
      "'index'", name("x.nspname", "x.relname"), parent: name("o.table_schema", "o.table_name"),
      [
        ("definition", "pg_get_indexdef(o.indexrelid)"),
        ("valid", when("NOT o.indisvalid", "'no'")), ("ready", when("NOT o.indisready", "'no'")),
        ("live", when("NOT o.indislive", "'no'")), ("clustered", when("o.indisclustered")),
        ("replica identity", when("o.indisreplident")),
        (
          "tablespace",
          when(
            "o.reltablespace <> 0",
            "(SELECT spcname FROM pg_tablespace WHERE oid = o.reltablespace)")
        ),
        (
          "partition of",
          "SELECT string_agg(i.inhparent::regclass::text, ', ') FROM pg_inherits i "
            + "WHERE i.inhrelid = o.indexrelid"
        ),
        (
          "statistics target",
          """
          SELECT string_agg(a.attnum || ' ' || a.attstattarget, ', ' ORDER BY a.attnum)
          FROM pg_attribute a
          WHERE a.attrelid = o.indexrelid AND coalesce(a.attstattarget, -1) <> -1
          """
        ),
      ],
      """
      FROM (SELECT n.nspname, c.relname, c.reltablespace, m.nspname AS table_schema,
          t.relname AS table_name, i.*
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_class t ON t.oid = i.indrelid
        JOIN pg_namespace m ON m.oid = t.relnamespace
        WHERE \(isOfUser("n.nspname")) AND \(isKept("m.nspname", "t.relname"))
          AND \(isOwn("pg_class", "i.indrelid")) AND \(isOwn("pg_class", "i.indexrelid"))) x
      """)
  }

  // MARK: What acts on relations

  private func ofRelation(_ catalog: String, _ relation: String, _ condition: String) -> String {
    """
    FROM (SELECT n.nspname, c.relname, k.* FROM \(catalog) k JOIN pg_class c ON c.oid = k.\(relation)
      JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE \(condition) AND \(isOfUser("n.nspname")) AND \(isKept("n.nspname", "c.relname"))
        AND \(isOwn("pg_class", "c.oid"))) x
    """
  }

  private var triggers: String {
    facts(
      "'trigger'", "\(name("x.nspname", "x.relname")) || '.' || quote_ident(x.tgname)",
      parent: name("o.nspname", "o.relname"),
      [
        ("definition", "pg_get_triggerdef(o.oid)"),
        ("enabled", when("o.tgenabled <> 'O'", "o.tgenabled")),
      ],
      ofRelation("pg_trigger", "tgrelid", "NOT k.tgisinternal"))
  }

  private var rules: String {
    facts(
      "'rule'", "\(name("x.nspname", "x.relname")) || '.' || quote_ident(x.rulename)",
      parent: name("o.nspname", "o.relname"),
      [
        ("definition", "pg_get_ruledef(o.oid)"),
        ("enabled", when("o.ev_enabled <> 'O'", "o.ev_enabled")),
      ],
      ofRelation("pg_rewrite", "ev_class", "k.rulename <> '_RETURN'"))
  }

  private var policies: String {
    facts(
      "'policy'", "\(name("x.nspname", "x.relname")) || '.' || quote_ident(x.polname)",
      parent: name("o.nspname", "o.relname"),
      [
        ("command", "o.polcmd"), ("restrictive", when("NOT o.polpermissive")),
        (
          "roles",
          """
          SELECT string_agg(CASE r WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(r) END, ', '
            ORDER BY CASE r WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(r) END)
          FROM unnest(o.polroles) r
          """
        ),
        ("using", "pg_get_expr(o.polqual, o.polrelid)"),
        ("with check", "pg_get_expr(o.polwithcheck, o.polrelid)"),
      ],
      ofRelation("pg_policy", "polrelid", "true"))
  }

  // MARK: Functions and types

  private var functions: String {
    facts(
      "CASE o.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END",
      "\(name("x.nspname", "x.proname")) || '(' || pg_get_function_identity_arguments(x.oid) || ')'",
      [
        ("definition", when("o.prokind <> 'a'", "pg_get_functiondef(o.oid)")),
        ("owner", owner("o.proowner")), ("privileges", privileges("o.proacl", "'f'", "o.proowner")),
      ],
      """
      FROM (SELECT n.nspname, p.* FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE \(isOfUser("n.nspname")) AND \(isOwn("pg_proc", "p.oid"))) x
      """)
  }

  private var aggregates: String {
    let columns = [
      "kind", "numdirectargs", "transfn", "finalfn", "combinefn", "serialfn", "deserialfn",
      "mtransfn", "minvtransfn", "mfinalfn", "finalextra", "mfinalextra", "finalmodify",
      "mfinalmodify", "transspace", "mtransspace", "initval", "minitval",
    ].map { "a.agg\($0)::text" }
    return """
      SELECT 'aggregate',
        \(name("n.nspname", "p.proname")) || '(' || pg_get_function_identity_arguments(p.oid) || ')',
        'definition', concat_ws(' ', pg_get_function_result(p.oid), p.provolatile, p.proparallel,
          format_type(a.aggtranstype, NULL), a.aggsortop::regoperator::text,
          \(columns.joined(separator: ", ")))
      FROM pg_aggregate a JOIN pg_proc p ON p.oid = a.aggfnoid
      JOIN pg_namespace n ON n.oid = p.pronamespace
      WHERE \(isOfUser("n.nspname")) AND \(isOwn("pg_proc", "p.oid"))
      """
  }

  private var types: String {
    facts(
      "CASE o.typtype WHEN 'd' THEN 'domain' ELSE 'type' END", name("x.nspname", "x.typname"),
      [
        ("sort", "o.typtype"), ("owner", owner("o.typowner")),
        ("privileges", privileges("o.typacl", "'T'", "o.typowner")),
        (
          "labels",
          when(
            "o.typtype = 'e'",
            "(SELECT string_agg(quote_literal(e.enumlabel), ',' ORDER BY e.enumsortorder) "
              + "FROM pg_enum e WHERE e.enumtypid = o.oid)")
        ),
        ("base", when("o.typtype = 'd'", "format_type(o.typbasetype, o.typtypmod)")),
        ("not null", when("o.typtype = 'd' AND o.typnotnull")),
        ("default", when("o.typtype IN ('d', 'b')", "o.typdefault")),
        (
          "collation",
          when(
            "o.typtype = 'd' AND o.typcollation <> 0", "o.typcollation::regcollation::text")
        ),
        (
          "range",
          when(
            "o.typtype = 'r'",
            """
            (SELECT concat_ws(' ', format_type(r.rngsubtype, NULL),
              (SELECT \(name("m.nspname", "c.opcname")) FROM pg_opclass c
                JOIN pg_namespace m ON m.oid = c.opcnamespace WHERE c.oid = r.rngsubopc),
              r.rngcollation::regcollation::text, r.rngcanonical::text, r.rngsubdiff::text)
            FROM pg_range r WHERE r.rngtypid = o.oid)
            """)
        ),
        (
          "functions",
          when(
            "o.typtype = 'b'",
            "concat_ws(' ', o.typlen, o.typbyval, o.typalign, o.typstorage, o.typdelim, "
              + "o.typcategory, o.typispreferred, o.typinput::text, o.typoutput::text, "
              + "o.typreceive::text, o.typsend::text, o.typmodin::text, o.typmodout::text)")
        ),
      ],
      """
      FROM (SELECT n.nspname, t.* FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
        WHERE t.typtype IN ('b', 'd', 'e', 'r') AND \(isOfUser("n.nspname"))
          AND NOT EXISTS (SELECT FROM pg_type a WHERE a.typarray = t.oid)
          AND \(isOwn("pg_type", "t.oid"))) x
      """)
  }

  private var sequences: String {
    facts(
      "'sequence'", name("x.nspname", "x.relname"),
      [
        (
          "parameters",
          "concat_ws(' ', format_type(o.seqtypid, NULL), o.seqstart, o.seqincrement, o.seqmin, "
            + "o.seqmax, o.seqcache, o.seqcycle)"
        ),
        (
          "owned by",
          """
          SELECT d.refobjid::regclass::text || '.' || quote_ident(a.attname) FROM pg_depend d
          JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
          WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = o.seqrelid
            AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
          """
        ),
      ],
      ofRelation("pg_sequence", "seqrelid", "true")
    ) + " AND p.name <> ''"
  }

  private var statistics: String {
    facts(
      "'statistics'", name("x.nspname", "x.stxname"),
      [
        ("definition", "pg_get_statisticsobjdef(o.oid)"), ("owner", owner("o.stxowner")),
        (
          "statistics target", when("coalesce(o.stxstattarget, -1) <> -1", "o.stxstattarget")
        ),
      ],
      """
      FROM (SELECT n.nspname, s.* FROM pg_statistic_ext s
        JOIN pg_namespace n ON n.oid = s.stxnamespace
        WHERE \(isOfUser("n.nspname")) AND \(isOwn("pg_statistic_ext", "s.oid"))) x
      """)
  }

  // MARK: The rest

  private var extensions: String {
    facts(
      "'extension'", "quote_ident(x.extname)",
      [("version", "o.extversion"), ("schema", "o.extnamespace::regnamespace::text")],
      "FROM pg_extension x WHERE x.extname <> 'plpgsql'")
  }

  private var casts: String {
    """
    SELECT 'cast', format_type(c.castsource, NULL) || ' as ' || format_type(c.casttarget, NULL),
      p.name, p.value
    FROM pg_cast c, LATERAL (VALUES ('', ''), ('definition',
      concat_ws(' ', c.castfunc::regprocedure::text, c.castcontext, c.castmethod))) p(name, value)
    WHERE c.oid >= 16384 AND \(isOwn("pg_cast", "c.oid"))
    """
  }

  private var operators: String {
    facts(
      "'operator'",
      """
      quote_ident(x.nspname) || '.' || x.oprname || '(' || coalesce(format_type(nullif(x.oprleft, 0),
        NULL), 'none') || ', ' || format_type(x.oprright, NULL) || ')'
      """,
      [
        (
          "definition",
          "concat_ws(' ', o.oprkind, format_type(o.oprresult, NULL), o.oprcode::text, o.oprcanmerge, "
            + "o.oprcanhash, o.oprcom::regoperator::text, o.oprnegate::regoperator::text, "
            + "o.oprrest::text, o.oprjoin::text)"
        ), ("owner", owner("o.oprowner")),
      ],
      """
      FROM (SELECT n.nspname, p.* FROM pg_operator p JOIN pg_namespace n ON n.oid = p.oprnamespace
        WHERE \(isOfUser("n.nspname")) AND \(isOwn("pg_operator", "p.oid"))) x
      """)
  }

  private var operatorClasses: String {
    let classes = facts(
      "'operator class'", "x.amname || ' ' || \(name("x.nspname", "x.opcname"))",
      [
        ("owner", owner("o.opcowner")),
        (
          "definition",
          "concat_ws(' ', o.opfname, format_type(o.opcintype, NULL), o.opcdefault, "
            + "format_type(nullif(o.opckeytype, 0), NULL))"
        ),
      ],
      """
      FROM (SELECT n.nspname, m.amname, f.opfname, c.* FROM pg_opclass c
        JOIN pg_namespace n ON n.oid = c.opcnamespace JOIN pg_am m ON m.oid = c.opcmethod
        JOIN pg_opfamily f ON f.oid = c.opcfamily
        WHERE \(isOfUser("n.nspname")) AND \(isOwn("pg_opclass", "c.oid"))) x
      """)
    let families = facts(
      "'operator family'", "x.amname || ' ' || \(name("x.nspname", "x.opfname"))",
      [
        ("owner", owner("o.opfowner")),
        (
          "operators",
          """
          SELECT string_agg(concat_ws(' ', a.amopstrategy, a.amopopr::regoperator::text,
            a.amoppurpose), ', ' ORDER BY a.amopstrategy, a.amopopr::regoperator::text)
          FROM pg_amop a WHERE a.amopfamily = o.oid
          """
        ),
        (
          "functions",
          """
          SELECT string_agg(concat_ws(' ', a.amprocnum, a.amproc::text,
            format_type(a.amproclefttype, NULL), format_type(a.amprocrighttype, NULL)), ', '
            ORDER BY a.amprocnum, a.amproc::text, a.amproclefttype::regtype::text,
            a.amprocrighttype::regtype::text)
          FROM pg_amproc a WHERE a.amprocfamily = o.oid
          """
        ),
      ],
      """
      FROM (SELECT n.nspname, m.amname, f.* FROM pg_opfamily f
        JOIN pg_namespace n ON n.oid = f.opfnamespace JOIN pg_am m ON m.oid = f.opfmethod
        WHERE \(isOfUser("n.nspname")) AND \(isOwn("pg_opfamily", "f.oid"))) x
      """)
    return "\(classes) UNION ALL \(families)"
  }

  private var collations: String {
    let locale = since(17) ? "colllocale" : since(15) ? "colliculocale" : "NULL::text"
    let column = locale.hasPrefix("coll") ? "c.\(locale)" : locale
    let collations = facts(
      "'collation'", name("x.nspname", "x.collname"),
      [
        ("owner", owner("o.collowner")),
        (
          "definition",
          "concat_ws(' ', o.collprovider, o.collisdeterministic, o.collencoding, o.collcollate, "
            + "o.collctype, o.locale)"
        ),
      ],
      """
      FROM (SELECT n.nspname, \(column) AS locale, c.* FROM pg_collation c
        JOIN pg_namespace n ON n.oid = c.collnamespace
        WHERE \(isOfUser("n.nspname")) AND \(isOwn("pg_collation", "c.oid"))) x
      """)
    let conversions = facts(
      "'conversion'", name("x.nspname", "x.conname"),
      [
        ("owner", owner("o.conowner")),
        (
          "definition",
          "concat_ws(' ', pg_encoding_to_char(o.conforencoding), "
            + "pg_encoding_to_char(o.contoencoding), o.conproc::text, o.condefault)"
        ),
      ],
      """
      FROM (SELECT n.nspname, c.* FROM pg_conversion c
        JOIN pg_namespace n ON n.oid = c.connamespace
        WHERE \(isOfUser("n.nspname")) AND \(isOwn("pg_conversion", "c.oid"))) x
      """)
    return "\(collations) UNION ALL \(conversions)"
  }

  private var textSearch: String {
    func objects(
      _ kind: String, _ catalog: String, _ prefix: String, owner isOwned: Bool, _ definition: String
    ) -> String {
      facts(
        "'\(kind)'", name("x.nspname", "x.\(prefix)name"),
        (isOwned ? [("owner", owner("o.\(prefix)owner"))] : []) + [("definition", definition)],
        """
        FROM (SELECT n.nspname, c.* FROM \(catalog) c
          JOIN pg_namespace n ON n.oid = c.\(prefix)namespace
          WHERE \(isOfUser("n.nspname")) AND \(isOwn(catalog, "c.oid"))) x
        """)
    }
    return [
      objects(
        "text search configuration", "pg_ts_config", "cfg", owner: true,
        """
        SELECT string_agg(concat_ws(' ', m.maptokentype, m.mapseqno, m.mapdict::regdictionary::text),
          ', ' ORDER BY m.maptokentype, m.mapseqno) FROM pg_ts_config_map m WHERE m.mapcfg = o.oid
        """),
      objects(
        "text search dictionary", "pg_ts_dict", "dict", owner: true,
        "concat_ws(' ', (SELECT tmplname FROM pg_ts_template t WHERE t.oid = o.dicttemplate), "
          + "o.dictinitoption)"),
      objects(
        "text search parser", "pg_ts_parser", "prs", owner: false,
        "concat_ws(' ', o.prsstart::text, o.prstoken::text, o.prsend::text, o.prsheadline::text, "
          + "o.prslextype::text)"),
      objects(
        "text search template", "pg_ts_template", "tmpl", owner: false,
        "concat_ws(' ', o.tmplinit::text, o.tmpllexize::text)"),
    ].joined(separator: " UNION ALL ")
  }

  private var languages: String {
    let languages = facts(
      "'language'", "quote_ident(x.lanname)",
      [
        ("owner", owner("o.lanowner")),
        (
          "definition",
          "concat_ws(' ', o.lanpltrusted, o.lanplcallfoid::regproc::text, "
            + "o.laninline::regproc::text, o.lanvalidator::regproc::text)"
        ), ("privileges", privileges("o.lanacl", "'l'", "o.lanowner")),
      ],
      "FROM pg_language x WHERE x.oid >= 16384 AND \(isOwn("pg_language", "x.oid"))")
    let transforms = """
      SELECT 'transform', format_type(t.trftype, NULL) || ' for ' || l.lanname, p.name, p.value
      FROM pg_transform t JOIN pg_language l ON l.oid = t.trflang,
      LATERAL (VALUES ('', ''), ('definition',
        concat_ws(' ', t.trffromsql::text, t.trftosql::text))) p(name, value)
      WHERE \(isOwn("pg_transform", "t.oid"))
      """
    let methods = """
      SELECT 'access method', quote_ident(m.amname), p.name, p.value FROM pg_am m,
      LATERAL (VALUES ('', ''), ('definition', concat_ws(' ', m.amtype, m.amhandler::text)))
        p(name, value)
      WHERE m.oid >= 16384 AND \(isOwn("pg_am", "m.oid"))
      """
    return "\(languages) UNION ALL \(transforms) UNION ALL \(methods)"
  }

  /// Options of user mappings hold passwords: only their names are told.
  private var foreignServers: String {
    let wrappers = facts(
      "'foreign data wrapper'", "quote_ident(x.fdwname)",
      [
        ("owner", owner("o.fdwowner")), ("options", sorted("o.fdwoptions")),
        (
          "definition",
          "concat_ws(' ', o.fdwhandler::regproc::text, o.fdwvalidator::regproc::text)"
        ), ("privileges", privileges("o.fdwacl", "'F'", "o.fdwowner")),
      ],
      "FROM pg_foreign_data_wrapper x WHERE \(isOwn("pg_foreign_data_wrapper", "x.oid"))")
    let servers = facts(
      "'foreign server'", "quote_ident(x.srvname)",
      [
        ("owner", owner("o.srvowner")), ("options", sorted("o.srvoptions")),
        ("definition", "concat_ws(' ', o.fdwname, o.srvtype, o.srvversion)"),
        ("privileges", privileges("o.srvacl", "'S'", "o.srvowner")),
      ],
      """
      FROM (SELECT w.fdwname, s.* FROM pg_foreign_server s
        JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw
        WHERE \(isOwn("pg_foreign_server", "s.oid"))) x
      """)
    let mappings = """
      SELECT 'user mapping', quote_ident(m.usename) || ' on ' || quote_ident(m.srvname), p.name,
        p.value
      FROM pg_user_mappings m, LATERAL (VALUES ('', ''), ('options', (SELECT string_agg(
        split_part(v, '=', 1), ', ' ORDER BY v) FROM unnest(m.umoptions) v))) p(name, value)
      WHERE p.value IS NOT NULL
      """
    return "\(wrappers) UNION ALL \(servers) UNION ALL \(mappings)"
  }

  private var publications: String {
    let details =
      since(15)
      ? """
      SELECT string_agg(concat_ws(' ', r.prrelid::regclass::text, pg_get_expr(r.prqual, r.prrelid),
        (SELECT string_agg(quote_ident(a.attname), ',' ORDER BY a.attname) FROM pg_attribute a
          WHERE a.attrelid = r.prrelid AND a.attnum = ANY (r.prattrs))), ', '
        ORDER BY r.prrelid::regclass::text) FROM pg_publication_rel r WHERE r.prpubid = o.oid
      """
      : """
      SELECT string_agg(r.prrelid::regclass::text, ', ' ORDER BY r.prrelid::regclass::text)
      FROM pg_publication_rel r WHERE r.prpubid = o.oid
      """
    var properties = [
      ("owner", owner("o.pubowner")),
      (
        "definition",
        "concat_ws(' ', o.puballtables, o.pubinsert, o.pubupdate, o.pubdelete, o.pubtruncate, "
          + "o.pubviaroot)"
      ), ("tables", details),
    ]
    if since(15) {
      properties.append(
        (
          "schemas",
          "SELECT string_agg(s.pnnspid::regnamespace::text, ', ' ORDER BY 1) "
            + "FROM pg_publication_namespace s WHERE s.pnpubid = o.oid"
        ))
    }
    return facts("'publication'", "quote_ident(x.pubname)", properties, "FROM pg_publication x")
  }

  /// Without the connection string, which may hold a password and is for superusers alone.
  private var subscriptions: String {
    facts(
      "'subscription'", "quote_ident(x.subname)",
      [
        ("owner", owner("o.subowner")), ("enabled", "o.subenabled"),
        (
          "publications", "SELECT string_agg(v, ', ' ORDER BY v) FROM unnest(o.subpublications) v"
        ), ("definition", "concat_ws(' ', o.subslotname, o.subsynccommit)"),
      ],
      """
      FROM (SELECT s.oid, s.subname, s.subowner, s.subenabled, s.subpublications, s.subslotname,
          s.subsynccommit FROM pg_subscription s
        WHERE s.subdbid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())) x
      """)
  }

  private var eventTriggers: String {
    facts(
      "'event trigger'", "quote_ident(x.evtname)",
      [
        ("owner", owner("o.evtowner")), ("enabled", when("o.evtenabled <> 'O'", "o.evtenabled")),
        (
          "definition",
          "concat_ws(' ', o.evtevent, o.evtfoid::regproc::text, (SELECT string_agg(v, ', ' ORDER BY v) "
            + "FROM unnest(o.evttags) v))"
        ),
      ],
      "FROM pg_event_trigger x WHERE \(isOwn("pg_event_trigger", "x.oid"))")
  }

  private func described(_ property: String, _ catalog: String, _ value: String) -> String {
    let relations = "'pg_catalog.pg_class'::regclass"
    return """
      SELECT '\(property)', i.type || ' ' || i.identity, p.name, p.value
      FROM \(catalog) d, LATERAL pg_identify_object(d.classoid, d.objoid, d.objsubid) i,
      LATERAL (VALUES ('', ''), ('text', \(value))) p(name, value)
      WHERE d.objoid >= 16384 AND coalesce(i.schema, '') <> 'lockstep'
        AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = d.classoid
          AND e.objid = d.objoid AND e.deptype = 'e')
        AND NOT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE d.classoid = \(relations) AND c.oid = d.objoid
            AND NOT (\(isKept("n.nspname", "c.relname"))))
      """
  }

  private var comments: String { described("comment", "pg_description", "d.description") }
  private var labels: String {
    described("security label", "pg_seclabel", "d.provider || ' ' || d.label")
  }

  private var defaultPrivileges: String {
    """
    SELECT 'default privileges', concat_ws(' ', pg_get_userbyid(x.defaclrole),
      nullif(x.defaclnamespace, 0)::regnamespace::text, x.defaclobjtype), p.name, p.value
    FROM pg_default_acl x, LATERAL (VALUES ('', ''), ('privileges', (SELECT string_agg(v::text, ';'
      ORDER BY v::text) FROM unnest(x.defaclacl) v))) p(name, value)
    """
  }

  private var roleSettings: String {
    """
    SELECT 'setting', coalesce(pg_get_userbyid(nullif(s.setrole, 0)), 'all roles') || ' '
      || split_part(v, '=', 1), '', split_part(v, '=', 2)
    FROM pg_db_role_setting s, unnest(s.setconfig) v
    WHERE s.setdatabase = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
    """
  }
}
