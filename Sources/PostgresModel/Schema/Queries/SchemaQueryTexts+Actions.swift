/// What acts on relations or on statements: triggers, rules and policies.
extension SchemaQueryTexts {
  func ofRelation(_ catalog: String, _ relation: String, _ condition: String) -> String {
    """
    FROM (SELECT n.nspname, c.relname, k.* FROM \(catalog) k JOIN pg_class c ON c.oid = k.\(relation)
      JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE \(condition) AND \(isOfUser("n.nspname")) AND \(isKept("n.nspname", "c.relname"))
        AND \(isOwn("pg_class", "c.oid"))) o
    """
  }

  var triggers: SchemaQuestion {
    facts(
      "'trigger'", "\(name("o.nspname", "o.relname")) || '.' || quote_ident(o.tgname)",
      parent: name("o.nspname", "o.relname"),
      [
        ("definition", "pg_get_triggerdef(o.oid)"),
        ("enabled", when("o.tgenabled <> 'O'", "o.tgenabled")),
      ],
      ofRelation("pg_trigger", "tgrelid", "NOT k.tgisinternal"))
  }

  var rules: SchemaQuestion {
    facts(
      "'rule'", "\(name("o.nspname", "o.relname")) || '.' || quote_ident(o.rulename)",
      parent: name("o.nspname", "o.relname"),
      [
        ("definition", "pg_get_ruledef(o.oid)"),
        ("enabled", when("o.ev_enabled <> 'O'", "o.ev_enabled")),
      ],
      ofRelation("pg_rewrite", "ev_class", "k.rulename <> '_RETURN'"))
  }

  var policies: SchemaQuestion {
    facts(
      "'policy'", "\(name("o.nspname", "o.relname")) || '.' || quote_ident(o.polname)",
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

  var eventTriggers: SchemaQuestion {
    facts(
      "'event trigger'", "quote_ident(o.evtname)",
      [
        ("owner", owner("o.evtowner")), ("enabled", when("o.evtenabled <> 'O'", "o.evtenabled")),
        (
          "definition",
          "concat_ws(' ', o.evtevent, o.evtfoid::regproc::text, (SELECT string_agg(v, ', ' ORDER BY v) "
            + "FROM unnest(o.evttags) v))"
        ),
      ],
      "FROM pg_event_trigger o WHERE \(isOwn("pg_event_trigger", "o.oid"))")
  }
}
