import MigrationModel
import Postgres
import PostgresModel

/// The role that somebody acts as in a trial, with what it has to be allowed for that.
struct StandInRole: Sendable {
  /// Without quotes.
  var name: String
  /// What is to be told of it.
  var remarks: [String] = []
  /// Whether it is the owner, whom row security binds where it is forced alone.
  var isOwner = false

  /// Why nobody can act as a role that is bound.
  struct CannotAct: Error, Sendable {
    var reason: String
    /// Whether that shows that nobody is ever bound.
    var isFault = false
  }

  /// Makes a role that goes with the transaction; where that is not allowed, the owner is bound as well.
  static func make(for table: RowSecurity, _ session: ProbeSession) async throws -> StandInRole {
    // Roles are the whole server's: nobody else has this session's number.
    let name = "lockstep_probe_\(session.connection.processID)"
    if let rejection = try await session.attempt("CREATE ROLE \(name)").rejection {
      let reason = "no role could be made to try it with: \(rejection.words)"
      guard table.owner.exemption == nil, try await isUser(table.owner.name, session) else {
        throw CannotAct(reason: reason)
      }
      return StandInRole(
        name: table.owner.name,
        remarks: ["tried as the owner \(table.owner.name), row security forced for it; \(reason)"],
        isOwner: true)
    }
    // Who is no superuser may act as those alone whose member he is.
    _ = try await session.attempt("GRANT \(name) TO CURRENT_USER")
    var role = StandInRole(name: name)
    role.remarks = ["tried as a role that was made for it, with every privilege on the table"]
    try await role.grant(on: table, session, beyond: true)
    try await role.act(session)
    return role
  }

  /// The first of these roles that row security binds.
  static func first(
    of names: [String], for table: RowSecurity, _ session: ProbeSession
  ) async throws -> StandInRole {
    var exempt: [String] = []
    var reasons: [String] = []
    for name in names {
      var role = StandInRole(name: name, isOwner: name == table.owner.name)
      do {
        guard try await role.isBound(by: table, session) else {
          exempt.append(try await exemption(of: name, from: table, session))
          continue
        }
        try await role.grant(on: table, session, beyond: false)
        role.remarks.insert("tried as the role \(name)", at: 0)
        role.remarks += exempt.map { "it does not bind \($0)" }
        return role
      } catch let error as CannotAct {
        reasons.append(error.reason)
      }
    }
    if let reason = reasons.first { throw CannotAct(reason: reason) }
    let list = exempt.joined(separator: ", nor ")
    throw CannotAct(reason: "it binds nobody that it is for: not \(list)", isFault: true)
  }

  private static func isUser(_ name: String, _ session: ProbeSession) async throws -> Bool {
    let answer = try await session.texts("SELECT current_user = \(SQLText.literal(name))")
    return answer.value?.first?.first == "t"
  }

  private func act(_ session: ProbeSession) async throws {
    let quoted = SQLText.identifier(name)
    let answer = try await session.undoneInside {
      try await session.attempt("SET LOCAL ROLE \(quoted)")
    }
    if let rejection = answer.rejection {
      throw CannotAct(reason: "nobody can act as the role \(name) here: \(rejection.words)")
    }
  }

  private func isBound(by table: RowSecurity, _ session: ProbeSession) async throws -> Bool {
    try await act(session)
    let answer = try await session.undoneInside(as: name) {
      try await session.texts("SELECT row_security_active(\(table.table)::oid)")
    }
    return answer.value?.first?.first == "t"
  }

  /// `app, which is a superuser`.
  private static func exemption(
    of name: String, from table: RowSecurity, _ session: ProbeSession
  ) async throws -> String {
    let query = Query<(Bool, Bool)>(
      "SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = $1", [name]
    ) { (row) throws(ResultRow.Mismatch) in (try row.bool(0), try row.bool(1)) }
    guard let (isSuperuser, bypasses) = try await session.connection.rows(query).first else {
      return name
    }
    if isSuperuser { return "\(name), which is a superuser" }
    if bypasses { return "\(name), which has BYPASSRLS" }
    return "\(name), which owns \(table.object) without FORCE ROW LEVEL SECURITY"
  }

  /// Gives it what it lacks, as privileges are not what is tried here.
  ///
  /// - Parameter beyond: Whether to let it read what policies ask beside the table as well; a role of the
  ///   database's own has to have that already, or the policy fails.
  private mutating func grant(
    on table: RowSecurity, _ session: ProbeSession, beyond: Bool
  ) async throws {
    let role = SQLText.identifier(name)
    let lacking = Query<String>(
      """
      SELECT w FROM unnest('{SELECT,INSERT,UPDATE,DELETE}'::text[]) w
      WHERE NOT has_table_privilege($1, \(table.table)::oid, w)
      """, [name]
    ) { (row) throws(ResultRow.Mismatch) in try row.string(0) }
    let words = try await session.connection.rows(lacking)
    if !beyond, !words.isEmpty {
      remarks.append(
        "\(name) has no \(words.joined(separator: ", ")) on it: it was given them for this")
    }
    let schemas = Query<String>(
      """
      SELECT quote_ident(nspname) FROM pg_namespace
      WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' ORDER BY 1
      """
    ) { (row) throws(ResultRow.Mismatch) in try row.string(0) }
    var grants = ["SELECT, INSERT, UPDATE, DELETE ON \(table.object)"]
    for schema in try await session.connection.rows(schemas) {
      grants.append("USAGE ON SCHEMA \(schema)")
      grants.append("USAGE ON ALL SEQUENCES IN SCHEMA \(schema)")
    }
    if beyond {
      let asked = Query<String>(
        """
        SELECT DISTINCT quote_ident(n.nspname) || '.' || quote_ident(c.relname)
        FROM pg_policy p JOIN pg_depend d ON d.classid = 'pg_policy'::regclass AND d.objid = p.oid
          AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> p.polrelid
        JOIN pg_class c ON c.oid = d.refobjid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE p.polrelid = \(table.table) AND n.nspname !~ '^pg_' ORDER BY 1
        """
      ) { (row) throws(ResultRow.Mismatch) in try row.string(0) }
      grants += try await session.connection.rows(asked).map { "SELECT ON \($0)" }
    }
    // What cannot be granted the trial itself will tell.
    for grant in grants { _ = try await session.attempt("GRANT \(grant) TO \(role)") }
  }
}
