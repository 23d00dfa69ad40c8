extension Instant {
  /// Reads ISO 8601 in UTC as `iso8601` writes it: `2026-01-09T12:00:00Z`, up to six digits behind a
  /// point; `nil` for everything else.
  ///
  /// Source of the day arithmetic: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms",
  /// `days_from_civil`.
  public init?(iso8601 text: String) {
    let bytes = Array(text.utf8)
    func number(_ range: Range<Int>) -> Int64? {
      guard range.upperBound <= bytes.count else { return nil }
      var value: Int64 = 0
      for byte in bytes[range] {
        guard (0x30...0x39).contains(byte) else { return nil }
        value = value * 10 + Int64(byte - 0x30)
      }
      return value
    }
    let marks = [(4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":")]
    guard bytes.count >= 20, bytes.last == UInt8(ascii: "Z"),
      marks.allSatisfy({ bytes[$0.0] == $0.1.utf8.first }),
      let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
      let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19),
      (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second < 61
    else { return nil }
    var fraction: Int64 = 0
    if bytes.count > 20 {
      let digits = bytes.count - 21
      guard bytes[19] == UInt8(ascii: "."), (1...6).contains(digits),
        let value = number(20..<20 + digits)
      else { return nil }
      fraction = (digits..<6).reduce(value) { result, _ in result * 10 }
    }
    let shifted = month <= 2 ? year - 1 : year
    let era = (shifted >= 0 ? shifted : shifted - 399) / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    let days = era * 146_097 + dayOfEra - 719_468
    self.init(
      microseconds: (((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000 + fraction)
  }
}
