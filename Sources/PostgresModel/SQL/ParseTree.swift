/// A node of a parse tree as libpg_query gives it in JSON: `{"RangeVar": {"relname": "t"}}`.
///
/// Reading something that is not there gives `.null`, so that a path can be followed without asking
/// at each step.
public enum ParseTree: Sendable, Hashable {
  case null
  case bool(Bool)
  case integer(Int)
  /// A number that is no `Int`, as it was written.
  case number(String)
  case string(String)
  case list([ParseTree])
  /// In the order of the tree; a node has few fields, so that searching is faster than hashing.
  case object([Field])

  /// A named part of an object.
  public struct Field: Sendable, Hashable {
    public var name: String
    public var value: ParseTree

    public init(_ name: String, _ value: ParseTree) {
      self.name = name
      self.value = value
    }
  }

  /// The field of an object; `.null` where there is none.
  public subscript(name: String) -> ParseTree {
    guard case .object(let fields) = self else { return .null }
    for field in fields where field.name == name { return field.value }
    return .null
  }

  /// The 0-based item of a list; `.null` beyond its ends.
  public subscript(index: Int) -> ParseTree {
    guard case .list(let items) = self, items.indices.contains(index) else { return .null }
    return items[index]
  }

  /// The items of a list; none for everything else.
  public var items: [ParseTree] {
    guard case .list(let items) = self else { return [] }
    return items
  }

  /// The text of a string; `nil` for everything else.
  public var string: String? {
    guard case .string(let text) = self else { return nil }
    return text
  }

  /// `false` for everything but `true`, as absent flags are false.
  public var bool: Bool { self == .bool(true) }

  /// A whole number; `nil` for everything else.
  public var integer: Int? {
    guard case .integer(let number) = self else { return nil }
    return number
  }

  public var isNull: Bool {
    guard case .null = self else { return false }
    return true
  }

  /// The kind of a node and its fields, for an object of one field: `("RangeVar", …)`.
  public var node: (kind: String, fields: ParseTree)? {
    guard case .object(let fields) = self, fields.count == 1 else { return nil }
    return (fields[0].name, fields[0].value)
  }

  /// The text of a `String` node, as lists of names hold them.
  public var nodeString: String? { self["String"]["sval"].string }

  /// Calls `body` for this node and every node below it, parents first, until `body` answers that it
  /// does not want to go below a node.
  public func walk(_ body: (_ kind: String, _ fields: ParseTree) -> Descent) {
    switch self {
    case .object(let fields):
      if let node, node.kind.utf8.first.map({ $0 < UInt8(ascii: "a") }) ?? false {
        guard body(node.kind, node.fields) == .below else { return }
        node.fields.walkFields(body)
      } else {
        for field in fields { field.value.walk(body) }
      }
    case .list(let items): for item in items { item.walk(body) }
    default: break
    }
  }

  /// Whether a walk goes on below a node.
  public enum Descent: Sendable { case below, past }

  private func walkFields(_ body: (String, ParseTree) -> Descent) {
    guard case .object(let fields) = self else { return walk(body) }
    for field in fields { field.value.walk(body) }
  }
}

extension ParseTree {
  /// Reads JSON as libpg_query writes it.
  ///
  /// - Returns: `nil` for what is no JSON, which would be a mistake of libpg_query.
  public init?(json: UnsafeBufferPointer<UInt8>) {
    var reader = TreeReader(json)
    guard let tree = reader.value() else { return nil }
    self = tree
  }

  /// As `init(json:)`, from text.
  public init?(json: String) {
    var copy = json
    guard let tree = copy.withUTF8({ ParseTree(json: $0) }) else { return nil }
    self = tree
  }
}

/// A reader of JSON that makes nothing but the tree.
private struct TreeReader {
  private let bytes: UnsafeBufferPointer<UInt8>
  private var position = 0
  private var depth = 0
  /// libpg_query refuses to nest deeper itself; this only guards the stack.
  private static let deepest = 4000

