import CPosix

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Another program that is ended, with everything it has started, when the task is cancelled or its time
/// is over: `pg_dump`, a health check.
public struct SupervisedProcess: Sendable {
  public var child: ChildProcess
  /// What stands on its standard input; at most what a pipe holds.
  public var input: [UInt8]
  /// How long it may take; `nil` for any time.
  public var timeout: Duration?
  /// How long it has to end by itself once it was told to.
  public var grace = Duration.seconds(2)

  /// How it ended.
  public enum End: Sendable {
    case ended(ChildProcess.Outcome)
    /// It took too long, and is gone.
    case late(ChildProcess.Outcome)
    /// The task was cancelled, and it is gone.
    case cancelled
  }

  /// - Precondition: The input is no longer than 4096 bytes.
  public init(_ child: ChildProcess, input: [UInt8] = [], timeout: Duration? = nil) {
    precondition(input.count <= 4096, "a pipe may hold no more")
    self.child = child
    self.input = input
    self.timeout = timeout
  }

  /// Runs it in a process group of its own, so that a ctrl-c reaches us alone.
  ///
  /// - Parameter take: Given its output as it comes, on a helper thread, in place of collecting it; what
  ///   returns `false` ends the program.
  public func run(
    take: (@Sendable (UnsafeRawBufferPointer) -> Bool)? = nil
  ) async throws(ChildProcess.CannotStart) -> End {
    var stop: [Int32] = [-1, -1]
    guard lockstep_pipe(&stop) == 0 else {
      throw ChildProcess.CannotStart(program: child.arguments[0], errno: errno)
    }
    let (heard, tell) = (stop[0], stop[1])
    defer { for end in [heard, tell] { close(end) } }
    let result = await withTaskCancellationHandler {
      await BlockingWork.run { () -> Result<End, ChildProcess.CannotStart> in
        do throws(ChildProcess.CannotStart) {
          return .success(try runBlocking(stop: heard, take))
        } catch {
          return .failure(error)
        }
      }
    } onCancel: {
      var byte: UInt8 = 1
      _ = write(tell, &byte, 1)
    }
    return try result.get()
  }

  private func runBlocking(
    stop: Int32, _ take: (@Sendable (UnsafeRawBufferPointer) -> Bool)?
  ) throws(ChildProcess.CannotStart) -> End {
    var pipes: [[Int32]] = []
    for _ in 0..<3 {
      var ends: [Int32] = [-1, -1]
      guard lockstep_pipe(&ends) == 0 else {
        let failure = ChildProcess.CannotStart(program: child.arguments[0], errno: errno)
        for end in pipes.flatMap({ $0 }) { close(end) }
        throw failure
      }
      pipes.append(ends)
    }
    _ = input.withUnsafeBytes { write(pipes[0][1], $0.baseAddress, $0.count) }
    close(pipes[0][1])
    let process: pid_t
    do throws(ChildProcess.CannotStart) {
      process = try child.spawn(
        input: pipes[0][0], output: pipes[1][1], errorOutput: pipes[2][1], inOwnGroup: true)
    } catch {
      for end in [pipes[0][0]] + pipes[1] + pipes[2] { close(end) }
      throw error
    }
    for end in [pipes[0][0], pipes[1][1], pipes[2][1]] { close(end) }
    var watch = Watch(process: process, timeout: timeout, grace: grace)
    watch.collect(pipes[1][0], pipes[2][0], stop: stop, take)
    for end in [pipes[1][0], pipes[2][0]] { close(end) }
    watch.outcome.status = ChildProcess.waitForExit(process)
    // What it has started may have outlived it.
    if watch.reason != nil { kill(-process, SIGKILL) }
    switch watch.reason {
    case nil, .refused: return .ended(watch.outcome)
    case .late: return .late(watch.outcome)
    case .cancelled: return .cancelled
    }
  }
}

/// Reads what a program writes, and ends it where it has to be ended.
private struct Watch {
  let process: pid_t
  var deadline: ContinuousClock.Instant?
  let grace: Duration
  var outcome = ChildProcess.Outcome(status: 0, output: [], errorOutput: [])
  /// Why it was told to end.
  var reason: Reason?

  enum Reason { case late, cancelled, refused }

  init(process: pid_t, timeout: Duration?, grace: Duration) {
    self.process = process
    self.grace = grace
    deadline = timeout.map { .now + $0 }
  }

  mutating func collect(
    _ output: Int32, _ errors: Int32, stop: Int32,
    _ take: (@Sendable (UnsafeRawBufferPointer) -> Bool)?
  ) {
    var buffer = [UInt8](repeating: 0, count: 262_144)
    var isOpen = [true, true]
    while isOpen[0] || isOpen[1] {
      var descriptors = [
        pollfd(fd: isOpen[0] ? output : -1, events: Int16(POLLIN), revents: 0),
        pollfd(fd: isOpen[1] ? errors : -1, events: Int16(POLLIN), revents: 0),
        pollfd(fd: reason == nil ? stop : -1, events: Int16(POLLIN), revents: 0),
      ]
      let count = poll(&descriptors, 3, millisecondsLeft)
      if count < 0, errno != EINTR { return }
      if let deadline, ContinuousClock.now >= deadline {
        // Told once and still there: it is not asked again.
        if reason != nil {
          kill(-process, SIGKILL)
          return
        }
        end(.late)
      }
      if descriptors[2].revents != 0, reason == nil { end(.cancelled) }
      for index in 0..<2 where descriptors[index].revents != 0 {
        let length = read(descriptors[index].fd, &buffer, buffer.count)
        if length < 0, errno == EINTR { continue }
        guard length > 0 else {
          isOpen[index] = false
          continue
        }
        if index == 1 {
          // What nobody reads to the end is not kept to the end.
          if outcome.errorOutput.count < 1 << 20 { outcome.errorOutput += buffer[..<length] }
        } else if let take {
          let isTaken = buffer.withUnsafeBytes {
            take(UnsafeRawBufferPointer(rebasing: $0[..<length]))
          }
          if !isTaken, reason == nil { end(.refused) }
        } else if outcome.output.count < 1 << 20 {
          outcome.output += buffer[..<length]
        }
      }
    }
  }

  private mutating func end(_ reason: Reason) {
    self.reason = reason
    kill(-process, SIGTERM)
    deadline = .now + grace
  }

  private var millisecondsLeft: Int32 {
    guard let deadline else { return -1 }
    let left = ContinuousClock.now.duration(to: deadline).components
    guard left.seconds >= 0, left.attoseconds >= 0 else { return 0 }
    guard left.seconds < 1_000_000 else { return 1_000_000_000 }
    return Int32(left.seconds * 1000 + left.attoseconds / 1_000_000_000_000_000) + 1
  }
}
