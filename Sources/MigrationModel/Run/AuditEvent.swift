import PostgresModel

/// What a person did to the session of somebody else, as it is kept.
///
/// Written once the server has answered, whatever it answered: an attempt that was refused is one too.
public struct AuditEvent: Sendable, Hashable {
  /// What was asked of the server.
  public enum Action: String, Sendable, Hashable, CaseIterable {
    /// `pg_cancel_backend`: the statement that runs is given up.
    case cancel
    /// `pg_terminate_backend`: the session ends, its transaction rolls back.
    case end
  }

  /// What came of it.
  public enum Outcome: Sendable, Hashable {
    /// The server has passed the signal on.
    case signalled
    /// The session, or its transaction, was no longer the one that was seen; nothing was done.
    case changed
    /// The server refused, or could not be asked; its own words.
    case failed(String)
  }

  public var at: Instant
  /// Who asked for it: the name that runs are recorded under.
  public var by: String
  public var action: Action
  public var pid: Int32
  /// Of the session; `nil` where the server hides it or there is none.
  public var user: String?
  public var application: String?
  public var backendStart: Instant?
  /// Since when its statement had been running, or its last one had begun.
  public var queryStart: Instant?
  /// How many sessions waited for it, directly or by way of others, when it was asked for.
  public var victims: Int
  public var outcome: Outcome

  public init(
    at: Instant, by: String, action: Action, pid: Int32, user: String? = nil,
    application: String? = nil, backendStart: Instant? = nil, queryStart: Instant? = nil,
    victims: Int = 0, outcome: Outcome
  ) {
    self.at = at
    self.by = by
    self.action = action
    self.pid = pid
    self.user = user
    self.application = application
    self.backendStart = backendStart
    self.queryStart = queryStart
    self.victims = victims
    self.outcome = outcome
  }
}
