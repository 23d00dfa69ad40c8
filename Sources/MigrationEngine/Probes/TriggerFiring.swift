import MigrationModel
import Postgres
import PostgresModel

/// Makes one trigger fire in an open transaction that is rolled back afterwards.
struct TriggerFiring: Sendable {
  let session: ProbeSession
  let trigger: ProbedTrigger
  private var maker: RowMaker

  private static let mostRows = 8

  init(_ session: ProbeSession, _ trigger: ProbedTrigger) {
    self.session = session
    self.trigger = trigger
    maker = RowMaker(session)
  }

  mutating func sight() async throws -> TriggerSight {
    var sight = TriggerSight(trigger)
    let found = try await session.hindrances(
      fault: trigger.fault, enabled: trigger.enabled, function: trigger.function.oid)
    (sight.faults, sight.doubts) = (found.faults, found.doubts)
    guard found.mayFire else { return sight }
    sight.remarks = try await session.quieten(.asTheyAre)
    for event in trigger.events {
      let firing = try await session.undoneInside { () async throws -> TriggerSight.Firing in
        do {
          return try await fire(event)
        } catch let error as RowMaker.CannotMake {
          return .init(event, .notTried(error.reason))
        }
      }
      sight.firings.append(firing)
    }
    return sight
  }

  private mutating func fire(_ event: ProbedTrigger.Event) async throws -> TriggerSight.Firing {
    if trigger.timing == .insteadOf, event != .insert { return try await fireOnView(event) }
    switch event {
    case .insert: return try await fireByInsert()
    case .update: return try await fireByUpdate()
    case .delete: return try await fireByDelete()
    case .truncate: return try await fireByTruncate()
    }
  }

  // MARK: Statements

  /// What `EXPLAIN ANALYZE` of a statement says of the trigger.
  private enum Look: Sendable {
    case called(Int)
    case silent
    case raised(Rejection)
    /// By something else.
    case refused(Rejection)
  }

  ///
  /// - Parameter row: The row that it inserts; what that needs is written before.
  private func look(_ statement: String, inserting row: RowMaker.Row? = nil) async throws -> Look {
    let explain = "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) \(statement)"
    let answer = try await session.undoneInside { () async throws -> Answer<[[String?]]> in
      if let row, let rejection = try await maker.prepare(row) { return .rejected(rejection) }
      return try await session.texts(explain)
    }
    switch answer {
    case .accepted(let lines):
      let calls = lines.compactMap { $0.first.flatMap { $0 } }.compactMap(trigger.calls(in:))
      return calls.isEmpty ? .silent : .called(calls.reduce(0, +))
    case .rejected(let rejection):
      return rejection.came(outOf: trigger.function.name) ? .raised(rejection) : .refused(rejection)
    }
  }

  /// Goes through attempts until one fires; what is said of those that do not is said at the end.
  private struct Account {
    let event: ProbedTrigger.Event
    var raised: [Rejection] = []
    var refused: Rejection?
    var silent: String?

    /// - Returns: What has come of it, where that is settled.
    mutating func take(_ look: Look, _ words: String) -> TriggerSight.Firing? {
      switch look {
      case .called(let calls): return .init(event, .fired(calls: calls, words: words))
      case .silent: silent = silent ?? words
      case .raised(let rejection): raised.append(rejection)
      case .refused(let rejection): refused = rejection
      }
      return nil
    }

    var firing: TriggerSight.Firing {
      if let rejection = raised.first {
        return .init(event, .raised(rejection, tried: raised.count))
      }
      if let silent { return .init(event, .silent(silent)) }
      return .init(event, .notTried(refused?.words ?? "no row was found that fires it"))
    }
  }

  private mutating func fireByInsert() async throws -> TriggerSight.Firing {
    var wish = RowMaker.Wish()
    if let condition = trigger.condition { wish.conditions = [(condition, .isTrue)] }
    let rows = try await maker.rows(trigger.ownerOID, wish)
    var account = Account(event: .insert)
    for row in rows.prefix(Self.mostRows) {
      let seen = try await look(row.insert, inserting: row)
      if var firing = account.take(seen, "a row that is inserted") {
        firing.effects = try await effects(of: row)
        return firing
      }
    }
    return account.firing
  }

  /// What the row is after it was inserted, where that is not what was given.
  private func effects(of row: RowMaker.Row) async throws -> [String] {
    guard trigger.timing == .before, trigger.isForEachRow else { return [] }
    let given = row.table.columns.filter { row.values[$0.name] != nil }
    let list = given.map { "(\(row.values[$0.name] ?? "NULL"))::text" }.joined(separator: ", ")
    let before = given.isEmpty ? [] : try await session.texts("SELECT \(list)").value?.first ?? []
    let answer = try await session.undoneInside { try await maker.insert(row) }
    guard let stored = answer.value.flatMap({ $0 }) else { return [] }
    let pairs = zip(given.map(\.name), before)
    return changes(Array(pairs), stored.values)
  }

