/// Values that a column may take, as SQL expressions: plain ones first, then those near the constants of
/// the conditions on it. The server judges which of them are right.
public struct ValueCandidates: Sendable {
  public let column: ColumnShape
  /// Makes plain values differ from those of other rows.
  public let serial: Int
  private let words: ExpressionWords
  private var found: [String] = []

  /// - Parameter expressions: The conditions that mention the column.
  public init(for column: ColumnShape, in expressions: [String], serial: Int) {
    self.column = column
    self.serial = serial
    let all = expressions + (column.domainChecks.map { [$0] } ?? [])
    words = ExpressionWords(all.joined(separator: " AND "))
    collect()
  }

  /// In the order in which they are to be tried, none twice; `NULL` is not among them.
  public var all: [String] { found }

  private static let most = 60

  private mutating func add(_ expression: String) {
    guard found.count < Self.most, !found.contains(expression) else { return }
    found.append(expression)
  }

  private mutating func add(text: String) { add(column.literal(text)) }

  private mutating func collect() {
    if column.sort == "e" {
      for label in column.labels { add(text: label) }
      return
    }
    switch column.category {
    case "N": addNumbers()
    case "S": addTexts()
    case "B":
      add(text: "true")
      add(text: "false")
    case "D", "T": addTimes()
    case "A": addArrays()
    case "R": addRanges()
    default: addOthers()
    }
  }

  // MARK: By sort of type

  private mutating func addNumbers() {
    if column.baseName.hasPrefix("reg") { return add(text: "0") }
    let isSmall = column.baseName == "int2"
    add(text: String((isSmall ? 1000 : 1_000_000) + serial))
    add(text: String(1 + serial % 9000))
    for number in words.numbers {
      add(text: number)
      add(column.cast("\(SQLText.literal(number))::numeric + 1"))
      add(column.cast("\(SQLText.literal(number))::numeric - 1"))
      add(column.cast("-(\(SQLText.literal(number))::numeric)"))
      add(column.cast("\(SQLText.literal(number))::numeric + 0.5"))
      add(column.cast("\(SQLText.literal(number))::numeric / 2"))
    }
    for number in [
      "1", "0", "-1", "2", "0.5", "5", "10", "100", "1000", "3", "4", "6", "7", "8", "9",
    ] { add(text: number) }
  }

  private mutating func addTexts() {
    let mark = String(serial, radix: 36)
    if words.matchesPattern || words.isLike {
      for pattern in words.strings { addPattern(pattern, mark) }
    }
    add(text: column.baseName == "char" ? "p" : "p\(mark)")
    for text in words.strings {
      add(text: text)
      add(text: text.uppercased())
      add(text: text.lowercased())
      add(text: text + "x")
    }
    for length in words.numbers.compactMap({ Int($0) }) where (0...4000).contains(length) {
      for count in [length, length - 1, length + 1] where count >= 0 {
        add(text: String(repeating: "x", count: count))
        if count > mark.utf8.count {
          add(text: String(repeating: "y", count: count - mark.utf8.count) + mark)
        }
      }
    }
    for text in [
      "", " ", "A", "ABC", "abc", "1", "12345", " x ", "probe\(mark)@example.com",
      "https://example.com/p\(mark)", "2001-01-01", "{}", "00000000-0000-4000-8000-000000000001",
    ] {
      add(text: text)
    }
  }

  private mutating func addPattern(_ pattern: String, _ mark: String) {
    let texts =
      words.isLike && !words.matchesPattern
      ? PatternExample.texts(forLike: pattern) : PatternExample.texts(forRegex: pattern)
    for text in texts {
      // The same with the row's mark in front: another text each time, where the pattern allows it.
      add(text: mark + text)
      add(text: text + mark)
      add(text: text)
    }
  }

  private mutating func addTimes() {
    if column.baseName == "interval" {
      for text in ["1 day", "\(serial) minutes", "0", "-1 day", "1 year"] + words.strings {
        add(text: text)
      }
      return
    }
    if column.baseName == "time" || column.baseName == "timetz" {
      for text in ["12:00", "00:00", "23:59:59"] + words.strings { add(text: text) }
      return
    }
    add(column.cast("timestamp '2001-01-01' + interval '1 day' * \(serial)"))
    add(column.cast("timestamp '2001-01-01' + interval '1 day' * \(serial + 1)"))
    for text in words.strings {
      add(text: text)
      add(column.cast("\(SQLText.literal(text))::timestamptz + interval '1 day'"))
      add(column.cast("\(SQLText.literal(text))::timestamptz - interval '1 day'"))
    }
    for expression in [
      "now()", "now() + interval '1 day'", "now() - interval '1 day'",
      "now() + interval '10 years'", "timestamp '1900-01-01'", "timestamp '2999-12-31'",
    ] {
      add(column.cast(expression))
    }
  }

