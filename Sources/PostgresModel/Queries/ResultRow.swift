/// One row of an answer in text format; valid only while its decoder runs.
public struct ResultRow {
  /// A value that is not what the decoder was told to expect.
  public struct Mismatch: Error, Sendable, Hashable {
    public var column: Int
    public var expected: String
    public var found: String?

    public init(column: Int, expected: String, found: String?) {
      self.column = column
      self.expected = expected
      self.found = found
    }
  }

  private let cells: [UnsafeRawBufferPointer?]

  /// - Parameter cells: The bytes of each column, `nil` for NULL; they outlive the decoder's call.
  public init(_ cells: [UnsafeRawBufferPointer?]) { self.cells = cells }

  public var count: Int { cells.count }

  /// The bytes of a column (0-based), `nil` for NULL.
  public func bytes(_ column: Int) -> UnsafeRawBufferPointer? { cells[column] }

  public func optionalString(_ column: Int) -> String? {
    cells[column].map { String(decoding: $0, as: UTF8.self) }
  }

  public func string(_ column: Int) throws(Mismatch) -> String {
    guard let bytes = cells[column] else {
      throw Mismatch(column: column, expected: "text", found: nil)
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  public func optionalInteger(_ column: Int) throws(Mismatch) -> Int64? {
    guard let bytes = cells[column] else { return nil }
    if let number = ResultRow.digits(bytes) { return number }
    let text = String(decoding: bytes, as: UTF8.self)
    guard let number = Int64(text) else {
      throw Mismatch(column: column, expected: "integer", found: text)
    }
    return number
  }

  /// Reads digits alone, as nearly every integer of a server is written; `nil` for anything else, and
  /// for what could be too large.
  private static func digits(_ bytes: UnsafeRawBufferPointer) -> Int64? {
    guard !bytes.isEmpty, bytes.count <= 18 else { return nil }
    var number: Int64 = 0
    for byte in bytes {
      guard byte >= 0x30, byte <= 0x39 else { return nil }
      number = number &* 10 &+ Int64(byte &- 0x30)
    }
    return number
  }

  public func integer(_ column: Int) throws(Mismatch) -> Int64 {
    guard let number = try optionalInteger(column) else {
      throw Mismatch(column: column, expected: "integer", found: nil)
    }
    return number
  }

  public func optionalBool(_ column: Int) throws(Mismatch) -> Bool? {
    guard let bytes = cells[column] else { return nil }
    if bytes.count == 1, bytes[0] == UInt8(ascii: "t") { return true }
    if bytes.count == 1, bytes[0] == UInt8(ascii: "f") { return false }
    throw Mismatch(
      column: column, expected: "boolean", found: String(decoding: bytes, as: UTF8.self))
  }

  public func bool(_ column: Int) throws(Mismatch) -> Bool {
    guard let value = try optionalBool(column) else {
      throw Mismatch(column: column, expected: "boolean", found: nil)
    }
    return value
  }

  public func optionalDouble(_ column: Int) throws(Mismatch) -> Double? {
    guard let text = optionalString(column) else { return nil }
    guard let number = Double(text) else {
      throw Mismatch(column: column, expected: "number", found: text)
    }
    return number
  }

  /// A time that the query gave as whole microseconds since 1970-01-01 00:00 UTC
  /// (`Instant.sql(_:)` writes such a column).
  public func optionalInstant(_ column: Int) throws(Mismatch) -> Instant? {
    try optionalInteger(column).map(Instant.init(microseconds:))
  }
}
