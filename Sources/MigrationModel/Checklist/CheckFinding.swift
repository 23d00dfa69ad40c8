/// What a proof has come to, with what was seen.
public struct CheckFinding: Sendable, Hashable {
  public var verdict: Verdict
  /// In the order in which it was seen; what speaks against it is marked.
  public var evidence: [Evidence]
  /// SHA-256 of the schema that a rehearsal came to, in hexadecimal, for a comparison with the target
  /// once the migration is applied there; `nil` where nothing was rehearsed, or the copy was not alike.
  public var schema: String?

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
