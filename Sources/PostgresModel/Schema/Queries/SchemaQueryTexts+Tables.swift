/// What belongs to tables: columns, constraints, indexes and statistics.
extension SchemaQueryTexts {
  /// A default names no column, so that the server need not look up its table. The server's own mark
  /// `pg_attver` (seen on 15.20) is nobody's option, and no dump has it.
  var columns: SchemaQuestion {
    facts(
      "'column'", "o.relation || '.' || quote_ident(o.attname)", parent: "o.relation",
      [
        ("type", "format_type(o.atttypid, o.atttypmod)"),
        ("place", Self.place),
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
        ("options", sorted("o.attoptions", where: "v NOT LIKE 'pg\\_attver=%'")),
        ("foreign options", sorted("o.attfdwoptions")),
        (
          "privileges",
          when("o.attacl IS NOT NULL", "(\(privileges("o.attacl", "'c'", "o.relowner")))")
        ),
        ("inherited", when("o.attinhcount > 0", "o.attinhcount || ' ' || o.attislocal")),
      ],
      """
      FROM (SELECT c.relation, c.relowner, gone.numbers, t.typcollation, t.typstorage, a.*,
          pg_get_expr(d.adbin, CASE WHEN a.attgenerated = '' THEN 0 ELSE d.adrelid END)
            AS expression
        FROM (SELECT \(name("n.nspname", "c.relname")) AS relation, c.oid, c.relowner
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND \(isOfUser("n.nspname"))
            AND \(isKept("n.nspname", "c.relname")) AND \(isOwn("pg_class", "c.oid")) OFFSET 0) c
        JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_type t ON t.oid = a.atttypid
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        LEFT JOIN (SELECT g.attrelid, array_agg(g.attnum) AS numbers FROM pg_attribute g
          WHERE g.attisdropped GROUP BY g.attrelid) gone ON gone.attrelid = a.attrelid
        WHERE a.attnum > 0 AND NOT a.attisdropped) o
      """)
  }

  /// The rank of a column among those that are not dropped.
  private static let place = """
    o.attnum - CASE WHEN o.numbers IS NULL THEN 0
      ELSE (SELECT count(*) FROM unnest(o.numbers) number WHERE number < o.attnum) END
    """

  var constraints: SchemaQuestion {
    facts(
      "'constraint'",
      "coalesce(\(name("o.nspname", "o.relname")), o.domain) || '.' || quote_ident(o.conname)",
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
          FROM pg_type t JOIN pg_namespace m ON m.oid = t.typnamespace WHERE t.typtype = 'd') d
          ON d.oid = k.contypid
        WHERE k.contype <> 't' AND \(isOfUser("coalesce(n.nspname, d.schema)"))
          AND \(isKept("n.nspname", "coalesce(c.relname, '')"))
          AND \(isOwn("pg_class", "coalesce(c.oid, 0)"))
          AND \(isOwn("pg_type", "k.contypid"))) o
      """)
  }

  var indexes: SchemaQuestion {
    facts(
      "'index'", name("o.nspname", "o.relname"), parent: name("o.table_schema", "o.table_name"),
      [
        ("definition", indexDefinition),
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
          when(
            "o.relispartition",
            "(SELECT string_agg(i.inhparent::regclass::text, ', ') FROM pg_inherits i "
              + "WHERE i.inhrelid = o.indexrelid)")
        ),
        (
          "statistics target",
          """
          CASE WHEN o.indexprs IS NOT NULL THEN
            (SELECT string_agg(a.attnum || ' ' || a.attstattarget, ', ' ORDER BY a.attnum)
            FROM pg_attribute a
            WHERE a.attrelid = o.indexrelid AND coalesce(a.attstattarget, -1) <> -1) END
          """
        ),
      ],
      """
      FROM (SELECT n.nspname, c.relname, c.reltablespace, c.relispartition, m.nspname AS table_schema,
          t.relname AS table_name, \(plainColumns) AS columns, i.*
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_class t ON t.oid = i.indrelid
        JOIN pg_namespace m ON m.oid = t.relnamespace
        \(columnOfIndex("a", 0)) \(columnOfIndex("b", 1))
        WHERE \(isOfUser("n.nspname")) AND \(isKept("m.nspname", "t.relname"))
          AND \(isOwn("pg_class", "i.indrelid")) AND \(isOwn("pg_class", "i.indexrelid"))) o
      """)
  }

  /// What `pg_get_indexdef` gives. It looks up a dozen things one by one for each index; of what most
  /// indexes are, everything is at hand.
  private var indexDefinition: String {
    """
    CASE WHEN o.columns IS NULL THEN pg_get_indexdef(o.indexrelid) ELSE 'CREATE '
      || CASE WHEN o.indisunique THEN 'UNIQUE ' ELSE '' END || 'INDEX ' || quote_ident(o.relname)
      || ' ON ' || \(name("o.table_schema", "o.table_name")) || ' USING btree (' || o.columns || ')' END
    """
  }

  /// The columns of a B-tree over one column or two, of which its definition says nothing but the name.
  private var plainColumns: String {
    let distinctNulls = since(15) ? "NOT i.indnullsnotdistinct" : "true"
    func isPlain(_ column: String, _ number: Int) -> String {
      """
      i.indoption[\(number)] = 0 AND i.indcollation[\(number)] = \(column).attcollation
        AND \(column)_class.oid IS NOT NULL
      """
    }
    return """
      CASE WHEN c.relkind = 'i' AND c.reloptions IS NULL AND i.indpred IS NULL AND \(distinctNulls)
        AND i.indnkeyatts = i.indnatts AND \(isPlain("a", 0)) THEN
        CASE WHEN i.indnatts = 1 THEN quote_ident(a.attname)
          WHEN i.indnatts = 2 AND \(isPlain("b", 1))
            THEN quote_ident(a.attname) || ', ' || quote_ident(b.attname) END END
      """
  }

  /// Joins a column of an index by its number, and its operator class where that is the default of the
  /// column's type.
  private func columnOfIndex(_ alias: String, _ number: Int) -> String {
    let type = "\(alias).atttypid"
    return """
      LEFT JOIN pg_attribute \(alias) ON \(alias).attrelid = i.indrelid
        AND \(alias).attnum = i.indkey[\(number)]
      LEFT JOIN pg_opclass \(alias)_class ON \(alias)_class.oid = i.indclass[\(number)]
        AND \(alias)_class.opcdefault
        AND \(alias)_class.opcmethod = (SELECT oid FROM pg_am WHERE amname = 'btree')
        AND \(alias)_class.opcintype = CASE WHEN \(type) = 'pg_catalog.varchar'::regtype
          THEN 'pg_catalog.text'::regtype ELSE \(type) END
      """
  }

  var statistics: SchemaQuestion {
    facts(
      "'statistics'", name("o.nspname", "o.stxname"),
      [
        ("definition", "pg_get_statisticsobjdef(o.oid)"), ("owner", owner("o.stxowner")),
        (
          "statistics target", when("coalesce(o.stxstattarget, -1) <> -1", "o.stxstattarget")
        ),
      ],
      """
      FROM (SELECT n.nspname, s.* FROM pg_statistic_ext s
        JOIN pg_namespace n ON n.oid = s.stxnamespace
        WHERE \(isOfUser("n.nspname")) AND \(isOwn("pg_statistic_ext", "s.oid"))) o
      """)
  }
}
