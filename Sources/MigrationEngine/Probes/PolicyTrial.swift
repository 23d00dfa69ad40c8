import MigrationModel
import Postgres
import PostgresModel

/// Tries one policy from both sides: what it lets through, and what it must not.
struct PolicyTrial: Sendable {
  let session: ProbeSession
  let policy: RowPolicy
  /// Those of its table, it among them.
  let all: [RowPolicy]

  private typealias Attacker = RowSecurityAttacker

  init(_ session: ProbeSession, _ policy: RowPolicy, _ all: [RowPolicy]) {
    self.session = session
    self.policy = policy
    self.all = all
  }

  func sight() async throws -> ConstraintSight {
    var sight = ConstraintSight(policy.subject, control: .notTried)
    guard policy.table.isEnabled else {
      sight.faults.append(
        "row security is not enabled on \(policy.table.object): the policy does nothing")
      return sight
    }
    let role: StandInRole
    do {
      role =
        policy.roles.isEmpty
        ? try await .make(for: policy.table, session)
        : try await .first(of: policy.roles, for: policy.table, session)
    } catch let error as StandInRole.CannotAct {
      if error.isFault { sight.faults.append(error.reason) } else { sight.doubts = [error.reason] }
      return sight
    }
    sight.remarks = role.remarks
    sight.remarks += try await policy.table.exemptions(session)
    var attacker = try await Attacker(session, policy.table, as: role, among: all)
    for part in parts {
      try await attacker.chooseSettings(for: policy, part)
      try await tryPart(part, &attacker, &sight)
    }
    sight.remarks += attacker.settingWords
    return sight
  }

  private var parts: [Attacker.Part] {
    switch policy.command {
    case .all: [.insert, .read, .update, .change, .delete]
    case .select: [.read]
    case .insert: [.insert]
    case .update: [.update, .change]
    case .delete: [.delete]
    }
  }

  // MARK: One part

  private func tryPart(
    _ part: Attacker.Part, _ attacker: inout Attacker, _ sight: inout ConstraintSight
  ) async throws {
    let shape = try await attacker.maker.shape(policy.table.table)
    let expressions = [part.expression(of: policy)].compactMap { $0 }
    let columns = attacker.columns(of: expressions, shape)
    // What is changed is there and may be written to before.
    let first: Attacker.Part = part == .change ? .update : part
    guard let row = try await control(first, columns, &attacker, &sight) else { return }
    if first == part { try await confirm(part, row, columns, attacker, &sight) }
    let bad = try await attacker.rows(policy, part, holds: false)
    guard !bad.isEmpty else {
      let expression = expressions.first ?? "true"
      sight.doubts.append(
        "\(part.name): no values were found for which it lets nothing through: \(expression)")
      return
    }
    var last: Attack?
    for other in bad.prefix(Attacker.mostRows) {
      let isChange = part == .change
      let words = part.words(isChange ? row : other, columns, to: isChange ? other : nil)
      do {
        let attack = try await attacker.attack(
          part, isChange ? row : other, to: isChange ? other : nil, words, expecting: expected,
          removal: removal, policy.isPermissive ? "row security disabled" : "the policy dropped")
        last = attack
        if attack.outcome != .notProven { break }
      } catch let error as RowMaker.CannotMake {
        if last == nil { last = Attack(words, .notMade(error.reason)) }
      }
    }
    if let last { sight.attacks.append(last) }
  }

  /// A row that it lets through.
  private func control(
    _ part: Attacker.Part, _ columns: [String], _ attacker: inout Attacker,
    _ sight: inout ConstraintSight
  ) async throws -> RowMaker.Row? {
    var reason = "no row was found that it lets through"
    for row in try await attacker.rows(policy, part, holds: true).prefix(Attacker.mostRows) {
      switch try await attacker.outcome(of: part, row) {
      case .done:
        let words = part.words(row, columns, to: nil)
        if case .notTried = sight.control {
          sight.control = .accepted(words)
        } else if !sight.confirmations.contains("\(words) is accepted") {
          sight.confirmations.append("\(words) is accepted")
        }
        return row
      case .nothing: reason = "\(part.words(row, columns, to: nil)) finds nothing"
      case .rejected(let rejection):
        reason = "\(part.words(row, columns, to: nil)) is refused: \(rejection.words)"
      case .unmade(let why): reason = why
      }
    }
    if case .notTried = sight.control {
      sight.control = .notPossible(reason)
    } else {
      sight.doubts.append("\(part.name): no valid row could be made to begin with: \(reason)")
    }
    return nil
  }

