import Canvas
import PostgresModel

/// The session that the lock pane has selected: who it is, what it runs, what it holds, whom it waits
/// for, and what ending it would free.
struct SessionPane: Pane {
  let number = 6
  let name = "Session"
  let slot = Slot.detail

  private var document = DocumentView()
  private var basis: Basis?

  private struct Basis: Hashable {
    var owner: LockOwner?
    var scan: Int
    var columns: Int
    var selected: MigrationKey?
    var picture: Int
  }

  /// The keys that act on the selected session, here and in the lock pane.
  static let signalBindings = [
    Binding(
      [.letter("c")], .cancelSession, hint: "cancel",
      "tells what cancelling the session's statement would do, and asks"),
    Binding(
      [.letter("K")], .endSession, hint: "end", "tells what ending the session would do, and asks"),
  ]

  var bindings: [Binding] {
    SessionPane.signalBindings + TimelinePane.walkBindings + [
      Binding([.letter("y")], .copy, hint: "copy", "copies what is told of the session"),
      Binding([.letter("Y")], .copyMore, "copies the session's statement"),
    ]
  }

  func isInUse(_ facts: Facts) -> Bool { facts.locks.scan != nil }

  func heading(_ facts: Facts) -> Heading {
    guard let owner = facts.locks.selected, let scan = facts.locks.scan else {
      return Heading(name)
    }
    guard let pid = owner.pid, let session = scan.snapshot.sessions[pid] else {
      if case .prepared(let gid) = owner { return Heading(name, note: gid) }
      return Heading(name)
    }
    return Heading(
      "\(name) \(pid)",
      note: SessionWords.name(owner, session, isOurs: scan.ours.contains(pid)))
  }

  mutating func settle(_ facts: inout Facts, size: Size) {
    guard size != .zero else { return }
    document.resize(size)
    let basis = Basis(
      owner: facts.locks.selected, scan: facts.locks.number, columns: size.columns,
      selected: facts.selected, picture: facts.pictureNumber)
    guard basis != self.basis else { return }
    if basis.owner != self.basis?.owner { document.rewind() }
    self.basis = basis
    guard let scan = facts.locks.scan, let owner = facts.locks.selected else {
      return document.show([])
    }
    document.show(SessionDocument(owner, scan, facts, columns: size.columns).lines)
  }

  mutating func perform(_ action: Action, _ facts: inout Facts) -> [Effect] {
    switch action {
    case .move(let movement): document.move(movement)
    case .nextMatch: document.nextMatch()
    case .previousMatch: document.previousMatch()
    default: break
    }
    return []
  }

  mutating func find(_ text: String, _ facts: inout Facts) { document.find(text) }
  func finds(_ text: String, _ facts: Facts) -> Bool { document.finds(text) }

  func copyText(_ facts: Facts, more: Bool) -> String? {
    guard more else { return document.plainText }
    return facts.locks.selected?.pid.flatMap { facts.locks.scan?.snapshot.sessions[$0]?.query }
  }

  func plainText(_ facts: Facts) -> String { document.plainText }

  func view(_ facts: Facts, size: Size) -> Frame {
    var frame = Frame(size: size)
    guard facts.locks.selected != nil else {
      frame.write(
        "no session is selected in the lock pane", at: .zero, style: facts.look.palette.dim)
      return frame
    }
    document.draw(on: &frame, in: frame.bounds, facts.look)
    return frame
  }
}

/// Writes what is known of one session or prepared transaction.
private struct SessionDocument {
  private let owner: LockOwner
  private let scan: LockPicture.Scan
  private let facts: Facts
  private let columns: Int
  private let node: WaitGraph.Node?
  private let nodeIndex: Int?
  private(set) var lines: [DocumentLine] = []

