import CPosix
import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The one thread: a loop around `poll(2)` that runs Swift jobs between waits.
///
/// It is a `SerialExecutor` for the actors that name it and a `TaskExecutor` for the tasks that prefer
/// it, so that plain `async` functions, sockets and timers share one thread and nothing needs a lock.
/// A loop belongs to the thread that made it; `run` is called there.
public final class EventLoop: SerialExecutor, TaskExecutor, @unchecked Sendable {
  // Unchecked: `shared` is behind a mutex, `wake` and `thread` never change, and all else is touched on
  // `thread` alone, which `precondition`s check.

  private struct Shared {
    var jobs: [UnownedJob] = []
    var cancelled: [Int] = []
    /// Whether a byte is already on its way through the pipe.
    var isWoken = false
  }

  private struct Waiter {
    var identifier: Int
    var descriptor: Int32
    var events: Int16
    /// When it waits no longer.
    var deadline: ContinuousClock.Instant?
    var continuation: CheckedContinuation<Int16?, Never>
  }

  private struct Timer {
    var identifier: Int
    var deadline: ContinuousClock.Instant
    var continuation: CheckedContinuation<Bool, Never>
  }

  private let shared = Mutex(Shared())
  private let wake: (read: Int32, write: Int32)
  private let thread: pthread_t
  /// A handful, in the order in which they began to wait.
  private var waiters: [Waiter] = []
  private var timers: [Timer] = []
  private var nextIdentifier = 0
  private var isStopped = false
  /// The jobs of this round, and what `poll(2)` is asked: kept, as their storage serves again and again.
  private var round: [UnownedJob] = []
  private var descriptors: [pollfd] = []

