/// What differs between two snapshots.
public struct SchemaDiff: Sendable, Hashable {
  /// By object, in the order of the snapshots.
  public var changes: [Change]

  /// One fact that is not what it was.
  public struct Change: Sendable, Hashable {
    public var kind: String
    public var object: String
    /// Empty where the object itself came or went.
    public var property: String
    /// `nil` where the fact is new.
    public var before: String?
    /// `nil` where the fact is gone.
    public var after: String?
    /// Whom it may break.
    public var breaks: Breakage

    public var action: Action {
      guard property.isEmpty else { return .changed }
      if before == nil { return .added }
      return after == nil ? .dropped : .changed
    }

    /// Whether no statement of a client can tell the difference.
    public var isBenign: Bool { SchemaFact(kind, object, property).isBenign }
  }

  /// What became of an object; the words of `rehearse --json`.
  public enum Action: String, Sendable, Hashable { case added, dropped, changed }

  /// Whose statements a change may make fail, or answer otherwise.
  public struct Breakage: OptionSet, Sendable, Hashable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let readers = Breakage(rawValue: 1)
    public static let writers = Breakage(rawValue: 2)
  }

  /// How much two databases differ.
  public enum Verdict: String, Sendable, Hashable {
    case identical
    /// Only in what no statement of a client can tell.
    case equivalent
    case different
  }

  public var verdict: Verdict {
    if changes.isEmpty { return .identical }
    return changes.allSatisfy(\.isBenign) ? .equivalent : .different
  }

  /// Compares two snapshots.
  ///
  /// The properties of an object that came or went are not told one by one.
  public init(from old: SchemaSnapshot, to new: SchemaSnapshot) {
    var changes: [Change] = []
    let a = old.facts
    let b = new.facts
    var i = a.startIndex
    var j = b.startIndex
    /// Objects that came or went, whose properties go with them.
    var whole: (kind: String, object: String)?
    func isPart(_ fact: SchemaFact) -> Bool {
      whole.map { $0.kind == fact.kind && $0.object == fact.object } ?? false
    }
    func key(_ fact: SchemaFact) -> (String, String, String) {
      (fact.kind, fact.object, fact.property)
    }
    while i < a.endIndex || j < b.endIndex {
      if i < a.endIndex, j < b.endIndex {
        if a[i] == b[j] {
          i += 1
          j += 1
          continue
        }
        if key(a[i]) == key(b[j]) {
          changes.append(Change(a[i], b[j]))
          i += 1
          j += 1
          continue
        }
      }
      let takesOld = j == b.endIndex || i < a.endIndex && key(a[i]) < key(b[j])
      let fact = takesOld ? a[i] : b[j]
      if takesOld { i += 1 } else { j += 1 }
      if !fact.property.isEmpty, isPart(fact) { continue }
      if fact.property.isEmpty { whole = (fact.kind, fact.object) }
      changes.append(takesOld ? Change(fact, nil) : Change(nil, fact))
    }
    self.changes = changes
    judgeAdditions(in: new)
  }

  /// What an object that came does to others depends on what it is like: a column breaks writers where it
  /// wants a value that nobody gives, and what belongs to a new table breaks nobody.
  private mutating func judgeAdditions(in new: SchemaSnapshot) {
    let added = changes.filter { $0.action == .added }
    guard !added.isEmpty else { return }
    let tables = Set(added.filter { $0.kind == "table" }.map(\.object))
    let asked = Set(added.filter { $0.kind == "column" || $0.kind == "index" }.map(\.object))
    var properties: [String: [String: String]] = [:]
    for fact in new.facts where fact.kind == "column" || fact.kind == "index" {
      if asked.contains(fact.object) {
        properties[fact.object, default: [:]][fact.property] = fact.value
      }
    }
    for index in changes.indices where changes[index].action == .added {
      let change = changes[index]
      let found = properties[change.object] ?? [:]
      if tables.contains(change.after ?? "") {
        changes[index].breaks = []
      } else if change.kind == "column", found["not null"] != nil {
        let isFilled = ["default", "identity", "generated"].contains { found[$0] != nil }
        if !isFilled { changes[index].breaks = .writers }
      } else if change.kind == "index", found["definition"]?.hasPrefix("CREATE UNIQUE") == true {
        changes[index].breaks = .writers
      }
    }
  }
}

