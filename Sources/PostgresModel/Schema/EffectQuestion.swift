/// What to look for in the catalogue to tell whether a statement outside a transaction has taken effect.
public enum EffectQuestion: Sendable, Hashable {
  case indexBuilt(IndexShape)
  case indexDropped(QualifiedName)
  case reindexed(ReindexTarget)
  case valueAdded(type: QualifiedName, value: String)
  case partitionDetached(table: QualifiedName, partition: QualifiedName)
  /// Running it again is right whatever became of it; the command.
  case repeatable(String)
  /// Begins a transaction, which ended with the session.
  case transaction
  /// No look at the catalogue tells.
  case untold

  /// What `REINDEX` was asked to rebuild.
  public enum ReindexTarget: Sendable, Hashable {
    case index(QualifiedName)
    case table(QualifiedName)
    case schema(String)
    case database
  }

  /// Asks about one statement.
  ///
  /// - Parameters:
  ///   - statement: As the splitter found it.
  ///   - sql: Its text.
  public init(_ statement: Statement, sql: String, _ parser: some SQLParser = PgQueryParser()) {
    if statement.role == .begin {
      self = .transaction
      return
    }
    switch statement.command {
    case "VACUUM", "ANALYZE", "CLUSTER", "ALTER SYSTEM", "DISCARD ALL":
      self = .repeatable(statement.command)
      return
    default: break
    }
    self = parser.parse(sql).statements.first.map(EffectQuestion.init) ?? .untold
  }

  private init(_ statement: ParsedStatement) {
    let tree = statement.tree
    self = .untold
    switch statement.kind {
    case "IndexStmt": if let shape = IndexShape(statement) { self = .indexBuilt(shape) }
    case "DropStmt":
      let dropped = statement.targets.changes.filter { $0.action == .dropped }
      guard dropped.count == 1, dropped[0].kind == "index" else { return }
      self = .indexDropped(dropped[0].name)
    case "ReindexStmt": if let target = Self.target(of: tree) { self = .reindexed(target) }
    case "AlterEnumStmt":
      guard let type = tree["typeName"].qualifiedName, let value = tree["newVal"].string,
        tree["oldVal"].string == nil
      else { return }
      self = .valueAdded(type: type, value: value)
    case "AlterTableStmt":
      let commands = tree["cmds"].items.map { $0["AlterTableCmd"] }
      guard commands.count == 1, commands[0]["subtype"].string == "AT_DetachPartition",
        let table = tree["relation"].relationName,
        let partition = commands[0]["def"]["PartitionCmd"]["name"].relationName
      else { return }
      self = .partitionDetached(table: table, partition: partition)
    default: return
    }
  }

  private static func target(of tree: ParseTree) -> ReindexTarget? {
    switch tree["kind"].string {
    case "REINDEX_OBJECT_INDEX": tree["relation"].relationName.map { .index($0) }
    case "REINDEX_OBJECT_TABLE": tree["relation"].relationName.map { .table($0) }
    case "REINDEX_OBJECT_SCHEMA": tree["name"].string.map { .schema($0) }
    case "REINDEX_OBJECT_DATABASE", "REINDEX_OBJECT_SYSTEM": .database
    default: nil
    }
  }
}

/// What the catalogue answers to an `EffectQuestion`.
public enum EffectAnswer: Sendable, Hashable {
  /// Of `indexBuilt` without a name: every index of the table; with a name: the index, or none. Of
  /// `indexDropped`: the index, or none. Of `reindexed`: what it left, on tables that can be cleaned up.
  case indexes([IndexFact])
  case valueIsThere(Bool)
  case partition(Attachment)
  /// A table or type that the statement names is not there.
  case nameNotFound
  /// There is nothing to ask.
  case nothing

  /// How a partition hangs on its table.
  public enum Attachment: Sendable, Hashable {
    case attached
    /// `DETACH … CONCURRENTLY` was begun and wants `FINALIZE`.
    case pending
    case detached
  }
}

