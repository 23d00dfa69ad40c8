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
  /// Those of the notes behind which somebody's word can be missing: an approval, a finding, or what
  /// takes one back.
  public var gaps: [Diagnostic] = []

  public init(
    records: [RunRecord] = [], notes: [Diagnostic] = [], gaps: [Diagnostic] = []
  ) {
    self.records = records
    self.notes = notes
    self.gaps = gaps
  }

  /// Tells of what could not be read.
  ///
  /// - Parameter mayHideWords: Whether an approval or a finding can stand there.
  mutating func note(_ diagnostic: Diagnostic, mayHideWords: Bool = true) {
    notes.append(diagnostic)
    if mayHideWords { gaps.append(diagnostic) }
  }

  /// Reads what one more place has; one that cannot be read is told in a note.
  public mutating func add(_ place: any RunRecords, _ wanted: RunRecordSelection) async {
    do throws(RunRecordsFailure) {
      let part = try await place.read(wanted)
      records += part.records
      notes += part.notes
      gaps += part.gaps
    } catch {
      note(error.diagnostic)
    }
  }
}

/// The journal could not be written or read; it never keeps a migration from running.
public struct RunRecordsFailure: Error, Explainable, Sendable, Hashable {
  public var diagnostic: Diagnostic

  public init(_ what: String, next: String) {
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
