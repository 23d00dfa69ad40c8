import MigrationModel
import Postgres
import PostgresModel

/// Tries whether a table with row security refuses what no policy lets through.
struct RowSecurityTrial: Sendable {
  let session: ProbeSession
  let table: RowSecurity
  /// Those of the table.
  let policies: [RowPolicy]

  init(_ session: ProbeSession, _ table: RowSecurity, _ policies: [RowPolicy]) {
    self.session = session
    self.table = table
    self.policies = policies
  }

  func sight() async throws -> ConstraintSight {
    var sight = ConstraintSight(table.subject, control: .notTried)
    guard table.isEnabled else {
      sight.faults.append("it is forced, but not enabled: it does nothing")
      return sight
    }
    let alter = "ALTER TABLE \(table.object)"
    var maker = RowMaker(session)
    do {
      let (row, _) = try await session.undoneInside {
        if table.isForced { _ = try await session.attempt("\(alter) NO FORCE ROW LEVEL SECURITY") }
        return try await maker.stored(table.table)
      }
      sight.control = .accepted(
        row.words(row.table.columnNames) + ", with row security out of the way,")
    } catch let error as RowMaker.CannotMake {
      sight.control = .notPossible(error.reason)
      return sight
    }
    do {
      let role = try await StandInRole.make(for: table, session)
      sight.remarks += role.remarks
      try await attack(
        as: role, role.isOwner ? "the owner \(role.name)" : "a role like any other",
        ["\(alter) DISABLE ROW LEVEL SECURITY"],
        "row security disabled", &sight)
      sight.remarks += try await table.exemptions(session)
      guard table.isForced, table.owner.exemption == nil else {
        if table.isForced {
          sight.doubts.append(
            "FORCE ROW LEVEL SECURITY does nothing: \(table.owner.exemption ?? "")")
        }
        return sight
      }
      let owner = try await StandInRole.first(of: [table.owner.name], for: table, session)
      try await attack(
        as: owner, "the owner \(owner.name)", ["\(alter) NO FORCE ROW LEVEL SECURITY"],
        "row security not forced", &sight)
    } catch let error as StandInRole.CannotAct {
      sight.doubts.append(error.reason)
    }
    return sight
  }

  /// Writes and asks for what no policy lets through.
  private func attack(
    as role: StandInRole, _ who: String, _ removal: [String], _ removalWords: String,
    _ sight: inout ConstraintSight
  ) async throws {
    let seen = try await session.undoneInside { () async throws -> ([Attack], doubts: [String]) in
      try await attacks(as: role, who, removal, removalWords)
    }
    sight.attacks += seen.0
    sight.doubts += seen.doubts
  }

  private func attacks(
    as role: StandInRole, _ who: String, _ removal: [String], _ removalWords: String
  ) async throws -> ([Attack], doubts: [String]) {
    var attacker = try await RowSecurityAttacker(session, table, as: role, among: policies)
    let expected = ExpectedRejection(
      ["42501"], .message("violates row-level security policy for table \"\(table.name)\""))
    var attacks: [Attack] = []
    for part in [RowSecurityAttacker.Part.insert, .read] {
      try await attacker.chooseSettings(for: nil, part, holds: false)
      let rows = try await attacker.rows(nil, part, holds: false)
      let columns = attacker.columns(
        of: attacker.conditions(nil, part, holds: false).flatMap { $0.map(\.expression) },
        try await attacker.maker.shape(table.table))
      var last: Attack?
      for row in rows.prefix(RowSecurityAttacker.mostRows) {
        let words = "\(part.words(row, columns, to: nil)) as \(who)"
        do {
          last = try await attacker.attack(
            part, row, words, expecting: expected, removal: removal, removalWords)
          if last?.outcome != .notProven { break }
        } catch let error as RowMaker.CannotMake {
          last = last ?? Attack(words, .notMade(error.reason))
        }
      }
      if let last { attacks.append(last) }
    }
    return (
      attacks, attacks.isEmpty ? ["no row was found that its policies keep from \(who)"] : []
    )
  }
}
