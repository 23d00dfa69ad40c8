extension ParseTree {
  /// The name of a `RangeVar`, given with or without the node around its fields.
  public var relationName: QualifiedName? {
    let fields = self["RangeVar"].isNull ? self : self["RangeVar"]
    guard let name = fields["relname"].string else { return nil }
    return QualifiedName(schema: fields["schemaname"].string, name)
  }

  /// The texts of a list of `String` nodes, bare or in a `List` node: the parts of a name.
  public var nameParts: [String] {
    let list = self["List"].isNull ? self : self["List"]["items"]
    return list.items.compactMap(\.nodeString)
  }

  /// A name of one, two or three parts; a database's name in front is left out.
  public var qualifiedName: QualifiedName? { QualifiedName(parts: nameParts) }

  /// Every relation below this node, as often as it is named, with common table expressions left out.
  ///
  /// libpg_query leaves the `RangeVar` node out where a field can hold nothing else.
  public var relations: [QualifiedName] {
    var names: [QualifiedName] = []
    var expressions: Set<String> = []
    collectRelations(&names, &expressions)
    return names.filter { $0.schema != nil || !expressions.contains($0.name) }
  }

  private func collectRelations(_ names: inout [QualifiedName], _ expressions: inout Set<String>) {
    switch self {
    case .list(let items): for item in items { item.collectRelations(&names, &expressions) }
    case .object(let fields):
      if let name = relationName, self["RangeVar"].isNull { names.append(name) }
      if let expression = self["CommonTableExpr"]["ctename"].string {
        expressions.insert(expression)
      }
      for field in fields { field.value.collectRelations(&names, &expressions) }
    default: break
    }
  }

  /// The names of the functions that are called below this node.
  public var calledFunctions: [QualifiedName] {
    var names: [QualifiedName] = []
    walk { kind, fields in
      if kind == "FuncCall", let name = fields["funcname"].qualifiedName { names.append(name) }
      return .below
    }
    return names
  }
}

extension QualifiedName {
  /// The last two parts of a name; `nil` where there are none.
  public init?(parts: [String]) {
    guard let name = parts.last else { return nil }
    self.init(schema: parts.count > 1 ? parts[parts.count - 2] : nil, name)
  }
}
