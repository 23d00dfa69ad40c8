import Diagnostics
import PostgresModel

/// What happens while a plan runs, in order; the dashboard folds it, `--json` prints it.
public enum RunEvent: Sendable, Hashable {
  /// Another runner holds the lock, and we wait; repeated when the holder changes.
  case waitingForRunner(LockHolder)
  case migrationStarted(version: Version, name: String, direction: Direction)
  case notice(version: Version, severity: String, message: String)
  /// An attempt to get a lock was given up and rolled back; `restMilliseconds` until the next one begins,
  /// `nil` after the last.
  case lockAttempt(
    version: Version, attempt: Int, of: Int, waitedMilliseconds: Double, blockers: [Int32],
    reason: StepAsideReason = .lockTimeout, restMilliseconds: Double? = nil)
  /// How the queue stands around the statement that runs; told when it changes, and once a second.
  case queue(version: Version, LockQueue)
  /// How far the server says that the statement has come; told when it changes.
  case progress(version: Version, StatementProgress)
  /// Only where statements are run one by one; `index` from 0, `line` of the file from 1. Locks gained and
  /// what changed in the catalogue are `nil` where they were not looked for.
  case statementFinished(
    version: Version, index: Int, line: Int, command: String, rows: Int64?,
    durationMilliseconds: Double, locks: [HeldLock]? = nil, changes: [CatalogChange]? = nil)
  /// Stopped within the transaction, until told how to go on.
  case stopped(version: Version, RunStop)
  /// Told how to go on.
  case resumed(version: Version, StepDecision)
  /// Locks on relations that were there before; `nil` where they are not known.
  case migrationFinished(
    version: Version, name: String, direction: Direction, durationMilliseconds: Double,
    locks: [HeldLock]? = nil)
  /// Rolled back because somebody said so; nothing of it stands.
  case migrationDeclined(version: Version, name: String, direction: Direction)
  case migrationFailed(
    version: Version, name: String, direction: Direction, Diagnostic, left: StateLeft)
  /// A backup is being taken; where it goes, or by which command.
  case backupStarted(String)
  /// A backup was taken, or could not be.
  case backupEnded(Backup)
  /// It was asked whether what uses the database is well.
  case healthChecked(HealthCheck)
  /// The health check has failed, and these steps undo what was applied.
  case rollingBack(Plan)
  /// There is no backup, or what uses the database is not well.
  case safeguardFailed(Diagnostic)
  case cancelling
  case reconnected(String)
  case schemaWritten(path: String)
  /// Something worth knowing that is no failure.
  case message(Diagnostic)
  case finished(applied: Int, reverted: Int, failed: Int, durationMilliseconds: Double)

  /// What a failed migration left behind.
  public enum StateLeft: String, Sendable, Hashable {
    case nothing, partly
  }
}

/// Who holds an advisory lock that we want.
public struct LockHolder: Sendable, Hashable {
  public var pid: Int32
  public var user: String?
  public var application: String?
  /// When its session began.
  public var since: Instant?
  /// Which of the keys it holds: `Lockstep`, `golang-migrate's command line`.
  public var key: String

  public init(pid: Int32, user: String?, application: String?, since: Instant?, key: String) {
    self.pid = pid
    self.user = user
    self.application = application
    self.since = since
    self.key = key
  }
}
