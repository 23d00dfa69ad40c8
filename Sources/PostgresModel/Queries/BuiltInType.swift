/// Types that every PostgreSQL has under the same number.
public enum BuiltInType {
  /// As `format_type` writes it; `nil` for types that are not told here.
  ///
  /// Source: `pg_type.dat` of PostgreSQL 15; these numbers never change.
  ///
  /// - Parameters:
  ///   - oid: Of the type.
  ///   - modifier: As it comes with a result's column; -1 where there is none.
  public static func name(_ oid: UInt32, modifier: Int32 = -1) -> String? {
    switch oid {
    case 16: "boolean"
    case 17: "bytea"
    case 20: "bigint"
    case 21: "smallint"
    case 23: "integer"
    case 25: "text"
    case 1042: sized("character", modifier)
    case 1043: sized("character varying", modifier)
    case 1114 where modifier < 0: "timestamp without time zone"
    case 1184 where modifier < 0: "timestamp with time zone"
    default: nil
    }
  }

  /// The modifier counts four bytes of a header.
  private static func sized(_ name: String, _ modifier: Int32) -> String {
    modifier < 4 ? name : "\(name)(\(modifier - 4))"
  }
}
