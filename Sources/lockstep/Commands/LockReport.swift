import Canvas
import Diagnostics
import MigrationEngine
import PostgresModel

/// One look at the locks, ready to be shown.
struct LockReport: Sendable {
  var look: LockMonitor.Look

  private var graph: WaitGraph { look.graph }
  private var snapshot: LockSnapshot { look.snapshot }

  /// What changes when something happens, and not only because time goes by.
  var picture: [[String]] {
    func shape(_ node: Int) -> [String] {
      let progress = look.building[graph.nodes[node].owner.pid ?? 0]
      return [who(node), wants(node) ?? "", holds(node) ?? "", progress?.phase ?? ""]
        + graph.nodes[node].children.flatMap { ["("] + shape($0) + [")"] }
    }
    return graph.roots.map(shape)
  }

  // MARK: For people

  /// The picture in lines; each text from the server stands on one of them.
  var lines: [[Output.Span]] {
    let waiters = graph.waiters.count
    let summary =
      "\(snapshot.at.shortText) UTC   backends \(snapshot.backends)   "
      + "locks \(snapshot.locks.count)   "
    var lines: [[Output.Span]] = [
      [.init(summary), .init("waiting \(waiters)", waiters > 0 ? .waiting : .plain)]
    ]
    for root in graph.roots { lines += [[]] + tree(root, margin: "", branch: "") }
    if graph.roots.isEmpty {
      lines.append([.init("nobody waits")])
      let holders = snapshot.openHolders(look.names)
      if !holders.isEmpty { lines += [[], [.init("open transactions that hold tables")]] }
      for holder in holders { lines += line(of: holder) }
    }
    let notes = notes
    if !notes.isEmpty { lines.append([]) }
    return lines + notes.map { [.init("note: " + $0, .faint)] }
  }

  /// What is to be known about the picture itself.
  private var notes: [String] {
    var notes: [String] = []
    if graph.certainty == .orderUnknown {
      notes.append("the order of the queue is a guess: the server does not tell it")
    }
    if snapshot.sessions.values.contains(where: \.isHidden) {
      notes.append("what other roles run is hidden from this one: grant it pg_read_all_stats")
    }
    return notes
  }

  /// - Parameters:
  ///   - margin: What stands to the left of all lines below.
  ///   - branch: What leads to its own line in place of the margin.
  private func tree(_ node: Int, margin: String, branch: String) -> [[Output.Span]] {
    let value = graph.nodes[node]
    var line: [Output.Span] = [.init(branch), .init(who(node), .strong), .init("  \(state(node))")]
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
    if value.isInCycle {
      line.append(.init("  deadlock: the server ends one after deadlock_timeout", .bad))
    }
    let indent = margin + "    "
    var lines = [line]
    if let query = text(of: value.session) { lines.append([.init(indent + query, .faint)]) }
    if let progress = value.owner.pid.flatMap({ look.building[$0] }) {
      lines.append([.init(indent + Self.text(of: progress))])
    }
    if let prepared = value.prepared { lines.append([.init(indent + Self.remedy(for: prepared))]) }
    for (place, child) in value.children.enumerated() {
      let isLast = place == value.children.count - 1
      lines += tree(
        child, margin: margin + (isLast ? "  " : "│ "), branch: margin + (isLast ? "└ " : "├ "))
    }
    return lines
  }

  private func line(of holder: LockSnapshot.Holder) -> [[Output.Span]] {
    let session = holder.owner.pid.flatMap { snapshot.sessions[$0] }
    let prepared = holder.prepared
    let state = prepared == nil ? session?.state ?? "state unknown" : "since"
    let head: [Output.Span] = [
      .init(who(holder.owner, session, prepared), .strong),
      .init("  \(oneLine(state))\(time(milliseconds(since: holder.since)))"),
      .init("  holds \(holder.row.mode.sqlName) on \(oneLine(look.names.place(holder.row.tag)))"),
    ]
    let text = prepared.map(Self.remedy) ?? text(of: session)
    return [head] + (text.map { [[.init("    " + $0, .faint)]] } ?? [])
  }

  private func who(_ node: Int) -> String {
    let value = graph.nodes[node]
    return who(value.owner, value.session, value.prepared)
  }

  private func who(
    _ owner: LockOwner, _ session: LockSession?, _ prepared: PreparedTransaction?
  ) -> String {
    if let prepared { return "prepared transaction \(oneLine(prepared.gid))" }
    let pid = owner.pid.map(String.init) ?? "unknown"
    let words = [session?.user, session?.application].compactMap { $0 }
    return ([pid] + words.filter { !$0.isEmpty }.map(oneLine)).joined(separator: " ")
  }

  private func state(_ node: Int) -> String {
    let value = graph.nodes[node]
    if value.prepared != nil { return "since\(time(transactionMilliseconds(node)))" }
    let state = value.session?.state ?? "state unknown"
    return oneLine(state) + time(transactionMilliseconds(node))
  }

  private func wants(_ node: Int) -> String? {
    graph.nodes[node].wait.map { wait in
      let row = wait.row.map { " (row of \(oneLine(look.names.text($0))))" } ?? ""
      guard let mode = wait.mode else { return "a safe snapshot" }
      return "\(mode.sqlName) on \(oneLine(look.names.place(wait.tag)))\(row)"
    }
  }