  init(_ owner: LockOwner, _ scan: LockPicture.Scan, _ facts: Facts, columns: Int) {
    self.owner = owner
    self.scan = scan
    self.facts = facts
    self.columns = columns
    nodeIndex = scan.node(of: owner)
    node = nodeIndex.map { scan.graph.nodes[$0] }
    if let session = owner.pid.flatMap({ scan.snapshot.sessions[$0] }) {
      tell(session)
    } else if let prepared = scan.snapshot.preparedTransactions.first(where: {
      owner == .prepared(gid: $0.gid)
    }) {
      tell(prepared)
    } else {
      line("it is gone", .dim)
      return
    }
    tellWaits()
    tellHeld()
    tellFreed()
  }

  private mutating func line(_ text: String, _ tone: Tone = .text, indent: Int = 0) {
    lines += DocumentLine.wrapped(text, tone, columns: columns - 1, indent: indent).map { line in
      var line = line
      line.isHeading = true
      return line
    }
  }

  private func age(_ moment: Instant?) -> String {
    SessionWords.age(moment, at: scan.snapshot.at)
  }

  private mutating func tell(_ session: LockSession) {
    line(
      [
        "user \(session.user ?? "?")", "db \(session.database ?? "?")",
        "client \(session.clientAddress ?? "local")",
        "pid \(session.pid) since \(session.backendStart.map(Words.timeOfDay) ?? "?")",
      ].joined(separator: "   "))
    line(
      [
        "xact \(session.transactionStart == nil ? "none" : age(session.transactionStart))",
        "state \(session.state ?? "hidden") \(age(session.stateChange))",
        session.minimumTransactionID.map { "xmin \($0)" } ?? "",
        session.backendType.flatMap { $0 == "client backend" ? nil : $0 } ?? "",
      ].filter { !$0.isEmpty }.joined(separator: "   "))
    if let id = session.queryID { line("query_id \(id)") }
    if let type = session.waitEventType, let event = session.waitEvent, type != "Lock",
      !session.runsNothing
    {
      line("waits for \(type): \(event)", .warning)
    }
    if let build = scan.builds[session.pid] { tell(build) }
    if let workers = scan.workers[session.pid] {
      let pids = workers.prefix(12).map(String.init).joined(separator: ", ")
      line("parallel workers \(workers.count)   \(pids)")
    }
    lines.append(.empty)
    if session.isHidden {
      line("its text is hidden: grant pg_read_all_stats", .dim)
    } else {
      lines += SQLLines(session.query ?? "").lines.prefix(40).map { pieces in
        var line = DocumentLine(pieces)
        line.isHeading = true
        return line
      }
    }
    lines.append(.empty)
  }

  private mutating func tell(_ build: LockQueries.IndexProgress) {
    var words = "builds an index on \(scan.names.text(build.relation, in: nil)): \(build.phase)"
    if build.lockers > 0 { words += "; \(build.lockersDone) of \(build.lockers) waited for" }
    if let pid = build.currentLocker {
      let session = scan.snapshot.sessions[pid]
      words += "; now for \(pid) \(SessionWords.name(.session(pid: pid), session))"
    }
    if build.blocks > 0 { words += "; \(build.blocksDone) of \(build.blocks) blocks" }
    line(words, .active)
  }

  private mutating func tell(_ prepared: PreparedTransaction) {
    line("prepared transaction \(prepared.gid), open for \(age(prepared.preparedAt))")
    line("xid \(prepared.transactionID)   owner \(prepared.owner ?? "?")")
    lines.append(.empty)
    line("it has no session to end; what frees it, in its database:", .warning)
    line(SignalSheet.remedy(for: prepared), .strong)
    lines.append(.empty)
  }

