/// A JSON text as a value; the keys of an object keep the order in which they were given.
///
/// Own code rather than a library: the order of the keys is part of the contract, and nothing else in
/// the program needs Foundation, which costs more time at start than everything that Lockstep does.
public enum JSONValue: Sendable, Hashable {
  case null
  case bool(Bool)
  case integer(Int64)
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([Member])

  /// A key and its value.
  public struct Member: Sendable, Hashable {
    public var key: String
    public var value: JSONValue

    public init(key: String, value: JSONValue) {
      self.key = key
      self.value = value
    }
  }
}

extension JSONValue: ExpressibleByDictionaryLiteral, ExpressibleByArrayLiteral,
  ExpressibleByStringLiteral, ExpressibleByStringInterpolation, ExpressibleByIntegerLiteral,
  ExpressibleByBooleanLiteral, ExpressibleByNilLiteral
{
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    self = .object(elements.map { Member(key: $0.0, value: $0.1) })
  }
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  public init(stringLiteral value: String) { self = .string(value) }
  public init(integerLiteral value: Int64) { self = .integer(value) }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(nilLiteral: ()) { self = .null }

  /// Text, or `null` where there is none.
  public init(_ text: String?) { self = text.map { .string($0) } ?? .null }
  public init(_ number: (some BinaryInteger)?) {
    self = number.map { .integer(Int64($0)) } ?? .null
  }
  public init(_ texts: [String]) { self = .array(texts.map { .string($0) }) }

  /// Milliseconds to the microsecond; `null` where the time is not known.
  public init(milliseconds: Double?) {
    guard let milliseconds, milliseconds.isFinite else {
      self = .null
      return
    }
    let rounded = (milliseconds * 1000).rounded() / 1000
    self = rounded == rounded.rounded() ? .integer(Int64(rounded)) : .number(rounded)
  }
}

extension JSONValue: CustomStringConvertible {
  /// On one line, without blanks; what is not finite is written as `null`.
  public var description: String {
    var bytes: [UInt8] = []
    append(to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Adds what `description` is, in UTF-8.
  public func append(to bytes: inout [UInt8]) {
    switch self {
    case .null: JSONValue.add("null", to: &bytes)
    case .bool(let value): JSONValue.add(value ? "true" : "false", to: &bytes)
    case .integer(let value): bytes.append(contentsOf: String(value).utf8)
    case .number(let value):
      bytes.append(contentsOf: (value.isFinite ? value.description : "null").utf8)
    case .string(let value): JSONValue.append(value, to: &bytes)
    case .array(let values):
      bytes.append(UInt8(ascii: "["))
      for index in values.indices {
        if index > 0 { bytes.append(UInt8(ascii: ",")) }
        values[index].append(to: &bytes)
      }
      bytes.append(UInt8(ascii: "]"))
    case .object(let members):
      bytes.append(UInt8(ascii: "{"))
      for index in members.indices {
        if index > 0 { bytes.append(UInt8(ascii: ",")) }
        JSONValue.append(members[index].key, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        members[index].value.append(to: &bytes)
      }
      bytes.append(UInt8(ascii: "}"))
    }
  }

  private static func add(_ text: StaticString, to bytes: inout [UInt8]) {
    text.withUTF8Buffer { bytes.append(contentsOf: $0) }
  }

  private static func append(_ string: String, to bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\""))
    defer { bytes.append(UInt8(ascii: "\"")) }
    var string = string
    let isDone = string.withUTF8 { text in
      guard text.allSatisfy({ isPlain($0) }) else { return false }
      bytes.append(contentsOf: text)
      return true
    }
    guard !isDone else { return }
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": add("\\\"", to: &bytes)
      case "\\": add("\\\\", to: &bytes)
      case "\n": add("\\n", to: &bytes)
      case "\r": add("\\r", to: &bytes)
      case "\t": add("\\t", to: &bytes)
      case _ where isHarmful(scalar): bytes.append(contentsOf: escape(scalar).utf8)
      default: bytes.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
      }
    }
  }

  /// Whether a byte needs no escape, as is true of nearly all; what is not ASCII counts as more.
  private static func isPlain(_ byte: UInt8) -> Bool {
    byte >= 0x20 && byte < 0x7f && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
  }

  // Beyond what JSON demands: C1 controls and marks of direction, which a terminal would act on. All of
  // them lie in the basic plane, so that one escape is enough.
  private static func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0..<0x20, 0x7f...0x9f, 0x200e, 0x200f, 0x2028...0x202e, 0x2066...0x2069, 0x061c, 0xfeff:
      true
    default: false
    }
  }

  private static func escape(_ scalar: Unicode.Scalar) -> String {
    let digits = String(scalar.value, radix: 16)
    return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
  }
}
