import CPosix

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Signals as values, read on the loop.
public struct SignalPipe: Sendable {
  private let descriptor: Int32
  private let loop: EventLoop

  /// Catches SIGWINCH, SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGCHLD, SIGCONT and SIGTSTP for the whole process, and
  /// ignores SIGPIPE; `nil` when the process has no descriptors left.
  public init?(loop: EventLoop) {
    let descriptor = lockstep_signals_install()
    guard descriptor >= 0 else { return nil }
    self.descriptor = descriptor
    self.loop = loop
  }

  /// The signals that ask a program to end.
  public static let endings = [SIGINT, SIGTERM, SIGHUP, SIGQUIT]

  /// Waits for signals.
  ///
  /// - Returns: The numbers of those that came, each once, in order of arrival.
  /// - Throws: `CancellationError` when the task is cancelled meanwhile.
  public func next() async throws(CancellationError) -> [Int32] {
    while true {
      var numbers: [Int32] = []
      var bytes = [UInt8](repeating: 0, count: 256)
      while true {
        let count = read(descriptor, &bytes, bytes.count)
        guard count > 0 else { break }
        for byte in bytes[..<count] where !numbers.contains(Int32(byte)) {
          numbers.append(Int32(byte))
        }
      }
      if !numbers.isEmpty { return numbers }
      _ = try await loop.ready(descriptor, Int16(POLLIN))
    }
  }

  /// Stops this process as the shell expects of ctrl-z, and returns when it is continued.
  public static func stopProcess() {
    lockstep_signal_default(SIGTSTP)
    kill(getpid(), SIGTSTP)
    lockstep_signal_caught(SIGTSTP)
  }
}
