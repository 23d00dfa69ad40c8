/// What a proof has come to, with what was seen.
public struct CheckFinding: Sendable, Hashable {
  public var verdict: Verdict
  /// In the order in which it was seen; what speaks against it is marked.
  public var evidence: [Evidence]
  /// SHA-256 of the schema that a rehearsal came to, in hexadecimal, for a comparison with the target
  /// once the migration is applied there; `nil` where nothing was rehearsed, or the copy was not alike.
  public var schema: String?
  /// The copy on which it was seen; `nil` where it was seen without one.
  public var copy: Copy?

  /// What a copy had of the target's rows.
  public struct Copy: Sendable, Hashable {
    public var mode: RehearsalReport.Mode
    /// How many of them, where it is a part: `at most 500 rows a table`.
    public var sample: String?

    public init(_ mode: RehearsalReport.Mode, sample: String? = nil) {
      self.mode = mode
      self.sample = sample
    }

    public init(_ scratch: RehearsalReport.Scratch) {
      self.init(scratch.mode, sample: scratch.sample)
    }

    /// For every report.
    public var words: String { mode.words + (sample.map { ", \($0)" } ?? "") }
  }

  public enum Verdict: String, Sendable, Hashable {
    case passed, failed
    /// It was tried and could neither be shown nor refuted, or there was nothing to try it with.
    case notProven = "not_proven"
    /// The migration has nothing of the kind.
    case notApplicable = "not_applicable"
  }

  /// A line of what was seen.
  public struct Evidence: Sendable, Hashable {
    public var text: String
    public var weight: Weight

    public enum Weight: String, Sendable, Hashable {
      case plain
      /// It shows what had to be shown.
      case supports = "for"
      /// It speaks against it.
      case refutes = "against"
      /// It leaves the matter open.
      case unclear
    }

    public init(_ text: String, _ weight: Weight = .plain) {
      self.text = text
      self.weight = weight
    }
  }

  public init(_ verdict: Verdict, _ evidence: [Evidence] = [], schema: String? = nil) {
    self.verdict = verdict
    self.evidence = evidence
    self.schema = schema
  }
}
