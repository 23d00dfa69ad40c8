import PostgresModel

/// A person's word that these migrations, with this content and on this evidence, may be run on one
/// database.
///
/// It holds for nothing else: of another content, other evidence or another database it says nothing.
public struct Approval: Sendable, Hashable {
  /// Made from time, machine and process.
  public var id: String
  public var at: Instant
  /// As the person is named: `Ann Author <ann@example.org>`, `ann`.
  public var by: String
  /// Further names under which the same person is known on that machine.
  public var alsoKnownAs: [String]
  public var manner: Manner
  public var environment: String
  public var identity: DatabaseIdentity
  /// The history table; `nil` in what was kept before it was said.
  public var table: String?
  /// An approval of applying holds for the way back as well; one of rolling back for that alone.
  public var direction: Direction
  public var migrations: [ApprovedMigration]

  /// How the word was given.
  public enum Manner: Sendable, Hashable {
    /// On a terminal, by typing the environment's name.
    case typed
    /// Without a screen, by a name on the command line: a pipeline that has its own approvals.
    case named
    /// In place of all approvals, for one run; it is no approval of anything later.
    case brokeGlass(reason: String)
  }

  public init(
    id: String, at: Instant, by: String, alsoKnownAs: [String] = [], manner: Manner,
    environment: String, identity: DatabaseIdentity, table: String? = nil,
    direction: Direction = .up, migrations: [ApprovedMigration]
  ) {
    self.id = id
    self.at = at
    self.by = by
    self.alsoKnownAs = alsoKnownAs
    self.manner = manner
    self.environment = environment
    self.identity = identity
    self.table = table
    self.direction = direction
    self.migrations = migrations
  }
}

/// One migration as it was when it was approved.
public struct ApprovedMigration: Sendable, Hashable {
  public var version: Version
  public var name: String
  /// `Migration.contentChecksum` in hexadecimal.
  public var checksum: String
  /// `EvidenceDigest` in hexadecimal.
  public var evidence: String
  /// Who wrote its files; `nil` where nothing tells.
  public var authors: [String]?

  public init(
    version: Version, name: String, checksum: String, evidence: String, authors: [String]?
  ) {
    self.version = version
    self.name = name
    self.checksum = checksum
    self.evidence = evidence
    self.authors = authors
  }
}

/// An approval, or what takes one back, as it is kept.
public enum ApprovalRecord: Sendable, Hashable {
  case given(Approval)
  case revoked(Revocation)

  public var at: Instant {
    switch self {
    case .given(let approval): approval.at
    case .revoked(let revocation): revocation.at
    }
  }

  /// Takes an approval back.
  public struct Revocation: Sendable, Hashable {
    /// `Approval.id`.
    public var approval: String
    public var at: Instant
    public var by: String
    public var reason: String?
    public var identity: DatabaseIdentity

    public init(
      approval: String, at: Instant, by: String, reason: String?, identity: DatabaseIdentity
    ) {
      self.approval = approval
      self.at = at
      self.by = by
      self.reason = reason
      self.identity = identity
    }
  }
}

extension Approval {
  /// Whether it is of a kind that later runs can lean on.
  public var isLasting: Bool { if case .brokeGlass = manner { false } else { true } }

  /// What it says of a migration in a direction; `nil` where it says nothing.
  public func approved(_ version: Version, _ direction: Direction) -> ApprovedMigration? {
    guard self.direction == .up || direction == .down else { return nil }
    return migrations.first { $0.version == version }
  }
}

extension [ApprovalRecord] {
  /// The approvals, oldest first, each with what took it back.
  public var approvals: [(approval: Approval, revocation: ApprovalRecord.Revocation?)] {
    var revocations: [String: ApprovalRecord.Revocation] = [:]
    for case .revoked(let revocation) in self where revocations[revocation.approval] == nil {
      revocations[revocation.approval] = revocation
    }
    return compactMap { record in
      guard case .given(let approval) = record else { return nil }
      return (approval, revocations[approval.id])
    }
  }
}
