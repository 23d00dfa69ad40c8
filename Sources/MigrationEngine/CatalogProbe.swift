import MigrationModel
import Postgres
import PostgresModel

/// Looks, between two statements of an open transaction, at the locks it has gained and at what it has
/// changed in the catalogue.
///
/// Its own session sees the rows that the transaction has written; a session outside still sees those
/// that it has replaced or deleted, which bear its number in `xmax`. Both together are the change. What is
/// dropped in a subtransaction that writes nothing else is not found.
struct CatalogProbe: Sendable {
  let session: Connection
  /// `nil`: what was dropped, and what things were before, is not known.
  let onlooker: LockMonitor?

  /// The locks seen so far, each with the moment of its first sight.
  private var seen: [(lock: HeldLock, at: ContinuousClock.Instant)] = []
  /// The last look came then: what is new was gained after it.
  private var lastLook = ContinuousClock.now
  private var changes: [CatalogRow.Key: CatalogChange] = [:]

  init(session: Connection, onlooker: LockMonitor?) {
    self.session = session
    self.onlooker = onlooker
  }

  /// What a statement has done.
  struct Found: Sendable {
    /// Gained by it.
    var locks: [HeldLock]
    /// `nil` where nobody outside could be asked.
    var changes: [CatalogChange]?
  }

  /// All locks, with the time since each was gained at the latest.
  var held: [HeldLock] {
    seen.map {
      HeldLock(
        mode: $0.lock.mode, relation: $0.lock.relation, milliseconds: milliseconds(since: $0.at))
    }
  }

  /// - Throws: `DatabaseError`; the transaction is as it was before.
  mutating func look() async throws(DatabaseError) -> Found {
    let gained = try await lookAtLocks()
    guard let onlooker else { return Found(locks: gained, changes: nil) }
    let own = try await ask(CatalogRow.written)
    guard let number = own.first?.transaction else { return Found(locks: gained, changes: []) }
    let numbers = Set(own.compactMap(\.writer) + [number])
    // Rows whose catalogue is locked, or a session that is lost: the change stays unknown.
    guard let old = try? await onlooker.rows(CatalogRow.replaced(by: numbers.sorted())) else {
      return Found(locks: gained, changes: nil)
    }
    let all = CatalogRow.changes(from: old, to: own)
    let new = CatalogRow.difference(from: changes, to: all)
    changes = all
    return Found(locks: gained, changes: new)
  }

  private mutating func lookAtLocks() async throws(DatabaseError) -> [HeldLock] {
    let query = Query<HeldLock?>(HeldLock.question) { row throws(ResultRow.Mismatch) in
      HeldLock(row: (0..<row.count).map { row.optionalString($0) })
    }
    let before = lastLook
    let found = try await ask(query)
    lastLook = .now
    let known = Set(seen.map(\.lock))
    let gained = found.compactMap { $0 }.filter { !known.contains($0) }
    seen += gained.map { ($0, before) }
    return gained
  }

  /// Asks in the transaction, so that an error does not end it.
  private func ask<Row>(_ query: Query<Row>) async throws(DatabaseError) -> [Row] {
    var guarded = query
    guarded.text = "SAVEPOINT lockstep_look;\(query.text);RELEASE SAVEPOINT lockstep_look"
    do throws(DatabaseError) {
      return try await session.rowsOfMessage(guarded)
    } catch {
      if error.serverError != nil {
        try await session.execute(
          "ROLLBACK TO SAVEPOINT lockstep_look;RELEASE SAVEPOINT lockstep_look")
      }
      throw error
    }
  }
}

/// A row of the catalogue as far as a change of it means something to people.
struct CatalogRow: Sendable, Hashable {
  struct Key: Sendable, Hashable {
    /// Which catalogue: a letter of ours.
    var catalog: String
    var oid: String
    var sub: String
  }

  var key: Key
  var kind: String
  /// With its schema, and its table where it belongs to one.
  var object: String
  /// Its own name, which a change of its table's name leaves alone.
  var name: String
  /// The table or type that it is a part of, and goes with.
  var parent: String
  var detail: String
  /// The number of the transaction that asks.
  var transaction: String?
  /// The number of the transaction, or subtransaction, that wrote it.
  var writer: String?

