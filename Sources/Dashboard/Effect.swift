import MigrationModel
import PostgresModel

/// What is wanted: a deed by name, carried out by the program around the dashboard.
public enum Effect: Sendable, Hashable {
  /// Read folder and history anew; answered by `statusLoaded` or `statusFailed`.
  case reload
  /// Answered by `planMade` or `planFailed`.
  case makePlan(PlanRequest)
  /// Run exactly this plan, waiting for locks no longer than this; answered by `runEvent`s and one
  /// `runEnded`.
  case run(Plan, pace: RunPace = .atOnce, budget: LockBudget = .off)
  /// Give the place in the lock queue back; tried again after a rest.
  case stepAside
  /// Tell the run that has stopped how to go on.
  case decide(StepDecision)
  /// Cancel the statement that runs; its transaction rolls back.
  case cancelRun
  /// Answered by `locksSampled` or `locksFailed`.
  case sampleLocks(LockSampling)
  /// Give files new names; answered by `done` or `failed`.
  case rename(Renaming)
  /// Answered by `tablesMeasured`.
  case measureTables([QualifiedName])
  /// Cancel a statement or end a session, if it still is the one that was seen; answered by
  /// `signalled`, and kept with who asked for it.
  case signal(SessionSignal)
  /// Prove what can be proven on a scratch copy, and keep what is found; answered by `checkProgress` and
  /// one `checked` or `checkFailed`.
  ///
  /// No version means all that is pending; no items means those that are not settled.
  case check(Version?, items: [String])
  /// Run what is pending up to a version on a scratch copy, and keep nothing; answered by
  /// `checkProgress` and one `rehearsed` or `checkFailed`.
  case rehearse(Version?)
  /// End the check or the rehearsal; its scratch copy is dropped.
  case cancelCheck
  /// Keep what a person says of an item; answered by `checkKept` or `failed`.
  case keepCheck(CheckWord)
  /// Put these exact bytes on the clipboard.
  case copy(String)
  /// Open `$EDITOR` at a line, counted from 1.
  case edit(path: String, line: Int)
  /// Show a text in `$PAGER`.
  case page(String)
  /// Write a text to a new file in the working directory.
  case save(name: String, text: String)
  /// Write a checklist in a form for others to a new file in the working directory.
  case saveChecks(CheckedMigration, CheckReportForm, name: String)
  /// Write a checklist in every form to a new folder in the working directory, and beside it these texts
  /// by their names.
  case saveEvidence(CheckedMigration, files: [String: String], folder: String)
  /// Draw every cell anew, whatever the terminal is thought to show.
  case repaint
  case suspend
  case quit
}

/// How much of the lock table is asked for.
public enum LockSampling: Sendable, Hashable {
  /// Only how many sessions wait: what an idle server is asked every second.
  case count
  /// Every session that waits or is waited for.
  case full
  /// As `full`, held against the server's own account of who blocks whom.
  case verified
}
