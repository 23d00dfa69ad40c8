import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Calls that block (name resolution, connecting, cancelling, reading large files) on a thread of their
/// own, so that the loop goes on.
public enum BlockingWork {
  /// Runs `body` on a new thread and returns what it returned.
  ///
  /// The thread has every signal blocked: signals belong to the loop's thread. Cancelling the task does
  /// not stop the body; whoever needs that gives the body a way to be told.
  public static func run<Result: Sendable>(
    _ body: @escaping @Sendable () -> Result
  ) async -> Result {
    await withCheckedContinuation { continuation in
      let job = Unmanaged.passRetained(Job { continuation.resume(returning: body()) })
      #if canImport(Glibc)
        var thread = pthread_t()
      #else
        var thread: pthread_t?
      #endif
      var before = sigset_t()
      var all = sigset_t()
      sigfillset(&all)
      pthread_sigmask(SIG_SETMASK, &all, &before)
      let started = pthread_create(
        &thread, nil,
        { argument in
          #if canImport(Glibc)
            guard let argument else { return nil }
          #endif
          Unmanaged<Job>.fromOpaque(argument).takeRetainedValue().body()
          return nil
        }, job.toOpaque())
      pthread_sigmask(SIG_SETMASK, &before, nil)
      if started == 0 {
        #if canImport(Glibc)
          pthread_detach(thread)
        #else
          if let thread { pthread_detach(thread) }
        #endif
      } else {
        // No thread to be had: late is better than never.
        job.takeRetainedValue().body()
      }
    }
  }

  private final class Job: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
}
