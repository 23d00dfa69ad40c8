import Diagnostics
import PostgresModel

/// Where a step takes up a run that broke off.
public struct Resumption: Sendable, Hashable {
  /// Statements of the step, from the first, that stand and are not run again.
  public var done: Int
  /// Statements that are run first, each outside a transaction, to take away what was left.
  public var cleanUp: [String]
  /// Run in place of the first statement that is left.
  public var substitute: String?
  /// Settings of the session that stand in what is done, run again before the rest.
  public var settings: [String]

  public init(
    done: Int, cleanUp: [String] = [], substitute: String? = nil, settings: [String] = []
  ) {
    self.done = done
    self.cleanUp = cleanUp
    self.substitute = substitute
    self.settings = settings
  }
}

/// Decides how a run that broke off is taken up, and what keeps it from being taken up.
struct ResumptionPlanning {
  private(set) var resumption: Resumption?
  /// In the order in which things stand and happen.
  private(set) var remarks: [Diagnostic] = []
  private(set) var refusal: Diagnostic?

  private let script: BrokenOffScript
  private let migration: MigrationStatus
  private var run: UnfinishedRun { script.run }

  init(_ script: BrokenOffScript, of migration: MigrationStatus) {
    self.script = script
    self.migration = migration
    decide()
  }

  private mutating func decide() {
    guard let detail = run.detail else {
      return refuse(
        "was begun by a version of Lockstep that did not keep where each statement stood")
    }
    guard script.isUnchanged == true,
      run.statementsTotal == script.units.reduce(0, { $0 + $1.statements.count })
    else { return refuse("has changed since it was begun: the statements are not those that ran") }
    var result = Resumption(done: run.statementsDone)
    tellDone()
    if let begun = detail.begun {
      let question = script.question ?? .untold
      guard take(question.finding(begun.answer ?? .nothing), begun, &result) else { return }
    }
    guard settle(&result) else { return }
    if result.done == run.statementsTotal {
      note("nothing is left to run; its history row is written")
    } else {
      note(
        result.done + 1 == run.statementsTotal
          ? "statement \(run.statementsTotal) is run"
          : "statements \(result.done + 1) to \(run.statementsTotal) are run")
    }
    resumption = result
  }

  private mutating func tellDone() {
    let total = run.statementsTotal
    switch run.statementsDone {
    case 0: note("nothing of its \(total) statements is known to stand")
    case 1: note("statement 1 of \(total) stands and is not run again")
    case let done: note("statements 1 to \(done) of \(total) stand and are not run again")
    }
  }

  /// - Returns: Whether the finding lets the run go on.
  private mutating func take(
    _ finding: EffectFinding, _ begun: UnfinishedRun.Begun, _ result: inout Resumption
  ) -> Bool {
    let words = "statement \(begun.number) was begun"
    switch finding {
    case .done(let reason):
      note("\(words) and counts as done: \(reason)", at: place)
      result.done = begun.number
    case .runAgain(let cleanUp, let reason):
      note("\(words) and is run again: \(reason)", at: place)
      result.cleanUp = cleanUp
    case .finishBy(let statement, let reason):
      note("\(words): \(reason); \(statement) ends it", at: place)
      result.substitute = statement
    case .stillRunning(let reason):
      refusal = .error(
        code: "still_running", "\(migration.label) cannot be taken up: \(reason)", at: place,
        next: "wait for its end, or end that session (`lockstep locks` shows it); nothing was run")
      return false
    case .untold(let reason):
      refuse("cannot be taken up: \(words) (\(command)), and \(reason)", at: place)
      return false
    }
    return true
  }

  private var command: String {
    guard let (unit, index) = script.begun else { return "gone" }
    return unit.statements[index].command
  }

  private var place: SourceLocation? {
    script.begun.map { unit, index in
      unit.script.location(ofTextByte: unit.statements[index].range.lowerBound)
    }
  }

  /// Finds the settings that the rest relies on, and what of the session cannot be brought back.
  private mutating func settle(_ result: inout Resumption) -> Bool {
    var first = result.done
    for unit in script.units {
      guard first >= unit.statements.count else {
        guard first > 0 else { return true }
        guard case .statementByStatement = unit.form else {
          refuse("cannot be taken up in the middle of a script that is sent as a whole")
          return false
        }
        return settle(unit, first, &result)
      }
      first -= unit.statements.count
    }
    return true
  }

  private mutating func settle(
    _ unit: RunUnit, _ first: Int, _ result: inout Resumption
  ) -> Bool {
    var sql = unit.sql
    let lost = sql.withUTF8 { bytes in
      unit.statements[..<first].first { $0.makesSessionObjects(in: bytes) }
    }
    if let lost {
      refuse(
        "cannot be taken up: what line \(unit.script.fileLine(ofTextLine: lost.line)) made"
          + " (\(lost.command)) was gone with its session",
        at: unit.script.location(ofTextByte: lost.range.lowerBound))
      return false
    }
    result.settings = unit.settings(before: first).map { unit.text(of: $0) }
    for setting in result.settings { note("set again first: \(setting)") }
    return true
  }

  private mutating func refuse(_ what: String, at place: SourceLocation? = nil) {
    refusal = .error(
      code: "not_resumable", "\(migration.label) \(what)", at: place ?? migration.location,
      next:
        "see what stands, then `lockstep mark \(migration.version) applied` (all of it is there)"
        + " or `lockstep mark \(migration.version) pending` (none of it is); nothing was run")
  }

  private mutating func note(_ what: String, at place: SourceLocation? = nil) {
    remarks.append(.note(code: "resume", what, at: place))
  }
}
