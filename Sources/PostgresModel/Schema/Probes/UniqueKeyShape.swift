/// What keeps two rows apart: a unique or an excluding index.
public struct UniqueKeyShape: Sendable, Hashable {
  /// Its own name and those of its partitions, any of which a refusal may bear.
  public var names: [String]
  /// Columns of keys, expressions and condition, those below generated columns instead of them.
  public var columns: [String]
  /// Each key as SQL, with the operator that must not be true of two rows.
  public var keys: [Key]
  public var predicate: String?
  public var nullsNotDistinct: Bool

  /// One key.
  public struct Key: Sendable, Hashable {
    public var expression: String
    public var operation: String
  }

  /// That a row is in conflict with a copy of itself, so that a copy is an attack.
  public var condition: String {
    let same = keys.map { "(\($0.expression)) \($0.operation) (\($0.expression))" }
    return (same + (predicate.map { ["(\($0))"] } ?? [])).joined(separator: " AND ")
  }

  /// Whether two rows of a table that are there break it, as a select.
  public func conflict(in table: String, _ first: String, _ second: String) -> String {
    let list = keys.enumerated().map { "\($0.element.expression) AS k\($0.offset)" }
      .joined(separator: ", ")
    let tests = keys.indices.map { index in
      nullsNotDistinct
        ? "a.k\(index) IS NOT DISTINCT FROM b.k\(index)"
        : "(a.k\(index) \(keys[index].operation) b.k\(index))"
    }
    let condition = predicate.map { " AND (\($0))" } ?? ""
    return """
      SELECT \(tests.joined(separator: " AND "))
      FROM (SELECT \(list) FROM \(table) WHERE \(first)\(condition)) a,
        (SELECT \(list) FROM \(table) WHERE \(second)\(condition)) b
      """
  }

  /// Asks for one.
  ///
  /// - Parameter constraint: Of the kinds that stand on an index.
  public static func query(
    of constraint: ProbedConstraint, serverVersion: Int
  ) -> Query<UniqueKeyShape> {
    let index =
      constraint.kind == .uniqueIndex
      ? "$1::oid" : "(SELECT k.conindid FROM pg_constraint k WHERE k.oid = $1)"
    let nulls = serverVersion >= 150_000 ? "i.indnullsnotdistinct" : "false"
    return Query(
      """
      SELECT coalesce((SELECT string_agg(x.relname, chr(31)) FROM pg_partition_tree(i.indexrelid) t
          JOIN pg_class x ON x.oid = t.relid), c.relname) || chr(31) || c.relname,
        (SELECT string_agg(a.attname, chr(31)) FROM pg_attribute a WHERE a.attrelid = i.indrelid
          AND a.attnum > 0 AND (a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])
            OR EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass
              AND d.objid = i.indexrelid AND d.refobjid = i.indrelid AND d.refobjsubid = a.attnum
              AND a.attnum <> ALL (i.indkey)))),
        string_agg(pg_get_indexdef(i.indexrelid, k.n, false), chr(31) ORDER BY k.n),
        string_agg(coalesce((SELECT 'OPERATOR(' || quote_ident(s.nspname) || '.' || o.oprname || ')'
          FROM pg_constraint e JOIN pg_operator o ON o.oid = e.conexclop[k.n]
          JOIN pg_namespace s ON s.oid = o.oprnamespace
          WHERE e.conindid = i.indexrelid AND e.contype = 'x'), '='), chr(31) ORDER BY k.n),
        pg_get_expr(i.indpred, i.indrelid), \(nulls)
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
      CROSS JOIN generate_series(1, i.indnkeyatts::int) k(n)
      WHERE i.indexrelid = \(index)
      GROUP BY i.indexrelid, i.indrelid, i.indkey, i.indnkeyatts, i.indpred, c.relname,
        \(nulls == "false" ? "c.oid" : nulls)
      """, [String(constraint.oid)]
    ) { (row) throws(ResultRow.Mismatch) in
      let operations = parts(try row.string(3))
      return UniqueKeyShape(
        names: parts(try row.string(0)), columns: parts(row.optionalString(1) ?? ""),
        keys: zip(parts(try row.string(2)), operations).map {
          Key(expression: $0, operation: $1)
        },
        predicate: row.optionalString(4), nullsNotDistinct: try row.bool(5))
    }
  }
}
