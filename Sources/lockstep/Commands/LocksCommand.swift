import Diagnostics
import Postgres
import PostgresModel

/// `lockstep locks`: who waits for whom.
struct LocksCommand: Command {
  let name = "locks"
  let summary = "who waits for whom"
  let options = [Options.watch]
  let discussion = [
    "Shows every session that keeps others waiting, and below it those that wait, with what they hold "
      + "and want. All databases of the server are seen; relations of another database are shown by "
      + "number. What this role may not see is left out; pg_monitor shows it.",
    "With --watch it looks once a second, and says something when the picture has changed; with --json "
      + "it writes one object a line.",
  ]
  let examples = [
    CommandExample("lockstep locks", "once"),
    CommandExample("lockstep locks --watch --json", "one object a second, for a script"),
  ]

  func run(_ arguments: Arguments, in context: CommandContext) async throws -> ExitCode {
    var settings = try context.settings(arguments)
    settings.isReadOnly = true
    var monitor = LockMonitor(try await context.connect(settings))
    guard arguments.has(Options.watch) else {
      show(try await monitor.sample(), in: context.output)
      return .done
    }
    var last: LockReport?
    while !Task.isCancelled {
      let report = try await monitor.sample()
      if context.output.isJSON || report.picture != last?.picture {
        show(report, in: context.output)
      }
      last = report
      do { try await context.loop.sleep(for: .seconds(1)) } catch { break }
    }
    return .interrupted
  }

  private func show(_ report: LockReport, in output: Output) {
    if output.isJSON {
      output.print(report.json)
    } else {
      output.print(lines: report.lines)
    }
  }
}

/// Looks at the locks of a server, again and again over one session.
struct LockMonitor: Sendable {
  private let connection: Connection
  private var names = RelationNames()

  init(_ connection: Connection) { self.connection = connection }

  /// One look.
  ///
  /// - Throws: `DatabaseError`.
  mutating func sample() async throws -> LockReport {
    let rows = try await connection.rows(LockQueries.scan(serverVersion: connection.serverVersion))
    guard let snapshot = LockSnapshot(rows) else {
      throw Refusal(
        .error(code: "unexpected_answer", "the server's answer has no row of the server itself"))
    }
    var graph = WaitGraph(snapshot)
    if graph.certainty != .certain {
      let waiters = graph.waiters.compactMap { graph.nodes[$0].owner.pid }
      let pairs = try await connection.rows(LockQueries.blockers(of: waiters))
      graph = WaitGraph(
        snapshot,
        verified: Dictionary(grouping: pairs, by: \.waiter).mapValues { $0.map(\.blocker) })
    }
    await learnNames(of: graph, snapshot)
    return LockReport(snapshot: snapshot, graph: graph, names: names)
  }

  // Reading the catalog may itself wait for a lock; then numbers are shown.
  private mutating func learnNames(of graph: WaitGraph, _ snapshot: LockSnapshot) async {
    names.database = snapshot.database
    let tags = graph.nodes.flatMap { [$0.wait?.tag, $0.wait?.row, $0.blocksOn].compactMap { $0 } }
    let relations = Set(tags.filter { $0.database == snapshot.database }.compactMap(\.relation))
      .filter { names.names[$0] == nil }
    guard !relations.isEmpty else { return }
    _ = try? await connection.execute("SET lock_timeout = '100ms'")
    let found = try? await connection.rows(LockQueries.relationNames(of: Array(relations)))
    for (relation, name) in found ?? [] { names.names[relation] = name }
  }
}

/// One look at the locks, ready to be shown.
struct LockReport: Sendable {
  var snapshot: LockSnapshot
  var graph: WaitGraph
  var names: RelationNames

  /// What changes when something happens, and not only because time goes by.
  var picture: [[String]] {
    func shape(_ node: Int) -> [String] {
      [who(node), wants(node) ?? "", holds(node) ?? ""] + graph.nodes[node].children.flatMap(shape)
    }
    return graph.roots.map(shape)
  }

  // MARK: For people

  var lines: [[Output.Span]] {
    let waiters = graph.waiters.count
    let summary =
      "\(snapshot.at.shortText) UTC   backends \(snapshot.backends)   "
      + "locks \(snapshot.locks.count)   "
    var lines: [[Output.Span]] = [
      [.init(summary), .init("waiting \(waiters)", waiters > 0 ? .waiting : .plain)]
    ]
    for root in graph.roots { lines += [[]] + tree(root, depth: 0, under: nil) }
    return lines
  }

