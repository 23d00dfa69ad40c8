import Diagnostics
import MigrationModel
import PostgresModel

/// What is known of the project's migrations.
public enum Picture: Sendable, Hashable {
  /// The folder has not been read yet.
  case reading
  /// The folder cannot be read, or no layout fits it.
  case unreadable(Diagnostic)
  /// The folder has been read, the history has not: states are not known yet.
  case filesOnly(ProjectStatus)
  /// Folder and history, as they were at `at`.
  case joined(ProjectStatus, at: Instant)

  /// The migrations, whatever is known of their states.
  public var status: ProjectStatus? {
    switch self {
    case .reading, .unreadable: nil
    case .filesOnly(let status), .joined(let status, _): status
    }
  }

  /// Whether states were read from the history.
  public var knowsStates: Bool {
    if case .joined = self { true } else { false }
  }
}

/// How many migrations are in which state; counted once a picture, not once a frame.
public struct Counts: Sendable, Hashable {
  public var applied = 0
  public var pending = 0
  public var failed = 0
  /// Applied ones whose file changed or is gone.
  public var drift = 0

  public init() {}

  /// Counts what a picture holds.
  public init(_ status: ProjectStatus) {
    for migration in status.migrations {
      switch migration.state {
      case .applied: applied += 1
      case .pending: pending += 1
      case .failed: failed += 1
      }
      if migration.problems.contains(where: \.isDrift) { drift += 1 }
    }
  }
}

extension MigrationStatus.Problem {
  /// Whether the file is no longer what was applied.
  var isDrift: Bool {
    switch self {
    case .changed, .missingFile: true
    default: false
    }
  }
}

/// Names one line of the migration list across reloads.
///
/// Two files may carry the same version, so the version alone does not.
public struct MigrationKey: Sendable, Hashable {
  public var version: Version
  /// The first file's; `nil` where the file is gone.
  public var path: String?

  public init(_ status: MigrationStatus) {
    version = status.version
    path = status.migration?.files.first?.path
  }
}
