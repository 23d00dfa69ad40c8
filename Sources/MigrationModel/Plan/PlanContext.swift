import Diagnostics

/// What the planner has to know beside folder and history.
public struct PlanContext: Sendable, Hashable {
  /// Who is recorded where the layout records it: `user@application host`, or the CI system's name.
  public var runBy: String?
  /// Whether nothing may be written.
  public var isReadOnly: Bool
  public var dataLoss: DataLoss
  /// What the environment demands before anything is written and is not there, such as an approval; each
  /// names its way out.
  public var gates: [Diagnostic]

  /// What is done about steps that lose data.
  public enum DataLoss: Sendable, Hashable {
    /// A person is asked once the plan is there.
    case asked
    /// Nobody can be asked, and nothing was agreed to: such a plan is refused.
    case refused
    /// Agreed to beforehand: `--yes`.
    case accepted
  }

  public init(
    runBy: String? = nil, isReadOnly: Bool = false, dataLoss: DataLoss = .asked,
    gates: [Diagnostic] = []
  ) {
    self.runBy = runBy
    self.isReadOnly = isReadOnly
    self.dataLoss = dataLoss
    self.gates = gates
  }
}
