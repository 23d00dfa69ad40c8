import Synchronization
import Testing

/// Lets a few tests of a suite run at once: hundreds of databases made in the same second keep a server
/// from answering anybody.
public struct FewAtOnce: SuiteTrait, TestTrait, TestScoping {
  private static let limit = 6
  private static let state = Mutex((inside: 0, waiting: [CheckedContinuation<Void, Never>]()))

  public var isRecursive: Bool { true }

  public func scopeProvider(for test: Test, testCase: Test.Case?) -> FewAtOnce? {
    testCase == nil ? nil : self
  }

  public func provideScope(
    for test: Test, testCase: Test.Case?,
    performing function: @concurrent @Sendable () async throws -> Void
  ) async throws {
    await FewAtOnce.enter()
    defer { FewAtOnce.leave() }
    try await function()
  }

  private static func enter() async {
    await withCheckedContinuation { continuation in
      let isAdmitted = state.withLock { state in
        guard state.inside < limit else {
          state.waiting.append(continuation)
          return false
        }
        state.inside += 1
        return true
      }
      if isAdmitted { continuation.resume() }
    }
  }

  private static func leave() {
    let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
      guard state.waiting.isEmpty else { return state.waiting.removeFirst() }
      state.inside -= 1
      return nil
    }
    // Whoever waited takes the place over.
    next?.resume()
  }
}

extension Trait where Self == FewAtOnce {
  public static var fewAtOnce: FewAtOnce { FewAtOnce() }
}
