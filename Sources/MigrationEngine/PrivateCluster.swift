import CPosix
import Diagnostics
import EventLoop
import Postgres

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A PostgreSQL of our own in a temporary folder: unix socket only, nobody else's business, gone at the
/// end.
///
/// A small watching shell reads from a pipe that this process holds open; when this process ends, however it
/// ends, the pipe closes, the server is stopped and the folder removed.
public final class PrivateCluster: Sendable {
  /// The folder; data, socket and log are in it.
  public let directory: String
  public let binaries: String
  public let serverProcess: pid_t
  private let watchdog: pid_t
  private let lifeline: Int32
  private let isKept: Bool

  /// Makes a cluster and starts it; blocks for about a second, so call it through `BlockingWork`.
  ///
  /// - Parameters:
  ///   - binaries: The folder of `initdb` and `postgres`; `nil` looks where packages put them.
  ///   - keepIn: A folder to keep the cluster in after the end; `nil` for a temporary one. A cluster that
  ///     was kept there before is started as it is.
  ///   - settings: Lines for `postgresql.conf`.
  public static func startBlocking(
    binaries: String? = nil, keepIn: String? = nil, settings: [String] = []
  ) throws(Failure) -> PrivateCluster {
    let programs = if let binaries { binaries } else { try ServerPrograms.folder() }
    let folder =
      if let keepIn { try ClusterFolder.kept(keepIn) } else { try ClusterFolder.temporary() }
    return try Start(programs: programs, folder: folder).run(settings: settings)
  }

  fileprivate init(
    _ folder: ClusterFolder, binaries: String, serverProcess: pid_t, watchdog: pid_t,
    lifeline: Int32
  ) {
    directory = folder.path
    isKept = folder.isKept
    self.binaries = binaries
    self.serverProcess = serverProcess
    self.watchdog = watchdog
    self.lifeline = lifeline
  }

  /// The URL of a database of this cluster.
  ///
  /// The port is said, so that a `PGPORT` of the user's does not lead past the socket.
  public func url(database: String) -> String {
    "postgresql:///\(database)?host=\(percentEncoded(directory))&port=5432&user=lockstep"
  }

  /// Stops the server at once, waits for its end and removes the files; blocks for some milliseconds.
  public func stopBlocking() {
    // SIGQUIT: nothing in here is worth a checkpoint, unless it is kept.
    kill(serverProcess, isKept ? SIGINT : SIGQUIT)
    _ = ChildProcess.waitForExit(serverProcess)
    close(lifeline)
    _ = ChildProcess.waitForExit(watchdog)
  }
}

/// The steps from an empty folder to a server that takes connections.
private struct Start {
  var programs: String
  var folder: ClusterFolder

  private struct Descriptors {
    var log: Int32
    var null: Int32
    /// What the watchdog reads; it comes to its end when every holder of the other end is gone.
    var watched: Int32
    var lifeline: Int32
  }

  func run(settings: [String]) throws(PrivateCluster.Failure) -> PrivateCluster {
    let descriptors = try open()
    defer { for end in [descriptors.log, descriptors.null, descriptors.watched] { close(end) } }
    // Before anything else: from here on nothing is left behind.
    let watchdog: pid_t
    do throws(ChildProcess.CannotStart) {
      watchdog = try process(
        ["/bin/sh", "-c", Start.watch, "lockstep-watch", folder.data, folder.marker]
          + folder.removals
      ).spawn(
        input: descriptors.watched, output: descriptors.log, errorOutput: descriptors.log,
        inOwnGroup: true)
    } catch {
      close(descriptors.lifeline)
      if folder.isNew { rmdir(folder.path) }
      throw .notStarted(log: "\(error.program): \(error.reason)")
    }
    do throws(PrivateCluster.Failure) {
      if folder.isNew { try initialize(settings, descriptors) }
      let server = try launch(descriptors)
      return PrivateCluster(
        folder, binaries: programs, serverProcess: server, watchdog: watchdog,
        lifeline: descriptors.lifeline)
    } catch {
      close(descriptors.lifeline)
      _ = ChildProcess.waitForExit(watchdog)
      throw error
    }
  }

  private func open() throws(PrivateCluster.Failure) -> Descriptors {
    var ends: [Int32] = [-1, -1]
    let log = openFile(folder.log, O_WRONLY | O_CREAT | O_APPEND)
    let null = openFile("/dev/null", O_RDONLY)
    guard log >= 0, null >= 0, lockstep_pipe(&ends) == 0 else {
      throw .noFolder(path: folder.path, reason: String(cString: strerror(errno)))
    }
    return Descriptors(log: log, null: null, watched: ends[0], lifeline: ends[1])
  }

  /// Makes the cluster's files.
  private func initialize(
    _ settings: [String], _ descriptors: Descriptors
  ) throws(PrivateCluster.Failure) {
    let initdb = [
      programs + "/initdb", "-D", folder.data, "-U", "lockstep", "-A", "trust", "-E", "UTF8",
      "--locale=C.UTF-8", "--no-sync", "--no-instructions",
    ]
    // The shell holds the lifeline until `initdb` has ended by itself: broken off, it would leave a segment
    // of shared memory behind. With something after it, no shell replaces itself by it.
    let child = try spawn(
      ["/bin/sh", "-c", "\"$@\" </dev/null; exit $?", "sh"] + asServerUser(initdb), descriptors)
    guard ChildProcess.waitForExit(child) == 0 else {
      throw .initdbFailed(output: readText(folder.log))
    }
    let lines =
      [
        "listen_addresses = ''", "unix_socket_directories = '\(folder.path)'",
        "unix_socket_permissions = 0700", "fsync = off", "synchronous_commit = off",
        "full_page_writes = off", "max_connections = 200", "shared_buffers = 32MB",
      ] + settings
    try write(lines.joined(separator: "\n") + "\n", to: folder.data + "/postgresql.conf")
    if folder.isKept { try write("Made and kept by Lockstep.\n", to: folder.marker) }
  }

