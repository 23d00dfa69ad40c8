import MigrationModel
import Postgres
import PostgresModel

extension HeldLock {
  /// By its name the answer is known among those of a script.
  static let column = "lockstep_held_mode"

  /// Asks, in a transaction, for its own locks on tables and views that were there before it.
  ///
  /// A relation's row in `pg_class` is written anew by much that is done to it; the row of its system
  /// column `tableoid` (-6) is written once, so that its age is that of the relation.
  static let question = """
    SELECT l.mode AS lockstep_held_mode, n.nspname, c.relname FROM pg_catalog.pg_locks l
    JOIN pg_catalog.pg_class c ON c.oid = l.relation
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation' AND l.granted
      AND c.relkind IN ('r', 'p', 'm', 'f') AND c.oid >= 16384
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum = -6 AND pg_catalog.age(a.xmin)
          <= pg_catalog.age(pg_catalog.pg_current_xact_id_if_assigned()::pg_catalog.xid))
    """

  /// The same question at a quarter of its price, for the message of a whole migration: names only, and
  /// those of the relations it has made among them.
  ///
  /// Before 14 the server cannot name what was dropped meanwhile, and would end the transaction.
  static func quickQuestion(serverVersion: Int) -> String {
    guard serverVersion >= 140000 else { return question }
    return """
      SELECT l.mode AS lockstep_held_mode, pg_catalog.pg_identify_object(1259, l.relation, 0)
      FROM pg_catalog.pg_lock_status() l
      WHERE l.pid = pg_catalog.pg_backend_pid() AND l.relation >= 16384 AND l.granted
      """
  }

  /// A row of the answer; `nil` where it is no lock of a mode that is known on a table or view.
  init?(row: [String?]) {
    guard let mode = row.first??.lockMode else { return nil }
    if row.count == 2 {
      let parts = row[1].map(compositeFields) ?? []
      guard parts.count == 4, let kind = parts[0],
        kind.hasSuffix("table") || kind.hasSuffix("view"),
        kind != "view", let schema = parts[1], let name = parts[2], schema != "pg_toast"
      else { return nil }
      self.init(mode: mode, relation: QualifiedName(schema: unquoted(schema), unquoted(name)))
      return
    }
    guard row.count == 3, let schema = row[1], let name = row[2] else { return nil }
    self.init(mode: mode, relation: QualifiedName(schema: schema, name))
  }
}

extension String {
  fileprivate var lockMode: LockMode? { LockMode(catalogName: self) }
}

/// The fields of a row as PostgreSQL writes it: `(table,public,orders,public.orders)`; `nil` is NULL.
private func compositeFields(_ text: String) -> [String?] {
  guard text.hasPrefix("("), text.hasSuffix(")") else { return [] }
  var fields: [String?] = []
  var field: String?
  var isQuoted = false
  var rest = text.dropFirst().dropLast()[...]
  while let character = rest.popFirst() {
    switch character {
    case "\"":
      if isQuoted, rest.first == "\"" {
        rest.removeFirst()
        field = (field ?? "") + "\""
      } else {
        isQuoted.toggle()
        field = field ?? ""
      }
    case "\\": if let next = rest.popFirst() { field = (field ?? "") + String(next) }
    case "," where !isQuoted:
      fields.append(field)
      field = nil
    default: field = (field ?? "") + String(character)
    }
  }
  return fields + [field]
}

/// An identifier without its quotes; the server quotes only where it must.
private func unquoted(_ identifier: String) -> String {
  guard identifier.count >= 2, identifier.hasPrefix("\""), identifier.hasSuffix("\"") else {
    return identifier
  }
  return String(identifier.dropFirst().dropLast()).replacing("\"\"", with: "\"")
}
