import MigrationModel
import Postgres
import PostgresModel

/// Writes rows and asks for them as a role that row security binds, in an open transaction that is rolled
/// back afterwards.
struct RowSecurityAttacker: Sendable {
  let session: ProbeSession
  let table: RowSecurity
  let role: String
  /// What makes the role bound, done after rows are made, which the session does as the owner perhaps.
  private let binding: [String]
  /// Those that are for the role.
  let policies: [RowPolicy]
  var maker: RowMaker
  /// Of the application, with the value that they have here.
  private var settings: [String: String] = [:]

  static let mostRows = 8

  init(
    _ session: ProbeSession, _ table: RowSecurity, as role: StandInRole, among all: [RowPolicy]
  ) async throws {
    self.session = session
    self.table = table
    self.role = role.name
    let alter = "ALTER TABLE \(table.object)"
    binding = role.isOwner ? ["\(alter) FORCE ROW LEVEL SECURITY"] : []
    policies = try await all.applying(to: role.name, session)
    maker = RowMaker(session)
    maker.judge = role.name
    if table.isForced { _ = try await session.attempt("\(alter) NO FORCE ROW LEVEL SECURITY") }
  }

  /// What a role does to a row.
  enum Part: Sendable, Hashable {
    case insert
    case read
    /// Without changing what is in it.
    case update
    /// Into one that must not be.
    case change
    case delete

    var command: RowPolicy.Command {
      switch self {
      case .insert: .insert
      case .read: .select
      case .update, .change: .update
      case .delete: .delete
      }
    }

    /// What a policy asks of the row.
    func expression(of policy: RowPolicy) -> String? {
      self == .insert || self == .change ? policy.written : policy.using
    }

    func words(_ row: RowMaker.Row, _ columns: [String], to new: RowMaker.Row?) -> String {
      let row = row.words(columns)
      switch self {
      case .insert: return "inserting \(row)"
      case .read: return "asking for \(row)"
      case .update: return "writing to \(row)"
      case .change: return "changing \(row) to \(new?.list(columns) ?? "")"
      case .delete: return "deleting \(row)"
      }
    }
  }

  /// What the role got.
  enum Outcome: Sendable {
    case done
    /// It does not find the row, or nothing was stored.
    case nothing
    case rejected(Rejection)
    /// There was no row to begin with.
    case unmade(String)
  }

  // MARK: Rows

  /// What has to be true of a row, from what is best to what will do.
  ///
  /// - Parameters:
  ///   - policy: The one that it is about; `nil` for a row that no policy lets through.
  ///   - holds: Whether the policy is to let it through.
  func conditions(
    _ policy: RowPolicy?, _ part: Part, holds: Bool
  ) -> [[(expression: String, aim: RowSearch.Aim)]] {
    let others = policies.filter {
      $0.oid != policy?.oid && ($0.command == .all || $0.command == part.command)
    }
    let letting = others.filter(\.isPermissive).compactMap(part.expression)
    let holding = others.filter { !$0.isPermissive }.compactMap(part.expression)
    let none = letting.map { (expression: $0, aim: RowSearch.Aim.notTrue) }
    var kept = holding.map { (expression: $0, aim: RowSearch.Aim.isTrue) }
    // To be found at all it has to get past what holds back reading.
    if part != .insert, part != .read {
      kept += policies.filter { $0.oid != policy?.oid && !$0.isPermissive && $0.command == .select }
        .compactMap(\.using).map { ($0, .isTrue) }
    }
    guard let policy else { return [none] }
    guard let own = part.expression(of: policy) else { return [] }
    if part == .update, holds, let written = policy.written { kept.append((written, .isTrue)) }
    let aim: RowSearch.Aim = holds ? .isTrue : .notTrue
    guard policy.isPermissive else {
      let any = letting.isEmpty ? "false" : letting.map { "(\($0))" }.joined(separator: " OR ")
      return [[(own, aim), (any, .isTrue)] + kept]
    }
    // A row that nothing else lets through shows what this one does.
    return [[(own, aim)] + none + kept] + (holds ? [[(own, aim)] + kept] : [])
  }

