import Postgres
import PostgresModel

/// What the session says about the database it is connected to.
public struct DatabaseFacts: Sendable, Hashable {
  public var name: String
  public var host: String
  public var port: Int?
  public var user: String
  /// For example `15.18`.
  public var serverVersion: String
  /// For example 150018.
  public var serverVersionNumber: Int
  /// Whether the server refuses writes because it replays another's log.
  public var isStandby: Bool
  public var isSuperuser: Bool

  /// Reads them from what the server reports at connecting; no question is asked.
  public init(of connection: Connection) {
    name = connection.database
    host = connection.host
    port = connection.port
    user = connection.user
    // Debian adds its package's version after a blank.
    serverVersion =
      connection.serverVersionText.split(separator: " " as Character).first.map(String.init) ?? ""
    serverVersionNumber = connection.serverVersion
    isStandby = connection.parameter("in_hot_standby") == "on"
    isSuperuser = connection.parameter("is_superuser") == "on"
  }

  public init(
    name: String, host: String, port: Int?, user: String, serverVersion: String,
    serverVersionNumber: Int, isStandby: Bool = false, isSuperuser: Bool = false
  ) {
    self.name = name
    self.host = host
    self.port = port
    self.user = user
    self.serverVersion = serverVersion
    self.serverVersionNumber = serverVersionNumber
    self.isStandby = isStandby
    self.isSuperuser = isSuperuser
  }
}
