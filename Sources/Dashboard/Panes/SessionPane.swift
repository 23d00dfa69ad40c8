import Canvas
import PostgresModel

/// The session that the lock pane has selected: who it is, what it runs, what it holds.
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
  }

  func isInUse(_ facts: Facts) -> Bool { facts.locks.scan != nil }

  func heading(_ facts: Facts) -> Heading {
    guard let owner = facts.locks.selected else { return Heading(name) }
    guard let pid = owner.pid, let session = facts.locks.scan?.snapshot.sessions[pid] else {
      return Heading(name)
    }
    return Heading("\(name) \(pid)", note: session.application ?? session.user ?? "")
  }

  mutating func settle(_ facts: inout Facts, size: Size) {
    guard size != .zero else { return }
    document.resize(size)
    let basis = Basis(
      owner: facts.locks.selected, scan: facts.locks.number, columns: size.columns)
    guard basis != self.basis else { return }
    if basis.owner != self.basis?.owner { document.rewind() }
    self.basis = basis
    document.show(lines(facts, columns: size.columns))
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
  func copyText(_ facts: Facts, more: Bool) -> String? { document.plainText }
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

  private func lines(_ facts: Facts, columns: Int) -> [DocumentLine] {
    guard let scan = facts.locks.scan, let owner = facts.locks.selected else { return [] }
    let now = scan.snapshot.at
    func age(_ moment: Instant?) -> String {
      moment.map { Words.duration(milliseconds: Double(now.microseconds(since: $0)) / 1000) } ?? "?"
    }
    func heading(_ pieces: [DocumentLine.Piece]) -> DocumentLine {
      var line = DocumentLine(pieces)
      line.isHeading = true
      return line
    }
    func wrapped(_ text: String, _ tone: Tone = .text) -> [DocumentLine] {
      DocumentLine.wrapped(text, tone, columns: columns - 1).map { heading($0.pieces) }
    }
    guard let pid = owner.pid, let session = scan.snapshot.sessions[pid] else {
      guard let node = scan.graph.nodes.first(where: { $0.owner == owner }),
        let prepared = node.prepared
      else { return wrapped("it is gone", .dim) }
      return wrapped("prepared transaction \(prepared.gid), open for \(age(prepared.preparedAt))")
        + (prepared.owner.map { wrapped("owner \($0)") } ?? [])
        + wrapped(
          "it has no session to end: COMMIT PREPARED or ROLLBACK PREPARED frees it", .warning)
    }
    var lines = wrapped(
      [
        "user \(session.user ?? "?")", "db \(session.database ?? "?")",
        "client \(session.clientAddress ?? "local")",
        "since \(session.backendStart.map(Words.timeOfDay) ?? "?")Z",
      ].joined(separator: "   "))
    lines += wrapped(
      [
        "transaction \(session.transactionStart == nil ? "none" : age(session.transactionStart))",
        "\(session.state ?? "state hidden") \(age(session.stateChange))",
        session.minimumTransactionID.map { "xmin \($0)" } ?? "",
      ].filter { !$0.isEmpty }.joined(separator: "   "))
    if let type = session.waitEventType, let event = session.waitEvent {
      lines += wrapped("waits for \(type): \(event)", .warning)
    }
    lines.append(.empty)
    if session.isHidden {
      lines += wrapped("its text is hidden: grant pg_read_all_stats", .dim)
    } else {
      lines += SQLLines(session.query ?? "").lines.prefix(40).map { heading($0) }
    }
    lines.append(.empty)
    let held = scan.snapshot.locks(of: pid).filter { $0.isGranted && $0.tag.kind == .relation }
    var byMode: [LockMode: [String]] = [:]
    for row in held { byMode[row.mode, default: []].append(scan.names.text(row.tag)) }
    for mode in byMode.keys.sorted(by: >) {
      let names = byMode[mode, default: []].sorted()
      let more = names.count > 6 ? " and \(names.count - 6) more" : ""
      lines += wrapped("holds \(mode.sqlName) " + names.prefix(6).joined(separator: ", ") + more)
    }
    if held.isEmpty { lines += wrapped("holds no table", .dim) }
    if let node = scan.graph.nodes.first(where: { $0.owner == owner }), node.victims > 0 {
      lines += wrapped("keeps \(Words.count(node.victims, "session")) waiting", .warning)
    }
    return lines
  }
}
