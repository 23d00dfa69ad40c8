import PostgresModel

/// What was seen of an event trigger on a scratch copy.
public struct EventTriggerSight: Sendable, Hashable {
  public var trigger: ProbedEventTrigger
  /// For each command that was tried, in order.
  public var firings: [Firing] = []
  public var faults: [String] = []
  public var doubts: [String] = []
  public var remarks: [String] = []

  /// What came of one command.
  public struct Firing: Sendable, Hashable {
    public var tag: String
    public var result: Result

    /// What became of it.
    public enum Result: Sendable, Hashable {
      /// Its function was called, so many times, and let the command pass.
      case fired(calls: Int)
      /// Its function raised.
      case raised(Rejection)
      /// The command worked, and the function was not called.
      case silent
      /// The command could not be brought about.
      case notTried(String)
    }

    public init(_ tag: String, _ result: Result) {
      self.tag = tag
      self.result = result
    }
  }

  public init(_ trigger: ProbedEventTrigger) { self.trigger = trigger }

  public var trial: Trial {
    var evidence = faults.map { CheckFinding.Evidence($0, .refutes) }
    if faults.isEmpty {
      evidence.append(.init("it is there and enabled, and so is its function", .supports))
    }
    // Where it is for every command, one that it lets pass shows that it works, and what it refuses beside
    // that may be what it is for.
    let isForAll = trigger.tags.isEmpty
    let hasPassed = firings.contains { if case .fired = $0.result { true } else { false } }
    var outcomes: [Trial.Outcome] = []
    for firing in firings {
      var (outcome, line) = judge(firing)
      if isForAll, hasPassed, outcome == .notProven, case .raised = firing.result {
        (outcome, line.weight) = (.proven, .plain)
      }
      outcomes.append(outcome)
      evidence.append(line)
    }
    evidence += doubts.map { .init($0, .unclear) } + remarks.map { .init($0) }
    let outcome = Trial.Outcome(
      of: outcomes, isFaulty: !faults.isEmpty, isDoubtful: !doubts.isEmpty)
    return Trial(.triggers, trigger.subject, outcome, evidence)
  }

  private func judge(_ firing: Firing) -> (Trial.Outcome, CheckFinding.Evidence) {
    let (event, tag) = (trigger.event, firing.tag)
    switch firing.result {
    case .fired(let calls):
      let times = calls == 1 ? "once" : "\(calls) times"
      return (.proven, .init("\(event): it is called \(times) for \(tag)", .supports))
    case .raised(let rejection):
      guard isBroken(rejection) else {
        return (
          .notProven,
          .init(
            "\(event): it raises for \(tag), which may be what it is for: \(rejection.words)",
            .unclear)
        )
      }
      return (.refuted, .init("\(event): it raises for \(tag): \(rejection.words)", .refutes))
    case .silent:
      return (
        .refuted,
        .init("\(event): \(tag) is done, and its function is not called for it", .refutes)
      )
    case .notTried(let reason):
      return (.notProven, .init("\(event): \(tag) could not be brought about: \(reason)", .unclear))
    }
  }

  /// Whether the function is at fault, whatever the command.
  private func isBroken(_ rejection: Rejection) -> Bool {
    if rejection.isRaised {
      return trigger.standsBeforeEverything && trigger.function.raisesWhateverComes
    }
    return rejection.isFaultOfCode
  }
}
