import MigrationModel
import Postgres
import PostgresModel

/// Proves that the triggers that a migration makes or changes are there, enabled, and fire.
public struct TriggerProbe: ScratchProbe {
  /// `nil` where they could not be read.
  private var known: [ProbedTrigger]?

  public init() {}

  public mutating func before(_ scene: ScratchScene) async throws {
    known = nil
    do {
      known = try await read(ProbeSession(connection: scene.session))
    } catch {
      try Task.checkCancellation()
    }
  }

  public mutating func after(_ scene: ScratchScene) async throws -> [Trial] {
    let session = ProbeSession(connection: scene.session)
    do {
      let now = try await read(session)
      guard let known else {
        return [
          Trial(
            .triggers, "triggers", .notProven,
            [.init("what was there before could not be read", .unclear)])
        ]
      }
      let sequences = try await SequencePositions.read(session)
      var trials: [Trial] = []
      let touched = ProbedTrigger.touched(from: known, to: now)
        .filter { trigger in scene.now.facts.contains { $0.object == trigger.owner } }
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
      try await sequences.restore(session)
      return trials + (try await eventTriggers(scene, session))
    } catch {
      try Task.checkCancellation()
      return [.untold(.triggers, "triggers", error)]
    }
  }

  private func read(_ session: ProbeSession) async throws -> [ProbedTrigger] {
    try await session.undone {
      try await session.connection.execute(SchemaQueries.settings)
      return try await session.connection.rows(ProbedTrigger.all)
    }
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
