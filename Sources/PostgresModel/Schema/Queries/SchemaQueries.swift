/// The questions whose answers make a `SchemaSnapshot`, one for each sort of object.
///
/// Each returns the facts of an object a row. They are to be asked in one transaction whose
/// `search_path` is empty, so that the server itself qualifies every name in its definitions. What an
/// extension made belongs to the extension, and the schema `lockstep` to Lockstep: both are left out.
public enum SchemaQueries {
  /// Makes the answers of one transaction independent of the session's settings.
  public static let settings = """
    SET LOCAL search_path = ''; SET LOCAL datestyle = 'ISO, YMD'; \
    SET LOCAL intervalstyle = 'postgres'; SET LOCAL extra_float_digits = 1; \
    SET LOCAL quote_all_identifiers = off; SET LOCAL jit = off
    """

  /// - Parameters:
  ///   - serverVersion: As `server_version_num`: 150018.
  ///   - left: Relations that are left out with all that belongs to them: the history tables.
  public static func all(serverVersion: Int, leavingOut left: [QualifiedName] = [])
    -> [Query<[SchemaFact]>]
  {
    SchemaQueryTexts(since: { serverVersion >= $0 * 10_000 }, left: left).all.map(\.query)
  }
}
