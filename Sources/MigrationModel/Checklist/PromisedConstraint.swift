import PostgresModel

/// A promise that a statement with IF NOT EXISTS makes and does not keep, where what it makes was there
/// before in another form.
public struct PromisedConstraint: Sendable, Hashable {
  public var table: QualifiedName
  public var kind: ProbedConstraint.Kind
  /// `nil` where the server would have chosen one.
  public var name: String?
  public var columns: [String]
  /// The table as a `SchemaFact` names it.
  public var owner: String

  /// The promises of statements that did nothing because table or column was there already.
  ///
  /// - Parameters:
  ///   - tables: Those that were there before, as `SchemaFact` names them.
  ///   - columns: The same of columns.
  public static func skipped(
    in script: String, tables: Set<String>, columns: Set<String>,
    _ parser: some SQLParser = PgQueryParser()
  ) -> [PromisedConstraint] {
    var found: [PromisedConstraint] = []
    for statement in parser.parse(script).statements {
      let tree = statement.tree
      // What a later statement takes away again nobody misses.
      for change in statement.targets.changes {
        found.removeAll { $0.isTakenAway(by: change) }
      }
      guard let table = tree["relation"].relationName else { continue }
      let names = objects(table, among: tables)
      switch statement.kind {
      case "CreateStmt" where tree["if_not_exists"].bool && !names.isEmpty:
        found += tree["tableElts"].items.flatMap { promises(of: $0, table, names[0]) }
      case "AlterTableStmt":
        for item in tree["cmds"].items {
          let command = item["AlterTableCmd"]
          if command["subtype"].string == "AT_DropNotNull" {
            found.removeAll {
              $0.table.name == table.name && $0.kind == .notNull
                && $0.name == command["name"].string
            }
          }
          guard command["subtype"].string == "AT_AddColumn", command["missing_ok"].bool,
            let column = command["def"]["ColumnDef"]["colname"].string
          else { continue }
          let isThere = names.contains { name in
            columns.contains("\(name).\(column)")
              || columns.contains("\(name).\(SQLText.identifier(column))")
          }
          if isThere { found += promises(of: command["def"], table, names[0]) }
        }
      default: break
      }
    }
    return found
  }

  private func isTakenAway(by change: StatementTargets.Change) -> Bool {
    switch change.action {
    case .dropped, .renamed: break
    default: return false
    }
    guard change.name.name == table.name else { return change.kind == "schema" }
    guard let member = change.member else { return true }
    // Which name the server chose is not known.
    return name == nil || name == member || columns.contains(member)
  }

  /// As facts name a table that a script names.
  private static func objects(_ table: QualifiedName, among all: Set<String>) -> [String] {
    let ends = [table.name, SQLText.identifier(table.name)]
    return all.filter { object in
      ends.contains { end in
        table.schema.map { schema in
          object == "\(schema).\(end)" || object == "\(SQLText.identifier(schema)).\(end)"
        } ?? object.hasSuffix(".\(end)")
      }
    }
  }

  /// What one element of a table promises.
  private static func promises(
    of element: ParseTree, _ table: QualifiedName, _ owner: String
  ) -> [PromisedConstraint] {
    let column = element["ColumnDef"]
    if let name = column["colname"].string {
      return column["constraints"].items.compactMap {
        PromisedConstraint($0["Constraint"], table, owner, column: name)
      }
    }
    return PromisedConstraint(element["Constraint"], table, owner, column: nil).map { [$0] } ?? []
  }

  private init?(_ tree: ParseTree, _ table: QualifiedName, _ owner: String, column: String?) {
    self.table = table
    self.owner = owner
    name = tree["conname"].string
    let keys = tree["keys"].nameParts + tree["fk_attrs"].nameParts
    columns = keys.isEmpty ? column.map { [$0] } ?? [] : keys
    switch tree["contype"].string {
    case "CONSTR_NOTNULL":
      kind = .notNull
      name = column
    case "CONSTR_CHECK": kind = .check
    case "CONSTR_PRIMARY": kind = .primaryKey
    case "CONSTR_UNIQUE": kind = .unique
    case "CONSTR_FOREIGN": kind = .foreignKey
    case "CONSTR_EXCLUSION": kind = .exclusion
    default: return nil
    }
  }

  /// Looks whether it is kept all the same.
  ///
  /// - Returns: `nil` where what is there is of the kind, under the name or on the columns.
  public func trial(among all: [ProbedConstraint]) -> Trial? {
    let alike = all.filter { $0.owner == owner && $0.kind == kind }
    let isKept = alike.contains { found in
      if let name, kind != .check { return found.name == name || found.columns == columns }
      if let name { return found.name == name }
      return kind == .check
        ? columns.isEmpty || columns.contains { found.columns.contains($0) }
        : found.columns == columns
    }
    guard !isKept else { return nil }
    let words = name ?? (["of", columns.joined(separator: ", ")].joined(separator: " "))
    return Trial(
      .constraints, "\(kind.rawValue) \(words) of \(owner)", .refuted,
      [
        .init("the script names it in a statement with IF NOT EXISTS"),
        .init("the statement did nothing, and what was there does not have it", .refutes),
      ])
  }
}
