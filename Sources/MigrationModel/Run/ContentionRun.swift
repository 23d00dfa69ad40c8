import PostgresModel

/// A migration that was applied on the copy while others were at work on the tables that it locks.
public struct ContentionRun: Sendable, Hashable {
  /// What it had of a lock budget.
  public var budget: LockBudget
  public var hasApplied: Bool
  /// How often it stepped aside for a lock.
  public var steppedAside: Int
  public var durationMilliseconds: Double
  /// A table each, in the order of their names.
  public var stalls: [Stall]

  /// The longest that anybody waited for a table, in milliseconds.
  public struct Stall: Sendable, Hashable {
    public var table: QualifiedName
    /// One that reads again and again.
    public var reader: Double
    /// One that writes again and again.
    public var writer: Double
    /// One that reads, and then leaves its transaction open for a while.
    public var idler: Double
    /// What the writer has written.
    public var writing: Writing

    public init(
      _ table: QualifiedName, reader: Double, writer: Double, idler: Double, writing: Writing
    ) {
      self.table = table
      self.reader = reader
      self.writer = writer
      self.idler = idler
      self.writing = writing
    }

    public var longest: Double { max(reader, writer, idler) }
  }

  /// What a writer does again and again, each time in a transaction of its own.
  public enum Writing: Sendable, Hashable {
    /// Writes a row that was there anew with the values that it has, as often as this.
    case updated(Int)
    /// Writes a row that was made up, as often as this, and takes it back: none was there.
    case inserted(Int)
    /// Takes the lock alone; why no row can be written.
    case nothing(String)
  }

  public init(
    budget: LockBudget, hasApplied: Bool, steppedAside: Int, durationMilliseconds: Double,
    stalls: [Stall]
  ) {
    self.budget = budget
    self.hasApplied = hasApplied
    self.steppedAside = steppedAside
    self.durationMilliseconds = durationMilliseconds
    self.stalls = stalls
  }
}

/// A statement outside a transaction whose session was ended in its midst, and what came of taking it up
/// again.
public struct BrokenOffTrial: Sendable, Hashable {
  /// Of its script, from 0; `line` of the file, from 1.
  public var index: Int
  public var line: Int
  public var outcome: Outcome

  public enum Outcome: Sendable, Hashable {
    /// The schema is what it is where nothing breaks off, and no index is invalid.
    case converges
    /// It is another, or an index is invalid; in words.
    case differs(String)
    /// It could not be taken up.
    case stuck(String)
    /// It was over before it could be ended.
    case notTried(String)
  }

  public init(index: Int, line: Int, outcome: Outcome) {
    self.index = index
    self.line = line
    self.outcome = outcome
  }

  /// Whether the way on is blocked.
  public var isStuck: Bool {
    if case .stuck = outcome { return true }
    return false
  }

  public var hasFailed: Bool {
    switch outcome {
    case .converges, .notTried: false
    case .differs, .stuck: true
    }
  }
}
