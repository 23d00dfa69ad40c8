import Canvas
import MigrationModel
import PostgresModel

/// What cancelling a statement or ending a session would do, laid over the panes until somebody says
/// yes or no.
struct SignalSheet: Sendable {
  let subject: Subject
  private(set) var openedAt: Instant
  private(set) var action: AuditEvent.Action
  private(set) var typed = ""
  private(set) var top = 0
  /// Said when a key was not taken.
  private(set) var remark: String?

  /// Whom it is about, as it was when the sheet was opened.
  enum Subject: Sendable, Hashable {
    case session(LockSession)
    case prepared(PreparedTransaction)

    var owner: LockOwner {
      switch self {
      case .session(let session): .session(pid: session.pid)
      case .prepared(let prepared): .prepared(gid: prepared.gid)
      }
    }
  }

  init(_ action: AuditEvent.Action, _ subject: Subject, openedAt: Instant) {
    self.action = action
    self.subject = subject
    self.openedAt = openedAt
  }

  /// What saying yes takes.
  enum Tier: Sendable, Hashable {
    /// It would do nothing, or may not be done; why.
    case refused(String)
    /// Cancelling: the client gets an error and may try again.
    case press
    /// Ending: the pid is to be typed.
    case type(Int32)
    /// A prepared transaction has no session: the statement that ends it.
    case remedy(String)
  }

  func tier(_ facts: Facts) -> Tier {
    switch subject {
    case .prepared(let prepared): return .remedy(SignalSheet.remedy(for: prepared))
    case .session(let session):
      if let reason = facts.obstacle(toSignalling: session) { return .refused(reason) }
      guard action == .cancel else { return .type(session.pid) }
      if session.runsNothing {
        return .refused(
          "it runs nothing now: cancelling cannot free an idle transaction; K ends the session")
      }
      return .press
    }
  }

  /// The statement that ends a prepared transaction; its quotes are doubled as SQL wants them.
  static func remedy(for prepared: PreparedTransaction) -> String {
    var text = "ROLLBACK PREPARED '"
    for character in prepared.gid { text += character == "'" ? "''" : String(character) }
    return text + "'"
  }

  /// Why what the sheet was opened for is not there any more; `nil` while it is.
  func isStale(in scan: LockPicture.Scan) -> String? {
    switch subject {
    case .prepared(let prepared):
      return scan.snapshot.preparedTransactions.contains {
        $0.gid == prepared.gid && $0.preparedAt == prepared.preparedAt
      } ? nil : "\(prepared.gid) is not there any more"
    case .session(let session):
      guard let now = scan.snapshot.sessions[session.pid] else {
        return "\(session.pid) holds no lock any more"
      }
      if now.backendStart != session.backendStart { return "\(session.pid) is another session now" }
      if now.transactionStart != session.transactionStart {
        return "\(session.pid) is in another transaction now"
      }
      return nil
    }
  }

  // MARK: - Keys

  enum Outcome: Sendable, Hashable {
    case stays
    case dropped
    case confirmed(LockSession)
    case copied(String)
  }

  mutating func handle(_ key: Key, _ facts: Facts) -> Outcome {
    remark = nil
    switch key {
    case .escape: return .dropped
    case .mouse(let event) where event.kind == .wheelDown: scroll(3)
    case .mouse(let event) where event.kind == .wheelUp: scroll(-3)
    case .down: scroll(1)
    case .up: scroll(-1)
    case .pageDown, .control("d"), .control("f"): scroll(max(1, bodyRows - 1))
    case .pageUp, .control("u"), .control("b"): scroll(-max(1, bodyRows - 1))
    case .home: top = 0
    case .end: scroll(body.count)
    default: return confirm(key, facts)
    }
    return .stays
  }