  private func holds(_ node: Int) -> String? {
    let value = graph.nodes[node]
    if value.blocksOn?.kind == .safeSnapshot { return "may still write: no snapshot is safe" }
    guard let mode = value.blocksWith, let tag = value.blocksOn, value.wait?.tag != tag else {
      return nil
    }
    return "holds \(mode.sqlName) on \(oneLine(look.names.place(tag)))"
  }

  /// What a session runs, on one line; `nil` where there is nothing, or it is hidden.
  private func text(of session: LockSession?) -> String? {
    guard let session, !session.isHidden, let query = session.query else { return nil }
    let text = query.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    guard !text.isEmpty else { return nil }
    return oneLine(text.count > 200 ? text.prefix(199) + "…" : text)
  }

  /// How far an index has come.
  static func text(of progress: LockQueries.IndexProgress) -> String {
    var text = progress.phase
    if progress.lockers > 0 {
      text += ", waited for \(progress.lockersDone) of \(progress.lockers) sessions"
    }
    if let locker = progress.currentLocker { text += ", now for pid \(locker)" }
    if progress.blocks > 0 {
      let percent = progress.blocksDone * 100 / progress.blocks
      text += ", \(percent) % of \(progress.blocks) blocks"
    }
    return text
  }

  /// A prepared transaction has no session that could be ended.
  private static func remedy(for prepared: PreparedTransaction) -> String {
    let gid = oneLine(
      "'"
        + prepared.gid.split(
          separator: "'" as Character, omittingEmptySubsequences: false
        ).joined(separator: "''") + "'")
    return "no session to end: COMMIT PREPARED \(gid) or ROLLBACK PREPARED \(gid), in its database"
  }

  private func time(_ milliseconds: Double?) -> String {
    milliseconds.map { " " + DurationText.show(milliseconds: max(0, $0)) } ?? ""
  }

  private func milliseconds(since start: Instant?) -> Double? {
    start.map { Double(snapshot.at.microseconds(since: $0)) / 1000 }
  }

  private func waitingMilliseconds(_ node: Int) -> Double? {
    milliseconds(since: graph.nodes[node].wait?.since)
  }

  private func transactionMilliseconds(_ node: Int) -> Double? {
    let value = graph.nodes[node]
    return milliseconds(since: value.session?.transactionStart ?? value.prepared?.preparedAt)
  }

  // MARK: For scripts

  /// As the contract has it; a prepared transaction has `pid` null and its name in `gid`. `holders` are
  /// the open transactions that hold tables and keep nobody waiting.
  var json: JSONValue {
    let drawn = Set(graph.nodes.map(\.owner))
    return [
      "at": .string(snapshot.at.iso8601), "backends": JSONValue(snapshot.backends),
      "locks": JSONValue(snapshot.locks.count),
      "waiters": .array(graph.waiters.map(waiter)), "trees": .array(graph.roots.map(tree)),
      "holders": .array(
        snapshot.openHolders(look.names).filter { !drawn.contains($0.owner) }.map(holder)),
    ]
  }

  private func waiter(_ node: Int) -> JSONValue {
    let value = graph.nodes[node]
    let tag = value.wait?.tag
    return [
      "pid": JSONValue(value.owner.pid),
      "blocked_by": .array(graph.blockingPids(of: node).map { JSONValue($0) }),
      "waiting_ms": JSONValue(milliseconds: waitingMilliseconds(node)),
      "kept_by": JSONValue(value.blockers.first?.strength.word),
      "mode": JSONValue(value.wait?.mode?.sqlName), "locktype": JSONValue(tag?.kind.catalogName),
      "relation": relation(tag), "user": JSONValue(value.session?.user),
      "application": JSONValue(value.session?.application), "query": query(value.session),
    ]
  }

  private func tree(_ node: Int) -> JSONValue {
    let value = graph.nodes[node]
    return [
      "pid": JSONValue(value.owner.pid), "gid": JSONValue(value.prepared?.gid),
      "state": JSONValue(value.prepared == nil ? value.session?.state : "prepared"),
      "transaction_ms": JSONValue(milliseconds: transactionMilliseconds(node)),
      "query": query(value.session), "blocks": .array(value.children.map(tree)),
    ]
  }

  private func holder(_ holder: LockSnapshot.Holder) -> JSONValue {
    let session = holder.owner.pid.flatMap { snapshot.sessions[$0] }
    return [
      "pid": JSONValue(holder.owner.pid), "gid": JSONValue(holder.prepared?.gid),
      "state": JSONValue(holder.prepared == nil ? session?.state : "prepared"),
      "transaction_ms": JSONValue(milliseconds: milliseconds(since: holder.since)),
      "mode": .string(holder.row.mode.sqlName), "relation": relation(holder.row.tag),
      "user": JSONValue(session?.user), "application": JSONValue(session?.application),
      "query": query(session),
    ]
  }

  private func relation(_ tag: LockTag?) -> JSONValue {
    JSONValue((tag?.relation).map { look.names.text($0, in: tag?.database) })
  }

  private func query(_ session: LockSession?) -> JSONValue {
    JSONValue(session.flatMap { $0.isHidden ? nil : $0.query })
  }
}

extension WaitGraph.Strength {
  /// As scripts read it.
  fileprivate var word: String {
    switch self {
    case .hard: "lock"
    case .soft: "queue"
    case .snapshot: "snapshot"
    }
  }
}

/// A line break in a name must not look like the next line of the report.
private func oneLine(_ text: some StringProtocol) -> String {
  TerminalText.visible(text, lineBreaks: .show)
}
