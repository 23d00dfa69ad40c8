/// How large a table is, by the server's statistics and its files.
public struct TableSize: Sendable, Hashable {
  /// Estimated by the last VACUUM or ANALYZE; `nil` where neither has run.
  public var rows: Double?
  /// With indexes and TOAST; partitions counted in.
  public var bytes: Int64?
  /// Whether `bytes` is of the files as they are, and not of the last VACUUM or ANALYZE.
  public var isMeasured: Bool

  public init(rows: Double?, bytes: Int64?, isMeasured: Bool = false) {
    self.rows = rows
    self.bytes = bytes
    self.isMeasured = isMeasured
  }

  /// The sizes that the catalog knows, by name as it was given; a name that leads to nothing has no
  /// row.
  ///
  /// Takes no lock on the tables, so that it answers while one is being changed.
  public static func estimates(of names: [QualifiedName]) -> Query<(Int, TableSize)> {
    Query(
      """
      with t as (
        select n.place, c.oid, c.relkind, c.reltuples, c.reltoastrelid
        from unnest($1::text[]) with ordinality n (name, place)
        join pg_catalog.pg_class c on c.oid = pg_catalog.to_regclass(n.name)
      )
      select place, nullif(reltuples, -1),
        (select nullif(sum(greatest(p.relpages, 0)), 0) * current_setting('block_size')::bigint
          from pg_catalog.pg_class p
          where p.oid in (t.oid, t.reltoastrelid) or p.oid in (select indexrelid
            from pg_catalog.pg_index where indrelid in (t.oid, t.reltoastrelid)))::bigint
      from t
      """, [arrayText(names)]
    ) { (row) throws(ResultRow.Mismatch) in
      (
        Int(try row.integer(0)) - 1,
        TableSize(rows: try row.optionalDouble(1), bytes: try row.optionalInteger(2))
      )
    }
  }

  /// The sizes of the files, and of the rows where the table has partitions.
  ///
  /// Wants ACCESS SHARE on each table for a moment: to be asked with a short `lock_timeout`.
  public static func measurements(of names: [QualifiedName]) -> Query<(Int, TableSize)> {
    Query(
      """
      with t as (
        select n.place, c.oid, c.relkind, c.reltuples
        from unnest($1::text[]) with ordinality n (name, place)
        join pg_catalog.pg_class c on c.oid = pg_catalog.to_regclass(n.name)
      )
      select place,
        case when relkind = 'p' then (select sum(nullif(l.reltuples, -1))
          from pg_catalog.pg_partition_tree(t.oid) r
          join pg_catalog.pg_class l on l.oid = r.relid where r.isleaf)
        else nullif(reltuples, -1) end,
        case when relkind = 'p' then (select sum(pg_catalog.pg_total_relation_size(r.relid))
          from pg_catalog.pg_partition_tree(t.oid) r)
        else pg_catalog.pg_total_relation_size(t.oid) end::bigint
      from t
      """, [arrayText(names)]
    ) { (row) throws(ResultRow.Mismatch) in
      (
        Int(try row.integer(0)) - 1,
        TableSize(
          rows: try row.optionalDouble(1), bytes: try row.optionalInteger(2), isMeasured: true)
      )
    }
  }

  /// An array of the names, quoted as SQL wants them, in the form of a parameter.
  private static func arrayText(_ names: [QualifiedName]) -> String {
    let elements = names.map { name -> String in
      var text = "\""
      for character in name.sql {
        if character == "\"" || character == "\\" { text.append("\\") }
        text.append(character)
      }
      return text + "\""
    }
    return "{" + elements.joined(separator: ",") + "}"
  }
}
