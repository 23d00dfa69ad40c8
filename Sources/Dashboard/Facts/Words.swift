import PostgresModel

/// Numbers and times in the words of the screen.
public enum Words {
  /// A time that passed, in at most six characters: `0.4 ms`, `1.4 s`, `42 s`, `4m12s`, `2h10m`, `3d04h`.
  public static func duration(milliseconds: Double) -> String {
    let value = max(0, milliseconds)
    if value < 1000 { return value < 10 ? "\(tenths(value)) ms" : "\(Int(value.rounded())) ms" }
    let seconds = value / 1000
    if seconds < 10 { return "\(tenths(seconds)) s" }
    let whole = Int(seconds)
    if whole < 60 { return "\(whole) s" }
    if whole < 3600 { return "\(whole / 60)m\(twoDigits(whole % 60))s" }
    if whole < 86_400 { return "\(whole / 3600)h\(twoDigits(whole / 60 % 60))m" }
    return "\(whole / 86_400)d\(twoDigits(whole / 3600 % 24))h"
  }

  /// A time that somebody has waited: `0.2 s`, and as `duration(milliseconds:)` from ten seconds on.
  public static func wait(milliseconds: Double) -> String {
    milliseconds < 10_000
      ? "\(tenths(max(0, milliseconds) / 1000)) s" : duration(milliseconds: milliseconds)
  }

  /// A time that is left: `04:51`.
  public static func countdown(to end: Instant, at now: Instant) -> String {
    // Rounded up, so that 00:00 is only shown when it is over.
    let seconds = max(0, Int((end.microseconds(since: now) + 999_999) / 1_000_000))
    return "\(twoDigits(seconds / 60)):\(twoDigits(seconds % 60))"
  }

  /// The time of day in UTC: `12:04:31Z`.
  public static func clock(_ instant: Instant) -> String { timeOfDay(instant) + "Z" }

  /// The time of day in UTC without its mark, for columns whose heading says so.
  public static func timeOfDay(_ instant: Instant) -> String {
    let f = instant.fields
    return "\(twoDigits(f.hour)):\(twoDigits(f.minute)):\(twoDigits(f.second))"
  }

  /// `1 migration`, `3 migrations`.
  public static func count(_ number: Int, _ noun: String) -> String {
    "\(number) \(noun)\(number == 1 ? "" : "s")"
  }

  /// How often the server is asked: `1s`, `0.5s`.
  public static func interval(milliseconds: Int) -> String {
    milliseconds % 1000 == 0
      ? "\(milliseconds / 1000)s" : "\(tenths(Double(milliseconds) / 1000))s"
  }

  /// Many things in few characters: `87`, `12.4 k`, `12.4 M`, `3.1 G`.
  public static func many(_ number: Double) -> String {
    if number < 1000 { return "\(Int(max(0, number.rounded())))" }
    let units: [(Double, String)] = [(1e9, "G"), (1e6, "M"), (1e3, "k")]
    let (size, name) = units.first { number >= $0.0 } ?? (1e3, "k")
    let value = number / size
    return value >= 1000 ? "\(Int(value)) \(name)" : "\(tenths(value)) \(name)"
  }

  /// A size in units of 1024: `8 kB`, `3.1 GB`, as `pg_size_pretty` names them.
  public static func bytes(_ number: Int64) -> String {
    var value = Double(max(0, number))
    for unit in ["bytes", "kB", "MB", "GB"] {
      if value < 1024 {
        return value < 10 && unit != "bytes" ? "\(tenths(value)) \(unit)" : "\(Int(value)) \(unit)"
      }
      value /= 1024
    }
    return value < 1_000_000 ? "\(tenths(value)) TB" : "\(Int(value)) TB"
  }

  static func tenths(_ value: Double) -> String {
    let scaled = Int((value * 10).rounded(.down))
    return "\(scaled / 10).\(scaled % 10)"
  }

  static func twoDigits(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
