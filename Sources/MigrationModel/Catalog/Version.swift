/// What identifies a migration: the digits as they stand in the file's name, and their number.
///
/// Whether `001` and `1` are the same version is the layout's to say (`Layout.identity(of:)`).
public struct Version: Sendable, Hashable {
  /// As in the file's name or in the history table.
  public let text: String
  /// `nil` when the digits exceed an unsigned 64-bit integer, or are no digits.
  public let number: UInt64?

  public init(_ text: String) {
    self.text = text
    self.number = UInt64(text)
  }

  public init(number: UInt64) {
    self.text = String(number)
    self.number = number
  }

  /// Before every real version: `down --to 0`.
  public var isZero: Bool { number == 0 }
}

extension Version: CustomStringConvertible {
  public var description: String { text }
}
