/// What texts are read by: collations, conversions and text search.
extension SchemaQueryTexts {
  var collations: SchemaQuestion {
    let locale = since(17) ? "colllocale" : since(15) ? "colliculocale" : "NULL::text"
    let column = locale.hasPrefix("coll") ? "c.\(locale)" : locale
    return facts(
      "'collation'", name("o.nspname", "o.collname"),
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
        WHERE \(isOfUser("n.nspname")) AND \(isOwn("pg_collation", "c.oid"))) o
      """)
  }

  var conversions: SchemaQuestion {
    facts(
      "'conversion'", name("o.nspname", "o.conname"),
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
        WHERE \(isOfUser("n.nspname")) AND \(isOwn("pg_conversion", "c.oid"))) o
      """)
  }

  var textSearch: [SchemaQuestion] {
    func objects(
      _ kind: String, _ catalog: String, _ prefix: String, owner isOwned: Bool, _ definition: String
    ) -> SchemaQuestion {
      facts(
        "'\(kind)'", name("o.nspname", "o.\(prefix)name"),
        (isOwned ? [("owner", owner("o.\(prefix)owner"))] : []) + [("definition", definition)],
        """
        FROM (SELECT n.nspname, c.* FROM \(catalog) c
          JOIN pg_namespace n ON n.oid = c.\(prefix)namespace
          WHERE \(isOfUser("n.nspname")) AND \(isOwn(catalog, "c.oid"))) o
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
    ]
  }
}