  /// Makes the loop of the calling thread.
  ///
  /// - Throws: `EventLoopError.noDescriptors` where the process has none left.
  public init() throws(EventLoopError) {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw .noDescriptors(errno: errno) }
    for end in ends {
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
    }
    wake = (ends[0], ends[1])
    thread = pthread_self()
  }

  deinit {
    close(wake.read)
    close(wake.write)
  }

  // MARK: Executor

  public func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    let mustWake = shared.withLock { shared in
      shared.jobs.append(job)
      defer { shared.isWoken = true }
      return !shared.isWoken
    }
    if mustWake && !isOnThread { wakeUp() }
  }

  public func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(self) }
  public func asUnownedTaskExecutor() -> UnownedTaskExecutor { UnownedTaskExecutor(ordinary: self) }

  public func checkIsolated() {
    precondition(isOnThread, "not on the event loop's thread")
  }

  private var isOnThread: Bool { pthread_equal(pthread_self(), thread) != 0 }

  private func wakeUp() {
    var byte: UInt8 = 1
    _ = write(wake.write, &byte, 1)
  }

  // MARK: Running

  /// Runs `body` and everything it awaits on this thread, and returns when it has returned.
  ///
  /// - Precondition: Called on the thread that made the loop, and not from within it.
  public func run<Result: Sendable>(_ body: @escaping @Sendable () async -> Result) -> Result {
    checkIsolated()
    let outcome = Mutex<Result?>(nil)
    isStopped = false
    Task(executorPreference: self) {
      let result = await body()
      outcome.withLock { $0 = result }
      self.isStopped = true
    }
    while !isStopped { turn() }
    guard let result = outcome.withLock({ $0 }) else {
      preconditionFailure("the loop stopped before its body returned")
    }
    return result
  }

  /// How often jobs that jobs have made are run before the descriptors are looked at again.
  private static let roundsInATurn = 64

  /// One turn: the jobs that are there and those that they make, then the descriptors and timers that
  /// are due.
  private func turn() {
    // One step of a task mostly leads to the next, and asking the kernel between any two of them costs
    // more than they do; but jobs that never run out must not starve the rest.
    var rounds = 0
    repeat {
      runJobs()
      rounds += 1
    } while rounds < EventLoop.roundsInATurn && !isStopped && hasWork
    wait(milliseconds: isStopped || hasWork ? 0 : millisecondsToNextTimer())
  }

  private func runJobs() {
    let cancelled = shared.withLock { shared in
      swap(&round, &shared.jobs)
      shared.isWoken = false
      defer { shared.cancelled = [] }
      return shared.cancelled
    }
    for identifier in cancelled { cancel(identifier) }
    for job in round {
      job.runSynchronously(
        isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
    }
    round.removeAll(keepingCapacity: true)
  }

  private var hasWork: Bool {
    shared.withLock { !$0.jobs.isEmpty || !$0.cancelled.isEmpty }
  }

  private func millisecondsToNextTimer() -> Int32 {
    var next: ContinuousClock.Instant?
    for timer in timers { next = min(next ?? timer.deadline, timer.deadline) }
    for waiter in waiters {
      if let deadline = waiter.deadline { next = min(next ?? deadline, deadline) }
    }
    guard let next else { return -1 }
    let rest = ContinuousClock.now.duration(to: next).components
    guard rest.seconds >= 0, rest.attoseconds >= 0 else { return 0 }
    // Rounded up: a timer must not fire early and spin.
    let milliseconds = rest.seconds * 1000 + rest.attoseconds / 1_000_000_000_000_000 + 1
    return Int32(clamping: milliseconds)
  }

  private func wait(milliseconds: Int32) {
    descriptors.removeAll(keepingCapacity: true)
    descriptors.append(pollfd(fd: wake.read, events: Int16(POLLIN), revents: 0))
    for waiter in waiters {
      descriptors.append(pollfd(fd: waiter.descriptor, events: waiter.events, revents: 0))
    }
    if milliseconds != 0 || !waiters.isEmpty {
      let ready = poll(&descriptors, nfds_t(descriptors.count), milliseconds)
      if ready > 0 && descriptors[0].revents != 0 { drainPipe() }
      if ready > 0 || waiters.contains(where: { $0.deadline != nil }) { resumeWaiters() }
    }
    guard !timers.isEmpty else { return }
    let now = ContinuousClock.now
    for timer in timers where timer.deadline <= now { timer.continuation.resume(returning: true) }
    timers.removeAll { $0.deadline <= now }
  }

  /// Resumes those whose descriptor, which stands one place later, has something to tell, and those whose
  /// time is up.
  private func resumeWaiters() {
    var kept = 0
    for i in waiters.indices {
      let events = descriptors[i + 1].revents
      let isLate = waiters[i].deadline.map { $0 <= .now } ?? false
      if events != 0 || isLate {
        waiters[i].continuation.resume(returning: events)
      } else {
        waiters.swapAt(kept, i)
        kept += 1
      }
    }
    waiters.removeSubrange(kept...)
  }

  private func drainPipe() {
    var bytes = [UInt8](repeating: 0, count: 64)
    while read(wake.read, &bytes, bytes.count) > 0 {}
  }

  private func cancel(_ identifier: Int) {
    if let i = waiters.firstIndex(where: { $0.identifier == identifier }) {
      waiters.remove(at: i).continuation.resume(returning: nil)
    }
    if let i = timers.firstIndex(where: { $0.identifier == identifier }) {
      timers.remove(at: i).continuation.resume(returning: false)
    }
  }

  private func requestCancellation(_ identifier: Int) {
    shared.withLock { $0.cancelled.append(identifier) }
    // Unconditional: the flag speaks of jobs, and this may come from any thread at any moment.
    wakeUp()
  }

  private func identifier() -> Int {
    checkIsolated()
    nextIdentifier += 1
    return nextIdentifier
  }

  // MARK: Waiting

  /// Waits until a descriptor is ready, as `poll(2)` tells it.
  ///
  /// Several tasks may wait on one descriptor; each is resumed. A descriptor that was closed gives
  /// `POLLNVAL`.
  ///
  /// - Parameters:
  ///   - descriptor: An open file descriptor.
  ///   - events: `POLLIN`, `POLLOUT` or both.
  /// - Returns: The events that came.
  /// - Throws: `CancellationError` when the task is cancelled meanwhile.
  public func ready(
    _ descriptor: Int32, _ events: Int16
  ) async throws(CancellationError) -> Int16 {
    let identifier = identifier()
    let result = await withTaskCancellationHandler {
      await withCheckedContinuation { (continuation: CheckedContinuation<Int16?, Never>) in
        guard !Task.isCancelled else { return continuation.resume(returning: nil) }
        waiters.append(
          Waiter(
            identifier: identifier, descriptor: descriptor, events: events,
            continuation: continuation))
      }
    } onCancel: {
      requestCancellation(identifier)
    }
    guard let result else { throw CancellationError() }
    return result
  }

  /// Waits until a descriptor is ready, even in a task that was cancelled.
  ///
  /// - Parameter deadline: How long at most.
  /// - Returns: The events that came; 0 where none came in time.
  public func readyDespiteCancellation(
    _ descriptor: Int32, _ events: Int16, until deadline: ContinuousClock.Instant? = nil
  ) async -> Int16 {
    let identifier = identifier()
    let result = await withCheckedContinuation {
      (continuation: CheckedContinuation<Int16?, Never>) in
      waiters.append(
        Waiter(
          identifier: identifier, descriptor: descriptor, events: events, deadline: deadline,
          continuation: continuation))
    }
    // `nil` comes from `cancel`, which nobody asks for here.
    return result ?? 0
  }

  /// Waits for a time.
  ///
  /// - Throws: `CancellationError` when the task is cancelled meanwhile.
  public func sleep(for duration: Duration) async throws(CancellationError) {
    try await sleep(until: ContinuousClock.now + duration)
  }

  /// Waits for a moment.
  ///
  /// - Throws: `CancellationError` when the task is cancelled meanwhile.
  public func sleep(until deadline: ContinuousClock.Instant) async throws(CancellationError) {
    let identifier = identifier()
    let isDue = await withTaskCancellationHandler {
      await withCheckedContinuation { (continuation: CheckedContinuation<Bool, Never>) in
        guard !Task.isCancelled else { return continuation.resume(returning: false) }
        timers.append(
          Timer(identifier: identifier, deadline: deadline, continuation: continuation))
      }
    } onCancel: {
      requestCancellation(identifier)
    }
    guard isDue else { throw CancellationError() }
  }
}

/// Why a loop could not be made.
public enum EventLoopError: Error, Hashable {
  case noDescriptors(errno: Int32)
}
