import MigrationModel
import Postgres
import PostgresModel

/// Proves that the triggers that a migration makes or changes are there, enabled, and fire.
public struct TriggerProbe: ScratchProbe {
  private var known = KnownFacts(.triggers, "triggers") { _ in ProbedTrigger.all }

  public init() {}

  public mutating func before(_ scene: ScratchScene) async throws { try await known.read(scene) }

  public func after(_ scene: ScratchScene) async throws -> [Trial] {
    try await known.compare(scene) { before, now, session in
      try await trials(before, now, scene, session) + eventTriggers(scene, session)
    }
  }

  private func trials(
    _ before: [ProbedTrigger], _ now: [ProbedTrigger], _ scene: ScratchScene,
    _ session: ProbeSession
  ) async throws -> [Trial] {
    let touched = ProbedTrigger.touched(from: before, to: now)
      .filter { trigger in scene.now.facts.contains { $0.object == trigger.owner } }
    var trials: [Trial] = []
    for trigger in touched {
      let isRepeated = touched.contains { $0.oid == trigger.origin }
      if isRepeated, trigger.fault == nil { continue }
      trials.append(
        try await trial(.triggers, trigger.subject) {
          try await session.undone {
            var firing = TriggerFiring(session, trigger)
            return try await firing.sight().trial
          }
        })
    }
    return trials
  }

  /// Those of commands are told: what fires them is the whole database's.
  private func eventTriggers(
    _ scene: ScratchScene, _ session: ProbeSession
  ) async throws -> [Trial] {
    let touched = Set(
      scene.changes.filter { $0.kind == "event trigger" && $0.action != .dropped }.map(\.object))
    guard !touched.isEmpty else { return [] }
    let query = Query<(name: String, enabled: String, event: String)>(
      "SELECT quote_ident(evtname), evtenabled, evtevent FROM pg_event_trigger ORDER BY 1"
    ) { (row) throws(ResultRow.Mismatch) in
      (try row.string(0), try row.string(1), try row.string(2))
    }
    return try await session.connection.rows(query).filter { touched.contains($0.name) }.map {
      let isOff = $0.enabled == "D" || $0.enabled == "R"
      return Trial(
        .triggers, "event trigger \($0.name)", isOff ? .refuted : .notProven,
        isOff
          ? [.init($0.enabled == "D" ? "it is disabled" : "it fires only on replicas", .refutes)]
          : [.init("it is enabled; it was not made to fire by \($0.event)", .unclear)])
    }
  }
}
