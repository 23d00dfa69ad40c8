import Diagnostics
import MigrationModel
import PostgresModel

/// The events of one run, folded into what is shown of it.
public struct RunLog: Sendable, Hashable {
  public var plan: Plan
  public var startedAt: Instant
  public private(set) var entries: [Entry] = []
  /// The migration that runs at this moment.
  public private(set) var current: Current?
  public private(set) var outcome: Outcome?
  public private(set) var isCancelling = false
  /// Steps that ended, well or badly.
  public private(set) var stepsDone = 0
  /// What it has done to migrations, by their versions.
  public private(set) var done: [Version: Done] = [:]
  /// The last `Processed X of Y` of the migration that runs.
  public private(set) var progress: Progress?
  /// How long the migrations of this run may wait for locks.
  public var budget: LockBudget
  /// The queue around what runs, as it was last seen; `nil` where there is none.
  public private(set) var queue: SeenQueue?
  /// What the server reports of the statement that runs.
  public private(set) var reported = Reported.unknown
  /// Where it has stopped and waits to be told how to go on.
  public private(set) var stop: Stop?

  /// How far the server says that a statement has come.
  public enum Reported: Sendable, Hashable {
    /// It was not asked, or did not answer.
    case unknown
    /// It reports nothing of such a statement, as of a table that is rewritten.
    case nothing
    case progress(StatementProgress)
  }

  /// A stop within the transaction of a migration.
  public struct Stop: Sendable, Hashable {
    public var place: RunStop
    public var at: Instant
    /// About the moment at which the transaction began.
    public var transactionStartedAt: Instant

    /// How long the transaction has been open by now, in milliseconds.
    public func openMilliseconds(at now: Instant) -> Double {
      max(0, Double(now.microseconds(since: transactionStartedAt)) / 1000)
    }
  }

  /// A queue, with the moment of its sight.
  public struct SeenQueue: Sendable, Hashable {
    public var queue: LockQueue
    public var at: Instant

    /// How long the lock has been waited for by now; `nil` where none is.
    public func waitedMilliseconds(at now: Instant) -> Double? {
      grown(queue.waitedMilliseconds, now)
    }

    /// How long the oldest of those behind has waited by now.
    public func oldestMilliseconds(at now: Instant) -> Double? {
      grown(queue.oldestVictimMilliseconds, now)
    }

    private func grown(_ milliseconds: Double?, _ now: Instant) -> Double? {
      milliseconds.map { $0 + max(0, Double(now.microseconds(since: at)) / 1000) }
    }
  }

  /// A line of the log, with its moment.
  public struct Entry: Sendable, Hashable {
    public var at: Instant
    public var kind: Kind

    public enum Kind: Sendable, Hashable {
      case started(Version, name: String, Direction)
      case notice(severity: String, message: String)
      case lockAttempt(
        Int, of: Int, waitedMilliseconds: Double, blockers: [LockBlocker], reason: StepAsideReason,
        restMilliseconds: Double?)
      case statement(
        Int, line: Int, command: String, rows: Int64?, milliseconds: Double, locks: [HeldLock],
        changes: [CatalogChange])
      case finished(
        Version, name: String, Direction, milliseconds: Double, locks: [HeldLock])
      case failed(Version, name: String, Diagnostic, left: RunEvent.StateLeft)
      case diagnostic(Diagnostic)
      case remark(String)
    }
  }

  public struct Current: Sendable, Hashable {
    public var version: Version
    public var name: String
    public var direction: Direction
    public var startedAt: Instant
    public var statementsDone = 0
    /// When what is at work was sent, as nearly as it is known.
    public var sentAt: Instant
    /// Whether it has stopped between its statements, which are then sent one by one.
    public var isStepped = false
    /// What the statements of each script would do by their text.
    var effects: [[EffectAnalysis]] = []
    /// The lock attempt that is under way, 1 before the first has failed.
    public var attempt = 1
    /// How many there are in all.
    public var attempts: Int
    /// Set while nothing is held between two attempts.
    public var rest: Rest?
  }

