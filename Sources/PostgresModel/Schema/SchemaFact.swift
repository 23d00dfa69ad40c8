/// One thing that a database's catalogues say of one object: `column public.users.email`, `type`, `text`.
public struct SchemaFact: Sendable, Hashable {
  /// What sort of object: `table`, `column`, `constraint`.
  public var kind: String
  /// Its qualified name, quoted where SQL would have to; never an oid.
  public var object: String
  /// What is told of it; empty for the fact that it is there.
  public var property: String
  public var value: String

  public init(_ kind: String, _ object: String, _ property: String = "", _ value: String = "") {
    self.kind = kind
    self.object = object
    self.property = property
    self.value = value
  }

  /// Whether no statement of a client can tell the difference: the order of columns by number, the
  /// places that dropped columns left.
  public var isBenign: Bool { SchemaFact.benign.contains(property) }

  private static let benign: Set<String> = ["place", "dropped columns", "statistics target"]
}

extension SchemaFact: Comparable {
  /// By object within its kind, then by property.
  public static func < (a: SchemaFact, b: SchemaFact) -> Bool {
    if a.kind != b.kind { return a.kind < b.kind }
    if a.object != b.object { return a.object < b.object }
    if a.property != b.property { return a.property < b.property }
    return a.value < b.value
  }
}

extension SchemaFact: CustomStringConvertible {
  public var description: String {
    property.isEmpty ? "\(kind) \(object)" : "\(kind) \(object) \(property): \(value)"
  }
}

/// Everything that the catalogues of a database say of its objects, in order.
///
/// Two databases with equal facts cannot be told apart by their users, the data apart.
public struct SchemaSnapshot: Sendable, Hashable {
  /// Sorted, each once.
  public let facts: [SchemaFact]

  public init(_ facts: consuming [SchemaFact]) {
    facts.sort()
    self.facts = facts
  }

  /// The text that a digest of the snapshot is made of: one fact a line, its parts ended by NUL.
  public var digestText: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(facts.count * 64)
    for fact in facts {
      bytes.append(contentsOf: fact.kind.utf8)
      bytes.append(0)
      bytes.append(contentsOf: fact.object.utf8)
      bytes.append(0)
      bytes.append(contentsOf: fact.property.utf8)
      bytes.append(0)
      bytes.append(contentsOf: fact.value.utf8)
      bytes.append(0)
      bytes.append(UInt8(ascii: "\n"))
    }
    return bytes
  }

  /// Objects by kind, as many as there are.
  public var objectCount: Int { facts.count { $0.property.isEmpty } }
}
