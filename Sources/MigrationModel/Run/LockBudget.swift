import PostgresModel

/// How long a migration may stand in a lock queue, how many sessions it may keep waiting there, and when
/// it comes back after it has stepped aside.
public struct LockBudget: Sendable, Hashable {
  /// How long one attempt waits for a lock; `nil` waits as long as the server lets it.
  public var timeout: Duration?
  /// At least 1.
  public var attempts: Int
  /// The most sessions that may queue behind us, directly or behind one another; `nil` for any number.
  public var victims: Int?
  /// The longest that any one of them may wait; `nil` for any time.
  public var oldestVictim: Duration?

  /// Waits without end, once.
  public static let off = LockBudget(timeout: nil, attempts: 1, victims: nil, oldestVictim: nil)

  /// What a protected environment gets where nothing else is said.
  public static let protectedTimeout = Duration.seconds(2)

  /// The server ends an attempt by itself; one that still waits this much later has a time-out of its own.
  static let grace = Duration.milliseconds(100)

  private static let usualAttempts = 10
  private static let usualVictims = 20
  private static let shortestRest = Duration.milliseconds(200)
  private static let longestRest = Duration.seconds(30)

  public init(timeout: Duration?, attempts: Int, victims: Int?, oldestVictim: Duration?) {
    self.timeout = timeout
    self.attempts = attempts
    self.victims = victims
    self.oldestVictim = oldestVictim
  }

  /// Fills in what was not said: with a time-out ten attempts, twenty victims, and two thirds of the
  /// time-out for the oldest of them.
  public static func filled(
    timeout: Duration?, attempts: Int? = nil, victims: Int? = nil, oldestVictim: Duration? = nil
  ) -> LockBudget {
    let isOn = timeout != nil || victims != nil || oldestVictim != nil
    return LockBudget(
      timeout: timeout, attempts: attempts ?? (isOn ? usualAttempts : 1),
      victims: victims ?? (timeout == nil ? nil : usualVictims),
      oldestVictim: oldestVictim ?? timeout.map { $0 * 2 / 3 })
  }

  /// Whether anything is limited, so that the queue has to be watched.
  public var isOn: Bool { timeout != nil || victims != nil || oldestVictim != nil }

  /// Whether to go on waiting.
  public enum Verdict: Sendable, Hashable {
    case keepWaiting
    case stepAside(StepAsideReason)
  }

  /// Decides whether to go on waiting for a lock.
  ///
  /// - Parameters:
  ///   - waited: For this lock, in this attempt.
  ///   - victims: The sessions that queue behind us.
  ///   - oldest: The longest wait of one of them; `nil` where there is none or it is not known.
  public func verdict(waited: Duration, victims: Int, oldest: Duration?) -> Verdict {
    if let limit = self.victims, victims > limit { return .stepAside(.victims) }
    if let limit = oldestVictim, let oldest, oldest > limit { return .stepAside(.oldestVictim) }
    if let timeout, waited > timeout + LockBudget.grace { return .stepAside(.lockTimeout) }
    return .keepWaiting
  }

  /// How long to leave the queue alone: twice the time-out, at least 200 ms, half as much again after each
  /// further attempt, a quarter more or less so that two runners do not meet again and again, 30 s at
  /// most.
  ///
  /// - Parameters:
  ///   - attempt: The one that was given up, from 1.
  ///   - random: From 0 up to, not including, 1.
  public func rest(after attempt: Int, random: Double) -> Duration {
    var rest = max(LockBudget.shortestRest, (timeout ?? .seconds(1)) * 2)
    for _ in 1..<max(1, attempt) where rest < LockBudget.longestRest { rest = rest * 3 / 2 }
    return min(LockBudget.longestRest, min(LockBudget.longestRest, rest) * (0.75 + random / 2))
  }
}

/// Why a migration gave its place in a lock queue back.
public enum StepAsideReason: String, Sendable, Hashable {
  /// The time for one attempt was over.
  case lockTimeout = "lock_timeout"
  /// Too many sessions queued behind it.
  case victims
  /// One of them had waited too long.
  case oldestVictim = "oldest_victim"
  /// Somebody said so.
  case byHand = "by_hand"
}

/// The queue in which a running migration stands, or that has formed behind what it holds.
public struct LockQueue: Sendable, Hashable {
  /// How long it has waited for its lock; `nil` while it waits for none.
  public var waitedMilliseconds: Double?
  /// Sessions that wait for it, directly or behind one another.
  public var victims: Int
  /// The longest wait of one of them; `nil` where there is none or the server does not say.
  public var oldestVictimMilliseconds: Double?
  /// Who keeps it from its lock.
  public var blockers: [LockBlocker]
  /// Those it keeps waiting, the longest first.
  public var waiting: [LockVictim]

  public init(
    waitedMilliseconds: Double? = nil, victims: Int = 0, oldestVictimMilliseconds: Double? = nil,
    blockers: [LockBlocker] = [], waiting: [LockVictim] = []
  ) {
    self.waiting = waiting
    self.waitedMilliseconds = waitedMilliseconds
    self.victims = victims
    self.oldestVictimMilliseconds = oldestVictimMilliseconds
    self.blockers = blockers
  }

  public var isEmpty: Bool { waitedMilliseconds == nil && victims == 0 }
}

/// A session that a migration keeps waiting.
public struct LockVictim: Sendable, Hashable {
  public var pid: Int32
  public var user: String?
  /// The name it gave itself.
  public var application: String?
  /// `nil` where the server does not say.
  public var waitedMilliseconds: Double?

  public init(pid: Int32, user: String?, application: String?, waitedMilliseconds: Double?) {
    self.pid = pid
    self.user = user
    self.application = application
    self.waitedMilliseconds = waitedMilliseconds
  }

  /// For people: `pid 16804, app, web-1`.
  public var words: String {
    (["pid \(pid)"] + [user, application].compactMap { $0 }.filter { !$0.isEmpty })
      .joined(separator: ", ")
  }
}

/// A session, or a prepared transaction, that keeps a migration from its lock.
public struct LockBlocker: Sendable, Hashable {
  /// 0 for a prepared transaction, as the server has it.
  public var pid: Int32
  public var user: String?
  /// The name it gave itself; of a prepared transaction its identifier.
  public var application: String?
  /// `idle in transaction`, `active`; `nil` where this role may not see it.
  public var state: String?
  /// When its transaction began.
  public var since: Instant?

  public init(pid: Int32, user: String?, application: String?, state: String?, since: Instant?) {
    self.pid = pid
    self.user = user
    self.application = application
    self.state = state
    self.since = since
  }

  /// For people: `pid 16669, app, report-job, idle in transaction since 2026-01-09 12:00:00 UTC`.
  public var words: String {
    var parts = [pid == 0 ? "prepared transaction" : "pid \(pid)"]
    parts += [user, application, state].compactMap { $0 }.filter { !$0.isEmpty }
    var text = parts.joined(separator: ", ")
    if let since {
      text += "\(state == nil ? ", in a transaction" : "") since \(since.shortText) UTC"
    }
    return text
  }
}
