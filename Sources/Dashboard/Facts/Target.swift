/// Which database the dashboard looks at, as far as it is known before any answer from the server.
public struct Target: Sendable, Hashable {
  /// The name of the environment, as the project gives it; `nil` where the database has none.
  public var environment: String?
  /// Whether writing to it wants to be armed first and a version to be typed.
  public var isProtected: Bool
  public var database: String
  /// `nil` for a Unix socket.
  public var host: String?
  public var port: Int

  public init(
    environment: String? = nil, isProtected: Bool = false, database: String, host: String? = nil,
    port: Int = 5432
  ) {
    self.environment = environment
    self.isProtected = isProtected
    self.database = database
    self.host = host
    self.port = port
  }

  /// The environment in a word: `PROD`, `STAGING`, `DEV`, or the project's own name in upper case.
  public var word: String? {
    switch environment?.lowercased() {
    case nil: nil
    case "production", "prod": "PROD"
    case "development", "dev": "DEV"
    case "staging", "stage": "STAGING"
    case let name?: name.uppercased()
    }
  }

  /// `orders@db1:5432`, or `orders@socket:5432` over a Unix socket.
  public var place: String { "\(database)@\(host ?? "socket"):\(port)" }
}
