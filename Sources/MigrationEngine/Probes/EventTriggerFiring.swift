import MigrationModel
import Postgres
import PostgresModel

/// Makes one event trigger fire in an open transaction that is rolled back afterwards.
struct EventTriggerFiring: Sendable {
  let session: ProbeSession
  let trigger: ProbedEventTrigger
  private let calls: FunctionCalls

  /// Of a long list no more commands than this are tried.
  private static let mostTags = 24

  init(_ session: ProbeSession, _ trigger: ProbedEventTrigger) {
    self.session = session
    self.trigger = trigger
    calls = FunctionCalls(session: session, function: trigger.function.oid)
  }

  func sight() async throws -> EventTriggerSight {
    var sight = EventTriggerSight(trigger)
    let found = try await session.hindrances(
      fault: trigger.fault, enabled: trigger.enabled, function: trigger.function.oid)
    (sight.faults, sight.doubts) = (found.faults, found.doubts)
    guard found.mayFire else { return sight }
    guard trigger.event != "login" else {
      sight.doubts.append(
        "it was not made to fire: a login is a session of its own, and nothing takes it back")
      return sight
    }
    if let reason = try await calls.begin() {
      sight.doubts.append("it was not made to fire: \(reason)")
      return sight
    }
    // What another one calls for the same command would be counted as well.
    for other in trigger.sharers {
      let answer = try await session.attempt("ALTER EVENT TRIGGER \(other) DISABLE")
      sight.remarks.append(
        "the event trigger \(other), which calls the same function, was off for this")
      if let rejection = answer.rejection {
        sight.remarks.removeLast()
        sight.doubts.append(
          "the event trigger \(other) calls the same function and could not be switched off:"
            + " \(rejection.words)")
      }
    }
    let tags =
      trigger.tags.isEmpty ? EventTriggerCommands.usualTags(of: trigger.event) : trigger.tags
    let raised = try await prepare()
    for tag in tags.prefix(Self.mostTags) {
      if let raised {
        sight.firings.append(.init(tag, .raised(raised)))
        continue
      }
      let result = try await session.undoneInside { try await fire(tag) }
      sight.firings.append(.init(tag, result))
    }
    let left = tags.count - Self.mostTags
    if left > 0 { sight.doubts.append("\(left) more of its commands were not tried") }
    return sight
  }

  /// Makes what commands work on: that is no part of them, and no event trigger is to stand in its way.
  ///
  /// - Returns: What the function raises even then, where it is always called.
  private func prepare() async throws -> Rejection? {
    _ = try await session.attempt("SET LOCAL session_replication_role = replica")
    let all = EventTriggerCommands.preparation
    if try await session.attempt(all.joined(separator: ";\n")).rejection != nil {
      for sql in all {
        // What is missing then the command itself will tell.
        let rejection = try await session.attempt(sql).rejection
        if let rejection, rejection.came(outOf: trigger.function.name) { return rejection }
      }
    }
    _ = try await session.attempt("SET LOCAL session_replication_role = origin")
    return nil
  }

  private func fire(_ tag: String) async throws -> EventTriggerSight.Firing.Result {
    guard let command = EventTriggerCommands.command(tag, on: trigger.event) else {
      return .notTried("no harmless command is known that does so on \(trigger.event)")
    }
    let before = try await calls.count()
    if let rejection = try await session.attempt(command).rejection {
      return rejection.came(outOf: trigger.function.name)
        ? .raised(rejection) : .notTried(rejection.words)
    }
    let made = try await calls.count() - before
    return made > 0 ? .fired(calls: made) : .silent
  }
}