  /// Rows that are as they have to be; none where none is found.
  mutating func rows(_ policy: RowPolicy?, _ part: Part, holds: Bool) async throws -> [RowMaker.Row]
  {
    let shape = try await maker.shape(table.table)
    for conditions in conditions(policy, part, holds: holds) {
      var wish = RowMaker.Wish(conditions: conditions, isVaried: true)
      wish.alias = SQLText.identifier(table.name)
      let columns = columns(of: conditions.map(\.expression), shape)
      wish.explicit = Set(columns)
      if !columns.isEmpty {
        // Always true; it only says near which constants the columns are to vary.
        let names = columns.map { SQLText.identifier($0) }
        let constants = (Array(Set(settings.values)).sorted() + [role]).map { SQLText.literal($0) }
        let hint = "true OR ROW(\((names + constants).joined(separator: ", "))) IS NULL"
        wish.conditions.append((hint, .isTrue))
      }
      do {
        let rows = try await maker.rows(table.table, wish)
        if !rows.isEmpty { return rows }
      } catch is RowMaker.CannotMake {
        continue
      }
    }
    return []
  }

  func columns(of expressions: [String], _ shape: TableShape) -> [String] {
    ExpressionWords(expressions.joined(separator: " AND "))
      .columns(of: shape.columns.filter { $0.generated == nil }.map(\.name))
  }

  /// Gives the settings that policies read values with which there are rows as they are looked for: of the
  /// table, of what it refers to, or any.
  mutating func chooseSettings(
    for policy: RowPolicy?, _ part: Part, holds: Bool = true
  ) async throws {
    let shape = try await maker.shape(table.table)
    let columns = columns(of: policies.flatMap { [$0.using, $0.check].compactMap { $0 } }, shape)
    let known = try await knownValues(columns, shape)
    let names = Set(policies.flatMap(\.settings) + (policy?.settings ?? [])).sorted()
    guard !names.isEmpty else { return }
    let id = "00000000-0000-4000-8000-000000000001"
    for value in known + ["1", id, "p1", "true", "{\"sub\": \"\(id)\"}"] {
      for name in names {
        settings[name] = value
        let (key, value) = (SQLText.literal(name), SQLText.literal(value))
        _ = try await session.texts("SELECT set_config(\(key), \(value), true)")
      }
      guard let row = try await rows(policy, part, holds: holds).first else { continue }
      // What one policy takes for a value another may fail to read.
      switch try await outcome(of: part == .change ? .update : part, row) {
      case .done where holds, .nothing where !holds: return
      case .rejected(let rejection) where !holds && rejection.sqlstate == "42501": return
      default: continue
      }
    }
  }

  /// Values of these columns that are there, and keys that they may refer to, of which there are two then.
  private mutating func knownValues(
    _ columns: [String], _ shape: TableShape
  ) async throws -> [String] {
    var selects: [String] = []
    for column in columns {
      let name = SQLText.identifier(column)
      selects.append("(SELECT \(name)::text FROM \(shape.object) LIMIT 1)")
    }
    for key in shape.foreignKeys where key.columns.count == 1 && columns.contains(key.columns[0]) {
      let parent = try await maker.shape(key.parent)
      // One alone would be on the same side always.
      while try await maker.count(parent, most: 2) < 2 {
        let wish = RowMaker.Wish(filled: Set(key.parentColumns))
        guard (try? await maker.store(key.parent, wish)) != nil else { break }
      }
      let name = SQLText.identifier(key.parentColumns[0])
      selects.append("(SELECT \(name)::text FROM \(parent.object) LIMIT 1)")
    }
    var values: [String] = []
    for select in selects {
      guard let value = try await session.texts(select).value?.first?.first.flatMap({ $0 }) else {
        continue
      }
      if !values.contains(value) { values.append(value) }
    }
    return values
  }

  /// The settings in words.
  var settingWords: [String] {
    settings.sorted { $0.key < $1.key }.map { "\($0.key) was \($0.value) for this" }
  }

  // MARK: Deeds

