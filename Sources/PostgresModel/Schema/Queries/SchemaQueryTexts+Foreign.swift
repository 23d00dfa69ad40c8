/// Other servers: foreign data, publications and subscriptions.
extension SchemaQueryTexts {
  var foreignDataWrappers: SchemaQuestion {
    facts(
      "'foreign data wrapper'", "quote_ident(o.fdwname)",
      [
        ("owner", owner("o.fdwowner")), ("options", sorted("o.fdwoptions")),
        (
          "definition",
          "concat_ws(' ', o.fdwhandler::regproc::text, o.fdwvalidator::regproc::text)"
        ), ("privileges", privileges("o.fdwacl", "'F'", "o.fdwowner")),
      ],
      "FROM pg_foreign_data_wrapper o WHERE \(isOwn("pg_foreign_data_wrapper", "o.oid"))")
  }

  var foreignServers: SchemaQuestion {
    facts(
      "'foreign server'", "quote_ident(o.srvname)",
      [
        ("owner", owner("o.srvowner")), ("options", sorted("o.srvoptions")),
        ("definition", "concat_ws(' ', o.fdwname, o.srvtype, o.srvversion)"),
        ("privileges", privileges("o.srvacl", "'S'", "o.srvowner")),
      ],
      """
      FROM (SELECT w.fdwname, s.* FROM pg_foreign_server s
        JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw
        WHERE \(isOwn("pg_foreign_server", "s.oid"))) o
      """)
  }

  /// Options hold passwords: only their names are told.
  var userMappings: SchemaQuestion {
    facts(
      "'user mapping'", "quote_ident(o.usename) || ' on ' || quote_ident(o.srvname)",
      [
        (
          "options",
          "SELECT string_agg(split_part(v, '=', 1), ', ' ORDER BY v) FROM unnest(o.umoptions) v"
        )
      ], "FROM pg_user_mappings o")
  }

  var publications: SchemaQuestion {
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
    return facts("'publication'", "quote_ident(o.pubname)", properties, "FROM pg_publication o")
  }

  /// Without the connection string, which may hold a password and is for superusers alone.
  var subscriptions: SchemaQuestion {
    facts(
      "'subscription'", "quote_ident(o.subname)",
      [
        ("owner", owner("o.subowner")), ("enabled", "o.subenabled"),
        (
          "publications", "SELECT string_agg(v, ', ' ORDER BY v) FROM unnest(o.subpublications) v"
        ), ("definition", "concat_ws(' ', o.subslotname, o.subsynccommit)"),
      ],
      """
      FROM (SELECT s.oid, s.subname, s.subowner, s.subenabled, s.subpublications, s.subslotname,
          s.subsynccommit FROM pg_subscription s
        WHERE s.subdbid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())) o
      """)
  }
}
