import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Gives tests that block, because they wait for a program or a terminal, threads of their own.
///
/// The threads that all tests share are as many as the machine has cores. Two tests that wait for a
/// terminal would stop all others for as long, and with them what they themselves wait for, where they
/// have left it to a task.
public struct MayBlock: SuiteTrait, TestTrait, TestScoping {
  public var isRecursive: Bool { true }

  public func scopeProvider(for test: Test, testCase: Test.Case?) -> MayBlock? {
    testCase == nil ? nil : self
  }

  public func provideScope(
    for test: Test, testCase: Test.Case?,
    performing function: @concurrent @Sendable () async throws -> Void
  ) async throws {
    try await withTaskExecutorPreference(ThreadForEachStep.all) { try await function() }
  }
}

extension Trait where Self == MayBlock {
  public static var mayBlock: MayBlock { MayBlock() }
}

/// Runs each step of a task, from one suspension to the next, on a new thread.
private final class ThreadForEachStep: TaskExecutor {
  static let all = ThreadForEachStep()

  func enqueue(_ job: consuming ExecutorJob) {
    let step = Unmanaged.passRetained(Step(job: UnownedJob(job)))
    #if canImport(Glibc)
      var thread = pthread_t()
    #else
      var thread: pthread_t?
    #endif
    let started = pthread_create(
      &thread, nil,
      { argument in
        #if canImport(Glibc)
          guard let argument else { return nil }
        #endif
        Unmanaged<Step>.fromOpaque(argument).takeRetainedValue().run()
        return nil
      }, step.toOpaque())
    guard started == 0 else { fatalError("no thread for a test: \(started)") }
    #if canImport(Glibc)
      pthread_detach(thread)
    #else
      if let thread { pthread_detach(thread) }
    #endif
  }

  private final class Step: Sendable {
    let job: UnownedJob

    init(job: UnownedJob) { self.job = job }

    func run() { job.runSynchronously(on: ThreadForEachStep.all.asUnownedTaskExecutor()) }
  }
}
