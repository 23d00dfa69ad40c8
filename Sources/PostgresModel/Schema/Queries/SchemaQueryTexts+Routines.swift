/// Functions, aggregates, and the languages they are written in.
extension SchemaQueryTexts {
  var functions: String {
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

  var aggregates: String {
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

  var languages: String {
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
}
