import Diagnostics
import MigrationEngine
import Postgres
import PostgresModel

/// `lockstep locks`: who waits for whom.
struct LocksCommand: Command {
  let name = "locks"
  let summary = "who waits for whom"
  let options = [Options.watch]
  let discussion = [
    "Shows every session that keeps others waiting, and below it those that wait, with what they hold "
      + "and want; where nobody waits, the open transactions that hold tables. All databases of the "
      + "server are seen; relations of another database are shown by its name and their number. What this role may not see "
      + "is left out; pg_monitor shows it.",
    "With --watch it looks once a second, and says something when the picture has changed; with --json "
      + "it writes one object a line. Where the server is slow to answer it looks half as often. A "
      + "connection that is lost is opened anew; it gives up when that does not succeed for some seconds.",
  ]
  let examples = [
    CommandExample("lockstep locks", "once"),
    CommandExample("lockstep locks --watch --json", "one object a second, for a script"),
  ]

  func run(_ arguments: Arguments, in context: CommandContext) async throws -> ExitCode {
    let settings = try context.settings(arguments)
    if settings.waits {
      let wait = ServerWait(target: settings.target.value, timeout: settings.waitTimeout.value)
      _ = try await wait.run(in: context)
    }
    let monitor = try await LockMonitor.opened(settings, in: context)
    guard arguments.has(Options.watch) else {
      let look = try await monitor.look()
      context.explain(look)
      LockReport(look: look).show(in: context.output)
      return .done
    }
    var watching = LockWatching(settings: settings, context: context)
    return try await watching.run(monitor)
  }
}

/// Looks again and again, until it is interrupted or the server is gone.
private struct LockWatching {
  var settings: ProjectSettings
  var context: CommandContext
  private var last: [[String]]?
  private var countsLeft = 0
  /// So that what goes wrong each second is told once.
  private var trouble: String?

  init(settings: ProjectSettings, context: CommandContext) {
    self.settings = settings
    self.context = context
  }

  mutating func run(_ monitor: LockMonitor) async throws -> ExitCode {
    var monitor = monitor
    while !Task.isCancelled {
      var cost = Duration.zero
      do {
        cost = try await look(monitor)
        trouble = nil
      } catch {
        if Task.isCancelled { break }
        tell(error)
        if case .connectionLost? = error as? DatabaseError {
          guard let opened = try await openAnew() else { break }
          monitor = opened
          continue
        }
      }
      let rest = cost > LockMonitor.expensive ? Duration.seconds(2) : .seconds(1)
      do { try await context.loop.sleep(for: rest) } catch { break }
    }
    return .interrupted
  }

  /// - Returns: What the question cost the server.
  private mutating func look(_ monitor: LockMonitor) async throws -> Duration {
    // Nothing waited, and whether something does is asked at a tenth of the cost; now and then all is
    // looked at, since what the role may see can change.
    if last == [], !context.output.isJSON, countsLeft > 0 {
      countsLeft -= 1
      let (count, cost) = try await monitor.waiting()
      if count == 0 {
        context.output.explain("counted in \(DurationText.show(milliseconds: cost.milliseconds))")
        return cost
      }
    }
    countsLeft = 10
    let look = try await monitor.look()
    context.explain(look)
    let report = LockReport(look: look)
    if context.output.isJSON || report.picture != last {
      if last != nil, !context.output.isJSON { context.output.print("") }
      report.show(in: context.output)
    }
    last = report.picture
    return look.cost
  }

  private mutating func tell(_ error: any Error) {
    var diagnostic = Diagnostic(explaining: error)
    guard trouble != diagnostic.what else { return }
    trouble = diagnostic.what
    diagnostic.severity = .warning
    diagnostic.what = "no newer picture: " + diagnostic.what
    diagnostic.next = "what was shown last may have changed since; it is tried again"
    context.output.tell(diagnostic)
  }

  /// - Returns: `nil` when it is interrupted meanwhile.
  /// - Throws: The last failure, when time does not mend it.
  private func openAnew() async throws -> LockMonitor? {
    var rest = Duration.milliseconds(250)
    while true {
      do { try await context.loop.sleep(for: rest) } catch { return nil }
      do {
        let monitor = try await LockMonitor.opened(settings, in: context)
        context.output.say("connected again")
        return monitor
      } catch {
        if Task.isCancelled { return nil }
        rest *= 2
        guard rest <= .seconds(4), let error = error as? DatabaseError, error.isConnectionProblem
        else { throw error }
      }
    }
  }
}

extension LockMonitor {
  /// Opens the monitor of a project's database, with the names of its relations where they can be read.
  fileprivate static func opened(
    _ settings: ProjectSettings, in context: CommandContext
  ) async throws -> LockMonitor {
    let monitor = try await LockMonitor.open(settings.target.value, loop: context.loop)
    // Where the catalogue is locked, numbers are shown.
    try? await monitor.loadNames()
    return monitor
  }
}

extension CommandContext {
  fileprivate func explain(_ look: LockMonitor.Look) {
    let asking = DurationText.show(milliseconds: look.cost.milliseconds)
    let drawing = DurationText.show(milliseconds: look.drawing.milliseconds)
    output.explain("asked in \(asking), drawn in \(drawing)")
  }
}

extension LockReport {
  fileprivate func show(in output: Output) {
    if output.isJSON {
      output.print(json)
    } else {
      output.print(lines: lines)
    }
  }
}
