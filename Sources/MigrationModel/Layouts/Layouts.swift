import Diagnostics
import PostgresModel

/// Every layout there is.
public enum Layouts {
  /// In the order in which help lists them.
  public static let all: [any Layout] = [
    DbmateLayout(), SqlxLayout(), RawLayout(), GolangMigrateLayout(),
  ]

  /// The layout of this name, as `--layout` takes it.
  public static func named(_ name: String) -> (any Layout)? {
    all.first { $0.name == name }
  }
}
