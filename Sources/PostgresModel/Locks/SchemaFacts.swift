/// How the relations of a database hang together, as far as it decides who is locked with whom.
public struct SchemaFacts: Sendable, Hashable {
  /// One relation.
  public struct Relation: Sendable, Hashable {
    /// `pg_class.relkind`.
    public enum Kind: String, Sendable, Hashable {
      case table = "r"
      case partitionedTable = "p"
      case index = "i"
      case partitionedIndex = "I"
      case view = "v"
      case materializedView = "m"
      case sequence = "S"
      case foreignTable = "f"
      case compositeType = "c"
      case other = "?"
    }

    public var name: QualifiedName
    public var kind: Kind
    /// The table of an index; the table that a sequence belongs to.
    public var owner: QualifiedName?
    /// What it is a partition or child of.
    public var parents: [QualifiedName]
    public var isDefaultPartition: Bool
    /// What a view reads.
    public var sources: [QualifiedName]
    /// The types of its columns that are no types of the server itself.
    public var types: Set<QualifiedName>
    /// The column of `owner` that a sequence belongs to.
    public var column: OwningColumn?

    /// What a sequence belongs to in its table.
    public enum OwningColumn: Sendable, Hashable {
      /// Numbers this identity column; changed with it.
      case identity(String)
      /// `OWNED BY` this column, as of `serial`; only dropped with it.
      case owned(String)

      public var name: String {
        switch self {
        case .identity(let name), .owned(let name): name
        }
      }
    }

    public init(
      _ name: QualifiedName, _ kind: Kind = .table, owner: QualifiedName? = nil,
      column: OwningColumn? = nil, parents: [QualifiedName] = [],
      isDefaultPartition: Bool = false, sources: [QualifiedName] = [],
      types: Set<QualifiedName> = []
    ) {
      self.name = name
      self.kind = kind
      self.owner = owner
      self.column = column
      self.parents = parents
      self.isDefaultPartition = isDefaultPartition
      self.sources = sources
      self.types = types
    }
  }

  /// A foreign key; all names with their schemas.
  public struct ForeignKey: Sendable, Hashable {
    public var constraint: String
    public var table: QualifiedName
    public var columns: [String]
    public var referenced: QualifiedName
    public var referencedColumns: [String]

    public init(
      _ constraint: String, of table: QualifiedName, _ columns: [String],
      to referenced: QualifiedName, _ referencedColumns: [String]
    ) {
      self.constraint = constraint
      self.table = table
      self.columns = columns
      self.referenced = referenced
      self.referencedColumns = referencedColumns
    }
  }

  /// Where names without a schema are looked for, first one first.
  public var searchPath: [String]
  public var relations: [QualifiedName: Relation]
  public var foreignKeys: [ForeignKey]
  /// The tables of extended statistics.
  public var statistics: [QualifiedName: QualifiedName]

  public init(
    searchPath: [String] = ["public"], relations: [Relation] = [], foreignKeys: [ForeignKey] = [],
    statistics: [QualifiedName: QualifiedName] = [:]
  ) {
    self.searchPath = searchPath
    self.relations = Dictionary(relations.map { ($0.name, $0) }) { first, _ in first }
    self.foreignKeys = foreignKeys
    self.statistics = statistics
  }

  /// The relation that a name means; `nil` where there is none.
  public func relation(_ name: QualifiedName) -> Relation? {
    if name.schema != nil { return relations[name] }
    for schema in searchPath {
      if let found = relations[QualifiedName(schema: schema, name.name)] { return found }
    }
    return relations[name]
  }

