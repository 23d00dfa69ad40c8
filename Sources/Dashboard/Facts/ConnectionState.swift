import Diagnostics
import PostgresModel

/// How the dashboard stands with the server.
public enum ConnectionState: Sendable, Hashable {
  /// No database was named; files are shown alone.
  case unconfigured(Diagnostic)
  case connecting
  case connected(Server)
  /// There was none, or it ended; another attempt is made at `retryAt`, or none where that is `nil`.
  case lost(Diagnostic, retryAt: Instant?)

  /// What a server told about itself when the session began.
  public struct Server: Sendable, Hashable {
    /// As the server prints it, without the packager's words: `17.6`.
    public var version: String
    /// 17 for 17.6.
    public var majorVersion: Int
    /// What may be seen of other sessions, and done to them; `nil` where the server has not said.
    public var rights: SessionRights?

    public init(version: String, majorVersion: Int, rights: SessionRights? = nil) {
      self.version = version
      self.majorVersion = majorVersion
      self.rights = rights
    }
  }

  /// The server, while there is one.
  public var server: Server? {
    if case .connected(let server) = self { server } else { nil }
  }
}