  private func changes(
    _ before: [(String, String?)], _ after: [String: String?]
  ) -> [String] {
    let changed = before.filter { name, value in (after[name] ?? nil) != value }
    guard !changed.isEmpty else { return ["the row is stored as it was given"] }
    return changed.prefix(4).map { name, value in
      "\(name): \(value ?? "NULL") becomes \((after[name] ?? nil) ?? "NULL")"
    }
  }

  private mutating func fireByDelete() async throws -> TriggerSight.Firing {
    var account = Account(event: .delete)
    var wish = RowMaker.Wish()
    if let condition = trigger.condition {
      wish.conditions = [(condition, .isTrue)]
      wish.alias = "old"
    }
    for row in try await maker.rows(trigger.ownerOID, wish).prefix(Self.mostRows) {
      let seen = try await session.undoneInside { () async throws -> Look? in
        switch try await maker.insert(row) {
        case .accepted(let stored?):
          return try await look("DELETE FROM \(row.table.object) WHERE \(stored.condition)")
        case .accepted(nil): return nil
        case .rejected(let rejection): return .refused(rejection)
        }
      }
      if let seen, let firing = account.take(seen, "a row that is deleted") { return firing }
    }
    return account.firing
  }

  // MARK: Updates

  private mutating func fireByUpdate() async throws -> TriggerSight.Firing {
    var account = Account(event: .update)
    for (old, new) in try await updates().prefix(Self.mostRows) {
      let set = new.sorted { $0.key < $1.key }
        .map { "\(SQLText.identifier($0.key)) = \($0.value)" }.joined(separator: ", ")
      let columns = new.keys.sorted().joined(separator: ", ")
      let result = try await session.undoneInside { () async throws -> (Look, [String])? in
        switch try await maker.insert(old) {
        case .accepted(let stored?):
          let update = "UPDATE \(old.table.object) SET \(set) WHERE \(stored.condition)"
          let seen = try await look(update)
          guard case .called = seen else { return (seen, []) }
          return (seen, try await effects(of: update, on: stored, setting: Set(new.keys)))
        case .accepted(nil): return nil
        case .rejected(let rejection): return (.refused(rejection), [])
        }
      }
      guard let result else { continue }
      if var firing = account.take(result.0, "a row whose \(columns) is set") {
        firing.effects = result.1
        return firing
      }
    }
    return account.firing
  }

  private func effects(
    of update: String, on stored: RowMaker.Stored, setting columns: Set<String>
  ) async throws -> [String] {
    guard trigger.timing == .before, trigger.isForEachRow else { return [] }
    let others = stored.table.columns.filter { !columns.contains($0.name) && $0.generated == nil }
    guard !others.isEmpty else { return [] }
    let list = others.map { "\(SQLText.identifier($0.name))::text" }.joined(separator: ", ")
    let answer = try await session.undoneInside {
      try await session.texts("\(update) RETURNING \(list)")
    }
    guard let row = answer.value?.first else { return [] }
    let after = Dictionary(uniqueKeysWithValues: zip(others.map(\.name), row))
    return changes(others.map { ($0.name, stored.values[$0.name] ?? nil) }, after)
  }

  /// Rows to be stored, each with what is to be set in it so that the trigger's condition is true.
  private mutating func updates() async throws -> [(old: RowMaker.Row, new: [String: String])] {
    let shape = try await maker.shape(trigger.ownerOID)
    let settable = shape.columns.filter { $0.generated == nil && $0.identity != "a" }
    let isKey = Set(shape.uniqueKeys.flatMap { $0 } + shape.foreignKeys.flatMap(\.columns))
    // Those that nothing else hangs on first.
    let safe =
      settable.filter { !isKey.contains($0.name) } + settable.filter { isKey.contains($0.name) }
    guard let condition = trigger.condition else {
      let columns = trigger.columns.isEmpty ? safe.prefix(1).map(\.name) : trigger.columns
      guard let column = columns.first else {
        throw RowMaker.CannotMake(reason: "it has no column that can be set")
      }
      return try await maker.rows(trigger.ownerOID).map {
        ($0, [column: SQLText.identifier(column)])
      }
    }
    let words = ExpressionWords(condition)
    var columns = words.columns(of: settable.map(\.name))
    if columns.isEmpty { columns = safe.prefix(1).map(\.name) }
    for column in trigger.columns where !columns.contains(column) { columns.append(column) }
    // Always true; it only says which columns are to vary, and near which constants.
    let names = columns.map { SQLText.identifier($0) }
    let constants = words.strings.map { SQLText.literal($0) } + words.numbers
    let hint = "true OR ROW(\((names + constants).joined(separator: ", "))) IS NULL"
    var wish = RowMaker.Wish()
    wish.explicit = Set(columns)
    wish.conditions = [(hint, .isTrue)]
    wish.isVaried = true
    let rows = try await maker.rows(trigger.ownerOID, wish)
    var found: [(old: RowMaker.Row, new: [String: String])] = []
    for (from, to) in try await pairs(rows, condition) {
      var new: [String: String] = [:]
      for column in columns { new[column] = rows[to].values[column] }
      found.append((rows[from], new))
    }
    guard !found.isEmpty else {
      throw RowMaker.CannotMake(reason: "no change was found for which this is true: \(condition)")
    }
    return found
  }

