/// Times as they are typed and shown: a number and its unit.
enum DurationText {
  /// In the order in which the help names them.
  static let example = "200ms, 5s, 2min or 1h"

  /// Reads `200ms`, `5s`, `2min`, `1h`, and several in a row as Go writes them: `1m30s`.
  ///
  /// - Returns: `nil` when a unit is missing or unknown, and when the time is too long to count.
  static func parse(_ text: String) -> Duration? {
    var rest = Substring(text)
    var total: Int64 = 0
    guard !rest.isEmpty else { return nil }
    while !rest.isEmpty {
      let digits = rest.prefix { $0.isASCII && $0.isNumber }
      rest = rest.dropFirst(digits.count)
      let unit = rest.prefix { $0.isASCII && $0.isLetter }
      rest = rest.dropFirst(unit.count)
      guard let number = Int64(digits), let milliseconds = millisecondsPerUnit[String(unit)] else {
        return nil
      }
      let (part, overflow) = number.multipliedReportingOverflow(by: milliseconds)
      let (sum, overflowsSum) = total.addingReportingOverflow(part)
      guard !overflow, !overflowsSum else { return nil }
      total = sum
    }
    return .milliseconds(total)
  }

  private static let millisecondsPerUnit: [String: Int64] = [
    "ms": 1, "s": 1000, "min": 60_000, "m": 60_000, "h": 3_600_000,
  ]

  /// For people: `0.8 ms`, `12 ms`, `1.4 s`, `4min 12s`, `2h 10min`.
  static func show(milliseconds: Double) -> String {
    let seconds = milliseconds / 1000
    switch milliseconds {
    case ..<9.95: return decimal(milliseconds) + " ms"
    case ..<999.5: return "\(Int(milliseconds.rounded())) ms"
    case ..<59_950: return decimal(seconds) + " s"
    default:
      let whole = Int(seconds.rounded())
      let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60)
      return hours > 0 ? "\(hours)h \(minutes)min" : "\(minutes)min \(rest)s"
    }
  }

  private static func decimal(_ number: Double) -> String {
    let tenths = Int((number * 10).rounded())
    return "\(tenths / 10).\(tenths % 10)"
  }
}

extension Duration {
  /// Whole and fractional milliseconds.
  var milliseconds: Double {
    let (seconds, attoseconds) = components
    return Double(seconds) * 1000 + Double(attoseconds) / 1e15
  }
}
