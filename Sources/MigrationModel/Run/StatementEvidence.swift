import PostgresModel

/// What a statement was seen to do on a scratch copy.
public struct StatementEvidence: Sendable, Hashable {
  public var source: Source
  /// Gained by this statement: those that an earlier one of its transaction held are not told again.
  /// Relations that the migration itself made are left out, as nobody can wait for them.
  public var locks: [ObservedLock]
  /// Tables that got a new file; `nil` where that is not known.
  public var rewrites: [QualifiedName]?
  /// Tables of which a good share was read row by row; `nil` where that is not known.
  public var scans: [QualifiedName]?
  /// At most: others on the same server write as well. `nil` where the server does not tell.
  public var walBytes: Int64?
  /// Blocks that it asked for; `nil` where that is not known.
  public var buffers: BufferUse?
  /// What it wrote into temporary files, which is what did not fit into `work_mem`; `nil` where the server
  /// does not tell.
  public var temporaryBytes: Int64?
  /// What it dropped, asked for or not; `nil` where the server may not be asked.
  public var dropped: [DroppedObject]?
  /// What it changed in the catalogue; `nil` where that was not looked for.
  public var changes: [CatalogChange]?
  public var notices: [String]
  public var durationMilliseconds: Double?
  public var rows: Int64?

  /// How it was looked at.
  public enum Source: String, Sendable, Hashable {
    /// In the run itself, which stopped behind each statement with its transaction open.
    case stepped
    /// In a transaction that was rolled back, just before the run itself.
    case replayed
    /// From outside while it ran, as often as the server could: something short may have gone unseen.
    case sampled
  }

  public init(
    _ source: Source, locks: [ObservedLock] = [], rewrites: [QualifiedName]? = nil,
    scans: [QualifiedName]? = nil, walBytes: Int64? = nil, buffers: BufferUse? = nil,
    temporaryBytes: Int64? = nil, dropped: [DroppedObject]? = nil,
    changes: [CatalogChange]? = nil, notices: [String] = [], durationMilliseconds: Double? = nil,
    rows: Int64? = nil
  ) {
    self.source = source
    self.locks = locks
    self.rewrites = rewrites
    self.scans = scans
    self.walBytes = walBytes
    self.buffers = buffers
    self.temporaryBytes = temporaryBytes
    self.dropped = dropped
    self.changes = changes
    self.notices = notices
    self.durationMilliseconds = durationMilliseconds
    self.rows = rows
  }
}

/// Blocks that a statement asked the server for, of tables, their indexes and what is stored beside them; those
/// of the catalogue are left out, and so is what building and writing anew puts past the shared memory.
///
/// In a transaction it is what the session itself has counted, of the relations that it still holds. Of a
/// sampled statement it is what was counted of the relations that it was seen to lock or has made; what
/// others hand in of them meanwhile counts too.
public struct BufferUse: Sendable, Hashable {
  /// Found in shared memory.
  public var hit: Int64
  /// Fetched from the operating system, which may have had them.
  public var read: Int64

  public init(hit: Int64, read: Int64) {
    self.hit = hit
    self.read = read
  }
}

/// A lock that a migration was seen to hold, or to wait for.
public struct ObservedLock: Sendable, Hashable {
  public var mode: LockMode
  /// As it was called before the migration.
  public var relation: QualifiedName
  public var kind: SchemaFacts.Relation.Kind

  public init(
    _ mode: LockMode, _ relation: QualifiedName, _ kind: SchemaFacts.Relation.Kind = .table
  ) {
    self.mode = mode
    self.relation = relation
    self.kind = kind
  }

  /// Whether it is on an index, which matters to a query only by way of the table.
  public var isOnIndex: Bool { kind == .index || kind == .partitionedIndex }
}

/// Something that a statement dropped.
public struct DroppedObject: Sendable, Hashable {
  /// As the server names it: `table column`, `view`.
  public var kind: String
  public var identity: String
  /// Whether nobody had named it: it went because of something that did.
  public var isCascaded: Bool

  public init(kind: String, identity: String, isCascaded: Bool) {
    self.kind = kind
    self.identity = identity
    self.isCascaded = isCascaded
  }
}

extension [ObservedLock] {
  /// The strongest lock on each relation, strongest first; equal ones by name.
  public var strongest: [ObservedLock] {
    var found: [QualifiedName: ObservedLock] = [:]
    for lock in self where found[lock.relation].map({ $0.mode < lock.mode }) ?? true {
      found[lock.relation] = lock
    }
    return found.values.sorted { a, b in
      a.mode == b.mode ? a.relation < b.relation : a.mode > b.mode
    }
  }
}

extension ObservedLock {
  /// Whether it is worth telling: what every statement asks of an index is not.
  public var isTold: Bool { !isOnIndex || mode > .rowExclusive }
}
