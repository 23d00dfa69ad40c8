/// What stands beside the objects: extensions, comments, labels, privileges to come and settings.
extension SchemaQueryTexts {
  var extensions: SchemaQuestion {
    facts(
      "'extension'", "quote_ident(o.extname)",
      [("version", "o.extversion"), ("schema", "o.extnamespace::regnamespace::text")],
      "FROM pg_extension o WHERE o.extname <> 'plpgsql'")
  }

  func described(_ property: String, _ catalog: String, _ value: String) -> SchemaQuestion {
    let relations = "'pg_catalog.pg_class'::regclass"
    return facts(
      "'\(property)'", "i.type || ' ' || i.identity", [("text", value)],
      """
      FROM \(catalog) d, LATERAL pg_identify_object(d.classoid, d.objoid, d.objsubid) i
      WHERE d.objoid >= 16384 AND coalesce(i.schema, '') <> 'lockstep'
        AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = d.classoid
          AND e.refclassid = 'pg_catalog.pg_extension'::regclass AND e.objid = d.objoid
          AND e.deptype = 'e')
        AND NOT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE d.classoid = \(relations) AND c.oid = d.objoid
            AND NOT (\(isKept("n.nspname", "c.relname"))))
      """)
  }

  var comments: SchemaQuestion { described("comment", "pg_description", "d.description") }
  var labels: SchemaQuestion {
    described("security label", "pg_seclabel", "d.provider || ' ' || d.label")
  }

  var defaultPrivileges: SchemaQuestion {
    facts(
      "'default privileges'",
      "concat_ws(' ', pg_get_userbyid(o.defaclrole), "
        + "nullif(o.defaclnamespace, 0)::regnamespace::text, o.defaclobjtype)",
      [
        (
          "privileges",
          "SELECT string_agg(v::text, ';' ORDER BY v::text) FROM unnest(o.defaclacl) v"
        )
      ], "FROM pg_default_acl o")
  }

  var roleSettings: SchemaQuestion {
    facts(
      "'setting'",
      "coalesce(pg_get_userbyid(nullif(s.setrole, 0)), 'all roles') || ' ' || split_part(v, '=', 1)",
      parent: "split_part(v, '=', 2)", [],
      """
      FROM pg_db_role_setting s, unnest(s.setconfig) v
      WHERE s.setdatabase = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
      """)
  }
}
