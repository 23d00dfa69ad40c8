import Canvas
import Diagnostics
import MigrationModel
import PostgresModel

/// Everything the dashboard knows and shows: a value that only `update(_:)` changes.
public struct Model: Sendable {
  public internal(set) var facts: Facts
  public internal(set) var size: Size
  /// In the order of their numbers.
  var panes: [any Pane]
  /// The number of the pane that keys go to.
  public internal(set) var focus: Int
  var isZoomed = false
  /// Where `back` leads, the latest last.
  var trail: [Station] = []
  /// The panes looked at, the latest first, which decides who is seen where several share a place.
  var raised: [Int] = []
  var arrangement: Arrangement
  var overlay: Overlay?
  /// What the program last said; gone with the next key.
  public internal(set) var lastWord: LastWord?
  var commandHistory: [String] = []
  /// The request whose plan is on its way.
  var awaitedPlan: PlanRequest?
  /// Whether that plan is asked for only when files and history have been read.
  var plansAfterReading = false
  /// What was done to a session, until it is seen whether it helped.
  var awaitedEffect: AwaitedEffect?
  var interruption = Interruption.none
  /// Whether it was asked once to roll back what has stopped.
  var mayRollBackRun = false
  var watch = LockWatch()
  /// A picture that came while the screen was frozen.
  var heldPicture: Picture?
  var isReloading = false
  /// The files changed while they were being read.
  var mustReloadAgain = false

  /// A focus to come back to.
  struct Station: Sendable, Hashable {
    var focus: Int
    var isZoomed: Bool
  }

  /// What lies over the panes and takes the keys.
  enum Overlay: Sendable {
    case help(HelpSheet)
    case plan(PlanSheet)
    case signal(SignalSheet)
    case prompt(Prompt)
  }

  /// A line that the program says on its own account.
  public struct LastWord: Sendable, Hashable {
    public var severity: Diagnostic.Severity
    public var text: String
  }

  /// How far ctrl-c has been pressed.
  enum Interruption: Sendable, Hashable {
    case none
    /// Pressed once with nothing to cancel.
    case asked
    /// The statement is being cancelled.
    case cancelling
    /// Leaves when the server has answered.
    case leaving
  }

  /// Starts with nothing known but where to look; the first frame needs no more.
  public init(facts: Facts, size: Size, panes: [any Pane] = Panes.all) {
    self.facts = facts
    self.size = size
    self.panes = panes
    focus = panes.first?.number ?? 0
    arrangement = Arrangement(
      size: size, panes: panes, facts: facts, focus: focus, raised: [], isZoomed: false)
    settle()
  }

  /// Puts panes in their places and lets each follow the facts.
  mutating func settle() {
    facts.followChecks()
    settleOnce()
    // What a pane has found may change how much room it wants.
    let before = arrangement
    arrange()
    if arrangement != before { settleOnce() }
  }

  private mutating func settleOnce() {
    arrange()
    if !arrangement.panes.contains(where: { $0.pane == focus }), arrangement.hasBorders {
      let standIn = panes.first { $0.number == focus }?.standIn?.number
      focus = standIn ?? arrangement.panes.first?.pane ?? focus
      arrange()
    }
    facts.placedPanes = Set(arrangement.panes.map(\.pane))
    facts.focusedPane = focus
    for index in panes.indices {
      let place = arrangement.panes.first { $0.pane == panes[index].number }
      panes[index].settle(&facts, size: place.map { arrangement.inside($0).size } ?? .zero)
    }
    if case .plan(var sheet) = overlay {
      sheet.settle(facts, in: sheetArea)
      overlay = .plan(sheet)
    }
    if case .signal(var sheet) = overlay {
      sheet.settle(facts, in: sheetArea)
      overlay = .signal(sheet)
    }
  }

  private mutating func arrange() {
    arrangement = Arrangement(
      size: size, panes: panes, facts: facts, focus: focus, raised: raised, isZoomed: isZoomed)
  }

  /// Says something in the line above the key bar.
  mutating func say(_ text: String, _ severity: Diagnostic.Severity = .note) {
    lastWord = LastWord(severity: severity, text: text)
  }

  /// Says what a diagnostic tells, with its way out, on one line.
  mutating func say(_ diagnostic: Diagnostic) {
    var text = diagnostic.what
    if let next = diagnostic.next { text += "; next: \(next)" }
    say(text, diagnostic.severity)
  }

  var focusedPane: (any Pane)? { panes.first { $0.number == focus } }

  /// Lets the focused pane do something.
  mutating func withPane(_ number: Int, _ body: (inout any Pane, inout Facts) -> [Effect])
    -> [Effect]
  {
    guard let index = panes.firstIndex(where: { $0.number == number }) else { return [] }
    return body(&panes[index], &facts)
  }

  /// Moves the focus, and leads to the stand-in where a pane has no place of its own.
  mutating func focus(on number: Int) {
    guard let pane = panes.first(where: { $0.number == number }) else {
      return say("there is no pane \(number)")
    }
    guard pane.isInUse(facts) else {
      return say("\(pane.name): nothing to show yet")
    }
    focus = number
    raised.removeAll { $0 == number }
    raised.insert(number, at: 0)
    arrange()
    guard !arrangement.panes.contains(where: { $0.pane == number }), let standIn = pane.standIn
    else { return }
    focus = standIn.number
    raised.removeAll { $0 == standIn.number }
    raised.insert(standIn.number, at: 0)
    _ = withPane(standIn.number) { $0.perform(standIn.action, &$1) }
  }

  /// The moment of the next tick that this model wants.
  ///
  /// The clock shows seconds; while something of ours runs, its elapsed time and its queue want more.
  public func nextTick(after now: Instant) -> Instant {
    let second = (now.microseconds / 1_000_000 + 1) * 1_000_000
    guard facts.isRunning || facts.intervalMilliseconds < 1000 else {
      return Instant(microseconds: second)
    }
    let step: Int64 = 250_000
    return Instant(microseconds: (now.microseconds / step + 1) * step)
  }
}
