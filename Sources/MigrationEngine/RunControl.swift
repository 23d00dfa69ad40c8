import EventLoop
import MigrationModel
import Postgres
import Synchronization

/// What may be told to a run from outside while it goes on.
///
/// Whoever gives one is taken for somebody who looks on: the queue is watched in any case.
public final class RunControl: Sendable {
  private struct State {
    var underWay: UnderWay?
    /// Counts the messages, so that nobody gives up one that has already ended.
    var number = 0
    var reason: StepAsideReason?
    /// The last picture of a queue in which this message stood, with its moment.
    var queue: (LockQueue, ContinuousClock.Instant)?
    /// Whoever waits to be told how to go on.
    var stopped: CheckedContinuation<Answer, Never>?
    var isCancelled = false
    /// Whether the transaction that is stepped through has been open for too long.
    var isOverdue = false
  }

  /// What becomes of a stop.
  enum Answer: Sendable, Hashable {
    case told(StepDecision)
    case cancelled
    /// The transaction may not stay open any longer.
    case overdue
  }

  /// A message whose answer is awaited.
  private struct UnderWay {
    var connection: Connection
    var version: Version
    var mayStepAside: Bool
  }

  private let state = Mutex(State())

  public init() {}

  /// Gives the place in the lock queue back at once: what runs is cancelled and rolled back, and tried
  /// again after a rest.
  ///
  /// - Returns: Whether there was something that can be given back.
  @discardableResult
  public func stepAside() -> Bool {
    let number = state.withLock { $0.number }
    return stepAside(from: number, .byHand)
  }

  /// Tells a run that has stopped how to go on.
  ///
  /// - Returns: Whether one had stopped.
  @discardableResult
  public func decide(_ decision: StepDecision) -> Bool {
    let stopped = state.withLock { state in
      defer { state.stopped = nil }
      return state.stopped
    }
    stopped?.resume(returning: .told(decision))
    return stopped != nil
  }

  // MARK: For the run

  /// Waits to be told how to go on, until the task is cancelled or the transaction overdue.
  ///
  /// - Parameter told: Called once a decision is waited for.
  func decision(_ told: () -> Void) async -> Answer {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let known = state.withLock { state -> Answer? in
          guard !state.isCancelled, !Task.isCancelled else { return .cancelled }
          guard !state.isOverdue else { return .overdue }
          state.stopped = continuation
          return nil
        }
        if let known { continuation.resume(returning: known) } else { told() }
      }
    } onCancel: {
      let stopped = state.withLock { state in
        state.isCancelled = true
        defer { state.stopped = nil }
        return state.stopped
      }
      stopped?.resume(returning: .cancelled)
    }
  }

  /// Notes that a transaction is opened that will be stepped through.
  func beginStepping() { state.withLock { $0.isOverdue = false } }

  /// Ends the stepping through a transaction that has been open for too long: nobody is asked any more,
  /// and a statement that runs is cancelled.
  func endStepping() {
    let (stopped, underWay) = state.withLock { state in
      state.isOverdue = true
      defer { state.stopped = nil }
      return (state.stopped, state.underWay)
    }
    if let stopped { return stopped.resume(returning: .overdue) }
    guard let connection = underWay?.connection else { return }
    Task(executorPreference: connection.loop) { await connection.cancel() }
  }

  /// Whether the transaction that is stepped through has been open for too long.
  var isOverdue: Bool { state.withLock { $0.isOverdue } }

  /// The message that is under way, with its session and its migration.
  var message: (number: Int, pid: Int32, version: Version)? {
    state.withLock { state in
      state.underWay.map { (state.number, $0.connection.processID, $0.version) }
    }
  }

  /// Notes that a message is sent; returns its number.
  func begin(_ connection: Connection, _ version: Version, mayStepAside: Bool) -> Int {
    state.withLock { state in
      state.number += 1
      state.underWay = UnderWay(
        connection: connection, version: version, mayStepAside: mayStepAside)
      state.reason = nil
      state.queue = nil
      return state.number
    }
  }

  /// Notes that its answer is there; returns why it was given up, where it was, and its last queue.
  func end() -> (reason: StepAsideReason?, queue: (LockQueue, ContinuousClock.Instant)?) {
    state.withLock { state in
      state.underWay = nil
      defer { state.reason = nil }
      return (state.reason, state.queue)
    }
  }

  /// Notes how the queue of a message stands.
  func note(_ queue: LockQueue, of number: Int) {
    state.withLock { state in
      guard state.number == number, state.underWay != nil, !queue.isEmpty else { return }
      state.queue = (queue, .now)
    }
  }

  /// Gives up a message, unless it has ended or cannot be tried again.
  @discardableResult
  func stepAside(from number: Int, _ reason: StepAsideReason) -> Bool {
    let connection = state.withLock { state -> Connection? in
      guard state.number == number, let underWay = state.underWay, underWay.mayStepAside,
        state.reason == nil
      else { return nil }
      state.reason = reason
      return underWay.connection
    }
    guard let connection else { return false }
    Task(executorPreference: connection.loop) { await connection.cancel() }
    return true
  }
}