  /// That a permissive one is what lets the row through.
  private func confirm(
    _ part: Attacker.Part, _ row: RowMaker.Row, _ columns: [String], _ attacker: Attacker,
    _ sight: inout ConstraintSight
  ) async throws {
    guard policy.isPermissive else { return }
    let words = part.words(row, columns, to: nil)
    switch try await attacker.outcome(of: part, row, without: [dropped]) {
    case .done:
      sight.doubts.append("with the policy dropped \(words) is accepted as well: by another one")
    case .nothing: sight.confirmations.append("with the policy dropped \(words) finds nothing")
    case .rejected(let rejection) where rejection.sqlstate == "42501":
      sight.confirmations.append("with the policy dropped \(words) is refused: \(rejection.words)")
    case .rejected(let rejection):
      sight.doubts.append(
        "with the policy dropped something else refuses \(words): \(rejection.words)")
    case .unmade(let reason): sight.doubts.append(reason)
    }
  }

  private var dropped: String {
    "DROP POLICY \(SQLText.identifier(policy.name)) ON \(policy.table.object)"
  }

  private var removal: [String] {
    policy.isPermissive
      ? ["ALTER TABLE \(policy.table.object) DISABLE ROW LEVEL SECURITY"] : [dropped]
  }

  /// A restrictive one refuses under its own name, and all permissive ones together without one.
  private var expected: ExpectedRejection {
    let name = policy.isPermissive ? "" : " \"\(policy.name)\""
    return ExpectedRejection(
      ["42501"],
      .message("violates row-level security policy\(name) for table \"\(policy.table.name)\""))
  }
}

extension RowSecurityAttacker.Part {
  /// In front of a reason.
  fileprivate var name: String {
    switch self {
    case .insert: "inserting"
    case .read: "reading"
    case .update: "writing"
    case .change: "changing"
    case .delete: "deleting"
    }
  }
}

extension [RowPolicy] {
  /// Those of them that are for a role.
  func applying(to role: String, _ session: ProbeSession) async throws -> [RowPolicy] {
    guard !isEmpty else { return [] }
    let list = map { String($0.oid) }.joined(separator: ", ")
    let query = Query<Int64>(
      """
      SELECT p.oid FROM pg_policy p WHERE p.oid IN (\(list)) AND EXISTS (
        SELECT FROM unnest(p.polroles) r WHERE r = 0 OR pg_has_role($1, r, 'USAGE'))
      """, [role]
    ) { (row) throws(ResultRow.Mismatch) in try row.integer(0) }
    let found = try await session.connection.rows(query)
    return filter { found.contains($0.oid) }
  }
}

extension RowSecurity {
  /// Who goes past it, in words; superusers are not worth a word.
  func exemptions(_ session: ProbeSession) async throws -> [String] {
    var words: [String] = []
    if !isForced {
      words.append(
        "the owner \(owner.name) is not bound by it: FORCE ROW LEVEL SECURITY is not set")
    } else if let exemption = owner.exemption {
      words.append("the owner is not bound by it: \(exemption)")
    }
    let query = Query<String>(
      """
      SELECT rolname FROM pg_roles WHERE rolbypassrls AND NOT rolsuper
        AND has_table_privilege(oid, \(table)::oid, 'SELECT, INSERT, UPDATE, DELETE') ORDER BY 1
      """
    ) { (row) throws(ResultRow.Mismatch) in try row.string(0) }
    let names = try await session.connection.rows(query).filter { $0 != owner.name }
    return words + names.map { "\($0), who has BYPASSRLS, is not bound by it" }
  }
}
