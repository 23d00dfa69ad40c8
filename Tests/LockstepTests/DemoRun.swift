import Canvas
import EventLoop
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// `lockstep demo` on a terminal of its own; with its output in files no dashboard is opened.
///
/// Its temporary files go into a folder of the test's, so that everything it leaves can be seen.
final class DemoRun {
  let temporary: String
  let terminal: TerminalEmulator

  /// - Parameters:
  ///   - asOrdinaryUser: Gives root's rights up where the tests have them.
  ///   - onScreen: Leaves the output on the terminal.
  init(
    _ arguments: [String] = [], environment: [String: String] = [:], asOrdinaryUser: Bool = false,
    onScreen: Bool = false
  ) throws {
    var template = Array("/tmp/demo-test-XXXXXX".utf8CString)
    try #require(mkdtemp(&template) != nil)
    temporary = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    // The server's user, or any other, has to get through to what is made in it.
    chmod(temporary, 0o777)
    var words = [try Program.path(), "demo"] + arguments
    if asOrdinaryUser, geteuid() == 0 {
      words = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] + words
    }
    let redirection = #" >"$0/output" 2>"$0/errors""#
    terminal = try TerminalEmulator(
      ["/bin/sh", "-c", #"umask 0; exec "$@""# + (onScreen ? "" : redirection), temporary] + words,
      environment: ["TMPDIR": temporary].merging(environment) { $1 },
      size: Size(columns: 120, rows: 40))
  }

  deinit {
    terminal.signal(SIGKILL)
    _ = terminal.waitForExit()
    eventually { clusters.isEmpty }
    _ = try? ChildProcess(["/bin/rm", "-rf", "--", temporary]).runBlocking()
  }

  var output: String { DemoRun.text(of: temporary + "/output") }
  var errors: String { DemoRun.text(of: temporary + "/errors") }

  /// The folders of clusters that are there now.
  var clusters: [String] {
    guard let stream = opendir(temporary) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name.hasPrefix("lockstep-") { names.append("\(temporary)/\(name)") }
    }
    return names
  }

  /// The server's process id, once there is one.
  var server: pid_t? {
    guard let cluster = clusters.first else { return nil }
    let line = DemoRun.text(of: cluster + "/data/postmaster.pid").prefix { $0 != "\n" }
    return pid_t(line)
  }

  /// The processes that name the temporary folder in their command lines, and the children of those: server,
  /// sessions, watchdog, `initdb`.
  var processes: Set<pid_t> {
    let listing = (try? ChildProcess(["ps", "-axww", "-o", "pid=,ppid=,command="]).runBlocking())
    var parents: [pid_t: pid_t] = [:]
    var found: Set<pid_t> = []
    for line in String(decoding: listing?.output ?? [], as: UTF8.self).split(separator: "\n") {
      let words = line.split(separator: " ", maxSplits: 2)
      guard words.count == 3, let pid = pid_t(words[0]), let parent = pid_t(words[1]) else {
        continue
      }
      parents[pid] = parent
      if words[2].contains(temporary), !words[2].contains("<defunct>") { found.insert(pid) }
    }
    for (pid, parent) in parents where found.contains(parent) { found.insert(pid) }
    return found
  }

  /// Waits until the database can be used.
  func waitUntilReady() -> Bool { eventually { output.contains("\n") } }

  static func text(of path: String) -> String {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return "" }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 65_536)
    let count = read(file, &bytes, bytes.count)
    return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
  }
}

/// Waits until something holds that no event tells, and tells whether it came to.
@discardableResult
func eventually(atMost timeout: Duration = .seconds(120), _ condition: () -> Bool) -> Bool {
  let end = ContinuousClock.now + timeout
  while !condition() {
    guard ContinuousClock.now < end else { return false }
    poll(nil, 0, 10)
  }
  return true
}

/// Whether a process is no more, or has only not been collected by its parent yet.
func hasEnded(_ process: pid_t) -> Bool {
  kill(process, 0) == -1 && errno == ESRCH
    || DemoRun.text(of: "/proc/\(process)/stat").contains(") Z ")
}
