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
/// A small watching shell holds the other end of a pipe; when this process ends, however it ends, the
/// pipe closes, the server is stopped and the folder removed.
public final class PrivateCluster: Sendable {
  /// The temporary folder; data, socket and log are below it.
  public let directory: String
  public let binaries: String
  public let serverProcess: pid_t
  private let watchdog: pid_t
  private let lifeline: Int32
  private let keepsFiles: Bool

  /// Why no private server could be had.
  public enum Failure: Explainable, Hashable {
    case noServerPrograms(searched: [String])
    case noFolder(path: String, reason: String)
    case initdbFailed(output: String)
    case notStarted(log: String)

    public var diagnostic: Diagnostic {
      switch self {
      case .noServerPrograms(let searched):
        Diagnostic(
          .error, code: "no_server_programs",
          "the PostgreSQL server programs were not found",
          details: [.init("searched", searched.joined(separator: ", "))],
          next: "install a server (Debian: apt-get install postgresql), or put the folder of"
            + " `initdb` and `postgres` into PATH")
      case .noFolder(let path, let reason):
        .error(
          code: "no_folder", "the folder \"\(path)\" cannot be used: \(reason)",
          next: "set TMPDIR to a folder that can be written to")
      case .initdbFailed(let output):
        Diagnostic(
          .error, code: "initdb_failed", "initdb failed",
          details: [.init("said", output)],
          next: "nothing was left behind; check free space in TMPDIR")
      case .notStarted(let log):
        Diagnostic(
          .error, code: "server_not_started", "the private server did not start",
          details: [.init("log", log)],
          next: "nothing was left behind; check free space and shared memory")
      }
    }
  }

  /// Makes a cluster and starts it; blocks for about a second, so call it through `BlockingWork`.
  ///
  /// - Parameters:
  ///   - binaries: The folder of `initdb` and `postgres`; `nil` looks where packages put them.
  ///   - keepIn: A folder to keep the cluster in after the end; `nil` for a temporary one. A cluster that
  ///     is already there is started as it is.
  ///   - settings: Lines for `postgresql.conf`.
  public static func startBlocking(
    binaries: String? = nil, keepIn: String? = nil, settings: [String] = []
  ) throws(Failure) -> PrivateCluster {
    let bin: String
    if let binaries {
      bin = binaries
    } else {
      bin = try findBinaries()
    }
    let directory = try makeDirectory(keepIn)
    // Root may not run a server: another user owns the files and runs the programs.
    let account = geteuid() == 0 ? serverAccount() : nil
    let data = directory + "/data"
    if let account { chown(directory, account.user, account.group) }
    let isNew = access(data + "/PG_VERSION", F_OK) != 0
    do throws(Failure) {
      if isNew {
        try run(
          [
            bin + "/initdb", "-D", data, "-U", "lockstep", "-A", "trust", "-E", "UTF8",
            "--locale=C.UTF-8", "--no-sync", "--no-instructions",
          ], as: account)
        let lines =
          [
            "listen_addresses = ''", "unix_socket_directories = '\(directory)'",
            "fsync = off", "synchronous_commit = off", "full_page_writes = off",
            "max_connections = 200", "shared_buffers = 32MB",
          ] + settings
        try append(lines, to: data + "/postgresql.conf")
      }
      return try launch(
        bin: bin, directory: directory, data: data, account: account, keepsFiles: keepIn != nil)
    } catch {
      if keepIn == nil { removeTree(directory) }
      throw error
    }
  }

  private init(
    directory: String, binaries: String, serverProcess: pid_t, watchdog: pid_t, lifeline: Int32,
    keepsFiles: Bool
  ) {
    self.directory = directory
    self.binaries = binaries
    self.serverProcess = serverProcess
    self.watchdog = watchdog
    self.lifeline = lifeline
    self.keepsFiles = keepsFiles
  }

  /// The URL of a database of this cluster.
  public func url(database: String) -> String {
    "postgresql:///\(database)?host=\(directory)&user=lockstep"
  }

  /// Stops the server at once, waits for its end and removes the files; blocks for some milliseconds.
  public func stopBlocking() {
    // SIGQUIT: nothing in here is worth a checkpoint, unless it is kept.
    kill(serverProcess, keepsFiles ? SIGINT : SIGQUIT)
    _ = ChildProcess.waitForExit(serverProcess)
    close(lifeline)
    _ = ChildProcess.waitForExit(watchdog)
  }

  // MARK: Steps

  private struct Account {
    var name: String
    var user: uid_t
    var group: gid_t
  }

  private static func serverAccount() -> Account? {
    for name in ["postgres", "nobody"] {
      if let entry = getpwnam(name) {
        return Account(name: name, user: entry.pointee.pw_uid, group: entry.pointee.pw_gid)
      }
    }
    return nil
  }

  /// Puts the programs under another user's rights; `setpriv` replaces itself, so that the process id is
  /// the server's.
  private static func command(_ arguments: [String], as account: Account?) -> [String] {
    guard let account else { return arguments }
    return [
      "setpriv", "--reuid=\(account.user)", "--regid=\(account.group)", "--clear-groups",
      "--reset-env",
    ] + arguments
  }

