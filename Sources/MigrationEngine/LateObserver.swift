import EventLoop
import MigrationModel
import Postgres

/// Looks on at a run without a lock budget once one of its messages has been under way for long, so
/// that a run which waits without end tells for whom.
///
/// One look a second at a number costs a quick run nothing; only a slow one gets a session beside it.
struct LateObserver: Sendable {
  let target: ConnectionString
  let control: RunControl
  let loop: EventLoop
  let report: @Sendable (RunEvent) -> Void

  private static let interval = Duration.seconds(1)
  /// A queue that does not change is told again after some fifteen seconds.
  private static let looksBetweenReports = 60

  /// Watches until the task is cancelled.
  func watch() async {
    var seen: Int?
    var observer: RunObserver?
    while (try? await loop.sleep(for: Self.interval)) != nil {
      let message = control.message
      guard let message, message.number == seen else {
        seen = message?.number
        continue
      }
      if observer == nil {
        // A run does not fail because nobody can look on.
        guard let monitor = try? await LockMonitor.open(target, loop: loop) else { return }
        observer = RunObserver(
          monitor: monitor, budget: .off, control: control, loop: loop, report: report,
          looksBetweenReports: Self.looksBetweenReports)
      }
      await observer?.watch(
        message.number, pid: message.pid, message.version, mayStepAside: false)
    }
  }
}
