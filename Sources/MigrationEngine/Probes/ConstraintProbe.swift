import MigrationModel
import Postgres
import PostgresModel

/// Proves that what a migration promises of rows is kept: each new or changed constraint is attacked with
/// what it must refuse.
public struct ConstraintProbe: ScratchProbe {
  private var known = KnownFacts(.constraints, "constraints", ProbedConstraint.all)

  public init() {}

  public mutating func before(_ scene: ScratchScene) async throws { try await known.read(scene) }

  public func after(_ scene: ScratchScene) async throws -> [Trial] {
    try await known.compare(scene) { before, now, session in
      try await trials(before, now, scene, session) + promises(now, scene)
    }
  }

  private func trials(
    _ before: [ProbedConstraint], _ now: [ProbedConstraint], _ scene: ScratchScene,
    _ session: ProbeSession
  ) async throws -> [Trial] {
    // What the history table promises is not the migration's.
    let owners = Set(
      scene.now.facts.filter {
        $0.property.isEmpty && ["table", "foreign table", "domain"].contains($0.kind)
      }.map(\.object))
    let touched = ProbedConstraint.touched(from: before, to: now)
      .filter { owners.contains($0.owner) }
    var trials: [Trial] = []
    // Read once for all of them.
    var tables = RowMaker(session)
    for constraint in touched {
      let isRepeated = touched.contains { constraint.repeats($0) }
      if isRepeated, constraint.triggers.allSatisfy({ "OA".contains($0) }) { continue }
      trials.append(
        try await trial(.constraints, constraint.subject) {
          try await attack(constraint, all: now, &tables, scene.mode).trial
        })
    }
    return trials
  }

  private func attack(
    _ constraint: ProbedConstraint, all: [ProbedConstraint], _ tables: inout RowMaker,
    _ mode: RehearsalReport.Mode
  ) async throws -> ConstraintSight {
    var known = tables
    let sight = try await bothWays(tables.session) { triggers in
      try await self.sight(of: constraint, all: all, &known, triggers, mode)
    }
    tables.learn(from: known)
    return sight
  }

  private func sight(
    of constraint: ProbedConstraint, all: [ProbedConstraint], _ tables: inout RowMaker,
    _ triggers: TableTriggers, _ mode: RehearsalReport.Mode
  ) async throws -> ConstraintSight {
    let maker = tables
    let (sight, attacker) = try await maker.session.undone {
      var attacker = ConstraintAttacker(
        constraint, all: all, maker, hasAllRows: mode == .clone)
      let off = try await maker.session.quieten(triggers)
      var sight = try await attacker.sight()
      sight.remarks += off
      return (sight, attacker)
    }
    tables.learn(from: attacker.maker)
    return sight
  }

  /// Compares what statements with IF NOT EXISTS name with what is there.
  private func promises(_ now: [ProbedConstraint], _ scene: ScratchScene) -> [Trial] {
    let tables = Set(
      scene.before.facts.filter { $0.property.isEmpty && $0.kind == "table" }.map(\.object))
    let columns = Set(
      scene.before.facts.filter { $0.property.isEmpty && $0.kind == "column" }.map(\.object))
    let scripts = scene.migration.migration?.up ?? []
    return scripts.flatMap { script in
      PromisedConstraint.skipped(in: script.text, tables: tables, columns: columns)
        .compactMap { $0.trial(among: now) }
    }
  }
}
