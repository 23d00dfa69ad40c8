import Canvas
import Diagnostics
import MigrationModel
import PostgresModel

/// A plan laid over the panes: what would run, and what it takes to say yes.
struct PlanSheet: Sendable {
  let plan: Plan
  let openedAt: Instant
  private(set) var typed = ""
  private(set) var top = 0
  /// Said when a key was not taken.
  private(set) var remark: String?
  /// Whether it stops before each statement.
  private(set) var pace = RunPace.atOnce

  /// What the first steps ask for; those after them are told of when they are next.
  let forecasts: [StepForecast]

  init(plan: Plan, openedAt: Instant) {
    self.plan = plan
    self.openedAt = openedAt
    forecasts = plan.steps.prefix(PlanSheet.forecastLimit).map { StepForecast($0) }
  }

  /// Of so many steps it is told who would keep them waiting: each look at the locks tells it anew.
  private static let forecastLimit = 50

  /// Keys that confirm are deaf for this long, so that the finger that opened the plan cannot.
  static let deafMicroseconds: Int64 = 300_000
  /// How long a plan that arms the session itself arms it for.
  static let armingMicroseconds: Int64 = 300_000_000

  /// What confirming takes.
  enum Tier: Sendable, Hashable {
    /// The plan cannot be run; each refusal names its way out.
    case refused
    /// The session may not write; why, and the way out.
    case readOnly(String)
    /// There is a way back, and the database is not protected.
    case press
    /// Loses data, or the database is protected: this version is to be typed.
    case type(Version)
  }

  func tier(_ facts: Facts) -> Tier {
    guard plan.refusals.isEmpty, let last = plan.steps.last else { return .refused }
    switch facts.access {
    case .readOnly(.commandLine):
      return .readOnly("started with --read-only; start without it to run this")
    case .readOnly where facts.target.isProtected:
      let word = facts.target.word ?? "this database"
      return .readOnly("\(word) is protected: :arm 5m permits writing, then ask for the plan again")
    case .readOnly, .armed: break
    }
    let hasWayBack = plan.steps.allSatisfy { $0.risk == .reversible }
    return hasWayBack && !facts.target.isProtected ? .press : .type(last.version)
  }

  /// Whether letters are taken for what is to be typed.
  func wantsTyping(_ facts: Facts) -> Bool {
    if case .type = tier(facts) { true } else { false }
  }

  /// Whether confirming arms the session as well.
  func arms(_ facts: Facts) -> Bool { !facts.access.permitsWriting(at: facts.now) }

  /// Whether files or history are no longer what the plan was made from.
  ///
  /// The runner looks again under its lock; this only spares a confirmation that would be refused.
  func isStale(against status: ProjectStatus) -> Bool {
    func order(_ a: HistoryRow, _ b: HistoryRow) -> Bool {
      (a.version.number ?? .max, a.version.text) < (b.version.number ?? .max, b.version.text)
    }
    let rows = status.migrations.compactMap(\.row).sorted(by: order)
    if Set(rows) != Set(plan.basis) { return true }
    // A step's script is a part of a file as it was read; the file now must hold the same bytes.
    var files: [String: SourceFile] = [:]
    for migration in status.migrations {
      for file in migration.migration?.files ?? [] { files[file.path] = file }
    }
    return plan.steps.contains { step in
      step.units.contains { files[$0.script.file.path] != $0.script.file }
    }
  }

  // MARK: - Keys

  enum Outcome: Sendable, Hashable {
    case stays
    case dropped
    case confirmed
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
    case .refused, .readOnly:
      if key == .character("q") || key == .enter { return .dropped }
      return move(key)
    case .press:
      if key == .character("q") { return .dropped }
      guard key == .character("y") || key == .character("s") else { return move(key) }
      if key == .character("s"), let reason = reasonAgainstStepping {
        remark = reason
        return .stays
      }
      if isDeaf {
        remark = "too soon: read it first"
        return .stays
      }
      pace = key == .character("s") ? .stepping : .atOnce
      return .confirmed
    case .type(let version):
      if isDeaf { return .stays }
      return type(key, version)
    }
  }

  /// Why no step of the plan can be run statement by statement; `nil` where one can.
  var reasonAgainstStepping: String? {
    var reason: String?
    for step in plan.steps {
      switch step.stepping {
      case .offered: return nil
      case .notOffered(let why):
        reason = reason ?? "\(step.version) cannot be stepped through: \(why)"
      }
    }
    return reason ?? "there is nothing to step through"
  }

  private mutating func type(_ key: Key, _ version: Version) -> Outcome {
    switch key {
    case .enter:
      if typed == version.text { return .confirmed }
      remark = typed.isEmpty ? "type \(version) first" : "that is not \(version)"
      typed = ""
    case .backspace: if !typed.isEmpty { typed.removeLast() }
    case .paste: remark = "type it; a paste is not taken"
    case .character("q") where typed.isEmpty: return .dropped
    case .character("s") where typed.isEmpty && version.text.first != "s":
      if let reason = reasonAgainstStepping {
        remark = reason
      } else {
        pace = pace == .stepping ? .atOnce : .stepping
      }
    case .character(let character):
      if typed.count < version.text.count + 8 { typed.append(character) }
    default: break
    }
    return .stays
  }

  private mutating func move(_ key: Key) -> Outcome {
    switch key {
    case .character("j"): scroll(1)
    case .character("k"): scroll(-1)
    case .character("g"): top = 0
    case .character("G"): scroll(body.count)
    default: break
    }
    return .stays
  }

  private mutating func scroll(_ rows: Int) {
    top = max(0, min(top + rows, body.count - bodyRows))
  }

  // MARK: - What is seen

  /// The lines above the foot, made anew only when width, palette or the locks in the way change.
  private(set) var body: [StyledText] = []
  private var bodyRows = 0
  private(set) var bodyColumns = -1
  private var bodyPalette = Palette.plain
  /// Who would keep each of the first steps waiting, as it was seen last.
  private(set) var expected: [[StepForecast.Line]] = []
  private var scanSeen = -1
  /// The SQL of each step; who is in the way changes every second, and this does not.
  private(set) var scripts: [[StyledText]] = []

  /// Brings the sheet in line with the screen it lies on.
  mutating func settle(_ facts: Facts, in whole: Rectangle) {
    // The width does not depend on the height.
    let columns = SheetFrame(whole, columns: PlanSheet.columns, rows: 0).inside.size.columns
    let wasExpected = expected
    if scanSeen != facts.locks.number {
      scanSeen = facts.locks.number
      expected = forecasts.map { $0.lines(facts) }
    }
    let isNew = columns != bodyColumns || facts.look.palette != bodyPalette
    if isNew { scripts = scriptLines(facts.look.palette, columns: columns) }
    if isNew || expected != wasExpected {
      bodyColumns = columns
      bodyPalette = facts.look.palette
      body = lines(facts, columns: columns)
    }
    let foot = confirmation(facts, columns: columns).count
    bodyRows = frame(in: whole, foot: foot).bodyRows(foot: foot)
    scroll(0)
  }

  /// The box of the sheet on a screen; a line parts body and foot.
  func frame(in whole: Rectangle, foot: Int) -> SheetFrame {
    SheetFrame(whole, columns: PlanSheet.columns, rows: body.count + foot + 1)
  }

  static let columns = 100
}
