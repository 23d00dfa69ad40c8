/// What identifies a migration: the digits as they stand in the file's name, and their number.
///
/// Whether `001` and `1` are the same version is the layout's to say (`Layout.identity(of:)`).
public struct Version: Sendable, Hashable {
  /// As in the file's name or in the history table.
  public let text: String
  /// `nil` when the digits exceed an unsigned 64-bit integer, or are no digits.
  public var number: UInt64? { UInt64(text) }

  public init(_ text: String) { self.text = text }

  public init(number: UInt64) { self.text = String(number) }

  /// Before every real version: `down --to 0`.
  public var isZero: Bool { number == 0 }
}

extension Version {
  /// The number without sign and leading zeros where the text is digits; the text as it is otherwise.
  ///
  /// Digits of any length keep their value, so that a version beyond 64 bits is not lost.
  var canonicalDigits: String {
    guard text.utf8.first == UInt8(ascii: "0"), text.utf8.allSatisfy({ $0.isASCIIDigit }) else {
      return text
    }
    let digits = text.utf8.drop { $0 == UInt8(ascii: "0") }
    return digits.isEmpty ? "0" : String(Substring(digits))
  }

  /// Compares digits of any length by their value; text that is no digits comes first.
  static func isNumericallyBefore(_ a: String, _ b: String) -> Bool {
    let a = Version(a).canonicalDigits.utf8
    let b = Version(b).canonicalDigits.utf8
    let aIsNumber = a.allSatisfy { $0.isASCIIDigit }
    let bIsNumber = b.allSatisfy { $0.isASCIIDigit }
    if aIsNumber != bIsNumber { return bIsNumber }
    if aIsNumber, a.count != b.count { return a.count < b.count }
    return a.lexicographicallyPrecedes(b)
  }
}

extension Version: CustomStringConvertible {
  public var description: String { text }
}
