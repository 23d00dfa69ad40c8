/// What a schema holds itself: schemas, and the relations in them.
extension SchemaQueryTexts {
  var schemas: SchemaQuestion {
    facts(
      "'schema'", "quote_ident(o.nspname)",
      [
        ("owner", owner("o.nspowner")), ("privileges", privileges("o.nspacl", "'n'", "o.nspowner")),
      ],
      "FROM pg_namespace o WHERE \(isOfUser("o.nspname")) AND \(isOwn("pg_namespace", "o.oid"))")
  }

  private static let relationKinds = """
    CASE o.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence'
      WHEN 'f' THEN 'foreign table' WHEN 'c' THEN 'composite type' ELSE 'table' END
    """

  var relations: SchemaQuestion {
    let kind = "CASE o.relkind WHEN 'S' THEN 's' ELSE 'r' END"
    return facts(
      Self.relationKinds, name("o.nspname", "o.relname"),
      [
        ("owner", owner("o.relowner")),
        (
          "privileges",
          when("o.relkind <> 'c'", "granted.privileges")
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
              + "WHERE t.oid = o.reltoastrelid AND t.reloptions IS NOT NULL)")
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
          when(
            "o.relkind IN ('r', 'p', 'f')",
            "(SELECT string_agg(i.inhparent::regclass::text, ', ' ORDER BY i.inhseqno) "
              + "FROM pg_inherits i WHERE i.inhrelid = o.oid)")
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
          "dropped columns", when("o.relkind IN ('r', 'p', 'f', 'm')", "gone.columns")
        ),
      ],
      """
      FROM (SELECT n.nspname, c.* FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace) o
      LEFT JOIN (SELECT a.attrelid, count(*) AS columns FROM pg_attribute a WHERE a.attisdropped
        GROUP BY a.attrelid) gone ON gone.attrelid = o.oid
      \(joinedPrivileges("pg_class", ("o.relacl", kind, "o.relowner")))
      WHERE o.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c') AND \(isOfUser("o.nspname"))
        AND \(isKept("o.nspname", "o.relname")) AND \(isOwn("pg_class", "o.oid"))
      """)
  }

  var sequences: SchemaQuestion {
    facts(
      "'sequence'", name("o.nspname", "o.relname"), parent: "NULL",
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
      ofRelation("pg_sequence", "seqrelid", "true"))
  }
}
