/// In which `session_replication_role` sessions work: in any but `origin` no foreign key is checked and no
/// ordinary trigger fires.
public struct ReplicationRole: Sendable, Hashable {
  /// Of this session.
  public var here: String
  /// What the database or a role is set to, of those that are not `origin`: `all roles`, a role's name.
  public var settings: [String]

  public init(here: String, settings: [String]) {
    self.here = here
    self.settings = settings
  }

  public static let query = Query<ReplicationRole>(
    """
    SELECT current_setting('session_replication_role'), (SELECT string_agg(DISTINCT
        coalesce(pg_get_userbyid(nullif(s.setrole, 0)), 'all roles'), chr(31))
      FROM pg_db_role_setting s, unnest(s.setconfig) v
      WHERE v LIKE 'session_replication_role=%' AND v <> 'session_replication_role=origin'
        AND s.setdatabase IN (0, (SELECT d.oid FROM pg_database d
          WHERE d.datname = current_database())))
    """
  ) { (row) throws(ResultRow.Mismatch) in
    ReplicationRole(here: try row.string(0), settings: parts(row.optionalString(1) ?? ""))
  }

  /// What makes a foreign key or trigger useless; empty where nothing does.
  public var faults: [String] {
    var faults: [String] = []
    if here != "origin" {
      faults.append("this session's session_replication_role is \(here), in which it does nothing")
    }
    if settings.contains("all roles") {
      faults.append(
        "sessions of this database start with another session_replication_role than origin, in which"
          + " it does nothing")
    }
    return faults
  }

  /// What has to be said beside that.
  public var doubts: [String] {
    settings.filter { $0 != "all roles" }.map {
      "sessions of the role \($0) start with another session_replication_role than origin, in which"
        + " it does nothing"
    }
  }
}
