/// One attempt to get past a constraint, and what came of it.
public struct Attack: Sendable, Hashable {
  /// What was tried: `a row with email NULL`.
  public var words: String
  public var result: Result
  /// The same with the constraint out of the way; `nil` where that was not tried.
  public var withoutIt: WithoutIt?
  /// How it is out of the way, after "with": `the constraint dropped`.
  public var removal: String

  /// What became of the attempt.
  public enum Result: Sendable, Hashable {
    /// By the constraint, under its own name.
    case refused(Rejection)
    /// By something else, so that nothing is known of the constraint.
    case refusedOtherwise(Rejection)
    /// What breaks the constraint is there.
    case accepted
    /// Something was stored that does not break it: a trigger may have changed it.
    case repaired
    /// What the constraint promises to do instead of refusing was done.
    case followed
    /// The row is there, and whoever asked for it does not get it.
    case hidden
    /// Nothing was refused and nothing was done.
    case withoutEffect
    /// What was to be tried could not be made, and why.
    case notMade(String)
  }

  /// What became of it once the constraint was out of the way.
  public enum WithoutIt: Sendable, Hashable {
    case accepted
    /// Something else keeps it out as well.
    case stillRefused(Rejection)
    /// It is not found either.
    case stillHidden
    case notRemovable(Rejection)
  }

  public init(
    _ words: String, _ result: Result, withoutIt: WithoutIt? = nil,
    removal: String = "the constraint dropped"
  ) {
    self.words = words
    self.result = result
    self.withoutIt = withoutIt
    self.removal = removal
  }

  /// A refusal proves something only where nothing else refuses.
  public var outcome: Trial.Outcome {
    switch (result, withoutIt) {
    case (.accepted, _): .refuted
    case (.refused, .accepted), (.hidden, .accepted), (.followed, _): .proven
    default: .notProven
    }
  }

  /// What is told of it.
  public var evidence: [CheckFinding.Evidence] {
    var lines: [CheckFinding.Evidence] = []
    switch result {
    case .refused(let rejection):
      lines.append(.init("\(words) is refused: \(rejection.words)", .supports))
    case .refusedOtherwise(let rejection):
      lines.append(.init("\(words) is refused by something else: \(rejection.words)", .unclear))
    case .accepted: lines.append(.init("\(words) is accepted", .refutes))
    case .followed: lines.append(.init("\(words) has the effect that it promises", .supports))
    case .hidden: lines.append(.init("\(words) finds nothing", .supports))
    case .notMade(let reason):
      lines.append(.init("\(words) could not be tried: \(reason)", .unclear))
    case .repaired:
      lines.append(.init("\(words) is accepted, and what is stored does not break it", .unclear))
    case .withoutEffect:
      lines.append(
        .init("\(words) is neither refused nor done: a trigger or rule drops it", .unclear))
    }
    switch withoutIt {
    case .accepted:
      let words = result == .hidden ? "the row is found" : "it is accepted"
      lines.append(.init("with \(removal) \(words)", .supports))
    case .stillRefused(let rejection):
      lines.append(
        .init("with \(removal) something else refuses it: \(rejection.words)", .unclear))
    case .stillHidden:
      lines.append(.init("with \(removal) it finds nothing either", .unclear))
    case .notRemovable(let rejection):
      lines.append(
        .init("whether anything else refuses it is not known: \(rejection.words)", .unclear))
    case nil: break
    }
    return lines
  }
}

/// Everything that was tried on one constraint.
public struct ConstraintSight: Sendable, Hashable {
  public var subject: String
  /// The valid row that was accepted first, or why there is none.
  public var control: Control
  /// What else was seen that had to be.
  public var confirmations: [String] = []
  /// The decisive ones, each of which has to prove its part.
  public var attacks: [Attack] = []
  /// Rows that are there and break it; `nil` where they were not counted.
  public var violations: Int64?
  /// For one that says `NOT VALID`: what the server says when asked to validate it.
  public var validation: Validation?
  /// What makes it useless whatever the attacks show.
  public var faults: [String] = []
  /// What keeps a proof from being whole.
  public var doubts: [String] = []
  /// What else is to be told.
  public var remarks: [String] = []

  /// What came of inserting a valid row.
  public enum Control: Sendable, Hashable {
    case accepted(String)
    case notPossible(String)
    /// As what was seen before settles it.
    case notTried
  }

  /// What `VALIDATE CONSTRAINT` said on the copy.
  public enum Validation: Sendable, Hashable {
    case passed
    case failed(Rejection)
  }

  public init(_ subject: String, control: Control) {
    self.subject = subject
    self.control = control
  }

  /// Without a control that succeeds nothing is proven, and what is `NOT VALID` is not proven either: it
  /// says nothing of the rows that were there, whatever it does with new ones.
  public var outcome: Trial.Outcome {
    if !faults.isEmpty || (violations ?? 0) > 0 { return .refuted }
    if case .failed = validation { return .refuted }
    if attacks.contains(where: { $0.outcome == .refuted }) { return .refuted }
    guard case .accepted = control, !attacks.isEmpty, doubts.isEmpty, validation == nil else {
      return .notProven
    }
    return attacks.allSatisfy { $0.outcome == .proven } ? .proven : .notProven
  }

  public var trial: Trial {
    var evidence = faults.map { CheckFinding.Evidence($0, .refutes) }
    switch control {
    case .accepted(let words): evidence.append(.init("\(words) is accepted", .supports))
    case .notPossible(let reason):
      evidence.append(.init("no valid row could be made to begin with: \(reason)", .unclear))
    case .notTried: break
    }
    evidence += confirmations.map { .init($0, .supports) }
    evidence += attacks.flatMap(\.evidence)
    if let violations {
      evidence.append(
        violations == 0
          ? .init("no row that is on the copy breaks it")
          : .init(
            violations == 1
              ? "1 row that is on the copy breaks it"
              : "\(violations) rows that are on the copy break it", .refutes))
    }
    switch validation {
    case .passed:
      evidence.append(
        .init(
          "it is NOT VALID: rows that were there before it are not checked; on the copy"
            + " VALIDATE CONSTRAINT succeeds", .unclear))
    case .failed(let rejection):
      evidence.append(
        .init(
          "it is NOT VALID, and VALIDATE CONSTRAINT fails on the copy: \(rejection.words)",
          .refutes))
    case nil: break
    }
    evidence += doubts.map { .init($0, .unclear) } + remarks.map { .init($0) }
    return Trial(.constraints, subject, outcome, evidence)
  }
}