  private mutating func addArrays() {
    guard let element = column.element else { return add(text: "{}") }
    let inner = ColumnShape(
      name: column.name, type: element.type, baseName: element.name,
      category: Self.category(ofName: element.name), domainChecks: column.domainChecks)
    let values = ValueCandidates(for: inner, in: words.constantExpressions, serial: serial).all
    func array(_ elements: [String]) -> String {
      column.cast("ARRAY[\(elements.joined(separator: ", "))]::\(element.type)[]")
    }
    for value in values.prefix(12) { add(array([value])) }
    add(text: "{}")
    if let value = values.first {
      for length in words.numbers.compactMap({ Int($0) }) where (0...200).contains(length) {
        for count in [length, length - 1, length + 1] where count > 0 {
          add(array(Array(repeating: value, count: count)))
        }
      }
      add(array(Array(values.prefix(2))))
      add(array([value, value]))
    }
    add(column.cast("ARRAY[NULL]::\(element.type)[]"))
  }

  private static func category(ofName name: String) -> String {
    switch name {
    case "int2", "int4", "int8", "numeric", "float4", "float8", "money", "oid": "N"
    case "text", "varchar", "bpchar", "name", "citext": "S"
    case "bool": "B"
    case "date", "timestamp", "timestamptz", "time", "timetz", "interval": "D"
    default: "U"
    }
  }

  /// Ranges of other rows do not overlap with the first; the constructor is named like the type.
  private mutating func addRanges() {
    guard let element = column.element, column.sort == "r" else { return add(text: "{}") }
    let category = Self.category(ofName: element.name)
    func bound(_ number: Int) -> String? {
      switch category {
      case "N": "(\(number))::\(element.type)"
      case "D": "(timestamp '2001-01-01' + interval '1 day' * \(number))::\(element.type)"
      default: nil
      }
    }
    guard let low = bound(serial * 10), let high = bound(serial * 10 + 5) else {
      for text in words.strings + ["empty"] { add(text: text) }
      return
    }
    add(column.cast("\(column.baseType)(\(low), \(high))"))
    if let other = bound(serial * 10 + 1) {
      add(column.cast("\(column.baseType)(\(low), \(other))"))
    }
    add(column.cast("\(column.baseType)(\(low), NULL)"))
    add(column.cast("\(column.baseType)(NULL, \(high))"))
    for text in words.strings + ["empty", "(,)"] { add(text: text) }
  }

  private mutating func addOthers() {
    switch column.baseName {
    case "uuid":
      let digits = String(serial, radix: 16)
      let tail = String(repeating: "0", count: max(0, 12 - digits.utf8.count)) + digits
      add(text: "00000000-0000-4000-8000-\(tail)")
      for text in words.strings { add(text: text) }
    case "json", "jsonb": addDocuments()
    case "bytea":
      for text in ["\\x\(serial % 10)\(serial / 10 % 10)", "\\x", ""] { add(text: text) }
    case "inet", "cidr":
      add(text: "10.\(serial / 65536 % 256).\(serial / 256 % 256).\(serial % 256)")
      for text in words.strings + ["::1"] { add(text: text) }
    case "macaddr", "macaddr8":
      add(text: "08:00:2b:01:\(10 + serial / 90 % 90):\(10 + serial % 90)")
    case "bit", "varbit": for text in ["1", "0", "10101010"] + words.strings { add(text: text) }
    case "xml": add(text: "<p>\(serial)</p>")
    case "tsvector", "tsquery": add(text: "p\(serial)")
    case "point": add(text: "(\(serial),0)")
    case "box": add(text: "(\(serial),1),(\(serial)0,0)")
    case "lseg", "path": add(text: "[(\(serial),0),(\(serial),1)]")
    case "line": add(text: "{1,1,\(serial)}")
    case "polygon": add(text: "((\(serial),0),(\(serial),1),(0,1))")
    case "circle": add(text: "<(\(serial),0),1>")
    case "pg_lsn": add(text: "0/\(serial)")
    case "ltree": add(text: "p\(serial)")
    case "hstore": add(text: "p=>\(serial)")
    default:
      for text in ["p\(serial)", "\(serial)"] + words.strings + ["", "0"] { add(text: text) }
    }
  }

  private mutating func addDocuments() {
    for text in ["{}", "[]", "{\"p\": \(serial)}", "1", "\"x\"", "null"] { add(text: text) }
    let keys = words.strings
    func object(_ value: String) -> String {
      let pairs = keys.map { "\(SQLText.literal($0)), \(value)" }.joined(separator: ", ")
      return column.cast("jsonb_build_object(\(pairs))")
    }
    for text in keys { add(text: text) }
    guard !keys.isEmpty, keys.count <= 20 else { return }
    for value in ["1", "'x'::text", "true", "'[]'::jsonb", "'{}'::jsonb", "NULL::text"] {
      add(object(value))
    }
    for key in keys {
      for value in words.numbers.prefix(3) + ["1"] {
        add(column.cast("jsonb_build_object(\(SQLText.literal(key)), \(value))"))
      }
    }
  }
}

extension ExpressionWords {
  /// The constants alone, as an expression again.
  fileprivate var constantExpressions: [String] {
    (strings.map { SQLText.literal($0) } + numbers)
  }
}
