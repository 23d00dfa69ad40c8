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
  var text = text
  return text.withUTF8 { bytes in
    guard bytes.count >= 2, bytes[0] == UInt8(ascii: "("),
      bytes[bytes.count - 1] == UInt8(ascii: ")")
    else { return [] }
    var fields: [String?] = []
    let end = bytes.count - 1
    var start = 1
    while start <= end {
      var next = start
      while next < end, bytes[next] != UInt8(ascii: ","), bytes[next] != UInt8(ascii: "\""),
        bytes[next] != UInt8(ascii: "\\")
      {
        next += 1
      }
      if next == end || bytes[next] == UInt8(ascii: ",") {
        let field = UnsafeBufferPointer(rebasing: bytes[start..<next])
        fields.append(field.isEmpty ? nil : String(decoding: field, as: UTF8.self))
      } else {
        var field: [UInt8] = []
        next = readQuoted(bytes, from: start, to: end, into: &field)
        fields.append(String(decoding: field, as: UTF8.self))
      }
      start = next + 1
    }
    return fields
  }
}

/// Reads a field in which there are quotes or backslashes.
///
/// - Returns: Where the comma behind it stands; `end` where it is the last.
private func readQuoted(
  _ bytes: UnsafeBufferPointer<UInt8>, from start: Int, to end: Int, into field: inout [UInt8]
) -> Int {
  var position = start
  var isQuoted = false
  while position < end, isQuoted || bytes[position] != UInt8(ascii: ",") {
    let byte = bytes[position]
    let isNextInside = position + 1 < end
    switch byte {
    case UInt8(ascii: "\"") where isQuoted && isNextInside && bytes[position + 1] == byte:
      position += 1
      field.append(byte)
    case UInt8(ascii: "\""): isQuoted.toggle()
    case UInt8(ascii: "\\") where isNextInside:
      position += 1
      field.append(bytes[position])
    default: field.append(byte)
    }
    position += 1
  }
  return position
}

/// An identifier without its quotes; the server quotes only where it must.
private func unquoted(_ identifier: String) -> String {
  guard identifier.count >= 2, identifier.hasPrefix("\""), identifier.hasSuffix("\"") else {
    return identifier
  }
  return String(identifier.dropFirst().dropLast()).replacing("\"\"", with: "\"")
}