  private func tree(_ node: Int, depth: Int, under parent: Int?) -> [[Output.Span]] {
    let margin = depth == 0 ? "" : String(repeating: "  ", count: depth - 1) + "└ "
    let value = graph.nodes[node]
    var line: [Output.Span] = [.init(margin), .init(who(node), .strong), .init("  \(state(node))")]
    if let wants = wants(node) {
      line.append(.init("  waits\(time(waitingMilliseconds(node))) for \(wants)", .waiting))
      if value.blockers.first?.strength == .soft { line.append(.init("  (queued behind)")) }
    }
    if let holds = holds(node) { line.append(.init("  \(holds)")) }
    if value.victims > 0 {
      let indirect = value.indirectVictims > 0 ? " + \(value.indirectVictims)" : ""
      line.append(.init("  blocks \(value.directVictims)\(indirect)", .bad))
    }
    if value.alsoBehind > 0 { line.append(.init("  (also behind \(value.alsoBehind) more)")) }
    if value.isInCycle { line.append(.init("  deadlock", .bad)) }
    var lines = [line]
    if let query = value.session?.query, !query.isEmpty {
      let text = query.split(whereSeparator: \.isWhitespace).joined(separator: " ")
      let indent = String(repeating: " ", count: depth * 2 + 4)
      lines.append([.init(indent + String(text.prefix(200)), .faint)])
    }
    return lines + value.children.flatMap { tree($0, depth: depth + 1, under: node) }
  }

  private func who(_ node: Int) -> String {
    let value = graph.nodes[node]
    if let prepared = value.prepared { return "prepared transaction \(prepared.gid)" }
    let pid = value.owner.pid.map(String.init) ?? "unknown"
    let words = [value.session?.user, value.session?.application].compactMap { $0 }
    return ([pid] + words.filter { !$0.isEmpty }).joined(separator: " ")
  }

  private func state(_ node: Int) -> String {
    let value = graph.nodes[node]
    if value.prepared != nil { return "since\(time(transactionMilliseconds(node)))" }
    let state = value.session?.state ?? "state unknown"
    return state + time(transactionMilliseconds(node))
  }

  private func wants(_ node: Int) -> String? {
    graph.nodes[node].wait.map { wait in
      let row = wait.row.map { " (row of \(names.text($0)))" } ?? ""
      return "\(wait.mode.sqlName) on \(names.text(wait.tag))\(row)"
    }
  }

  private func holds(_ node: Int) -> String? {
    let value = graph.nodes[node]
    guard let mode = value.blocksWith, let tag = value.blocksOn, value.wait?.tag != tag else {
      return nil
    }
    return "holds \(mode.sqlName) on \(names.text(tag))"
  }

  private func time(_ milliseconds: Double?) -> String {
    milliseconds.map { " " + DurationText.show(milliseconds: max(0, $0)) } ?? ""
  }

  private func waitingMilliseconds(_ node: Int) -> Double? {
    graph.nodes[node].wait?.since.map { Double(snapshot.at.microseconds(since: $0)) / 1000 }
  }

  private func transactionMilliseconds(_ node: Int) -> Double? {
    let value = graph.nodes[node]
    let start = value.session?.transactionStart ?? value.prepared?.preparedAt
    return start.map { Double(snapshot.at.microseconds(since: $0)) / 1000 }
  }

  // MARK: For scripts

  /// As the contract has it; a prepared transaction has `pid` null and its name in `gid`.
  var json: JSONValue {
    [
      "at": .string(snapshot.at.iso8601), "backends": JSONValue(snapshot.backends),
      "locks": JSONValue(snapshot.locks.count),
      "waiters": .array(graph.waiters.map(waiter)), "trees": .array(graph.roots.map(tree)),
    ]
  }

  private func waiter(_ node: Int) -> JSONValue {
    let value = graph.nodes[node]
    let tag = value.wait?.tag
    let relation = (tag?.relation).map { names.text($0, in: tag?.database) }
    return [
      "pid": JSONValue(value.owner.pid),
      "blocked_by": .array(graph.blockingPids(of: node).map { JSONValue($0) }),
      "waiting_ms": JSONValue(milliseconds: waitingMilliseconds(node)),
      "mode": JSONValue(value.wait?.mode.sqlName), "locktype": JSONValue(tag?.kind.catalogName),
      "relation": JSONValue(relation), "user": JSONValue(value.session?.user),
      "application": JSONValue(value.session?.application),
      "query": JSONValue(value.session?.query),
    ]
  }

  private func tree(_ node: Int) -> JSONValue {
    let value = graph.nodes[node]
    return [
      "pid": JSONValue(value.owner.pid), "gid": JSONValue(value.prepared?.gid),
      "state": JSONValue(value.prepared == nil ? value.session?.state : "prepared"),
      "transaction_ms": JSONValue(milliseconds: transactionMilliseconds(node)),
      "query": JSONValue(value.session?.query), "blocks": .array(value.children.map(tree)),
    ]
  }
}
