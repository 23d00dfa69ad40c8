import Canvas

/// Which pane stands where at a size; a plain function of size, focus and what is in use.
public struct Arrangement: Sendable, Hashable {
  public var header: Rectangle
  /// A line for the last word of the program; empty where the key bar gives its place up for it.
  public var message: Rectangle
  public var keyBar: Rectangle
  /// The panes on the screen by number, with their outer rectangles.
  public var panes: [Place]
  /// Whether panes have borders; below 40x8 there is no room for them.
  public var hasBorders: Bool

  public struct Place: Sendable, Hashable {
    public var pane: Int
    public var area: Rectangle
    /// Whether its upper border is the lower one of the pane above.
    public var joinsAbove = false
  }

  /// How much of the picture a screen has room for.
  public enum Kind: Sendable, Hashable {
    /// The list and one line.
    case tiny
    /// One pane at a time.
    case single
    /// List, script and a strip of locks.
    case compact
    /// List, script, progress and locks.
    case medium
    /// Everything beside each other.
    case large

    public init(_ size: Size) {
      if size.columns < 40 || size.rows < 8 {
        self = .tiny
      } else if size.columns < 80 || size.rows < 24 {
        self = .single
      } else if size.columns < 110 || size.rows < 34 {
        self = .compact
      } else if size.columns < 180 || size.rows < 50 {
        self = .medium
      } else {
        self = .large
      }
    }
  }

  /// Arranges the panes.
  ///
  /// - Parameters:
  ///   - panes: All of them, in the order of their numbers.
  ///   - raised: The pane looked at last in each slot that several share, the latest first.
  ///   - isZoomed: Whether the focused pane has the screen for itself.
  public init(
    size: Size, panes: [any Pane], facts: Facts, focus: Int, raised: [Int], isZoomed: Bool
  ) {
    let kind = Kind(size)
    let whole = Rectangle(origin: .zero, size: size)
    hasBorders = kind != .tiny
    header = .empty
    message = .empty
    keyBar = .empty
    self.panes = []
    if kind == .tiny {
      let parts = whole.rows(.share(), .fixed(1))
      keyBar = parts[1]
      let list = panes.first { $0.slot == .list }?.number ?? focus
      self.panes = [Place(pane: isZoomed ? focus : list, area: parts[0])]
      return
    }
    let messageRows = kind == .medium || kind == .large ? 1 : 0
    let parts = whole.rows(.fixed(1), .share(), .fixed(messageRows), .fixed(1))
    header = parts[0]
    message = parts[2]
    keyBar = parts[3]
    if kind == .single || isZoomed {
      self.panes = [Place(pane: focus, area: parts[1])]
      return
    }
    let inUse = panes.filter { $0.isInUse(facts) }
    let slots = Set(inUse.map(\.slot))
    let hasChecks = panes.contains { $0.number == focus && $0.slot == .checks }
    let areas = Arrangement.areas(kind, parts[1], slots: slots, facts, looksAtChecks: hasChecks)
    for (slots, area) in areas {
      let isJoined = kind == .compact && slots == [.checks]
      let candidates = inUse.filter { slots.contains($0.slot) && $0.standIn == nil }
      let sole = inUse.filter { slots == [$0.slot] }
      let choices = candidates.isEmpty ? sole : candidates
      let number =
        raised.first { number in choices.contains { $0.number == number } }
        ?? choices.first?.number
      if let number {
        self.panes.append(Place(pane: number, area: area, joinsAbove: isJoined))
      }
    }
  }

  /// The rectangles of a kind, each with the slots that share it.
  ///
  /// - Parameter looksAtChecks: Whether the checklist has the focus, and gets more room where there is
  ///   little.
  private static func areas(
    _ kind: Kind, _ whole: Rectangle, slots: Set<Slot>, _ facts: Facts, looksAtChecks: Bool
  ) -> [([Slot], Rectangle)] {
    switch kind {
    case .tiny, .single: return []
    case .compact:
      // Three rows keep the locks in sight; more only where somebody waits.
      let strip = min(3 + min(facts.locks.rowsWanted, 6), whole.size.rows / 3)
      let rows = whole.rows(.share(), .fixed(max(3, strip)))
      // A third of what is more than 80 columns goes to the names in the list.
      let list = 31 + max(0, whole.size.columns - 80) / 3
      let columns = rows[0].columns(.fixed(list), .share())
      var areas: [([Slot], Rectangle)] = [([.list], columns[0])]
      if slots.contains(.checks) {
        // The border between is one line for both.
        let height = columns[0].size.rows
        let wanted = (facts.checks.checklist?.items.count ?? 2) + 2
        let room = min(wanted, looksAtChecks ? height / 2 + 1 : height / 4 + 1)
        let upper = columns[0].rows(.share(), .fixed(room - 1))[0]
        let lower = columns[0].rows(.share(), .fixed(room))[1]
        areas = [([.list], upper), ([.checks], lower)]
      }
      areas.append(([.script, .wayBack, .progress, .detail, .timeline], columns[1]))
      areas.append(([.locks], rows[1]))
      return areas
    case .medium:
      let rows = whole.rows(.share(weight: 3), .share(weight: 2))
      let left = max(38, whole.size.columns * 38 / 120)
      let upper = rows[0].columns(.fixed(left), .share())
      let lower = rows[1].columns(.fixed(left), .share())
      let list =
        slots.contains(.progress) || slots.contains(.checks)
        ? [upper[0], lower[0]] : [whole.columns(.fixed(left), .share())[0]]
      var areas: [([Slot], Rectangle)] = [([.list], list[0])]
      if list.count > 1 { areas.append(([.checks, .progress], list[1])) }
      areas.append(([.script, .wayBack, .detail, .timeline], upper[1]))
      areas.append(([.locks], lower[1]))
      return areas
    case .large:
      let timeline = slots.contains(.timeline) ? 6 : 0
      let bands = whole.rows(
        .share(weight: 5), .share(weight: 3, minimum: 12), .fixed(timeline))
      let upper = bands[0].columns(
        .fixed(44), .share(weight: 1), .share(weight: 1))
      let lower = bands[1].columns(.fixed(44 + upper[1].size.columns), .share())
      let below = [Slot.checks, .progress].filter(slots.contains)
      let right = upper[2].rows(
        .share(), .share(weight: below.isEmpty ? 0 : 1), .share(weight: below.count > 1 ? 1 : 0))
      var areas: [([Slot], Rectangle)] = [
        ([.list], upper[0]), ([.script], upper[1]), ([.wayBack], right[0]),
      ]
      for (slot, area) in zip(below, right.dropFirst()) { areas.append(([slot], area)) }
      areas.append(([.locks], lower[0]))
      areas.append(([.detail], lower[1]))
      if timeline > 0 { areas.append(([.timeline], bands[2])) }
      return areas
    }
  }

  /// The part of a pane's place inside its border.
  public func inside(_ place: Place) -> Rectangle {
    hasBorders ? place.area.inset() : place.area
  }
}
