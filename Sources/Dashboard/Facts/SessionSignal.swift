import MigrationModel
import PostgresModel

/// A statement to be cancelled or a session to be ended, as it was seen when it was asked for.
public struct SessionSignal: Sendable, Hashable {
  public var action: AuditEvent.Action
  public var session: LockSession
  /// As the screen names it: `report-job`.
  public var name: String
  /// The pids that waited for it, directly or by way of others.
  public var victims: [Int32]

  public init(
    action: AuditEvent.Action, session: LockSession, name: String, victims: [Int32] = []
  ) {
    self.action = action
    self.session = session
    self.name = name
    self.victims = victims
  }
}

/// A signal that was passed on, until it is seen whether it helped.
struct AwaitedEffect: Sendable, Hashable {
  var signal: SessionSignal
  /// Full looks at the locks since then.
  var looks = 0

  /// After so many looks a session that has not reacted is said to be still there.
  static let patience = 3
}

/// Sessions and prepared transactions in words.
enum SessionWords {
  /// The application, or who else it is: `report-job`, `prepared gx1`, `YOU`.
  static func name(
    _ owner: LockOwner, _ session: LockSession?, _ prepared: PreparedTransaction? = nil,
    isOurs: Bool = false
  ) -> String {
    if isOurs { return "YOU" }
    if let prepared { return "prepared \(prepared.gid)" }
    if case .prepared(let gid) = owner { return "prepared \(gid)" }
    if let application = session?.application, !application.isEmpty { return application }
    return session?.user ?? session?.backendType ?? "unknown"
  }

  /// The name of a node with its pid: `web-1 (16804)`, `prepared gx1`.
  static func name(of node: WaitGraph.Node, in scan: LockPicture.Scan) -> String {
    let isOurs = node.owner.pid.map(scan.ours.contains) ?? false
    let name = name(node.owner, node.session, node.prepared, isOurs: isOurs)
    return node.owner.pid.map { "\(name) (\($0))" } ?? name
  }

  /// Several nodes: `web-1 (16804), web-2 (16805) and 3 more`.
  static func list(_ nodes: [Int], in scan: LockPicture.Scan, limit: Int = 6) -> String {
    let names = nodes.prefix(limit).map { name(of: scan.graph.nodes[$0], in: scan) }
    let more = nodes.count > limit ? " and \(nodes.count - limit) more" : ""
    return names.joined(separator: ", ") + more
  }

  /// How long ago a moment was; `?` where it is not known.
  static func age(_ moment: Instant?, at now: Instant) -> String {
    moment.map { Words.duration(milliseconds: Double(now.microseconds(since: $0)) / 1000) } ?? "?"
  }
}
