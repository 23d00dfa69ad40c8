import CPosix

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Another program, run to its end: `pg_dump`, a health check, `initdb`.
public struct ChildProcess: Sendable {
  public var arguments: [String]
  /// The whole environment of the child, not an addition to ours.
  public var environment: [String: String]

  /// What a program left behind.
  public struct Outcome: Sendable {
    /// The exit status, or 128 + the signal's number as a shell tells it.
    public var status: Int32
    public var output: [UInt8]
    public var errorOutput: [UInt8]

    public var errorText: String { String(decoding: errorOutput, as: UTF8.self) }
  }

  /// The program could not be started.
  public struct CannotStart: Error, Sendable, Hashable {
    public var program: String
    /// As `errno` names it.
    public var errno: Int32
    public var reason: String { String(cString: strerror(errno)) }
  }

  /// - Parameter arguments: The program, by path or to be found in `PATH`, and its arguments.
  public init(_ arguments: [String], environment: [String: String] = ChildProcess.ownEnvironment) {
    self.arguments = arguments
    self.environment = environment
  }

  /// The environment of this process.
  public static var ownEnvironment: [String: String] {
    var result: [String: String] = [:]
    guard var entry = environ as UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? else {
      return result
    }
    while let text = entry.pointee {
      let parts = String(cString: text).split(separator: "=" as Character, maxSplits: 1)
      if parts.count == 2 { result[String(parts[0])] = String(parts[1]) }
      if parts.count == 1 { result[String(parts[0])] = "" }
      entry += 1
    }
    return result
  }

  /// Starts the program with these descriptors as its standard input, output and error.
  ///
  /// Signals are unblocked and back at their defaults in the child: Swift's own threads block most, and
  /// masks are inherited.
  ///
  /// - Parameter inOwnGroup: Whether it leaves our process group, so that ctrl-c does not reach it.
  /// - Returns: Its process id; the caller waits for it.
  public func spawn(
    input: Int32, output: Int32, errorOutput: Int32, inOwnGroup: Bool = false
  ) throws(CannotStart) -> pid_t {
    var actions = noFileActions()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for (source, target) in [(input, Int32(0)), (output, 1), (errorOutput, 2)] {
      posix_spawn_file_actions_adddup2(&actions, source, target)
    }
    var attributes = noAttributes()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    var all = sigset_t()
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    var flags = Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF)
    if inOwnGroup {
      flags |= Int32(POSIX_SPAWN_SETPGROUP)
      posix_spawnattr_setpgroup(&attributes, 0)
    }
    posix_spawnattr_setflags(&attributes, Int16(flags))
    let argv = arguments.map { strdup($0) } + [nil]
    let envp = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for text in argv + envp { free(text) } }
    var child: pid_t = 0
    let result = posix_spawnp(&child, arguments[0], &actions, &attributes, argv, envp)
    guard result == 0 else { throw CannotStart(program: arguments[0], errno: result) }
    return child
  }

  /// Runs the program to its end, on a thread of its own.
  ///
  /// - Parameters:
  ///   - inputFile: What it reads as its standard input; `nil` for nothing.
  ///   - outputFile: Where its standard output goes instead of into memory.
  public func run(
    inputFile: Int32? = nil, outputFile: Int32? = nil
  ) async throws(CannotStart) -> Outcome {
    let result = await BlockingWork.run { () -> Result<Outcome, CannotStart> in
      do throws(CannotStart) {
        return .success(try runBlocking(inputFile: inputFile, outputFile: outputFile))
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  /// As `run`, on the calling thread.
  public func runBlocking(
    inputFile: Int32? = nil, outputFile: Int32? = nil
  ) throws(CannotStart) -> Outcome {
    var out: [Int32] = [-1, -1]
    var err: [Int32] = [-1, -1]
    let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
    guard null >= 0, lockstep_pipe(&out) == 0, lockstep_pipe(&err) == 0 else {
      throw CannotStart(program: arguments[0], errno: errno)
    }
    defer { close(null) }
    let child: pid_t
    do throws(CannotStart) {
      child = try spawn(
        input: inputFile ?? null, output: outputFile ?? out[1], errorOutput: err[1])
    } catch {
      for descriptor in out + err { close(descriptor) }
      throw error
    }
    close(out[1])
    close(err[1])
    var outcome = Outcome(status: 0, output: [], errorOutput: [])
    collect(out[0], into: &outcome.output, err[0], into: &outcome.errorOutput)
    close(out[0])
    close(err[0])
    outcome.status = ChildProcess.waitForExit(child)
    return outcome
  }

  /// Waits, blocking, until a child has ended.
  ///
  /// - Returns: Its exit status, or 128 + the number of the signal that ended it.
  public static func waitForExit(_ child: pid_t) -> Int32 {
    var status: Int32 = 0
    while waitpid(child, &status, 0) < 0 {
      guard errno == EINTR else { return -1 }
    }
    let signal = status & 0x7f
    return signal == 0 ? (status >> 8) & 0xff : 128 + signal
  }

  private func collect(
    _ a: Int32, into first: inout [UInt8], _ b: Int32, into second: inout [UInt8]
  ) {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    var isOpen = [true, true]
    while isOpen[0] || isOpen[1] {
      var descriptors = [
        pollfd(fd: isOpen[0] ? a : -1, events: Int16(POLLIN), revents: 0),
        pollfd(fd: isOpen[1] ? b : -1, events: Int16(POLLIN), revents: 0),
      ]
      guard poll(&descriptors, 2, -1) > 0 || errno == EINTR else { return }
      for i in 0..<2 where descriptors[i].revents != 0 {
        let count = read(descriptors[i].fd, &buffer, buffer.count)
        if count > 0 {
          if i == 0 { first += buffer[..<count] } else { second += buffer[..<count] }
        } else if count == 0 || errno != EINTR {
          isOpen[i] = false
        }
      }
    }
  }
}

#if canImport(Glibc)
  private func noFileActions() -> posix_spawn_file_actions_t { posix_spawn_file_actions_t() }
  private func noAttributes() -> posix_spawnattr_t { posix_spawnattr_t() }
#else
  private func noFileActions() -> posix_spawn_file_actions_t? { nil }
  private func noAttributes() -> posix_spawnattr_t? { nil }
#endif
