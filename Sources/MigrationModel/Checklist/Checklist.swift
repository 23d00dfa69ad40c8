/// A list of things to be seen to before, while or after a migration goes somewhere.
public struct Checklist: Sendable, Hashable {
  public var title: String
  public var items: [ChecklistItem]

  public init(title: String, items: [ChecklistItem]) {
    self.title = title
    self.items = items
  }
}

/// One thing to be seen to: proven by Lockstep where there is a proof, else by a person's word.
public struct ChecklistItem: Sendable, Hashable {
  /// Stable, for records and scripts: the proof's word, or a slug of the text.
  public var id: String
  public var title: String
  /// `nil`: nothing but a person's word can settle it.
  public var proof: CheckProof?
  /// The heading under which it stands; `nil` where there is none.
  public var section: String?

  public init(id: String, title: String, proof: CheckProof? = nil, section: String? = nil) {
    self.id = id
    self.title = title
    self.proof = proof
    self.section = section
  }
}

/// What Lockstep can prove by itself; the raw words stand in task lists: `<!-- proof: rollback -->`.
public enum CheckProof: String, Sendable, Hashable, CaseIterable {
  /// The history row is there, and the run that wrote it was seen.
  case applied
  /// Every index that it makes exists, is valid and ready.
  case indexes
  /// Every new constraint, policy and check option refuses invalid data.
  case constraints
  /// Every new trigger, of tables and of commands, is enabled and fires.
  case triggers
  /// The project's key queries, planned and run before and after.
  case performance
  /// Up, down: the schema is as before, and no row was lost; up again.
  case rollback
  /// Nothing that others read, write or call was dropped, renamed or retyped.
  case contract
  /// Schema dump and diagram are those of the schema.
  case documentation
  /// The project's own queries of `issue, count` find nothing.
  case assertions
  /// It could be applied to a copy.
  case applies
  /// It could be applied again after it was rolled back.
  case reapplies
  /// It has a way back.
  case downScript = "down_script"
  /// The prepared queries of the application's source are those of the schema.
  case queryCache = "query_cache"
  /// A backup newer than the last change, that could be read.
  case backup
  /// Its statements were seen with their time.
  case duration
}
