import PostgresModel

/// Whether the dashboard may write, and until when.
public enum Access: Sendable, Hashable {
  case readOnly(Reason)
  /// Falls back to read-only at this moment.
  case armed(until: Instant)

  public enum Reason: Sendable, Hashable {
    /// Every session starts so; `:arm` ends it.
    case start
    /// The time that `:arm` gave has run out.
    case expired
    /// `--read-only` was given; nothing ends it.
    case commandLine
  }

  /// Whether a run may start at this moment.
  public func permitsWriting(at now: Instant) -> Bool {
    if case .armed(let until) = self { now < until } else { false }
  }
}
