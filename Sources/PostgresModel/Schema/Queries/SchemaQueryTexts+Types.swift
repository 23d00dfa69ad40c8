/// Types, and the casts, operators and operator classes that work on them.
extension SchemaQueryTexts {
  var types: SchemaQuestion {
    facts(
      "CASE o.typtype WHEN 'd' THEN 'domain' ELSE 'type' END", name("o.nspname", "o.typname"),
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
          AND \(isOwn("pg_type", "t.oid"))) o
      """)
  }

  var casts: SchemaQuestion {
    facts(
      "'cast'", "format_type(o.castsource, NULL) || ' as ' || format_type(o.casttarget, NULL)",
      [
        (
          "definition",
          "concat_ws(' ', o.castfunc::regprocedure::text, o.castcontext, o.castmethod)"
        )
      ],
      "FROM pg_cast o WHERE o.oid >= 16384 AND \(isOwn("pg_cast", "o.oid"))")
  }

  var operators: SchemaQuestion {
    facts(
      "'operator'",
      """
      quote_ident(o.nspname) || '.' || o.oprname || '(' || coalesce(format_type(nullif(o.oprleft, 0),
        NULL), 'none') || ', ' || format_type(o.oprright, NULL) || ')'
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
        WHERE \(isOfUser("n.nspname")) AND \(isOwn("pg_operator", "p.oid"))) o
      """)
  }

  var operatorClasses: SchemaQuestion {
    facts(
      "'operator class'", "o.amname || ' ' || \(name("o.nspname", "o.opcname"))",
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
        WHERE \(isOfUser("n.nspname")) AND \(isOwn("pg_opclass", "c.oid"))) o
      """)
  }

  var operatorFamilies: SchemaQuestion {
    facts(
      "'operator family'", "o.amname || ' ' || \(name("o.nspname", "o.opfname"))",
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
        WHERE \(isOfUser("n.nspname")) AND \(isOwn("pg_opfamily", "f.oid"))) o
      """)
  }
}
