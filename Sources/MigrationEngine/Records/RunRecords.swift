import Diagnostics
import MigrationModel
import PostgresModel

/// Where runs and audit events are kept.
public protocol RunRecords: Sendable {
  /// Adds records behind those that are there.
  ///
  /// - Throws: `RunRecordsFailure`; what ran stands all the same.
  func append(_ records: [RunRecord]) async throws(RunRecordsFailure)
  /// Reads what is there.
  ///
  /// - Throws: `RunRecordsFailure`.
  func read(_ wanted: RunRecordSelection) async throws(RunRecordsFailure) -> RunRecordReading
}

/// Which records are read.
public enum RunRecordSelection: Sendable, Hashable {
  case all
  /// What tells when something was applied: runs and steps.
  case steps
  /// All that is about one migration, and its runs.
  case version(Version)
}

/// What was read, and what could not be.
public struct RunRecordReading: Sendable, Hashable {
  public var records: [RunRecord] = []
  /// Lines that are no records, as a half-written one.
  public var notes: [Diagnostic] = []

  public init(records: [RunRecord] = [], notes: [Diagnostic] = []) {
    self.records = records
    self.notes = notes
  }
}

/// The journal could not be written or read; it never keeps a migration from running.
public struct RunRecordsFailure: Error, Explainable, Sendable, Hashable {
  public var diagnostic: Diagnostic

  init(_ what: String, next: String) {
    diagnostic = .warning(code: "journal_not_written", what, next: next)
  }
}

extension RunRecordSelection {
  /// Whether a record is among those that are wanted.
  func takes(_ record: RunRecord) -> Bool {
    switch self {
    case .all: return true
    case .steps:
      switch record {
      case .started, .step: return true
      case .lockAttempt, .statement, .ended, .audit, .check, .approval, .backup, .health:
        return false
      }
    case .version(let version): return record.version == nil || record.version == version
    }
  }
}
