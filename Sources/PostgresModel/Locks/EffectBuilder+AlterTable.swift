extension EffectBuilder {
  /// `ALTER TABLE` and what shares its grammar: `ALTER INDEX`, `VIEW`, `SEQUENCE`, `TYPE`, ….
  mutating func readAlterTable(_ tree: ParseTree) {
    guard let table = tree["relation"].relationName else { return }
    let change = AlterTableChange(
      table: table, object: tree["objtype"].string ?? "", recurses: tree["relation"]["inh"].bool)
    for command in tree["cmds"].items { read(command["AlterTableCmd"], of: change) }
  }

  /// The statement around one subcommand.
  struct AlterTableChange {
    var table: QualifiedName
    /// `OBJECT_TABLE`, `OBJECT_INDEX`, ….
    var object: String
    /// `false` for `ONLY`.
    var recurses: Bool
    var isTable: Bool { object == "OBJECT_TABLE" || object == "OBJECT_FOREIGN_TABLE" }
  }

  /// Source of the modes: `AlterTableGetLockLevel` in `tablecmds.c`.
  private mutating func read(_ command: ParseTree, of change: AlterTableChange) {
    let kind = command["subtype"].string ?? ""
    let table = change.table
    let role: ExpectedLock.Role = change.object == "OBJECT_INDEX" ? .index : .target
    let mode = Self.mode(of: kind, command)
    lock(table, mode, role)
    if change.isTable, change.recurses, Self.recursing.contains(kind) {
      lock(.partitions, of: table, mode, .partition)
    }
    if change.isTable, Self.recursingLater.contains(kind) {
      lock(.partitions, of: table, mode, .partition, isCertain: false)
    }
    if command["behavior"].string == "DROP_CASCADE" {
      lock(.dependentViews, of: table, .accessExclusive, .dependent, isCertain: false)
    }
    switch kind {
    case "AT_AddColumn": readAddColumn(command["def"]["ColumnDef"], of: table)
    case "AT_DropColumn":
      let column = command["name"].string ?? ""
      lock(.referencedByColumn(column), of: table, .accessExclusive, .referenced)
      lock(.sequencesOfColumn(column), of: table, .accessExclusive, .sequence)
      if command["behavior"].string == "DROP_CASCADE" {
        lock(.referencingColumn(column), of: table, .accessExclusive, .referencing)
      }
    case "AT_AlterColumnType":
      let column = command["name"].string ?? ""
      // A foreign key over the column is made anew, on both sides.
      lock(.referencedByColumn(column), of: table, .accessExclusive, .referenced)
      lock(.referencingColumn(column), of: table, .accessExclusive, .referencing)
      // The sequence of an identity gets the new type too; that of `serial` keeps its own.
      lock(.identitySequence(column), of: table, .shareRowExclusive, .sequence)
      rewrite(.perhaps("unless the old values can stand as they are"))
      scan(.perhaps("unless the old values can stand as they are"))
    case "AT_SetNotNull": scan(.perhaps("unless a valid CHECK proves that there is no null"))
    case "AT_AddConstraint": readConstraint(command["def"]["Constraint"], of: table, isNew: true)
    case "AT_ValidateConstraint":
      lock(
        .referenced(constraint: command["name"].string ?? ""), of: table, .rowShare, .referenced)
      scan(.perhaps("unless the constraint is valid already"))
    case "AT_DropConstraint":
      lock(
        .referenced(constraint: command["name"].string ?? ""), of: table, .accessExclusive,
        .referenced)
      if command["behavior"].string == "DROP_CASCADE" {
        lock(.referencing, of: table, .accessExclusive, .referencing, isCertain: false)
      }
    default: readStorage(kind, command, of: change)
    }
  }

  private mutating func readStorage(
    _ kind: String, _ command: ParseTree, of change: AlterTableChange
  ) {
    let table = change.table
    switch kind {
    case "AT_SetLogged", "AT_SetUnLogged":
      rewrite(.yes)
      scan(.yes)
      lock(.ownedSequences, of: table, .accessExclusive, .sequence)
    case "AT_SetAccessMethod":
      rewrite(.perhaps("unless it already has this access method"))
      scan(.perhaps("unless it already has this access method"))
    case "AT_SetTableSpace": rewrite(.yes)
    case "AT_ChangeOwner": lock(.ownedSequences, of: table, .accessExclusive, .sequence)
    case "AT_SetIdentity":
      let column = command["name"].string ?? ""
      lock(.identitySequence(column), of: table, .shareRowExclusive, .sequence)
    case "AT_DropIdentity":
      let column = command["name"].string ?? ""
      lock(.identitySequence(column), of: table, .accessExclusive, .sequence)
    case "AT_AddInherit", "AT_DropInherit":
      lock(command["def"].relationName, .shareUpdateExclusive, .parent)
    case "AT_AttachPartition":
      readAttachPartition(command["def"]["PartitionCmd"], of: change)
    case "AT_DetachPartition", "AT_DetachPartitionFinalize":
      readDetachPartition(command["def"]["PartitionCmd"], of: table, kind)
    default: break
    }
  }

  private mutating func readAttachPartition(_ command: ParseTree, of change: AlterTableChange) {
    let partition = command["name"].relationName
    guard change.isTable else {
      lock(partition, .accessExclusive, .index)
      lock(.tableOfIndex, of: change.table, .accessShare, .parent)
      lock(.tableOfIndex, of: partition, .accessShare, .partition)
      return
    }
    lock(partition, .accessExclusive, .partition)
    if let partition { attached.append((partition, change.table)) }
    lock(.defaultPartition, of: change.table, .accessExclusive, .defaultPartition)
    lock(.referenced(constraint: nil), of: change.table, .shareRowExclusive, .referenced)
    scan(.perhaps("unless valid CHECKs prove where the rows belong"))
  }

  private mutating func readDetachPartition(
    _ command: ParseTree, of table: QualifiedName, _ kind: String
  ) {
    lock(command["name"].relationName, .accessExclusive, .partition)
    lock(.referenced(constraint: nil), of: table, .shareRowExclusive, .referenced)
    if kind == "AT_DetachPartitionFinalize" { effect.concurrentWait = .detachFinalization }
    if command["concurrent"].bool {
      effect.concurrentWait = .partitionDetachment
    } else if kind == "AT_DetachPartition" {
      lock(.defaultPartition, of: table, .accessExclusive, .defaultPartition)
    }
  }

  // MARK: Columns and constraints

  private mutating func readAddColumn(_ column: ParseTree, of table: QualifiedName) {
    let type = column["typeName"]["names"].nameParts
    let typeName = type.last ?? ""
    if Self.serialTypes.contains(typeName) {
      rewriteAndScan(.yes)
    } else if type.first != "pg_catalog", !SQLKeywords.types.contains(typeName) {
      rewriteAndScan(.perhaps("if \(typeName) is a domain with a constraint"))
    }
    let constraints = column["constraints"].items.map { $0["Constraint"] }
    var hasValue = false
    for constraint in constraints {
      switch constraint["contype"].string {
      case "CONSTR_DEFAULT":
        hasValue = true
        rewriteAndScan(Self.volatility(of: constraint["raw_expr"]))
      case "CONSTR_IDENTITY", "CONSTR_GENERATED":
        hasValue = true
        rewriteAndScan(.yes)
      default: break
      }
    }
    for constraint in constraints {
      if constraint["contype"].string == "CONSTR_FOREIGN" {
        readForeignKey(constraint, of: table)
        if hasValue { scan(.yes) }
      } else {
        readConstraint(constraint, of: table, isNew: true)
      }
    }
  }

  private mutating func rewriteAndScan(_ judgement: Judgement) {
    rewrite(judgement)
    scan(judgement)
  }

  /// Whether an expression must be computed for every row.
  private static func volatility(of expression: ParseTree) -> Judgement {
    var answer = Judgement.no
    for function in expression.calledFunctions {
      if BuiltInFunctions.volatile.contains(function.name), BuiltInFunctions.contains(function) {
        return .yes
      }
      if !BuiltInFunctions.contains(function) {
        answer = .perhaps("unless \(function) is declared stable or immutable")
      }
    }
    return answer
  }

  /// A constraint of a table or a column.
  ///
  /// - Parameter isNew: Whether it is added to a table that may hold rows.
  mutating func readConstraint(_ constraint: ParseTree, of table: QualifiedName, isNew: Bool) {
    let validates = !constraint["skip_validation"].bool
    switch constraint["contype"].string {
    case "CONSTR_FOREIGN":
      readForeignKey(constraint, of: table)
      if isNew, validates { scan(.yes) }
    case "CONSTR_CHECK": if isNew, validates { scan(.yes) }
    case "CONSTR_UNIQUE", "CONSTR_PRIMARY", "CONSTR_EXCLUSION":
      guard let index = constraint["indexname"].string else {
        if isNew { scan(.yes) }
        return
      }
      lock(QualifiedName(schema: table.schema, index), .shareUpdateExclusive, .index)
      if constraint["contype"].string == "CONSTR_PRIMARY" {
        scan(.perhaps("if a column may still be null"))
      }
    default: break
    }
  }

  private mutating func readForeignKey(_ constraint: ParseTree, of table: QualifiedName) {
    guard let referenced = constraint["pktable"].relationName else { return }
    lock(referenced, .shareRowExclusive, .referenced)
    lock(.partitions, of: referenced, .shareRowExclusive, .partition)
    foreignKeys.append(
      SchemaFacts.ForeignKey(
        constraint["conname"].string ?? "", of: table, constraint["fk_attrs"].nameParts,
        to: referenced, constraint["pk_attrs"].nameParts))
  }

  // MARK: Modes

  private static let serialTypes: Set<String> = [
    "serial", "bigserial", "smallserial", "serial2", "serial4", "serial8",
  ]

  /// What is done to every partition and child as well.
  private static let recursing: Set<String> = [
    "AT_AddColumn", "AT_DropColumn", "AT_AlterColumnType", "AT_SetNotNull", "AT_DropNotNull",
    "AT_ColumnDefault", "AT_AddConstraint", "AT_DropConstraint", "AT_ValidateConstraint",
    "AT_AlterConstraint", "AT_SetStatistics", "AT_SetStorage", "AT_SetCompression",
    "AT_DropExpression", "AT_EnableTrig", "AT_EnableAlwaysTrig", "AT_EnableReplicaTrig",
    "AT_EnableTrigAll", "AT_EnableTrigUser",
    "AT_DisableTrig", "AT_DisableTrigAll", "AT_DisableTrigUser",
  ]

  /// What is done to partitions since version 17 only.
  private static let recursingLater: Set<String> = [
    "AT_AddIdentity", "AT_SetIdentity", "AT_DropIdentity",
  ]

  private static func mode(of kind: String, _ command: ParseTree) -> LockMode {
    switch kind {
    case "AT_SetStatistics", "AT_SetOptions", "AT_ResetOptions", "AT_ClusterOn", "AT_DropCluster",
      "AT_ValidateConstraint", "AT_AttachPartition", "AT_DetachPartitionFinalize":
      return .shareUpdateExclusive
    case "AT_EnableTrig", "AT_EnableAlwaysTrig", "AT_EnableReplicaTrig", "AT_EnableTrigAll",
      "AT_EnableTrigUser", "AT_DisableTrig", "AT_DisableTrigAll", "AT_DisableTrigUser":
      return .shareRowExclusive
    case "AT_AddConstraint":
      let isForeign = command["def"]["Constraint"]["contype"].string == "CONSTR_FOREIGN"
      return isForeign ? .shareRowExclusive : .accessExclusive
    case "AT_DetachPartition":
      let isConcurrent = command["def"]["PartitionCmd"]["concurrent"].bool
      return isConcurrent ? .shareUpdateExclusive : .accessExclusive
    case "AT_SetRelOptions", "AT_ResetRelOptions", "AT_ReplaceRelOptions":
      let options = command["def"]["List"]["items"].items.map { $0["DefElem"]["defname"].string }
      let isLight = options.allSatisfy { $0.map(isLightOption) ?? false }
      return isLight && !options.isEmpty ? .shareUpdateExclusive : .accessExclusive
    default: return .accessExclusive
    }
  }

  /// Options whose lock is SHARE UPDATE EXCLUSIVE in `reloptions.c`.
  private static func isLightOption(_ name: String) -> Bool {
    name.hasPrefix("autovacuum_") || name.hasPrefix("log_autovacuum_")
      || [
        "fillfactor", "toast_tuple_target", "parallel_workers", "vacuum_index_cleanup",
        "vacuum_truncate", "deduplicate_items", "vacuum_max_eager_freeze_failure_rate",
        "n_distinct", "n_distinct_inherited",
      ].contains(name)
  }
}