  /// The time between two attempts.
  public struct Rest: Sendable, Hashable {
    public var until: Instant
    public var milliseconds: Double

    public func isOver(at now: Instant) -> Bool { now >= until }
  }

  /// What a run has done to a migration, which it may apply and roll back in turn.
  public struct Done: Sendable, Hashable {
    public var first: Direction
    public var last: Direction
    public var at: Instant
  }

  public enum Outcome: Sendable, Hashable {
    case finished(applied: Int, reverted: Int, failed: Int, milliseconds: Double)
    /// It ended without a closing word from the runner.
    case brokeOff(Diagnostic?)
  }

  /// How far a batched migration says it has come.
  public struct Progress: Sendable, Hashable {
    public var done: Int64
    public var of: Int64

    public init(done: Int64, of: Int64) {
      self.done = done
      self.of = of
    }
  }

  public init(plan: Plan, startedAt: Instant, budget: LockBudget = .off) {
    self.plan = plan
    self.startedAt = startedAt
    self.budget = budget
  }

  /// Whether what runs stands in a queue, or keeps others in one, so that it can be told to step aside.
  public var mayStepAside: Bool {
    guard isRunning, !isCancelling, stop == nil, let queue else { return false }
    return !queue.queue.isEmpty
  }

  /// How long the rest between two attempts still takes; `nil` while none does.
  public func restLeft(at now: Instant) -> Double? {
    guard let rest = current?.rest, !rest.isOver(at: now) else { return nil }
    return Double(rest.until.microseconds(since: now)) / 1000
  }

  public var isRunning: Bool { outcome == nil }

  /// Whether a statement runs of which nobody says how far it has come.
  public func lacksProgress(at now: Instant) -> Bool {
    reported == .nothing && progress == nil && stop == nil && restLeft(at: now) == nil
      && queue?.queue.waitedMilliseconds == nil
  }

  /// What a migration should take at most, in milliseconds; one that takes longer is flagged.
  public static let targetMilliseconds = 30_000.0

  /// Folds one more event in.
  public mutating func append(_ event: RunEvent, at now: Instant) {
    func entry(_ kind: Entry.Kind) { entries.append(Entry(at: now, kind: kind)) }
    switch event {
    case .waitingForRunner(let holder):
      entry(.remark("waiting for another runner: \(RunLog.words(for: holder))"))
    case .migrationStarted(let version, let name, let direction):
      current = Current(
        version: version, name: name, direction: direction, startedAt: now, sentAt: now,
        attempts: budget.attempts)
      let units = currentStep?.units ?? []
      current?.effects = units.map(\.effects)
      progress = nil
      reported = .unknown
      stop = nil
      queue = nil
      entry(.started(version, name: name, direction))
    case .notice(_, let severity, let message):
      if let found = Progress(message: message) { progress = found }
      entry(.notice(severity: severity, message: message))
    case .lockAttempt(_, let attempt, let of, let waited, let blockers, let reason, let rest):
      current?.attempt = min(attempt + 1, of)
      current?.attempts = of
      current?.rest = rest.map {
        Rest(
          until: Instant(microseconds: now.microseconds + Int64($0 * 1000)), milliseconds: $0)
      }
      let known = queue?.queue.blockers ?? []
      entry(
        .lockAttempt(
          attempt, of: of, waitedMilliseconds: waited,
          blockers: blockers.map { pid in
            known.first { $0.pid == pid }
              ?? LockBlocker(pid: pid, user: nil, application: nil, state: nil, since: nil)
          }, reason: reason, restMilliseconds: rest))
      queue = nil
      stop = nil
      reported = .unknown
      current?.statementsDone = 0
      let again = current?.rest?.until
      current?.sentAt = again ?? now
    case .queue(_, let found): queue = found.isEmpty ? nil : SeenQueue(queue: found, at: now)
    case .progress(_, let found): reported = found.map(Reported.progress) ?? .nothing
    case .statementFinished(
      _, let index, let line, let command, let rows, let milliseconds, let locks, let changes):
      current?.statementsDone = index + 1
      current?.sentAt = now
      queue = nil
      reported = .unknown
      entry(
        .statement(
          index, line: line, command: command, rows: rows, milliseconds: milliseconds,
          locks: locks ?? [], changes: changes ?? []))
    case .stopped(_, let place):
      queue = nil
      current?.isStepped = true
      stop = Stop(
        place: place, at: now,
        transactionStartedAt: Instant(
          microseconds: now.microseconds - Int64(place.openMilliseconds * 1000)))
    case .resumed:
      queue = nil
      current?.sentAt = now
      stop = nil
    case .migrationFinished(let version, let name, let direction, let milliseconds, let locks):
      endCurrent()
      stepsDone += 1
      done[version] = Done(first: done[version]?.first ?? direction, last: direction, at: now)
      entry(
        .finished(version, name: name, direction, milliseconds: milliseconds, locks: locks ?? []))
    case .migrationDeclined(let version, _, _):
      endCurrent()
      stepsDone += 1
      entry(.remark("\(version) rolled back as told; nothing of it stands"))
    case .migrationFailed(let version, let name, _, let diagnostic, let left):
      endCurrent()
      stepsDone += 1
      entry(.failed(version, name: name, diagnostic, left: left))
    case .backupStarted(let place): entry(.remark("backing up: \(place)"))
    case .backupEnded(let backup): entry(.remark(backup.words))
    case .healthChecked(let check): entry(.remark(check.words))
    case .rollingBack(let plan):
      entry(.remark("rolling back \(plan.steps.map(\.label).joined(separator: ", "))"))
    case .safeguardFailed(let diagnostic): entry(.diagnostic(diagnostic))
    case .cancelling:
      isCancelling = true
      entry(.remark("cancelling the statement on the server"))
    case .reconnected(let text): entry(.remark("reconnected: \(text)"))
    case .schemaWritten(let path): entry(.remark("schema written to \(path)"))
    case .message(let diagnostic): entry(.diagnostic(diagnostic))
    case .finished(let applied, let reverted, let failed, let milliseconds):
      endCurrent()
      outcome = .finished(
        applied: applied, reverted: reverted, failed: failed, milliseconds: milliseconds)
    }
  }

