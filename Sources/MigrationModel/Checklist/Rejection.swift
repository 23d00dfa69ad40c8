/// How the server answered something that was tried.
public enum Answer<Value: Sendable>: Sendable {
  case accepted(Value)
  case rejected(Rejection)

  public var value: Value? {
    guard case .accepted(let value) = self else { return nil }
    return value
  }

  public var rejection: Rejection? {
    guard case .rejected(let rejection) = self else { return nil }
    return rejection
  }
}

/// What the server said when it refused something.
public struct Rejection: Sendable, Hashable {
  public var sqlstate: String
  public var message: String
  public var constraint: String?
  public var column: String?
  public var table: String?
  /// The functions that it came out of.
  public var context: String?

  public init(
    sqlstate: String, message: String, constraint: String? = nil, column: String? = nil,
    table: String? = nil, context: String? = nil
  ) {
    self.sqlstate = sqlstate
    self.message = message
    self.constraint = constraint
    self.column = column
    self.table = table
    self.context = context
  }

  /// For evidence: message, SQLSTATE.
  public var words: String { "\(message) (SQLSTATE \(sqlstate))" }
}

/// How a constraint is expected to refuse: with one of these codes, under its own name.
public struct ExpectedRejection: Sendable, Hashable {
  public var sqlstates: [String]
  public var name: Name

  /// By what the server names the one that refused.
  public enum Name: Sendable, Hashable {
    /// Any of these: partitions have names of their own for what they repeat.
    case constraint([String])
    case column(String)
    /// It has no field for it; the message holds this.
    case message(String)
  }

  public init(_ sqlstates: [String], _ name: Name) {
    self.sqlstates = sqlstates
    self.name = name
  }

  /// Whether it is this very constraint that refused.
  public func isMet(by rejection: Rejection) -> Bool {
    guard sqlstates.contains(rejection.sqlstate) else { return false }
    switch name {
    case .constraint(let names):
      return rejection.constraint.map(names.contains) ?? false
    case .column(let name): return rejection.column == name
    case .message(let part): return rejection.message.contains(part)
    }
  }
}
