/// Concludes from a statement's text what it will lock, rewrite and read.
///
/// The rules are PostgreSQL's own (`AlterTableGetLockLevel` and the commands' sources, 15) and are held
/// by a test against what was measured on a live server of version `measuredOn`, statement by statement.
public struct StatementLocks: Sendable {
  /// The server on which every rule was measured.
  public static let measuredOn = "15.18"

  private let parser: any SQLParser
  /// `nil`: nothing is known of the database, and what depends on it is told as such.
  private let facts: SchemaFacts?

  public init(parser: any SQLParser = PgQueryParser(), facts: SchemaFacts? = nil) {
    self.parser = parser
    self.facts = facts
  }

  /// Returns the effect of each statement of a script, in the order of `SQLScript.statements(in:)`.
  ///
  /// What an earlier statement of the script makes is nobody else's yet: locks on it are left out.
  public func effects(in sql: String) -> [EffectAnalysis] {
    let bytes = Array(sql.utf8)
    var own = OwnObjects()
    return SQLScript.statements(in: bytes).map { statement in
      let text = String(decoding: bytes[statement.range], as: UTF8.self)
      return analysis(of: text, statement.role, &own)
    }
  }

  /// Returns the effect of one statement.
  ///
  /// - Parameter sql: The statement alone, without its semicolon.
  public func effect(of sql: String) -> EffectAnalysis {
    effects(in: sql).first ?? .analysed(StatementEffect())
  }

  private func analysis(
    of text: String, _ role: Statement.Role, _ own: inout OwnObjects
  ) -> EffectAnalysis {
    if case .psqlCommand(let command) = role {
      return .notAnalysed("\(command) is a command of psql")
    }
    switch parser.parse(text) {
    case .unknown(let message, _):
      return .notAnalysed("not understood by the grammar of PostgreSQL 15: \(message)")
    case .parsed(let statements):
      guard let statement = statements.first else { return .analysed(StatementEffect()) }
      var builder = EffectBuilder()
      builder.read(statement.kind, statement.tree)
      if let reason = builder.notAnalysed { return .notAnalysed(reason) }
      var effect = builder.effect
      if case .notInTransaction(let words) = role { effect.notInTransaction = words }
      effect.locks = settled(effect.locks, own)
      own.note(builder)
      return .analysed(effect)
    }
  }

  /// Puts names to what is only related, leaves out what the script itself made, and keeps the
  /// strongest lock of each relation.
  private func settled(_ locks: [ExpectedLock], _ own: OwnObjects) -> [ExpectedLock] {
    var strongest: [ExpectedLock.Place: ExpectedLock] = [:]
    var order: [ExpectedLock.Place] = []
    for lock in locks.flatMap({ named($0, own) }) {
      if let known = strongest[lock.place] {
        if lock.mode > known.mode {
          strongest[lock.place] = lock
        } else if lock.mode == known.mode, lock.isCertain {
          strongest[lock.place]?.isCertain = true
        }
      } else {
        strongest[lock.place] = lock
        order.append(lock.place)
      }
    }
    let kept = order.compactMap { strongest[$0] }
    // Stable: relations stand in the order of the statement where the modes are equal.
    return kept.enumerated().sorted { a, b in
      a.element.mode == b.element.mode ? a.offset < b.offset : a.element.mode > b.element.mode
    }.map(\.element)
  }

  private func named(_ lock: ExpectedLock, _ own: OwnObjects) -> [ExpectedLock] {
    switch lock.place {
    case .named(let name):
      if own.names.contains(name) { return [] }
      var lock = lock
      if let known = facts?.relation(name) {
        lock.place = .named(known.name)
        lock.role = role(of: known, lock.role)
      }
      return [lock]
    case .related(let relationship, let name):
      if own.names.contains(name) { return own.related(lock, relationship, name) }
      guard let found = facts?.resolve(relationship, name) else {
        var unresolved = lock
        unresolved.isCertain = lock.isCertain && relationship.surelyExists
        return [unresolved]
      }
      return found.map { related in
        var named = lock
        named.place = .named(related)
        if let known = facts?.relation(related) { named.role = role(of: known, lock.role) }
        return named
      }
    }
  }

  private func role(of relation: SchemaFacts.Relation, _ role: ExpectedLock.Role)
    -> ExpectedLock.Role
  {
    switch relation.kind {
    case .index, .partitionedIndex: .index
    case .sequence where role == .dependent: .sequence
    default: role
    }
  }
}

/// What a script has made so far, which nobody else can use before it commits.
private struct OwnObjects {
  var names: Set<QualifiedName> = []
  private var foreignKeys: [SchemaFacts.ForeignKey] = []
  private var parents: [QualifiedName: QualifiedName] = [:]

  mutating func note(_ builder: EffectBuilder) {
    names.formUnion(builder.created)
    foreignKeys += builder.foreignKeys
    for (partition, parent) in builder.attached { parents[partition] = parent }
    guard let renamed = builder.renamed else { return }
    // A table of others keeps being theirs under its new name.
    if names.remove(renamed.old) != nil {
      names.insert(renamed.new)
    } else {
      names.remove(renamed.new)
    }
  }