  private mutating func endCurrent() {
    current = nil
    queue = nil
    reported = .unknown
    stop = nil
  }

  /// Notes that a cancel was asked for.
  public mutating func cancel(at now: Instant) {
    guard isRunning, !isCancelling else { return }
    append(.cancelling, at: now)
  }

  /// Closes the log when the runner has let go.
  public mutating func end(_ failure: Diagnostic?, at now: Instant) {
    endCurrent()
    if let failure { entries.append(Entry(at: now, kind: .diagnostic(failure))) }
    if outcome == nil { outcome = .brokeOff(failure) }
  }

  private static func words(for holder: LockHolder) -> String {
    var text = "pid \(holder.pid)"
    if let user = holder.user { text += ", user \(user)" }
    if let application = holder.application, !application.isEmpty { text += ", \(application)" }
    return text + ", holds the lock of \(holder.key)"
  }
}

extension RunLog.Progress {
  /// Reads `Processed 5000 of 120,000 rows` out of a notice; `nil` for any other text.
  ///
  /// The words are those of the batched backfills that the project templates write; digits may be
  /// grouped by commas or underscores.
  public init?(message: String) {
    let words = message.split { $0 == " " || $0 == "/" || $0 == "\n" }
    guard let verb = words.firstIndex(where: { $0.lowercased() == "processed" }) else { return nil }
    let numbers = words[words.index(after: verb)...].prefix(4).compactMap(Self.number)
    guard numbers.count >= 2, numbers[1] > 0, numbers[0] >= 0 else { return nil }
    self.init(done: numbers[0], of: numbers[1])
  }

  private static func number(_ word: Substring) -> Int64? {
    let digits = word.filter { $0 != "," && $0 != "_" }
    let trimmed = digits.last == "." ? digits.dropLast() : digits[...]
    return Int64(trimmed)
  }

  /// Between 0 and 1, also where more was done than announced.
  public var fraction: Double { min(1, Double(done) / Double(of)) }
}
