import Diagnostics
import EventLoop
import Postgres
import PostgresModel

/// Looks at the locks of a server, again and again over one session of its own.
///
/// The session is opened before anything is applied and never opens a transaction, so that it neither
/// waits for the catalogue nor holds back vacuum. Names of relations are loaded beforehand, since asking
/// for them later may itself have to wait.
public actor LockMonitor {
  private let connection: Connection
  private var names = RelationNames()

  public nonisolated var unownedExecutor: UnownedSerialExecutor {
    connection.loop.asUnownedSerialExecutor()
  }

  /// What a look may cost before it is better asked for half as often.
  public static let expensive = Duration.milliseconds(5)

  /// One look, with what it cost.
  public struct Look: Sendable {
    public var snapshot: LockSnapshot
    public var graph: WaitGraph
    public var names: RelationNames
    /// How far the indexes have come that are being built by somebody in the graph, by pid; other
    /// databases' are not told.
    public var building: [Int32: LockQueries.IndexProgress]
    /// From the question to the last row of the answer.
    public var cost: Duration
    /// What it took to make a picture of the answer.
    public var drawing: Duration
    /// What the server itself said of who blocks whom, by waiter; `nil` where it was not asked.
    public var blockers: [Int32: [Int32]]?
  }

  /// Opens the monitor's session.
  ///
  /// - Throws: `DatabaseError`, `Refusal`.
  public static func open(
    _ target: ConnectionString, loop: EventLoop
  ) async throws -> LockMonitor {
    let connection = try await Connection.open(
      target, application: "lockstep monitor",
      settings: [
        ("lock_timeout", "250"), ("statement_timeout", "1000"), ("jit", "off"),
        ("default_transaction_read_only", "on"),
      ], loop: loop)
    let monitor = LockMonitor(connection)
    // The first use of a view reads the catalogue; later, a locked catalogue would keep it waiting. On a
    // slow server that takes longer than any look may.
    try await connection.execute("SET statement_timeout = '\(openingPatience)'")
    _ = try await monitor.waiting()
    _ = try await monitor.look()
    try await connection.execute("RESET statement_timeout")
    return monitor
  }

  /// How long what is asked once may take: of a server with very many relations, or a slow one.
  private static let openingPatience = "10s"

  public init(_ connection: Connection) { self.connection = connection }

  /// The monitor's own backend, which its pictures leave out.
  public nonisolated var processID: Int32 { connection.processID }

  /// As `Connection.serverVersion`.
  nonisolated var serverVersion: Int { connection.serverVersion }

  /// Loads the names of all relations; after a migration there are new ones.
  ///
  /// - Throws: `DatabaseError`; the names that were known stay.
  public func loadNames() async throws(DatabaseError) {
    var query = LockQueries.relationNames
    query.text =
      "SET statement_timeout = '\(Self.openingPatience)';\n\(query.text);\nRESET statement_timeout"
    let found = try await connection.rowsOfMessage(query)
    names.names = Dictionary(found.map { ($0.relation, $0.name) }) { first, _ in first }
    names.tables = Dictionary(
      found.compactMap { name in name.table.map { (name.relation, $0) } }
    ) { first, _ in first }
  }

  /// What is asked again and again, prepared in the session: the planning would cost the server more
  /// than the answer.
  private struct Questions {
    var waiting: Query<Int>
    var scan: [Query<LockQueries.ScanRow>]
  }

  private var questions: Questions?

  private func prepared() async throws(DatabaseError) -> Questions {
    if let questions { return questions }
    let seesOthers = try await connection.rows(LockQueries.seesOthers)
    let waiting = LockQueries.waiting(seesOthers: seesOthers.first ?? false)
    let scan = LockQueries.scan(serverVersion: connection.serverVersion)
    var commands = ["deallocate all", "prepare lockstep_waiting as \(waiting.text)"]
    var executions: [Query<LockQueries.ScanRow>] = []
    for (number, query) in scan.enumerated() {
      commands.append("prepare lockstep_scan_\(number) as \(query.text)")
      executions.append(Query("execute lockstep_scan_\(number)", decode: query.decode))
    }
    try await connection.execute(commands.joined(separator: ";\n"))
    let made = Questions(
      waiting: Query("execute lockstep_waiting", decode: waiting.decode), scan: executions)
    questions = made
    return made
  }

  /// Counts the locks that are waited for: what an idle server is asked.
  ///
  /// - Throws: `DatabaseError`.
  public func waiting() async throws(DatabaseError) -> (count: Int, cost: Duration) {
    let began = ContinuousClock.now
    let questions = try await prepared()
    let counts = try await connection.rows(questions.waiting)
    return (counts.first ?? 0, began.duration(to: .now))
  }

  /// Reads the whole lock table in one scan and builds the graph; asks the server itself where the scan
  /// cannot be sure.
  ///
  /// - Parameter verifies: Whether to ask `pg_blocking_pids` for every waiter in any case.
  /// - Throws: `DatabaseError`, `Refusal`.
  public func look(verifies: Bool = false) async throws -> Look {
    let questions = try await prepared()
    let began = ContinuousClock.now
    let rows = try await connection.rows(of: questions.scan)
    let answered = ContinuousClock.now
    guard var snapshot = LockSnapshot(rows) else {
      throw Refusal(
        .error(code: "unexpected_answer", "the server's answer has no row of the server itself"))
    }
    let unsafe = snapshot.sessions.values.filter { $0.waitEvent == "SafeSnapshot" }.map(\.pid)
    if !unsafe.isEmpty {
      for pair in try await connection.rows(LockQueries.snapshotBlockers(of: unsafe)) {
        snapshot.snapshotBlockers[pair.waiter, default: []].append(pair.blocker)
      }
    }
    var graph = WaitGraph(snapshot)
    let drawing = answered.duration(to: .now)
    var building: [LockQueries.IndexProgress] = []
    if Self.mayBuildIndex(graph, snapshot) {
      building = try await connection.rows(LockQueries.indexProgress)
      if !building.isEmpty { graph = WaitGraph(snapshot, building: building) }
    }
    var account: [Int32: [Int32]]?
    let asked = verifies ? graph.waiters.compactMap { graph.nodes[$0].owner.pid } : graph.toVerify
    if !asked.isEmpty {
      let pairs = try await connection.rows(LockQueries.blockers(of: asked))
      var blockers = Dictionary(uniqueKeysWithValues: asked.map { ($0, [Int32]()) })
      for pair in pairs { blockers[pair.waiter, default: []].append(pair.blocker) }
      graph = WaitGraph(snapshot, verified: blockers, building: building)
      account = blockers
    }
    names.database = snapshot.database
    names.databases = snapshot.otherDatabases
    await learnNames(of: snapshot)
    return Look(
      snapshot: snapshot, graph: graph, names: names,
      building: Dictionary(building.map { ($0.pid, $0) }) { first, _ in first },
      cost: began.duration(to: answered), drawing: drawing, blockers: account)
  }

  /// Whether anybody in the graph has a lock as the building of an index takes it, so that it is worth
  /// asking how far that is.
  private static func mayBuildIndex(_ graph: WaitGraph, _ snapshot: LockSnapshot) -> Bool {
    guard !graph.nodes.isEmpty else { return false }
    let pids = Set(graph.nodes.compactMap(\.owner.pid))
    return snapshot.locks.contains { row in
      guard let pid = row.pid, row.tag.kind == .relation else { return false }
      return (row.mode == .share || row.mode == .shareUpdateExclusive) && pids.contains(pid)
    }
  }

  /// Asks for the names of relations that are not known yet; where that has to wait, numbers are shown.
  private func learnNames(of snapshot: LockSnapshot) async {
    var unknown: Set<UInt32> = []
    for row in snapshot.locks where row.tag.database == snapshot.database {
      if let relation = row.tag.relation, names.names[relation] == nil { unknown.insert(relation) }
    }
    let now = ContinuousClock.now
    askedInVain = askedInVain.filter { unknown.contains($0.key) }
    let due = unknown.filter { askedInVain[$0].map { now - $0 > Self.patience } ?? true }
    guard !due.isEmpty else { return }
    for relation in due { askedInVain[relation] = now }
    let query = LockQueries.relationNames(of: Array(due))
    guard let found = try? await connection.rows(query) else { return }
    for name in found {
      names.names[name.relation] = name.name
      names.tables[name.relation] = name.table
      askedInVain[name.relation] = nil
    }
  }

  /// Relations without an answer, and when they were asked for: what another transaction has made is not
  /// visible before it commits, and the catalogue may be locked. Asking each time is waste.
  private var askedInVain: [UInt32: ContinuousClock.Instant] = [:]
  private static let patience = Duration.seconds(5)

  /// Asks something else over the monitor's session.
  ///
  /// - Throws: `DatabaseError`.
  public func rows<Row>(_ query: Query<Row>) async throws(DatabaseError) -> [Row] {
    try await connection.rows(query)
  }
}
