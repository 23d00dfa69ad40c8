/// The tables of a schema with their columns and the keys between them.
public struct ERDiagram: Sendable, Hashable {
  /// By name.
  public var tables: [Table]
  /// By the table that refers, then by constraint.
  public var relationships: [Relationship]

  public struct Table: Sendable, Hashable {
    public var name: QualifiedName
    /// In the order of the table.
    public var columns: [Column]
  }

  public struct Column: Sendable, Hashable {
    public var name: String
    /// As the server writes it: `character varying(20)`.
    public var type: String
    public var isNotNull: Bool
    public var isPrimaryKey: Bool
    public var isForeignKey: Bool
    /// By itself alone.
    public var isUnique: Bool
  }

  /// A foreign key.
  public struct Relationship: Sendable, Hashable {
    public var constraint: String
    /// The table that refers.
    public var child: QualifiedName
    public var childColumns: [String]
    /// The table that is referred to.
    public var parent: QualifiedName
    /// Whether a row of the child may refer to none.
    public var isOptional: Bool
    /// Whether at most one row of the child refers to one of the parent.
    public var isToOne: Bool
  }

  /// Draws what a snapshot holds; partitions are parts of their table and left out.
  public init(_ snapshot: SchemaSnapshot) {
    var reading = DiagramReading()
    for fact in snapshot.facts { reading.add(fact) }
    (tables, relationships) = reading.result()
  }

  init(tables: [Table], relationships: [Relationship]) {
    self.tables = tables
    self.relationships = relationships
  }
}

/// Puts the facts of a snapshot together by table.
private struct DiagramReading {
  private struct FoundColumn {
    var place = 0
    var type = ""
    var isNotNull = false
  }

  private var tables: Set<String> = []
  private var partitions: Set<String> = []
  /// By table and then by column, as SQL writes them.
  private var columns: [String: [String: FoundColumn]] = [:]
  /// The table of a column or constraint, by kind and object.
  private var owners: [String: String] = [:]
  private var constraints: [(object: String, definition: String)] = []

  mutating func add(_ fact: SchemaFact) {
    switch fact.kind {
    case "table", "foreign table":
      if fact.property.isEmpty { tables.insert(fact.object) }
      if fact.property == "partition of" { partitions.insert(fact.object) }
    case "column":
      if fact.property.isEmpty {
        owners["column \(fact.object)"] = fact.value
        columns[fact.value, default: [:]][fact.object] = FoundColumn()
        return
      }
      guard let owner = owners["column \(fact.object)"] else { return }
      switch fact.property {
      case "place": columns[owner]?[fact.object]?.place = Int(fact.value) ?? 0
      case "type": columns[owner]?[fact.object]?.type = fact.value
      case "not null": columns[owner]?[fact.object]?.isNotNull = true
      default: break
      }
    case "constraint":
      if fact.property.isEmpty { owners["constraint \(fact.object)"] = fact.value }
      if fact.property == "definition" { constraints.append((fact.object, fact.value)) }
    default: break
    }
  }

  func result() -> ([ERDiagram.Table], [ERDiagram.Relationship]) {
    var keys: [String: [Key]] = [:]
    for (object, definition) in constraints {
      guard let owner = owners["constraint \(object)"], let key = Key(definition, name: object)
      else { continue }
      keys[owner, default: []].append(key)
    }
    var found: [ERDiagram.Table] = []
    var relationships: [ERDiagram.Relationship] = []
    for object in tables.subtracting(partitions).sorted() {
      guard let name = QualifiedName(parts: Self.parts(of: object)) else { continue }
      let own = keys[object] ?? []
      let ordered = (columns[object] ?? [:]).sorted {
        ($0.value.place, $0.key) < ($1.value.place, $1.key)
      }
      let table = ERDiagram.Table(
        name: name,
        columns: ordered.map { column in
          let name = Self.parts(of: column.key).last ?? column.key
          return ERDiagram.Column(
            name: name, type: column.value.type, isNotNull: column.value.isNotNull,
            isPrimaryKey: own.contains { $0.kind == .primary && $0.columns.contains(name) },
            isForeignKey: own.contains { $0.parent != nil && $0.columns.contains(name) },
            isUnique: own.contains { $0.kind == .unique && $0.columns == [name] })
        })
      found.append(table)
      relationships += own.compactMap { key in
        guard let parent = key.parent else { return nil }
        let isOptional = table.columns.contains {
          key.columns.contains($0.name) && !$0.isNotNull
        }
        let isToOne = own.contains {
          $0.kind != .foreign && Set($0.columns) == Set(key.columns)
        }
        return ERDiagram.Relationship(
          constraint: Self.parts(of: key.name).last ?? key.name, child: name,
          childColumns: key.columns, parent: parent, isOptional: isOptional, isToOne: isToOne)
      }
    }
    return (found, relationships)
  }

  /// A key as the server defines it.
  private struct Key {
    enum Kind { case primary, unique, foreign }
    var name: String
    var kind: Kind
    var columns: [String]
    var parent: QualifiedName?

    init?(_ definition: String, name: String) {
      let isKey = ["PRIMARY KEY", "UNIQUE", "FOREIGN KEY"].contains { definition.hasPrefix($0) }
      guard isKey else { return nil }
      // `NOT VALID` and its like are of no concern here, and read as well.
      let outcome = PgQueryParser().parse("ALTER TABLE t ADD \(definition)")
      let constraint = outcome.statements.first?.tree["cmds"][0]["AlterTableCmd"]["def"][
        "Constraint"]
      guard let constraint, let kind = constraint["contype"].string else { return nil }
      self.name = name
      switch kind {
      case "CONSTR_PRIMARY": self.kind = .primary
      case "CONSTR_UNIQUE": self.kind = .unique
      case "CONSTR_FOREIGN":
        self.kind = .foreign
        parent = constraint["pktable"].relationName
      default: return nil
      }
      columns = constraint[self.kind == .foreign ? "fk_attrs" : "keys"].nameParts
    }
  }

  /// The parts of a name as SQL writes it, without quotes.
  private static func parts(of name: String) -> [String] {
    var parts: [String] = [""]
    var isQuoted = false
    var rest = name[...]
    while let character = rest.popFirst() {
      if character == "\"" {
        if isQuoted, rest.first == "\"" {
          parts[parts.count - 1].append("\"")
          rest = rest.dropFirst()
        } else {
          isQuoted.toggle()
        }
      } else if character == ".", !isQuoted {
        parts.append("")
      } else {
        parts[parts.count - 1].append(character)
      }
    }
    return parts
  }
}
