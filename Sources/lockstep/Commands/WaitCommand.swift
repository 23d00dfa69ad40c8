import Diagnostics
import Postgres

/// `lockstep wait`: until the server answers.
struct WaitCommand: Command {
  let name = "wait"
  let summary = "wait until the server answers"
  let options = [Options.timeout.saying("how long to wait; 60s without it")]
  let discussion = [
    "Tries to connect until it succeeds, for 60 seconds or as long as --timeout or "
      + "DBMATE_WAIT_TIMEOUT says. A server that answers that the database does not exist is there. "
      + "A wrong password is told at once."
  ]
  let examples = [
    CommandExample("lockstep wait --timeout 2min", "in a script, before anything else")
  ]

  func run(_ arguments: Arguments, in context: CommandContext) async throws -> ExitCode {
    let settings = try context.settings(arguments)
    let timeout = arguments.duration(Options.timeout) ?? settings.waitTimeout.value
    let waited = try await ServerWait(target: settings.target.value, timeout: timeout)
      .run(in: context)
    if context.output.isJSON {
      context.output.print([
        "ready": true, "waited_ms": JSONValue(milliseconds: waited.milliseconds),
      ])
    } else {
      context.output.say("the server answers")
    }
    return .done
  }
}

/// Waiting for a server that may still be starting.
struct ServerWait: Sendable {
  var target: ConnectionString
  var timeout: Duration

  /// Tries twice a second until the server answers.
  ///
  /// - Returns: How long it took.
  /// - Throws: `Refusal` when the time is over, `DatabaseError` when waiting will not help,
  ///   `CancellationError`.
  func run(in context: CommandContext) async throws -> Duration {
    let began = ContinuousClock.now
    var hasSaid = false
    while true {
      do throws(DatabaseError) {
        _ = try await Connection.open(
          target, application: context.application, loop: context.loop)
        return began.duration(to: .now)
      } catch {
        guard case .cannotConnect(_, let reason, let sqlstate) = error else { throw error }
        switch ServerWait.meaning(of: reason, sqlstate: sqlstate) {
        case .ready: return began.duration(to: .now)
        case .hopeless: throw error
        case .notYet: break
        }
        guard began.duration(to: .now) < timeout else { throw tooLate(error) }
      }
      if !hasSaid {
        context.output.say("waiting for \(target.summary)")
        hasSaid = true
      }
      try await context.loop.sleep(for: .milliseconds(500))
    }
  }

  enum Meaning: Hashable {
    /// The server answered, though not with a session.
    case ready
    case notYet
    /// It answered, and will answer the same again.
    case hopeless
  }

  /// libpq tells no SQLSTATE where the server refused the session; its words are the server's own.
  static func meaning(of reason: String, sqlstate: String?) -> Meaning {
    switch sqlstate {
    case "3D000": return .ready
    case "28P01", "28000": return .hopeless
    default: break
    }
    func says(_ words: String) -> Bool { reason.contains(words) }
    if says("database \""), says("\" does not exist") { return .ready }
    if says("password authentication failed") || says("no password supplied")
      || says("no pg_hba.conf entry") || says("role \"") && says("\" does not exist")
    {
      return .hopeless
    }
    return .notYet
  }

  private func tooLate(_ error: DatabaseError) -> Refusal {
    var diagnostic = error.diagnostic
    let time = DurationText.show(milliseconds: timeout.milliseconds)
    diagnostic.what = "no answer within \(time): \(diagnostic.what)"
    diagnostic.next =
      "check that the server is being started, and host and port; or wait longer "
      + "with --timeout"
    return Refusal(diagnostic)
  }
}
