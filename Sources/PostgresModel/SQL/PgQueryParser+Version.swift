import CPgQuery

extension PgQueryParser {
  /// The PostgreSQL whose grammar it knows: `15.1`.
  public static var grammarVersion: String { PG_VERSION }
}