  private mutating func confirm(_ key: Key, _ facts: Facts) -> Outcome {
    let isDeaf = facts.now.microseconds(since: openedAt) < PlanSheet.deafMicroseconds
    switch tier(facts) {
    case .refused:
      if key == .character("q") || key == .enter { return .dropped }
      if key == .character("K"), !isDeaf { turnToEnding(facts) }
    case .remedy(let statement):
      if key == .character("q") || key == .enter { return .dropped }
      if key == .character("y") { return .copied(statement) }
    case .press:
      switch key {
      case .character("q"): return .dropped
      case .character("K") where !isDeaf: turnToEnding(facts)
      case .character("y") where isDeaf: remark = "too soon: read it first"
      case .character("y"): if case .session(let session) = subject { return .confirmed(session) }
      default: break
      }
    case .type(let pid):
      if isDeaf { return .stays }
      return type(key, String(pid))
    }
    return .stays
  }

  /// Goes on to the graver deed, with its own moment of deafness.
  private mutating func turnToEnding(_ facts: Facts) {
    guard action == .cancel else { return }
    action = .end
    openedAt = facts.now
    bodyColumns = -1
  }

  private mutating func type(_ key: Key, _ pid: String) -> Outcome {
    switch key {
    case .enter:
      if typed == pid, case .session(let session) = subject { return .confirmed(session) }
      remark = typed.isEmpty ? "type \(pid) first" : "that is not \(pid)"
      typed = ""
    case .backspace: if !typed.isEmpty { typed.removeLast() }
    case .paste: remark = "type it; a paste is not taken"
    case .character("q") where typed.isEmpty: return .dropped
    case .character(let character): if typed.count < pid.count + 8 { typed.append(character) }
    default: break
    }
    return .stays
  }

  private mutating func scroll(_ rows: Int) {
    top = max(0, min(top + rows, body.count - bodyRows))
  }

  // MARK: - What is seen

  /// The lines above the foot, made anew only when width, palette or locks change.
  private(set) var body: [StyledText] = []
  private var bodyRows = 0
  private(set) var bodyColumns = -1
  private var bodyScan = -1
  private var bodyPalette = Palette.plain
  /// The pids that wait for it, as the last scan has it.
  private(set) var victims: [Int32] = []

  /// Brings the sheet in line with the screen it lies on and with the last scan.
  mutating func settle(_ facts: Facts, in whole: Rectangle) {
    // The width does not depend on the height.
    let columns = SheetFrame(whole, columns: PlanSheet.columns, rows: 0).inside.size.columns
    let scan = facts.locks.number
    if columns != bodyColumns || facts.look.palette != bodyPalette || scan != bodyScan {
      bodyColumns = columns
      bodyPalette = facts.look.palette
      bodyScan = scan
      let told = SignalWords(self, facts, columns: columns)
      body = told.lines
      victims = told.victims
    }
    let foot = confirmation(facts, columns: columns).count
    bodyRows = frame(in: whole, foot: foot).bodyRows(foot: foot)
    scroll(0)
  }

  /// The box of the sheet on a screen; a line parts body and foot.
  func frame(in whole: Rectangle, foot: Int) -> SheetFrame {
    SheetFrame(whole, columns: PlanSheet.columns, rows: body.count + foot + 1)
  }
}

extension LockSession {
  /// Whether a cancel would find nothing to cancel.
  var runsNothing: Bool { state?.hasPrefix("idle") ?? false }
}

extension Facts {
  /// Why a session may not be cancelled or ended now, with the way out; `nil` where it may, or where
  /// only trying tells.
  func obstacle(toSignalling session: LockSession) -> String? {
    if locks.scan?.ours.contains(session.pid) ?? false {
      return "\(session.pid) is our own run: ^C cancels it"
    }
    if let server = connection.server, let reason = server.rights?.obstacle(toSignalling: session) {
      return reason
    }
    switch access {
    case .readOnly(.commandLine):
      return "started with --read-only: start without it to cancel or end sessions"
    case .readOnly: return "read-only: :arm 5m permits it, then ask again"
    case .armed: return nil
    }
  }
}
