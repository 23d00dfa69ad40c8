/// What a statement touches and changes, by name.
public struct StatementTargets: Sendable, Hashable {
  /// In which part a relation occurs.
  public enum Part: Sendable, Hashable {
    /// Made by the statement.
    case created
    case existing(ExpectedLock.Role)
  }

  /// A relation in its part.
  public struct Use: Sendable, Hashable {
    public var relation: QualifiedName
    public var part: Part

    public init(_ relation: QualifiedName, _ part: Part) {
      self.relation = relation
      self.part = part
    }
  }

  /// What is done to an object.
  public enum Action: Sendable, Hashable {
    case created
    /// `CREATE OR REPLACE`.
    case replaced
    case altered, dropped
    /// Given another name or schema.
    case renamed(to: QualifiedName)
  }

  /// A change of one object of the schema.
  public struct Change: Sendable, Hashable {
    public var action: Action
    /// In the words of SQL, lower case: `table`, `materialized view`, `column`, `constraint`.
    public var kind: String
    /// For what belongs to a table (column, constraint, trigger, policy, rule): the table.
    public var name: QualifiedName
    /// The column, constraint, trigger, policy or rule; `nil` for an object that stands alone.
    public var member: String?

    public init(_ action: Action, _ kind: String, _ name: QualifiedName, member: String? = nil) {
      self.action = action
      self.kind = kind
      self.name = name
      self.member = member
    }
  }

  /// Each relation once in each part, in the order of the statement.
  public var uses: [Use]
  public var changes: [Change]
}

extension ParsedStatement {
  /// The relations that the statement names, and the objects that it changes.
  public var targets: StatementTargets {
    var builder = EffectBuilder()
    builder.read(kind, tree)
    var uses: [StatementTargets.Use] = builder.created.sorted().map { .init($0, .created) }
    for lock in builder.effect.locks {
      guard let name = lock.relation, !builder.created.contains(name) else { continue }
      let use = StatementTargets.Use(name, .existing(lock.role))
      if !uses.contains(use) { uses.append(use) }
    }
    var reader = ChangeReader()
    reader.read(kind, tree)
    return StatementTargets(uses: uses, changes: reader.changes)
  }
}

/// Collects the changes of one statement.
private struct ChangeReader {
  var changes: [StatementTargets.Change] = []

  private mutating func add(
    _ action: StatementTargets.Action, _ kind: String, _ name: QualifiedName?,
    member: String? = nil
  ) {
    guard let name else { return }
    changes.append(StatementTargets.Change(action, kind, name, member: member))
  }

  mutating func read(_ kind: String, _ tree: ParseTree) {
    let made: StatementTargets.Action = tree["replace"].bool ? .replaced : .created
    switch kind {
    case "CreateStmt": readTable(tree, "table")
    case "CreateForeignTableStmt": readTable(tree["base"], "foreign table")
    case "CreateTableAsStmt":
      add(.created, objectWords(tree["objtype"].string), tree["into"]["rel"].relationName)
    case "SelectStmt": add(.created, "table", tree["intoClause"]["rel"].relationName)
    case "ViewStmt": add(made, "view", tree["view"].relationName)
    case "IndexStmt":
      let schema = tree["relation"]["schemaname"].string
      add(.created, "index", tree["idxname"].string.map { QualifiedName(schema: schema, $0) })
    case "CreateSeqStmt": add(.created, "sequence", tree["sequence"].relationName)
    case "AlterSeqStmt": add(.altered, "sequence", tree["sequence"].relationName)
    case "CreateFunctionStmt":
      let word = tree["is_procedure"].bool ? "procedure" : "function"
      add(made, word, tree["funcname"].qualifiedName)
    case "AlterFunctionStmt":
      add(
        .altered, objectWords(tree["objtype"].string),
        tree["func"]["objname"].qualifiedName)
    case "CreateTrigStmt":
      add(made, "trigger", tree["relation"].relationName, member: tree["trigname"].string)
    case "CreatePolicyStmt":
      add(.created, "policy", tree["table"].relationName, member: tree["policy_name"].string)
    case "AlterPolicyStmt":
      add(.altered, "policy", tree["table"].relationName, member: tree["policy_name"].string)
    case "RuleStmt":
      add(made, "rule", tree["relation"].relationName, member: tree["rulename"].string)
    case "CreateStatsStmt": add(.created, "statistics", tree["defnames"].qualifiedName)
    case "CreateEnumStmt", "CreateRangeStmt":
      add(.created, "type", tree["typeName"].qualifiedName)
    case "CompositeTypeStmt": add(.created, "type", tree["typevar"].relationName)
    case "AlterEnumStmt": add(.altered, "type", tree["typeName"].qualifiedName)
    case "CreateDomainStmt": add(.created, "domain", tree["domainname"].qualifiedName)
    case "AlterDomainStmt": add(.altered, "domain", tree["typeName"].qualifiedName)
    case "DefineStmt":
      add(made, objectWords(tree["kind"].string), tree["defnames"].qualifiedName)
    case "CreateExtensionStmt":
      add(.created, "extension", tree["extname"].string.map { QualifiedName($0) })
    case "CreateSchemaStmt": readSchema(tree)
    case "DropStmt": readDrop(tree)
    case "AlterTableStmt": readAlterTable(tree)
    case "RenameStmt": readRename(tree)
    case "AlterObjectSchemaStmt": readSetSchema(tree)
    default: break
    }
  }

