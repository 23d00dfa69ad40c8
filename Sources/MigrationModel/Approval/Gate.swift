import Diagnostics

/// One thing that an environment asks for before a plan may run there, and how it stands.
public struct Gate: Sendable, Hashable {
  public var id: ID
  public var title: String
  public var state: State
  /// What was seen, a line each.
  public var evidence: [String]

  public enum ID: String, Sendable, Hashable, CaseIterable {
    case validated, approval
    case otherThanAuthor = "other_than_author"
    case backup, health
  }

  public enum State: Sendable, Hashable {
    /// It stands open; why.
    case open(String)
    /// Nothing may be run; with the way out.
    case closed(Diagnostic)
    /// This environment, or this plan, does not ask for it.
    case notAsked
  }

  public init(_ id: ID, _ title: String, _ state: State, evidence: [String] = []) {
    self.id = id
    self.title = title
    self.state = state
    self.evidence = evidence
  }

  /// What keeps the plan from running; `nil` where nothing does.
  public var refusal: Diagnostic? {
    if case .closed(let diagnostic) = state { diagnostic } else { nil }
  }
}

extension Gate.State {
  /// As scripts read it: `open`, `closed`, `not_asked`.
  public var word: String {
    switch self {
    case .open: "open"
    case .closed: "closed"
    case .notAsked: "not_asked"
    }
  }

  /// Why it stands as it does, in one line; `nil` where it is not asked for.
  public var reason: String? {
    switch self {
    case .open(let reason): reason
    case .closed(let diagnostic): diagnostic.what
    case .notAsked: nil
    }
  }
}
