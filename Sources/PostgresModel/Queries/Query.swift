/// A question to the server as a value: text, parameters, and how a row of the answer is read.
public struct Query<Row: Sendable>: Sendable {
  public var text: String
  /// `$1` first; text format; `nil` is NULL.
  public var parameters: [String?]
  public var decode: @Sendable (ResultRow) throws(ResultRow.Mismatch) -> Row

  public init(
    _ text: String, _ parameters: [String?] = [],
    decode: @escaping @Sendable (ResultRow) throws(ResultRow.Mismatch) -> Row
  ) {
    self.text = text
    self.parameters = parameters
    self.decode = decode
  }
}

extension Query where Row == Void {
  /// A statement whose rows, if there are any, are not looked at.
  public init(_ text: String, _ parameters: [String?] = []) {
    self.init(text, parameters) { (_) throws(ResultRow.Mismatch) in }
  }
}
