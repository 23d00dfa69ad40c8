import PostgresModel

/// What was seen of an index on a scratch copy.
public struct IndexSight: Sendable, Hashable {
  public var index: ProbedIndex
  public var use: Use
  /// What `amcheck` found; `nil` where it was not asked.
  public var check: Check?

  /// What came of asking the planner for it.
  public enum Use: Sendable, Hashable {
    /// The planner takes it for this select; `alone`: once the table's other indexes were out of the way.
    case used(select: String, alone: Bool)
    /// It was asked for and not taken.
    case passedOver(select: String)
    /// No select can be made that wants it, and why.
    case notAsked(String)
  }

  /// What `bt_index_check` said.
  public enum Check: Sendable, Hashable {
    case sound
    case broken(String)
    case notTold(String)
  }

  public init(_ index: ProbedIndex, _ use: Use, check: Check? = nil) {
    self.index = index
    self.use = use
    self.check = check
  }

  /// What is proven by it.
  public var trial: Trial {
    var evidence: [CheckFinding.Evidence] = []
    var outcome = Trial.Outcome.proven
    let faults = index.flags.faults
    if faults.isEmpty {
      evidence.append(.init("it is valid, ready and live", .supports))
    } else {
      outcome = .refuted
      evidence.append(.init("it is \(faults.joined(separator: ", "))", .refutes))
    }
    switch use {
    case .used(let select, let alone):
      let others = alone ? ", once the table's other indexes were out of the way" : ""
      evidence.append(.init("the planner takes it\(others) for: \(select)", .supports))
    case .passedOver(let select):
      if outcome == .proven { outcome = .notProven }
      evidence.append(.init("the planner does not take it for: \(select)", .unclear))
    case .notAsked(let reason):
      evidence.append(.init("the planner was not asked for it: \(reason)"))
    }
    switch check {
    case .sound: evidence.append(.init("bt_index_check finds it sound", .supports))
    case .broken(let words):
      outcome = .refuted
      evidence.append(.init("bt_index_check: \(words)", .refutes))
    case .notTold(let words): evidence.append(.init("bt_index_check could not be asked: \(words)"))
    case nil: break
    }
    return Trial(.indexes, "index \(index.object)", outcome, evidence)
  }
}