  /// Puts names to what is related to one of these: others may have part in it only by foreign keys
  /// and as parents.
  func related(
    _ lock: ExpectedLock, _ relationship: ExpectedLock.Relationship, _ name: QualifiedName
  ) -> [ExpectedLock] {
    let found: [QualifiedName]
    switch relationship {
    case .referenced(let constraint):
      found = foreignKeys.filter { key in
        key.table == name
          && (constraint == nil || key.constraint.isEmpty || key.constraint == constraint)
      }.map(\.referenced)
    case .referencedByColumn: found = foreignKeys.filter { $0.table == name }.map(\.referenced)
    case .referencing, .referencingColumn, .referencingInTurn:
      found = foreignKeys.filter { $0.referenced == name }.map(\.table)
    case .partitionedParent: found = parents[name].map { [$0] } ?? []
    case .defaultPartitionOfParent:
      guard let parent = parents[name], !names.contains(parent) else { return [] }
      var unknown = lock
      unknown.isCertain = false
      return [unknown]
    default: return []
    }
    return found.filter { !names.contains($0) }.map { relation in
      var named = lock
      named.place = .named(relation)
      return named
    }
  }
}

/// Collects the effect of one statement from its parse tree.
struct EffectBuilder {
  var effect = StatementEffect()
  /// What the statement makes, as it names it.
  var created: Set<QualifiedName> = []
  var notAnalysed: String?
  /// The foreign keys it makes, without name or columns where it gives none.
  var foreignKeys: [SchemaFacts.ForeignKey] = []
  /// What becomes a partition, of what.
  var attached: [(partition: QualifiedName, parent: QualifiedName)] = []
  var renamed: (old: QualifiedName, new: QualifiedName)?
  /// Statements found inside of another while it is read.
  var nested: [(String, ParseTree)] = []

  /// Notes a lock on a named relation.
  mutating func lock(
    _ name: QualifiedName?, _ mode: LockMode, _ role: ExpectedLock.Role = .target,
    isCertain: Bool = true
  ) {
    guard let name else { return }
    effect.locks.append(ExpectedLock(.named(name), mode, role, isCertain: isCertain))
  }

  /// Notes a lock on whatever stands in a relationship to a named relation.
  ///
  /// - Parameter isCertain: Whether the lock is asked for if there is such a relation.
  mutating func lock(
    _ relationship: ExpectedLock.Relationship, of name: QualifiedName?, _ mode: LockMode,
    _ role: ExpectedLock.Role, isCertain: Bool = true
  ) {
    guard let name else { return }
    effect.locks.append(
      ExpectedLock(.related(relationship, name), mode, role, isCertain: isCertain))
  }

  /// Notes what the statement makes; `IF NOT EXISTS` may make nothing, and what it finds is in use.
  mutating func make(_ name: QualifiedName?, ifNotExists: Bool) {
    guard let name, !ifNotExists else { return }
    created.insert(name)
  }

  /// Notes that a table is, or may be, written anew.
  mutating func rewrite(_ judgement: Judgement) { effect.rewrites = effect.rewrites.or(judgement) }
  /// Notes that every row is, or may be, read.
  mutating func scan(_ judgement: Judgement) { effect.scans = effect.scans.or(judgement) }

  /// Notes the effect of a statement.
  mutating func read(_ kind: String, _ tree: ParseTree) {
    switch kind {
    case "AlterTableStmt": readAlterTable(tree)
    case "RenameStmt": readRename(tree)
    case "AlterObjectSchemaStmt": readSetSchema(tree)
    case "CreateStmt": readCreateTable(tree)
    case "CreateForeignTableStmt": readCreateTable(tree["base"])
    case "CreateTableAsStmt": readCreateTableAs(tree)
    case "IndexStmt": readIndex(tree)
    case "ViewStmt": readView(tree)
    case "DropStmt": readDrop(tree)
    case "ReindexStmt": readReindex(tree)
    case "RefreshMatViewStmt": readRefresh(tree)
    case "VacuumStmt": readVacuum(tree)
    case "ClusterStmt": readCluster(tree)
    case "LockStmt": readLock(tree)
    case "TruncateStmt": readTruncate(tree)
    case "SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt":
      readQuery(kind, tree)
    case "CopyStmt": readCopy(tree)
    case "ExplainStmt", "PrepareStmt", "DeclareCursorStmt":
      if let node = tree["query"].node { read(node.kind, node.fields) }
    case "CreateSchemaStmt":
      for element in tree["schemaElts"].items {
        if let node = element.node { read(node.kind, node.fields) }
      }
    default: readOther(kind, tree)
    }
  }

