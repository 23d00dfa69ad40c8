/// Functions, aggregates, and the languages they are written in.
extension SchemaQueryTexts {
  var functions: SchemaQuestion {
    facts(
      "CASE o.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END",
      "\(name("o.nspname", "o.proname")) || '(' || pg_get_function_identity_arguments(o.oid) || ')'",
      [
        ("definition", when("o.prokind <> 'a'", "pg_get_functiondef(o.oid)")),
        ("owner", owner("o.proowner")), ("privileges", "granted.privileges"),
      ],
      """
      FROM (SELECT n.nspname, p.* FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE \(isOfUser("n.nspname")) AND \(isOwn("pg_proc", "p.oid"))) o
      \(joinedPrivileges("pg_proc", ("o.proacl", "'f'", "o.proowner")))
      """)
  }

  var aggregates: SchemaQuestion {
    let columns = [
      "kind", "numdirectargs", "transfn", "finalfn", "combinefn", "serialfn", "deserialfn",
      "mtransfn", "minvtransfn", "mfinalfn", "finalextra", "mfinalextra", "finalmodify",
      "mfinalmodify", "transspace", "mtransspace", "initval", "minitval",
    ].map { "a.agg\($0)::text" }
    let result = "pg_get_function_result(p.oid), p.provolatile, p.proparallel"
    return facts(
      "'aggregate'",
      "\(name("n.nspname", "p.proname")) || '(' || pg_get_function_identity_arguments(p.oid) || ')'",
      parent: "NULL",
      [
        (
          "definition",
          """
          concat_ws(' ', \(result), format_type(a.aggtranstype, NULL),
            a.aggsortop::regoperator::text, \(columns.joined(separator: ", ")))
          """
        )
      ],
      """
      FROM pg_aggregate a JOIN pg_proc p ON p.oid = a.aggfnoid
      JOIN pg_namespace n ON n.oid = p.pronamespace
      WHERE \(isOfUser("n.nspname")) AND \(isOwn("pg_proc", "p.oid"))
      """)
  }

  var languages: SchemaQuestion {
    facts(
      "'language'", "quote_ident(o.lanname)",
      [
        ("owner", owner("o.lanowner")),
        (
          "definition",
          "concat_ws(' ', o.lanpltrusted, o.lanplcallfoid::regproc::text, "
            + "o.laninline::regproc::text, o.lanvalidator::regproc::text)"
        ), ("privileges", privileges("o.lanacl", "'l'", "o.lanowner")),
      ],
      "FROM pg_language o WHERE o.oid >= 16384 AND \(isOwn("pg_language", "o.oid"))")
  }

  var transforms: SchemaQuestion {
    facts(
      "'transform'", "format_type(o.trftype, NULL) || ' for ' || l.lanname",
      [("definition", "concat_ws(' ', o.trffromsql::text, o.trftosql::text)")],
      """
      FROM pg_transform o JOIN pg_language l ON l.oid = o.trflang
      WHERE \(isOwn("pg_transform", "o.oid"))
      """)
  }

  var accessMethods: SchemaQuestion {
    facts(
      "'access method'", "quote_ident(o.amname)",
      [("definition", "concat_ws(' ', o.amtype, o.amhandler::text)")],
      "FROM pg_am o WHERE o.oid >= 16384 AND \(isOwn("pg_am", "o.oid"))")
  }
}
