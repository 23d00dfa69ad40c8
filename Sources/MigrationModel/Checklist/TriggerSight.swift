import PostgresModel

/// What was seen of a trigger on a scratch copy.
public struct TriggerSight: Sendable, Hashable {
  public var trigger: ProbedTrigger
  /// For each event that was tried, in the order of the trigger.
  public var firings: [Firing] = []
  public var faults: [String] = []
  public var doubts: [String] = []
  public var remarks: [String] = []

  /// What came of one event.
  public struct Firing: Sendable, Hashable {
    public var event: ProbedTrigger.Event
    public var result: Result
    /// What a `BEFORE` trigger made of the row.
    public var effects: [String] = []

    /// What became of it.
    public enum Result: Sendable, Hashable {
      /// It was called, so many times, and let the row pass.
      case fired(calls: Int, words: String)
      /// It raised for every row that was tried.
      case raised(Rejection, tried: Int)
      /// The statement worked, and it was not called.
      case silent(String)
      /// Nothing could be made that fires it.
      case notTried(String)
    }

    public init(_ event: ProbedTrigger.Event, _ result: Result) {
      self.event = event
      self.result = result
    }
  }

  public init(_ trigger: ProbedTrigger) { self.trigger = trigger }

  public var trial: Trial {
    var evidence = faults.map { CheckFinding.Evidence($0, .refutes) }
    if trigger.fault == nil, faults.isEmpty {
      evidence.append(.init("it is there and enabled, and so is its function", .supports))
    }
    var outcomes: [Trial.Outcome] = []
    for firing in firings {
      let (outcome, line) = judge(firing)
      outcomes.append(outcome)
      evidence.append(line)
      evidence += firing.effects.map { .init($0) }
    }
    evidence += doubts.map { .init($0, .unclear) } + remarks.map { .init($0) }
    let outcome = Trial.Outcome(
      of: outcomes, isFaulty: !faults.isEmpty, isDoubtful: !doubts.isEmpty)
    return Trial(.triggers, trigger.subject, outcome, evidence)
  }

  private func judge(_ firing: Firing) -> (Trial.Outcome, CheckFinding.Evidence) {
    let event = firing.event.rawValue
    switch firing.result {
    case .fired(let calls, let words):
      let times = calls == 1 ? "once" : "\(calls) times"
      return (.proven, .init("\(event): it is called \(times) for \(words)", .supports))
    case .raised(let rejection, let tried):
      let rows = tried == 1 ? "the row that was tried" : "each of the \(tried) rows that were tried"
      if isBroken(rejection, on: firing.event) {
        return (.refuted, .init("\(event): it raises for \(rows): \(rejection.words)", .refutes))
      }
      return (
        .notProven,
        .init(
          "\(event): it raises for \(rows), which may be what it is for: \(rejection.words)",
          .unclear)
      )
    case .silent(let words):
      return (.notProven, .init("\(event): it is not called for \(words)", .unclear))
    case .notTried(let reason):
      return (.notProven, .init("\(event): it could not be made to fire: \(reason)", .unclear))
    }
  }

  /// Whether an error can be the fault of the function alone, whatever the row.
  ///
  /// `RAISE` is meant; only where it stands without a condition and lets no row in at all, it is taken for
  /// a fault. Names that are not there and functions without an end are faults always, and values that do
  /// not fit may be those of our rows. Source: PostgreSQL manual, appendix A, classes of SQLSTATE.
  private func isBroken(_ rejection: Rejection, on event: ProbedTrigger.Event) -> Bool {
    if rejection.isRaised { return event == .insert && trigger.function.raisesWhateverComes }
    return rejection.isFaultOfCode
  }
}

extension ProbedTrigger.Function {
  /// Whether nothing in it asks before it raises.
  var raisesWhateverComes: Bool {
    ExpressionWords(source).names.isDisjoint(with: ["if", "case", "when", "exists"])
  }
}

extension Rejection {
  /// Whether a function raised it by `RAISE`, so that it is meant.
  var isRaised: Bool { context?.contains("at RAISE") == true || sqlstate == "P0001" }

  /// Whether it can be nothing but the fault of a function's code.
  var isFaultOfCode: Bool {
    ["42", "0A", "2F", "38", "39"].contains { sqlstate.hasPrefix($0) }
  }

  /// Whether it came out of a function of this name.
  public func came(outOf function: String) -> Bool {
    guard let context else { return false }
    return context.contains("function \(function)(") || context.contains(".\(function)(")
      || context.contains("\"\(function)\"")
  }
}
