/// A search for values of some columns of a table that together fulfil conditions, or break one.
public struct RowSearch: Sendable {
  /// What a condition has to come to.
  public enum Aim: String, Sendable, Hashable {
    /// As a check wants it: `NULL` will do.
    case notFalse = "IS NOT FALSE"
    case isTrue = "IS TRUE"
    case isFalse = "IS FALSE"
    /// False or `NULL`.
    case notTrue = "IS NOT TRUE"
  }

  /// The columns that are searched, with what each may be, the best first.
  public var choices: [(column: String, values: [String])]
  public var conditions: [(expression: String, aim: Aim)]
  /// Generated columns that conditions mention, with their expressions.
  public var generated: [(column: String, expression: String)]
  /// By which name conditions may also call the row: `new`, `old`.
  public var alias: String

  public init(
    choices: [(column: String, values: [String])], conditions: [(expression: String, aim: Aim)],
    generated: [(column: String, expression: String)] = [], alias: String = "new"
  ) {
    self.choices = choices
    self.conditions = conditions
    self.generated = generated
    self.alias = alias
  }

  /// No more combinations than this are looked at.
  private static let most = 20_000

  /// Shortens the longest lists until there are not too many combinations.
  public mutating func limit() {
    let most = Self.most
    func product() -> Int {
      choices.reduce(1) { min($0 * max($1.values.count, 1), most + 1) }
    }
    while product() > most {
      guard
        let longest = choices.indices.max(by: {
          choices[$0].values.count < choices[$1].values.count
        })
      else { return }
      choices[longest].values.removeLast()
    }
  }

  /// The search as one select: the 0-based places of the values, a row for each hit, the best first.
  public func select(limit: Int) -> String {
    let sources = choices.enumerated().map { index, choice in
      let rows = choice.values.enumerated().map { "(\($0.offset), \($0.element))" }
      return "(VALUES \(rows.joined(separator: ", "))) \"lockstep \(index)\"(\"?i\", \"?v\")"
    }
    let places = choices.indices.map { "\"lockstep \($0)\".\"?i\"" }
    return """
      SELECT \(places.joined(separator: ", ")) FROM \(sources.joined(separator: ", ")),
      \(row { "\"lockstep \($0)\".\"?v\"" })
      WHERE \(test) ORDER BY \(places.joined(separator: " + ")), \(places.joined(separator: ", "))
      LIMIT \(limit)
      """
  }

  /// Whether one combination is a hit, as a select of one truth value.
  public func select(_ places: [Int]) -> String {
    "SELECT coalesce(bool_and(\(test)), false) FROM "
      + row { choices[$0].values[places[$0]] }
  }

  private var test: String {
    conditions.isEmpty
      ? "true"
      : conditions.map { "(\($0.expression)) \($0.aim.rawValue)" }.joined(separator: " AND ")
  }

  private func row(_ value: (Int) -> String) -> String {
    let columns = choices.enumerated().map {
      "\(value($0.offset)) AS \(SQLText.identifier($0.element.column))"
    }
    let plain = "LATERAL (SELECT \(columns.joined(separator: ", "))) \(alias)"
    guard !generated.isEmpty else { return plain }
    let more = generated.map { "(\($0.expression)) AS \(SQLText.identifier($0.column))" }
    return """
      LATERAL (SELECT "?r".*, \(more.joined(separator: ", "))
      FROM (SELECT \(columns.joined(separator: ", "))) "?r") \(alias)
      """
  }

  /// The combinations in the order of `select(limit:)`, at most so many.
  public func places(most: Int) -> [[Int]] {
    let counts = choices.map(\.values.count)
    guard !counts.contains(0) else { return [] }
    var all: [[Int]] = [[]]
    for count in counts {
      all = all.flatMap { start in (0..<count).map { start + [$0] } }
      if all.count > most * 8 { all = Array(all.sorted { sum($0) < sum($1) }.prefix(most * 8)) }
    }
    return Array(all.sorted { sum($0) < sum($1) }.prefix(most))
  }

  private func sum(_ places: [Int]) -> Int { places.reduce(0, +) }
}
