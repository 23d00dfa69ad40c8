import Canvas
import Dashboard
import Diagnostics
import EventLoop
import MigrationEngine
import MigrationModel
import Postgres
import PostgresModel
import Terminal

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The dashboard on a terminal: what it looks at, and what it runs with.
struct DashboardProgram: Sendable {
  /// Finds the migrations folders; asked again at each reading, since one may be made meanwhile.
  var project: @Sendable () async throws -> Project
  var connection: ConnectionString
  /// What helps where nobody answers; `nil` leaves it at what the error says.
  var connectionAdvice: String?
  /// What is known of the database before connecting.
  var target: Dashboard.Target
  /// `--read-only`: nothing arms the session.
  var isReadOnly = false
  /// What the environment asks for before, while and after migrations run; `nil` asks for nothing.
  var keeper: GateKeeper?
  /// Time-outs and files of a run, by layout.
  var options: @Sendable (any Layout) -> Runner.Options = { _ in Runner.Options() }
  /// How long a run may wait for locks.
  var lockBudget = LockBudget.off
  /// Of a whole run.
  var timeout: Duration?
  /// Who is recorded as having run something, from the role that logged in.
  var runBy: @Sendable (String) -> String = { $0 }
  /// What migrations are held against.
  var checks = DashboardChecks()
  /// Where runs, checks and audit events are kept; `nil` keeps none.
  var journal: JournalPlace?
  var environment: [String: String]
  /// Whether boxes are drawn in ASCII even where the locale has more.
  var isASCII = false
  /// `--no-color`: nothing is coloured.
  var isPlain = false
  var loop: EventLoop
  /// Told a line what is worth saying once the terminal is given back.
  var say: @Sendable (String) -> Void

  /// Shows the dashboard until it is left.
  ///
  /// - Throws: `TerminalError` where there is no screen to paint on.
  func run() async throws -> ExitCode {
    // Before the screen: ncurses takes over signals that are still at their default.
    let signals = SignalPipe(loop: loop)
    let runner = try EffectRunner(self, signals)
    return await runner.run()
  }

  /// The first facts: all that can be known without asking anybody.
  func facts(now: Instant) -> Facts {
    var facts = Facts(
      now: now, target: target, access: .readOnly(isReadOnly ? .commandLine : .start), look: look)
    facts.lockBudget = lockBudget
    return facts
  }

  private var look: Look {
    var look = Look()
    look.isColored = !isPlain && (environment["NO_COLOR"] ?? "").isEmpty
    look.theme = Palette.suited(to: environment) == .light ? .light : .dark
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].compactMap { environment[$0] }
      .first { !$0.isEmpty }?.lowercased()
    let isUTF8 = locale.map { $0.hasSuffix("utf-8") || $0.hasSuffix("utf8") } ?? false
    look.lines = isASCII || !isUTF8 ? .ascii : .unicode
    return look
  }
}

extension Instant {
  /// This moment by the clock of the system.
  static var current: Instant {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Instant(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
  }
}

extension Dashboard.Target {
  /// What a connection string and the configuration say of a database.
  init(_ connection: ConnectionString, environment: String?, isProtected: Bool) {
    let host = connection.effective("host").flatMap { $0.hasPrefix("/") ? nil : $0 }
    let user = connection.effective("user")
    self.init(
      environment: environment, isProtected: isProtected,
      database: connection.effective("dbname") ?? connection["service"] ?? user ?? "",
      host: host, port: connection.effective("port").flatMap { Int($0) } ?? 5432)
  }
}
