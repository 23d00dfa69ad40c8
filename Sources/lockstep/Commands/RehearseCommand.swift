import Diagnostics
import MigrationEngine
import MigrationModel
import PostgresModel

/// `lockstep rehearse`: what is pending, run on a scratch copy.
struct RehearseCommand: Command {
  let name = "rehearse"
  let summary = "run pending ones on a scratch copy: up, down, up, and compare the schema"
  let operands = Operands(usage: "[VERSION…]", minimum: 0, maximum: nil, inWords: "versions")
  let options = [Options.mode, Options.sample, Options.contention, Options.statementTimeout]
  let discussion = [
    "Makes a database of its own with the schema and the history of yours, runs what is pending there with "
      + "the engine that would run it, rolls each back and applies it again, and compares the whole "
      + "schema after each step. Yours is only read. The scratch database stands on the same server, or "
      + "on a private one where your role may not make databases, and is dropped however this ends.",
    "Name what is applied to rehearse it afterwards: on the copy it is rolled back first, and before it "
      + "everything that was applied after it, each by its own way back. Where one of them has none it cannot "
      + "be rehearsed any more.",
    "Of each statement it is told which locks it took, which tables it wrote anew or read as a whole, and "
      + "where that differs from what its text says. Of the rows it is told what rolling back loses. What a "
      + "copy cannot prove is said each time.",
    "The copy has a sample of the rows and whatever those refer to; of a small database that nobody uses all "
      + "of them. On a private server it has none unless you ask for them. Migrations that change roles, "
      + "settings or tablespaces of the whole server are always rehearsed on a private one.",
  ]
  let examples = [
    CommandExample("lockstep rehearse", "everything that is pending"),
    CommandExample("lockstep rehearse 0042", "it alone, though it is applied"),
    CommandExample("lockstep rehearse --sample 5%", "with a twentieth of the rows of each table"),
    CommandExample(
      "lockstep rehearse --contention", "how long others wait, with and without a lock budget"),
    CommandExample(
      "lockstep rehearse --json", "one object, for a pipeline; status 1 if one failed"),
  ]

  func run(_ arguments: Arguments, in context: CommandContext) async throws -> ExitCode {
    let settings = try context.settings(arguments)
    let output = context.output
    var rehearsal = Rehearsal(
      project: try await context.project(settings), target: settings.target.value,
      options: Runner.Options(
        statementTimeout: arguments.duration(Options.statementTimeout)
          ?? settings.rules.statementTimeout),
      loop: context.loop)
    if let copy = try arguments.copy(for: name) {
      (rehearsal.mode, rehearsal.sample) = (copy.mode, copy.sample)
    }
    rehearsal.contends = arguments.has(Options.contention)
    let report: RehearsalReport
    do {
      report = try await rehearsal.run(arguments.operands.map { Version($0) }) { progress in
        guard !output.isJSON else { return }
        switch progress {
        case .copying: output.say("copying the schema")
        case .running(let version, let name, let words): output.say("\(version)_\(name): \(words)")
        case .copied, .event, .seen: break
        }
      }
    } catch let refusal as Refusal where refusal.diagnostic == Rehearsal.nothingPending {
      if output.isJSON {
        output.print(["scratch": nil, "mode": nil, "migrations": []])
      } else {
        output.say("nothing to rehearse")
      }
      return .done
    }
    if output.isJSON {
      output.print(report.json)
    } else {
      output.print(lines: report.lines)
    }
    return report.hasPassed ? .done : .failed
  }
}
