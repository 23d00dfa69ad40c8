import Diagnostics
import PostgresModel

/// What was asked for: the input of the planner.
public enum PlanRequest: Sendable, Hashable {
  /// Apply what is pending: all, the next `count`, or up to and with `to`.
  case up(to: Version?, count: Int?, allowOutOfOrder: Bool)
  /// Roll back the last `count`, or all above `to` (which stays applied; version 0: everything).
  case down(to: Version?, count: Int?)
  /// Roll back the last applied, then apply it again.
  case redo(count: Int)
  /// Roll back and apply again exactly this one, or apply or roll back exactly this one.
  case only(Version, Direction)
  /// Go on with a migration whose run broke off outside a transaction, in the direction it had; then
  /// apply what is pending, where `rest` says so.
  case resume(Version, rest: Rest? = nil)
  /// Record as applied or pending without running.
  case mark(MarkSelection, as: MigrationStatus.State)

  /// What comes after a migration that was taken up: as `up`, and `count` counts that one as well.
  public struct Rest: Sendable, Hashable {
    public var to: Version?
    public var count: Int?
    public var allowOutOfOrder: Bool

    public init(to: Version? = nil, count: Int? = nil, allowOutOfOrder: Bool = false) {
      self.to = to
      self.count = count
      self.allowOutOfOrder = allowOutOfOrder
    }
  }

  /// How what is pending is applied, where the request applies it; `nil` where it does not.
  var upward: Rest? {
    switch self {
    case .up(let to, let count, let allowOutOfOrder):
      Rest(to: to, count: count, allowOutOfOrder: allowOutOfOrder)
    case .resume(_, let rest): rest
    case .down, .redo, .only, .mark: nil
    }
  }

  public enum MarkSelection: Sendable, Hashable {
    case versions([Version])
    /// All up to and with this one.
    case upTo(Version)
  }
}

/// Steps in the order in which they run; what is previewed is the very value that is run.
public struct Plan: Sendable, Hashable {
  public var request: PlanRequest
  public var layout: String
  public var table: QualifiedName
  public var steps: [PlanStep]
  /// The applied migrations at the time of planning, so that a run can tell whether the world moved.
  public var basis: [HistoryRow]
  /// Said before the run is confirmed; keeps nothing from running.
  public var warnings: [Diagnostic]
  /// Each keeps the plan from running and names its way out.
  public var refusals: [Diagnostic]
  /// What the environment asks for before it may run, as it was found when the plan was made; those that
  /// are closed are among the refusals.
  public var gates: [Gate] = []

  public init(
    request: PlanRequest, layout: String, table: QualifiedName, steps: [PlanStep],
    basis: [HistoryRow], warnings: [Diagnostic] = [], refusals: [Diagnostic] = []
  ) {
    self.request = request
    self.layout = layout
    self.table = table
    self.steps = steps
    self.basis = basis
    self.warnings = warnings
    self.refusals = refusals
  }

  /// Whether something is lost that rolling back or applying again would not bring back.
  public var losesData: Bool { steps.contains { $0.risk == .losesData } }
}

/// One migration in one direction.
public struct PlanStep: Sendable, Hashable {
  public var version: Version
  public var name: String
  public var direction: Direction
  /// Empty for `mark`: only the history is written.
  public var units: [RunUnit]
  public var write: HistoryWrite
  public var risk: Risk
  public var warnings: [String]
  /// Where it takes up a run that broke off; `nil` for one that begins at the beginning.
  public var resumption: Resumption?

  /// Decides how a step is confirmed.
  public enum Risk: Sendable, Hashable {
    /// There is a way back.
    case reversible
    /// Nothing is lost by it, but there is no way back, and the file does not say that this is meant.
    case noWayBack
    /// Drops, truncates or rewrites data, or is marked as having no way back.
    case losesData
  }

  /// Whether all of it, its history row too, is one transaction.
  public var isOneTransaction: Bool { units.count == 1 && units[0].form.isInTransaction }

  /// As messages name it: version and name joined by an underscore.
  public var label: String { migrationLabel(version, name) }

  public init(
    version: Version, name: String, direction: Direction, units: [RunUnit], write: HistoryWrite,
    risk: Risk, warnings: [String] = [], resumption: Resumption? = nil
  ) {
    self.version = version
    self.name = name
    self.direction = direction
    self.units = units
    self.write = write
    self.risk = risk
    self.warnings = warnings
    self.resumption = resumption
  }
}

/// A script of a step with the way it is run.
public struct RunUnit: Sendable, Hashable {
  public var script: Script
  /// The text that is sent; made anew each time, since a plan of thousands would hold each text twice.
  public var sql: String { script.text }
  public var statements: [Statement]
  public var form: Form

  public enum Form: Sendable, Hashable {
    /// Inside a transaction that Lockstep opens, together with the history row.
    case transaction
    /// The script is one `BEGIN … COMMIT` of its own; the history row goes in before the `COMMIT`, which
    /// starts at this UTF-8 offset of `sql`.
    case ownTransaction(commit: Int)
    /// Outside a transaction, as one message; the reason, for the plan.
    case outside(reason: String)
    /// Outside a transaction, statement by statement; the reason, for the plan.
    case statementByStatement(reason: String)
  }

  public init(script: Script, statements: [Statement], form: Form) {
    self.script = script
    self.statements = statements
    self.form = form
  }
}
