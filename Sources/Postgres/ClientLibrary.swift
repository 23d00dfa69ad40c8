import CLibpq

/// The libpq that this program runs with.
public enum ClientLibrary {
  /// For example `15.18`.
  public static var version: String {
    let number = Int(PQlibVersion())
    return "\(number / 10_000).\(number % 10_000)"
  }
}
