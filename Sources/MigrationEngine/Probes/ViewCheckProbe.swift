import MigrationModel
import Postgres
import PostgresModel

/// Proves that what a view does not show cannot be written through it, where it says `WITH CHECK OPTION`.
public struct ViewCheckProbe: ScratchProbe {
  private var known = KnownFacts(.constraints, "views") { _ in ProbedView.all }

  public init() {}

  public mutating func before(_ scene: ScratchScene) async throws { try await known.read(scene) }

  public func after(_ scene: ScratchScene) async throws -> [Trial] {
    let own = Set(
      scene.now.facts.filter { $0.property.isEmpty && $0.kind == "view" }.map(\.object))
    return try await known.compare(scene) { before, now, session in
      var trials: [Trial] = []
      for view in ProbedView.touched(from: before, to: now) where own.contains(view.object) {
        trials.append(
          try await trial(.constraints, view.subject) {
            try await bothWays(session) { triggers in
              try await session.undone {
                let off = try await session.quieten(triggers)
                var attacker = ViewAttacker(session, view, among: now)
                var sight = try await attacker.sight()
                sight.remarks += off
                return sight
              }
            }.trial
          })
      }
      return trials
    }
  }
}
