import PostgresModel

/// How a run goes from statement to statement.
public enum RunPace: Sendable, Hashable {
  /// As fast as it can.
  case atOnce
  /// Stops before each statement and before the commit, and waits to be told how to go on.
  case stepping
}

/// How to go on where a run has stopped.
public enum StepDecision: String, Sendable, Hashable {
  /// Run the next statement, or commit, and stop again.
  case next
  /// Run the rest of this migration without stopping; the next one stops again.
  case rest
  /// Undo all that this migration has done, and end the run.
  case rollBack
}

/// Where a run has stopped within the transaction of a migration.
public struct RunStop: Sendable, Hashable {
  /// What comes next.
  public var next: Next
  /// Statements of the migration.
  public var statements: Int
  /// How long the transaction has been open.
  public var openMilliseconds: Double
  /// How long it may be, before it is rolled back; `nil` for any time.
  public var limitMilliseconds: Double?

  public enum Next: Sendable, Hashable {
    /// `index` from 0, `line` of the file from 1.
    case statement(index: Int, line: Int, command: String)
    case commit
  }

  public init(
    next: Next, statements: Int, openMilliseconds: Double = 0, limitMilliseconds: Double? = nil
  ) {
    self.next = next
    self.statements = statements
    self.openMilliseconds = openMilliseconds
    self.limitMilliseconds = limitMilliseconds
  }
}

extension PlanStep {
  /// Whether it can be run statement by statement with the same result, and why not.
  public var stepping: Stepping {
    guard let unit = units.first else { return .notOffered("only the history is written") }
    guard units.count == 1 else { return .notOffered("it is several scripts") }
    switch unit.form {
    case .transaction: return .offered
    case .ownTransaction: return .notOffered("its file has BEGIN and COMMIT of its own")
    case .outside(let reason), .statementByStatement(let reason):
      return .notOffered("it runs outside a transaction: \(reason)")
    }
  }

  public enum Stepping: Sendable, Hashable {
    case offered
    /// The reason completes "it cannot be stepped through: …".
    case notOffered(String)
  }
}

/// A lock that a migration holds, or held until its transaction ended.
public struct HeldLock: Sendable, Hashable {
  public var mode: LockMode
  public var relation: QualifiedName
  /// At most; exact where statements were run one by one; `nil` while it is still held.
  public var milliseconds: Double?

  public init(mode: LockMode, relation: QualifiedName, milliseconds: Double? = nil) {
    self.mode = mode
    self.relation = relation
    self.milliseconds = milliseconds
  }
}

/// What a statement did to an object of the catalogue.
public struct CatalogChange: Sendable, Hashable {
  /// `table`, `column`, `index`, `constraint`, `trigger`, `type`, `function`, …
  public var kind: String
  /// With its schema, and its table where it belongs to one.
  public var object: String
  public var action: Action
  /// What it is now, or was; `nil` where there is nothing to say.
  public var detail: String?

  public enum Action: String, Sendable, Hashable {
    case added, dropped, changed
  }

  public init(kind: String, object: String, action: Action, detail: String? = nil) {
    self.kind = kind
    self.object = object
    self.action = action
    self.detail = detail
  }

  /// For people: `added column public.orders.channel text`.
  public var words: String {
    "\(action.rawValue) \(kind) \(object)" + (detail.map { ": \($0)" } ?? "")
  }
}

/// How far the server says that a statement has come.
public struct StatementProgress: Sendable, Hashable {
  /// `building index: scanning table`.
  public var phase: String
  public var done: Int64
  /// 0 where the server does not know.
  public var total: Int64
  /// `blocks`, `tuples`, `bytes`, `transactions`.
  public var unit: String

  public init(phase: String, done: Int64, total: Int64, unit: String) {
    self.phase = phase
    self.done = done
    self.total = total
    self.unit = unit
  }
}