  /// The chain from this session to the one at its root.
  private mutating func tellWaits() {
    guard let node, let wait = node.wait else { return }
    let since = wait.since.map {
      Words.wait(milliseconds: Double(scan.snapshot.at.microseconds(since: $0)) / 1000)
    }
    let row = wait.row.map { " (row \(scan.names.text($0)))" } ?? ""
    let what =
      wait.mode.map { "\($0.sqlName) on \(scan.text(wait.tag, waiter: owner.pid))\(row)" }
      ?? "a safe snapshot"
    line("waits \(since ?? "?") for \(what)", .warning)
    var seen: Set<Int> = nodeIndex.map { [$0] } ?? []
    var here = node
    var depth = 1
    while let edge = here.blockers.first {
      let blocker = scan.graph.nodes[edge.blocker]
      let name = SessionWords.name(of: blocker, in: scan)
      let how =
        switch edge.mode {
        case let mode? where edge.strength == .hard: "which holds \(mode.sqlName)"
        case let mode?: "ahead in the queue for \(mode.sqlName)"
        case nil: "serializable, which may still write"
        }
      let others = here.alsoBehind > 0 ? "; also behind \(here.alsoBehind) more" : ""
      line("behind \(name), \(how)\(others)", indent: min(depth * 2, 12))
      guard seen.insert(edge.blocker).inserted else {
        line("a circle: the server ends it after deadlock_timeout", .danger, indent: 2)
        break
      }
      guard depth < 12 else { break }
      here = blocker
      depth += 1
    }
    let others = node.blockers.dropFirst().map(\.blocker)
    if !others.isEmpty {
      line("also behind \(SessionWords.list(Array(others), in: scan))", indent: 2)
    }
  }

  private mutating func tellHeld() {
    var byMode: [LockMode: Set<LockTag>] = [:]
    var rest: Set<String> = []
    for row in scan.snapshot.locks where row.isGranted && scan.owner(of: row) == owner {
      switch row.tag.kind {
      case .relation: byMode[row.mode, default: []].insert(row.tag)
      case .tuple, .transactionID, .advisory, .object:
        rest.insert(scan.names.text(row.tag))
      default: break
      }
    }
    for mode in byMode.keys.sorted(by: >) {
      line("holds   \(mode.sqlName) " + listed(relations(byMode[mode, default: []])))
    }
    if byMode.isEmpty { line("holds   no table", .dim) }
    if !rest.isEmpty { line("        " + listed(rest.sorted()), .dim) }
  }

  /// Tables first; their indexes, which say nothing more, are counted.
  private func relations(_ tags: Set<LockTag>) -> [String] {
    var indexes: [UInt32: Int] = [:]
    var tables: [(name: String, oid: UInt32?)] = []
    var alone: [String] = []
    for tag in tags {
      guard scan.names.isIndex(tag), let table = tag.relation.flatMap({ scan.names.tables[$0] })
      else {
        tables.append((scan.names.text(tag), tag.relation))
        continue
      }
      let isWithTable = tags.contains { $0.database == tag.database && $0.relation == table }
      if isWithTable {
        indexes[table, default: 0] += 1
      } else {
        alone.append(scan.names.place(tag))
      }
    }
    return tables.sorted { $0.name < $1.name }.map { name, oid in
      let count = oid.flatMap { indexes[$0] } ?? 0
      return count == 0 ? name : "\(name) with \(count == 1 ? "1 index" : "\(count) indexes")"
    } + alone.sorted()
  }

  private func listed(_ names: [String]) -> String {
    let more = names.count > 6 ? " and \(names.count - 6) more" : ""
    return names.prefix(6).joined(separator: ", ") + more
  }

  private mutating func tellFreed() {
    let verb = owner.pid == nil ? "rolling it back" : "ending it"
    let words = nodeIndex.map { Consequences(of: $0, in: scan.graph).words(in: scan) } ?? []
    let version = facts.selected?.version
    let isObstacle = scan.isObstacle(owner, to: facts.wantedLocks)
    if words.isEmpty {
      let would = version.flatMap { isObstacle ? "; would free \($0) when it runs" : nil } ?? ""
      return line("\(verb) frees: nothing now\(would)", isObstacle ? .warning : .dim)
    }
    line("\(verb) frees \(words[0])", .warning)
    for word in words.dropFirst() { line("  " + word, .warning) }
    if isObstacle, let version { line("  \(version) would wait for it too", .warning) }
  }
}