  /// Starts the server and waits until it takes connections.
  private func launch(_ descriptors: Descriptors) throws(PrivateCluster.Failure) -> pid_t {
    // The shell tells the watchdog its process id, which becomes the server's, before it lets go of the
    // lifeline: there is no moment in which the server runs and nobody would stop it.
    let server = try spawn(
      ["/bin/sh", "-c", "echo \"$$\" >&0; exec \"$@\" </dev/null", "sh"]
        + asServerUser([programs + "/postgres", "-D", folder.data]), descriptors)
    guard waitUntilReady(server) else { throw .notStarted(log: readText(folder.log)) }
    return server
  }

  private func spawn(
    _ arguments: [String], _ descriptors: Descriptors
  ) throws(PrivateCluster.Failure) -> pid_t {
    do throws(ChildProcess.CannotStart) {
      return try process(arguments).spawn(
        input: descriptors.lifeline, output: descriptors.log, errorOutput: descriptors.log,
        inOwnGroup: true)
    } catch {
      throw .notStarted(log: "\(error.program): \(error.reason)")
    }
  }

  /// Nothing of the user's environment changes what the server does, nor in which language it speaks.
  private func process(_ arguments: [String]) -> ChildProcess {
    var environment = ["LC_ALL": "C", "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"]
    for name in ["PATH", "TZ"] {
      if let value = getenv(name) { environment[name] = String(cString: value) }
    }
    return ChildProcess(arguments, environment: environment)
  }

  /// Puts a program under the rights of the server's user; `setpriv` replaces itself, so that the process id
  /// is the program's.
  private func asServerUser(_ arguments: [String]) -> [String] {
    guard let account = folder.account else { return arguments }
    return ["setpriv", "--reuid=\(account.user)", "--regid=\(account.group)", "--clear-groups"]
      + arguments
  }

  /// The first line of `postmaster.pid` says whose it is, the eighth when the server takes connections.
  /// Source: PostgreSQL, `src/include/utils/pidfile.h`, `LOCK_FILE_LINE_PID`, `LOCK_FILE_LINE_PM_STATUS`.
  private func waitUntilReady(_ server: pid_t) -> Bool {
    for _ in 0..<15_000 {
      let lines = readText(folder.data + "/postmaster.pid").split(
        separator: "\n" as Character, omittingEmptySubsequences: false)
      if lines.count > 7, lines[0] == "\(server)", lines[7].hasPrefix("ready") { return true }
      var status: Int32 = 0
      if waitpid(server, &status, WNOHANG) == server { return false }
      usleep(2_000)
    }
    kill(server, SIGQUIT)
    _ = ChildProcess.waitForExit(server)
    return false
  }

  private func write(_ text: String, to path: String) throws(PrivateCluster.Failure) {
    let file = openFile(path, O_WRONLY | O_APPEND | O_CREAT)
    defer { close(file) }
    guard file >= 0, writeAll(Array(text.utf8), to: file) else {
      throw .noFolder(path: path, reason: String(cString: strerror(errno)))
    }
  }

  /// Waits for the end of its input, then stops the server and removes what is not kept.
  ///
  /// Its arguments: the data folder, the marker of a kept cluster, and what is to be removed without one.
  private static let watch = """
    trap '' INT TERM HUP QUIT TSTP TTOU TTIN
    last=
    while read -r server; do last=$server; done
    [ -e "$2" ] && signal=INT || signal=QUIT
    n=0
    if [ -n "$last" ] && kill -"$signal" "$last" 2>/dev/null; then
      while [ -e "$1/postmaster.pid" ] && kill -0 "$last" 2>/dev/null && [ $n -lt 400 ]; do
        sleep 0.05
        n=$((n + 1))
      done
    fi
    [ -e "$2" ] && exit
    shift 2
    while [ $n -lt 500 ] && ! rm -rf -- "$@" 2>/dev/null; do
      sleep 0.05
      n=$((n + 1))
    done
    """
}

private func openFile(_ path: String, _ flags: Int32) -> Int32 {
  open(path, flags | O_CLOEXEC, 0o644)
}

/// `write(2)`, out of reach of the methods named so.
private func writeAll(_ bytes: [UInt8], to file: Int32) -> Bool {
  write(file, bytes, bytes.count) == bytes.count
}

private func readText(_ path: String) -> String {
  let file = openFile(path, O_RDONLY)
  guard file >= 0 else { return "" }
  defer { close(file) }
  var bytes: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 16_384)
  while true {
    let count = read(file, &buffer, buffer.count)
    guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
    bytes += buffer[..<count]
  }
}

/// A path inside a URL's query.
private func percentEncoded(_ text: String) -> String {
  let digits = Array("0123456789ABCDEF")
  return text.utf8.reduce(into: "") { result, byte in
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "/"), UInt8(ascii: "-"),
      UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "~"):
      result.unicodeScalars.append(Unicode.Scalar(byte))
    default: result += "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
    }
  }
}
