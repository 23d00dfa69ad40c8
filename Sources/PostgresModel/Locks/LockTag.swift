/// What a lock is on: the whole tag of the server's lock manager.
///
/// Source: PostgreSQL manual, 54.12 "pg_locks". Columns that do not apply are `nil` and equal.
public struct LockTag: Sendable, Hashable {
  /// `pg_locks.locktype`.
  public enum Kind: UInt8, Sendable, Hashable, CaseIterable {
    case relation, extend, frozenID, page, tuple, transactionID, virtualTransaction
    case speculativeToken, object, userLock, advisory
    /// Since 16.
    case applyTransaction
    /// No lock, and in no lock table: what `SERIALIZABLE READ ONLY DEFERRABLE` waits for.
    case safeSnapshot
    /// A type that this version of Lockstep does not know.
    case other

    public init(catalogName: some StringProtocol) {
      // The common ones first: a scan may see thousands.
      if catalogName == "relation" {
        self = .relation
      } else {
        self = Kind.allCases.first { $0.catalogName == catalogName } ?? .other
      }
    }

    public var catalogName: String {
      switch self {
      case .relation: "relation"
      case .extend: "extend"
      case .frozenID: "frozenid"
      case .page: "page"
      case .tuple: "tuple"
      case .transactionID: "transactionid"
      case .virtualTransaction: "virtualxid"
      case .speculativeToken: "spectoken"
      case .object: "object"
      case .userLock: "userlock"
      case .advisory: "advisory"
      case .applyTransaction: "applytransaction"
      case .safeSnapshot: "safesnapshot"
      case .other: "other"
      }
    }
  }

  public var kind: Kind
  /// 0 for what all databases share.
  public var database: UInt32?
  public var relation: UInt32?
  public var page: UInt32?
  public var tuple: UInt32?
  public var virtualTransaction: VirtualTransaction?
  public var transactionID: UInt32?
  public var classID: UInt32?
  public var objectID: UInt32?
  public var objectSubID: UInt32?

  public init(
    _ kind: Kind, database: UInt32? = nil, relation: UInt32? = nil, page: UInt32? = nil,
    tuple: UInt32? = nil, virtualTransaction: VirtualTransaction? = nil,
    transactionID: UInt32? = nil, classID: UInt32? = nil, objectID: UInt32? = nil,
    objectSubID: UInt32? = nil
  ) {
    self.kind = kind
    self.database = database
    self.relation = relation
    self.page = page
    self.tuple = tuple
    self.virtualTransaction = virtualTransaction
    self.transactionID = transactionID
    self.classID = classID
    self.objectID = objectID
    self.objectSubID = objectSubID
  }

  /// The key of an advisory lock; `nil` for every other lock.
  public var advisoryKey: AdvisoryKey? {
    guard kind == .advisory, let high = classID, let low = objectID else { return nil }
    if objectSubID == 2 {
      return .pair(Int32(bitPattern: high), Int32(bitPattern: low))
    }
    return .single(Int64(bitPattern: UInt64(high) << 32 | UInt64(low)))
  }
}

/// A transaction before it has a number: `4/127` is the 127th of the server's slot 4.
public struct VirtualTransaction: Sendable, Hashable, CustomStringConvertible {
  public var slot: Int32
  public var local: UInt32

  public init(slot: Int32, local: UInt32) {
    self.slot = slot
    self.local = local
  }

  /// Reads `4/127` as `pg_locks` writes it; `nil` for everything else.
  public init?(_ text: some StringProtocol) {
    guard let slash = text.firstIndex(of: "/"), let slot = Int32(text[..<slash]),
      let local = UInt32(text[text.index(after: slash)...])
    else { return nil }
    self.init(slot: slot, local: local)
  }

  public var description: String { "\(slot)/\(local)" }
}

/// The key of an advisory lock, in the two forms that the server keeps apart.
public enum AdvisoryKey: Sendable, Hashable {
  case single(Int64)
  case pair(Int32, Int32)
}

/// The names of a database's relations by their oid, so that no catalog is asked while one is locked.
public struct RelationNames: Sendable, Hashable {
  /// Oid of the database these names are of; locks of another are shown by number.
  public var database: UInt32?
  public var names: [UInt32: QualifiedName]
  /// The tables of indexes.
  public var tables: [UInt32: UInt32]
  /// The names of other databases, as far as somebody who is seen there tells them.
  public var databases: [UInt32: String] = [:]

  public init(
    database: UInt32? = nil, names: [UInt32: QualifiedName] = [:], tables: [UInt32: UInt32] = [:]
  ) {
    self.database = database
    self.names = names
    self.tables = tables
  }

  /// Whether a lock is on an index.
  public func isIndex(_ tag: LockTag) -> Bool { table(of: tag) != nil }

  private func table(of tag: LockTag) -> UInt32? {
    guard tag.kind == .relation, database == nil || tag.database == database else { return nil }
    return tag.relation.flatMap { tables[$0] }
  }

  /// As `text(_:)`, of an index with its table: `orders_pkey of orders`.
  public func place(_ tag: LockTag) -> String {
    text(tag) + (table(of: tag).map { " of " + text($0, in: tag.database) } ?? "")
  }

  /// The name of a relation as people read it: without the schema `public`; `shop:1259`, `5:1259` or
  /// `1259` where the name is not known.
  public func text(_ relation: UInt32, in database: UInt32?) -> String {
    if let here = self.database, let database, database != 0, database != here {
      return "\(databases[database] ?? "\(database)"):\(relation)"
    }
    guard let name = names[relation] else { return "\(relation)" }
    return name.schema == "public" ? name.name : name.description
  }

  /// What a lock is on, in few characters: `orders`, `orders(0,2)`, `xid 728`, `advisory 42`.
  public func text(_ tag: LockTag) -> String {
    switch tag.kind {
    case .relation, .extend, .page, .tuple:
      let relation = tag.relation.map { text($0, in: tag.database) } ?? "?"
      if tag.kind == .extend { return relation + " (extend)" }
      guard let page = tag.page else { return relation }
      return tag.tuple.map { "\(relation)(\(page),\($0))" } ?? "\(relation)(\(page))"
    case .transactionID: return tag.transactionID.map { "xid \($0)" } ?? "xid"
    case .safeSnapshot: return "safe snapshot"
    case .virtualTransaction: return tag.virtualTransaction.map { "vxid \($0)" } ?? "vxid"
    case .advisory, .userLock:
      switch tag.advisoryKey {
      case .single(let key): return "advisory \(key)"
      case .pair(let first, let second): return "advisory \(first),\(second)"
      case nil: return tag.kind.catalogName
      }
    case .object, .frozenID, .speculativeToken, .applyTransaction, .other:
      let numbers = [tag.classID, tag.objectID].compactMap { $0 }.map(String.init)
      return ([tag.kind.catalogName] + numbers).joined(separator: " ")
    }
  }
}
