import EventLoop
import Synchronization

extension EventLoop {
  /// Runs a body; when the time is over, it is cancelled and what it then says is waited for.
  ///
  /// - Parameter timeout: `nil` for any time.
  func limited(
    to timeout: Duration?, _ body: @escaping @Sendable () async throws -> Runner.Outcome
  ) async throws -> (Runner.Outcome, isLate: Bool) {
    let isLate = Mutex(false)
    let work = Task(executorPreference: self) { try await body() }
    let clock = Task(executorPreference: self) {
      guard let timeout else { return }
      try await self.sleep(for: timeout)
      isLate.withLock { $0 = true }
      work.cancel()
    }
    defer { clock.cancel() }
    let outcome = try await withTaskCancellationHandler {
      try await work.value
    } onCancel: {
      work.cancel()
    }
    return (outcome, isLate.withLock { $0 })
  }
}