  /// The pairs of rows, by place, of which one can become the other so that the condition is true.
  private func pairs(
    _ rows: [RowMaker.Row], _ condition: String
  ) async throws -> [(Int, Int)] {
    guard let table = rows.first?.table else { return [] }
    func source(_ alias: String) -> String {
      let list = rows.enumerated().map { index, row in
        let values = table.columns.map { column in
          row.values[column.name].map { "(\($0))::\(column.type)" } ?? "NULL::\(column.type)"
        }
        return "(\(([String(index)] + values).joined(separator: ", ")))"
      }
      let names = (["\"?i\""] + table.columnNames.map { SQLText.identifier($0) })
        .joined(separator: ", ")
      return "(VALUES \(list.joined(separator: ", "))) \(alias)(\(names))"
    }
    let sql = """
      SELECT old."?i", new."?i" FROM \(source("old")), \(source("new"))
      WHERE (\(condition)) IS TRUE ORDER BY old."?i" + new."?i", 1 LIMIT 24
      """
    let answer = try await session.texts(sql)
    return (answer.value ?? []).compactMap { row in
      guard row.count == 2, let from = row[0].flatMap({ Int($0) }),
        let to = row[1].flatMap({ Int($0) })
      else { return nil }
      return (from, to)
    }
  }

  // MARK: What EXPLAIN cannot tell, and views

  /// `EXPLAIN` knows no `TRUNCATE`: the server counts the calls of the function.
  private mutating func fireByTruncate() async throws -> TriggerSight.Firing {
    let shape = try await maker.shape(trigger.ownerOID)
    let truncate = "TRUNCATE \(shape.object) CASCADE"
    let calls = FunctionCalls(session: session, function: trigger.function.oid)
    if let reason = try await calls.begin() { return .init(.truncate, .notTried(reason)) }
    let before = try await calls.count()
    if let rejection = try await session.attempt(truncate).rejection {
      return rejection.came(outOf: trigger.function.name)
        ? .init(.truncate, .raised(rejection, tried: 1))
        : .init(.truncate, .notTried(rejection.words))
    }
    let made = try await calls.count() - before
    return made > 0
      ? .init(.truncate, .fired(calls: made, words: "the table that is truncated"))
      : .init(.truncate, .silent("the table that is truncated"))
  }

  /// Updates or deletes what a view shows once its tables have a row each.
  private mutating func fireOnView(
    _ event: ProbedTrigger.Event
  ) async throws -> TriggerSight.Firing {
    let tables = Query<Int64>(
      """
      SELECT DISTINCT d.refobjid FROM pg_rewrite r
      JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
        AND d.refclassid = 'pg_class'::regclass
      JOIN pg_class c ON c.oid = d.refobjid
      WHERE r.ev_class = $1 AND c.relkind IN ('r', 'p')
      """, [String(trigger.ownerOID)]
    ) { (row) throws(ResultRow.Mismatch) in try row.integer(0) }
    for table in try await session.connection.rows(tables) {
      _ = try await maker.store(table)
    }
    let view = try await maker.shape(trigger.ownerOID)
    let shown = try await session.texts("SELECT count(*) FROM \(view.object)").value?.first?.first
    guard let shown, shown != "0", let column = view.columnNames.first else {
      throw RowMaker.CannotMake(reason: "the view shows no row to try it with")
    }
    let quoted = SQLText.identifier(column)
    let statement =
      event == .delete
      ? "DELETE FROM \(view.object)" : "UPDATE \(view.object) SET \(quoted) = \(quoted)"
    var account = Account(event: event)
    let words = "what the view shows"
    if let firing = account.take(try await look(statement), words) { return firing }
    return account.firing
  }
}
