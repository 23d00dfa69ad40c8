extension SchemaFacts {
  /// A row of `query`.
  public enum Row: Sendable, Hashable {
    case searchPath(String)
    case relation(Relation)
    case parent(of: QualifiedName, QualifiedName)
    case source(of: QualifiedName, QualifiedName)
    case type(of: QualifiedName, QualifiedName)
    case foreignKey(ForeignKey)
    case statistics(QualifiedName, of: QualifiedName)
    case sequence(QualifiedName, of: QualifiedName, Relation.OwningColumn)
  }

  /// Everything about the user's own schemas; one statement, so that the parts fit together.
  ///
  /// Reads only the catalog; `SchemaFacts.init(_:)` puts the rows together.
  public static let query = Query<Row>(
    """
    with r as materialized (
      select c.oid, n.nspname, c.relname, c.relkind, c.relispartition, c.relpartbound
      from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where n.nspname <> 'information_schema' and n.nspname !~ '^pg_' and c.relkind <> 't'),
    owners as (select indexrelid as oid, indrelid as owner from pg_catalog.pg_index)
    select 'C' as kind, s::text as a, null as b, null as c, null as d, null as e, null as f
    from unnest(current_schemas(false)) with ordinality u(s, n)
    union all
    select 'R', r.nspname, r.relname, o.nspname, o.relname, r.relkind::text,
      (r.relispartition and pg_catalog.pg_get_expr(r.relpartbound, r.oid) = 'DEFAULT')::text
    from r left join owners w on w.oid = r.oid left join r o on o.oid = w.owner
    union all
    select 'Q', r.nspname, r.relname, t.nspname, t.relname, d.deptype::text, a.attname
    from r join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_class'::regclass
      and d.objid = r.oid and d.refclassid = d.classid and d.deptype in ('a', 'i')
    join r t on t.oid = d.refobjid
    join pg_catalog.pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
    where r.relkind = 'S' and d.refobjsubid > 0
    union all
    select 'P', r.nspname, r.relname, p.nspname, p.relname, null, null
    from pg_catalog.pg_inherits i join r on r.oid = i.inhrelid join r p on p.oid = i.inhparent
    union all
    select distinct 'D', r.nspname, r.relname, s.nspname, s.relname, null, null
    from pg_catalog.pg_rewrite w join r on r.oid = w.ev_class and r.relkind in ('v', 'm')
    join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_rewrite'::regclass
      and d.objid = w.oid and d.refclassid = 'pg_catalog.pg_class'::regclass
    join r s on s.oid = d.refobjid and s.oid <> r.oid
    union all
    select distinct 'T', r.nspname, r.relname, n.nspname, t.typname, null, null
    from pg_catalog.pg_attribute a join r on r.oid = a.attrelid and r.relkind in ('r', 'p', 'm', 'f')
    join pg_catalog.pg_type y on y.oid = a.atttypid
    join pg_catalog.pg_type t on t.oid = case when y.typelem <> 0 and y.typlen = -1
      then y.typelem else y.oid end
    join pg_catalog.pg_namespace n on n.oid = t.typnamespace
    where a.attnum > 0 and not a.attisdropped and n.nspname <> 'pg_catalog'
    union all
    select 'S', n.nspname, s.stxname, r.nspname, r.relname, null, null
    from pg_catalog.pg_statistic_ext s join r on r.oid = s.stxrelid
    join pg_catalog.pg_namespace n on n.oid = s.stxnamespace
    union all
    select 'F', r.nspname, r.relname, f.nspname, f.relname, k.conname,
      json_build_array(
        (select json_agg(a.attname order by u.n) from unnest(k.conkey) with ordinality u(c, n)
          join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.c),
        (select json_agg(a.attname order by u.n) from unnest(k.confkey) with ordinality u(c, n)
          join pg_catalog.pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.c))::text
    from pg_catalog.pg_constraint k join r on r.oid = k.conrelid join r f on f.oid = k.confrelid
    where k.contype = 'f'
    """
  ) { (row) throws(ResultRow.Mismatch) in
    let kind = try row.string(0)
    if kind == "C" { return .searchPath(try row.string(1)) }
    let name = QualifiedName(schema: try row.string(1), try row.string(2))
    var other: QualifiedName?
    if let otherName = row.optionalString(4) {
      other = QualifiedName(schema: row.optionalString(3), otherName)
    }
    if kind == "R" {
      return .relation(
        Relation(
          name, Relation.Kind(rawValue: try row.string(5)) ?? .other, owner: other,
          isDefaultPartition: row.optionalString(6) == "true"))
    }
    guard let other else {
      throw ResultRow.Mismatch(column: 4, expected: "name", found: nil)
    }
    switch kind {
    case "P": return .parent(of: name, other)
    case "D": return .source(of: name, other)
    case "T": return .type(of: name, other)
    case "S": return .statistics(name, of: other)
    case "Q":
      let column = try row.string(6)
      let isIdentity = try row.string(5) == "i"
      return .sequence(name, of: other, isIdentity ? .identity(column) : .owned(column))
    default:
      let columns = ParseTree(json: try row.string(6)) ?? .null
      return .foreignKey(
        ForeignKey(
          try row.string(5), of: name, columns[0].items.compactMap(\.string), to: other,
          columns[1].items.compactMap(\.string)))
    }
  }

  /// Puts the rows of `query` together.
  public init(_ rows: [Row]) {
    self.init(searchPath: [])
    for case .relation(let relation) in rows { relations[relation.name] = relation }
    for row in rows {
      switch row {
      case .searchPath(let schema): searchPath.append(schema)
      case .relation: break
      case .parent(let name, let parent): relations[name]?.parents.append(parent)
      case .source(let name, let source): relations[name]?.sources.append(source)
      case .type(let name, let type): relations[name]?.types.insert(type)
      case .foreignKey(let key): foreignKeys.append(key)
      case .statistics(let name, let table): statistics[name] = table
      case .sequence(let name, let table, let column):
        relations[name]?.owner = table
        relations[name]?.column = column
      }
    }
  }
}