  /// Returns the relations that stand in a relationship to `name`; `nil` where `name` is not known, so
  /// that nothing can be said.
  func resolve(_ relationship: ExpectedLock.Relationship, _ name: QualifiedName)
    -> [QualifiedName]?
  {
    switch relationship {
    case .everyTable: return tables { _ in true }
    case .tablesInSchema:
      // A partitioned table has no rows of its own.
      return tables { $0.name.schema == name.name && $0.kind != .partitionedTable }
    case .everythingInSchema: return relations.keys.filter { $0.schema == name.name }.sorted()
    case .tablesUsingType:
      return tables { relation in
        relation.types.contains { $0.name == name.name && (name.schema ?? $0.schema) == $0.schema }
      }
    case .tableOfStatistics:
      let found = statistics.first { entry in
        entry.key.name == name.name && (name.schema ?? entry.key.schema) == entry.key.schema
      }
      return found.map { [$0.value] }
    default: break
    }
    guard let relation = relation(name) else { return nil }
    switch relationship {
    case .tableOfIndex: return relation.owner.map { [$0] } ?? []
    case .partitions: return descendants(of: relation.name)
    case .defaultPartition: return defaultPartition(of: relation.name)
    case .partitionedParent: return parentsAsPartition(relation)
    case .defaultPartitionOfParent:
      return parentsAsPartition(relation).flatMap(defaultPartition(of:))
    case .referenced(let constraint):
      return foreignKeys.filter {
        $0.table == relation.name && (constraint == nil || $0.constraint == constraint)
      }.map(\.referenced)
    case .referencedByColumn(let column):
      return foreignKeys.filter { $0.table == relation.name && $0.columns.contains(column) }
        .map(\.referenced)
    case .referencing: return referencing(relation.name)
    case .referencingColumn(let column):
      return foreignKeys.filter {
        $0.referenced == relation.name && $0.referencedColumns.contains(column)
      }.map(\.table)
    case .referencingInTurn: return closure(from: relation.name, referencing)
    case .ownedSequences: return sequences(of: relation.name) { _ in true }
    case .sequencesOfColumn(let column):
      return sequences(of: relation.name) { $0?.name == column }
    case .identitySequence(let column):
      return sequences(of: relation.name) { $0 == .identity(column) }
    case .sourcesOfView: return tablesBelow(relation)
    case .dependentViews: return viewsAbove(relation.name)
    case .everyTable, .everythingInSchema, .tablesInSchema, .tablesUsingType, .tableOfStatistics:
      return nil
    }
  }

  private func tables(where condition: (Relation) -> Bool) -> [QualifiedName] {
    relations.values.filter {
      [.table, .partitionedTable, .materializedView].contains($0.kind) && condition($0)
    }.map(\.name).sorted()
  }

  private func sequences(
    of table: QualifiedName, where condition: (Relation.OwningColumn?) -> Bool
  ) -> [QualifiedName] {
    relations.values.filter {
      $0.kind == .sequence && $0.owner == table && condition($0.column)
    }.map(\.name).sorted()
  }

  private func referencing(_ name: QualifiedName) -> [QualifiedName] {
    foreignKeys.filter { $0.referenced == name }.map(\.table)
  }

  private func parentsAsPartition(_ relation: Relation) -> [QualifiedName] {
    relation.parents.filter { relations[$0]?.kind == .partitionedTable }
  }

  private func defaultPartition(of parent: QualifiedName) -> [QualifiedName] {
    relations.values.filter { $0.isDefaultPartition && $0.parents.contains(parent) }.map(\.name)
  }

  private func descendants(of name: QualifiedName) -> [QualifiedName] {
    closure(from: name) { parent in
      relations.values.filter { $0.parents.contains(parent) }.map(\.name).sorted()
    }
  }

  private func viewsAbove(_ name: QualifiedName) -> [QualifiedName] {
    closure(from: name) { source in
      relations.values.filter { $0.sources.contains(source) }.map(\.name).sorted()
    }
  }

  private func tablesBelow(_ view: Relation) -> [QualifiedName] {
    closure(from: view.name) { relations[$0]?.sources ?? [] }
  }

  private func closure(from start: QualifiedName, _ next: (QualifiedName) -> [QualifiedName])
    -> [QualifiedName]
  {
    var found: [QualifiedName] = []
    var seen: Set<QualifiedName> = [start]
    var open = [start]
    while let here = open.popLast() {
      for name in next(here) where seen.insert(name).inserted {
        found.append(name)
        open.append(name)
      }
    }
    return found
  }
}

extension QualifiedName: Comparable {
  /// By schema, then by name; without schema first.
  public static func < (a: QualifiedName, b: QualifiedName) -> Bool {
    (a.schema ?? "", a.name) < (b.schema ?? "", b.name)
  }
}
