import MigrationModel
import Postgres
import PostgresModel

/// Proves that row security that a migration brings holds those back whom it is to hold back: as a role that
/// is bound to it, rows are written and asked for that a policy must not let through.
public struct RowSecurityProbe: ScratchProbe {
  private var tables = KnownFacts(.constraints, "row security") { _ in RowSecurity.all }
  private var policies = KnownFacts(.constraints, "policies") { _ in RowPolicy.all }

  public init() {}

  public mutating func before(_ scene: ScratchScene) async throws {
    try await tables.read(scene)
    try await policies.read(scene)
  }

  public func after(_ scene: ScratchScene) async throws -> [Trial] {
    let own = Set(
      scene.now.facts.filter { $0.property.isEmpty && $0.kind == "table" }.map(\.object))
    let ofTables = try await tables.compare(scene) { before, now, session in
      var trials: [Trial] = []
      for table in RowSecurity.touched(from: before, to: now) where own.contains(table.object) {
        trials.append(try await trial(of: table, session))
      }
      return trials
    }
    let ofPolicies = try await policies.compare(scene) { before, now, session in
      var trials: [Trial] = []
      for policy in RowPolicy.touched(from: before, to: now) where own.contains(policy.table.object)
      {
        let all = now.filter { $0.table.table == policy.table.table }
        trials.append(try await trial(of: policy, among: all, session))
      }
      return trials
    }
    return ofTables + ofPolicies
  }

  private func trial(of table: RowSecurity, _ session: ProbeSession) async throws -> Trial {
    try await trial(.constraints, table.subject) {
      try await bothWays(session) { triggers in
        try await session.undone {
          let off = try await session.quieten(triggers)
          let all = try await session.connection.rows(RowPolicy.all)
            .filter { $0.table.table == table.table }
          var sight = try await RowSecurityTrial(session, table, all).sight()
          sight.remarks += off
          return sight
        }
      }.trial
    }
  }

  private func trial(
    of policy: RowPolicy, among all: [RowPolicy], _ session: ProbeSession
  ) async throws -> Trial {
    try await trial(.constraints, policy.subject) {
      try await bothWays(session) { triggers in
        try await session.undone {
          let off = try await session.quieten(triggers)
          var sight = try await PolicyTrial(session, policy, all).sight()
          sight.remarks += off
          return sight
        }
      }.trial
    }
  }
}
