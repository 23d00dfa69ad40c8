/// A backup that was taken, or tried, before migrations ran.
public struct Backup: Sendable, Hashable {
  /// `pg_dump`, or the environment's own command.
  public var way: String
  public var outcome: Outcome
  public var durationMilliseconds: Double

  public enum Outcome: Sendable, Hashable {
    case taken(BackupFile)
    /// By the environment's own command; the first line that it printed.
    case left(reference: String?)
    case failed(reason: String)
  }

  public init(way: String, outcome: Outcome, durationMilliseconds: Double) {
    self.way = way
    self.outcome = outcome
    self.durationMilliseconds = durationMilliseconds
  }
}

/// A backup in a file, as it was when it was read once more.
public struct BackupFile: Sendable, Hashable {
  public var path: String
  public var bytes: Int64
  /// In hexadecimal.
  public var sha256: String
  /// Entries that `pg_restore --list` has found in it.
  public var entries: Int

  public init(path: String, bytes: Int64, sha256: String, entries: Int) {
    self.path = path
    self.bytes = bytes
    self.sha256 = sha256
    self.entries = entries
  }
}

/// What was found when it was asked whether what uses the database is well.
public struct HealthCheck: Sendable, Hashable {
  /// `sql`, `command` or `url`.
  public var way: String
  /// What was asked.
  public var question: String
  public var outcome: Outcome
  /// What was answered, or why there was no good answer.
  public var answer: String
  public var durationMilliseconds: Double

  public enum Outcome: String, Sendable, Hashable {
    case passed, failed
  }

  public init(
    way: String, question: String, outcome: Outcome, answer: String, durationMilliseconds: Double
  ) {
    self.way = way
    self.question = question
    self.outcome = outcome
    self.answer = answer
    self.durationMilliseconds = durationMilliseconds
  }
}

extension Backup {
  /// What came of it, in one line.
  public var words: String {
    switch outcome {
    case .taken(let file):
      "backup taken: \(file.path), \(file.bytes) bytes, \(file.entries) entries,"
        + " SHA-256 \(file.sha256.prefix(12))…"
    case .left(let reference): "backup taken by \(way)" + (reference.map { ": \($0)" } ?? "")
    case .failed(let reason): "no backup: \(reason)"
    }
  }
}

extension HealthCheck {
  /// What came of it, in one line.
  public var words: String { "health check \(outcome.rawValue): \(way) \(question): \(answer)" }
}
