/// The forms in which a pane's content is written to a file.
public enum ExportFormat: String, Sendable, Hashable, CaseIterable {
  case text = "txt"
  case csv
  case json

  /// A value of a table to be written.
  public enum Value: Sendable, Hashable {
    case text(String)
    case number(Double)
    case integer(Int64)
    case list([Int64])
    case unknown

    init(_ text: String?) { self = text.map { .text($0) } ?? .unknown }
    init(_ integer: Int64?) { self = integer.map { .integer($0) } ?? .unknown }
    init(milliseconds: Double?) { self = milliseconds.map { .number($0) } ?? .unknown }
  }

  /// Writes a table of texts.
  func text(titles: [String], rows: [[String]]) -> String {
    table(titles: titles, rows: rows.map { $0.map { .text($0) } })
  }

  /// Writes a table: tab-separated, as RFC 4180 has it, or as a JSON array of objects (RFC 8259).
  ///
  /// What is unknown is an empty field, or `null`; texts keep their exact characters.
  func table(titles: [String], rows: [[Value]]) -> String {
    switch self {
    case .text:
      let lines = [titles] + rows.map { $0.map(\.plain) }
      return lines.map { $0.joined(separator: "\t") + "\n" }.joined()
    case .csv:
      let lines = [titles] + rows.map { $0.map(\.plain) }
      return lines.map { $0.map(Self.quoted).joined(separator: ",") + "\r\n" }.joined()
    case .json:
      let objects = rows.map { row in
        let members = zip(titles, row).map { "\(Self.jsonText($0)): \($1.json)" }
        return "  {" + members.joined(separator: ", ") + "}"
      }
      return objects.isEmpty ? "[]\n" : "[\n" + objects.joined(separator: ",\n") + "\n]\n"
    }
  }

  private static func quoted(_ text: String) -> String {
    let mustQuote = text.utf8.contains { $0 == 0x22 || $0 == 0x2c || $0 == 0x0a || $0 == 0x0d }
    guard mustQuote else { return text }
    var quoted = "\""
    for scalar in text.unicodeScalars {
      if scalar == "\"" { quoted += "\"" }
      quoted.unicodeScalars.append(scalar)
    }
    return quoted + "\""
  }

  static func jsonText(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      // Also DEL, C1 and what turns the direction of writing: a file may be shown in a terminal.
      case "\0"..."\u{1f}", "\u{7f}"..."\u{9f}", "\u{202a}"..."\u{202e}", "\u{2066}"..."\u{2069}":
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}

extension ExportFormat.Value {
  fileprivate var plain: String {
    switch self {
    case .text(let text): text
    case .number(let number): Self.decimal(number)
    case .integer(let number): String(number)
    case .list(let numbers): numbers.map(String.init).joined(separator: " ")
    case .unknown: ""
    }
  }

  fileprivate var json: String {
    switch self {
    case .text(let text): ExportFormat.jsonText(text)
    case .list(let numbers): "[" + numbers.map(String.init).joined(separator: ", ") + "]"
    case .unknown: "null"
    case .number, .integer: plain
    }
  }

  /// With at most three digits after the point: microseconds where the unit is a millisecond.
  private static func decimal(_ number: Double) -> String {
    guard number.isFinite, abs(number) < 1e15 else { return "" }
    let thousandths = Int64((number * 1000).rounded())
    let rest = abs(thousandths % 1000)
    let sign = thousandths < 0 && thousandths > -1000 ? "-" : ""
    guard rest != 0 else { return "\(sign)\(thousandths / 1000)" }
    var digits = String(repeating: "0", count: 3 - String(rest).count) + String(rest)
    while digits.last == "0" { digits.removeLast() }
    return "\(sign)\(thousandths / 1000).\(digits)"
  }
}
