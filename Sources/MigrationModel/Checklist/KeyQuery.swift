import Diagnostics
import PostgresModel

/// A query of the project whose speed matters, with what it may cost.
///
/// A file holds one statement, and in its comments, each where it is wanted:
///
///     -- budget: 50ms
///     -- budget_buffers: 1000
///     -- params: 42, 'open'
public struct KeyQuery: Sendable, Hashable {
  /// The file's name without its ending.
  public var name: String
  /// As diagnostics name it.
  public var file: String
  public var sql: String
  /// The most that the median of its runs may take.
  public var budgetMilliseconds: Double?
  /// The most blocks that it may touch.
  public var budgetBuffers: Int64?
  /// What stands for `$1`, `$2`, …, as SQL: `42, 'open'`.
  public var parameters: String?

  /// Reads a file.
  ///
  /// - Throws: `Refusal` where it does not hold one statement, or a comment cannot be read.
  public init(_ text: String, file: String) throws(Refusal) {
    self.file = file
    let base = file.split(separator: "/" as Character).last.map(String.init) ?? file
    name = base.hasSuffix(".sql") ? String(base.dropLast(4)) : base
    let statements = SQLScript.statements(in: text)
    guard statements.count == 1 else {
      throw Self.refuse(
        "a key query is one statement, and \"\(file)\" holds \(statements.count)",
        at: SourceLocation(file: file), next: "keep each in a file of its own")
    }
    let bytes = Array(text.utf8)
    sql = String(decoding: bytes[statements[0].range], as: UTF8.self)
    for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
      .enumerated()
    {
      try read(line, at: SourceLocation(file: file, line: index + 1))
    }
  }

  private mutating func read(
    _ line: Substring, at place: SourceLocation
  ) throws(Refusal) {
    let text = line.drop { $0.isWhitespace }
    guard text.hasPrefix("--") else { return }
    let comment = text.dropFirst(2).drop { $0.isWhitespace }
    guard let colon = comment.firstIndex(of: ":") else { return }
    let key = comment[..<colon].lowercased()
    let value = comment[comment.index(after: colon)...]
      .split(whereSeparator: \.isWhitespace).joined(separator: " ")
    switch key {
    case "budget":
      guard let time = Self.milliseconds(value) else {
        throw Self.refuse(
          "a budget is a time such as 50ms or 2s, and not \"\(value)\"", at: place,
          next: "write -- budget: 50ms")
      }
      budgetMilliseconds = time
    case "budget_buffers":
      guard let count = Int64(value), count > 0 else {
        throw Self.refuse(
          "a budget of buffers is a number of blocks, and not \"\(value)\"", at: place,
          next: "write -- budget_buffers: 1000")
      }
      budgetBuffers = count
    case "params":
      // Only what is one list of values goes to the server.
      let outcome = PgQueryParser().parse("EXECUTE q(\(value))")
      guard outcome.statements.count == 1, outcome.statements[0].kind == "ExecuteStmt" else {
        throw Self.refuse(
          "the parameters are no list of values: \"\(value)\"", at: place,
          next: "write them as SQL: -- params: 42, 'open'")
      }
      parameters = value
    default: break
    }
  }

  private static func milliseconds(_ text: String) -> Double? {
    let number = text.prefix { $0.isNumber || $0 == "." }
    let unit = text.dropFirst(number.count).drop { $0 == " " }
    guard let value = Double(number), value > 0 else { return nil }
    switch unit {
    case "us": return value / 1000
    case "ms": return value
    case "s": return value * 1000
    case "min": return value * 60_000
    default: return nil
    }
  }

  private static func refuse(_ what: String, at place: SourceLocation, next: String) -> Refusal {
    Refusal(.error(code: "configuration", what, at: place, next: next))
  }
}
