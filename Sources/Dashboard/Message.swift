import Canvas
import Diagnostics
import MigrationModel
import PostgresModel

/// What happened: the only way in which anything reaches the dashboard.
public enum Message: Sendable {
  case key(Key, at: Instant)
  case resized(Size)
  case tick(Instant)
  /// The folder was read; the history is not known yet.
  case filesRead(ProjectStatus)
  case statusLoaded(ProjectStatus, at: Instant)
  /// What was kept of the runs on this database.
  case runsRead(RunArchive)
  /// Folder or history could not be read; what was known stays in sight.
  case statusFailed(Diagnostic)
  /// Something in a migrations folder is not what it was.
  case filesChanged
  /// Somebody wrote to the history table.
  case historyChanged
  case connectionChanged(ConnectionState)
  case planMade(Plan, at: Instant)
  case planFailed(Diagnostic)
  case runEvent(RunEvent, at: Instant)
  /// The runner has let go of the database; the failure that no event told, if there is one.
  case runEnded(Diagnostic?, at: Instant)
  case locksSampled(LockSample)
  case locksFailed(Diagnostic, at: Instant)
  /// How large tables are; those that could not be asked, or are not there, are left out.
  case tablesMeasured([QualifiedName: TableSize], asked: [QualifiedName], at: Instant)
  /// What came of cancelling a statement or ending a session.
  case signalled(SessionSignal, AuditEvent.Outcome, at: Instant)
  /// The checklist that migrations are held against.
  case checksRead(Checklist)
  /// It cannot be read.
  case checklistFailed(Diagnostic)
  case checkProgress(CheckStep, at: Instant)
  /// A check has gone through its items.
  case checked([CheckedMigration], at: Instant)
  case rehearsed(RehearsalReport, at: Instant)
  /// A check or a rehearsal could not be made, or was cancelled.
  case checkFailed(Diagnostic, at: Instant)
  /// What a person said of an item is in the journal.
  case checkKept(CheckRecord)
  /// A deed that was asked for is done: `copied 214 bytes`, `saved to locks.txt`.
  case done(String)
  case failed(Diagnostic)
}
