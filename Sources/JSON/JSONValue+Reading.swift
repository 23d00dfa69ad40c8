extension JSONValue {
  /// Reads one JSON text; `nil` for everything that is none, and for what nests deeper than 64.
  ///
  /// Source: RFC 8259. Whole numbers that fit are integers; of a key that stands in an object twice
  /// both members are kept.
  public init?(reading text: String) {
    var copy = text
    guard let value = copy.withUTF8({ JSONValue(reading: $0) }) else { return nil }
    self = value
  }

  /// As `init(reading:)`, from UTF-8.
  public init?(reading bytes: UnsafeBufferPointer<UInt8>) {
    var reader = JSONTextReader(bytes)
    guard let value = reader.whole() else { return nil }
    self = value
  }

  /// The value of an object's key; `nil` where there is none, or no object.
  public subscript(key: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.key == key }?.value
  }

  /// The text of a string; `nil` for everything else.
  public var text: String? {
    guard case .string(let text) = self else { return nil }
    return text
  }

  /// A whole number; `nil` for everything else.
  public var wholeNumber: Int64? {
    guard case .integer(let number) = self else { return nil }
    return number
  }

  /// Any number; `nil` for everything else.
  public var decimalNumber: Double? {
    switch self {
    case .integer(let number): Double(number)
    case .number(let number): number
    default: nil
    }
  }

  /// The elements of an array; `nil` for everything else.
  public var elements: [JSONValue]? {
    guard case .array(let elements) = self else { return nil }
    return elements
  }
}

/// Reads JSON from its bytes.
///
/// `nil` stands in statements of its own: where a value is wanted as well, it would be a JSON `null`.
private struct JSONTextReader {
  private let bytes: UnsafeBufferPointer<UInt8>
  private var position = 0
  private var depth = 0

  init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  /// Zero beyond the end, which no JSON text holds.
  private var current: UInt8 { position < bytes.count ? bytes[position] : 0 }

  mutating func whole() -> JSONValue? {
    guard let value = value() else { return nil }
    skipBlanks()
    guard position == bytes.count else { return nil }
    return value
  }

  private mutating func skipBlanks() {
    while [0x20, 0x09, 0x0A, 0x0D].contains(current) { position += 1 }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    skipBlanks()
    guard current == byte else { return false }
    position += 1
    return true
  }

  private mutating func value() -> JSONValue? {
    depth += 1
    defer { depth -= 1 }
    guard depth <= 64 else { return nil }
    skipBlanks()
    switch current {
    case UInt8(ascii: "{"): return object()
    case UInt8(ascii: "["): return array()
    case UInt8(ascii: "\""): return string().map { .string($0) }
    case UInt8(ascii: "t"): return word("true", .bool(true))
    case UInt8(ascii: "f"): return word("false", .bool(false))
    case UInt8(ascii: "n"): return word("null", .null)
    default: return number()
    }
  }

  private mutating func word(_ text: StaticString, _ value: JSONValue) -> JSONValue? {
    guard take(text) else { return nil }
    return value
  }

  private mutating func take(_ word: StaticString) -> Bool {
    let length = word.utf8CodeUnitCount
    guard position + length <= bytes.count,
      (0..<length).allSatisfy({ bytes[position + $0] == word.utf8Start[$0] })
    else { return false }
    position += length
    return true
  }

  private mutating func object() -> JSONValue? {
    position += 1
    var members: [JSONValue.Member] = []
    if take(UInt8(ascii: "}")) { return .object(members) }
    repeat {
      skipBlanks()
      guard let key = string(), take(UInt8(ascii: ":")), let value = value() else { return nil }
      members.append(JSONValue.Member(key: key, value: value))
    } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "}")) else { return nil }
    return .object(members)
  }

  private mutating func array() -> JSONValue? {
    position += 1
    var elements: [JSONValue] = []
    if take(UInt8(ascii: "]")) { return .array(elements) }
    repeat {
      guard let value = value() else { return nil }
      elements.append(value)
    } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "]")) else { return nil }
    return .array(elements)
  }

  private mutating func number() -> JSONValue? {
    let start = position
    var isWhole = true
    if current == UInt8(ascii: "-") { position += 1 }
    let digits = takeDigits()
    guard digits > 0, digits == 1 || bytes[position - digits] != UInt8(ascii: "0") else {
      return nil
    }
    if current == UInt8(ascii: ".") {
      position += 1
      isWhole = false
      guard takeDigits() > 0 else { return nil }
    }
    if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
      position += 1
      isWhole = false
      if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { position += 1 }
      guard takeDigits() > 0 else { return nil }
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    if isWhole, let whole = Int64(text) { return .integer(whole) }
    return Double(text).map { .number($0) }
  }

  private mutating func takeDigits() -> Int {
    let start = position
    while (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(current) { position += 1 }
    return position - start
  }

  private mutating func string() -> String? {
    guard current == UInt8(ascii: "\"") else { return nil }
    position += 1
    var text: [UInt8] = []
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      switch byte {
      case UInt8(ascii: "\""): return String(validating: text, as: UTF8.self)
      case 0..<0x20: return nil
      case UInt8(ascii: "\\"): guard escape(into: &text) else { return nil }
      default: text.append(byte)
      }
    }
    return nil
  }

  private mutating func escape(into text: inout [UInt8]) -> Bool {
    let byte = current
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "f"): text.append(0x0C)
    case UInt8(ascii: "n"): text.append(0x0A)
    case UInt8(ascii: "r"): text.append(0x0D)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "u"):
      guard let scalar = codePoint() else { return false }
      text.append(contentsOf: String(Character(scalar)).utf8)
    default: return false
    }
    return true
  }

  private mutating func codePoint() -> Unicode.Scalar? {
    guard let unit = hexadecimal() else { return nil }
    guard 0xd800..<0xdc00 ~= unit else { return Unicode.Scalar(unit) }
    guard take("\\u"), let low = hexadecimal(), 0xdc00..<0xe000 ~= low else { return nil }
    return Unicode.Scalar(0x10000 + (unit - 0xd800) << 10 + (low - 0xdc00))
  }

  private mutating func hexadecimal() -> UInt32? {
    guard position + 4 <= bytes.count else { return nil }
    let digits = String(decoding: bytes[position..<position + 4], as: UTF8.self)
    guard digits.utf8.count == 4, digits.allSatisfy(\.isHexDigit) else { return nil }
    position += 4
    return UInt32(digits, radix: 16)
  }
}
