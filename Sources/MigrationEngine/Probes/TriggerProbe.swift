import MigrationModel
import Postgres
import PostgresModel

/// Proves that the triggers that a migration makes or changes are there, enabled, and fire.
public struct TriggerProbe: ScratchProbe {
  private var known = KnownFacts(.triggers, "triggers") { _ in ProbedTrigger.all }
  private var knownOfCommands = KnownFacts(.triggers, "event triggers") { _ in
    ProbedEventTrigger.all
  }

  public init() {}

  public mutating func before(_ scene: ScratchScene) async throws {
    try await known.read(scene)
    try await knownOfCommands.read(scene)
  }

  public func after(_ scene: ScratchScene) async throws -> [Trial] {
    let ofTables = try await known.compare(scene) { before, now, session in
      try await trials(before, now, scene, session)
    }
    let ofCommands = try await knownOfCommands.compare(scene) { before, now, session in
      try await eventTrials(before, now, scene, session)
    }
    return ofTables + ofCommands
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

  private func eventTrials(
    _ before: [ProbedEventTrigger], _ now: [ProbedEventTrigger], _ scene: ScratchScene,
    _ session: ProbeSession
  ) async throws -> [Trial] {
    // Those of extensions are the extension's.
    let own = Set(scene.now.facts.filter { $0.kind == "event trigger" }.map(\.object))
    var trials: [Trial] = []
    for trigger in ProbedEventTrigger.touched(from: before, to: now)
    where own.contains(trigger.name) {
      trials.append(
        try await trial(.triggers, trigger.subject) {
          try await session.undone {
            try await EventTriggerFiring(session, trigger).sight().trial
          }
        })
    }
    return trials
  }
}
