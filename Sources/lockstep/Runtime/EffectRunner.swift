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

/// The loop around the dashboard: brings messages to the model, carries out the effects it asks for,
/// and paints what it shows.
///
/// An actor on the event loop, so that screen and model are touched on its thread alone.
actor EffectRunner {
  nonisolated let loop: EventLoop
  let program: DashboardProgram
  let screen: Screen
  private let signals: SignalPipe?
  private var model: Model

  /// The session that reads the history.
  var connection: Connection?
  var monitor: MigrationEngine.LockMonitor?
  /// What the last plan and the last picture were made from.
  var loaded: LoadedProject?
  /// What the server's counters said of the history table when it was last read.
  var historyMark: String?
  /// The session and the table for which the question about the history is prepared.
  var historyQuestion: (pid: Int32, table: QualifiedName)?
  /// The backends of our own sessions.
  var ours: Set<Int32> = []
  var run: Task<Void, Never>?
  /// What is being proven or rehearsed.
  var check: Task<Void, Never>?
  /// Tells the run that is under way what to do.
  var control: RunControl?
  /// What tells of changes in the migrations folders, and which folders these are.
  var watch: (folders: [String], watch: FolderWatch)?
  private var keys: Task<Void, Never>?
  private var companions: [Task<Void, Never>] = []
  /// Whether an editor or a pager has the terminal.
  var isHandedOver = false

  private var isPaintDue = false
  private var resizedAt: ContinuousClock.Instant?
  private var lateResize: Task<Void, Never>?
  private var ending: Ending?
  private var end: CheckedContinuation<Ending, Never>?
  private var loss: CheckedContinuation<Void, Never>?

  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

  /// Why the dashboard ends.
  enum Ending: Sendable, Hashable {
    case left
    case vanished
    case signal(Int32)
  }

  /// Takes the terminal; nothing is shown yet.
  init(_ program: DashboardProgram, _ signals: SignalPipe?) throws(TerminalError) {
    self.program = program
    self.signals = signals
    loop = program.loop
    screen = try Screen(
      environment: program.environment, characters: program.isASCII ? .ascii : .ofLocale)
    model = Model(facts: program.facts(now: .current), size: screen.size)
  }

  /// Runs until the dashboard is left, the terminal is gone, or a signal asks for the end.
  func run() async -> ExitCode {
    // The first frame waits for nobody.
    paint()
    if let warning = screen.warning { send(.failed(warning)) }
    listenToKeys()
    companions = [
      start { await $0.hearSignals() }, start { await $0.tick() },
      start { await $0.readChecklist() }, start { await $0.readFilesFirst() },
      start { await $0.keepConnected() },
      start { await $0.watchFiles() }, start { await $0.watchHistory() },
    ]
    let ending: Ending
    if let known = self.ending {
      ending = known
    } else {
      ending = await withCheckedContinuation { end = $0 }
    }
    keys?.cancel()
    for companion in companions { companion.cancel() }
    lateResize?.cancel()
    loss?.resume()
    loss = nil
    screen.leave()
    await endRun(ending)
    await endCheck()
    switch ending {
    case .left: return .done
    case .vanished, .signal: return .interrupted
    }
  }

  /// Starts something that goes on beside the rest.
  @discardableResult
  func start(_ body: @escaping @Sendable (isolated EffectRunner) async -> Void) -> Task<Void, Never>
  {
    Task(executorPreference: loop) { await body(self) }
  }

  /// Ends the dashboard; the first reason counts.
  func finish(_ reason: Ending) {
    guard ending == nil else { return }
    ending = reason
    end?.resume(returning: reason)
    end = nil
  }

  /// Cancels what still runs and says how it stands.
  private func endRun(_ ending: Ending) async {
    guard let run else { return }
    guard let version = model.facts.run?.current?.version else {
      // Before and behind the migrations a backup or a health check may be under way; no half of it is
      // to stay.
      return await cancel(run)
    }
    if ending == .left {
      // Asked for three times: nobody waits for the server's answer any more.
      program.say("\(version) was running; `lockstep status` shows whether it was recorded")
      return
    }
    program.say("cancelling \(version)")
    await cancel(run)
  }

  private func cancel(_ run: Task<Void, Never>) async {
    run.cancel()
    await settle(run)
  }

  /// Waits for something that was cancelled.
  ///
  /// A server that does not answer must not keep a program alive that nobody sees.
  func settle(_ task: Task<Void, Never>) async {
    let loop = loop
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await task.value }
      group.addTask { try? await loop.sleep(for: .seconds(10)) }
      await group.next()
      group.cancelAll()
    }
  }

  // MARK: - Messages

  /// Brings a message to the model and carries out what it asks for.
  func send(_ message: Message) {
    guard ending == nil else { return }
    for effect in model.update(message) { perform(effect) }
    paintSoon()
  }

  /// The model as it is now.
  var facts: Facts { model.facts }

  // MARK: - Painting

  /// Several messages of one turn of the loop give one frame.
  private func paintSoon() {
    guard !isPaintDue else { return }
    isPaintDue = true
    start { runner in
      runner.isPaintDue = false
      runner.paint()
    }
  }

  private func paint() {
    guard ending == nil, !isHandedOver else { return }
    screen.paint(model.view())
  }

  // MARK: - Keys

  /// Reads keys until told otherwise.
  func listenToKeys() {
    keys = start { await $0.readKeys() }
  }

  /// Leaves the keys to somebody else.
  func stopListening() {
    keys?.cancel()
    keys = nil
  }

  private func readKeys() async {
    while !Task.isCancelled, ending == nil {
      guard (try? await loop.ready(STDIN_FILENO, Int16(POLLIN))) != nil, !Task.isCancelled else {
        return
      }
      do throws(TerminalError) {
        let pressed = try screen.readKeys()
        let now = Instant.current
        for key in pressed { send(.key(key, at: now)) }
      } catch {
        return finish(.vanished)
      }
    }
  }

  // MARK: - Time

  private func tick() async {
    while !Task.isCancelled {
      let now = Instant.current
      let next = model.nextTick(after: now)
      let rest = Duration.microseconds(max(1000, next.microseconds(since: now)))
      guard (try? await loop.sleep(for: rest)) != nil else { return }
      send(.tick(.current))
    }
  }

  // MARK: - Signals

  private func hearSignals() async {
    guard let signals else { return }
    while let numbers = try? await signals.next() {
      for number in numbers { hear(number) }
    }
  }

  private func hear(_ number: Int32) {
    switch number {
    case SIGWINCH: resized()
    case SIGTERM, SIGHUP, SIGQUIT: finish(.signal(number))
    // While an editor has the terminal, ctrl-c is the editor's.
    case SIGINT: if !isHandedOver { send(.key(.control("c"), at: .current)) }
    case SIGTSTP: suspend()
    case SIGCONT: if !isHandedOver { comeBack() }
    default: break
    }
  }

  /// Stops the process as the shell expects it, and takes the terminal again afterwards.
  func suspend() {
    guard !isHandedOver else { return SignalPipe.stopProcess() }
    screen.suspend()
    SignalPipe.stopProcess()
    comeBack()
  }

  /// Takes the terminal again, in the size it has by now.
  func comeBack() {
    screen.resume()
    applySize()
    screen.repaint()
  }

  /// A storm of sizes gives the first and the last of them a frame, and few between.
  private func resized() {
    let now = ContinuousClock.now
    let isStorm = resizedAt.map { $0.duration(to: now) < .milliseconds(150) } ?? false
    resizedAt = now
    lateResize?.cancel()
    if isStorm {
      let loop = loop
      lateResize = start { runner in
        guard (try? await loop.sleep(for: .milliseconds(60))) != nil else { return }
        runner.applySize()
      }
    } else {
      applySize()
    }
  }

  private func applySize() {
    guard !isHandedOver, ending == nil else { return }
    let size = screen.measure()
    if size != screen.size { screen.resize(to: size) }
    send(.resized(size))
  }

  // MARK: - The server

  /// Waits until a session is lost.
  func untilLost() async {
    await withCheckedContinuation { loss = $0 }
  }

  /// Lets the sessions go and has them opened anew.
  func lose(_ diagnostic: Diagnostic) {
    guard connection != nil || monitor != nil else { return }
    connection = nil
    monitor = nil
    send(.connectionChanged(.lost(diagnostic, retryAt: .current)))
    loss?.resume()
    loss = nil
  }
}