  private mutating func readTable(_ tree: ParseTree, _ word: String) {
    let table = tree["relation"].relationName
    add(.created, word, table)
    for element in tree["tableElts"].items {
      if let column = element["ColumnDef"]["colname"].string {
        add(.created, "column", table, member: column)
      }
      if let constraint = element["Constraint"]["conname"].string {
        add(.created, "constraint", table, member: constraint)
      }
    }
  }

  private mutating func readSchema(_ tree: ParseTree) {
    add(.created, "schema", tree["schemaname"].string.map { QualifiedName($0) })
    for element in tree["schemaElts"].items {
      if let node = element.node { read(node.kind, node.fields) }
    }
  }

  private mutating func readDrop(_ tree: ParseTree) {
    let word = objectWords(tree["removeType"].string)
    for object in tree["objects"].items {
      let typeParts = object["TypeName"]["names"].nameParts
      let functionParts = object["ObjectWithArgs"]["objname"].nameParts
      var parts = object.nodeString.map { [$0] } ?? object.nameParts
      if !typeParts.isEmpty { parts = typeParts }
      if !functionParts.isEmpty { parts = functionParts }
      if ["trigger", "policy", "rule"].contains(word) {
        add(.dropped, word, QualifiedName(parts: parts.dropLast()), member: parts.last)
      } else {
        add(.dropped, word, QualifiedName(parts: parts))
      }
    }
  }

  private mutating func readAlterTable(_ tree: ParseTree) {
    let name = tree["relation"].relationName
    let word = objectWords(tree["objtype"].string)
    for command in tree["cmds"].items.map({ $0["AlterTableCmd"] }) {
      let member = command["name"].string
      switch command["subtype"].string {
      case "AT_AddColumn":
        let column = command["def"]["ColumnDef"]["colname"].string
        add(.created, "column", name, member: column)
      case "AT_DropColumn": add(.dropped, "column", name, member: member)
      case "AT_AlterColumnType", "AT_ColumnDefault", "AT_SetNotNull", "AT_DropNotNull",
        "AT_SetStatistics", "AT_SetStorage", "AT_SetCompression", "AT_SetOptions",
        "AT_ResetOptions", "AT_AddIdentity", "AT_SetIdentity", "AT_DropIdentity",
        "AT_DropExpression":
        add(.altered, "column", name, member: member)
      case "AT_AddConstraint":
        let constraint = command["def"]["Constraint"]["conname"].string
        if constraint == nil {
          add(.altered, word, name)
        } else {
          add(.created, "constraint", name, member: constraint)
        }
      case "AT_DropConstraint": add(.dropped, "constraint", name, member: member)
      case "AT_ValidateConstraint": add(.altered, "constraint", name, member: member)
      case "AT_AlterConstraint":
        let constraint = command["def"]["Constraint"]["conname"].string
        add(.altered, "constraint", name, member: constraint)
      default: add(.altered, word, name)
      }
    }
  }

  private mutating func readRename(_ tree: ParseTree) {
    let word = objectWords(tree["renameType"].string)
    let newName = tree["newname"].string ?? ""
    let relation = tree["relation"].relationName
    if let member = tree["subname"].string, relation != nil {
      add(.renamed(to: QualifiedName(newName)), word, relation, member: member)
      return
    }
    let parts = tree["object"].nameParts + tree["object"]["ObjectWithArgs"]["objname"].nameParts
    let old =
      relation ?? QualifiedName(parts: parts) ?? tree["subname"].string.map { QualifiedName($0) }
    add(.renamed(to: QualifiedName(schema: old?.schema, newName)), word, old)
  }

  private mutating func readSetSchema(_ tree: ParseTree) {
    let parts =
      tree["object"].nameParts + tree["object"]["ObjectWithArgs"]["objname"].nameParts
      + tree["object"]["TypeName"]["names"].nameParts
    guard let old = tree["relation"].relationName ?? QualifiedName(parts: parts) else { return }
    let new = QualifiedName(schema: tree["newschema"].string, old.name)
    add(.renamed(to: new), objectWords(tree["objectType"].string), old)
  }

  /// `OBJECT_MATVIEW` in the words of SQL.
  private func objectWords(_ object: String?) -> String {
    switch object {
    case nil: return "object"
    case "OBJECT_MATVIEW": return "materialized view"
    case "OBJECT_TABCONSTRAINT", "OBJECT_DOMCONSTRAINT": return "constraint"
    case "OBJECT_STATISTIC_EXT": return "statistics"
    case "OBJECT_FDW": return "foreign data wrapper"
    case "OBJECT_TSCONFIGURATION": return "text search configuration"
    case "OBJECT_TSDICTIONARY": return "text search dictionary"
    case "OBJECT_TSPARSER": return "text search parser"
    case "OBJECT_TSTEMPLATE": return "text search template"
    case "OBJECT_OPCLASS": return "operator class"
    case "OBJECT_OPFAMILY": return "operator family"
    case let name?:
      let words = name.hasPrefix("OBJECT_") ? String(name.dropFirst(7)) : name
      return words.lowercased().split(separator: "_").joined(separator: " ")
    }
  }
}