  init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  private var current: UInt8 { position < bytes.count ? bytes[position] : 0 }

  private mutating func skipSpace() {
    while current == 0x20 || (current >= 0x09 && current <= 0x0D) { position += 1 }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    skipSpace()
    guard current == byte else { return false }
    position += 1
    return true
  }

  mutating func value() -> ParseTree? {
    skipSpace()
    depth += 1
    defer { depth -= 1 }
    guard depth < Self.deepest else { return nil }
    switch current {
    case UInt8(ascii: "{"): return object()
    case UInt8(ascii: "["): return list()
    case UInt8(ascii: "\""): return string().map(ParseTree.string)
    case UInt8(ascii: "t"): return word("true", .bool(true))
    case UInt8(ascii: "f"): return word("false", .bool(false))
    case UInt8(ascii: "n"): return word("null", .null)
    default: return number()
    }
  }

  private mutating func word(_ word: StaticString, _ value: ParseTree) -> ParseTree? {
    position += word.utf8CodeUnitCount
    return position <= bytes.count ? value : nil
  }

  private mutating func object() -> ParseTree? {
    position += 1
    var fields: [ParseTree.Field] = []
    if take(UInt8(ascii: "}")) { return .object(fields) }
    repeat {
      skipSpace()
      guard let name = string(), take(UInt8(ascii: ":")), let value = value() else { return nil }
      fields.append(ParseTree.Field(name, value))
    } while take(UInt8(ascii: ","))
    return take(UInt8(ascii: "}")) ? .object(fields) : nil
  }

  private mutating func list() -> ParseTree? {
    position += 1
    var items: [ParseTree] = []
    if take(UInt8(ascii: "]")) { return .list(items) }
    repeat {
      guard let value = value() else { return nil }
      items.append(value)
    } while take(UInt8(ascii: ","))
    return take(UInt8(ascii: "]")) ? .list(items) : nil
  }

  private mutating func number() -> ParseTree? {
    let start = position
    var isWhole = true
    while true {
      switch current {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"): break
      case UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"): isWhole = false
      default:
        guard position > start else { return nil }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isWhole, let number = Int(text) { return .integer(number) }
        return .number(text)
      }
      position += 1
    }
  }

  private mutating func string() -> String? {
    guard current == UInt8(ascii: "\"") else { return nil }
    position += 1
    let start = position
    while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
      if bytes[position] == UInt8(ascii: "\\") { return escapedString(from: start) }
      position += 1
    }
    guard position < bytes.count else { return nil }
    defer { position += 1 }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  private mutating func escapedString(from start: Int) -> String? {
    var text = Array(bytes[start..<position])
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      if byte == UInt8(ascii: "\"") { return String(decoding: text, as: UTF8.self) }
      guard byte == UInt8(ascii: "\\") else {
        text.append(byte)
        continue
      }
      let escape = current
      position += 1
      switch escape {
      case UInt8(ascii: "b"): text.append(0x08)
      case UInt8(ascii: "f"): text.append(0x0C)
      case UInt8(ascii: "n"): text.append(0x0A)
      case UInt8(ascii: "r"): text.append(0x0D)
      case UInt8(ascii: "t"): text.append(0x09)
      case UInt8(ascii: "u"):
        guard let scalar = codePoint() else { return nil }
        text.append(contentsOf: String(Character(scalar)).utf8)
      default: text.append(escape)
      }
    }
    return nil
  }

  /// Reads four hexadecimal digits; libpg_query writes only control characters this way.
  private mutating func codePoint() -> Unicode.Scalar? {
    guard position + 4 <= bytes.count else { return nil }
    let digits = String(decoding: bytes[position..<position + 4], as: UTF8.self)
    position += 4
    return UInt32(digits, radix: 16).flatMap(Unicode.Scalar.init)
  }
}