extension SchemaDiff.Change {
  fileprivate init(_ old: SchemaFact?, _ new: SchemaFact?) {
    let fact = old ?? new ?? SchemaFact("", "")
    self.init(
      kind: fact.kind, object: fact.object, property: fact.property, before: old?.value,
      after: new?.value,
      breaks: Self.breakage(fact.kind, fact.property, old?.value, new?.value))
  }

  private static let both: SchemaDiff.Breakage = [.readers, .writers]

  private static func breakage(
    _ kind: String, _ property: String, _ before: String?, _ after: String?
  ) -> SchemaDiff.Breakage {
    if property.isEmpty {
      return before == nil ? ofAdding(kind) : ofDropping(kind)
    }
    switch (kind, property) {
    case ("column", "type"): return isWider(before, after) ? [] : both
    case ("column", "not null"): return after == nil ? .readers : .writers
    case ("column", "default"): return after == nil ? .writers : []
    case ("column", "generated"), ("column", "identity"): return .writers
    case ("column", "collation"): return .readers
    case ("constraint", "definition"), ("domain", _): return .writers
    case ("index", "definition") where after?.contains("UNIQUE") == true: return .writers
    case ("trigger", _): return .writers
    case ("policy", _), ("table", "row security"), ("table", "forced row security"): return both
    case ("view", "definition"), ("materialized view", "definition"): return .readers
    case ("materialized view", "populated"): return .readers
    case ("function", "definition"), ("procedure", "definition"), ("aggregate", _): return both
    case ("type", "labels"): return keepsLabels(before, after) ? [] : both
    case ("rule", _): return both
    case (_, "privileges"): return lost(before, after)
    case ("sequence", "parameters"): return .writers
    case ("table", "partition of"), ("table", "persistence"): return both
    default: return []
    }
  }

  private static func ofDropping(_ kind: String) -> SchemaDiff.Breakage {
    switch kind {
    case "table", "column", "foreign table", "function", "procedure", "aggregate", "type", "domain",
      "schema", "operator", "cast", "sequence", "extension", "collation", "language":
      both
    case "view", "materialized view": .readers
    // `ON CONFLICT` names a unique index or constraint.
    case "index", "constraint", "trigger", "rule": .writers
    case "policy": both
    default: []
    }
  }

  private static func ofAdding(_ kind: String) -> SchemaDiff.Breakage {
    switch kind {
    case "constraint", "trigger": .writers
    case "policy", "rule": both
    default: []
    }
  }

  /// A text that may be longer than before holds every value that it held.
  private static func isWider(_ before: String?, _ after: String?) -> Bool {
    guard let before, let after else { return false }
    let name = "character varying"
    guard before.hasPrefix(name) else { return false }
    if after == "text" || after == name { return true }
    func length(_ type: String) -> Int? {
      Int(type.dropFirst(name.count).filter { $0.isNumber })
    }
    guard after.hasPrefix(name), let old = length(before), let new = length(after) else {
      return false
    }
    return new >= old
  }

  /// Labels that were there are there in the same order.
  private static func keepsLabels(_ before: String?, _ after: String?) -> Bool {
    var rest = (before ?? "").split(separator: ",")[...]
    for label in (after ?? "").split(separator: ",") where label == rest.first {
      rest.removeFirst()
    }
    return rest.isEmpty
  }

  /// Privileges that somebody had and has no more.
  private static func lost(_ before: String?, _ after: String?) -> SchemaDiff.Breakage {
    func grants(_ text: String?) -> Set<String> {
      var found: Set<String> = []
      for entry in (text ?? "").split(separator: ";") {
        let parts = entry.split(separator: "=", maxSplits: 1)
        guard parts.count == 2 else { continue }
        let words = parts[1].split(separator: "/")[0]
        for word in words.split(separator: ",") {
          found.insert("\(parts[0]) \(word.filter { $0 != "*" })")
        }
      }
      return found
    }
    let gone = grants(before).subtracting(grants(after))
    var breaks: SchemaDiff.Breakage = []
    for grant in gone {
      let isReading = ["SELECT", "USAGE", "EXECUTE", "CONNECT"].contains { grant.hasSuffix($0) }
      breaks.insert(isReading ? .readers : .writers)
      if grant.hasSuffix("USAGE") || grant.hasSuffix("EXECUTE") { breaks.insert(.writers) }
    }
    return breaks
  }
}