  private mutating func readOther(_ kind: String, _ tree: ParseTree) {
    switch kind {
    case "CreateTrigStmt":
      lock(tree["relation"].relationName, .shareRowExclusive)
      lock(.partitions, of: tree["relation"].relationName, .shareRowExclusive, .partition)
      lock(tree["constrrel"].relationName, .accessShare, .referenced)
    case "CreatePolicyStmt", "AlterPolicyStmt": lock(tree["table"].relationName, .accessExclusive)
    case "RuleStmt": lock(tree["relation"].relationName, .accessExclusive)
    case "CreateStatsStmt":
      for relation in tree["relations"].items {
        lock(relation["RangeVar"].relationName, .shareUpdateExclusive)
      }
    case "AlterStatsStmt":
      lock(.tableOfStatistics, of: tree["defnames"].qualifiedName, .shareUpdateExclusive, .target)
    case "CommentStmt", "SecLabelStmt": readComment(tree)
    case "AlterSeqStmt": readAlterSequence(tree)
    case "CreateSeqStmt":
      make(tree["sequence"].relationName, ifNotExists: tree["if_not_exists"].bool)
    case "AlterDomainStmt": readAlterDomain(tree)
    case "AlterEnumStmt", "AlterTypeStmt", "CompositeTypeStmt": break
    case "CreatePublicationStmt", "AlterPublicationStmt":
      for relation in tree.relations { lock(relation, .shareUpdateExclusive) }
    case "CreateExtensionStmt":
      effect.unseen.append("what the script of extension \(tree["extname"].string ?? "") does")
    case "DoStmt": notAnalysed = "a DO block can do anything"
    case "CallStmt": notAnalysed = "a procedure can do anything"
    case "ExecuteStmt": notAnalysed = "what EXECUTE runs was prepared elsewhere"
    case "AlterExtensionStmt": notAnalysed = "the extension's update script can do anything"
    case "DropOwnedStmt", "ReassignOwnedStmt":
      notAnalysed = "it depends on what the role owns"
    case "AlterTableMoveAllStmt": notAnalysed = "it depends on what the tablespace holds"
    case "ImportForeignSchemaStmt": notAnalysed = "it depends on what the foreign server has"
    default:
      if !Self.withoutRelations.contains(kind) {
        notAnalysed = "the effect of \(kind.replacingSuffix("Stmt")) is not known"
      }
    }
  }

  private mutating func readAlterSequence(_ tree: ParseTree) {
    lock(tree["sequence"].relationName, .shareRowExclusive)
    for option in tree["options"].items where option["DefElem"]["defname"].string == "owned_by" {
      let column = option["DefElem"]["arg"]["List"]["items"].nameParts
      // `OWNED BY NONE` names no table.
      if column.count > 1 { lock(QualifiedName(parts: column.dropLast()), .accessShare, .source) }
    }
  }

  /// Statements that lock nothing that queries of others use.
  private static let withoutRelations: Set<String> = [
    "AlterCollationStmt", "AlterDatabaseRefreshCollStmt", "AlterDatabaseSetStmt",
    "AlterDatabaseStmt", "AlterDefaultPrivilegesStmt", "AlterEventTrigStmt",
    "AlterExtensionContentsStmt", "AlterFdwStmt", "AlterForeignServerStmt", "AlterFunctionStmt",
    "AlterObjectDependsStmt", "AlterOpFamilyStmt", "AlterOperatorStmt", "AlterOwnerStmt",
    "AlterRoleSetStmt", "AlterRoleStmt", "AlterSubscriptionStmt", "AlterSystemStmt",
    "AlterTSConfigurationStmt", "AlterTSDictionaryStmt", "AlterTableSpaceOptionsStmt",
    "AlterUserMappingStmt", "CheckPointStmt", "ClosePortalStmt", "ConstraintsSetStmt",
    "CreateAmStmt", "CreateCastStmt", "CreateConversionStmt", "CreateDomainStmt", "CreateEnumStmt",
    "CreateEventTrigStmt", "CreateFdwStmt", "CreateForeignServerStmt", "CreateFunctionStmt",
    "CreateOpClassStmt", "CreateOpFamilyStmt", "CreatePLangStmt", "CreateRangeStmt",
    "CreateRoleStmt", "CreateSubscriptionStmt", "CreateTableSpaceStmt", "CreateTransformStmt",
    "CreateUserMappingStmt", "CreatedbStmt", "DeallocateStmt", "DefineStmt", "DiscardStmt",
    "DropRoleStmt", "DropSubscriptionStmt", "DropTableSpaceStmt", "DropUserMappingStmt",
    "DropdbStmt", "FetchStmt", "GrantRoleStmt", "GrantStmt", "ListenStmt", "LoadStmt",
    "NotifyStmt", "TransactionStmt", "UnlistenStmt", "VariableSetStmt", "VariableShowStmt",
  ]
}

extension String {
  fileprivate func replacingSuffix(_ suffix: String) -> String {
    hasSuffix(suffix) ? String(dropLast(suffix.count)) : self
  }
}