  /// Does one thing to one row as the role, and undoes it.
  ///
  /// - Parameter removal: Done before, to see how it goes without.
  func outcome(
    of part: Part, _ row: RowMaker.Row, to new: RowMaker.Row? = nil, without removal: [String] = []
  ) async throws -> Outcome {
    try await session.undoneInside { () async throws -> Outcome in
      if part == .insert {
        if let rejection = try await maker.prepare(row) { return .unmade(rejection.words) }
        if let rejection = try await set(removal) { return .rejected(rejection) }
        return try await session.undoneInside(as: role) {
          Self.outcome(try await session.attempt(row.insert))
        }
      }
      switch try await maker.insert(row) {
      case .rejected(let rejection): return .unmade(rejection.words)
      case .accepted(nil): return .unmade("a trigger or rule drops the row")
      case .accepted(let stored?):
        if let rejection = try await set(removal) { return .rejected(rejection) }
        if part != .read { try await letSeeAll() }
        return try await session.undoneInside(as: role) {
          try await outcome(of: part, on: stored, to: new)
        }
      }
    }
  }

  /// Binds the role, and takes away what is not to be there.
  private func set(_ removal: [String]) async throws -> Rejection? {
    for sql in binding + removal {
      if let rejection = try await session.attempt(sql).rejection { return rejection }
    }
    return nil
  }

  private func outcome(
    of part: Part, on stored: RowMaker.Stored, to new: RowMaker.Row?
  ) async throws -> Outcome {
    let place = "\(table.object) WHERE \(stored.condition)"
    switch part {
    case .read:
      switch try await session.texts("SELECT count(*) FROM \(place)") {
      case .accepted(let rows): return rows.first?.first == "1" ? .done : .nothing
      case .rejected(let rejection): return .rejected(rejection)
      }
    case .delete: return Self.outcome(try await session.attempt("DELETE FROM \(place)"))
    default:
      let settable = stored.table.columns.filter { $0.generated == nil && $0.identity != "a" }
      var set: [String] = []
      for column in settable {
        let name = SQLText.identifier(column.name)
        guard let new else {
          set = ["\(name) = \(name)"]
          break
        }
        if let value = new.values[column.name] { set.append("\(name) = \(value)") }
      }
      let sql =
        "UPDATE \(table.object) SET \(set.joined(separator: ", ")) WHERE \(stored.condition)"
      return Self.outcome(try await session.attempt(sql))
    }
  }

  private static func outcome(_ answer: Answer<[CommandOutcome]>) -> Outcome {
    switch answer {
    case .accepted(let results): results.last?.rows == 1 ? .done : .nothing
    case .rejected(let rejection): .rejected(rejection)
    }
  }

  /// What is found for writing has to be seen first, which is for other policies to say.
  private func letSeeAll() async throws {
    let role = SQLText.identifier(role)
    _ = try await session.attempt(
      "CREATE POLICY lockstep_probe ON \(table.object) FOR SELECT TO \(role) USING (true)")
  }

  /// Does what must not be, and once more with what forbids it out of the way.
  func attack(
    _ part: Part, _ row: RowMaker.Row, to new: RowMaker.Row? = nil, _ words: String,
    expecting expected: ExpectedRejection, removal: [String], _ removalWords: String
  ) async throws -> Attack {
    let result: Attack.Result
    switch try await outcome(of: part, row, to: new) {
    case .done: result = try await changesRows() ? .repaired : .accepted
    case .nothing: result = part == .insert || part == .change ? .withoutEffect : .hidden
    case .rejected(let rejection):
      result = expected.isMet(by: rejection) ? .refused(rejection) : .refusedOtherwise(rejection)
    case .unmade(let reason): throw RowMaker.CannotMake(reason: reason)
    }
    var attack = Attack(words, result, removal: removalWords)
    switch result {
    case .refused, .hidden: break
    default: return attack
    }
    switch try await outcome(of: part, row, to: new, without: removal) {
    case .done: attack.withoutIt = .accepted
    case .nothing: attack.withoutIt = .stillHidden
    case .rejected(let rejection): attack.withoutIt = .stillRefused(rejection)
    case .unmade: attack.withoutIt = .stillHidden
    }
    return attack
  }

  /// Whether a trigger may make another row of it, which then breaks nothing.
  private func changesRows() async throws -> Bool {
    let sql = """
      SELECT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = \(table.table) AND NOT tgisinternal
        AND tgenabled IN ('O', 'A') AND tgtype & 3 = 3)
      """
    return try await session.texts(sql).value?.first?.first == "t"
  }
}