/// What is to be done about a statement that was begun and not seen to end.
public enum EffectFinding: Sendable, Hashable {
  /// All of it is there; the reason, as the end of a sentence.
  case done(String)
  /// It is run again, after what it left was taken away.
  case runAgain(cleanUp: [String], String)
  /// It is brought to its end by another statement.
  case finishBy(String, String)
  /// It seems to be at work still.
  case stillRunning(String)
  /// Only a person can say.
  case untold(String)
}

extension EffectQuestion {
  /// Decides what an answer means.
  public func finding(_ answer: EffectAnswer) -> EffectFinding {
    switch (self, answer) {
    case (.repeatable(let command), _):
      return .runAgain(cleanUp: [], "\(command) may be run again whatever became of it")
    case (.transaction, _):
      return .runAgain(cleanUp: [], "its transaction was rolled back with the session")
    case (.indexBuilt(let shape), .indexes(let found)): return Self.built(shape, found)
    case (.indexDropped(let name), .indexes(let found)):
      return found.isEmpty
        ? .done("the index \(name) is gone")
        : .runAgain(cleanUp: [], "the index \(found[0].name) is still there")
    case (.reindexed, .indexes(let left)): return Self.reindexed(left)
    case (.valueAdded(let type, let value), .valueIsThere(let isThere)):
      return isThere
        ? .done("the type \(type) has the value \(SQLText.literal(value))")
        : .runAgain(cleanUp: [], "the type \(type) has no value \(SQLText.literal(value))")
    case (.partitionDetached(let table, let partition), .partition(let attachment)):
      return Self.detached(table, partition, attachment)
    case (_, .nameNotFound): return .untold("what it names is not there")
    default: return .untold("no look at the catalogue tells whether it took effect")
    }
  }

  private static func built(_ shape: IndexShape, _ found: [IndexFact]) -> EffectFinding {
    let alike = found.filter { fact in
      shape.name != nil || IndexShape(fact.definition).map { $0.isLike(shape) } ?? false
    }
    if let building = alike.first(where: \.isBeingBuilt) {
      return .stillRunning("the index \(building.name) is being built by another session")
    }
    let invalid = alike.filter { !$0.isValid }
    if shape.name == nil, alike.contains(where: \.isValid) {
      return .untold("\(shape.table) has an index like it, which may have been there before")
    }
    if !invalid.isEmpty {
      let names = invalid.map(\.name.description).joined(separator: ", ")
      return .runAgain(
        cleanUp: invalid.map(\.cleanUp),
        "the index \(names) is invalid: it is dropped and built again")
    }
    guard let fact = alike.first else { return .runAgain(cleanUp: [], "its index is not there") }
    guard let there = IndexShape(fact.definition), there.isLike(shape) else {
      return .untold("there is an index \(fact.name) of another definition: \(fact.definition)")
    }
    return .done("the index \(fact.name) is there and valid")
  }

  private static func reindexed(_ left: [IndexFact]) -> EffectFinding {
    if let building = left.first(where: \.isBeingBuilt) {
      return .stillRunning("the index \(building.name) is being built by another session")
    }
    guard !left.isEmpty else {
      return .runAgain(cleanUp: [], "REINDEX may be run again whatever became of it")
    }
    let names = left.map(\.name.description).joined(separator: ", ")
    return .runAgain(
      cleanUp: left.map(\.cleanUp), "it left the invalid index \(names), which is dropped first")
  }

  private static func detached(
    _ table: QualifiedName, _ partition: QualifiedName, _ attachment: EffectAnswer.Attachment
  ) -> EffectFinding {
    switch attachment {
    case .detached: .done("the partition \(partition) is detached")
    case .attached: .runAgain(cleanUp: [], "the partition \(partition) is still attached")
    case .pending:
      .finishBy(
        "ALTER TABLE \(table.sql) DETACH PARTITION \(partition.sql) FINALIZE",
        "the partition \(partition) is half detached")
    }
  }
}
