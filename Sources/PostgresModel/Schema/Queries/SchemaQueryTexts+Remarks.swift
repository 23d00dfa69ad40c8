/// What stands beside the objects: extensions, comments, labels, privileges to come and settings.
/// settings.
extension SchemaQueryTexts {
  var extensions: String {
    facts(
      "'extension'", "quote_ident(x.extname)",
      [("version", "o.extversion"), ("schema", "o.extnamespace::regnamespace::text")],
      "FROM pg_extension x WHERE x.extname <> 'plpgsql'")
  }

  func described(_ property: String, _ catalog: String, _ value: String) -> String {
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

  var comments: String { described("comment", "pg_description", "d.description") }
  var labels: String {
    described("security label", "pg_seclabel", "d.provider || ' ' || d.label")
  }

  var defaultPrivileges: String {
    """
    SELECT 'default privileges', concat_ws(' ', pg_get_userbyid(x.defaclrole),
      nullif(x.defaclnamespace, 0)::regnamespace::text, x.defaclobjtype), p.name, p.value
    FROM pg_default_acl x, LATERAL (VALUES ('', ''), ('privileges', (SELECT string_agg(v::text, ';'
      ORDER BY v::text) FROM unnest(x.defaclacl) v))) p(name, value)
    """
  }

  var roleSettings: String {
    """
    SELECT 'setting', coalesce(pg_get_userbyid(nullif(s.setrole, 0)), 'all roles') || ' '
      || split_part(v, '=', 1), '', split_part(v, '=', 2)
    FROM pg_db_role_setting s, unnest(s.setconfig) v
    WHERE s.setdatabase = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
    """
  }
}