  /// Rows that the asking transaction has written; one row without a kind tells its number.
  static let written = query(
    """
    (SELECT pg_catalog.pg_current_xact_id_if_assigned()::text AS id)
    """,
    own:
      "SELECT '', '', '', '', '', '', '', '', t.id::pg_catalog.xid8::pg_catalog.xid::text, NULL::text"
      + " FROM tx t WHERE t.id IS NOT NULL UNION ALL ",
    column: "xmin"
  ) { column in
    """
    pg_catalog.age(\(column)) <= pg_catalog.age(tx.id::pg_catalog.xid8::pg_catalog.xid)
    AND pg_catalog.pg_xact_status((((tx.id::bigint >> 32) << 32) + \(column)::text::bigint)::text::pg_catalog.xid8)
      = 'in progress'
    """
  }

  /// Rows that these transactions have replaced or deleted, as all others still see them.
  ///
  /// - Parameter transactions: Numbers, as the server gave them.
  static func replaced(by transactions: [String]) -> Query<CatalogRow> {
    let list = transactions.filter { UInt32($0) != nil }.map { "'\($0)'" }.joined(separator: ",")
    return query("(SELECT NULL::text AS id)", own: "", column: "xmax") { column in
      "\(column)::text IN (\(list))"
    }
  }

  private static func query(
    _ transaction: String, own: String, column: String, _ condition: (String) -> String
  ) -> Query<CatalogRow> {
    let relation = "quote_ident(n.nspname) || '.' || quote_ident(c.relname)"
    let outside = "c.relnamespace <> 11 AND n.nspname !~ '^pg_toast' AND n.nspname <> 'lockstep'"
    func row(
      _ catalog: String, _ oid: String, _ sub: String, kind: String, object: String, name: String,
      parent: String, detail: String, table: String
    ) -> String {
      "SELECT '\(catalog)', \(oid)::text, \(sub)::text, \(kind), \(object), \(name)::text,"
        + " \(parent)::text, coalesce(\(detail), ''), NULL, \(table).\(column)::text"
    }
    let tables = "pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    let parts = [
      row(
        "c", "c.oid", "0",
        kind: "CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'"
          + " WHEN 'S' THEN 'sequence' WHEN 'f' THEN 'foreign table' ELSE 'table' END",
        object: relation, name: "c.relname", parent: "0",
        detail: "concat_ws(', ', CASE c.relpersistence WHEN 'u' THEN 'unlogged' WHEN 't' THEN"
          + " 'temporary' END, CASE WHEN c.relrowsecurity THEN 'row security' END,"
          + " array_to_string(c.reloptions, ' '), 'owner ' || pg_get_userbyid(c.relowner),"
          + " CASE WHEN c.relkind IN ('r', 'm') THEN 'file ' || c.relfilenode END)", table: "c")
        + " FROM tx, \(tables) WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND \(outside)"
        + " AND \(condition("c.\(column)"))",
      row(
        "c", "c.oid", "0", kind: "'index'", object: relation, name: "c.relname",
        parent: "i.indrelid", detail: "CASE WHEN NOT i.indisvalid THEN 'not valid' END", table: "c")
        + " FROM tx, \(tables), pg_index i WHERE i.indexrelid = c.oid AND \(outside)"
        + " AND \(condition("c.\(column)"))"
        + " AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = c.oid"
        + " AND k.conname = c.relname)",
      row(
        "a", "a.attrelid", "a.attnum", kind: "'column'",
        object: "\(relation) || '.' || quote_ident(a.attname)", name: "a.attname",
        parent: "a.attrelid",
        detail: "format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' not null'"
          + " ELSE '' END", table: "a")
        + " FROM tx, pg_attribute a, \(tables) WHERE c.oid = a.attrelid AND a.attnum > 0"
        + " AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'f') AND \(outside)"
        + " AND \(condition("a.\(column)"))",
      row(
        "d", "d.adrelid", "d.adnum", kind: "'default'",
        object: "\(relation) || '.' || quote_ident(a.attname)", name: "a.attname",
        parent: "d.adrelid", detail: "''", table: "d")
        + " FROM tx, pg_attrdef d, pg_attribute a, \(tables) WHERE a.attrelid = d.adrelid"
        + " AND a.attnum = d.adnum AND c.oid = d.adrelid AND \(outside)"
        + " AND \(condition("d.\(column)"))",
      row(
        "k", "k.oid", "0", kind: "'constraint'",
        object: "\(relation) || '.' || quote_ident(k.conname)", name: "k.conname",
        parent: "k.conrelid",
        detail: "CASE k.contype WHEN 'c' THEN 'check' WHEN 'f' THEN 'foreign key' WHEN 'p' THEN"
          + " 'primary key' WHEN 'u' THEN 'unique' ELSE 'exclusion' END"
          + " || CASE WHEN NOT k.convalidated THEN ', not valid' ELSE '' END", table: "k")
        + " FROM tx, pg_constraint k, \(tables) WHERE c.oid = k.conrelid"
        + " AND k.contype IN ('c', 'f', 'p', 'u', 'x') AND \(outside)"
        + " AND \(condition("k.\(column)"))",
      row(
        "g", "g.oid", "0", kind: "'trigger'",
        object: "\(relation) || '.' || quote_ident(g.tgname)", name: "g.tgname",
        parent: "g.tgrelid", detail: "CASE g.tgenabled WHEN 'D' THEN 'disabled' END", table: "g")
        + " FROM tx, pg_trigger g, \(tables) WHERE c.oid = g.tgrelid AND NOT g.tgisinternal"
        + " AND \(outside) AND \(condition("g.\(column)"))",
      row(
        "t", "t.oid", "0",
        kind: "CASE t.typtype WHEN 'd' THEN 'domain' ELSE 'type' END",
        object: "quote_ident(n.nspname) || '.' || quote_ident(t.typname)", name: "t.typname",
        parent: "0", detail: "''", table: "t")
        + " FROM tx, pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace"
        + " WHERE t.typtype IN ('e', 'd', 'r') AND n.oid <> 11"
        + " AND \(condition("t.\(column)"))",
      row(
        "e", "e.oid", "0", kind: "'enum value'",
        object: "quote_ident(n.nspname) || '.' || quote_ident(t.typname) || '.' || e.enumlabel",
        name: "e.enumlabel", parent: "e.enumtypid", detail: "''", table: "e")
        + " FROM tx, pg_enum e, pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace"
        + " WHERE t.oid = e.enumtypid AND \(condition("e.\(column)"))",
      row(
        "p", "p.oid", "0",
        kind: "CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate'"
          + " ELSE 'function' END",
        object: "quote_ident(n.nspname) || '.' || quote_ident(p.proname) || '('"
          + " || pg_get_function_identity_arguments(p.oid) || ')'", name: "p.proname",
        parent: "0", detail: "'body ' || left(md5(p.prosrc), 8)", table: "p")
        + " FROM tx, pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.oid <> 11"
        + " AND \(condition("p.\(column)"))",
      row(
        "n", "n.oid", "0", kind: "'schema'", object: "quote_ident(n.nspname)", name: "n.nspname",
        parent: "0", detail: "''", table: "n")
        + " FROM tx, pg_namespace n WHERE \(condition("n.\(column)"))",
      row(
        "x", "x.oid", "0", kind: "'extension'", object: "quote_ident(x.extname)",
        name: "x.extname", parent: "0", detail: "x.extversion", table: "x")
        + " FROM tx, pg_extension x WHERE \(condition("x.\(column)"))",
    ]
    let text =
      "WITH tx AS MATERIALIZED \(transaction) \(own)\(parts.joined(separator: "\nUNION ALL "))"
    return Query(text) { row throws(ResultRow.Mismatch) in
      CatalogRow(
        key: Key(catalog: try row.string(0), oid: try row.string(1), sub: try row.string(2)),
        kind: try row.string(3), object: try row.string(4), name: try row.string(5),
        parent: try row.string(6), detail: try row.string(7), transaction: row.optionalString(8),
        writer: row.optionalString(9))
    }
  }

  // MARK: What has changed

  /// What became of the rows of a transaction; parts that came or went with their table are left out.
  static func changes(from old: [CatalogRow], to own: [CatalogRow]) -> [Key: CatalogChange] {
    let before = Dictionary(old.map { ($0.key, $0) }) { first, _ in first }
    let after = Dictionary(own.filter { !$0.kind.isEmpty }.map { ($0.key, $0) }) { $1 }
    func cameOrWent(_ oid: String) -> Bool {
      ["c", "t"].contains { catalog in
        let key = Key(catalog: catalog, oid: oid, sub: "0")
        return (before[key] == nil) != (after[key] == nil)
      }
    }
    var changes: [Key: CatalogChange] = [:]
    for key in Set(before.keys).union(after.keys) {
      guard let row = after[key] ?? before[key], !cameOrWent(row.parent) else { continue }
      changes[key] = change(before[key], after[key])
    }
    return changes
  }

  private static func change(_ before: CatalogRow?, _ after: CatalogRow?) -> CatalogChange? {
    switch (before, after) {
    case (nil, let row?):
      CatalogChange(
        kind: row.kind, object: row.object, action: .added, detail: row.shownDetail)
    case (let row?, nil):
      CatalogChange(
        kind: row.kind, object: row.object, action: .dropped, detail: row.shownDetail)
    case (let old?, let new?): new.change(since: old)
    case (nil, nil): nil
    }
  }

  private func change(since old: CatalogRow) -> CatalogChange? {
    if name != old.name {
      return CatalogChange(
        kind: kind, object: object, action: .changed, detail: "was \(old.object)")
    }
    // A default is replaced as a whole.
    guard detail != old.detail || key.catalog == "d" else { return nil }
    let isRewrite = key.catalog == "c" && shownDetail == old.shownDetail
    let text =
      switch key.catalog {
      case "d": nil as String?
      case "c" where isRewrite: "written anew"
      case "p": "another body"
      default: "\(old.shownDetail ?? "") -> \(shownDetail ?? "")"
      }
    return CatalogChange(kind: kind, object: object, action: .changed, detail: text)
  }

  /// Without what only tells that something is another one.
  private var shownDetail: String? {
    let parts = detail.split(separator: ", ").filter {
      !$0.hasPrefix("file ") && !$0.hasPrefix("owner ") && !$0.hasPrefix("body ")
    }
    return parts.isEmpty ? nil : parts.joined(separator: ", ")
  }

  /// What is new between two accounts of one transaction, by object; what was undone is told as well.
  static func difference(
    from before: [Key: CatalogChange], to after: [Key: CatalogChange]
  ) -> [CatalogChange] {
    var found = after.filter { key, change in
      before[key].map { $0.differs(from: change) } ?? true
    }.map(\.value)
    for (key, change) in before where after[key] == nil && change.action == .added {
      found.append(
        CatalogChange(
          kind: change.kind, object: change.object, action: .dropped, detail: change.detail))
    }
    found = found.mergingReplacements()
    let order = ["schema", "type", "table", "column", "constraint", "index"]
    func rank(_ change: CatalogChange) -> Int { order.firstIndex(of: change.kind) ?? order.count }
    return found.sorted { (rank($0), $0.object) < (rank($1), $1.object) }
  }
}

extension CatalogChange {
  /// Its own name, without what it is a part of.
  private var name: Substring {
    object.lastIndex(of: ".").map { object[object.index(after: $0)...] } ?? object[...]
  }

  /// Whether there is more to tell than that its table has another name by now.
  fileprivate func differs(from other: CatalogChange) -> Bool {
    action != other.action || detail != other.detail || name != other.name
  }
}

extension [CatalogChange] {
  /// Tells of what was dropped and made again under its name as of one change.
  fileprivate func mergingReplacements() -> [CatalogChange] {
    func isMade(_ change: CatalogChange, _ action: CatalogChange.Action) -> Bool {
      contains { $0.kind == change.kind && $0.object == change.object && $0.action == action }
    }
    return compactMap { change in
      switch change.action {
      case .added where isMade(change, .dropped):
        CatalogChange(
          kind: change.kind, object: change.object, action: .changed, detail: "built anew")
      case .dropped where isMade(change, .added): nil
      case .added, .dropped, .changed: change
      }
    }
  }
}
