import Canvas
import MigrationModel
import PostgresModel

/// The lines of a consequence sheet: who it is, what it runs, who is freed, what is lost.
struct SignalWords {
  private(set) var lines: [StyledText] = []
  /// The pids that wait for it.
  private(set) var victims: [Int32] = []
  private let palette: Palette
  private let columns: Int

  init(_ sheet: SignalSheet, _ facts: Facts, columns: Int) {
    palette = facts.look.palette
    self.columns = columns
    guard let scan = facts.locks.scan else { return }
    switch sheet.subject {
    case .session(let session): tell(session, facts, scan)
    case .prepared(let prepared): tell(prepared, scan)
    }
    tellFreed(sheet.subject.owner, facts, scan)
    switch sheet.subject {
    case .session(let session): tellLost(session, sheet.action, scan)
    case .prepared(let prepared):
      field(
        "lost",
        "everything that \(prepared.gid) did; if its coordinator has committed elsewhere, "
          + "COMMIT PREPARED is the right way", palette.danger)
    }
  }

  private mutating func field(_ label: String, _ text: String, _ style: Style? = nil) {
    let texts = TextWidth.wrap(text, to: max(8, columns - 10))
    for (index, part) in texts.enumerated() {
      var line = StyledText(TextWidth.pad(index == 0 ? label : "", to: 10), palette.dim)
      line.append(part, style ?? palette.text)
      lines.append(line)
    }
  }

  private mutating func tell(_ session: LockSession, _ facts: Facts, _ scan: LockPicture.Scan) {
    let now = scan.snapshot.at
    let name = SessionWords.name(
      .session(pid: session.pid), session, isOurs: scan.ours.contains(session.pid))
    field(
      "who",
      "\(name)   pid \(session.pid)   user \(session.user ?? "?")   db \(session.database ?? "?")"
        + "   client \(session.clientAddress ?? "local")", palette.strong)
    let start = session.backendStart.map { $0.shortText + " UTC" } ?? "?"
    let transaction =
      session.transactionStart == nil
      ? "no transaction open"
      : "its transaction \(SessionWords.age(session.transactionStart, at: now))"
    field("since", "\(start); \(transaction)")
    field(
      "state",
      "\(session.state ?? "hidden from this role") for "
        + SessionWords.age(session.stateChange, at: now))
    let label = session.runsNothing ? "last ran" : "runs"
    if session.isHidden {
      field(label, "hidden from this role: grant pg_read_all_stats", palette.dim)
    } else if let query = session.query, !query.isEmpty {
      let ran =
        session.runsNothing ? "" : " (for \(SessionWords.age(session.queryStart, at: now)))"
      let words = query.split { $0.isWhitespace || $0.isNewline }.joined(separator: " ")
      field(label, String(words.prefix(300)) + ran)
    }
  }

  private mutating func tell(_ prepared: PreparedTransaction, _ scan: LockPicture.Scan) {
    field("who", "prepared transaction \(prepared.gid)", palette.strong)
    field(
      "since",
      "\(prepared.preparedAt.shortText) UTC, "
        + "open for \(SessionWords.age(prepared.preparedAt, at: scan.snapshot.at))")
    if let owner = prepared.owner { field("owner", owner) }
    field("state", "no session holds it: neither c nor K can end it; it outlives a restart")
  }

  private mutating func tellFreed(
    _ owner: LockOwner, _ facts: Facts, _ scan: LockPicture.Scan
  ) {
    lines.append(.empty)
    var label = "frees"
    if let node = scan.node(of: owner) {
      let consequences = Consequences(of: node, in: scan.graph)
      victims = consequences.victims.compactMap { scan.graph.nodes[$0].owner.pid }
      for words in consequences.words(in: scan) {
        field(label, words, palette.good)
        label = ""
      }
    }
    if label == "frees" { field(label, "nobody: no session waits for it now", palette.warning) }
    if !facts.isRunning, let version = facts.selected?.version,
      scan.isObstacle(owner, to: facts.wantedLocks)
    {
      field("", "\(version) would wait for it")
    }
  }

  private mutating func tellLost(
    _ session: LockSession, _ action: AuditEvent.Action, _ scan: LockPicture.Scan
  ) {
    let age = SessionWords.age(session.transactionStart, at: scan.snapshot.at)
    if action == .cancel {
      guard !session.runsNothing else { return }
      field(
        "lost",
        "the statement and what its transaction (open for \(age)) did; the client gets an error and "
          + "stays connected")
      return
    }
    let transaction =
      session.transactionStart == nil
      ? "" : "everything its transaction (open for \(age)) did rolls back; "
    field("lost", transaction + "the client's connection ends", palette.danger)
    if !session.runsNothing {
      field("instead", "c would only cancel its statement, and leave the client connected")
    }
  }
}

extension SignalSheet {
  /// The database of a prepared transaction: the server takes its end in no other.
  private func home(_ facts: Facts) -> String {
    guard case .prepared(let prepared) = subject, let oid = prepared.database,
      let scan = facts.locks.scan
    else { return "its database" }
    return oid == scan.snapshot.database
      ? facts.target.database : scan.names.databases[oid] ?? "its database"
  }

  /// `Cancel 16669`, `End 16669`, `Prepared transaction gx1`.
  var title: String {
    switch subject {
    case .prepared(let prepared): "Prepared transaction \(prepared.gid)"
    case .session(let session): "\(action == .cancel ? "Cancel" : "End") \(session.pid)"
    }
  }

  /// The lines at the foot: what it takes to say yes.
  func confirmation(_ facts: Facts, columns: Int) -> [StyledText] {
    let palette = facts.look.palette
    var lines: [StyledText] = []
    func wrapped(_ text: String, _ style: Style) {
      lines += TextWidth.wrap(text, to: columns).map { StyledText($0, style) }
    }
    func hints(_ hints: [(String, String)]) {
      var line = StyledText.empty
      for (key, text) in hints {
        if !line.spans.isEmpty { line.append("   ") }
        line.append(key, palette.key)
        line.append(" " + text, palette.text)
      }
      lines.append(line)
    }
    let place = (facts.target.word.map { $0 + " " } ?? "") + facts.target.place
    switch tier(facts) {
    case .refused(let reason):
      wrapped(reason, palette.warning)
      let canTurn = action == .cancel && reason.hasSuffix("K ends the session")
      hints((canTurn ? [("K", "end it")] : []) + [("Esc", "back")])
    case .remedy(let statement):
      wrapped(statement, palette.strong)
      hints([("y", "copy it, to be run in \(home(facts))"), ("Esc", "back")])
    case .press:
      hints([("y", "cancel its statement on \(place)"), ("K", "end it"), ("Esc", "back")])
    case .type(let pid):
      var line = StyledText("type \(pid) and Enter to end it on \(place): ", palette.strong)
      line.append(typed, palette.active)
      lines.append(line)
      hints([("Esc", "back")])
    }
    if let remark { lines.append(StyledText(remark, palette.warning)) }
    return lines
  }

  /// Draws the sheet over the middle of a screen.
  func draw(on frame: inout Frame, in whole: Rectangle, _ facts: Facts) {
    let foot = confirmation(facts, columns: bodyColumns)
    let sheet = self.frame(in: whole, foot: foot.count)
    sheet.draw(on: &frame, title: title, body: body, foot: foot, top: top, facts.look)
    if case .type = tier(facts), remark == nil, let row = sheet.lastFootRow(foot.count, offset: 1) {
      let width = foot.dropLast().last?.width ?? 0
      frame.cursor = Point(
        column: min(sheet.inside.right - 1, sheet.inside.left + width), row: row)
    }
  }
}
