/// Whether a table holds sessions to its policies, and whom not.
public struct RowSecurity: Sendable, Hashable {
  public var table: Int64
  /// Qualified and quoted, as a `SchemaFact` names it.
  public var object: String
  /// Without schema and quotes, as the server's refusals name it.
  public var name: String
  public var isEnabled: Bool
  /// Whether the table's owner is held to it as well.
  public var isForced: Bool
  public var owner: Role

  /// A role, as far as row security asks about it.
  public struct Role: Sendable, Hashable {
    /// Without quotes.
    public var name: String
    public var isSuperuser: Bool
    public var bypasses: Bool

    /// Why no policy holds it, in words; `nil` where they do.
    public var exemption: String? {
      if isSuperuser { return "\(name) is a superuser" }
      return bypasses ? "\(name) has BYPASSRLS" : nil
    }
  }

  /// How evidence names it.
  public var subject: String { "row security of \(object)" }

  /// Those that have come into force or are not what they were; none of what is off.
  public static func touched(from before: [RowSecurity], to after: [RowSecurity]) -> [RowSecurity] {
    let old = Dictionary(before.map { ($0.object, [$0.isEnabled, $0.isForced]) }) { first, _ in
      first
    }
    return after.filter {
      ($0.isEnabled || $0.isForced) && old[$0.object] != [$0.isEnabled, $0.isForced]
    }
  }

  /// Every table that has row security or policies.
  public static let all = Query<RowSecurity>(
    """
    SELECT \(columns) FROM \(source)
    WHERE c.relrowsecurity OR c.relforcerowsecurity
      OR EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid)
    ORDER BY 2
    """
  ) { (row) throws(ResultRow.Mismatch) in try RowSecurity(row) }

  static let columns = """
    c.oid, quote_ident(n.nspname) || '.' || quote_ident(c.relname), c.relname, c.relrowsecurity,
      c.relforcerowsecurity, o.rolname, o.rolsuper, o.rolbypassrls
    """

  static let source = """
    pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'lockstep')
    JOIN pg_roles o ON o.oid = c.relowner
    """
}

extension RowSecurity {
  init(_ row: ResultRow) throws(ResultRow.Mismatch) {
    table = try row.integer(0)
    object = try row.string(1)
    name = try row.string(2)
    isEnabled = try row.bool(3)
    isForced = try row.bool(4)
    owner = Role(
      name: try row.string(5), isSuperuser: try row.bool(6), bypasses: try row.bool(7))
  }
}
