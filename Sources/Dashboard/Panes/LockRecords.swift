import PostgresModel

/// The sessions of the lock pane as rows for programs: exact numbers, exact texts.
enum LockRecords {
  static let titles = [
    "pid", "gid", "user", "application", "database", "client", "state", "waiting_ms",
    "transaction_ms", "mode", "on", "granted", "blocked_by", "blocks_directly", "blocks_in_turn",
    "query_id", "query",
  ]

  /// Returns a row for each line, in its order.
  static func rows(_ lines: [LockLine], _ scan: LockPicture.Scan) -> [[ExportFormat.Value]] {
    let indices = Dictionary(
      scan.graph.nodes.enumerated().map { ($1.owner, $0) }, uniquingKeysWith: { a, _ in a })
    return lines.map { row($0, indices[$0.owner], scan) }
  }

  private static func row(_ line: LockLine, _ index: Int?, _ scan: LockPicture.Scan)
    -> [ExportFormat.Value]
  {
    let node = index.map { scan.graph.nodes[$0] }
    let session = line.owner.pid.flatMap { scan.snapshot.sessions[$0] }
    var gid: String?
    if case .prepared(let name) = line.owner { gid = name }
    let start = session?.transactionStart ?? node?.prepared?.preparedAt
    let blockers = index.map { scan.graph.blockingPids(of: $0).map { Int64($0) } } ?? []
    return [
      .init(line.owner.pid.map { Int64($0) }), .init(gid), .init(session?.user),
      .init(session?.application), .init(session?.database), .init(session?.clientAddress),
      .init(gid == nil ? session?.state : "prepared"),
      .init(milliseconds: node?.wait?.since.map { milliseconds($0, scan) }),
      .init(milliseconds: start.map { milliseconds($0, scan) }), .init(line.mode?.sqlName),
      .text(line.on), .text(node?.wait == nil ? "true" : "false"), .list(blockers),
      .integer(Int64(node?.directVictims ?? 0)), .integer(Int64(node?.indirectVictims ?? 0)),
      .init(session?.queryID), .init(session.flatMap { $0.isHidden ? nil : $0.query }),
    ]
  }

  private static func milliseconds(_ moment: Instant, _ scan: LockPicture.Scan) -> Double {
    Double(scan.snapshot.at.microseconds(since: moment)) / 1000
  }
}
