import PostgresModel

/// What was found or said about one item of a checklist for one migration, as it is kept.
public struct CheckRecord: Sendable, Hashable {
  public var at: Instant
  /// Who ran the proof, or gave the word.
  public var by: String
  public var version: Version
  /// `Migration.contentChecksum` in hexadecimal: of another content this says nothing.
  public var checksum: String
  /// Where it was proven or said; `nil` where no environment was named.
  public var environment: String?
  /// `ChecklistItem.id`.
  public var item: String
  public var act: Act

  public enum Act: Sendable, Hashable {
    /// Lockstep has run the proof.
    case proven(CheckFinding)
    /// A person has seen to it.
    case signed(note: String?)
    /// A person answers for leaving it out.
    case waived(reason: String)
    /// A remark, which settles nothing.
    case noted(String)
    /// The last word of a person on it is taken back.
    case undone
  }

  public init(
    at: Instant, by: String, version: Version, checksum: String, environment: String?,
    item: String, act: Act
  ) {
    self.at = at
    self.by = by
    self.version = version
    self.checksum = checksum
    self.environment = environment
    self.item = item
    self.act = act
  }
}

extension Migration {
  /// SHA-256 that stands for everything a run of it can depend on: of its file, or of the digests of its
  /// files in their order where it has several.
  public var contentChecksum: Checksum {
    let digests = files.map { $0.checksum(.sha256) }
    guard digests.count != 1 else { return digests[0] }
    return Checksum(.sha256, of: Array(digests.map(\.hexadecimal).joined(separator: "\n").utf8))
  }
}
