/// What the role of our own session may see of other sessions, and do to them.
public struct SessionRights: Sendable, Hashable {
  /// Whether statements and times of other roles' sessions can be read.
  public var readsAllTexts: Bool
  /// Whether the sessions of other roles, superusers' apart, can be cancelled and ended.
  public var signalsOthers: Bool
  public var isSuperuser: Bool
  /// The role itself and those whose rights it has: their sessions are as its own.
  public var ownRoles: Set<String>
  public var superusers: Set<String>
  /// For how long a session waits before the server looks for a deadlock.
  public var deadlockTimeoutMilliseconds: Double?

  public init(
    readsAllTexts: Bool = true, signalsOthers: Bool = true, isSuperuser: Bool = false,
    ownRoles: Set<String> = [], superusers: Set<String> = [],
    deadlockTimeoutMilliseconds: Double? = nil
  ) {
    self.readsAllTexts = readsAllTexts
    self.signalsOthers = signalsOthers
    self.isSuperuser = isSuperuser
    self.ownRoles = ownRoles
    self.superusers = superusers
    self.deadlockTimeoutMilliseconds = deadlockTimeoutMilliseconds
  }

  /// Returns why the server would refuse to cancel or end a session; `nil` where it would not, or
  /// where only trying tells.
  ///
  /// Source: `pg_signal_backend` in `signalfuncs.c`, PostgreSQL 13 to 17.
  public func obstacle(toSignalling session: LockSession) -> String? {
    guard !isSuperuser else { return nil }
    // Without its start a session cannot be told from a later one of the same pid.
    guard session.backendStart != nil else {
      return "who it is is hidden from this role: grant pg_read_all_stats"
    }
    guard let user = session.user else { return nil }
    if superusers.contains(user) {
      return "it belongs to the superuser \(user): only a superuser may end it"
    }
    if ownRoles.contains(user) || signalsOthers { return nil }
    return "it belongs to \(user): grant pg_signal_backend"
  }

  /// A row of `query`.
  public enum Row: Sendable, Hashable {
    case own(SessionRights)
    case ownRole(String)
    case superuser(String)
  }

  /// Asks for the rights of the session that runs it; `init(_:)` puts the rows together.
  public static let query = Query<Row>(
    """
    select 'S', null, pg_catalog.pg_has_role('pg_read_all_stats', 'usage'),
      pg_catalog.pg_has_role('pg_signal_backend', 'usage'),
      (select rolsuper from pg_catalog.pg_roles where rolname = current_user),
      (select setting::float8 from pg_catalog.pg_settings where name = 'deadlock_timeout')
    union all
    select case when rolsuper then 'U' else 'R' end, rolname, null, null, null, null
    from pg_catalog.pg_roles
    where rolsuper or (pg_catalog.pg_has_role(oid, 'usage')
      and not (select rolsuper from pg_catalog.pg_roles where rolname = current_user))
    """
  ) { (row) throws(ResultRow.Mismatch) in
    switch try row.string(0) {
    case "S":
      .own(
        SessionRights(
          readsAllTexts: try row.bool(2), signalsOthers: try row.bool(3),
          isSuperuser: try row.optionalBool(4) ?? false,
          deadlockTimeoutMilliseconds: try row.optionalDouble(5)))
    case "U": .superuser(try row.string(1))
    default: .ownRole(try row.string(1))
    }
  }

  /// Puts the rows of `query` together; `nil` where the row of the session itself is missing.
  public init?(_ rows: [Row]) {
    var rights: SessionRights?
    for case .own(let own) in rows { rights = own }
    guard var rights else { return nil }
    for row in rows {
      switch row {
      case .own: break
      case .ownRole(let name): rights.ownRoles.insert(name)
      case .superuser(let name): rights.superusers.insert(name)
      }
    }
    self = rights
  }
}