  private static func findBinaries() throws(Failure) -> String {
    var folders: [String] = []
    if let path = getenv("PATH") {
      folders += String(cString: path).split(separator: ":" as Character).map(String.init)
    }
    for version in stride(from: 18, through: 13, by: -1) {
      folders += [
        "/usr/lib/postgresql/\(version)/bin", "/usr/pgsql-\(version)/bin",
        "/opt/homebrew/opt/postgresql@\(version)/bin",
        "/usr/local/opt/postgresql@\(version)/bin",
      ]
    }
    for folder in folders where access(folder + "/postgres", X_OK) == 0 {
      // Links in PATH lead to programs that look for their files beside their real place.
      if let real = realpath(folder + "/postgres", nil) {
        defer { free(real) }
        let path = String(cString: real)
        let parent = path.split(separator: "/" as Character).dropLast().joined(separator: "/")
        if access("/\(parent)/initdb", X_OK) == 0 { return "/" + parent }
      }
    }
    throw .noServerPrograms(searched: folders)
  }

  private static func makeDirectory(_ kept: String?) throws(Failure) -> String {
    if let kept {
      let path = kept.hasPrefix("/") ? kept : currentDirectory() + "/" + kept
      guard mkdir(path, 0o755) == 0 || errno == EEXIST else {
        throw .noFolder(path: path, reason: String(cString: strerror(errno)))
      }
      return path
    }
    let temporary = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    // A socket's path has at most 107 bytes on Linux, 103 on macOS.
    let parent = temporary.utf8.count > 60 ? "/tmp" : temporary
    var template = Array("\(parent)/lockstep-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw .noFolder(path: parent, reason: String(cString: strerror(errno)))
    }
    let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    chmod(path, 0o755)
    return path
  }

  private static func run(_ arguments: [String], as account: Account?) throws(Failure) {
    do {
      let outcome = try ChildProcess(command(arguments, as: account)).runBlocking()
      guard outcome.status == 0 else { throw Failure.initdbFailed(output: outcome.errorText) }
    } catch let failure as Failure {
      throw failure
    } catch {
      throw .initdbFailed(output: "\(error)")
    }
  }

  private static func append(_ lines: [String], to path: String) throws(Failure) {
    let file = open(path, O_WRONLY | O_APPEND | O_CLOEXEC)
    guard file >= 0 else { throw .noFolder(path: path, reason: String(cString: strerror(errno))) }
    defer { close(file) }
    let text = Array((lines.joined(separator: "\n") + "\n").utf8)
    guard write(file, text, text.count) == text.count else {
      throw .noFolder(path: path, reason: String(cString: strerror(errno)))
    }
  }

  private static func launch(
    bin: String, directory: String, data: String, account: Account?, keepsFiles: Bool
  ) throws(Failure) -> PrivateCluster {
    let logPath = directory + "/server.log"
    let log = open(logPath, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
    var ends: [Int32] = [-1, -1]
    guard log >= 0, null >= 0, pipe(&ends) == 0 else {
      throw .noFolder(path: directory, reason: String(cString: strerror(errno)))
    }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    defer {
      close(log)
      close(null)
      close(ends[0])
    }
    do {
      let server = try ChildProcess(
        command([bin + "/postgres", "-D", data, "-k", directory], as: account)
      ).spawn(input: null, output: log, errorOutput: log, inOwnGroup: true)
      let watchdog = try ChildProcess(
        ["/bin/sh", "-c", watchdogScript, "lockstep-watch", "\(server)", directory]
          + (keepsFiles ? ["keep"] : [])
      ).spawn(input: ends[0], output: log, errorOutput: log, inOwnGroup: true)
      let cluster = PrivateCluster(
        directory: directory, binaries: bin, serverProcess: server, watchdog: watchdog,
        lifeline: ends[1], keepsFiles: keepsFiles)
      guard waitUntilReady(data: data, server: server) else {
        let words = readText(logPath)
        cluster.stopBlocking()
        throw Failure.notStarted(log: words)
      }
      return cluster
    } catch let failure as Failure {
      throw failure
    } catch {
      close(ends[1])
      throw .notStarted(log: "\(error)")
    }
  }

  /// The eighth line of `postmaster.pid` says when the server takes connections.
  /// Source: PostgreSQL, `src/include/utils/pidfile.h`, `LOCK_FILE_LINE_PM_STATUS`.
  private static func waitUntilReady(data: String, server: pid_t) -> Bool {
    for _ in 0..<3000 {
      let lines = readText(data + "/postmaster.pid").split(
        separator: "\n" as Character, omittingEmptySubsequences: false)
      if lines.count > 7, lines[7].hasPrefix("ready") { return true }
      var status: Int32 = 0
      if waitpid(server, &status, WNOHANG) == server { return false }
      usleep(10_000)
    }
    return false
  }

  /// Waits for the end of its input, then stops the server and removes its folder.
  private static let watchdogScript = """
    trap '' INT TERM HUP QUIT TSTP TTOU TTIN
    read -r _
    kill -QUIT "$1" 2>/dev/null
    n=0
    while [ -e "$2/data/postmaster.pid" ] && [ $n -lt 100 ]; do sleep 0.05; n=$((n + 1)); done
    case "$3$2" in */lockstep-??????) rm -rf -- "$2" ;; esac
    """
}

private func currentDirectory() -> String {
  guard let path = getcwd(nil, 0) else { return "." }
  defer { free(path) }
  return String(cString: path)
}

private func readText(_ path: String) -> String {
  let file = open(path, O_RDONLY | O_CLOEXEC)
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

private func removeTree(_ directory: String) {
  _ = try? ChildProcess(["/bin/rm", "-rf", "--", directory]).runBlocking()
}
