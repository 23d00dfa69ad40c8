/// A policy of row security, as the catalogue has it.
public struct RowPolicy: Sendable, Hashable {
  public var oid: Int64
  public var name: String
  public var command: Command
  /// A permissive one lets rows through, a restrictive one holds rows back that others let through.
  public var isPermissive: Bool
  /// Those that it is for, without quotes; empty where it is for all.
  public var roles: [String]
  public var using: String?
  public var check: String?
  public var table: RowSecurity
  /// What the functions that it calls are made of.
  public var sources: [String]

  /// What it is for; raw values of `pg_policy.polcmd`.
  public enum Command: String, Sendable, Hashable {
    case all = "*"
    case select = "r"
    case insert = "a"
    case update = "w"
    case delete = "d"
  }

  /// How evidence names it.
  public var subject: String { "policy \(name) of \(table.object)" }

  /// Those that are new or not what they were; those of a table whose row security was switched as well.
  public static func touched(from before: [RowPolicy], to after: [RowPolicy]) -> [RowPolicy] {
    func promise(_ policy: RowPolicy) -> [String?] {
      [
        policy.command.rawValue, "\(policy.isPermissive)", policy.using, policy.check,
        "\(policy.table.isEnabled)",
      ] + policy.roles + policy.sources
    }
    let old = Dictionary(before.map { ([$0.table.object, $0.name], promise($0)) }) { first, _ in
      first
    }
    return after.filter { old[[$0.table.object, $0.name]] != promise($0) }
  }

  /// What it asks of a row that is written; `nil` where it asks nothing, and so lets none through.
  public var written: String? { check ?? using }

  /// The names of settings of the application that it reads: `app.tenant`.
  public var settings: [String] {
    var found: [String] = []
    for text in [using, check].compactMap({ $0 }) + sources {
      let words = ExpressionWords(text)
      guard words.names.contains("current_setting") else { continue }
      for name in words.strings where !found.contains(name) && Self.isSetting(name) {
        found.append(name)
      }
    }
    return found
  }

  private static func isSetting(_ name: String) -> Bool {
    let parts = name.split(separator: "." as Character, omittingEmptySubsequences: false)
    return parts.count > 1
      && parts.allSatisfy { part in
        part.first?.isLetter == true && part.allSatisfy { $0.isLetter || $0.isNumber || $0 == "_" }
      }
  }

  /// Every policy of the database.
  public static let all = Query<RowPolicy>(
    """
    SELECT \(RowSecurity.columns), p.oid, p.polname, p.polcmd, p.polpermissive,
      (SELECT string_agg(pg_get_userbyid(r), chr(31) ORDER BY pg_get_userbyid(r))
        FROM unnest(p.polroles) r WHERE r <> 0),
      pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid),
      (SELECT string_agg(f.prosrc, chr(31) ORDER BY f.oid) FROM pg_depend d
        JOIN pg_proc f ON f.oid = d.refobjid
        WHERE d.classid = 'pg_policy'::regclass AND d.objid = p.oid
          AND d.refclassid = 'pg_proc'::regclass)
    FROM \(RowSecurity.source) JOIN pg_policy p ON p.polrelid = c.oid
    ORDER BY 2, p.polname
    """
  ) { (row) throws(ResultRow.Mismatch) in
    RowPolicy(
      oid: try row.integer(8), name: try row.string(9),
      command: Command(rawValue: try row.string(10)) ?? .all, isPermissive: try row.bool(11),
      roles: parts(row.optionalString(12) ?? ""), using: row.optionalString(13),
      check: row.optionalString(14), table: try RowSecurity(row),
      sources: parts(row.optionalString(15) ?? ""))
  }
}
