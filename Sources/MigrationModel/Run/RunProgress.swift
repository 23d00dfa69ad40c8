import Diagnostics
import PostgresModel

/// What is known of a run from its events so far, ready to be drawn.
public struct RunProgress: Sendable, Hashable {
  /// How many steps the plan has.
  public var total: Int
  /// How many of them have ended, well or not.
  public var ended = 0
  public var current: Current?
  /// Who holds the lock that another run would need.
  public var waitingFor: LockHolder?
  /// The newest notices, oldest first; at most `noticeLimit`.
  public var notices: [Notice] = []
  /// Things worth knowing that are no failure, such as a lost connection that came back.
  public var messages: [Diagnostic] = []
  public var failure: Failure?
  public var isCancelling = false
  public var outcome: Outcome?

  public static let noticeLimit = 200

  /// The step that is running.
  public struct Current: Sendable, Hashable {
    public var version: Version
    public var name: String
    public var direction: Direction
    /// 1-based place among the steps of the plan.
    public var number: Int
    public var startedAt: Instant
    /// Statements that have ended, where they are run one by one.
    public var statementsDone = 0
    public var lastStatement: StatementDone?
    public var rows: Rows?
    public var lock: LockAttempt?
  }

  public struct StatementDone: Sendable, Hashable {
    /// 1-based line of the file.
    public var line: Int
    public var command: String
    public var rows: Int64?
    public var durationMilliseconds: Double
  }

  /// As a script says by `RAISE NOTICE 'Processed % of % rows'`.
  public struct Rows: Sendable, Hashable {
    public var processed: Int64
    public var total: Int64

    public init(processed: Int64, total: Int64) {
      self.processed = processed
      self.total = total
    }

    /// Between 0 and 1; the last batch of many scripts counts past the end.
    public var fraction: Double {
      total > 0 ? min(1, max(0, Double(processed) / Double(total))) : 1
    }
  }

  public struct LockAttempt: Sendable, Hashable {
    public var attempt: Int
    public var of: Int
    public var waitedMilliseconds: Double
    public var blockers: [Int32]
  }

  public struct Notice: Sendable, Hashable {
    public var version: Version
    public var severity: String
    public var message: String
  }

  public struct Failure: Sendable, Hashable {
    public var version: Version
    public var name: String
    public var direction: Direction
    public var diagnostic: Diagnostic
    public var left: RunEvent.StateLeft
  }

  public struct Outcome: Sendable, Hashable {
    public var applied: Int
    public var reverted: Int
    public var failed: Int
    public var durationMilliseconds: Double
  }

  /// - Parameter plan: What is about to run.
  public init(_ plan: Plan) { total = plan.steps.count }

  public var isFinished: Bool { outcome != nil }

  /// Takes in what happened at `now`.
  public mutating func fold(_ event: RunEvent, at now: Instant) {
    switch event {
    case .waitingForRunner(let holder): waitingFor = holder
    case .migrationStarted(let version, let name, let direction):
      waitingFor = nil
      current = Current(
        version: version, name: name, direction: direction, number: ended + 1, startedAt: now)
    case .notice(let version, let severity, let message):
      add(Notice(version: version, severity: severity, message: message))
    case .lockAttempt(_, let attempt, let of, let waited, let blockers):
      current?.lock = LockAttempt(
        attempt: attempt, of: of, waitedMilliseconds: waited, blockers: blockers)
    case .statementFinished(_, _, let line, let command, let rows, let duration):
      current?.statementsDone += 1
      current?.lock = nil
      current?.lastStatement = StatementDone(
        line: line, command: command, rows: rows, durationMilliseconds: duration)
    case .migrationFinished:
      ended += 1
      current = nil
    case .migrationFailed(let version, let name, let direction, let diagnostic, let left):
      ended += 1
      current = nil
      failure = Failure(
        version: version, name: name, direction: direction, diagnostic: diagnostic, left: left)
    case .cancelling: isCancelling = true
    case .message(let diagnostic): messages.append(diagnostic)
    case .reconnected(let words):
      messages.append(.note(code: "reconnected", words))
    case .schemaWritten(let path):
      messages.append(.note(code: "schema_written", "\(path) is written anew"))
    case .finished(let applied, let reverted, let failed, let duration):
      waitingFor = nil
      current = nil
      outcome = Outcome(
        applied: applied, reverted: reverted, failed: failed, durationMilliseconds: duration)
    }
  }

  private mutating func add(_ notice: Notice) {
    if let rows = Rows(notice: notice.message) { current?.rows = rows }
    notices.append(notice)
    if notices.count > Self.noticeLimit { notices.removeFirst(notices.count - Self.noticeLimit) }
  }
}

extension RunProgress.Rows {
  /// Reads `… 1,000 of 50,000 rows …`: two whole numbers with `of` or a slash between them; `nil` for
  /// every other notice.
  public init?(notice: String) {
    let words = notice.split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "/" })
    let hasSlash = notice.contains("/")
    for index in words.indices.dropLast(hasSlash ? 1 : 2) {
      guard let processed = Self.number(words[index]) else { continue }
      let isOf = words[index + 1].lowercased() == "of"
      let next = isOf ? index + 2 : index + 1
      guard isOf || hasSlash, next < words.count, let total = Self.number(words[next]) else {
        continue
      }
      self.init(processed: processed, total: total)
      return
    }
    return nil
  }

  /// A whole number, with separators of thousands or without.
  private static func number(_ word: Substring) -> Int64? {
    let trimmed = word.drop { !$0.isNumber }
    guard word.count - trimmed.count <= 1 else { return nil }
    let digits = trimmed.filter { $0 != "," && $0 != "_" && $0 != "." && $0 != ":" && $0 != ")" }
    return Int64(digits)
  }
}
