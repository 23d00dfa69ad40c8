extension EffectBuilder {
  // MARK: Made

  /// Reads `CREATE TABLE`, also as a partition or a child.
  mutating func readCreateTable(_ tree: ParseTree) {
    guard let table = tree["relation"].relationName else { return }
    make(table, ifNotExists: tree["if_not_exists"].bool)
    let isPartition = !tree["partbound"].isNull
    for relation in tree["inhRelations"].items {
      let parent = relation.relationName
      lock(parent, isPartition ? .accessExclusive : .shareUpdateExclusive, .parent)
      guard isPartition, let parent else { continue }
      attached.append((table, parent))
      lock(.defaultPartition, of: parent, .accessExclusive, .defaultPartition)
      lock(.referenced(constraint: nil), of: parent, .shareRowExclusive, .referenced)
      if !tree["partbound"]["is_default"].bool {
        scan(.perhaps("if there is a default partition"))
      }
    }
    for element in tree["tableElts"].items + tree["constraints"].items {
      if !element["TableLikeClause"].isNull {
        lock(element["TableLikeClause"]["relation"].relationName, .accessShare, .source)
      }
      readConstraint(element["Constraint"], of: table, isNew: false)
      for constraint in element["ColumnDef"]["constraints"].items {
        readConstraint(constraint["Constraint"], of: table, isNew: false)
      }
    }
  }

  /// Reads `CREATE TABLE … AS` and `CREATE MATERIALIZED VIEW`.
  mutating func readCreateTableAs(_ tree: ParseTree) {
    make(tree["into"]["rel"].relationName, ifNotExists: tree["if_not_exists"].bool)
    guard !tree["into"]["skipData"].bool, let query = tree["query"].node else {
      readSources(of: tree["query"])
      return
    }
    read(query.kind, query.fields)
    let plain = query.fields["whereClause"].isNull && query.fields["limitCount"].isNull
    if plain, !effect.locks.isEmpty { scan(.yes) }
  }

  /// Reads `CREATE INDEX`.
  mutating func readIndex(_ tree: ParseTree) {
    let isConcurrent = tree["concurrent"].bool
    let mode: LockMode = isConcurrent ? .shareUpdateExclusive : .share
    let table = tree["relation"].relationName
    lock(table, mode)
    if isConcurrent { effect.concurrentWait = .indexBuild }
    if tree["relation"]["inh"].bool {
      lock(.partitions, of: table, mode, .partition)
      scan(.yes)
    } else {
      scan(.perhaps("unless the table is partitioned"))
    }
  }

  /// Reads `CREATE VIEW`.
  mutating func readView(_ tree: ParseTree) {
    if let view = tree["view"].relationName {
      if tree["replace"].bool {
        lock(view, .accessExclusive, .target, isCertain: false)
      } else {
        make(view, ifNotExists: false)
      }
    }
    readSources(of: tree["query"])
  }

  /// - Parameter targets: What is written to, each to be left out once.
  private mutating func readSources(of query: ParseTree, except targets: [QualifiedName] = []) {
    var sources = query.relations
    for target in targets + created {
      if let place = sources.firstIndex(of: target) { sources.remove(at: place) }
    }
    for source in sources {
      lock(source, .accessShare, .source)
      lock(.sourcesOfView, of: source, .accessShare, .source)
    }
  }

  // MARK: Dropped

  /// Reads `DROP` of anything but what belongs to the whole server.
  mutating func readDrop(_ tree: ParseTree) {
    let cascades = tree["behavior"].string == "DROP_CASCADE"
    let kind = tree["removeType"].string ?? ""
    for object in tree["objects"].items {
      let parts = object.nameParts
      switch kind {
      case "OBJECT_INDEX":
        let mode: LockMode = tree["concurrent"].bool ? .shareUpdateExclusive : .accessExclusive
        lock(QualifiedName(parts: parts), mode, .index)
        lock(.tableOfIndex, of: QualifiedName(parts: parts), mode, .target)
        if tree["concurrent"].bool { effect.concurrentWait = .indexRemoval }
      case "OBJECT_TABLE", "OBJECT_FOREIGN_TABLE":
        readDropTable(QualifiedName(parts: parts), cascades: cascades)
      case "OBJECT_VIEW", "OBJECT_MATVIEW", "OBJECT_SEQUENCE":
        let name = QualifiedName(parts: parts)
        lock(name, .accessExclusive)
        if cascades { lock(.dependentViews, of: name, .accessExclusive, .dependent) }
        if cascades, kind == "OBJECT_SEQUENCE" {
          effect.unseen.append("the tables whose defaults CASCADE drops with it")
        }
      case "OBJECT_TRIGGER", "OBJECT_POLICY", "OBJECT_RULE":
        lock(QualifiedName(parts: parts.dropLast()), .accessExclusive)
      case "OBJECT_STATISTIC_EXT":
        lock(.tableOfStatistics, of: QualifiedName(parts: parts), .shareUpdateExclusive, .target)
      case "OBJECT_SCHEMA":
        let schema = object.nodeString.map { QualifiedName($0) }
        if cascades { lock(.everythingInSchema, of: schema, .accessExclusive, .dependent) }
      case "OBJECT_TYPE", "OBJECT_DOMAIN":
        let type = object["TypeName"]["names"].qualifiedName
        if cascades { lock(.tablesUsingType, of: type, .accessExclusive, .dependent) }
      default:
        if cascades {
          effect.unseen.append("what CASCADE drops with it")
        }
      }
    }
  }

  private mutating func readDropTable(_ table: QualifiedName?, cascades: Bool) {
    lock(table, .accessExclusive)
    lock(.partitions, of: table, .accessExclusive, .partition)
    lock(.partitionedParent, of: table, .accessExclusive, .parent)
    lock(.defaultPartitionOfParent, of: table, .accessExclusive, .defaultPartition)
    lock(.referenced(constraint: nil), of: table, .accessExclusive, .referenced)
    lock(.ownedSequences, of: table, .accessExclusive, .sequence)
    guard cascades else { return }
    lock(.referencing, of: table, .accessExclusive, .referencing)
    lock(.dependentViews, of: table, .accessExclusive, .dependent)
  }

  /// Reads `TRUNCATE`.
  mutating func readTruncate(_ tree: ParseTree) {
    for relation in tree["relations"].items {
      let table = relation.relationName
      lock(table, .accessExclusive)
      if relation["RangeVar"]["inh"].bool {
        lock(.partitions, of: table, .accessExclusive, .partition)
      }
      if tree["behavior"].string == "DROP_CASCADE" {
        lock(.referencingInTurn, of: table, .accessExclusive, .referencing)
      }
      if tree["restart_seqs"].bool {
        lock(.ownedSequences, of: table, .accessExclusive, .sequence)
      }
    }
  }

  // MARK: Renamed and moved

  /// Reads `ALTER … RENAME`.
  mutating func readRename(_ tree: ParseTree) {
    guard let relation = tree["relation"].relationName else { return }
    let isIndex = tree["renameType"].string == "OBJECT_INDEX"
    lock(relation, isIndex ? .shareUpdateExclusive : .accessExclusive, isIndex ? .index : .target)
    switch tree["renameType"].string {
    case "OBJECT_COLUMN", "OBJECT_ATTRIBUTE":
      lock(.partitions, of: relation, .accessExclusive, .partition)
    case "OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_MATVIEW", "OBJECT_SEQUENCE":
      let new = QualifiedName(schema: relation.schema, tree["newname"].string ?? "")
      renamed = (relation, new)
    default: break
    }
  }

  /// Reads `ALTER … SET SCHEMA`.
  mutating func readSetSchema(_ tree: ParseTree) {
    guard let relation = tree["relation"].relationName else { return }
    lock(relation, .accessExclusive)
    lock(.ownedSequences, of: relation, .accessExclusive, .sequence)
  }

  /// Reads `COMMENT` and `SECURITY LABEL`.
  mutating func readComment(_ tree: ParseTree) {
    let parts = tree["object"].nameParts
    switch tree["objtype"].string {
    case "OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_MATVIEW", "OBJECT_INDEX", "OBJECT_SEQUENCE",
      "OBJECT_FOREIGN_TABLE":
      lock(QualifiedName(parts: parts), .shareUpdateExclusive)
    case "OBJECT_COLUMN", "OBJECT_TABCONSTRAINT", "OBJECT_TRIGGER", "OBJECT_POLICY", "OBJECT_RULE":
      lock(QualifiedName(parts: parts.dropLast()), .shareUpdateExclusive)
    case "OBJECT_STATISTIC_EXT":
      lock(.tableOfStatistics, of: QualifiedName(parts: parts), .shareUpdateExclusive, .target)
    default: break
    }
  }

  /// Reads `ALTER DOMAIN`; a constraint is checked in every table that uses it.
  mutating func readAlterDomain(_ tree: ParseTree) {
    let type = tree["typeName"].qualifiedName
    let validates: Bool
    switch tree["subtype"].string {
    case "C": validates = !tree["def"]["Constraint"]["skip_validation"].bool
    case "V", "O": validates = true
    default: validates = false
    }
    guard validates else { return }
    lock(.tablesUsingType, of: type, .share, .dependent)
    scan(.yes)
  }

  // MARK: Upkeep

  /// Reads `REINDEX`.
  mutating func readReindex(_ tree: ParseTree) {
    let isConcurrent = tree["params"].items.contains {
      $0["DefElem"]["defname"].string == "concurrently" && isOn($0["DefElem"]["arg"])
    }
    let mode: LockMode = isConcurrent ? .shareUpdateExclusive : .share
    let indexMode: LockMode = isConcurrent ? .shareUpdateExclusive : .accessExclusive
    if isConcurrent { effect.concurrentWait = .indexRebuilding }
    scan(.yes)
    let relation = tree["relation"].relationName
    switch tree["kind"].string {
    case "REINDEX_OBJECT_INDEX":
      lock(relation, indexMode, .index)
      lock(.tableOfIndex, of: relation, mode, .target)
    case "REINDEX_OBJECT_TABLE":
      lock(relation, mode)
      lock(.partitions, of: relation, mode, .partition)
    case "REINDEX_OBJECT_SCHEMA":
      let schema = tree["name"].string.map { QualifiedName($0) }
      lock(.tablesInSchema, of: schema, mode, .target)
    default: lock(.everyTable, of: QualifiedName(""), mode, .target)
    }
  }

  /// An option without a value is on.
  private func isOn(_ value: ParseTree) -> Bool {
    guard !value.isNull else { return true }
    if let text = value.nodeString { return !["false", "off", "0"].contains(text.lowercased()) }
    return !(value["Boolean"].isNull == false && !value["Boolean"]["boolval"].bool)
      && !(value["Integer"].isNull == false && value["Integer"]["ival"].integer ?? 0 == 0)
  }

  /// Reads `REFRESH MATERIALIZED VIEW`.
  mutating func readRefresh(_ tree: ParseTree) {
    let view = tree["relation"].relationName
    lock(view, tree["concurrent"].bool ? .exclusive : .accessExclusive)
    lock(.sourcesOfView, of: view, .accessShare, .source)
    if !tree["concurrent"].bool { rewrite(.yes) }
    if !tree["skipData"].bool { scan(.yes) }
  }

  /// Reads `VACUUM` and `ANALYZE`.
  mutating func readVacuum(_ tree: ParseTree) {
    let isFull = tree["options"].items.contains {
      $0["DefElem"]["defname"].string == "full" && isOn($0["DefElem"]["arg"])
    }
    let mode: LockMode = isFull ? .accessExclusive : .shareUpdateExclusive
    if isFull {
      rewrite(.yes)
      scan(.yes)
    }
    for relation in tree["rels"].items {
      let table = relation["VacuumRelation"]["relation"].relationName
      lock(table, mode)
      lock(.partitions, of: table, mode, .partition)
    }
    if tree["rels"].items.isEmpty { lock(.everyTable, of: QualifiedName(""), mode, .target) }
  }

  /// Reads `CLUSTER`.
  mutating func readCluster(_ tree: ParseTree) {
    rewrite(.yes)
    scan(.yes)
    if let table = tree["relation"].relationName {
      lock(table, .accessExclusive)
      if let index = tree["indexname"].string {
        lock(QualifiedName(schema: table.schema, index), .accessExclusive, .index)
      }
    } else {
      lock(.everyTable, of: QualifiedName(""), .accessExclusive, .target, isCertain: false)
    }
  }

  /// Reads `LOCK TABLE`.
  mutating func readLock(_ tree: ParseTree) {
    let mode = tree["mode"].integer.flatMap(LockMode.init(rawValue:)) ?? .accessExclusive
    for relation in tree["relations"].items {
      let table = relation.relationName
      lock(table, mode)
      if relation["RangeVar"]["inh"].bool { lock(.partitions, of: table, mode, .partition) }
      lock(.sourcesOfView, of: table, mode, .source)
    }
  }

  // MARK: Rows

  /// Reads `SELECT`, `INSERT`, `UPDATE`, `DELETE` and `MERGE`.
  mutating func readQuery(_ kind: String, _ tree: ParseTree) {
    make(tree["intoClause"]["rel"].relationName, ifNotExists: false)
    tree.walk { kind, fields in
      // Data-modifying statements in WITH.
      if kind.hasSuffix("Stmt"), kind != "SelectStmt" { nested.append((kind, fields)) }
      return .below
    }
    let written = [(kind, tree)] + nested
    nested = []
    readSources(of: tree, except: written.compactMap { $0.1["relation"].relationName })
    for (kind, fields) in written { write(kind, fields) }
    if !tree["lockingClause"].isNull { readRowLocks(tree) }
    let functions = tree.calledFunctions.filter { !BuiltInFunctions.contains($0) }
    for phrase in functions.map({ "what \($0)() does" }) where !effect.unseen.contains(phrase) {
      effect.unseen.append(phrase)
    }
  }

  private mutating func readRowLocks(_ tree: ParseTree) {
    let named = tree["lockingClause"].relations
    for source in named.isEmpty ? tree["fromClause"].relations : named {
      lock(source, .rowShare)
    }
  }

  /// What a statement writes to, and whose rows its foreign keys look at.
  private mutating func write(_ kind: String, _ tree: ParseTree) {
    let target = tree["relation"].relationName
    switch kind {
    case "InsertStmt":
      lock(target, .rowExclusive)
      lock(.referenced(constraint: nil), of: target, .rowShare, .referenced)
      let values = tree["selectStmt"]["SelectStmt"]["valuesLists"]
      if values.isNull, !tree["selectStmt"].isNull {
        scan(.perhaps("if the server plans the query so"))
      }
    case "UpdateStmt", "DeleteStmt", "MergeStmt":
      lock(target, .rowExclusive)
      lock(.partitions, of: target, .rowExclusive, .partition, isCertain: false)
      lock(.referenced(constraint: nil), of: target, .rowShare, .referenced, isCertain: false)
      lock(.referencing, of: target, .rowExclusive, .referencing, isCertain: false)
      let isWhole = tree["whereClause"].isNull && kind != "MergeStmt"
      scan(isWhole ? .yes : .perhaps("if the server plans it so"))
    case "SelectStmt":
      if !tree.relations.isEmpty { scan(.perhaps("if the server plans it so")) }
    default: break
    }
  }

  /// Reads `COPY`.
  mutating func readCopy(_ tree: ParseTree) {
    if let query = tree["query"].node {
      read(query.kind, query.fields)
    } else if tree["is_from"].bool {
      write("InsertStmt", tree)
    } else {
      lock(tree["relation"].relationName, .accessShare, .source)
      scan(.yes)
    }
  }
}
