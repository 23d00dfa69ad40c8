/// Something that was tried on a scratch copy to prove one thing, and what came of it.
public struct Trial: Sendable, Hashable {
  /// The proof that it is a part of.
  public var proof: CheckProof
  /// What was tried, in words: `constraint orders_total_check of public.orders`.
  public var subject: String
  public var outcome: Outcome
  /// What was done and seen, in order.
  public var evidence: [CheckFinding.Evidence]

  public enum Outcome: String, Sendable, Hashable {
    case proven
    /// Shown to be otherwise.
    case refuted
    /// Neither.
    case notProven = "not_proven"

    /// What several trials of one subject come to.
    ///
    /// - Parameters:
    ///   - outcomes: None is no proof.
    ///   - isFaulty: Whether something else already shows it to be otherwise.
    ///   - isDoubtful: Whether something keeps it from being told.
    init(of outcomes: [Outcome], isFaulty: Bool, isDoubtful: Bool) {
      if isFaulty || outcomes.contains(.refuted) {
        self = .refuted
      } else if outcomes.isEmpty || outcomes.contains(.notProven) || isDoubtful {
        self = .notProven
      } else {
        self = .proven
      }
    }
  }

  public init(
    _ proof: CheckProof, _ subject: String, _ outcome: Outcome,
    _ evidence: [CheckFinding.Evidence] = []
  ) {
    self.proof = proof
    self.subject = subject
    self.outcome = outcome
    self.evidence = evidence
  }
}

extension CheckFinding {
  /// What the trials of one proof come to together: one that refutes fails it, one that proves nothing
  /// leaves it open, and none at all means that there was nothing to prove.
  public init(_ trials: [Trial]) {
    let verdict: Verdict
    if trials.isEmpty {
      verdict = .notApplicable
    } else if trials.contains(where: { $0.outcome == .refuted }) {
      verdict = .failed
    } else if trials.contains(where: { $0.outcome == .notProven }) {
      verdict = .notProven
    } else {
      verdict = .passed
    }
    let lines = trials.flatMap { trial in
      [Evidence("\(trial.subject): \(trial.outcome.words)", trial.outcome.weight)]
        + trial.evidence.map { Evidence("  \($0.text)", $0.weight) }
    }
    self.init(verdict, lines)
  }
}

extension Trial.Outcome {
  /// As a report says it.
  public var words: String {
    switch self {
    case .proven: "proven"
    case .refuted: "refuted"
    case .notProven: "not proven"
    }
  }

  var weight: CheckFinding.Evidence.Weight {
    switch self {
    case .proven: .supports
    case .refuted: .refutes
    case .notProven: .unclear
    }
  }
}
