import PostgresModel

/// An index that a script names, to be compared with what is there.
public struct PromisedIndex: Sendable, Hashable {
  public var shape: IndexShape
  /// The name, which the server did not have to choose.
  public var name: String
  /// The statement in the script's words.
  public var sql: String

  /// Every index that a script makes under a name and does not drop or rename again.
  public static func all(in script: String, _ parser: some SQLParser = PgQueryParser())
    -> [PromisedIndex]
  {
    var found: [PromisedIndex] = []
    for statement in parser.parse(script).statements {
      if let shape = IndexShape(statement), let name = shape.name {
        let utf8 = script.utf8
        let start = utf8.index(utf8.startIndex, offsetBy: statement.range.lowerBound)
        let end = utf8.index(utf8.startIndex, offsetBy: statement.range.upperBound)
        found.removeAll { $0.name == name && $0.shape.table == shape.table }
        found.append(PromisedIndex(shape: shape, name: name, sql: String(script[start..<end])))
        continue
      }
      for change in statement.targets.changes {
        switch change.action {
        case .dropped, .renamed: found.removeAll { $0.isTakenAway(by: change) }
        default: break
        }
      }
    }
    return found
  }

  private func isTakenAway(by change: StatementTargets.Change) -> Bool {
    switch change.kind {
    case "index": change.name.name == name
    case "table", "materialized view": change.name.name == shape.table.name
    // Which index a column or constraint takes with it, the server knows alone.
    case "column", "constraint": change.name.name == shape.table.name
    case "schema": change.name.name == shape.table.schema
    default: false
    }
  }

  /// Compares it with the indexes that are there afterwards.
  ///
  /// - Parameters:
  ///   - indexes: All of them.
  ///   - seen: Objects that are tried for their own sake, as the migration made them.
  /// - Returns: `nil` where nothing has to be said: it is among those that are tried.
  public func trial(among indexes: [ProbedIndex], seen: Set<String>) -> Trial? {
    let quoted = SQLText.identifier(name)
    let named = indexes.filter { $0.shortName == name || $0.shortName == quoted }
    let like = named.first { IndexShape($0.definition)?.isLike(shape) == true }
    if let like, seen.contains(like.object) { return nil }
    if let like {
      let faults = like.flags.faults
      return Trial(
        .indexes, "index \(like.object)", faults.isEmpty ? .proven : .refuted,
        faults.isEmpty
          ? [.init("it was there before, like this, and is valid, ready and live", .supports)]
          : [
            .init(
              "it was there before and is \(faults.joined(separator: ", ")): the script leaves it",
              .refutes)
          ])
    }
    let subject = "index \(name) on \(shape.table)"
    guard let other = named.first else {
      return Trial(.indexes, subject, .refuted, [.init("the script makes it: \(sql)"), .missing])
    }
    guard IndexShape(other.definition) != nil else {
      return Trial(
        .indexes, subject, .notProven,
        [.init("what is there cannot be compared with it: \(other.definition)", .unclear)])
    }
    return Trial(
      .indexes, subject, .refuted,
      [
        .init("the script makes it: \(sql)"),
        .init("another index has its name: \(other.definition)", .refutes),
      ])
  }
}

extension CheckFinding.Evidence {
  fileprivate static let missing = Self("no index of that name is there", .refutes)
}
